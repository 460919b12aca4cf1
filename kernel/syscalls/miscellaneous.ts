import { Errno, fail } from '../errno.ts';
import { now } from '../kernel.ts';
import { copyFromUser, copyToUser } from '../mm/user-memory.ts';
import { addFilter, SECCOMP_MODE_FILTER } from '../seccomp/syscalls.ts';
import { freePages } from '../mm/physical.ts';
import { randomBytes } from '../random-bytes.ts';
import { setComm } from '../process.ts';
import { utsname } from '../version.ts';
import { toCount, toInt, toUnsigned } from './arguments.ts';
import { syscall, type SyscallHandler, type SyscallRow } from './types.ts';
import { NSEC_PER_SEC } from '../time.ts';

const UTS_FIELD = 65;
const uname: SyscallHandler = ({ kernel, task, args }) => {
  const fields = Object.values(utsname);
  const image = new Uint8Array(UTS_FIELD * fields.length);
  fields.forEach((text, n) => image.set(new TextEncoder().encode(text), n * UTS_FIELD));
  copyToUser(kernel, task, args[0], image);
  return 0;
};

/** Bytes at a time, so that a large request costs no more than it fills. */
const RANDOM_CHUNK = 4096;
/** get_random_bytes_user: what has been filled before a fault counts. */
const getrandom: SyscallHandler = ({ kernel, task, args: [buffer, length, flags] }) => {
  if ((toUnsigned(flags) & ~7) !== 0) fail('EINVAL');
  const count = toCount(length);
  for (let at = 0; at < count; at += RANDOM_CHUNK) {
    const bytes = randomBytes(kernel, Math.min(RANDOM_CHUNK, count - at));
    try {
      copyToUser(kernel, task, buffer + BigInt(at), bytes);
    } catch (error) {
      if (at > 0 && error instanceof Errno) return at;
      throw error;
    }
  }
  return count;
};

const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;
/** soft limits by resource; the hard ones are infinite */
const limits: Readonly<Record<number, bigint>> = { 3: 8n << 20n, 4: 0n, 7: 1024n };
const RESOURCES = 16;
function limitOf(resource: number): Uint8Array {
  if (resource < 0 || resource >= RESOURCES) fail('EINVAL');
  const image = new DataView(new ArrayBuffer(16));
  image.setBigUint64(0, limits[resource] ?? RLIM_INFINITY, true);
  image.setBigUint64(8, RLIM_INFINITY, true);
  return new Uint8Array(image.buffer);
}

const prlimit64: SyscallHandler = ({ kernel, task, args: [pid, resource, wanted, old] }) => {
  if (toInt(pid) !== 0 && !kernel.tasks.has(toInt(pid))) fail('ESRCH');
  const current = limitOf(toInt(resource));
  if (wanted !== 0n) copyFromUser(kernel, task, wanted, 16);
  if (old !== 0n) copyToUser(kernel, task, old, current);
  return 0;
};

const PR_SET_NAME = 15;
const PR_GET_NAME = 16;
const PR_GET_SECCOMP = 21;
const PR_SET_SECCOMP = 22;
/** there are no privileges to gain */
const PR_SET_NO_NEW_PRIVS = 38;
const prctl: SyscallHandler = ({ kernel, task, args: [option, address, third] }) => {
  if (toInt(option) === PR_SET_NAME) {
    const bytes = copyFromUser(kernel, task, address, 16);
    const end = bytes.indexOf(0);
    setComm(kernel, task, new TextDecoder().decode(bytes.subarray(0, end < 0 ? 15 : end)));
    return 0;
  }
  if (toInt(option) === PR_GET_NAME) {
    const bytes = new Uint8Array(16);
    bytes.set(new TextEncoder().encode(task.comm).subarray(0, 15));
    copyToUser(kernel, task, address, bytes);
    return 0;
  }
  if (toInt(option) === PR_SET_NO_NEW_PRIVS) return address === 1n ? 0 : fail('EINVAL');
  if (toInt(option) === PR_SET_SECCOMP) {
    return toInt(address) === SECCOMP_MODE_FILTER ? addFilter(kernel, task, 0, third) : fail('EINVAL');
  }
  if (toInt(option) === PR_GET_SECCOMP) return task.seccomp === undefined ? 0 : SECCOMP_MODE_FILTER;
  return fail('EINVAL');
};

const sysinfo: SyscallHandler = ({ kernel, cpu, task, args }) => {
  const image = new DataView(new ArrayBuffer(112));
  image.setBigInt64(0, now(kernel, cpu) / NSEC_PER_SEC, true);
  image.setBigUint64(32, BigInt(kernel.memory.size), true);
  image.setBigUint64(40, BigInt(freePages(kernel)) * 4096n, true);
  image.setUint16(80, kernel.tasks.size, true);
  image.setUint32(104, 1, true);
  copyToUser(kernel, task, args[0], new Uint8Array(image.buffer));
  return 0;
};

const sched_getaffinity: SyscallHandler = ({ kernel, task, args: [pid, length, mask] }) => {
  if (toInt(pid) !== 0 && !kernel.tasks.has(toInt(pid))) fail('ESRCH');
  if (toUnsigned(length) < 8 || (toUnsigned(length) & 7) !== 0) fail('EINVAL');
  const image = new DataView(new ArrayBuffer(8));
  image.setBigUint64(0, (1n << BigInt(kernel.cpus.length)) - 1n, true);
  copyToUser(kernel, task, mask, new Uint8Array(image.buffer));
  return 8;
};

export const miscellaneousSyscalls: readonly SyscallRow[] = [
  syscall(63, 'uname', ['pointer'], uname),
  syscall(97, 'getrlimit', ['int', 'pointer'], ({ kernel, task, args }) => {
    copyToUser(kernel, task, args[1], limitOf(toInt(args[0])));
    return 0;
  }),
  syscall(
    98,
    'getrusage',
    ['int', 'pointer'],
    ({ kernel, task, args }) => {
      copyToUser(kernel, task, args[1], new Uint8Array(144));
      return 0;
    },
    'all zero',
  ),
  syscall(99, 'sysinfo', ['pointer'], sysinfo),
  syscall(157, 'prctl', ['int', 'hex', 'hex', 'hex', 'hex'], prctl, 'names and seccomp filters'),
  syscall(204, 'sched_getaffinity', ['int', 'unsigned', 'pointer'], sched_getaffinity),
  syscall(
    302,
    'prlimit64',
    ['int', 'int', 'pointer', 'pointer'],
    prlimit64,
    'limits are read; changes are accepted and have no effect',
  ),
  syscall(318, 'getrandom', ['pointer', 'unsigned', 'int'], getrandom),
  syscall(309, 'getcpu', ['pointer', 'pointer'], ({ kernel, cpu, task, args }) => {
    const image = new Uint8Array(4);
    image[0] = cpu.index;
    if (args[0] !== 0n) copyToUser(kernel, task, args[0], image);
    if (args[1] !== 0n) copyToUser(kernel, task, args[1], new Uint8Array(4));
    return 0;
  }),
];

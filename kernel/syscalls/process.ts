import { fail } from '../errno.ts';
import { ARGUMENTS_LIMIT, execute } from '../exec.ts';
import {
  childChannel,
  exitedStatus,
  exitProcess,
  exitTask,
  isWaitable,
  selectChildren,
  vforkChannel,
} from '../exit.ts';
import { pathOf, resolve } from '../fs/paths.ts';
import type { Kernel } from '../kernel.ts';
import {
  copyFromUser,
  copyToUser,
  readUserU64,
  stringFromUser,
  terminatedFromUser,
  writeUserU32,
  writeUserU64,
} from '../mm/user-memory.ts';
import { Slot } from '../../cpu/state.ts';
import { CloneFlag, cloneTask, reapTask } from '../process.ts';
import { hasDeliverable } from '../signal.ts';
import { contextIndex, wake } from '../scheduler.ts';
import { visibleParent, type Task } from '../task.ts';
import { threadGroup } from '../thread-groups.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import { toInt } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';
import { accountTime, goBehind } from '../run-queue.ts';

const PATH_MAX = 4096;
/** MAX_ARG_STRINGS is far more; this bounds the host's work */
const MAX_ARGUMENTS = 65536;
const MAX_ARG_STRLEN = 131072;
const CSIGNAL = 0xff;

function clone(
  call: SyscallCall,
  flags: number,
  stack: bigint,
  parentTid: bigint,
  childTid: bigint,
  tls: bigint,
): ReturnType<SyscallHandler> {
  const { kernel, cpu, task } = call;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  if (has(CloneFlag.thread) && !has(CloneFlag.sighand)) fail('EINVAL');
  if (has(CloneFlag.sighand) && !has(CloneFlag.vm)) fail('EINVAL');
  if (has(CloneFlag.parentSettid)) writeUserU32(kernel, task, parentTid, 0);
  const child = cloneTask(kernel, cpu, task, flags & ~CSIGNAL, stack);
  if (has(CloneFlag.settls)) setFsBase(child, tls);
  if (has(CloneFlag.childCleartid)) child.clearChildTid = childTid;
  if (has(CloneFlag.parentSettid)) writeUserU32(kernel, task, parentTid, child.pid);
  if (has(CloneFlag.childSettid)) ignoringFaults(() => writeUserU32(kernel, child, childTid, child.pid));
  return has(CloneFlag.vfork) ? { wait: [vforkChannel(child.pid)], result: child.pid } : child.pid;
}

/** struct clone_args, each field 8 bytes */
const cloneArguments = { flags: 0, childTid: 2, parentTid: 3, stack: 5, stackSize: 6, tls: 7, setTid: 8 } as const;
const CLONE_ARGS_SIZE_VER0 = 64n;
const CLONE_PIDFD = 0x1000n;
/** more than clone_args has in any version */
const CLONE_ARGS_LIMIT = 4096n;

const clone3: SyscallHandler = (call) => {
  const { kernel, task, args } = call;
  if (args[1] > CLONE_ARGS_LIMIT) fail('E2BIG');
  if (args[1] < CLONE_ARGS_SIZE_VER0) fail('EINVAL');
  const image = new DataView(copyFromUser(kernel, task, args[0], Number(args[1])).buffer);
  const get = (field: keyof typeof cloneArguments): bigint => {
    const offset = cloneArguments[field] * 8;
    return offset + 8 <= image.byteLength ? image.getBigUint64(offset, true) : 0n;
  };
  const flags = get('flags');
  const [stack, size] = [get('stack'), get('stackSize')];
  if (flags >> 32n !== 0n || (flags & CLONE_PIDFD) !== 0n || get('setTid') !== 0n) fail('EINVAL');
  if ((stack === 0n) !== (size === 0n) || (flags & BigInt(CSIGNAL)) !== 0n) fail('EINVAL');
  return clone(call, Number(flags), stack + size, get('parentTid'), get('childTid'), get('tls'));
};

function setFsBase(child: Task, base: bigint): void {
  child.context[contextIndex(Slot.fsBase)] = base;
}

function ignoringFaults(body: () => void): void {
  try {
    body();
  } catch {
    // as Linux: put_user's result is not looked at
  }
}

/** A NULL-terminated array of string pointers; E2BIG, EFAULT. */
function stringArray(kernel: Kernel, task: Task, address: bigint): Uint8Array[] {
  const strings: Uint8Array[] = [];
  let size = 0;
  if (address === 0n) return strings;
  for (let at = address; ; at += 8n) {
    const pointer = readUserU64(kernel, task, at);
    if (pointer === 0n) return strings;
    if (strings.length === MAX_ARGUMENTS) fail('E2BIG');
    const bytes = terminatedFromUser(kernel, task, pointer, MAX_ARG_STRLEN);
    if ((size += bytes.length) > ARGUMENTS_LIMIT) fail('E2BIG');
    strings.push(bytes);
  }
}

const execve: SyscallHandler = ({ kernel, cpu, task, args }) => {
  const path = stringFromUser(kernel, task, args[0], PATH_MAX);
  const argv = stringArray(kernel, task, args[1]);
  const envp = stringArray(kernel, task, args[2]);
  const found = resolve(kernel, path, { start: task.workingDirectory, task });
  const inode = found.inode ?? fail('ENOENT');
  if (inode.type !== 'regular' || (inode.mode & 0o111) === 0) fail('EACCES');
  execute(kernel, cpu, task, pathOf(kernel, found), inode, argv.length === 0 ? [new Uint8Array(0)] : argv, envp);
  endOtherThreads(kernel, task);
  wake(kernel, vforkChannel(task.pid));
  return 0;
};

function endOtherThreads(kernel: Kernel, task: Task): void {
  for (const other of threadGroup(kernel, task)) if (other !== task) exitTask(kernel, other, 0);
}

const WNOHANG = 1;
const waitChildren: SyscallHandler = ({ kernel, task, args }) => {
  const options = toInt(args[2]);
  if ((options & ~0x6000000b) !== 0) fail('EINVAL');
  const children = selectChildren(kernel, task, toInt(args[0]));
  if (children.length === 0) fail('ECHILD');
  const child = children.find((candidate) => isWaitable(kernel, candidate));
  if (child !== undefined) {
    if (args[1] !== 0n) writeUserU32(kernel, task, args[1], child.exitStatus);
    if (args[3] !== 0n) copyToUser(kernel, task, args[3], new Uint8Array(144));
    reapTask(kernel, child);
    return child.pid;
  }
  if ((options & WNOHANG) !== 0) return 0;
  if (hasDeliverable(task)) fail('ERESTARTSYS');
  return { wait: [childChannel(task.tgid)] };
};

const ARCH_SET_GS = 0x1001;
const ARCH_SET_FS = 0x1002;
const ARCH_GET_FS = 0x1003;
const ARCH_GET_GS = 0x1004;
const arch_prctl: SyscallHandler = ({ kernel, cpu, task, args: [code, address] }) => {
  switch (toInt(code)) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
      if (address >= TASK_SIZE_MAX) fail('EPERM');
      cpu.slots[toInt(code) === ARCH_SET_FS ? Slot.fsBase : Slot.kernelGsBase] = address;
      return 0;
    case ARCH_GET_FS:
    case ARCH_GET_GS:
      writeUserU64(kernel, task, address, cpu.slots[toInt(code) === ARCH_GET_FS ? Slot.fsBase : Slot.kernelGsBase]!);
      return 0;
    default:
      return fail('EINVAL');
  }
};

function sharedIdentity(get: (task: Task) => number): SyscallHandler {
  return ({ task }) => get(task);
}
const root: SyscallHandler = () => 0;

const setpgid: SyscallHandler = ({ kernel, task, args: [pid, group] }) => {
  const target = toInt(pid) === 0 ? task : kernel.tasks.get(toInt(pid));
  if (target === undefined || (target !== task && target.parent !== task.tgid)) return fail('ESRCH');
  if (toInt(group) < 0) fail('EINVAL');
  target.processGroup = toInt(group) === 0 ? target.pid : toInt(group);
  return 0;
};

const processOf = (kernel: Kernel, task: Task, pid: number): Task =>
  pid === 0 ? task : (kernel.tasks.get(pid) ?? fail('ESRCH'));

export const processSyscalls: readonly SyscallRow[] = [
  syscall(24, 'sched_yield', [], ({ kernel, cpu, task }) => {
    if (kernel.runQueue.length === 0) return 0;
    accountTime(kernel, cpu, task);
    goBehind(kernel, task);
    kernel.perCpu[cpu.index]!.needResched = true;
    return 0;
  }),
  syscall(
    39,
    'getpid',
    [],
    sharedIdentity((task) => task.tgid),
  ),
  syscall(
    56,
    'clone',
    ['clone-flags', 'pointer', 'pointer', 'pointer', 'hex'],
    (call) =>
      clone(call, Number(BigInt.asUintN(32, call.args[0])), call.args[1], call.args[2], call.args[3], call.args[4]),
    'namespaces and ptrace flags are ignored',
  ),
  syscall(
    435,
    'clone3',
    ['pointer', 'unsigned'],
    clone3,
    'CLONE_PIDFD, CLONE_INTO_CGROUP and set_tid are refused; namespaces and ptrace flags are ignored',
  ),
  syscall(57, 'fork', [], (call) => clone(call, 0, 0n, 0n, 0n, 0n)),
  syscall(58, 'vfork', [], (call) => clone(call, CloneFlag.vfork | CloneFlag.vm, 0n, 0n, 0n, 0n)),
  syscall(59, 'execve', ['path', 'pointer', 'pointer'], execve, 'static ELF only: no interpreter, no scripts'),
  syscall(
    60,
    'exit',
    ['int'],
    ({ kernel, task, args }) => {
      exitTask(kernel, task, exitedStatus(toInt(args[0])));
      return 0;
    },
    '',
    false,
  ),
  syscall(
    61,
    'wait4',
    ['int', 'pointer', 'int', 'pointer'],
    waitChildren,
    'resource usage is zero; stopped children are not reported',
  ),
  syscall(102, 'getuid', [], root),
  syscall(104, 'getgid', [], root),
  syscall(107, 'geteuid', [], root),
  syscall(108, 'getegid', [], root),
  syscall(105, 'setuid', ['int'], root, 'there is one user, root'),
  syscall(106, 'setgid', ['int'], root, 'there is one group, root'),
  syscall(109, 'setpgid', ['int', 'int'], setpgid),
  syscall(110, 'getppid', [], sharedIdentity(visibleParent)),
  syscall(
    111,
    'getpgrp',
    [],
    sharedIdentity((task) => task.processGroup),
  ),
  syscall(112, 'setsid', [], ({ task }) => {
    if (task.processGroup === task.pid) fail('EPERM');
    task.session = task.processGroup = task.pid;
    return task.pid;
  }),
  syscall(121, 'getpgid', ['int'], ({ kernel, task, args }) => processOf(kernel, task, toInt(args[0])).processGroup),
  syscall(124, 'getsid', ['int'], ({ kernel, task, args }) => processOf(kernel, task, toInt(args[0])).session),
  syscall(158, 'arch_prctl', ['hex', 'pointer'], arch_prctl),
  syscall(
    186,
    'gettid',
    [],
    sharedIdentity((task) => task.pid),
  ),
  syscall(218, 'set_tid_address', ['pointer'], ({ task, args }) => {
    task.clearChildTid = args[0];
    return task.pid;
  }),
  syscall(
    231,
    'exit_group',
    ['int'],
    ({ kernel, task, args }) => {
      exitProcess(kernel, task, exitedStatus(toInt(args[0])));
      return 0;
    },
    '',
    false,
  ),
  syscall(273, 'set_robust_list', ['pointer', 'unsigned'], root, 'accepted; a dying thread leaves its robust futexes'),
  syscall(334, 'rseq', ['pointer', 'unsigned', 'int', 'hex'], () => fail('ENOSYS'), 'refused: libcs do without'),
];

/** seccomp(2), and prctl(2)'s PR_SET_SECCOMP. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { charge, uncharge } from '../mm/charge.ts';
import { objectBytes } from '../mm/objects.ts';
import { copyFromUser } from '../mm/user-memory.ts';
import { toUnsigned } from '../syscalls/arguments.ts';
import { syscall, type SyscallHandler, type SyscallRow } from '../syscalls/types.ts';
import { threadGroup } from '../thread-groups.ts';
import type { Task } from '../task.ts';
import { setSyscallWork } from '../tracing/syscall-work.ts';
import { checkFilter, MAX_INSTRUCTIONS } from './filter.ts';
import { dropFilters, holdFilters } from './references.ts';
import type { FilterProgram } from './types.ts';

const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_GET_ACTION_AVAIL = 2;
const FLAG_TSYNC = 1;
const FLAG_LOG = 2;
const FLAG_SPEC_ALLOW = 4;
/** struct sock_filter */
const INSTRUCTION_SIZE = 8;
/** instructions of all filters of a task: MAX_INSNS_PER_PATH */
const MAX_TOTAL = 32768;
export const SECCOMP_MODE_FILTER = 2;

/** struct sock_fprog: its instructions as bytes; EFAULT, EINVAL. */
function readProgram(kernel: Kernel, task: Task, address: bigint): Uint8Array {
  const program = new DataView(copyFromUser(kernel, task, address, 16).buffer);
  const length = program.getUint16(0, true);
  if (length === 0 || length > MAX_INSTRUCTIONS) fail('EINVAL');
  return copyFromUser(kernel, task, program.getBigUint64(8, true), length * INSTRUCTION_SIZE);
}

function decodeProgram(bytes: Uint8Array): FilterProgram {
  const code = new DataView(bytes.buffer);
  const program = Array.from({ length: bytes.length / INSTRUCTION_SIZE }, (_, n) => ({
    code: code.getUint16(n * INSTRUCTION_SIZE, true),
    jt: code.getUint8(n * INSTRUCTION_SIZE + 2),
    jf: code.getUint8(n * INSTRUCTION_SIZE + 3),
    k: code.getUint32(n * INSTRUCTION_SIZE + 4, true),
  }));
  checkFilter(program);
  return program;
}

/** seccomp_set_mode_filter: one filter more, for the task or all of its threads. EFAULT, EINVAL, ENOMEM. */
export function addFilter(kernel: Kernel, task: Task, flags: number, address: bigint): number {
  if ((flags & ~(FLAG_TSYNC | FLAG_LOG | FLAG_SPEC_ALLOW)) !== 0) fail('EINVAL');
  const bytes = readProgram(kernel, task, address);
  const length = bytes.length / INSTRUCTION_SIZE;
  const own = task.seccomp ?? [];
  const total = own.reduce((sum, filter) => sum + filter.instructions.length + 4, length + 4);
  if (total > MAX_TOTAL) fail('ENOMEM');
  charge(kernel, objectBytes['filter-instruction'] * length);
  let instructions;
  try {
    instructions = decodeProgram(bytes);
  } catch (error) {
    uncharge(kernel, objectBytes['filter-instruction'] * length);
    throw error;
  }
  const filters = [...own, { instructions, references: 0 }];
  for (const thread of (flags & FLAG_TSYNC) === 0 ? [task] : threadGroup(kernel, task)) {
    holdFilters(kernel, filters);
    dropFilters(kernel, thread.seccomp);
    thread.seccomp = filters;
    setSyscallWork(kernel, thread);
  }
  return 0;
}

const seccomp: SyscallHandler = ({ kernel, task, args: [operation, flags, address] }) => {
  switch (toUnsigned(operation)) {
    case SECCOMP_SET_MODE_FILTER:
      return addFilter(kernel, task, toUnsigned(flags), address);
    case SECCOMP_GET_ACTION_AVAIL: {
      const action = new DataView(copyFromUser(kernel, task, address, 4).buffer).getUint32(0, true);
      const available = [0x8000_0000, 0, 0x3_0000, 0x5_0000, 0x7ffc_0000, 0x7fff_0000];
      return flags === 0n && available.includes(action) ? 0 : fail(flags === 0n ? 'EOPNOTSUPP' : 'EINVAL');
    }
    default:
      return fail('EINVAL');
  }
};

export const seccompSyscalls: readonly SyscallRow[] = [
  syscall(
    317,
    'seccomp',
    ['unsigned', 'unsigned', 'pointer'],
    seccomp,
    'filters; no strict mode, listeners or tracers',
  ),
];

/** Which tasks take the long way through a system call: task_struct.syscall_work, that do_syscall_64 tests. */
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { task_struct } from '../layout/structures.ts';
import { writeKernelU32 } from '../mm/kernel-memory.ts';
import type { Task } from '../task.ts';

const { SYSCALL_WORK_SECCOMP, SYSCALL_WORK_SYSCALL_TRACEPOINT } = constants;
const OFFSET = BigInt(task_struct.fields.syscall_work.offset);

function isTraced(kernel: Kernel): boolean {
  for (const { kind, name } of kernel.bpf.events.values()) {
    if (kind === 'tracepoint' && /^(raw_)?syscalls:/.test(name)) return true;
  }
  return false;
}

/** Writes `task`'s flags. */
export function setSyscallWork(kernel: Kernel, task: Task, traced = isTraced(kernel)): void {
  const flags =
    (traced ? SYSCALL_WORK_SYSCALL_TRACEPOINT : 0) | (task.seccomp === undefined ? 0 : SYSCALL_WORK_SECCOMP);
  writeKernelU32(kernel, task.address + OFFSET, flags);
}

/** syscall_regfunc and syscall_unregfunc: all tasks, after an event of a tracepoint has come or gone. */
export function traceSyscalls(kernel: Kernel): void {
  const traced = isTraced(kernel);
  for (const task of kernel.tasks.values()) setSyscallWork(kernel, task, traced);
}

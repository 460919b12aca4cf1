/** The system call table: one row a call, families by file. A number without a row is -ENOSYS. */
import { Errno, errno } from '../errno.ts';
import { currentTask } from '../kernel.ts';
import type { NativeFunction } from '../native.ts';
import { bpfSyscalls } from '../bpf/commands.ts';
import { socketSyscalls } from '../net/socket-syscalls.ts';
import { perfSyscalls } from '../perf/open.ts';
import { seccompSyscalls } from '../seccomp/syscalls.ts';
import { epollSyscalls } from './epoll.ts';
import { fileSyscalls } from './files.ts';
import { futexSyscalls } from './futex.ts';
import { memorySyscalls } from './memory.ts';
import { miscellaneousSyscalls } from './miscellaneous.ts';
import { processSyscalls } from './process.ts';
import { signalSyscalls } from './signals.ts';
import { timeSyscalls } from './time.ts';
import { statfsSyscalls } from './statfs.ts';
import type { SyscallRow } from './types.ts';

export const syscallTable: readonly SyscallRow[] = [
  ...fileSyscalls,
  ...epollSyscalls,
  ...statfsSyscalls,
  ...memorySyscalls,
  ...processSyscalls,
  ...futexSyscalls,
  ...signalSyscalls,
  ...timeSyscalls,
  ...miscellaneousSyscalls,
  ...bpfSyscalls,
  ...perfSyscalls,
  ...socketSyscalls,
  ...seccompSyscalls,
].toSorted((left, right) => left.number - right.number);

export const syscallByNumber: ReadonlyMap<number, SyscallRow> = new Map(syscallTable.map((row) => [row.number, row]));
if (syscallByNumber.size !== syscallTable.length) throw new Error('two rows of the system call table have one number');

const NO_ARGUMENTS = new BigUint64Array(6);

/** The body of `__x64_sys_NAME`: its argument is the user's pt_regs, whose values were noted at entry. */
function syscallNative(row: SyscallRow): NativeFunction {
  return (kernel, cpu) => {
    const task = currentTask(kernel, cpu);
    const args = task.syscall?.args ?? NO_ARGUMENTS;
    try {
      // six of them
      return row.handler({ kernel, cpu, task, args: args as unknown as Parameters<typeof row.handler>[0]['args'] });
    } catch (error) {
      if (error instanceof Errno) return -error.number;
      throw error;
    }
  };
}

export const syscallNatives: Record<string, NativeFunction> = {
  ...Object.fromEntries(syscallTable.map((row) => [`__x64_sys_${row.name}`, syscallNative(row)])),
  __x64_sys_ni_syscall: () => -errno.ENOSYS,
};

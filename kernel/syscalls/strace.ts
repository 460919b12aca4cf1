import type { Kernel } from '../kernel.ts';
import type { CurrentSyscall, Task } from '../task.ts';
import type { SyscallRow } from './types.ts';

/** Arguments as strace prints them, as far as they can be read at entry. */
export function describeArguments(_kernel: Kernel, _task: Task, row: SyscallRow, args: readonly bigint[]): (string | undefined)[] {
  return row.parameters.map((_, n) => `0x${args[n]!.toString(16)}`);
}

/** `dup(0) = -1 EINVAL (Invalid argument)`. */
export function describeCall(_kernel: Kernel, _task: Task, row: SyscallRow | undefined, call: CurrentSyscall, result: bigint): string {
  return `${row?.name ?? `syscall_${call.number}`}(${call.texts.join(', ')}) = ${result}`;
}

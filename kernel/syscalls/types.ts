import type { Cpu } from '../../cpu/cpu.ts';
import type { Kernel } from '../kernel.ts';
import type { Wait } from '../native.ts';
import type { Task } from '../task.ts';

export interface SyscallCall {
  readonly kernel: Kernel;
  readonly cpu: Cpu;
  readonly task: Task;
  /** rdi rsi rdx r10 r8 r9, unsigned 64-bit; handlers narrow them as the C prototype does */
  readonly args: readonly [bigint, bigint, bigint, bigint, bigint, bigint];
}

/** The result (negative: -errno), or a wait having changed nothing. `fail(code)` from errno.ts returns -errno. */
export type SyscallHandler = (call: SyscallCall) => number | bigint | Wait;

/** How an observer prints an argument. */
export type ParameterKind =
  | 'int'
  | 'unsigned'
  | 'hex'
  | 'octal'
  | 'pointer'
  | 'fd'
  | 'path'
  | 'string'
  /** bytes; their count is the next argument */
  | 'buffer-in'
  /** bytes; their count is the result */
  | 'buffer-out'
  | 'open-flags'
  | 'protection'
  | 'map-flags'
  | 'signal'
  | 'whence'
  | 'bpf-command'
  | 'ioctl'
  | 'clone-flags';

export interface SyscallRow {
  readonly number: number;
  readonly name: string;
  readonly parameters: readonly ParameterKind[];
  readonly support: 'full' | 'partial';
  /** what a partial one leaves out; '' for a full one */
  readonly note: string;
  readonly handler: SyscallHandler;
  /** exit and exit_group do not */
  readonly returns: boolean;
  /** lines between the frame's push and pop where its native function alone is not enough */
  readonly text?: readonly string[];
}

export function syscall(
  number: number,
  name: string,
  parameters: readonly ParameterKind[],
  handler: SyscallHandler,
  note = '',
  returns = true,
): SyscallRow {
  return { number, name, parameters, support: note === '' ? 'full' : 'partial', note, handler, returns };
}

import type { SyscallCall } from '../syscalls/types.ts';

export interface CommandCall extends Pick<SyscallCall, 'kernel' | 'cpu' | 'task'> {
  /** `union bpf_attr`, ATTRIBUTE_SIZE bytes */
  readonly attribute: Uint8Array;
  /** where it lies in user space, and its size there, for what is written back */
  readonly address: bigint;
  readonly size: number;
}

/** The result of the system call; failures are `Errno`. */
export type CommandHandler = (call: CommandCall) => number;

/** One row a command of bpf(2). */
export interface CommandRow {
  /** BPF_* */
  readonly number: number;
  readonly name: string;
  /** where the command's last field ends: bytes behind it must be zero */
  readonly end: number;
  readonly support: 'full' | 'partial' | 'none';
  /** what is left out; '' for a full one */
  readonly note: string;
  readonly handler: CommandHandler;
}

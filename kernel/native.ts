/**
 * Native functions: bodies of kernel functions in TypeScript, entered by the `native` instruction inside a text stub. A
 * native function never suspends: it completes, or it says `wait`, having changed nothing, and runs again when woken.
 */
import type { Cpu } from '../cpu/cpu.ts';
import type { Kernel } from './kernel.ts';

/** The task sleeps until one of the channels is woken, a signal comes, or guest time reaches `deadline` (ns). */
export interface Wait {
  readonly wait: readonly string[];
  readonly deadline?: bigint;
  /** nothing is waited for: the task's time is over */
  readonly preempted?: true;
  /** the function has completed with this value: the task sleeps after it and does not run it again */
  readonly result?: bigint | number;
}

/** The task runs the function again after all who can run now. */
export const YIELD: Wait = { wait: [] };

/** The task runs the function again when it is its turn. */
export const PREEMPTED: Wait = { wait: [], preempted: true };

/** A value goes to rax; undefined leaves the registers as they are. */
export type NativeResult = bigint | number | Wait | undefined;

export type NativeFunction = (kernel: Kernel, cpu: Cpu) => NativeResult;

export function isWait(result: unknown): result is Wait {
  return typeof result === 'object' && result !== null && 'wait' in result;
}

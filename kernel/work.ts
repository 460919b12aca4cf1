/**
 * What a native function costs. It is one instruction of its CPU; one that copies more than a page or so of memory keeps the
 * CPU as busy as machine code would be: the instructions that this would have taken are owed, and count, in budgets, slices
 * and time, before the CPU executes the next one. So a run of n instructions costs the host what n instructions can.
 */
import type { Cpu } from '../cpu/cpu.ts';
import type { Kernel, PerCpuState } from './kernel.ts';

/** bytes that a call copies as part of its own instruction */
export const FREE_WORK = 64 << 10;
/** bytes that an instruction copies: rep movsb of a cache line in two cycles */
export const BYTES_PER_INSTRUCTION = 32;

/** of the native function that is being executed; nothing that outlives it */
let work = 0;

export function beginWork(): void {
  work = 0;
}

/** `bytes` are copied. */
export function noteWork(bytes: number): void {
  work += bytes;
}

/** The native function that `cpu` has executed is over. */
export function settleWork(kernel: Kernel, cpu: Cpu): void {
  if (work <= FREE_WORK) return;
  kernel.perCpu[cpu.index]!.owed += Math.ceil((work - FREE_WORK) / BYTES_PER_INSTRUCTION);
  cpu.leave = true;
}

/** At most `limit` of the instructions that `cpu` owes pass. */
export function payWork(state: PerCpuState, cpu: Cpu, limit: number): void {
  const paid = Math.min(state.owed, limit);
  state.owed -= paid;
  cpu.retired += paid;
}

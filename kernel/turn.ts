/**
 * Slices and the stretches that they are joined to. While no other CPU has anything to do, a CPU runs through the ends of
 * its slices: what would happen there is that the clock goes on, and that is made up for as soon as somebody could see it.
 */
import type { Cpu } from '../cpu/cpu.ts';
import { SLICE, type Kernel } from './kernel.ts';
import { constants } from './layout/constants.ts';
import { readKernelU64 } from './mm/kernel-memory.ts';
import { nextDeadline } from './sleepers.ts';
import { lookupName } from './symbols.ts';
import { earlier } from './time.ts';
import { sliceEnds } from './run-queue.ts';

const TICK_NSEC = BigInt(constants.TICK_NSEC);

/** jiffies at boot: five minutes before the counter's low half wraps, as Linux starts it */
const INITIAL_JIFFIES = 0xffff_ffffn - 300_000n + 1n;

/** What the end of a round at guest time `time`, ns, writes into jiffies. */
export const jiffiesAt = (time: bigint): bigint => INITIAL_JIFFIES + time / TICK_NSEC;

/** Nothing is executed: no slice can end. */
export function leaveTurn({ turn }: Kernel): void {
  turn.sliceEnd = Infinity;
  turn.end = Infinity;
}

/** Whether a CPU that is not `cpu` would do nothing if it had its turn. */
function isIdle(kernel: Kernel, index: number): boolean {
  const softnet = kernel.net.softnet[index];
  const packets = softnet === undefined ? 0 : softnet.clones.length + softnet.output.length + softnet.backlog.length;
  const { current, needResched } = kernel.perCpu[index]!;
  return current === 0 && !needResched && packets === 0 && kernel.perf.left[index] === undefined;
}

/** Whether the slices of `cpu` follow each other with nothing between them. */
function isAlone(kernel: Kernel, cpu: Cpu): boolean {
  if (kernel.turn.random !== undefined) return false;
  // the first round writes them, and each one that finds them changed
  if (readKernelU64(kernel, lookupName(kernel.symbols, 'jiffies')) !== jiffiesAt(kernel.roundStart)) return false;
  if (kernel.cpus.length === 1) return true;
  if (kernel.runQueue.length > 0) return false;
  return kernel.cpus.every((other) => other === cpu || isIdle(kernel, other.index));
}

/** The first end of a round, counted from this one's as 1, at which `time` will have come. */
const roundAt = ({ roundStart }: Kernel, time: bigint): number =>
  Math.max(1, Math.ceil(Number(time - roundStart) / SLICE));

/**
 * The turn of `cpu` begins or goes on: `turn.end` is where jiffies change, a sleeper wakes by itself, another task
 * has its turn or `horizon` comes, all of which happens at the end of a round; or the end of the slice where other CPUs have a say.
 */
export function takeTurn(kernel: Kernel, cpu: Cpu, horizon: bigint): void {
  const { turn } = kernel;
  turn.sliceEnd = cpu.retired + turn.left;
  turn.end = turn.sliceEnd;
  if (horizon <= kernel.roundStart || !isAlone(kernel, cpu)) return;
  const nextJiffy = (kernel.roundStart / TICK_NSEC + 1n) * TICK_NSEC;
  const ends = [nextDeadline(kernel), sliceEnds(kernel, cpu), horizon].filter((time) => time !== undefined);
  const rounds = roundAt(kernel, ends.reduce(earlier, nextJiffy));
  turn.end += (rounds - 1) * SLICE;
}

/** Something has changed that counts at the end of a slice: the stretch ends there. */
export function endWithSlice(kernel: Kernel): void {
  const { turn } = kernel;
  if (turn.end <= turn.sliceEnd) return;
  turn.end = turn.sliceEnd;
  const cpu = kernel.cpus[turn.cpu]!;
  cpu.limit = Math.min(cpu.limit, turn.end);
}

/** The clock catches up with the slices of `cpu` that have ended before its instruction number `executed`. */
export function passSlices(kernel: Kernel, cpu: Cpu, executed: number): void {
  const { turn } = kernel;
  const slices = Math.ceil((executed - turn.sliceEnd) / SLICE);
  turn.sliceEnd += slices * SLICE;
  turn.length = SLICE;
  turn.longest = turn.cpu === 0 ? 0 : SLICE;
  kernel.roundStart += BigInt(slices * SLICE);
  for (const { index, retired } of kernel.cpus) kernel.perCpu[index]!.retiredAtRoundStart = retired;
  kernel.perCpu[cpu.index]!.retiredAtRoundStart = turn.sliceEnd - SLICE;
}

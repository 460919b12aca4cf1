/**
 * The box's main loop. Time goes in rounds: every CPU executes up to `SLICE` instructions, one CPU after the other, and a
 * round is `SLICE` nanoseconds long for all of them. When nobody can run, time skips to the next deadline.
 */
import type { Cpu } from '../cpu/cpu.ts';
import { Slot } from '../cpu/state.ts';
import { LOCAL_TIMER_VECTOR } from './entry/vectors.ts';
import { reapLeftThread } from './exit.ts';
import type { KernelHost } from './host.ts';
import { now, SLICE, xorshift, type Kernel, type Turn } from './kernel.ts';
import { constants } from './layout/constants.ts';
import { writeKernelU64 } from './mm/kernel-memory.ts';
import { leavePackets } from './net/softnet.ts';
import { oops } from './oops.ts';
import { nextOverflow } from './perf/counting.ts';
import { countWatchdog } from './rex-dispatcher/watchdog.ts';
import { leaveTask, schedule, wakeExpired } from './scheduler.ts';
import { nextDeadline } from './sleepers.ts';
import { lookupName } from './symbols.ts';
import { endWithSlice, jiffiesAt, leaveTurn, passSlices, takeTurn } from './turn.ts';
import { earlier, KTIME_MAX, later } from './time.ts';
import { checkSlice } from './run-queue.ts';
import { payWork } from './work.ts';

const TICK_NSEC = BigInt(constants.TICK_NSEC);
export type RunOutcome =
  /** `until` said so */
  | 'done'
  /** no task can ever run again */
  | 'idle'
  | 'budget'
  /** kernel.dead says why */
  | 'dead';

/** The main loop goes round, but neither instructions nor time pass: the kernel model is wrong, whatever the guest does. */
export class StandstillError extends Error {
  override readonly name = 'StandstillError';
}

/** Instructions retired by all CPUs. */
export function retired(kernel: Kernel): number {
  return kernel.cpus.reduce((sum, cpu) => sum + cpu.retired, 0);
}

function tick(kernel: Kernel, cpu: Cpu): void {
  const state = kernel.perCpu[cpu.index]!;
  const time = now(kernel, cpu);
  if (time < state.nextTick) return;
  state.nextTick = (time / TICK_NSEC + 1n) * TICK_NSEC;
  if (!cpu.pendingInterrupts.includes(LOCAL_TIMER_VECTOR)) cpu.pendingInterrupts.push(LOCAL_TIMER_VECTOR);
}

/**
 * Runs `cpu` to the end of its turn, or for `limit` instructions; false when it has nothing to run. A run ends at the tick
 * and at the watchdog, so that an interrupt comes at the same instruction however the box is stepped.
 */
function runCpu(kernel: Kernel, cpu: Cpu, host: KernelHost, limit: number, stop: () => boolean): boolean {
  const state = kernel.perCpu[cpu.index]!;
  const { turn } = kernel;
  const last = cpu.retired + limit;
  while (cpu.retired < last && cpu.retired < turn.end && kernel.dead === undefined && !stop()) {
    const before = state.current;
    if (before === 0) leavePackets(kernel, cpu.index);
    const runs = schedule(kernel, cpu);
    reapLeftThread(kernel, cpu, before);
    if (!runs) return false;
    tick(kernel, cpu);
    const { current } = state;
    const { retired: begin } = cpu;
    const toTick = Number(state.nextTick - now(kernel, cpu));
    const toWatchdog = countWatchdog(kernel, cpu);
    const toOverflow = nextOverflow(kernel, cpu);
    const most = Math.min(last - cpu.retired, turn.end - cpu.retired, toTick, toWatchdog, toOverflow);
    const outcome = state.owed > 0 ? payWork(state, cpu, most) : host.run(cpu, most);
    if (outcome === 'triple-fault') oops(kernel, cpu, 'triple fault: an exception could not be delivered');
    if (cpu.words[Slot.halted * 2] !== 0) oops(kernel, cpu, 'hlt: a processor was halted outside the idle loop');
    if (cpu.retired > turn.sliceEnd) passSlices(kernel, cpu, cpu.retired);
    if (!leaveTask(kernel, cpu)) endWithSlice(kernel);
    reapLeftThread(kernel, cpu, current);
    if (cpu.retired === begin) break;
  }
  return true;
}

/** Writes `jiffies`, wakes sleepers. */
function advanceTime(kernel: Kernel, time: bigint): void {
  kernel.roundStart = time;
  for (const cpu of kernel.cpus) kernel.perCpu[cpu.index]!.retiredAtRoundStart = cpu.retired;
  writeKernelU64(kernel, lookupName(kernel.symbols, 'jiffies'), jiffiesAt(time));
  wakeExpired(kernel, time);
}

/** Whether a task runs or could. */
export const busy = (kernel: Kernel): boolean =>
  kernel.runQueue.length > 0 || kernel.perCpu.some((state) => state.current !== 0);

/** Time goes by while every task sleeps: until `time`, or the next deadline when that comes first. */
export function passTime(kernel: Kernel, time: bigint): void {
  if (busy(kernel) || kernel.dead !== undefined) return;
  const earliest = kernel.cpus.map((cpu) => now(kernel, cpu)).reduce(later);
  advanceTime(kernel, later(earliest, earlier(time, nextDeadline(kernel) ?? KTIME_MAX)));
}

/** Lengths are spread evenly over the powers of two: races need short slices as well as long ones. */
function nextLength(turn: Turn): number {
  if (turn.random === undefined) return SLICE;
  const { state, bits } = xorshift(turn.random);
  turn.random = state;
  const most = 2 ** Number((bits >> 60n) & 15n);
  return Math.min(SLICE, 1 + Number(BigInt.asUintN(32, bits) % BigInt(most)));
}

/** The next CPU's slice begins; after the last one's, the next round. */
function passTurn(kernel: Kernel): void {
  const { turn } = kernel;
  checkSlice(kernel, kernel.cpus[turn.cpu]!);
  turn.longest = Math.max(turn.longest, turn.length);
  turn.length = nextLength(turn);
  turn.left = turn.length;
  turn.cpu = (turn.cpu + 1) % kernel.cpus.length;
  if (turn.cpu !== 0) return;
  advanceTime(kernel, kernel.roundStart + BigInt(turn.longest));
  turn.longest = 0;
}

function standstill(kernel: Kernel): StandstillError {
  const { cpu, left } = kernel.turn;
  const pid = kernel.perCpu[cpu]!.current;
  return new StandstillError(
    `no instruction and no time has passed in a round: guest time ${kernel.roundStart} ns, CPU ${cpu} with task ${pid}, ` +
      `${left} instructions of its slice left, tasks ${kernel.runQueue.join(' ') || 'none'} runnable`,
  );
}

/**
 * Runs until `until` holds, nothing can run any more, the kernel dies, or `budget` instructions have retired. What
 * happens does not depend on how a run is divided: the next one goes on in the middle of the slice. `until` is asked at
 * the end of every slice; of one that, before guest time `horizon` (ns), begins to hold only where a task leaves its CPU, it
 * is enough to ask there.
 */
export function runKernel(
  kernel: Kernel,
  host: KernelHost,
  budget: number,
  until: () => boolean,
  horizon = 0n,
): RunOutcome {
  const { turn } = kernel;
  const end = retired(kernel) + budget;
  // a round has a turn for each CPU, and one in which all of them sleep
  const patience = 2 * (kernel.cpus.length + 1);
  let last = { executed: NaN, time: 0n };
  for (let turns = 0; ; turns++) {
    if (kernel.dead !== undefined) return 'dead';
    if (until()) return 'done';
    const executed = retired(kernel);
    const left = end - executed;
    if (left <= 0) return 'budget';
    if (executed !== last.executed || kernel.roundStart !== last.time) {
      last = { executed, time: kernel.roundStart };
      turns = 0;
    } else if (turns > patience) throw standstill(kernel);
    if (turn.cpu === 0 && turn.left === turn.length && !busy(kernel)) {
      const deadline = nextDeadline(kernel);
      if (deadline === undefined) return 'idle';
      advanceTime(kernel, later(deadline, kernel.roundStart));
      continue;
    }
    const cpu = kernel.cpus[turn.cpu]!;
    takeTurn(kernel, cpu, left > turn.left ? horizon : 0n);
    const runs = runCpu(kernel, cpu, host, left, until);
    turn.left = turn.sliceEnd - cpu.retired;
    leaveTurn(kernel);
    if (!runs || turn.left === 0) passTurn(kernel);
  }
}

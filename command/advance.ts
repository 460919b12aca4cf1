/** Runs the box from one step of a job to the next, at full speed or an instruction at a time. */
import type { Box } from '../box/box.ts';
import { hasEnded, type Process } from '../box/spawn.ts';
import { busy } from '../kernel/run.ts';
import type { View } from './view.ts';
import { KTIME_MAX, timeAfter } from '../kernel/time.ts';

export type Outcome =
  /** what the run was to stop at has come */
  'done' | 'idle' | 'budget' | 'dead';

/** What a run stops at, whichever comes first. */
export interface Goal {
  /** this process has ended */
  readonly ended?: Process;
  /** every task sleeps */
  readonly quiet?: boolean;
  /** so much guest time has gone by, ns */
  readonly time?: number;
}

/** Runs until the goal; `budget` is the most instructions the box may have executed by then since it was booted. */
export type Advance = (goal: Goal, budget: number) => Outcome;

export const runAtFullSpeed =
  (box: Box): Advance =>
  ({ ended, quiet = false, time }, budget) => {
    const { reason } = box.run({
      ...(ended === undefined ? undefined : { until: ended }),
      ...(time === undefined ? undefined : { time }),
      quiet,
      budget: Math.max(0, budget - box.instructions),
    });
    return reason === 'idle' || reason === 'budget' || reason === 'dead' ? reason : 'done';
  };

/** The view sees every instruction, and the events after the one that caused them. */
export async function runTraced(box: Box, view: View, flushEvents: () => void): Promise<Advance> {
  const [{ loadDisassembler }, { createTracer }] = await Promise.all([
    import('../box/disassemble.ts'),
    import('../box/trace.ts'),
  ]);
  const tracer = createTracer(box, await loadDisassembler());
  const { kernel } = box;
  return ({ ended, quiet = false, time }, budget) => {
    const deadline = time === undefined ? KTIME_MAX : timeAfter(kernel.roundStart, BigInt(time));
    const reached = (): boolean =>
      (ended !== undefined && hasEnded(kernel, ended)) || (quiet && !busy(kernel)) || kernel.roundStart >= deadline;
    while (box.instructions < budget) {
      if (box.death !== undefined) return 'dead';
      if (reached()) return 'done';
      const instruction = tracer.next();
      if (instruction !== undefined) view.instruction(instruction);
      flushEvents();
      if (instruction === undefined) return box.death === undefined ? 'idle' : 'dead';
    }
    return reached() ? 'done' : 'budget';
  };
}

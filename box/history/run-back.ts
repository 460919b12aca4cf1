/**
 * Back to the latest point before now at which a condition held: stretches of the past, the latest first, each executed
 * forwards from its beginning; the last of the points found in one is it.
 */
import { DEFAULT_BUDGET } from '../budget.ts';
import { retired } from '../../kernel/run.ts';
import { BoxError, checkInteger } from '../errors.ts';
import { runFor, type Machine } from '../machine.ts';
import { armRun, type RunStops, type StopHit } from '../stops.ts';
import { historyOf, leave, type History } from './history.ts';
import { markBefore } from './marks.ts';
import { returnToPoint } from './travel.ts';
import { KTIME_MAX } from '../../kernel/time.ts';

export interface RunBackOptions {
  /** the points to look at: where a run with these would stop; default: before every instruction, which is slow */
  readonly stops?: RunStops;
  /**
   * Whether a point counts, default: each does; one of `stops` and `until` must be there. It is asked in the order of time within a stretch, with the
   * box at that point, and must not change it.
   */
  readonly until?: (hit: StopHit | undefined) => boolean;
  /** Is told when another, earlier stretch begins, with the box there: what `until` remembers of others is void. */
  readonly onStretch?: () => void;
  /** most instructions to look through; default 1e9 */
  readonly budget?: number;
}

export interface RunBack {
  readonly reason:
    /** at the latest point that counts */
    | 'found'
    /** there is none: at the first point that is known */
    | 'beginning'
    /** there is none so far: at the beginning of what has been looked through */
    | 'budget';
  /** executed since boot: where the box is now */
  readonly instruction: number;
  /** of `stops`, what has been met */
  readonly stop: StopHit | undefined;
}

interface Point {
  readonly instruction: number;
  readonly stop: StopHit | undefined;
}

/** Instructions of the first stretch; each is so many times as long as the one after it, but for marks. */
const FIRST_STRETCH = 512;
const GROWTH = 8;

const never = (): boolean => false;

/** The last point before `now` in the stretch from here to `end` at which `stops` are met and `until` holds. */
function lastStop(
  machine: Machine,
  stops: RunStops,
  until: (hit: StopHit) => boolean,
  end: number,
  now: number,
): Point | undefined {
  const { kernel } = machine;
  let found: Point | undefined;
  for (let begins = true; retired(kernel) < end; begins = false) {
    const before = retired(kernel);
    const stopper = armRun(kernel, stops, !begins);
    try {
      runFor(machine, end - before, stopper.met, KTIME_MAX);
    } finally {
      stopper.disarm();
    }
    const stop = stopper.hit;
    if (stop === undefined) break;
    const instruction = retired(kernel);
    if (instruction < now && until(stop)) found = { instruction, stop };
    if (instruction === before && !begins) runFor(machine, 1, never, KTIME_MAX);
  }
  return found;
}

/** The same before each instruction. */
function lastPoint(machine: Machine, until: (hit: undefined) => boolean, end: number): Point | undefined {
  const { kernel } = machine;
  let found: Point | undefined;
  for (let at = retired(kernel); at < end; at++) {
    if (until(undefined)) found = { instruction: at, stop: undefined };
    runFor(machine, 1, never, KTIME_MAX);
  }
  return found;
}

function search(machine: Machine, history: History, options: RunBackOptions): RunBack {
  const { stops, until = () => true, onStretch, budget = DEFAULT_BUDGET } = options;
  const now = retired(machine.kernel);
  const first = history.marks.list[0]!.instruction;
  const restAt = (reason: RunBack['reason'], { instruction, stop }: Point): RunBack => {
    returnToPoint(machine, history, instruction);
    return { reason, instruction, stop };
  };
  let end = now;
  for (let length = FIRST_STRETCH; end > first && now - end < budget; length *= GROWTH) {
    const mark = markBefore(history.marks, end - 1)!;
    const start = Math.max(mark.instruction, end - length, now - budget);
    returnToPoint(machine, history, start);
    onStretch?.();
    const found = stops === undefined ? lastPoint(machine, until, end) : lastStop(machine, stops, until, end, now);
    if (found !== undefined) return restAt('found', found);
    end = start;
  }
  return restAt(end > first ? 'budget' : 'beginning', { instruction: end, stop: undefined });
}

/** BoxError without history, or for options that make no sense. */
export function runBack(machine: Machine, options: RunBackOptions): RunBack {
  const history = historyOf(machine, 'runBack');
  if (options.stops === undefined && options.until === undefined) {
    throw new BoxError('runBack: got neither stops nor until, expected one of them');
  }
  checkInteger('runBack: budget', options.budget ?? 0, 0, Number.MAX_SAFE_INTEGER);
  leave(machine, history);
  return search(machine, history, options);
}

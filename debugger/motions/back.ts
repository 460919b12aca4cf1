/**
 * Backwards: to the latest moment before now at which something was met. A stretch of the past, ever longer ones, is executed
 * again from its beginning, and the last meeting in it remembered.
 */
import type { Context } from '../context.ts';
import type { Past } from '../past.ts';
import type { WaitingStop } from '../stops/list.ts';
import { advance, askedHere, type Met } from '../stops/runner.ts';
import type { Waiting } from '../stops/trigger.ts';
import { SLICE, STEPPED, type Ending, type Slices } from './travel.ts';

/** instructions of the first stretch, and what each is longer than the one before */
const FIRST_STRETCH = 4096;
const GROWTH = 4;

export interface Found<Each extends Waiting> {
  readonly instruction: number;
  /** the first of what has been met then */
  readonly met: Met<Each>;
}

/** The last meeting at a point behind the present one, up to `last`. Leaves the box somewhere there. */
function* lastMeeting<Each extends Waiting>(
  context: Context,
  waiting: readonly Each[],
  last: number,
): Slices<Found<Each> | undefined> {
  const { box } = context;
  let found: Found<Each> | undefined;
  let asked = askedHere(context);
  for (;;) {
    // one more: what is before an instruction is met when it is the next one
    const left = last + 1 - box.instructions;
    const outcome = advance(context, waiting, { budget: Math.min(left, SLICE), asked });
    if (outcome.reason === 'budget' && left > SLICE) {
      yield;
      continue;
    }
    if (outcome.reason !== 'stopped' || box.instructions > last) return found;
    found = { instruction: box.instructions, met: outcome.met[0]! };
    asked = askedHere(context);
  }
}

/**
 * The latest point in [`first`, now) at which one of `waiting` is met; without one, the box is at the beginning of what is
 * known. Else it is there.
 */
export function* goBackTo<Each extends Waiting>(
  context: Context,
  past: Past,
  waiting: readonly Each[],
): Slices<Found<Each> | undefined> {
  const { box } = context;
  const { first } = past.reach;
  let last = waiting.length === 0 ? first : box.instructions - 1;
  for (let stretch = FIRST_STRETCH; last > first; stretch *= GROWTH) {
    const from = Math.max(first, last - stretch);
    past.goTo(from);
    const found = yield* lastMeeting(context, waiting, last);
    if (found !== undefined) {
      past.goTo(found.instruction);
      return found;
    }
    last = from;
    yield;
  }
  past.goTo(first);
  return undefined;
}

/** To the latest stop before now. */
export function* goBackToStop(context: Context, past: Past, waiting: readonly WaitingStop[]): Slices<Ending> {
  const found = yield* goBackTo(context, past, waiting);
  return found === undefined ? { reason: 'beginning' } : { reason: 'stopped', met: found.met };
}

/** `count` instructions back, whoever executed them. */
export function stepBack(context: Context, past: Past, count: number): Ending {
  const target = context.box.instructions - count;
  past.goTo(Math.max(past.reach.first, target));
  return target < past.reach.first ? { reason: 'beginning' } : STEPPED;
}

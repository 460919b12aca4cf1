/** To another line of source: into calls of functions that have lines, over those that have none. */
import type { SourcePlace } from '../types.ts';
import { stepInto, stepOver } from './step-over.ts';
import { stepOut } from './step-out.ts';
import {
  instructionAt,
  presentPlace,
  STEPPED,
  STEPS,
  type Arrival,
  type Ending,
  type Place,
  type Slices,
  type Travel,
} from './travel.ts';
import type { Context } from '../context.ts';

/** instructions that are stepped one by one: a loop on one line may have more */
const MOST_STEPS = 200_000;

/** instructions in a function that has no lines, until it is left for one that has: what it calls may have some */
const MOST_LOST = 2000;

/** Source of where a task is, innermost first; [] unknown. */
export const sourceOf = ({ kernel, sources }: Context, { rip, pid }: Place): readonly SourcePlace[] =>
  sources.placesAt(rip, kernel.tasks.get(pid));

const isSameLine = (one: SourcePlace | undefined, other: SourcePlace | undefined): boolean =>
  one !== undefined && one.file === other?.file && one.line === other.line && one.function === other.function;

/**
 * Whether `now` is another line than `before`; with `over`, what is inlined into a line is still that line.
 */
export function isAnotherLine(before: readonly SourcePlace[], now: readonly SourcePlace[], over: boolean): boolean {
  if (now.length === 0) return false;
  if (!over || now.length <= before.length) return !isSameLine(before[0], now[0]);
  return !isSameLine(before[0], now[now.length - before.length]);
}

const firstOf = (arrival: Arrival): Ending =>
  arrival.reason === 'budget' || arrival.reason === 'own' ? STEPPED : arrival;

/** One instruction; from a line, a call of what has none is executed to its return. */
function* stepOnce(travel: Travel, over: boolean, lost: boolean, budget: number): Slices<Ending> {
  const { context } = travel;
  const place = presentPlace(context);
  const mnemonic = instructionAt(context, place.rip, place.pid)?.mnemonic;
  if (over || mnemonic === 'syscall') return yield* stepOver(travel, budget);
  // the trap of a probe is what the code does, other exceptions are what happens to it
  if (mnemonic === 'int3') return firstOf(yield* travel.run([], 1));
  const ending = yield* stepInto(travel, budget);
  if (ending.reason !== 'stepped' || mnemonic !== 'call' || lost) return ending;
  return sourceOf(context, presentPlace(context)).length === 0 ? yield* stepOut(travel, budget) : ending;
}

export function* stepLine(travel: Travel, over: boolean, budget: number): Slices<Ending> {
  const { context } = travel;
  const { box } = context;
  const end = box.instructions + budget;
  const before = sourceOf(context, presentPlace(context));
  let lost = 0;
  for (let n = 0; n < MOST_STEPS && box.instructions < end; n++) {
    if (n % STEPS === STEPS - 1) yield;
    const left = end - box.instructions;
    if (sourceOf(context, presentPlace(context)).length === 0) lost++;
    else lost = 0;
    const leave = lost > (over ? 0 : MOST_LOST);
    const ending = leave ? yield* stepOut(travel, left) : yield* stepOnce(travel, over, lost > 0, left);
    if (ending.reason !== 'stepped') return ending;
    if (isAnotherLine(before, sourceOf(context, presentPlace(context)), over)) return STEPPED;
  }
  return { reason: 'budget' };
}

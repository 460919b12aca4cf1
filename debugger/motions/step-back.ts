/** The motions of step-over.ts and step-line.ts, backwards: by a record of where the task has been. */
import type { Context } from '../context.ts';
import type { Past } from '../past.ts';
import type { SourcePlace } from '../types.ts';
import { waitFor } from './travel.ts';
import { goBackTo } from './back.ts';
import { isAnotherLine, sourceOf } from './step-line.ts';
import { isBackAt } from './step-over.ts';
import {
  atAddresses,
  instructionAt,
  presentPlace,
  stackPointer,
  STEPPED,
  STEPS,
  type Ending,
  type Place,
  type Slices,
} from './travel.ts';

const BEGINNING: Ending = { reason: 'beginning' };
/** longest instruction that calls, and the shortest, bytes */
const CALL_LENGTHS = [2, 3, 4, 5, 6, 7, 8];
/** instructions that are looked at one by one: what others did between two of the task's */
const FIRST_STRETCH = 64;
const MOST_LOOKED_AT = 1 << 18;
/** instructions of one line that are gone back over */
const MOST_STEPS = 10_000;

/** The latest point before now at which it was the turn of task `pid`. */
function* previousTurn(context: Context, past: Past, pid: number): Slices<number | undefined> {
  const { box } = context;
  const now = box.instructions;
  const { first } = past.reach;
  let last = now - 1;
  for (let stretch = FIRST_STRETCH; last >= first && now - last <= MOST_LOOKED_AT; stretch *= 4) {
    const from = Math.max(first, last - stretch);
    past.goTo(from);
    let found: number | undefined;
    for (let n = 1; box.instructions <= last; n++) {
      if (presentPlace(context).pid === pid) found = box.instructions;
      if (box.step().instructions === 0) break;
      if (n % STEPS === 0) yield;
    }
    if (found !== undefined) return found;
    if (from === first) break;
    last = from - 1;
  }
  return undefined;
}

/** To where what has just returned to `now` was called, or what interrupted it began. */
function* goBackToCall(context: Context, past: Past, now: Place): Slices<Ending> {
  const calls = new Set(CALL_LENGTHS.map((length) => BigInt.asUintN(64, now.rip - BigInt(length))));
  const isThere = atAddresses([...calls, now.rip], ({ cause, pid, slots }) => {
    if (cause.kind !== 'address' || pid !== now.pid || stackPointer(slots) !== now.rsp) return false;
    if (cause.address === now.rip) return true;
    const instruction = instructionAt(context, cause.address, pid);
    return instruction !== undefined && cause.address + BigInt(instruction.length) === now.rip;
  });
  return (yield* goBackTo(context, past, [waitFor(isThere)])) === undefined ? BEGINNING : STEPPED;
}

const returns: ReadonlySet<string> = new Set(['ret', 'iretq', 'iret', 'sysretq', 'sysret']);

/** Whether the task comes to `now` from something that it had called, or that had interrupted it. */
function hasReturned(context: Context, before: Place, now: Place): boolean {
  const mnemonic = instructionAt(context, before.rip, before.pid)?.mnemonic ?? '';
  if (!returns.has(mnemonic)) return false;
  // to a caller whose call is to be gone back over: a new task, whose first instruction is behind an iret, has none
  return mnemonic !== 'ret' || isBackAt(before.rsp, now.rsp);
}

/** To before the previous instruction of the present task, or before the call that has just returned. */
export function* stepBackOver(context: Context, past: Past): Slices<Ending> {
  const now = presentPlace(context);
  const start = context.box.instructions;
  const previous = yield* previousTurn(context, past, now.pid);
  if (previous === undefined) {
    past.goTo(past.reach.first);
    return BEGINNING;
  }
  past.goTo(previous);
  const before = presentPlace(context);
  if (!hasReturned(context, before, now)) return STEPPED;
  past.goTo(start);
  const ending = yield* goBackToCall(context, past, now);
  const there = presentPlace(context);
  if (ending.reason !== 'stepped' || there.rip !== now.rip) return ending;
  // before the interrupt it was at the same instruction: what is before that is meant
  return yield* stepBackOver(context, past);
}

/** One instruction back; into what has returned where that has lines of source, as forwards. */
function* stepBackInto(context: Context, past: Past): Slices<Ending> {
  const { box } = context;
  const start = box.instructions;
  const previous = yield* previousTurn(context, past, presentPlace(context).pid);
  if (previous === undefined) return yield* stepBackOver(context, past);
  past.goTo(previous);
  const before = presentPlace(context);
  const mnemonic = instructionAt(context, before.rip, before.pid)?.mnemonic ?? '';
  if (!returns.has(mnemonic) || (mnemonic === 'ret' && sourceOf(context, before).length > 0)) return STEPPED;
  past.goTo(start);
  return yield* stepBackOver(context, past);
}

/** To the first instruction of the line that was executed before the present one. */
export function* stepBackLine(context: Context, past: Past, over: boolean): Slices<Ending> {
  const { box } = context;
  const line = sourceOf(context, presentPlace(context));
  const back = over ? stepBackOver : stepBackInto;
  let target: readonly SourcePlace[] | undefined;
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const point = box.instructions;
    const ending = yield* back(context, past);
    yield;
    const place = presentPlace(context);
    if (
      target !== undefined &&
      (ending.reason !== 'stepped' || isAnotherLine(target, sourceOf(context, place), over))
    ) {
      past.goTo(point);
      return STEPPED;
    }
    if (ending.reason !== 'stepped') return ending;
    const now = sourceOf(context, place);
    if (target === undefined && isAnotherLine(line, now, over)) target = now;
  }
  return { reason: 'budget' };
}

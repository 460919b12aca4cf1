/** To a point in time by its number: back through the marks and forwards again, or on to what has never been executed. */
import { retired } from '../../kernel/run.ts';
import { checkInteger } from '../errors.ts';
import { runFor, type Machine } from '../machine.ts';
import { historyOf, keepMark, leave, returnTo, type History } from './history.ts';
import { markAt, markBefore } from './marks.ts';
import { KTIME_MAX } from '../../kernel/time.ts';

export interface Travel {
  readonly reason:
    /** at the point asked for */
    | 'reached'
    /** at the first point that is known, which is later */
    | 'beginning'
    /** before the point: nothing can ever run again */
    | 'idle'
    /** before the point: the kernel has stopped for good */
    | 'dead';
  /** executed since boot: where the box is now */
  readonly instruction: number;
}

const never = (): boolean => false;

/** Marks are left so far before the point that is gone to, for going further back: instructions. */
const TRAIL = [1 << 21, 1 << 18, 1 << 15, 1 << 12, 1 << 9];

/** Executes what has been executed before, up to `target`. */
function replayTo(machine: Machine, history: History, target: number): void {
  const { kernel } = machine;
  const forward = (to: number): void => void runFor(machine, to - retired(kernel), never, KTIME_MAX);
  for (const distance of TRAIL) {
    if (target - retired(kernel) < 2 * distance) continue;
    forward(target - distance);
    if (markAt(history.marks, target - distance) === undefined)
      keepMark(machine, history, { pinned: false, tip: false });
  }
  forward(target);
}

/** `target`: a point between the first and the last that are known; the present must have been left. */
export function returnToPoint(machine: Machine, history: History, target: number): void {
  const now = retired(machine.kernel);
  if (target === now) return;
  const mark = markBefore(history.marks, target)!;
  if (target < now || mark.instruction > now) returnTo(machine, mark);
  replayTo(machine, history, target);
}

/** BoxError for a number that is none, or without history. */
export function goTo(machine: Machine, target: number): Travel {
  const history = historyOf(machine, 'goTo');
  checkInteger('goTo: instruction', target, 0, Number.MAX_SAFE_INTEGER);
  return travel(machine, history, target);
}

/** `count` instructions back. BoxError. */
export function stepBack(machine: Machine, count: number): Travel {
  const history = historyOf(machine, 'stepBack');
  checkInteger('stepBack: count', count, 0, Number.MAX_SAFE_INTEGER);
  return travel(machine, history, retired(machine.kernel) - count);
}

function travel(machine: Machine, history: History, target: number): Travel {
  const { kernel } = machine;
  const at = (reason: Travel['reason']): Travel => ({ reason, instruction: retired(kernel) });
  if (target === retired(kernel)) return at('reached');
  leave(machine, history);
  if (target <= history.last) {
    const first = history.marks.list[0]!.instruction;
    returnToPoint(machine, history, Math.max(first, target));
    return at(target < first ? 'beginning' : 'reached');
  }
  returnToPoint(machine, history, history.last);
  const outcome = runFor(machine, target - retired(kernel), never, KTIME_MAX);
  return at(outcome === 'idle' || outcome === 'dead' ? outcome : 'reached');
}

/**
 * The marks of a history: snapshots in the order of time, a bounded set that is dense near the present and thins out towards
 * the past.
 */
import { bytesBeyond } from '../pages.ts';
import type { Snapshot } from '../snapshot.ts';

export interface Mark {
  /** executed since boot */
  readonly instruction: number;
  readonly snapshot: Snapshot;
  /** events until then */
  readonly position: number;
  /** execution does not lead here from the mark before: the host has done something */
  readonly pinned: boolean;
  /** the latest point there was, when it was left: execution leads here, but not to this moment of it */
  tip: boolean;
  /** what it holds beyond the mark before, bytes */
  bytes: number;
}

export interface Marks {
  /** ascending, one an instruction */
  readonly list: Mark[];
  bytes: number;
  readonly most: number;
  readonly mostBytes: number;
}

export const createMarks = (most: number, mostBytes: number): Marks => ({ list: [], bytes: 0, most, mostBytes });

/** Index of the first mark behind `instruction`. */
function upperBound(list: readonly Mark[], instruction: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]!.instruction <= instruction) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The latest mark at or before `instruction`. */
export const markBefore = ({ list }: Marks, instruction: number): Mark | undefined =>
  list[upperBound(list, instruction) - 1];

export function markAt(marks: Marks, instruction: number): Mark | undefined {
  const mark = markBefore(marks, instruction);
  return mark?.instruction === instruction ? mark : undefined;
}

/** Where execution cannot just go on. */
export const isBorder = ({ pinned, tip }: Mark): boolean => pinned || tip;

/** The first border behind `instruction`. */
export function nextBorder({ list }: Marks, instruction: number): Mark | undefined {
  for (let n = upperBound(list, instruction); n < list.length; n++) if (isBorder(list[n]!)) return list[n];
  return undefined;
}

function measure(marks: Marks, index: number): void {
  const mark = marks.list[index];
  if (mark === undefined) return;
  marks.bytes -= mark.bytes;
  const { memory, records } = mark.snapshot;
  const before = marks.list[index - 1]?.snapshot;
  // a mark whose predecessor has gone may hold all of its records alone
  mark.bytes = bytesBeyond(memory, before?.memory) + (before === undefined ? records.bytes : records.fresh);
  marks.bytes += mark.bytes;
}

function removeAt(marks: Marks, index: number): void {
  const [gone] = marks.list.splice(index, 1);
  marks.bytes -= gone!.bytes;
  measure(marks, index);
}

/** In the place of one at the same instruction. `now`: the present, where marks are to be dense. */
export function addMark(marks: Marks, mark: Omit<Mark, 'bytes'>, now: number): void {
  const index = upperBound(marks.list, mark.instruction - 1);
  const replaced = marks.list[index]?.instruction === mark.instruction ? marks.list[index] : undefined;
  if (replaced !== undefined) marks.bytes -= replaced.bytes;
  marks.list.splice(index, replaced === undefined ? 0 : 1, { ...mark, bytes: 0 });
  measure(marks, index);
  measure(marks, index + 1);
  thin(marks, now);
}

export function removeBehind(marks: Marks, instruction: number): void {
  for (const gone of marks.list.splice(upperBound(marks.list, instruction))) marks.bytes -= gone.bytes;
}

/** How much is lost with a mark: the stretch to be executed instead, in proportion to how far away it is. */
function worth({ list }: Marks, index: number, now: number): number {
  const { instruction } = list[index]!;
  const after = list[index + 1]?.instruction ?? instruction;
  return (after - list[index - 1]!.instruction) / (Math.abs(now - instruction) + 1);
}

/** Of the marks that others can stand for, the one that is worth least, and how many of them there are. */
function leastWorth(marks: Marks, now: number): { readonly index: number; readonly count: number } {
  let index = -1;
  let count = 0;
  let least = Infinity;
  for (let n = 1; n < marks.list.length; n++) {
    if (isBorder(marks.list[n]!)) continue;
    count++;
    const value = worth(marks, n, now);
    if (value >= least) continue;
    least = value;
    index = n;
  }
  return { index, count };
}

/**
 * Makes room. Where time goes on and most of the marks are borders, which nothing can stand for, the oldest go: history begins
 * later then. Going back never makes it shorter: then the tip comes on top of what is allowed.
 */
function thin(marks: Marks, now: number): void {
  const { list, most, mostBytes } = marks;
  const atTip = list.at(-1)!.tip;
  const goesOn = !atTip && list.at(-1)!.instruction <= now;
  while (list.length > 1 && (list.length > (atTip ? most + 1 : most) || marks.bytes > mostBytes)) {
    const { index, count } = leastWorth(marks, now);
    if (goesOn && (count === 0 || count * 4 < list.length)) removeAt(marks, 0);
    else if (index >= 0) removeAt(marks, index);
    else return;
  }
}

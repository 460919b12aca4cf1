/**
 * Ranges of addresses in order, of which no two overlap: the areas of an address space, the allocations of vmalloc. They lie in
 * chunks that know the largest gap between two of theirs: to find, insert or remove one, or a place for a new one, takes a
 * look at the chunks and at few ranges, however many there are.
 */
import { countWhile } from '../sorted-list.ts';

export interface Range {
  readonly start: bigint;
  readonly end: bigint;
}

export interface RangeList<R extends Range> {
  /** none is empty */
  readonly chunks: Chunk<R>[];
  count: number;
}

interface Chunk<R extends Range> {
  readonly ranges: R[];
  /** bytes: the largest gap between two of them; undefined: to be computed */
  gap: number | undefined;
}

/** ranges of a chunk; a full one becomes two */
const FULL = 128;

export function createRanges<R extends Range>(): RangeList<R> {
  return { chunks: [], count: 0 };
}

/** The list with the same ranges, for a change of either alone. */
export function copyRanges<R extends Range>({ chunks, count }: RangeList<R>): RangeList<R> {
  return { chunks: chunks.map(({ ranges, gap }) => ({ ranges: ranges.slice(), gap })), count };
}

export function* allRanges<R extends Range>({ chunks }: RangeList<R>): Generator<R, void> {
  for (const { ranges } of chunks) yield* ranges;
}

interface Place {
  readonly chunk: number;
  readonly at: number;
}

/** Of the first range that ends above `address`; behind the last chunk where none does. */
function placeOf<R extends Range>({ chunks }: RangeList<R>, address: bigint): Place {
  const chunk = countWhile(chunks, ({ ranges }) => ranges.at(-1)!.end <= address);
  const at = chunk === chunks.length ? 0 : countWhile(chunks[chunk]!.ranges, ({ end }) => end <= address);
  return { chunk, at };
}

/** The range that ends first above `address`: it has the address in it, or is the next. */
export function rangeFrom<R extends Range>(list: RangeList<R>, address: bigint): R | undefined {
  const { chunk, at } = placeOf(list, address);
  return list.chunks[chunk]?.ranges[at];
}

/** The range that has `address` in it. */
export function rangeAt<R extends Range>(list: RangeList<R>, address: bigint): R | undefined {
  const range = rangeFrom(list, address);
  return range !== undefined && range.start <= address ? range : undefined;
}

/** The last range that ends at or below `address`. */
export function rangeBelow<R extends Range>(list: RangeList<R>, address: bigint): R | undefined {
  const { chunk, at } = placeOf(list, address);
  return at > 0 ? list.chunks[chunk]!.ranges[at - 1] : list.chunks[chunk - 1]?.ranges.at(-1);
}

/** The ranges that have something in common with [start, end). */
export function rangesIn<R extends Range>(list: RangeList<R>, start: bigint, end: bigint): R[] {
  const found: R[] = [];
  let { chunk, at } = placeOf(list, start);
  for (; chunk < list.chunks.length; chunk++, at = 0) {
    const { ranges } = list.chunks[chunk]!;
    for (; at < ranges.length; at++) {
      if (ranges[at]!.start >= end) return found;
      found.push(ranges[at]!);
    }
  }
  return found;
}

export const overlapsRange = <R extends Range>(list: RangeList<R>, start: bigint, end: bigint): boolean => {
  const range = rangeFrom(list, start);
  return range !== undefined && range.start < end;
};

/** `range` overlaps none that is there. */
export function insertRange<R extends Range>(list: RangeList<R>, range: R): void {
  const { chunks } = list;
  let { chunk, at } = placeOf(list, range.start);
  if (chunk === chunks.length) {
    if (chunk === 0) chunks.push({ ranges: [], gap: 0 });
    else chunk--;
    at = chunks[chunk]!.ranges.length;
  }
  const { ranges } = chunks[chunk]!;
  ranges.splice(at, 0, range);
  chunks[chunk]!.gap = undefined;
  if (ranges.length > FULL) chunks.splice(chunk + 1, 0, { ranges: ranges.splice(FULL / 2), gap: undefined });
  list.count++;
}

/** `range` is there. */
export function removeRange<R extends Range>(list: RangeList<R>, range: R): void {
  const { chunks } = list;
  const { chunk, at } = placeOf(list, range.start);
  const { ranges } = chunks[chunk]!;
  ranges.splice(at, 1);
  chunks[chunk]!.gap = undefined;
  list.count--;
  const next = chunks[chunk + 1];
  if (ranges.length === 0) chunks.splice(chunk, 1);
  else if (next !== undefined && ranges.length + next.ranges.length < FULL / 2) {
    ranges.push(...next.ranges);
    chunks.splice(chunk + 1, 1);
  }
}

/** `range` for `old`, which is there, and between the same neighbours. */
export function replaceRange<R extends Range>(list: RangeList<R>, old: R, range: R): void {
  const { chunk, at } = placeOf(list, old.start);
  list.chunks[chunk]!.ranges[at] = range;
  list.chunks[chunk]!.gap = undefined;
}

function gapOf<R extends Range>(chunk: Chunk<R>): number {
  if (chunk.gap !== undefined) return chunk.gap;
  let largest = 0n;
  for (let n = 1; n < chunk.ranges.length; n++) {
    const gap = chunk.ranges[n]!.start - chunk.ranges[n - 1]!.end;
    if (gap > largest) largest = gap;
  }
  return (chunk.gap = Number(largest));
}

/** The highest address at or above `bottom` where `length` bytes are free up to `top`; undefined: there is none. */
export function highestGap<R extends Range>(
  { chunks }: RangeList<R>,
  length: bigint,
  bottom: bigint,
  top: bigint,
): bigint | undefined {
  let end = top;
  search: for (let c = chunks.length - 1; c >= 0; c--) {
    const { ranges } = chunks[c]!;
    if (ranges[0]!.start >= end) continue;
    if (ranges.at(-1)!.end + length <= end) break;
    if (gapOf(chunks[c]!) < Number(length)) {
      end = ranges[0]!.start;
      continue;
    }
    for (let n = ranges.length - 1; n >= 0; n--) {
      if (ranges[n]!.start >= end) continue;
      if (ranges[n]!.end + length <= end) break search;
      end = ranges[n]!.start;
    }
  }
  return end - length >= bottom ? end - length : undefined;
}

/** The lowest address from `bottom` on where `length` bytes are free below `top`; undefined: there is none. */
export function lowestGap<R extends Range>(
  { chunks }: RangeList<R>,
  length: bigint,
  bottom: bigint,
  top: bigint,
): bigint | undefined {
  let start = bottom;
  search: for (const chunk of chunks) {
    const { ranges } = chunk;
    if (ranges.at(-1)!.end <= start) continue;
    if (ranges[0]!.start - start >= length) break;
    if (gapOf(chunk) < Number(length)) {
      start = ranges.at(-1)!.end;
      continue;
    }
    for (const range of ranges) {
      if (range.end <= start) continue;
      if (range.start - start >= length) break search;
      start = range.end;
    }
  }
  return start + length <= top ? start : undefined;
}

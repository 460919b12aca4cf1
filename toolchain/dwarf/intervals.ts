/** Which of many ranges an address lies in. */

export interface Interval<T> {
  /** `[low, high)` */
  readonly low: bigint;
  readonly high: bigint;
  readonly value: T;
}

export interface Intervals<T> {
  /** by `low`, ascending */
  readonly rows: readonly Interval<T>[];
  /** by row: the largest `high` up to there */
  readonly reach: readonly bigint[];
}

export function createIntervals<T>(intervals: readonly Interval<T>[]): Intervals<T> {
  const rows = [...intervals].sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  let highest = 0n;
  const reach = rows.map(({ high }) => (highest = high > highest ? high : highest));
  return { rows, reach };
}

/** Index of the last of `count` ascending addresses at or below `address`, or -1. */
export function lastAtOrBelow(count: number, addressOf: (index: number) => bigint, address: bigint): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (addressOf(middle) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The smallest range around `address`. Logarithmic where ranges do not overlap. */
export function smallestAt<T>({ rows, reach }: Intervals<T>, address: bigint): Interval<T> | undefined {
  let best: Interval<T> | undefined;
  for (let at = lastAtOrBelow(rows.length, (index) => rows[index]!.low, address); at >= 0; at--) {
    if (reach[at]! <= address) break;
    const row = rows[at]!;
    if (address < row.high && (best === undefined || row.high - row.low < best.high - best.low)) best = row;
  }
  return best;
}

/**
 * Distinct values in ascending order, in chunks: to find, insert or remove one takes a look at the chunks and at few values,
 * however many there are.
 */
export type SortedList<T extends number | string> = T[][];

/** values of a chunk, of which none is empty; a full one becomes two */
const FULL = 128;

/** Of elements in ascending order, the number of those at the front for which `isBelow` holds. */
export function countWhile<T>(list: readonly T[], isBelow: (element: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBelow(list[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of the first value that is not below `value`: its chunk, the last one where there is none, and its place in that. */
function placeOf<T extends number | string>(list: SortedList<T>, value: T): [chunk: number, at: number] {
  const chunk = countWhile(list, (values) => values.at(-1)! < value);
  if (chunk === list.length) return [chunk - 1, list[chunk - 1]?.length ?? 0];
  return [chunk, countWhile(list[chunk]!, (other) => other < value)];
}

/** `value` is not in the list. */
export function insertSorted<T extends number | string>(list: SortedList<T>, value: T): void {
  if (list.length === 0) list.push([]);
  const [chunk, at] = placeOf(list, value);
  const values = list[Math.max(0, chunk)]!;
  values.splice(at, 0, value);
  if (values.length > FULL) list.splice(chunk + 1, 0, values.splice(FULL / 2));
}

/** One that is not there stays away. */
export function removeSorted<T extends number | string>(list: SortedList<T>, value: T): void {
  const [chunk, at] = placeOf(list, value);
  const values = list[chunk];
  if (values?.[at] !== value) return;
  values.splice(at, 1);
  if (values.length === 0) list.splice(chunk, 1);
}

/** The values above `value`, or all of them. */
export function* valuesAbove<T extends number | string>(list: SortedList<T>, value?: T): Generator<T, void> {
  let [chunk, at] = value === undefined ? [0, 0] : placeOf(list, value);
  for (; chunk >= 0 && chunk < list.length; chunk++, at = 0) {
    const values = list[chunk]!;
    for (; at < values.length; at++) if (value === undefined || values[at]! > value) yield values[at]!;
  }
}

/** The value that has `index` others before it. */
export function valueAt<T extends number | string>(list: SortedList<T>, index: number): T | undefined {
  let before = 0;
  for (const values of list) {
    if (index < before + values.length) return values[index - before];
    before += values.length;
  }
  return undefined;
}

/** PCMPxSTRx's comparison of two vectors of elements: Intel SDM vol. 2B, section 4.1, "imm8 control byte operation". */

/** The immediate: words 0, signed 1, aggregation 2-3, polarity 4-5 (invert, only the valid ones). */
const Control = { words: 1, signed: 2, invert: 0x10, validOnly: 0x20 } as const;

type Compare = (left: number, right: number) => boolean;

/** Element j of the result, from the elements that are there. `count` is how many a vector holds. */
type Aggregation = (left: readonly number[], right: readonly number[], j: number, count: number) => boolean;

const equal: Compare = (l, r) => l === r;

const aggregations: readonly Aggregation[] = [
  // equal any: right[j] is in the set left
  (left, right, j) => j < right.length && left.some((element) => equal(element, right[j]!)),
  // ranges: right[j] lies in one of left's pairs
  (left, right, j) =>
    j < right.length &&
    left.some((low, n) => n % 2 === 0 && n + 1 < left.length && low <= right[j]! && right[j]! <= left[n + 1]!),
  // equal each: where both have ended they are equal
  (left, right, j) =>
    j < left.length && j < right.length ? left[j] === right[j] : j >= left.length && j >= right.length,
  // equal ordered: left begins at right[j], as far as the vector shows
  (left, right, j, count) =>
    left.every((element, n) => n + j >= count || (n + j < right.length && equal(element, right[n + j]!))),
];

function elements(value: bigint, length: number, control: number): number[] {
  const width = (control & Control.words) !== 0 ? 16 : 8;
  const extend = (control & Control.signed) !== 0 ? BigInt.asIntN : BigInt.asUintN;
  return Array.from({ length }, (_, n) => Number(extend(width, value >> BigInt(n * width))));
}

/** IntRes2: bit j for element j of `right`. `left` and `right` are 128-bit values, lengths count elements. */
export function compareStrings(
  control: number,
  left: bigint,
  leftLength: number,
  right: bigint,
  rightLength: number,
): number {
  const count = (control & Control.words) !== 0 ? 8 : 16;
  const aggregate = aggregations[(control >> 2) & 3]!;
  const first = elements(left, leftLength, control);
  const second = elements(right, rightLength, control);
  let result = 0;
  for (let j = 0; j < count; j++) {
    const inverted = (control & Control.invert) !== 0 && ((control & Control.validOnly) === 0 || j < rightLength);
    if (aggregate(first, second, j, count) !== inverted) result |= 1 << j;
  }
  return result;
}

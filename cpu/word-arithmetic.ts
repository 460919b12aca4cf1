/** Products of 64-bit values and quotients in 32-bit words and doubles: see word-values.ts. */
import { put, words as values, type Place } from './word-values.ts';
import type { VectorShift } from './algebra.ts';
import type { Width } from './instruction.ts';

// a local constant: see word-values.ts
const words = values;
const WORD = 2 ** 32;

/** The halves cut to the width. */
export function settle(low: number, high: number, width: Width): Place {
  if (width === 64) return put(low, high);
  return put(width === 32 ? low : width === 16 ? low & 0xffff : low & 0xff, 0);
}

/** A count, of which all above 63 are alike. */
export function countAt(place: Place): number {
  const low = words[place]!;
  return words[place + 1] === 0 && low >= 0 && low < 64 ? low : 64;
}

/** The upper half of the unsigned product of two words, as a signed word. */
export function highOfProduct(left: number, right: number): number {
  const l0 = left & 0xffff;
  const l1 = left >>> 16;
  const r0 = right & 0xffff;
  const r1 = right >>> 16;
  // each sum is below 2^32
  const middle = l1 * r0 + ((l0 * r0) >>> 16);
  const rest = (middle & 0xffff) + l0 * r1;
  return (l1 * r1 + (middle >>> 16) + (rest >>> 16)) | 0;
}

/** The lower 64 bits. */
export function product64(left: Place, right: Place): Place {
  const l = words[left]!;
  const r = words[right]!;
  return put(
    Math.imul(l, r),
    (highOfProduct(l, r) + Math.imul(l, words[right + 1]!) + Math.imul(words[left + 1]!, r)) | 0,
  );
}

/** The upper 64 bits. */
export function highOfProduct64(left: Place, right: Place, signed: boolean): Place {
  const l0 = words[left]!;
  const l1 = words[left + 1]!;
  const r0 = words[right]!;
  const r1 = words[right + 1]!;
  const carry = Math.floor(
    ((highOfProduct(l0, r0) >>> 0) + (Math.imul(l0, r1) >>> 0) + (Math.imul(l1, r0) >>> 0)) / WORD,
  );
  let low = (Math.imul(l1, r1) >>> 0) + (highOfProduct(l0, r1) >>> 0) + (highOfProduct(l1, r0) >>> 0) + carry;
  let high = (highOfProduct(l1, r1) >>> 0) + Math.floor(low / WORD);
  if (signed && l1 < 0) {
    low = (low >>> 0) - (r0 >>> 0);
    high = high - r1 + (low < 0 ? -1 : 0);
  }
  if (signed && r1 < 0) {
    low = (low >>> 0) - (l0 >>> 0);
    high = high - l1 + (low < 0 ? -1 : 0);
  }
  return put(low | 0, high | 0);
}

/** A value of `width` bits as a number; of 64 bits exact only below 2^53 in magnitude. */
export function numberAt(place: Place, width: Width, signed: boolean): number {
  const low = words[place]!;
  if (width === 64) {
    const high = words[place + 1]!;
    return (signed ? high : high >>> 0) * WORD + (low >>> 0);
  }
  if (!signed) return low >>> 0;
  return width === 32 ? low : (low << (32 - width)) >> (32 - width);
}

/** An integer of magnitude up to 2^53 as a value of `width` bits. */
export function putNumber(value: number, width: Width): Place {
  if (width === 64) return put(value | 0, Math.floor(value / WORD) | 0);
  return put(width === 32 ? value | 0 : width === 16 ? value & 0xffff : value & 0xff, 0);
}

/**
 * Quotient and remainder of high:low / divisor in doubles, or undefined where a number is too large for that or there is an
 * exception to raise. Below 2^53 the rounded quotient is never above the next whole number: its distance from there is at
 * least 1 / divisor, more than half a unit in the last place.
 */
export function quotientOf(
  high: Place,
  low: Place,
  divisor: Place,
  width: Width,
  signed: boolean,
): { readonly quotient: Place; readonly remainder: Place } | undefined {
  let dividend: number;
  if (width === 64) {
    const extension = signed ? words[low + 1]! >> 31 : 0;
    if (words[high] !== extension || words[high + 1] !== extension) return undefined;
    dividend = numberAt(low, 64, signed);
  } else dividend = numberAt(high, width, signed) * 2 ** width + numberAt(low, width, false);
  const by = numberAt(divisor, width, signed);
  if (by === 0 || Math.abs(dividend) >= 2 ** 53 || Math.abs(by) >= 2 ** 53) return undefined;
  const quotient = Math.trunc(dividend / by);
  if (width < 64) {
    const limit = signed ? 2 ** (width - 1) : 2 ** width;
    if (quotient >= limit || quotient < (signed ? -limit : 0)) return undefined;
  }
  return { quotient: putNumber(quotient, width), remainder: putNumber(dividend - quotient * by, width) };
}

/** The lanes of the vector at `from`, shifted by `by` (for `sar` below the lane's width), to `to`. */
export function shiftLanes(operation: VectorShift, lane: Width, from: Place, by: number, to: Place): void {
  if (by >= lane) {
    words.fill(0, to, to + 4);
    return;
  }
  for (let n = 0; n < 4; n += lane === 64 ? 2 : 1) {
    const low = words[from + n]!;
    if (lane === 32) words[to + n] = operation === 'shl' ? low << by : operation === 'shr' ? low >>> by : low >> by;
    else if (lane === 64) shiftQuad(operation, low, words[from + n + 1]!, by, to + n);
    else words[to + n] = shiftParts(operation, lane, low, by);
  }
}

function shiftQuad(operation: VectorShift, low: number, high: number, by: number, to: Place): void {
  if (operation === 'shl') {
    words[to] = by >= 32 ? 0 : low << by;
    words[to + 1] = by >= 32 ? low << (by - 32) : (high << by) | ((low >>> 1) >>> (31 - by));
    return;
  }
  const filling = operation === 'sar' ? high >> 31 : 0;
  const shifted = operation === 'sar' ? high >> (by & 31) : high >>> (by & 31);
  words[to] = by >= 32 ? shifted : (low >>> by) | ((high << 1) << (31 - by));
  words[to + 1] = by >= 32 ? filling : shifted;
}

/** The lanes of 8 or 16 bits of one word. */
function shiftParts(operation: VectorShift, lane: 8 | 16, word: number, by: number): number {
  const ones = lane === 16 ? 0xffff : 0xff;
  let result = 0;
  for (let at = 0; at < 32; at += lane) {
    const part = operation === 'sar' ? (word << (32 - lane - at)) >> (32 - lane) : (word >>> at) & ones;
    result |= ((operation === 'shl' ? part << by : part >> by) & ones) << at;
  }
  return result;
}

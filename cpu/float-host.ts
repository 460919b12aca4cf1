/**
 * Floating point on the host's doubles, where that is exact: round to nearest, all exceptions masked, operands and results
 * zero or normal. Everything else (denormals, infinities, NaNs, results near the ends of the range) gives NaN here, and
 * float.ts, which knows every case, decides; tests/float-host.test.ts holds the two against each other.
 *
 * Results: the host's operations are IEEE 754's on binary64. A single's is the double's rounded again, which for + - * / and
 * square roots is the same as rounding once, since 53 >= 2 * 24 + 2 (Figueroa 1995). FTZ and DAZ do not matter here.
 *
 * PE, whether the result is rounded: the error of a sum (Knuth's TwoSum) and of a product (Dekker's, with Veltkamp's
 * splitting) is a double that can be computed; a quotient is exact if quotient * divisor is the dividend, a root if its
 * square is the radicand. The bounds keep every part of these products above 2^-1074 and below overflow.
 */
import type { FloatOperation } from './algebra.ts';
import { Mxcsr, type FloatWidth } from './float-format.ts';

const NEAREST_MASKED = Mxcsr.masks;
const LOOKED_AT = Mxcsr.masks | Mxcsr.RC;

/** Everything masked, round to nearest. */
export const allowsHost = (mxcsr: number): boolean => (mxcsr & LOOKED_AT) === NEAREST_MASKED;

const SMALLEST_DOUBLE = 2 ** -1022;
const SMALLEST_SINGLE = 2 ** -126;
const LARGEST_SINGLE = 3.4028234663852886e38;
/** Of doubles: splitting multiplies by 2^27, errors of products are 2^-106 as large. */
const LARGE = 2 ** 990;
const SMALL = 2 ** -900;

/** Zero, or normal and not at the border of being tiny. */
function isPlain(width: FloatWidth, value: number): boolean {
  const magnitude = Math.abs(value);
  return width === 64
    ? (magnitude > SMALLEST_DOUBLE && magnitude < LARGE) || value === 0
    : (magnitude > SMALLEST_SINGLE && magnitude <= LARGEST_SINGLE) || value === 0;
}

/** Neither a NaN nor denormal. */
function isOrdered(width: FloatWidth, value: number): boolean {
  const magnitude = Math.abs(value);
  return magnitude > (width === 64 ? SMALLEST_DOUBLE : SMALLEST_SINGLE) || value === 0;
}

/** The error of the product `p` of `l` and `r`. */
function productError(l: number, r: number, p: number): number {
  const SPLITTER = 2 ** 27 + 1;
  const l1 = l * SPLITTER;
  const lHigh = l1 - (l1 - l);
  const lLow = l - lHigh;
  const r1 = r * SPLITTER;
  const rHigh = r1 - (r1 - r);
  const rLow = r - rHigh;
  return lLow * rLow - (p - lHigh * rHigh - lLow * rHigh - lHigh * rLow);
}

/** The error of the sum `s` of `l` and `r`. */
function sumError(l: number, r: number, s: number): number {
  const right = s - l;
  return l - (s - right) + (r - right);
}

/** The result, or NaN. */
export function arithmetic(operation: FloatOperation, width: FloatWidth, l: number, r: number): number {
  if (operation === 'min' || operation === 'max') {
    if (!isOrdered(width, l) || !isOrdered(width, r)) return NaN;
    return (operation === 'min' ? l < r : l > r) ? l : r;
  }
  if (!isPlain(width, l) || !isPlain(width, r)) return NaN;
  let result: number;
  if (operation === 'add') result = l + r;
  else if (operation === 'sub') result = l - r;
  else if (operation === 'mul') {
    result = l * r;
    if (l === 0 || r === 0) return result;
    if (width === 64 && Math.abs(result) < SMALL) return NaN;
  } else {
    if (r === 0) return NaN;
    result = l / r;
    if (l === 0) return result;
    if (width === 64 && Math.abs(l) < SMALL) return NaN;
  }
  if (width === 32) result = Math.fround(result);
  if (!isPlain(width, result)) return NaN;
  // a product or quotient that is zero has underflown
  return result !== 0 || operation === 'add' || operation === 'sub' ? result : NaN;
}

/** Whether `arithmetic` has rounded. */
export function isRounded(operation: FloatOperation, width: FloatWidth, l: number, r: number, result: number): boolean {
  switch (operation) {
    case 'add':
    case 'sub': {
      const right = operation === 'add' ? r : -r;
      const sum = l + right;
      return sum !== result || sumError(l, right, sum) !== 0;
    }
    case 'mul':
      // 48 bits: exact in a double
      if (width === 32) return l * r !== result;
      return productError(l, r, result) !== 0;
    case 'div': {
      const product = result * r;
      return product !== l || (width === 64 && productError(result, r, product) !== 0);
    }
    default:
      return false;
  }
}

/** The square root, or NaN. */
export function squareRoot(width: FloatWidth, value: number): number {
  if (value === 0) return value;
  if (!(value > (width === 64 ? SMALL : SMALLEST_SINGLE) && value < (width === 64 ? LARGE : 2 ** 128))) return NaN;
  return width === 64 ? Math.sqrt(value) : Math.fround(Math.sqrt(value));
}
export function isRootRounded(width: FloatWidth, value: number, root: number): boolean {
  const square = root * root;
  return square !== value || (width === 64 && productError(root, root, square) !== 0);
}

/** -1, 0, 1 for less, equal, greater; NaN where the exact comparison must look. */
export function compare(width: FloatWidth, l: number, r: number): number {
  if (!isOrdered(width, l) || !isOrdered(width, r)) return NaN;
  return l < r ? -1 : l === r ? 0 : 1;
}

/** `value` in the other format, or NaN; it is rounded where the result differs. */
export function convert(from: FloatWidth, to: FloatWidth, value: number): number {
  if (!isPlain(from, value)) return NaN;
  if (to === 64) return value;
  const result = Math.fround(value);
  return isPlain(32, result) && (result !== 0 || value === 0) ? result : NaN;
}

/** Adding and subtracting it rounds to an integer, to nearest even, what is below 2^51. */
const ROUNDER = 1.5 * 2 ** 52;

/** To an integral value by `rounding` as in MXCSR.RC, with the sign of `value`, or NaN. */
export function toIntegral(width: FloatWidth, value: number, rounding: number): number {
  const magnitude = Math.abs(value);
  if (!isPlain(width, value) || magnitude >= 2 ** 51) return NaN;
  if (rounding === 1) return Math.floor(value);
  if (rounding === 2) return Math.ceil(value);
  if (rounding === 3) return Math.trunc(value);
  const rounded = magnitude + ROUNDER - ROUNDER;
  return value < 0 || Object.is(value, -0) ? -rounded : rounded;
}

/** To an integer that fits into `to` bits, or NaN. */
export function toInteger(from: FloatWidth, to: 32 | 64, value: number, truncate: boolean): number {
  const result = toIntegral(from, value, truncate ? 3 : 0);
  return to === 64 || (result >= -(2 ** 31) && result < 2 ** 31) ? result : NaN;
}

/**
 * IEEE arithmetic on bit patterns, for the evaluating algebra: exact in every rounding mode, with MXCSR's sticky flags
 * collected in `status.raised`. What is ordinary, float-host.ts does faster.
 *
 * NaN rules, Intel SDM vol. 1, table 4-7: the first operand that is a NaN, quieted; the default NaN where none is.
 */
import type { FloatOperation } from './algebra.ts';
import {
  flushed,
  formatOf,
  indefinite,
  infinityOf,
  isDenormal,
  isNan,
  isSignalling,
  isZero,
  Mxcsr,
  pack,
  quieted,
  roundingOf,
  roundToMultiple,
  unpack,
  zeroOf,
  type FloatStatus,
  type FloatWidth,
  type Unpacked,
} from './float-format.ts';

const scratch64 = new BigUint64Array(1);
const asDouble = new Float64Array(scratch64.buffer);
const asSingle = new Float32Array(scratch64.buffer);

function toNumber(width: FloatWidth, bits: bigint): number {
  scratch64[0] = bits;
  return width === 64 ? asDouble[0]! : asSingle[0]!;
}
function toBits(width: FloatWidth, value: number): bigint {
  scratch64[0] = 0n;
  if (width === 64) asDouble[0] = value;
  else asSingle[0] = value;
  return scratch64[0]!;
}

/** A quieted operand when one is a NaN (raising IE for a signalling one), else undefined after raising DE. */
function operandNan(status: FloatStatus, width: FloatWidth, left: bigint, right: bigint): bigint | undefined {
  const leftNan = isNan(width, left);
  if (leftNan || isNan(width, right)) {
    if (isSignalling(width, left) || isSignalling(width, right)) status.raised |= Mxcsr.IE;
    return quieted(width, leftNan ? left : right);
  }
  return undefined;
}

function invalid(status: FloatStatus, width: FloatWidth): bigint {
  status.raised |= Mxcsr.IE;
  return indefinite(width);
}

type Exact = (status: FloatStatus, width: FloatWidth, left: Unpacked, right: Unpacked) => bigint;

const sum: Exact = (status, width, left, right) => {
  if (left.kind === 'infinite' || right.kind === 'infinite') {
    if (left.kind === right.kind && left.negative !== right.negative) return invalid(status, width);
    return infinityOf(width, left.kind === 'infinite' ? left.negative : right.negative);
  }
  const exponent = Math.min(left.exponent, right.exponent);
  const aligned = (u: Unpacked): bigint =>
    (u.negative ? -u.significand : u.significand) << BigInt(u.exponent - exponent);
  const total = aligned(left) + aligned(right);
  if (total === 0n) {
    // equal signs keep theirs; x - x is +0, or -0 when rounding down
    return zeroOf(width, left.negative === right.negative ? left.negative : roundingOf(status) === 1);
  }
  return pack(status, width, total < 0n, total < 0n ? -total : total, exponent);
};

const product: Exact = (status, width, left, right) => {
  const negative = left.negative !== right.negative;
  if (left.kind === 'infinite' || right.kind === 'infinite') {
    return isZero(left) || isZero(right) ? invalid(status, width) : infinityOf(width, negative);
  }
  return pack(status, width, negative, left.significand * right.significand, left.exponent + right.exponent);
};

const quotient: Exact = (status, width, left, right) => {
  const negative = left.negative !== right.negative;
  if (left.kind === 'infinite') return right.kind === 'infinite' ? invalid(status, width) : infinityOf(width, negative);
  if (right.kind === 'infinite') return zeroOf(width, negative);
  if (isZero(right)) {
    if (isZero(left)) return invalid(status, width);
    status.raised |= Mxcsr.ZE;
    return infinityOf(width, negative);
  }
  // enough extra bits for the quotient of any two significands to have three more than the format
  const extra = 2 * formatOf(width).precision + 3;
  const numerator = left.significand << BigInt(extra);
  const whole = numerator / right.significand;
  const more = whole * right.significand !== numerator;
  return pack(status, width, negative, whole, left.exponent - right.exponent - extra, more);
};

const exactOperations: Partial<Record<FloatOperation, Exact>> = {
  add: sum,
  sub: (status, width, left, right) => sum(status, width, left, { ...right, negative: !right.negative }),
  mul: product,
  div: quotient,
};

function raiseDenormal(status: FloatStatus, width: FloatWidth, ...operands: bigint[]): void {
  if (operands.some((bits) => isDenormal(width, bits))) status.raised |= Mxcsr.DE;
}

/** MIN, MAX: the second operand when either is a NaN (IE for a quiet one too) or both are zeros. */
function extreme(status: FloatStatus, width: FloatWidth, left: bigint, right: bigint, least: boolean): bigint {
  if (isNan(width, left) || isNan(width, right)) {
    status.raised |= Mxcsr.IE;
    return right;
  }
  raiseDenormal(status, width, left, right);
  const l = toNumber(width, left);
  const r = toNumber(width, right);
  return (least ? l < r : l > r) ? left : right;
}

/** `left` and `right` are bit patterns; so is the result. */
export function arithmetic(
  status: FloatStatus,
  operation: FloatOperation,
  width: FloatWidth,
  left: bigint,
  right: bigint,
): bigint {
  const first = flushed(status, width, left);
  const second = flushed(status, width, right);
  if (operation === 'min' || operation === 'max') return extreme(status, width, first, second, operation === 'min');
  const nan = operandNan(status, width, first, second);
  if (nan !== undefined) return nan;
  const own: FloatStatus = { mxcsr: status.mxcsr, raised: 0 };
  const result = exactOperations[operation]!(own, width, unpack(width, first), unpack(width, second));
  // an invalid operation or a division by zero takes precedence over a denormal operand
  if ((own.raised & (Mxcsr.IE | Mxcsr.ZE)) === 0) raiseDenormal(own, width, first, second);
  status.raised |= own.raised;
  return result;
}

function integerRoot(value: bigint): bigint {
  let root = BigInt(Math.floor(Math.sqrt(Number(value))));
  for (;;) {
    const next = (root + value / root) >> 1n;
    const step = next - root;
    root = next;
    if (step >= -1n && step <= 1n) break;
  }
  while (root * root > value) root--;
  while ((root + 1n) * (root + 1n) <= value) root++;
  return root;
}

export function squareRoot(status: FloatStatus, width: FloatWidth, value: bigint): bigint {
  const bits = flushed(status, width, value);
  const nan = operandNan(status, width, bits, bits);
  if (nan !== undefined) return nan;
  const u = unpack(width, bits);
  if (isZero(u)) return bits;
  if (u.negative) return invalid(status, width);
  if (u.kind === 'infinite') return bits;
  raiseDenormal(status, width, bits);
  // an even exponent, and a radicand of twice the precision and more
  let shift = 2 * formatOf(width).precision + 8;
  if (((u.exponent - shift) & 1) !== 0) shift++;
  const radicand = u.significand << BigInt(shift);
  const root = integerRoot(radicand);
  return pack(status, width, false, root, (u.exponent - shift) / 2, root * root !== radicand);
}

/** Exactly one of the three is true; `quiet` comparisons raise IE for signalling NaNs only. */
export function compare(
  status: FloatStatus,
  width: FloatWidth,
  left: bigint,
  right: bigint,
  quiet: boolean,
): { unordered: boolean; less: boolean; equal: boolean } {
  const first = flushed(status, width, left);
  const second = flushed(status, width, right);
  if (isNan(width, first) || isNan(width, second)) {
    if (!quiet || isSignalling(width, first) || isSignalling(width, second)) status.raised |= Mxcsr.IE;
    return { unordered: true, less: false, equal: false };
  }
  raiseDenormal(status, width, first, second);
  const l = toNumber(width, first);
  const r = toNumber(width, second);
  return { unordered: false, less: l < r, equal: l === r };
}

/** Between the two formats; a NaN keeps the upper bits of its payload. */
export function convert(status: FloatStatus, from: FloatWidth, to: FloatWidth, value: bigint): bigint {
  const bits = flushed(status, from, value);
  if (isNan(from, bits)) {
    if (isSignalling(from, bits)) status.raised |= Mxcsr.IE;
    const sign = (bits & formatOf(from).sign) === 0n ? 0n : formatOf(to).sign;
    const payload = quieted(from, bits) & (formatOf(from).quiet * 2n - 1n);
    return sign | formatOf(to).infinity | (to === 64 ? payload << 29n : payload >> 29n);
  }
  raiseDenormal(status, from, bits);
  const u = unpack(from, bits);
  if (u.kind === 'infinite') return infinityOf(to, u.negative);
  return pack(status, to, u.negative, u.significand, u.exponent);
}

/** To a signed integer of `to` bits; NaN and what does not fit give the integer indefinite and IE. */
export function toInteger(
  status: FloatStatus,
  from: FloatWidth,
  to: 32 | 64,
  value: bigint,
  truncate: boolean,
): bigint {
  const bits = flushed(status, from, value);
  const u = unpack(from, bits);
  const limit = 1n << BigInt(to - 1);
  // an exponent above the width cannot fit, and would make a huge integer
  if (u.kind === 'finite' && u.exponent <= to) {
    const rounding = truncate ? 3 : roundingOf(status);
    const { multiple, inexact } = roundToMultiple(rounding, u.negative, u.significand, u.exponent, false, 0);
    const signed = u.negative ? -multiple : multiple;
    if (signed >= -limit && signed < limit) {
      if (inexact) status.raised |= Mxcsr.PE;
      return BigInt.asUintN(to, signed);
    }
  }
  status.raised |= Mxcsr.IE;
  return limit;
}

/** From a signed integer of `from` bits. */
export function fromInteger(status: FloatStatus, from: 32 | 64, to: FloatWidth, value: bigint): bigint {
  const signed = BigInt.asIntN(from, value);
  return pack(status, to, signed < 0n, signed < 0n ? -signed : signed, 0);
}

/** To an integral value of the same format; `rounding` undefined asks MXCSR, `quiet` leaves PE alone. */
export function toIntegral(
  status: FloatStatus,
  width: FloatWidth,
  value: bigint,
  rounding: number | undefined,
  quiet: boolean,
): bigint {
  const bits = flushed(status, width, value);
  const nan = operandNan(status, width, bits, bits);
  if (nan !== undefined) return nan;
  const u = unpack(width, bits);
  if (u.kind === 'infinite' || u.exponent >= 0) return bits;
  const mode = rounding ?? roundingOf(status);
  const { multiple, inexact } = roundToMultiple(mode, u.negative, u.significand, u.exponent, false, 0);
  if (inexact && !quiet) status.raised |= Mxcsr.PE;
  // an integer below 2^precision: exact
  return pack({ mxcsr: status.mxcsr, raised: 0 }, width, u.negative, multiple, 0);
}

/**
 * 1 / x and 1 / sqrt(x) of a single, for RCPPS and RSQRTPS: processors differ; ours gives the exact result cut to 12 bits
 * behind the point, whose relative error is below 2^-12 (Intel allows 1.5 times that). Denormal operands and results
 * are zeros, and nothing is raised.
 */
export function approximate(operation: 'reciprocal' | 'reciprocalRoot', value: bigint): bigint {
  const bits = isDenormal(32, value) ? value & formatOf(32).sign : value;
  if (isNan(32, bits)) return quieted(32, bits);
  const x = toNumber(32, bits);
  if (x < 0 && operation === 'reciprocalRoot') return indefinite(32);
  const exact = operation === 'reciprocal' ? 1 / x : x === 0 ? 1 / x : 1 / Math.sqrt(x);
  const rounded = toBits(32, Math.fround(exact)) & ~0x7ffn;
  return isDenormal(32, toBits(32, Math.fround(exact))) ? rounded & formatOf(32).sign : rounded;
}

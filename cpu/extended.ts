/**
 * The x87's arithmetic on 80-bit patterns, exact in every rounding and precision control. Flags and condition bits are
 * collected in an `ExtendedStatus`; after a stack fault every result is the indefinite.
 */
import {
  bitLength,
  Fsw,
  INDEFINITE,
  infinityOf,
  isNegative,
  isSignalling,
  kindOf,
  leadingExponent,
  pack,
  precisionOf,
  quieted,
  rounded,
  significandOf,
  unpack,
  zeroOf,
  type Exact,
  type ExtendedStatus,
} from './extended-format.ts';

export function invalid(status: ExtendedStatus): bigint {
  status.raised = (status.raised & ~Fsw.DE) | Fsw.IE;
  return INDEFINITE;
}

function divisionByZero(status: ExtendedStatus, negative: boolean): bigint {
  status.raised = (status.raised & ~Fsw.DE) | Fsw.ZE;
  return infinityOf(negative);
}

/** Two NaNs: the quiet one before the signalling, else the larger significand, else the positive (Intel SDM vol. 1, table 4-7). */
function chooseNan(left: bigint, right: bigint): bigint {
  const signals = [isSignalling(left), isSignalling(right)];
  if (signals[0] !== signals[1]) return signals[0] ? right : left;
  const [l, r] = [significandOf(left), significandOf(right)];
  if (l !== r) return l > r ? left : right;
  return isNegative(left) ? right : left;
}

/**
 * What an operation gives whatever it computes, or undefined: the indefinite after a stack fault or for an unsupported
 * operand, a NaN for a NaN. Else raises DE for a denormal operand.
 */
export function special(status: ExtendedStatus, left: bigint, right: bigint): bigint | undefined {
  if ((status.raised & Fsw.SF) !== 0) return INDEFINITE;
  const [l, r] = [kindOf(left), kindOf(right)];
  if (l === 'unsupported' || r === 'unsupported') return invalid(status);
  if (l === 'nan' || r === 'nan') {
    // a denormal operand, of which a load may have told already, is not reported beside a NaN
    status.raised &= ~Fsw.DE;
    if (isSignalling(left) || isSignalling(right)) status.raised |= Fsw.IE;
    return quieted(l !== 'nan' ? right : r !== 'nan' ? left : chooseNan(left, right));
  }
  if (l === 'denormal' || r === 'denormal') status.raised |= Fsw.DE;
  return undefined;
}

export type Binary = (status: ExtendedStatus, left: bigint, right: bigint) => bigint;
export type Unary = (status: ExtendedStatus, value: bigint) => bigint;

/** Above this distance the smaller addend counts only as more than nothing. */
const FAR = 140;

/** The exact sum, or one with the same rounding: `more` says that the sum is a little larger in magnitude. */
function exactSum(left: Exact, right: Exact): Exact & { readonly more: boolean } {
  const distance =
    left.significand === 0n || right.significand === 0n ? 0 : leadingExponent(left) - leadingExponent(right);
  if (distance < -FAR) return exactSum(right, left);
  if (distance > FAR) {
    const scaled = left.significand << 80n;
    const same = left.negative === right.negative;
    return { ...left, significand: same ? scaled : scaled - 1n, exponent: left.exponent - 80, more: true };
  }
  const exponent = Math.min(
    left.significand === 0n ? right.exponent : left.exponent,
    right.significand === 0n ? left.exponent : right.exponent,
  );
  const aligned = (value: Exact): bigint =>
    value.significand === 0n
      ? 0n
      : (value.negative ? -value.significand : value.significand) << BigInt(value.exponent - exponent);
  const total = aligned(left) + aligned(right);
  return { negative: total < 0n, significand: total < 0n ? -total : total, exponent, more: false };
}

const roundsDown = (status: ExtendedStatus): boolean => ((status.control >> 10) & 3) === 1;

const add: Binary = (status, left, right) => {
  const nan = special(status, left, right);
  if (nan !== undefined) return nan;
  const negative = isNegative(left);
  if (kindOf(left) === 'infinite' || kindOf(right) === 'infinite') {
    if (kindOf(left) === kindOf(right) && negative !== isNegative(right)) return invalid(status);
    return infinityOf(kindOf(left) === 'infinite' ? negative : isNegative(right));
  }
  const total = exactSum(unpack(left), unpack(right));
  if (total.significand === 0n) return zeroOf(negative === isNegative(right) ? negative : roundsDown(status));
  return pack(status, total.negative, total.significand, total.exponent, total.more, precisionOf(status));
};

const negated = (bits: bigint): bigint => bits ^ zeroOf(true);
/** A NaN keeps its sign. */
const sub: Binary = (status, left, right) => add(status, left, kindOf(right) === 'nan' ? right : negated(right));

const mul: Binary = (status, left, right) => {
  const nan = special(status, left, right);
  if (nan !== undefined) return nan;
  const negative = isNegative(left) !== isNegative(right);
  const kinds = [kindOf(left), kindOf(right)];
  if (kinds.includes('infinite')) return kinds.includes('zero') ? invalid(status) : infinityOf(negative);
  const [l, r] = [unpack(left), unpack(right)];
  return pack(status, negative, l.significand * r.significand, l.exponent + r.exponent, false, precisionOf(status));
};

const div: Binary = (status, left, right) => {
  const nan = special(status, left, right);
  if (nan !== undefined) return nan;
  const negative = isNegative(left) !== isNegative(right);
  const [leftKind, rightKind] = [kindOf(left), kindOf(right)];
  if (leftKind === 'infinite') return rightKind === 'infinite' ? invalid(status) : infinityOf(negative);
  if (rightKind === 'infinite') return zeroOf(negative);
  if (rightKind === 'zero') return leftKind === 'zero' ? invalid(status) : divisionByZero(status, negative);
  const [l, r] = [unpack(left), unpack(right)];
  // 64 bits more than the shortest quotient of a denormal by a normal needs
  const numerator = l.significand << 132n;
  const quotient = numerator / r.significand;
  const more = quotient * r.significand !== numerator;
  return pack(status, negative, quotient, l.exponent - r.exponent - 132, more, precisionOf(status));
};

/** Largest integer whose square is not above `value`. */
export function integerRoot(value: bigint): bigint {
  if (value === 0n) return 0n;
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

const sqrt: Unary = (status, value) => {
  const nan = special(status, value, value);
  if (nan !== undefined) return nan;
  const kind = kindOf(value);
  if (kind === 'zero') return value;
  if (isNegative(value)) return invalid(status);
  if (kind === 'infinite') return value;
  const { significand, exponent } = unpack(value);
  const shift = 140 + (exponent & 1);
  const radicand = significand << BigInt(shift);
  const root = integerRoot(radicand);
  return pack(status, false, root, (exponent - shift) / 2, root * root !== radicand, precisionOf(status));
};

/** FRNDINT. */
const round: Unary = (status, value) => {
  const nan = special(status, value, value);
  if (nan !== undefined) return nan;
  const kind = kindOf(value);
  const { negative, significand, exponent } = unpack(value);
  if (kind === 'zero' || kind === 'infinite' || exponent >= 0) return value;
  const { multiple, inexact, up } = rounded(status, negative, significand, exponent, false, 0);
  if (inexact) status.raised |= Fsw.PE;
  status.c1 = up;
  // exact: no more flags and the same C1
  return pack({ ...status }, negative, multiple, 0);
};

/** FSCALE: `left` * 2^trunc(`right`). */
const scale: Binary = (status, left, right) => {
  const nan = special(status, left, right);
  if (nan !== undefined) return nan;
  const negative = isNegative(left);
  const [leftKind, rightKind] = [kindOf(left), kindOf(right)];
  if (rightKind === 'infinite') {
    if (isNegative(right)) return leftKind === 'infinite' ? invalid(status) : zeroOf(negative);
    return leftKind === 'zero' ? invalid(status) : infinityOf(negative);
  }
  if (leftKind === 'infinite' || leftKind === 'zero') return left;
  const by = unpack(right);
  // beyond 2^16 the result is as far out as can be
  const magnitude = leadingExponent(by) > 16 ? 1 << 17 : Number(by.significand >> BigInt(-by.exponent));
  const { significand, exponent } = unpack(left);
  return pack(status, negative, significand, exponent + (by.negative ? -magnitude : magnitude));
};

/** FXTRACT's exponent, as a number. */
const exponent: Unary = (status, value) => {
  const nan = special(status, value, value);
  if (nan !== undefined) return nan;
  const kind = kindOf(value);
  if (kind === 'infinite') return infinityOf(false);
  if (kind === 'zero') return divisionByZero(status, true);
  const leading = leadingExponent(unpack(value));
  return pack(status, leading < 0, BigInt(Math.abs(leading)), 0);
};

/** FXTRACT's significand, in [1, 2) with the sign of the value. */
const significand: Unary = (status, value) => {
  const nan = special(status, value, value);
  if (nan !== undefined) return nan;
  const kind = kindOf(value);
  if (kind === 'infinite' || kind === 'zero') return value;
  const exact = unpack(value);
  return pack(status, exact.negative, exact.significand, 1 - bitLength(exact.significand));
};

const conditionsOfQuotient = (quotient: bigint): number =>
  ((quotient & 4n) === 0n ? 0 : Fsw.C0) | ((quotient & 2n) === 0n ? 0 : Fsw.C3) | ((quotient & 1n) === 0n ? 0 : Fsw.C1);

/**
 * FPREM (quotient toward zero), FPREM1 (to nearest even). C0 C3 C1 are the low quotient bits; with exponents 64 or more
 * apart, C2 is 1 and the result only nearer.
 */
function remainder(toNearest: boolean): Binary {
  return (status, left, right) => {
    status.conditionMask = Fsw.C2;
    status.conditions = 0;
    const nan = special(status, left, right);
    if (nan !== undefined) return nan;
    const [leftKind, rightKind] = [kindOf(left), kindOf(right)];
    if (leftKind === 'infinite' || rightKind === 'zero') return invalid(status);
    status.conditionMask = Fsw.C0 | Fsw.C1 | Fsw.C2 | Fsw.C3;
    if (leftKind === 'zero') return left;
    const [l, r] = [unpack(left), unpack(right)];
    if (rightKind === 'infinite') return pack(status, l.negative, l.significand, l.exponent);
    const distance = leadingExponent(l) - leadingExponent(r);
    if (distance >= 64) {
      // how far one execution gets is the processor's choice between 32 and 63; this is Intel's and AMD's
      const reach = (distance & 31) | 32;
      const unitExponent = r.exponent + distance - reach;
      const base = Math.min(l.exponent, unitExponent);
      const unit = r.significand << BigInt(unitExponent - base);
      status.conditions = Fsw.C2;
      return pack(status, l.negative, (l.significand << BigInt(l.exponent - base)) % unit, base);
    }
    if (distance < -1) return pack(status, l.negative, l.significand, l.exponent);
    const base = Math.min(l.exponent, r.exponent);
    const dividend = l.significand << BigInt(l.exponent - base);
    const divisor = r.significand << BigInt(r.exponent - base);
    let quotient = dividend / divisor;
    let rest = dividend - quotient * divisor;
    if (toNearest && (rest * 2n > divisor || (rest * 2n === divisor && (quotient & 1n) === 1n))) {
      quotient++;
      rest -= divisor;
    }
    status.conditions = conditionsOfQuotient(quotient);
    if (rest === 0n) return zeroOf(l.negative);
    return pack(status, l.negative !== rest < 0n, rest < 0n ? -rest : rest, base);
  };
}

export const binaryOperations = {
  add,
  sub,
  mul,
  div,
  scale,
  remainder: remainder(false),
  remainderNearest: remainder(true),
} as const satisfies Record<string, Binary>;

export const unaryOperations = { sqrt, round, exponent, significand } as const satisfies Record<string, Unary>;

/** Exactly one of the three is true; `quiet` comparisons are not invalid for quiet NaNs. */
export function compare(
  status: ExtendedStatus,
  left: bigint,
  right: bigint,
  quiet: boolean,
): { unordered: boolean; less: boolean; equal: boolean } {
  const nan = special(status, left, right);
  if (nan !== undefined) {
    if (!quiet) status.raised |= Fsw.IE;
    return { unordered: true, less: false, equal: false };
  }
  // magnitudes of supported patterns are ordered as integers, but for pseudo-denormals
  const ordered = (bits: bigint): bigint => {
    const { negative, significand: whole } = unpack(bits);
    const biased = kindOf(bits) === 'denormal' ? 0n : ((bits & ~zeroOf(true)) >> 64n) - 1n;
    const magnitude = kindOf(bits) === 'zero' ? 0n : (biased << 64n) + whole;
    return negative ? -magnitude : magnitude;
  };
  const [l, r] = [ordered(left), ordered(right)];
  return { unordered: false, less: l < r, equal: l === r };
}

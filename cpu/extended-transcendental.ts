/**
 * The x87's transcendental functions, in fixed-point BigInt arithmetic of 320 fraction bits and rounded once: the nearest
 * value by the rounding control, where processors are allowed an error of 1 ulp. As theirs, the trigonometric functions
 * reduce by a pi of 66 bits (Intel SDM vol. 1, 8.3.8), and PE is raised for exact results too, unless they are zero.
 */
import {
  bitLength,
  Fsw,
  infinityOf,
  isNegative,
  kindOf,
  leadingExponent,
  ONE,
  pack,
  unpack,
  zeroOf,
  type Exact,
  type ExtendedStatus,
} from './extended-format.ts';
import { binaryOperations, integerRoot, invalid, special, type Binary, type Unary } from './extended.ts';

/** Fraction bits of fixed-point values. */
const W = 320;
const FRACTION = BigInt(W);
const UNIT = 1n << FRACTION;
const times = (left: bigint, right: bigint): bigint => (left * right) >> FRACTION;
const over = (left: bigint, right: bigint): bigint => (left << FRACTION) / right;

/** Below 2^-80 a first-order approximation is good to more than 140 bits. */
const TINY = -80;

/** sum of value^(2n+1) / (2n+1), signs alternating for the arc tangent: |value| at most about 1/3. */
function inverseTangentSeries(value: bigint, alternating: boolean): bigint {
  const square = times(value, value);
  let sum = 0n;
  let power = value;
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    const term = power / n;
    sum += alternating && n % 4n === 3n ? -term : term;
    power = times(power, square);
  }
  return sum;
}

interface Constants {
  readonly ln2: bigint;
  readonly pi: bigint;
}
let computed: Constants | undefined;
/** ln 2 = 2 artanh 1/3; pi = 16 arctan 1/5 - 4 arctan 1/239 (Machin). */
function constants(): Constants {
  computed ??= {
    ln2: 2n * inverseTangentSeries(UNIT / 3n, false),
    pi: 16n * inverseTangentSeries(UNIT / 5n, true) - 4n * inverseTangentSeries(UNIT / 239n, true),
  };
  return computed;
}

/** Fixed-point of an exact number; what is below 2^-320 is cut off. */
function fixed({ negative, significand, exponent }: Exact): bigint {
  const shift = BigInt(exponent + W);
  const magnitude = shift >= 0n ? significand << shift : significand >> -shift;
  return negative ? -magnitude : magnitude;
}

const absolute = (value: bigint): bigint => (value < 0n ? -value : value);

/** A result that is no 64-bit number, as these functions' are. */
function inexact(status: ExtendedStatus, negative: boolean, magnitude: bigint, exponent = -W): bigint {
  return pack(status, negative, magnitude, exponent, true);
}

/** An exact result that is reported as inexact. */
function exact(status: ExtendedStatus, negative: boolean, magnitude: bigint, exponent: number): bigint {
  const result = pack(status, negative, magnitude, exponent);
  if (magnitude !== 0n) status.raised |= kindOf(result) === 'denormal' ? Fsw.UE | Fsw.PE : Fsw.PE;
  return result;
}

/** The tiny number itself, but for a little less (or more) of magnitude. */
function almost(status: ExtendedStatus, { negative, significand, exponent }: Exact, side: 'below' | 'above'): bigint {
  const scaled = significand << 80n;
  return inexact(status, negative, side === 'below' ? scaled - 1n : scaled, exponent - 80);
}

/** Taylor's sum of angle^(start + 2n) / (start + 2n)!, signs alternating. */
function circular(angle: bigint, start: 0n | 1n): bigint {
  const square = times(angle, angle);
  let term = start === 0n ? UNIT : angle;
  let sum = 0n;
  for (let n = start; term !== 0n && term !== -1n; n += 2n) {
    sum += term;
    term = -times(term, square) / ((n + 1n) * (n + 2n));
  }
  return sum;
}

/** The processors' pi, times 2^64. */
const PI66 = 0x3_243f_6a88_85a3_08d3n;
/** Largest exponent of an angle that is accepted. */
const LARGEST_ANGLE = 62;

/** The angle's quadrant 0-3 and what is left of it, in fixed point, within pi / 4 of 0. */
function reduce(angle: bigint): { readonly quadrant: number; readonly rest: bigint } {
  const right = PI66 << BigInt(W - 65);
  let turns = angle / right;
  let rest = angle - turns * right;
  const half = right / 2n;
  if (rest > half) {
    turns++;
    rest -= right;
  } else if (rest < -half) {
    turns--;
    rest += right;
  }
  return { quadrant: Number(BigInt.asUintN(2, turns)), rest };
}

const sineOf = (quadrant: number, rest: bigint): bigint => {
  const value = (quadrant & 1) === 0 ? circular(rest, 1n) : circular(rest, 0n);
  return (quadrant & 2) === 0 ? value : -value;
};

interface Trigonometry {
  readonly ofZero: (value: bigint) => bigint;
  readonly ofTiny: (status: ExtendedStatus, angle: Exact) => bigint;
  readonly ofAngle: (quadrant: number, rest: bigint) => bigint;
}

/** C2 is 1 for an angle of 2^63 or more, which is left as it is. */
function trigonometric({ ofZero, ofTiny, ofAngle }: Trigonometry): Unary {
  return (status, value) => {
    status.conditionMask = Fsw.C2;
    status.conditions = 0;
    const nan = special(status, value, value);
    if (nan !== undefined) return nan;
    const kind = kindOf(value);
    if (kind === 'infinite') return invalid(status);
    if (kind === 'zero') return ofZero(value);
    const angle = unpack(value);
    const leading = leadingExponent(angle);
    if (leading > LARGEST_ANGLE) {
      status.conditions = Fsw.C2;
      return value;
    }
    if (leading < TINY) return ofTiny(status, angle);
    const { quadrant, rest } = reduce(fixed(angle));
    const result = ofAngle(quadrant, rest);
    return inexact(status, result < 0n, absolute(result));
  };
}

const sin = trigonometric({
  ofZero: (value) => value,
  ofTiny: (status, angle) => almost(status, angle, 'below'),
  ofAngle: sineOf,
});
const cos = trigonometric({
  ofZero: () => ONE,
  ofTiny: (status) => almost(status, { negative: false, significand: 1n << 63n, exponent: -63 }, 'below'),
  ofAngle: (quadrant, rest) => sineOf((quadrant + 1) & 3, rest),
});
const tan = trigonometric({
  ofZero: (value) => value,
  ofTiny: (status, angle) => almost(status, angle, 'above'),
  ofAngle: (quadrant, rest) => over(sineOf(quadrant, rest), sineOf((quadrant + 1) & 3, rest)),
});

/** F2XM1: 2^x - 1. Outside of [-1, 1], where the manual leaves it open, x. */
const exp2m1: Unary = (status, value) => {
  const nan = special(status, value, value);
  if (nan !== undefined) return nan;
  const kind = kindOf(value);
  if (kind === 'zero') return value;
  if (kind === 'infinite') return isNegative(value) ? ONE | zeroOf(true) : value;
  const x = unpack(value);
  const leading = leadingExponent(x);
  const { ln2 } = constants();
  if (leading < TINY) return inexact(status, x.negative, x.significand * ln2, x.exponent - W);
  if (leading >= 0) {
    const isOne = fixed({ ...x, negative: false }) === UNIT;
    if (isOne) return exact(status, x.negative, 1n, x.negative ? -1 : 0);
    status.raised |= Fsw.PE;
    return value;
  }
  const argument = times(fixed(x), ln2);
  let term = argument;
  let sum = 0n;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = times(term, argument) / n;
  }
  return inexact(status, x.negative, absolute(sum));
};

/** log2 of a fixed-point number above 0. */
function binaryLogarithm(value: bigint): bigint {
  let power = bitLength(value) - 1 - W;
  let scaled = power >= 0 ? value >> BigInt(power) : value << BigInt(-power);
  // within [3/4, 3/2], so that numbers near 1 keep their digits
  if (scaled * 2n > UNIT * 3n) {
    scaled >>= 1n;
    power++;
  }
  const natural = 2n * inverseTangentSeries(over(scaled - UNIT, scaled + UNIT), false);
  return over(natural, constants().ln2) + BigInt(power) * UNIT;
}

const product = (status: ExtendedStatus, logarithm: bigint, factor: Exact): bigint =>
  inexact(status, logarithm < 0n !== factor.negative, absolute(logarithm) * factor.significand, factor.exponent - W);

const divisionByZero = (status: ExtendedStatus, negative: boolean): bigint =>
  binaryOperations.div(status, ONE | zeroOf(negative), 0n);

/** What y * log is where one of the two is zero or infinite; `sign` is the logarithm's, 0 where it is zero. */
function infiniteProduct(status: ExtendedStatus, y: bigint, sign: -1 | 0 | 1, infinite: boolean): bigint {
  const kind = kindOf(y);
  if ((sign === 0 && kind === 'infinite') || (infinite && kind === 'zero')) return invalid(status);
  const negative = isNegative(y) !== sign < 0;
  return infinite || kind === 'infinite' ? infinityOf(negative) : zeroOf(negative);
}

/** FYL2X: y log2 x. */
const log2: Binary = (status, x, y) => {
  const nan = special(status, x, y);
  if (nan !== undefined) return nan;
  const [kind, factorKind] = [kindOf(x), kindOf(y)];
  if (kind === 'zero') {
    if (factorKind === 'zero') return invalid(status);
    return factorKind === 'infinite' ? infinityOf(!isNegative(y)) : divisionByZero(status, !isNegative(y));
  }
  if (isNegative(x)) return invalid(status);
  if (kind === 'infinite') return infiniteProduct(status, y, 1, true);
  const argument = unpack(x);
  const power = leadingExponent(argument);
  const isPower = argument.significand === 1n << BigInt(power - argument.exponent);
  const sign = power < 0 ? -1 : isPower && power === 0 ? 0 : 1;
  if (factorKind !== 'normal' && factorKind !== 'denormal') return infiniteProduct(status, y, sign, false);
  const factor = unpack(y);
  if (isPower) {
    return exact(status, power < 0 !== factor.negative, BigInt(Math.abs(power)) * factor.significand, factor.exponent);
  }
  // the exponent is taken out first: fixed point does not reach as far
  const mantissa = fixed({ ...argument, exponent: argument.exponent - power });
  const [near, lower] = power === -1 ? [mantissa >> 1n, 0] : [mantissa, power];
  return product(status, binaryLogarithm(near) + BigInt(lower) * UNIT, factor);
};

/** FYL2XP1: y log2(x + 1). For x at or below -1, where the manual leaves it open, x. */
const log2p1: Binary = (status, x, y) => {
  const nan = special(status, x, y);
  if (nan !== undefined) return nan;
  const [kind, factorKind] = [kindOf(x), kindOf(y)];
  if (kind === 'infinite') return isNegative(x) ? invalid(status) : infiniteProduct(status, y, 1, true);
  const sign = isNegative(x) ? -1 : 1;
  if (factorKind === 'infinite') return infiniteProduct(status, y, kind === 'zero' ? 0 : sign, false);
  if (kind === 'zero' || factorKind === 'zero') return zeroOf(isNegative(x) !== isNegative(y));
  const argument = unpack(x);
  const factor = unpack(y);
  const leading = leadingExponent(argument);
  if (leading < TINY) {
    const quotient = over(argument.significand << FRACTION, constants().ln2);
    const negative = argument.negative !== factor.negative;
    return inexact(status, negative, quotient * factor.significand, argument.exponent + factor.exponent - W);
  }
  const sum = leading > W ? UNIT * BigInt(sign) : fixed(argument) + UNIT;
  if (sum <= 0n) {
    status.raised |= Fsw.PE;
    return x;
  }
  return leading > W ? log2(status, x, y) : product(status, binaryLogarithm(sum), factor);
};

/** arctan of a fixed-point number in [0, 1]. */
function arcTangent(value: bigint): bigint {
  // halves the angle twice, to at most pi / 16
  let tangent = value;
  for (let n = 0; n < 2; n++) tangent = over(tangent, UNIT + integerRoot((UNIT << FRACTION) + tangent * tangent));
  return 4n * inverseTangentSeries(tangent, true);
}

/** FPATAN: the angle of the point (x, y), in (-pi, pi]. */
const atan: Binary = (status, x, y) => {
  const nan = special(status, x, y);
  if (nan !== undefined) return nan;
  const [kind, heightKind] = [kindOf(x), kindOf(y)];
  const negative = isNegative(y);
  const { pi } = constants();
  if (kind === 'infinite' || heightKind === 'infinite') {
    const eighths = kind !== heightKind ? (heightKind === 'infinite' ? 4n : 8n) : isNegative(x) ? 6n : 2n;
    if (heightKind !== 'infinite' && !isNegative(x)) return zeroOf(negative);
    return inexact(status, negative, (pi * eighths) / 8n);
  }
  if (heightKind === 'zero') return isNegative(x) ? inexact(status, negative, pi) : zeroOf(negative);
  if (kind === 'zero') return inexact(status, negative, pi / 2n);
  const [width, height] = [unpack(x), unpack(y)];
  const distance = leadingExponent(height) - leadingExponent(width);
  if (distance < TINY && !isNegative(x)) {
    const quotient = (height.significand << 200n) / width.significand;
    return inexact(status, negative, quotient - 1n, height.exponent - width.exponent - 200);
  }
  const steep = distance > 0 || (distance === 0 && fixedRatio(height, width) > UNIT);
  const angle = arcTangent(steep ? fixedRatio(width, height) : fixedRatio(height, width));
  const acute = steep ? pi / 2n - angle : angle;
  return inexact(status, negative, isNegative(x) ? pi - acute : acute);
};

/** left / right of magnitudes, in fixed point. */
function fixedRatio(left: Exact, right: Exact): bigint {
  const shift = left.exponent - right.exponent + W;
  return shift >= 0
    ? (left.significand << BigInt(shift)) / right.significand
    : left.significand / (right.significand << BigInt(-shift));
}

export const transcendentalBinary = { log2, log2p1, atan } as const satisfies Record<string, Binary>;
export const transcendentalUnary = { sin, cos, tan, exp2m1 } as const satisfies Record<string, Unary>;

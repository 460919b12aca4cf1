/** 80-bit patterns from and to the other formats: binary32 and binary64, integers, packed decimals. */
import {
  Fsw,
  infinityOf,
  isNegative,
  isSignalling,
  kindOf,
  leadingExponent,
  pack,
  quieted,
  rounded,
  unpack,
  zeroOf,
  bitLength,
  type ExtendedStatus,
} from './extended-format.ts';
import {
  formatOf,
  indefinite as floatIndefinite,
  infinityOf as floatInfinityOf,
  type FloatWidth,
} from './float-format.ts';
import * as floats from './float-format.ts';

/** NaN payloads of the narrow formats are the upper bits of the significand. */
const payloadShift = (width: FloatWidth): bigint => BigInt(64 - formatOf(width).precision);

/** Exact. Raises DE; a signalling NaN stays one, unless `quiets`: then it raises IE. */
export function fromFloat(status: ExtendedStatus, width: FloatWidth, bits: bigint, quiets: boolean): bigint {
  const { negative, kind, significand, exponent } = floats.unpack(width, bits);
  if (kind === 'infinite') return infinityOf(negative);
  if (kind === 'nan') {
    const fraction = bits & ((1n << BigInt(formatOf(width).precision - 1)) - 1n);
    const nan = infinityOf(negative) | (fraction << payloadShift(width));
    if (!quiets || !isSignalling(nan)) return nan;
    status.raised |= Fsw.IE;
    return quieted(nan);
  }
  if (floats.isDenormal(width, bits)) status.raised |= Fsw.DE;
  return pack({ ...status }, negative, significand, exponent);
}

/** Rounded, raising IE, OE, UE and PE; a NaN keeps the upper bits of its payload. */
export function toFloat(status: ExtendedStatus, width: FloatWidth, bits: bigint): bigint {
  const kind = kindOf(bits);
  const negative = isNegative(bits);
  if (kind === 'unsupported') {
    status.raised |= Fsw.IE;
    return floatIndefinite(width);
  }
  if (kind === 'nan') {
    if (isSignalling(bits)) status.raised |= Fsw.IE;
    const payload = BigInt.asUintN(63, quieted(bits)) >> payloadShift(width);
    return floatInfinityOf(width, negative) | payload;
  }
  if (kind === 'infinite') return floatInfinityOf(width, negative);
  if (kind === 'zero') return floats.zeroOf(width, negative);
  const { significand, exponent } = unpack(bits);
  return packFloat(status, width, negative, significand, exponent);
}

/** An unmasked OE or UE stores nothing, and PE is not raised with it. */
function packFloat(
  status: ExtendedStatus,
  width: FloatWidth,
  negative: boolean,
  significand: bigint,
  exponent: number,
): bigint {
  const { precision, bias } = formatOf(width);
  const sign = floats.zeroOf(width, negative);
  const leading = exponent + bitLength(significand) - 1;
  const lowest = 1 - bias;
  const normal = rounded(status, negative, significand, exponent, false, leading - precision + 1);
  const top = leading + (normal.multiple >> BigInt(precision) === 0n ? 0 : 1);
  if (top > bias) {
    const rounding = (status.control >> 10) & 3;
    const away = rounding === 0 || rounding === (negative ? 1 : 2);
    const masked = (status.control & Fsw.OE) !== 0;
    status.raised |= masked ? Fsw.OE | Fsw.PE : Fsw.OE;
    status.c1 = masked && away;
    return sign | (floatInfinityOf(width, false) - (away ? 0n : 1n));
  }
  const tiny = top < lowest;
  const value =
    leading >= lowest ? normal : rounded(status, negative, significand, exponent, false, lowest - precision + 1);
  if (tiny && (status.control & Fsw.UE) === 0) {
    status.raised |= Fsw.UE;
    return sign;
  }
  if (value.inexact) status.raised |= tiny ? Fsw.UE | Fsw.PE : Fsw.PE;
  status.c1 = value.up;
  // the hidden bit adds one to the biased exponent, as does a carry out of the fraction
  const biased = Math.max(leading, lowest) + bias - 1;
  return sign | ((BigInt(biased) << BigInt(precision - 1)) + value.multiple);
}

/** From a signed integer of `width` bits: exact. */
export function fromInteger(status: ExtendedStatus, width: 16 | 32 | 64, value: bigint): bigint {
  const signed = BigInt.asIntN(width, value);
  return pack({ ...status }, signed < 0n, signed < 0n ? -signed : signed, 0);
}

/** The integer by the rounding control (or toward zero), or undefined where its magnitude is not below 2^64. */
function toSigned(status: ExtendedStatus, bits: bigint, truncate: boolean) {
  const kind = kindOf(bits);
  if (kind === 'zero') return { signed: 0n, inexact: false, up: false };
  if (kind !== 'normal' && kind !== 'denormal') return undefined;
  const exact = unpack(bits);
  if (leadingExponent(exact) > 64) return undefined;
  const { negative, significand, exponent } = exact;
  const mode = truncate ? 3 : (status.control >> 10) & 3;
  const { multiple, inexact, up } = rounded(status, negative, significand, exponent, false, 0, mode);
  return { signed: negative ? -multiple : multiple, inexact, up };
}

/** NaN and what does not fit give the integer indefinite, 1 << width - 1, and IE. */
export function toInteger(status: ExtendedStatus, width: 16 | 32 | 64, bits: bigint, truncate: boolean): bigint {
  const limit = 1n << BigInt(width - 1);
  const value = toSigned(status, bits, truncate);
  if (value === undefined || value.signed < -limit || value.signed >= limit) {
    status.raised |= Fsw.IE;
    return limit;
  }
  if (value.inexact) status.raised |= Fsw.PE;
  status.c1 = value.up;
  return BigInt.asUintN(width, value.signed);
}

const DECIMAL_LIMIT = 10n ** 18n;
const DECIMAL_INDEFINITE = 0xffff_c000_0000_0000_0000n;

/** From eighteen packed decimal digits and a sign in bit 79; digits above 9 count as what they are. */
export function fromDecimal(status: ExtendedStatus, decimal: bigint): bigint {
  let magnitude = 0n;
  for (let at = 68n; at >= 0n; at -= 4n) magnitude = magnitude * 10n + ((decimal >> at) & 15n);
  return pack({ ...status }, isNegative(decimal), magnitude, 0);
}

/** To eighteen packed decimal digits; what needs more gives the decimal indefinite and IE. */
export function toDecimal(status: ExtendedStatus, bits: bigint): bigint {
  const value = toSigned(status, bits, false);
  const magnitude = value === undefined ? DECIMAL_LIMIT : value.signed < 0n ? -value.signed : value.signed;
  if (value === undefined || magnitude >= DECIMAL_LIMIT) {
    status.raised |= Fsw.IE;
    return DECIMAL_INDEFINITE;
  }
  if (value.inexact) status.raised |= Fsw.PE;
  status.c1 = value.up;
  return zeroOf(isNegative(bits)) | BigInt(`0x${magnitude}`);
}

/** IEEE 754 binary32 and binary64 bit patterns to exact numbers and back, with MXCSR's rounding and exceptions. */

/** MXCSR: sticky flags 0-5, DAZ 6, masks 7-12, rounding control 13-14, FTZ 15. */
export const Mxcsr = {
  IE: 1,
  DE: 2,
  ZE: 4,
  OE: 8,
  UE: 16,
  PE: 32,
  flags: 0x3f,
  DAZ: 0x40,
  masks: 0x1f80,
  maskShift: 7,
  OM: 0x400,
  UM: 0x800,
  RC: 0x6000,
  FTZ: 0x8000,
} as const;

/** What an operation reads of MXCSR, and the flags that it and the operations before it have raised. */
export interface FloatStatus {
  mxcsr: number;
  raised: number;
}

/** Rounding control: nearest even 0, down 1, up 2, toward zero 3. */
export const roundingOf = (status: FloatStatus): number => (status.mxcsr & Mxcsr.RC) >> 13;

export type FloatWidth = 32 | 64;

interface Format {
  /** bits of the significand, the hidden one included */
  readonly precision: number;
  readonly bias: number;
  readonly infinity: bigint;
  readonly sign: bigint;
  readonly quiet: bigint;
}
const formats: Readonly<Record<FloatWidth, Format>> = {
  32: { precision: 24, bias: 127, infinity: 0x7f80_0000n, sign: 1n << 31n, quiet: 1n << 22n },
  64: { precision: 53, bias: 1023, infinity: 0x7ff0_0000_0000_0000n, sign: 1n << 63n, quiet: 1n << 51n },
};
export const formatOf = (width: FloatWidth): Format => formats[width];

/** The default NaN, "real indefinite": quiet and negative. */
export const indefinite = (width: FloatWidth): bigint =>
  formats[width].sign | formats[width].infinity | formats[width].quiet;

/** Finite: (-1)^negative * significand * 2^exponent, where the significand of zero is 0n. */
export interface Unpacked {
  readonly kind: 'finite' | 'infinite' | 'nan';
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

export const isNan = (width: FloatWidth, bits: bigint): boolean =>
  (bits & ~formats[width].sign) > formats[width].infinity;
export const isSignalling = (width: FloatWidth, bits: bigint): boolean =>
  isNan(width, bits) && (bits & formats[width].quiet) === 0n;
export const quieted = (width: FloatWidth, bits: bigint): bigint => bits | formats[width].quiet;
export const isZero = (u: Unpacked): boolean => u.kind === 'finite' && u.significand === 0n;

export function isDenormal(width: FloatWidth, bits: bigint): boolean {
  const { infinity, sign } = formats[width];
  return (bits & infinity) === 0n && (bits & ~sign) !== 0n;
}

/** With DAZ a denormal reads as a zero of its sign. */
export function flushed(status: FloatStatus, width: FloatWidth, bits: bigint): bigint {
  return (status.mxcsr & Mxcsr.DAZ) !== 0 && isDenormal(width, bits) ? bits & formats[width].sign : bits;
}

export function unpack(width: FloatWidth, bits: bigint): Unpacked {
  const { precision, bias, infinity, sign } = formats[width];
  const negative = (bits & sign) !== 0n;
  const magnitude = bits & ~sign;
  if (magnitude >= infinity) {
    return { kind: magnitude === infinity ? 'infinite' : 'nan', negative, significand: 0n, exponent: 0 };
  }
  const hidden = 1n << BigInt(precision - 1);
  const biased = Number(magnitude >> BigInt(precision - 1));
  const fraction = magnitude & (hidden - 1n);
  const significand = biased === 0 ? fraction : fraction | hidden;
  return { kind: 'finite', negative, significand, exponent: Math.max(biased, 1) - bias - (precision - 1) };
}

export const infinityOf = (width: FloatWidth, negative: boolean): bigint =>
  formats[width].infinity | (negative ? formats[width].sign : 0n);
export const zeroOf = (width: FloatWidth, negative: boolean): bigint => (negative ? formats[width].sign : 0n);

function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0]!, 16)) + 28;
}

/** `significand * 2^exponent` as a multiple of 2^quantum, rounded; `more` says that a little is missing from it. */
export function roundToMultiple(
  rounding: number,
  negative: boolean,
  significand: bigint,
  exponent: number,
  more: boolean,
  quantum: number,
): { readonly multiple: bigint; readonly inexact: boolean } {
  const shift = BigInt(quantum - exponent);
  if (shift <= 0n) return { multiple: significand << -shift, inexact: more };
  const multiple = significand >> shift;
  const rest = significand - (multiple << shift);
  const half = 1n << (shift - 1n);
  const inexact = more || rest !== 0n;
  const away =
    rounding === 0
      ? rest > half || (rest === half && (more || (multiple & 1n) === 1n))
      : inexact && rounding === (negative ? 1 : 2);
  return { multiple: away ? multiple + 1n : multiple, inexact };
}

/**
 * The bit pattern nearest to ±`significand` * 2^`exponent` by MXCSR's rounding, raising OE, UE and PE. `more` says that
 * the exact value is a little larger; the significand then has at least three bits more than the format. Tininess is
 * detected after rounding; an exact tiny result raises nothing. Where OE or UE is not masked the result is not used, and
 * PE tells whether it would be inexact with an unbounded exponent.
 */
export function pack(
  status: FloatStatus,
  width: FloatWidth,
  negative: boolean,
  significand: bigint,
  exponent: number,
  more = false,
): bigint {
  const { precision, bias, sign } = formats[width];
  const signBit = negative ? sign : 0n;
  if (significand === 0n) return signBit;
  const rounding = roundingOf(status);
  const leading = exponent + bitLength(significand) - 1;
  const lowest = 1 - bias;
  const normal = roundToMultiple(rounding, negative, significand, exponent, more, leading - precision + 1);
  const carried = normal.multiple >> BigInt(precision) !== 0n ? 1 : 0;
  const tiny = leading + carried < lowest;
  if (leading + carried > bias) {
    status.raised |= Mxcsr.OE | (normal.inexact || (status.mxcsr & Mxcsr.OM) !== 0 ? Mxcsr.PE : 0);
    // away from zero to infinity, toward zero to the largest finite value
    const toInfinity = rounding === 0 || rounding === (negative ? 1 : 2);
    return signBit | (toInfinity ? formats[width].infinity : formats[width].infinity - 1n);
  }
  if (tiny && (status.mxcsr & Mxcsr.UM) === 0) {
    status.raised |= Mxcsr.UE | (normal.inexact ? Mxcsr.PE : 0);
    return signBit;
  }
  const flush = tiny && (status.mxcsr & Mxcsr.FTZ) !== 0;
  if (flush) {
    status.raised |= Mxcsr.UE | Mxcsr.PE;
    return signBit;
  }
  const quantum = Math.max(leading, lowest) - precision + 1;
  const { multiple, inexact } =
    leading >= lowest ? normal : roundToMultiple(rounding, negative, significand, exponent, more, quantum);
  if (inexact) status.raised |= tiny ? Mxcsr.UE | Mxcsr.PE : Mxcsr.PE;
  // the hidden bit adds one to the biased exponent, as does a carry out of the fraction
  const biased = Math.max(leading, lowest) + bias - 1;
  return signBit | ((BigInt(biased) << BigInt(precision - 1)) + multiple);
}

/** Those of the exceptions `raised` that MXCSR does not mask. */
export const unmaskedExceptions = (mxcsr: number, raised: number): number =>
  raised & ~(mxcsr >> Mxcsr.maskShift) & Mxcsr.flags;

/** An unmasked IE, DE or ZE is found before the result is computed, so OE, UE and PE are not reported with it. */
export function reportedExceptions(raised: number, unmasked: number): number {
  const before = Mxcsr.IE | Mxcsr.DE | Mxcsr.ZE;
  return (unmasked & before) !== 0 ? raised & before : raised;
}

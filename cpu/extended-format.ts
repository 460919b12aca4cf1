/**
 * The 80-bit extended format: bit patterns to exact numbers and back, with the x87's rounding and exceptions. A pattern is
 * sign 79, exponent 78-64 (bias 16383), significand 63-0 with its leading bit stored.
 */
import { roundToMultiple } from './float-format.ts';

/** FSW: exception flags 0-5, SF 6, ES 7, C0-C2 8-10, TOP 11-13, C3 14, B 15. */
export const Fsw = {
  IE: 1,
  DE: 2,
  ZE: 4,
  OE: 8,
  UE: 16,
  PE: 32,
  flags: 0x3f,
  SF: 0x40,
  ES: 0x80,
  C0: 0x100,
  C1: 0x200,
  C2: 0x400,
  C3: 0x4000,
  B: 0x8000,
  topShift: 11,
} as const;

/** What operations read of FCW, and what those since the instruction began have collected. */
export interface ExtendedStatus {
  /** FCW: masks 0-5 as the flags of FSW, precision control 8-9, rounding control 10-11 */
  control: number;
  /** flags of FSW, SF included: then C1 is 1 for an overflow and every result is the indefinite */
  raised: number;
  /** C1: the magnitude was rounded up, or a stack fault was an overflow */
  c1: boolean;
  /** further condition bits that an operation gives, and their values */
  conditionMask: number;
  conditions: number;
}

/** Rounding control: nearest even 0, down 1, up 2, toward zero 3. */
const roundingOf = (status: ExtendedStatus): number => (status.control >> 10) & 3;
/** Significand bits by precision control; 1 is reserved and works as 3. */
const precisions = [24, 64, 53, 64] as const;
export const precisionOf = (status: ExtendedStatus): number => precisions[(status.control >> 8) & 3]!;
const isUnmasked = (status: ExtendedStatus, flag: number): boolean => (status.control & flag) === 0;

const BIAS = 16383;
/** exponents of the leading bit of normal numbers */
const HIGHEST = BIAS;
const LOWEST = 1 - BIAS;
const SPECIAL = 0x7fff;
const INTEGER_BIT = 1n << 63n;
const QUIET_BIT = 1n << 62n;
const SIGN = 1n << 79n;
/** An unmasked overflow or underflow delivers the result times 2^∓24576 (Intel SDM vol. 1, 8.5.4, 8.5.5); beyond that, infinity or zero. */
const WRAP = 24576;

/** Real indefinite: what masked invalid operations give. */
export const INDEFINITE = 0xffff_c000_0000_0000_0000n;
export const ONE = 0x3fff_8000_0000_0000_0000n;

export const infinityOf = (negative: boolean): bigint => (negative ? SIGN : 0n) | 0x7fff_8000_0000_0000_0000n;
export const zeroOf = (negative: boolean): bigint => (negative ? SIGN : 0n);
export const significandOf = (bits: bigint): bigint => BigInt.asUintN(64, bits);
export const isNegative = (bits: bigint): boolean => (bits & SIGN) !== 0n;
const exponentField = (bits: bigint): number => Number((bits >> 64n) & 0x7fffn);

/** Patterns without a meaning since the 387 (pseudo-infinity, pseudo-NaN, unnormal) are `unsupported`: invalid operands. */
export type ExtendedKind = 'zero' | 'denormal' | 'normal' | 'infinite' | 'nan' | 'unsupported';

/** Pseudo-denormals (leading bit set, exponent 0) count as denormal. */
export function kindOf(bits: bigint): ExtendedKind {
  const exponent = exponentField(bits);
  const significand = significandOf(bits);
  if (exponent === 0) return significand === 0n ? 'zero' : 'denormal';
  if (significand < INTEGER_BIT) return 'unsupported';
  if (exponent < SPECIAL) return 'normal';
  return significand === INTEGER_BIT ? 'infinite' : 'nan';
}

export const isSignalling = (bits: bigint): boolean => kindOf(bits) === 'nan' && (bits & QUIET_BIT) === 0n;
export const quieted = (bits: bigint): bigint => bits | QUIET_BIT;

/** Finite: (-1)^negative * significand * 2^exponent, where the significand of zero is 0n. */
export interface Exact {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

/** Of a finite pattern. */
export function unpack(bits: bigint): Exact {
  const exponent = Math.max(exponentField(bits), 1) - BIAS - 63;
  return { negative: isNegative(bits), significand: significandOf(bits), exponent };
}

/** Bits of a positive number; 0 for 0. */
export function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return (hex.length - 1) * 4 + 32 - Math.clz32(Number.parseInt(hex[0]!, 16));
}

/** Exponent of the leading bit of a number that is not zero. */
export const leadingExponent = (value: Exact): number => value.exponent + bitLength(value.significand) - 1;

/** `significand * 2^exponent`, plus a little if `more`, as a multiple of 2^quantum by the rounding control; raises nothing. */
export function rounded(
  status: ExtendedStatus,
  negative: boolean,
  significand: bigint,
  exponent: number,
  more: boolean,
  quantum: number,
  rounding = roundingOf(status),
): { readonly multiple: bigint; readonly inexact: boolean; readonly up: boolean } {
  const result = roundToMultiple(rounding, negative, significand, exponent, more, quantum);
  const up = result.inexact && quantum > exponent && result.multiple << BigInt(quantum - exponent) > significand;
  return { ...result, up };
}

/** A pattern from an exponent of bit 63 and a significand below 2^65, whose excess bits are zero. */
function encode(negative: boolean, significand: bigint, top: number): bigint {
  const carried = significand >> 64n !== 0n;
  const whole = carried ? significand >> 1n : significand;
  const field = whole < INTEGER_BIT ? 0 : top + (carried ? 1 : 0) + BIAS;
  return zeroOf(negative) | (BigInt(field) << 64n) | whole;
}

/**
 * The pattern nearest to ±`significand` * 2^`exponent` in `precision` bits, raising OE, UE and PE and setting C1. `more`
 * says that the exact value is a little larger; the significand then has at least three bits more than the precision.
 * Tininess is detected after rounding.
 */
export function pack(
  status: ExtendedStatus,
  negative: boolean,
  significand: bigint,
  exponent: number,
  more = false,
  precision = 64,
): bigint {
  if (significand === 0n) return zeroOf(negative);
  const leading = exponent + bitLength(significand) - 1;
  const normal = rounded(status, negative, significand, exponent, more, leading - precision + 1);
  const carried = normal.multiple >> BigInt(precision) === 0n ? 0 : 1;
  const aligned = BigInt(64 - precision);
  const finish = (value: typeof normal, top: number, flags: number): bigint => {
    status.raised |= flags | (value.inexact ? Fsw.PE : 0);
    status.c1 = value.up;
    return encode(negative, value.multiple << aligned, top);
  };
  if (leading + carried > HIGHEST) {
    const wrapped = leading - WRAP;
    if (isUnmasked(status, Fsw.OE) && wrapped + carried <= HIGHEST) return finish(normal, wrapped, Fsw.OE);
    const rounding = isUnmasked(status, Fsw.OE) ? 0 : roundingOf(status);
    // away from zero to infinity, toward zero to the largest finite value
    const away = rounding === 0 || rounding === (negative ? 1 : 2);
    status.raised |= Fsw.OE | Fsw.PE;
    status.c1 = away;
    if (away) return infinityOf(negative);
    return encode(negative, ((1n << BigInt(precision)) - 1n) << aligned, HIGHEST);
  }
  const tiny = leading + carried < LOWEST;
  if (tiny && isUnmasked(status, Fsw.UE)) {
    const wrapped = leading + WRAP;
    if (wrapped >= LOWEST) return finish(normal, wrapped, Fsw.UE);
    status.raised |= Fsw.UE | Fsw.PE;
    return zeroOf(negative);
  }
  if (leading >= LOWEST) return finish(normal, leading, 0);
  const denormal = rounded(status, negative, significand, exponent, more, LOWEST - precision + 1);
  return finish(denormal, LOWEST, tiny && denormal.inexact ? Fsw.UE : 0);
}

/**
 * The pending operation's flags, read from the 32-bit words of the state block: what the rows of `flags.ts` say, without
 * BigInts. tests/flag-words.test.ts holds the two against each other. Where nothing is pending, rflags has the flags.
 */
import type { FlagName } from './algebra.ts';
import { arithmeticFlags, flagBits as bitNumbers, flagsKindNumbers } from './flags.ts';
import { Slot as slotNumbers } from './slots.ts';

type Words = Int32Array;

// local constants: see word-values.ts
const Slot = slotNumbers;
const flagBits = bitNumbers;
const ARITHMETIC = arithmeticFlags;

const NONE = 0;
const ADD = flagsKindNumbers.add;
const SUB = flagsKindNumbers.sub;
const LOGIC = flagsKindNumbers.logic;
const INC = flagsKindNumbers.inc;
const DEC = flagsKindNumbers.dec;
const SHL = flagsKindNumbers.shl;
const SHR = flagsKindNumbers.shr;
const SAR = flagsKindNumbers.sar;

const kindOf = (words: Words): number => words[Slot.flagsKind * 2]! & 0xff;
const widthOf = (words: Words): number => words[Slot.flagsKind * 2]! >> 8;
const settled = (words: Words, bit: number): boolean => ((words[Slot.rflags * 2]! >> bit) & 1) !== 0;

/** A slot with the operation's sign bit in bit 31. */
function top(words: Words, slot: number): number {
  const width = widthOf(words);
  return width === 64 ? words[slot * 2 + 1]! : words[slot * 2]! << (32 - width);
}

/** 0 outside of the slot */
const bitOf = (words: Words, slot: number, index: number): boolean =>
  index >= 0 && index < 64 && ((words[slot * 2 + (index >> 5)]! >> (index & 31)) & 1) !== 0;

function carry(words: Words): boolean {
  const kind = kindOf(words);
  if (kind === SUB || kind === ADD) {
    const left = top(words, Slot.flagsLeft);
    const right = top(words, Slot.flagsRight);
    const result = top(words, Slot.flagsResult);
    return kind === SUB
      ? ((~left & right) | ((~left | right) & result)) < 0
      : ((left & right) | ((left | right) & ~result)) < 0;
  }
  if (kind === NONE) return settled(words, flagBits.CF);
  const right = words[Slot.flagsRight * 2]!;
  if (kind === INC || kind === DEC) return (right & 1) !== 0;
  if (kind === SHL) return bitOf(words, Slot.flagsLeft, widthOf(words) - right);
  if (kind === SHR) return bitOf(words, Slot.flagsLeft, right - 1);
  if (kind === SAR) return bitOf(words, Slot.flagsLeft, Math.min(right, widthOf(words)) - 1);
  return false;
}

function parity(words: Words): boolean {
  if (kindOf(words) === NONE) return settled(words, flagBits.PF);
  const low = words[Slot.flagsResult * 2]! & 0xff;
  // bit n of the constant is 1 where n has an odd number of ones
  return ((0x6996 >> ((low ^ (low >> 4)) & 15)) & 1) === 0;
}

function adjust(words: Words): boolean {
  const kind = kindOf(words);
  const result = words[Slot.flagsResult * 2]!;
  if (kind === SUB || kind === ADD) {
    return ((words[Slot.flagsLeft * 2]! ^ words[Slot.flagsRight * 2]! ^ result) & 0x10) !== 0;
  }
  if (kind === NONE) return settled(words, flagBits.AF);
  if (kind === INC) return (result & 15) === 0;
  if (kind === DEC) return (result & 15) === 15;
  return kind === SHL || kind === SHR || kind === SAR;
}

function zero(words: Words): boolean {
  if (kindOf(words) === NONE) return settled(words, flagBits.ZF);
  return (words[Slot.flagsResult * 2]! | words[Slot.flagsResult * 2 + 1]!) === 0;
}

function sign(words: Words): boolean {
  if (kindOf(words) === NONE) return settled(words, flagBits.SF);
  return top(words, Slot.flagsResult) < 0;
}

function overflow(words: Words): boolean {
  const kind = kindOf(words);
  if (kind === SUB || kind === ADD) {
    const left = top(words, Slot.flagsLeft);
    const right = top(words, Slot.flagsRight);
    const result = top(words, Slot.flagsResult);
    return ((kind === SUB ? left ^ right : right ^ result) & (left ^ result)) < 0;
  }
  if (kind === NONE) return settled(words, flagBits.OF);
  if (kind === INC || kind === DEC) {
    // the least and the greatest signed number of the width
    const rest = widthOf(words) === 64 ? words[Slot.flagsResult * 2]! : 0;
    const result = top(words, Slot.flagsResult) >> (widthOf(words) < 32 ? 32 - widthOf(words) : 0);
    const least = -(2 ** (Math.min(32, widthOf(words)) - 1));
    return kind === INC ? result === least && rest === 0 : result === ~least && (widthOf(words) < 64 || rest === -1);
  }
  if (kind === SHL) return carry(words) !== sign(words);
  if (kind === SHR) return words[Slot.flagsRight * 2] === 1 && top(words, Slot.flagsLeft) < 0;
  return false;
}

const readers: Readonly<Record<FlagName, (words: Words) => boolean>> = {
  CF: carry,
  PF: parity,
  AF: adjust,
  ZF: zero,
  SF: sign,
  OF: overflow,
};

/** One flag, pending or settled. */
export function flagOf(words: Words, name: FlagName): boolean {
  if (name === 'CF') return carry(words);
  if (name === 'ZF') return zero(words);
  return readers[name](words);
}

/** A condition code, 0 to 15, of Jcc, SETcc and CMOVcc: `conditionCodes` of `flags.ts`. */
export function conditionOf(words: Words, code: number): boolean {
  return evenCondition(words, code >> 1) !== ((code & 1) === 1);
}

function evenCondition(words: Words, half: number): boolean {
  switch (half) {
    case 0:
      return overflow(words);
    case 1:
      return carry(words);
    case 2:
      return zero(words);
    case 3:
      return carry(words) || zero(words);
    case 4:
      return sign(words);
    case 5:
      return parity(words);
    case 6:
      return sign(words) !== overflow(words);
    default:
      return zero(words) || sign(words) !== overflow(words);
  }
}

/** Puts the pending flags into rflags. */
export function settleWords(words: Words): void {
  if (kindOf(words) === NONE) return;
  const value = pendingFlags(words);
  words[Slot.rflags * 2] = (words[Slot.rflags * 2]! & ~ARITHMETIC) | value;
  words[Slot.flagsKind * 2] = 0;
}

/** All six of the commonest kinds at once, which costs half as much as one after the other. */
function flagsOfSum(words: Words, kind: number): number {
  const left = top(words, Slot.flagsLeft);
  const right = top(words, Slot.flagsRight);
  const result = top(words, Slot.flagsResult);
  const low = words[Slot.flagsResult * 2]!;
  const whole = low | words[Slot.flagsResult * 2 + 1]!;
  const sums =
    ((0x6996 >> ((low ^ ((low & 0xff) >> 4)) & 15)) & 1 ? 0 : 0x4) | (whole === 0 ? 0x40 : 0) | (result < 0 ? 0x80 : 0);
  if (kind === LOGIC) return sums;
  const adjusted = (words[Slot.flagsLeft * 2]! ^ words[Slot.flagsRight * 2]! ^ low) & 0x10;
  const carried =
    kind === SUB ? (~left & right) | ((~left | right) & result) : (left & right) | ((left | right) & ~result);
  const overflown = (kind === SUB ? left ^ right : right ^ result) & (left ^ result);
  return sums | adjusted | (carried >>> 31) | (overflown < 0 ? 0x800 : 0);
}

function pendingFlags(words: Words): number {
  const kind = kindOf(words);
  if (kind === LOGIC || kind === ADD || kind === SUB) return flagsOfSum(words, kind);
  return (
    (carry(words) ? 1 << flagBits.CF : 0) |
    (parity(words) ? 1 << flagBits.PF : 0) |
    (adjust(words) ? 1 << flagBits.AF : 0) |
    (zero(words) ? 1 << flagBits.ZF : 0) |
    (sign(words) ? 1 << flagBits.SF : 0) |
    (overflow(words) ? 1 << flagBits.OF : 0)
  );
}

/** Lane-wise integer operations on 128-bit values, for the evaluating algebra. */
import type { VectorOperation, VectorShift } from './algebra.ts';
import * as aes from './aes.ts';
import type { Width } from './instruction.ts';

const MASK64 = 0xffff_ffff_ffff_ffffn;

/** A 128-bit register as lanes of every width; `bigUint64` comes first in memory order. */
function scratch() {
  const { buffer } = new BigUint64Array(2);
  return {
    bigUint64: new BigUint64Array(buffer),
    uint8: new Uint8Array(buffer),
    unsigned: { 8: new Uint8Array(buffer), 16: new Uint16Array(buffer), 32: new Uint32Array(buffer) },
    signed: { 8: new Int8Array(buffer), 16: new Int16Array(buffer), 32: new Int32Array(buffer) },
  };
}
type Scratch = ReturnType<typeof scratch>;
const first = scratch();
const second = scratch();
const out = scratch();

function fill(lanes: Scratch, value: bigint): void {
  lanes.bigUint64[0] = value; // the array keeps 64 bits
  lanes.bigUint64[1] = value >> 64n;
}
const value = (lanes: Scratch): bigint => lanes.bigUint64[0]! | (lanes.bigUint64[1]! << 64n);

type Narrow = 8 | 16 | 32;

/** What becomes of one lane; `wrap` lets the typed array truncate the result. */
type LaneRule = (left: number, right: number, lane: Narrow) => number;

const clampSigned = (n: number, lane: Narrow): number => Math.max(-(2 ** (lane - 1)), Math.min(2 ** (lane - 1) - 1, n));
const clampUnsigned = (n: number, lane: Narrow): number => Math.max(0, Math.min(2 ** lane - 1, n));

const unsignedRules: Partial<Record<VectorOperation, LaneRule>> = {
  add: (l, r) => l + r,
  sub: (l, r) => l - r,
  mulLow: (l, r) => Math.imul(l, r),
  mulHighUnsigned: (l, r, lane) => Math.floor((l * r) / 2 ** lane),
  addSaturateUnsigned: (l, r, lane) => clampUnsigned(l + r, lane),
  subSaturateUnsigned: (l, r, lane) => clampUnsigned(l - r, lane),
  equal: (l, r) => (l === r ? -1 : 0),
  minUnsigned: (l, r) => Math.min(l, r),
  maxUnsigned: (l, r) => Math.max(l, r),
  averageUnsigned: (l, r) => Math.floor((l + r + 1) / 2),
};

const signedRules: Partial<Record<VectorOperation, LaneRule>> = {
  mulHighSigned: (l, r, lane) => Math.floor((l * r) / 2 ** lane),
  addSaturateSigned: (l, r, lane) => clampSigned(l + r, lane),
  subSaturateSigned: (l, r, lane) => clampSigned(l - r, lane),
  greaterSigned: (l, r) => (l > r ? -1 : 0),
  minSigned: (l, r) => Math.min(l, r),
  maxSigned: (l, r) => Math.max(l, r),
  mulHighRounded: (l, r) => (((l * r) >> 14) + 1) >> 1,
  applySign: (l, r) => (r < 0 ? -l : r === 0 ? 0 : l),
};

const quadRules: Partial<Record<VectorOperation, (left: bigint, right: bigint) => bigint>> = {
  add: (l, r) => l + r,
  sub: (l, r) => l - r,
  mulEvenUnsigned: (l, r) => (l & 0xffff_ffffn) * (r & 0xffff_ffffn),
  mulEvenSigned: (l, r) => BigInt.asIntN(32, l) * BigInt.asIntN(32, r),
  equal: (l, r) => (l === r ? MASK64 : 0n),
  greaterSigned: (l, r) => (BigInt.asIntN(64, l) > BigInt.asIntN(64, r) ? MASK64 : 0n),
};

const wholeRules: Partial<Record<VectorOperation, (left: bigint, right: bigint) => bigint>> = {
  and: (l, r) => l & r,
  or: (l, r) => l | r,
  xor: (l, r) => l ^ r,
  andNot: (l, r) => (l ^ ((1n << 128n) - 1n)) & r,
};

/** Signed lanes of twice the width `lane`, narrowed: those of the first operand, then those of the second. */
function pack(clamp: typeof clampSigned, lane: Narrow): void {
  const half = (lane / 2) as 8 | 16;
  const count = 128 / lane;
  const target = out.unsigned[half];
  for (let n = 0; n < count; n++) {
    target[n] = clamp(first.signed[lane][n]!, half);
    target[n + count] = clamp(second.signed[lane][n]!, half);
  }
}

const mixingRules: Partial<Record<VectorOperation, (lane: Narrow) => void>> = {
  packSigned: (lane) => pack(clampSigned, lane),
  packUnsigned: (lane) => pack(clampUnsigned, lane),
  mulAddPairs: () => {
    const l = first.signed[16];
    const r = second.signed[16];
    for (let n = 0; n < 4; n++) out.signed[32][n] = l[2 * n]! * r[2 * n]! + l[2 * n + 1]! * r[2 * n + 1]!;
  },
  sumDifferences: () => {
    for (let half = 0; half < 2; half++) {
      let sum = 0;
      for (let n = half * 8; n < half * 8 + 8; n++) sum += Math.abs(first.uint8[n]! - second.uint8[n]!);
      out.bigUint64[half] = BigInt(sum);
    }
  },
  shuffle: () => {
    for (let n = 0; n < 16; n++) out.uint8[n] = second.uint8[n]! & 0x80 ? 0 : first.uint8[second.uint8[n]! & 15]!;
  },
  mulAddPairsUnsignedSigned: () => {
    const l = first.uint8;
    const r = second.signed[8];
    for (let n = 0; n < 8; n++) {
      out.signed[16][n] = clampSigned(l[2 * n]! * r[2 * n]! + l[2 * n + 1]! * r[2 * n + 1]!, 16);
    }
  },
  minimumPosition: () => {
    const lanes = first.unsigned[16];
    const least = Math.min(...lanes);
    const at = lanes.indexOf(least);
    out.bigUint64.fill(0n);
    out.unsigned[16][0] = least;
    out.unsigned[16][1] = at;
  },
  aesEncrypt: () => out.uint8.set(aes.encrypt(first.uint8, second.uint8)),
  aesEncryptLast: () => out.uint8.set(aes.encryptLast(first.uint8, second.uint8)),
  aesDecrypt: () => out.uint8.set(aes.decrypt(first.uint8, second.uint8)),
  aesDecryptLast: () => out.uint8.set(aes.decryptLast(first.uint8, second.uint8)),
  aesInverseMix: () => out.uint8.set(aes.inverseMix(first.uint8, second.uint8)),
  aesKeyWords: () => out.uint8.set(aes.keyWords(first.uint8, second.uint8)),
};

/** `left` and `right` are unsigned 128-bit values; see `VectorOperation` for what each operation does. */
export function combine(operation: VectorOperation, lane: Width, left: bigint, right: bigint): bigint {
  const whole = wholeRules[operation];
  if (whole !== undefined) return whole(left, right);
  fill(first, left);
  fill(second, right);
  combineScratch(operation, lane);
  return value(out);
}

/** Four words from `words[at]` on. */
function fillWords(lanes: Scratch, words: Int32Array, at: number): void {
  const target = lanes.signed[32];
  target[0] = words[at]!;
  target[1] = words[at + 1]!;
  target[2] = words[at + 2]!;
  target[3] = words[at + 3]!;
}
function takeWords(lanes: Scratch, words: Int32Array, at: number): void {
  const source = lanes.signed[32];
  words[at] = source[0]!;
  words[at + 1] = source[1]!;
  words[at + 2] = source[2]!;
  words[at + 3] = source[3]!;
}

/** `combine` of vectors of four words in `words`, but for the operations on whole vectors (and, or, xor, andNot). */
export function combineWords(
  operation: VectorOperation,
  lane: Width,
  words: Int32Array,
  left: number,
  right: number,
  result: number,
): void {
  fillWords(first, words, left);
  fillWords(second, words, right);
  combineScratch(operation, lane);
  takeWords(out, words, result);
}

function combineScratch(operation: VectorOperation, lane: Width): void {
  if (lane === 64) {
    const quad = quadRules[operation]!;
    // BigUint64Array keeps the low 64 bits
    for (let n = 0; n < 2; n++) out.bigUint64[n] = quad(first.bigUint64[n]!, second.bigUint64[n]!);
    return;
  }
  const mixing = mixingRules[operation];
  if (mixing !== undefined) return mixing(lane);
  const rule = unsignedRules[operation];
  const view = rule === undefined ? 'signed' : 'unsigned';
  const apply = rule ?? signedRules[operation]!;
  const l = first[view][lane];
  const r = second[view][lane];
  const target = out[view][lane];
  for (let n = 0; n < target.length; n++) target[n] = apply(l[n]!, r[n]!, lane);
}

/** All lanes by one count, which may be anything. */
export function shift(operation: VectorShift, lane: Width, whole: bigint, count: bigint): bigint {
  if (count >= BigInt(lane)) {
    if (operation !== 'sar') return 0n;
    return shift('sar', lane, whole, BigInt(lane - 1));
  }
  fill(first, whole);
  if (lane === 64) {
    for (let n = 0; n < 2; n++) {
      const part = first.bigUint64[n]!;
      out.bigUint64[n] =
        operation === 'shl' ? part << count : operation === 'shr' ? part >> count : BigInt.asIntN(64, part) >> count;
    }
    return value(out);
  }
  const by = Number(count);
  const from = operation === 'sar' ? first.signed[lane] : first.unsigned[lane];
  const target = out.unsigned[lane];
  for (let n = 0; n < target.length; n++) {
    const part = from[n]!;
    target[n] = operation === 'shl' ? part << by : operation === 'shr' ? part >>> by : part >> by;
  }
  return value(out);
}

/** Byte n of the result is byte `picks[n]` of `left` (0-15) or `right` (16-31), or zero for -1. */
export function shuffleBytes(left: bigint, right: bigint, picks: readonly number[]): bigint {
  fill(first, left);
  fill(second, right);
  shuffleScratch(picks);
  return value(out);
}

/** `shuffleBytes` of vectors of four words in `words`. */
export function shuffleWords(
  words: Int32Array,
  left: number,
  right: number,
  picks: readonly number[],
  result: number,
): void {
  fillWords(first, words, left);
  fillWords(second, words, right);
  shuffleScratch(picks);
  takeWords(out, words, result);
}

function shuffleScratch(picks: readonly number[]): void {
  for (let n = 0; n < 16; n++) {
    const pick = picks[n]!;
    out.uint8[n] = pick < 0 ? 0 : pick < 16 ? first.uint8[pick]! : second.uint8[pick - 16]!;
  }
}

/** Bit n is the sign bit of lane n. */
export function signMask(lane: Width, whole: bigint): bigint {
  let result = 0n;
  for (let n = 0; n < 128 / lane; n++) result |= ((whole >> BigInt(n * lane + lane - 1)) & 1n) << BigInt(n);
  return result;
}

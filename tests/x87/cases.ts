/** Cases for the x87: one instruction, and a state that a seed makes, biased to where results change. */
import { compiledRows, decode, type CompiledRow } from '../../cpu/decoder.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import { createRandom, type Random } from '../native/random.ts';

/** st(0) first. */
export interface X87State {
  fcw: number;
  fsw: number;
  /** bit n: physical register n is in use */
  ftw: number;
  rflags: bigint;
  rax: bigint;
  readonly st: bigint[];
  /** what rdi points at: 16 words of 64 bits */
  readonly memory: bigint[];
}
export interface X87Outcome extends X87State {
  readonly trap: number;
}
export interface X87Case {
  readonly code: readonly number[];
  readonly seed: number;
}

export const MEMORY_WORDS = 16;

export const x87Rows: readonly CompiledRow[] = compiledRows.filter(
  (row) => !row.vex && row.map === 0 && row.opcode >= 0xd8 && row.opcode <= 0xdf,
);

/** The instruction of `row` on [rdi] or a register that the seed picks; now and then with a 66 prefix. */
export function caseOf(row: CompiledRow, seed: number): X87Case {
  const random = createRandom(seed ^ 0x51ed270b);
  const register = random.below(3) === 0 ? random.below(8) : random.below(3);
  const modrm = row.exactModrm ?? ((row.extension ?? 0) << 3) | (row.form === 'reg' ? 0xc0 | register : 7);
  return { code: [...(random.chance(0.1) ? [0x66] : []), row.opcode, modrm], seed };
}

/** The code and what may be behind it. */
export function padded({ code }: X87Case): Uint8Array {
  const bytes = new Uint8Array(15).fill(0x90);
  bytes.set(code);
  return bytes;
}

export function instructionOf(test: X87Case): Instruction {
  const { code } = test;
  const decoded = decode(padded(test), 0, 15);
  if (typeof decoded !== 'object') throw new Error(`${code.map((byte) => byte.toString(16)).join(' ')}: ${decoded}`);
  return decoded;
}

const BIAS = 0x3fff;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const pattern = (negative: boolean, exponent: number, significand: bigint): bigint =>
  (BigInt((negative ? 0x8000 : 0) | exponent) << 64n) | significand;

function significand(random: Random): bigint {
  const top = 1n << 63n;
  switch (random.below(8)) {
    case 0:
      return top;
    case 1:
      return ALL_ONES;
    case 2:
      return top | (1n << BigInt(random.below(63)));
    case 3:
      return ALL_ONES - (1n << BigInt(random.below(63)));
    // few digits: exact results, ties
    case 4:
      return top | (random.wide() & ~((1n << BigInt(32 + random.below(31))) - 1n));
    // a tie, or almost, in 24 and 53 bits
    case 5:
      return top | ((random.wide() >> 24n) << 24n) | (1n << BigInt(random.pick([10, 39]))) | BigInt(random.below(2));
    default:
      return top | random.wide();
  }
}

const boundaries = [
  1, 2, 0x3f80, 0x3f6a, 0x3c00, 0x3c01, 0x3bcd, 0x3ffe, 0x3fff, 0x4000, 0x400e, 0x401e, 0x403d, 0x403e, 0x403f, 0x407e,
  0x43fe, 0x7ffe,
];

/** A number of any kind, the odd ones rarely. */
function anything(random: Random): bigint {
  const negative = random.chance(0.5);
  switch (random.below(16)) {
    case 0:
      return pattern(negative, 0, 0n);
    case 1:
      return pattern(negative, 0x7fff, 1n << 63n);
    case 2:
      return pattern(negative, 0x7fff, (3n << 62n) | (random.wide() >> BigInt(2 + random.below(62))));
    case 3:
      return pattern(negative, 0x7fff, (1n << 63n) | (random.wide() >> BigInt(2 + random.below(61))) | 1n);
    case 4:
      return pattern(negative, 0, random.wide() >> BigInt(random.below(64)));
    // unsupported: pseudo-NaN, pseudo-infinity, unnormal
    case 5:
      return pattern(
        negative,
        random.pick([0x7fff, 1 + random.below(0x7fff)]),
        random.wide() >> BigInt(1 + random.below(63)),
      );
    case 6:
      return pattern(negative, random.pick(boundaries), significand(random));
    case 7:
      return pattern(negative, BIAS + random.below(70), significand(random));
    case 8:
      return pattern(negative, 1 + random.below(0x7ffe), significand(random));
    case 9:
      return integer(random);
    default:
      return pattern(negative, BIAS - 8 + random.below(16), significand(random));
  }
}

function integer(random: Random): bigint {
  const value = BigInt(1 + random.below(1 << (1 + random.below(15))));
  const bits = value.toString(2).length;
  return pattern(random.chance(0.5), BIAS + bits - 1, value << BigInt(64 - bits));
}

const withExponent = (random: Random, low: number, high: number): bigint =>
  pattern(random.chance(0.5), BIAS + low + random.below(high - low + 1), significand(random));

/** Operands near which an instruction does something: st(0) and st(1). */
const tuned: Readonly<Record<string, (random: Random) => readonly bigint[]>> = {
  fscale: (random) => [anything(random), random.chance(0.7) ? integer(random) : withExponent(random, -3, 18)],
  fprem: (random) => nearby(random, 0, 200),
  fprem1: (random) => nearby(random, -2, 100),
  f2xm1: (random) => [
    random.chance(0.9) ? withExponent(random, -90, -1) : pattern(random.chance(0.5), BIAS, 1n << 63n),
  ],
  fsin: (random) => [withExponent(random, -90, 65)],
  fcos: (random) => [withExponent(random, -90, 65)],
  fsincos: (random) => [withExponent(random, -90, 65)],
  fptan: (random) => [withExponent(random, -90, 65)],
  fpatan: (random) => nearby(random, -70, 70),
  fyl2x: (random) => [
    random.chance(0.5) ? withExponent(random, -3, 3) : pattern(false, 1 + random.below(0x7ffe), significand(random)),
    withExponent(random, -10, 10),
  ],
  fyl2xp1: (random) => [withExponent(random, -90, -3), withExponent(random, -10, 10)],
  frndint: (random) => [withExponent(random, -3, 66)],
  fist: (random) => [withExponent(random, -3, 66)],
  fistp: (random) => [withExponent(random, -3, 66)],
  fisttp: (random) => [withExponent(random, -3, 66)],
  fbstp: (random) => [withExponent(random, -3, 61)],
};

/** Two numbers whose exponents are `low` to `high` apart. */
function nearby(random: Random, low: number, high: number): readonly bigint[] {
  const base = 0x2000 + random.below(0x4000);
  const distance = low + random.below(high - low + 1);
  return [
    pattern(random.chance(0.5), base, significand(random)),
    pattern(random.chance(0.5), base - distance, significand(random)),
  ];
}

/** Both results that nearly cancel and those that differ by much. */
function pairOf(random: Random): readonly bigint[] {
  switch (random.below(5)) {
    case 0:
      return nearby(random, -2, 2);
    case 1:
      return nearby(random, -70, 70);
    // products and quotients at the ends of the range
    case 2: {
      const exponent = 1 + random.below(0x7ffe);
      const sum = random.pick([BIAS, BIAS + 0x7fff, BIAS - 64]) + random.below(80) - 40;
      const other = Math.min(Math.max(random.chance(0.5) ? sum - exponent : exponent - sum, 1), 0x7ffe);
      return [
        pattern(random.chance(0.5), exponent, significand(random)),
        pattern(random.chance(0.5), other, significand(random)),
      ];
    }
    default:
      return [anything(random), anything(random)];
  }
}

function float32(random: Random): bigint {
  const exponent = random.pick([0, 0, 1, 2, 126, 127, 128, 150, 254, 255, 255, random.below(256)]);
  const fraction = random.pick([0, 1, 0x7f_ffff, 0x40_0000, 0x3f_ffff, random.below(1 << 23)]);
  return (BigInt(random.below(2)) << 31n) | BigInt(exponent * 2 ** 23 + fraction);
}
function float64(random: Random): bigint {
  const exponent = random.pick([0, 0, 1, 2, 1022, 1023, 1024, 1086, 2046, 2047, 2047, random.below(2048)]);
  const whole = (1n << 52n) - 1n;
  const fraction = random.pick([0n, 1n, whole, 1n << 51n, random.wide() & whole]);
  return (BigInt(random.below(2)) << 63n) | (BigInt(exponent) << 52n) | fraction;
}
function decimal(random: Random): bigint {
  let digits = 0n;
  for (let n = 0; n < 18; n++) digits = (digits << 4n) | BigInt(random.below(10));
  return (BigInt(random.below(2)) << 79n) | (digits >> BigInt(4 * random.below(18)));
}

function memoryOf(random: Random, i: Instruction): bigint[] {
  const words = Array.from({ length: MEMORY_WORDS }, () => random.wide());
  const operand = i.operands[0];
  if (operand?.kind !== 1) return words;
  const put = (value: bigint): void => {
    words[0] = value & ALL_ONES;
    if (operand.width === 80) words[1] = (words[1]! & ~0xffffn) | (value >> 64n);
  };
  if (operand.width === 80) put(i.mnemonic === 'fbld' && random.chance(0.9) ? decimal(random) : anything(random));
  else if (i.mnemonic.startsWith('fi'))
    put(random.chance(0.5) ? random.wide() : BigInt.asUintN(64, BigInt(random.below(400) - 200)));
  else if (operand.width === 64) put(float64(random));
  else if (operand.width === 32) put((random.wide() << 32n) | float32(random));
  return words;
}

/** The state that the case starts from: exceptions pending in it are masked ones. */
export function stateOf(test: X87Case): X87State {
  const random = createRandom(test.seed);
  const i = instructionOf(test);
  const masks = random.chance(0.7) ? 0x3f : random.below(64);
  const precision = random.pick([3, 3, 3, 0, 2]);
  const rounding = random.chance(0.4) ? 0 : random.below(4);
  const fcw = 0x40 | masks | (precision << 8) | (rounding << 10);
  const top = random.below(8);
  const flags = random.chance(0.5) ? 0 : random.below(128) & (masks | 0x40);
  const conditions = random.chance(0.5) ? 0 : random.wide() & 0x4700n;
  const fsw = flags | (top << 11) | Number(conditions);
  let inUse = random.pick([0xff, 0x7f, 0x7f, 0x3f, 0x0f, 3, 3, random.below(256)]);
  if (random.chance(0.9)) inUse |= 3;
  // so that a push finds room
  if (random.chance(0.8)) inUse &= 0x7f;
  const ftw = ((inUse << top) | (inUse >> (8 - top))) & 0xff;
  const st = Array.from({ length: 8 }, () => anything(random));
  const special = random.chance(0.75) ? tuned[i.mnemonic] : undefined;
  const first = special === undefined ? pairOf(random) : special(random);
  first.forEach((value, n) => (st[n] = value));
  const memory = memoryOf(random, i);
  const flagBits = [0x1n, 0x4n, 0x10n, 0x40n, 0x80n, 0x800n];
  const rflags = flagBits.reduce((sum, bit) => (random.chance(0.5) ? sum | bit : sum), 0x202n);
  return { fcw, fsw, ftw, rflags, rax: random.wide(), st, memory };
}

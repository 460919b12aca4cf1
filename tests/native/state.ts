/** What a case starts from and what comes out of it: plain data shared by the two back ends. */
import { registerNames, type RegisterName } from '../../cpu/state.ts';
import { createRandom, type Random } from './random.ts';

/** As in harness.c. Nothing is mapped next to the two pages. */
export const Layout = {
  codeBase: 0x1000_0000,
  codeStart: 0x1000_0800,
  dataBase: 0x2000_0000,
  page: 4096,
  gsBase: 0x1000,
} as const;

export interface CpuState {
  readonly gpr: bigint[];
  rflags: bigint;
  mxcsr: bigint;
  /** low and high halves of xmm0, xmm1 … */
  readonly xmm: bigint[];
  /** the same of the upper halves of ymm0, ymm1 … */
  readonly ymm: bigint[];
  /** FCW, FSW, the tags as FXSAVE has them, then significand and the rest of st(0), st(1) … */
  readonly x87: bigint[];
}

/** The end of a case: an exception vector, always (the code is followed by int3); 255 says that it ran too long. */
export interface Outcome extends CpuState {
  readonly trap: number;
  readonly error: number;
  readonly cr2: bigint;
  readonly rip: bigint;
  /** changed 64-bit words of the data page, by offset */
  readonly memory: ReadonlyMap<number, bigint>;
}

/** `code` and `seed` say it all, but for the registers that the generator gave a purpose. */
export interface Case {
  readonly code: readonly number[];
  readonly seed: number;
  readonly set: ReadonlyMap<string, bigint>;
}

/** Values at which things change: integers, floats of both widths, pairs of singles, NaNs, denormals. */
export const edges: readonly bigint[] = [
  0x0n,
  0x1n,
  0xffff_ffff_ffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0x8000_0000n,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x8000n,
  0x7fffn,
  0xffn,
  0x80n,
  0x7fn,
  0x10n,
  0x3fn,
  0x2n,
  0x3ff0_0000_0000_0000n,
  0xc000_0000_0000_0000n,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  0x7ff8_0000_0000_0123n,
  0xfff0_0000_0000_0001n,
  0x000f_ffff_ffff_ffffn,
  0x7fef_ffff_ffff_ffffn,
  0x3f80_0000_bf80_0000n,
  0x7f80_0000_ff80_0000n,
  0x7fc0_0123_ff80_0001n,
  0x0000_0001_8000_0001n,
  0x7f7f_ffff_0080_0000n,
  0x4f00_0000_cf00_0001n,
  0x43e0_0000_0000_0000n,
  0x41df_ffff_ffe0_0000n,
];

const edgeWords = new Uint32Array(BigUint64Array.from(edges).buffer);
const filled = new Uint32Array(Layout.page / 4);

/** A page of words, each random or an edge; overwritten by the next call. */
export function fillMemory(seed: number): BigUint64Array {
  let state = (seed | 1) >>> 0;
  for (let n = 0; n < filled.length; n += 2) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const high = state >>> 0;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const edge = ((high >>> 8) % edges.length) * 2;
    const isEdge = (high & 1) === 1;
    filled[n] = isEdge ? edgeWords[edge]! : state;
    filled[n + 1] = isEdge ? edgeWords[edge + 1]! : high;
  }
  return new BigUint64Array(filled.buffer);
}

function value(random: Random): bigint {
  switch (random.below(6)) {
    case 0:
      return random.wide();
    case 1:
      return BigInt(random.below(256));
    case 2:
      return BigInt.asUintN(64, BigInt(random.below(256) - 128));
    case 3:
      return BigInt.asUintN(64, (1n << BigInt(random.below(64))) + BigInt(random.below(3) - 1));
    default:
      return random.pick(edges);
  }
}

/** A float of either width that has neighbours worth meeting: small integers, halves, numbers close to each other. */
function float(random: Random): bigint {
  const scratch = new DataView(new ArrayBuffer(8));
  const number = (random.below(2001) - 1000) * 2 ** (random.below(9) - 6);
  if (random.chance(0.5)) scratch.setFloat64(0, number);
  else {
    scratch.setFloat32(0, number);
    scratch.setFloat32(4, (random.below(2001) - 1000) / 3);
  }
  return scratch.getBigUint64(0);
}

const ARITHMETIC = [0x1n, 0x4n, 0x10n, 0x40n, 0x80n, 0x800n];

/** A float whose exponent and fraction are near the ends of their ranges: results that are tiny, huge, halfway, exact. */
function extremeFloat(random: Random): bigint {
  const pattern = (fractionBits: number, exponentBits: number): bigint => {
    const top = 2 ** exponentBits - 1;
    const bias = top >> 1;
    const exponent = random.pick([
      0,
      1,
      2,
      bias - fractionBits,
      bias - 1,
      bias,
      bias + 1,
      bias + 31,
      bias + 63,
      top - 1,
      top,
      bias >> 1,
      bias + (bias >> 1),
    ]);
    const whole = (1n << BigInt(fractionBits)) - 1n;
    const fraction = random.pick([
      0n,
      1n,
      whole,
      whole - 1n,
      whole >> 1n,
      (whole >> 1n) + 1n,
      random.wide() & whole,
      1n << BigInt(random.below(fractionBits)),
    ]);
    return (
      (BigInt(random.below(2)) << BigInt(fractionBits + exponentBits)) |
      (BigInt(exponent) << BigInt(fractionBits)) |
      fraction
    );
  };
  return random.chance(0.5) ? pattern(52, 11) : (pattern(23, 8) << 32n) | pattern(23, 8);
}

function vectorHalf(random: Random): bigint {
  const kind = random.below(10);
  return kind < 3 ? float(random) : kind < 6 ? extremeFloat(random) : value(random);
}

/** A register of the x87: a number, or what an MMX instruction leaves, or anything. */
function x87Register(random: Random): readonly [significand: bigint, rest: bigint] {
  const kind = random.below(8);
  if (kind < 3) return [vectorHalf(random), 0xffffn];
  const sign = BigInt(random.below(2) << 15);
  if (kind === 3) return [0n, sign];
  if (kind === 4) return [random.wide(), random.wide() & 0xffffn];
  const few = random.chance(0.5) ? ~0n << BigInt(random.below(64)) : ~0n;
  return [(random.wide() & few & 0xffff_ffff_ffff_ffffn) | (1n << 63n), sign | BigInt(0x3fff - 20 + random.below(60))];
}

/** All of it; exceptions are masked more often than not, and one is pending now and then. */
function x87Of(seed: number): bigint[] {
  const random = createRandom(seed ^ 0x3c6e_f372);
  const masks = random.chance(0.75) ? 0x3f : random.below(64);
  const fcw = 0x40 | masks | (random.pick([3, 3, 3, 0, 2]) << 8) | ((random.chance(0.6) ? 0 : random.below(4)) << 10);
  const flags = random.chance(0.6) ? 0 : random.below(128) & (random.chance(0.1) ? 0x7f : masks | 0x40);
  const pending = (flags & ~masks & 0x3f) === 0 ? 0 : 0x8080;
  const conditions = random.chance(0.5) ? 0 : Number(random.wide() & 0x4700n);
  const top = random.chance(0.4) ? 0 : random.below(8);
  const ftw = random.pick([0xff, 0xff, 0, 0x7f, 0xf0, random.below(256)]);
  const registers = Array.from({ length: 8 }, () => x87Register(random)).flat();
  return [BigInt(fcw), BigInt(flags | pending | conditions | (top << 11)), BigInt(ftw), ...registers];
}

const x87Names = ['fcw', 'fsw', 'ftw'];

/** The state of a seed before a case's own registers are put in. IF is set, as user code has it. */
export function stateOf(seed: number): CpuState {
  const random = createRandom(seed);
  const gpr = registerNames.map(() => value(random));
  const xmm = Array.from({ length: 32 }, () => vectorHalf(random));
  const flags = ARITHMETIC.reduce((sum, bit) => (random.chance(0.5) ? sum | bit : sum), 0n);
  const direction = random.chance(0.2) ? 0x400n : 0n;
  const rounding = random.chance(0.5) ? 0 : random.below(4);
  const rest = random.chance(0.15) ? random.below(0x10000) & 0x9fff : 0x1f80 | (random.chance(0.5) ? 0x20 : 0);
  const upper = createRandom(seed ^ 0x51ed_270b);
  const ymm = xmm.map(() => vectorHalf(upper));
  return {
    gpr,
    xmm,
    ymm,
    x87: x87Of(seed),
    rflags: 0x202n | flags | direction,
    mxcsr: BigInt(rest | (rounding << 13)),
  };
}

export function startOf({ seed, set }: Case): CpuState {
  const state = stateOf(seed);
  for (const [name, given] of set) {
    const index = registerNames.indexOf(name as RegisterName);
    if (index >= 0) state.gpr[index] = given;
    else if (name === 'rflags') state.rflags = given;
    else if (name === 'mxcsr') state.mxcsr = given;
    else if (x87Names.includes(name)) state.x87[x87Names.indexOf(name)] = given;
    else if (/^[xy]mm/.test(name))
      state[name.slice(0, 3) as 'xmm' | 'ymm'][Number.parseInt(name.slice(3), 10) * 2 + (name.endsWith('h') ? 1 : 0)] =
        given;
  }
  return state;
}

/** One line that holds the case, and its inverse: `CODE seed=… rax=… …`, all hexadecimal. */
export function caseText({ code, seed, set }: Case): string {
  const settings = [...set].map(([name, given]) => ` ${name}=${given.toString(16)}`).join('');
  return `${Buffer.from(code).toString('hex')} seed=${seed.toString(16)}${settings}`;
}
/**
 * The same, with its outcome, as the golden files have it: without `seed=`, and without the outcome of an int3 behind the
 * code; `UNDEFINED` is the mask of the flags that the case leaves undefined.
 */
export function goldenLine(test: Case, undefinedFlags: bigint, outcome: string): string {
  const mask = undefinedFlags === 0n ? '' : undefinedFlags.toString(16);
  return `${caseText(test).replace(' seed=', ' ')}|${mask}|${outcome.replace(/^trap=3 ?/, '')}`;
}
export function parseGoldenLine(line: string): { test: Case; undefinedFlags: bigint; outcome: string } {
  const [text, mask, outcome] = line.split('|') as [string, string, string];
  return {
    test: parseCase(text.replace(' ', ' seed=')),
    undefinedFlags: BigInt(`0x${mask || '0'}`),
    outcome: outcome.startsWith('trap=') ? outcome : `trap=3 ${outcome}`.trimEnd(),
  };
}
export function parseCase(text: string): Case {
  const [code, ...settings] = text.trim().split(' ');
  const set = new Map<string, bigint>();
  for (const setting of settings) {
    const [name, given] = setting.split('=');
    set.set(name!, BigInt(`0x${given}`));
  }
  const seed = Number(set.get('seed') ?? 0n);
  set.delete('seed');
  return { code: [...Buffer.from(code!, 'hex')], seed, set };
}

/**
 * What a case changed, without the flags in `undefinedFlags`: `trap=3 rip=… rax=… …`. The rip of an int3 right behind
 * the code is left out, and so are the error code and CR2 where there are none.
 */
export function outcomeText(test: Case, outcome: Outcome, undefinedFlags: bigint): string {
  const start = startOf(test);
  const parts = [`trap=${outcome.trap}`];
  const hex = (n: bigint): string => n.toString(16);
  if (outcome.rip !== BigInt(Layout.codeStart + test.code.length + 1) || outcome.trap !== 3)
    parts.push(`rip=${hex(outcome.rip)}`);
  // Linux sets the present bit for every kernel address, so as to hide which exist
  const error = outcome.trap === 14 && outcome.cr2 >= 0x7fff_ffff_f000n ? outcome.error | 1 : outcome.error;
  if (outcome.trap === 14 || error !== 0) parts.push(`error=${error.toString(16)}`);
  if (outcome.trap === 14) parts.push(`cr2=${hex(outcome.cr2)}`);
  outcome.gpr.forEach((after, n) => after !== start.gpr[n] && parts.push(`${registerNames[n]}=${hex(after)}`));
  // RF is set in the image of a fault; whether it is depends on the way the handler is told
  const flags = (bits: bigint): bigint => bits & ~undefinedFlags & ~0x10000n;
  if (flags(outcome.rflags) !== flags(start.rflags)) parts.push(`rflags=${hex(flags(outcome.rflags))}`);
  if (outcome.mxcsr !== start.mxcsr) parts.push(`mxcsr=${hex(outcome.mxcsr)}`);
  for (const name of ['xmm', 'ymm'] as const) {
    outcome[name].forEach(
      (after, n) => after !== start[name][n] && parts.push(`${name}${n >> 1}${n % 2 === 0 ? 'l' : 'h'}=${hex(after)}`),
    );
  }
  parts.push(...x87Text(start.x87, outcome.x87));
  for (const [offset, after] of outcome.memory) parts.push(`${offset.toString(16)}:${hex(after)}`);
  return parts.join(' ');
}

/** By physical register, so that a push or a pop does not move them all. */
function x87Text(before: readonly bigint[], after: readonly bigint[]): string[] {
  const physical = (state: readonly bigint[], n: number): string => {
    const at = 3 + ((n - Number(state[1]! >> 11n)) & 7) * 2;
    return ((state[at + 1]! << 64n) | state[at]!).toString(16);
  };
  const control = x87Names.flatMap((name, n) => (after[n] === before[n] ? [] : [`${name}=${after[n]!.toString(16)}`]));
  const registers = Array.from({ length: 8 }, (_, n) => n)
    .filter((n) => physical(before, n) !== physical(after, n))
    .map((n) => `r${n}=${physical(after, n)}`);
  return [...control, ...registers];
}

/** XSAVE and its like: parts of the state (bit 0 x87, 1 SSE, 2 upper halves of the ymm registers) to memory and back. */
import type { Algebra, Semantics } from '../algebra.ts';
import {
  floatingImage,
  image,
  IMAGE_WORDS,
  loadX87Image,
  loadXmmImage,
  vectorOf,
  XSAVE_HEADER,
  XSAVE_SIZE,
  XSAVE_UPPER,
} from '../fxsave.ts';
import type { Instruction, MemoryOperand, XmmOperand } from '../instruction.ts';
import { readPair, writePair } from './system.ts';

const RCX = 1;
const GP = 13;
const NM = 7;
const CR0_TS = 3;
const CR4_OSXSAVE = 18;
const X87 = 0;
const SSE = 1;
const AVX = 2;
const COMPACTED = 1n << 63n;
const INITIAL_FCW = 0x37fn;
const INITIAL_MXCSR = 0x1f80n;
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
const ymm = (index: number): XmmOperand => ({ kind: 3, index, width: 256 });
const isWide = (i: Instruction): boolean => i.mnemonic.endsWith('64');

/** #UD unless the system has turned XSAVE on. */
function requireXsave<V, C, X>(a: Algebra<V, C, X>): void {
  a.when(a.negate(a.bit(a.readSystem('cr4'), CR4_OSXSAVE)), () => a.undefinedInstruction());
}
const refuse = <V, C, X>(a: Algebra<V, C, X>, wrong: V): void =>
  a.when(a.negate(a.isZero(wrong)), () => a.raise(GP, 0));

/** The upper halves, as words. */
function upperWords<V, C, X>(a: Algebra<V, C, X>): V[] {
  return range(0, 16).flatMap((index) => {
    const value = a.readHalf(ymm(index), 1);
    return [a.lane(value, 64, 0), a.lane(value, 64, 1)];
  });
}

/** XINUSE: parts that are not as after reset. x87 and SSE count as in use always, which they may. */
function inUse<V, C, X>(a: Algebra<V, C, X>): V {
  const any = upperWords(a).reduce((sum, word) => a.or(sum, word));
  return a.select(a.isZero(any), a.constant(3n), a.constant(7n));
}

// XGETBV: XCR0, or those of its parts that are in use
export const xgetbv: Semantics = (a) => {
  requireXsave(a);
  const index = a.readRegister(RCX, 32);
  a.when(a.lessUnsigned(a.constant(1n), index), () => a.raise(GP, 0));
  const parts = a.readSystem('xcr0');
  writePair(a, a.select(a.isZero(index), parts, a.and(parts, inUse(a))));
};

// XSETBV: XCR0; x87 is always on, AVX needs SSE
export const xsetbv: Semantics = (a) => {
  requireXsave(a);
  a.requireKernel();
  refuse(a, a.readRegister(RCX, 32));
  const value = readPair(a);
  refuse(a, a.and(value, a.constant(~7n & 0xffff_ffff_ffff_ffffn)));
  a.when(a.negate(a.bit(value, X87)), () => a.raise(GP, 0));
  a.when(a.both(a.bit(value, AVX), a.negate(a.bit(value, SSE))), () => a.raise(GP, 0));
  a.writeSystem('xcr0', value);
};

/** The start of the area, which is aligned, and the parts asked for. */
function beginXsave<V, C, X>(a: Algebra<V, C, X>, i: Instruction) {
  requireXsave(a);
  a.when(a.bit(a.readSystem('cr0'), CR0_TS), () => a.raise(NM));
  const start = a.linearAddress(i.operands[0] as MemoryOperand);
  refuse(a, a.and(start, a.constant(63n)));
  const at = (offset: number): V => a.add(start, a.constant(BigInt(offset)), 64);
  return { at, asked: a.and(readPair(a), a.readSystem('xcr0')) };
}

/** XSAVE writes all that is asked for, XSAVEOPT and XSAVEC what of it is in use; XSAVEC in compacted form, without looking at the old header. */
function save(kind: 'xsave' | 'xsaveopt' | 'xsavec'): Semantics {
  return (a, i) => {
    const { at, asked } = beginXsave(a, i);
    const used = a.and(asked, inUse(a));
    const parts = kind === 'xsave' ? asked : used;
    const old = kind === 'xsavec' ? a.constant(0n) : a.and(a.load(at(XSAVE_HEADER), 64), a.not(asked, 64));
    const probe = (from: number, to: number): void => {
      for (let offset = from; offset < to; offset += 8) a.probeStore(at(offset), 64);
    };
    probe(0, XSAVE_UPPER);
    a.when(a.bit(parts, AVX), () => probe(XSAVE_UPPER, XSAVE_SIZE));
    const words = floatingImage(a, isWide(i));
    const put = (from: number, to: number): void => range(from, to).forEach((n) => a.store(at(8 * n), 64, words[n]!));
    a.when(a.bit(parts, X87), () => {
      put(image.control, image.mxcsr);
      put(image.x87, image.xmm);
    });
    const control = kind === 'xsavec' ? a.bit(parts, SSE) : a.either(a.bit(asked, SSE), a.bit(asked, AVX));
    a.when(control, () => put(image.mxcsr, image.x87));
    a.when(a.bit(parts, SSE), () => put(image.xmm, IMAGE_WORDS));
    a.when(a.bit(parts, AVX), () => upperWords(a).forEach((word, n) => a.store(at(XSAVE_UPPER + 8 * n), 64, word)));
    a.store(at(XSAVE_HEADER), 64, a.or(old, used));
    if (kind === 'xsavec') a.store(at(XSAVE_HEADER + 8), 64, a.or(asked, a.constant(COMPACTED)));
  };
}
export const xsave = save('xsave');
export const xsaveopt = save('xsaveopt');
export const xsavec = save('xsavec');

// XRSTOR: parts asked for that the header does not list become as after reset
export const xrstor: Semantics = (a, i) => {
  const { at, asked } = beginXsave(a, i);
  const [listed, form, ...reserved] = range(0, 8).map((n) => a.load(at(XSAVE_HEADER + 8 * n), 64)) as [never, never];
  type Value = typeof asked;
  const header = { listed: listed as Value, form: form as Value, reserved: reserved as Value[] };
  const compacted = a.bit(header.form, 63);
  const offered = a.readSystem('xcr0');
  const present = a.and(header.form, a.constant(COMPACTED - 1n));
  const bad = (conditions: Value): void => refuse(a, conditions);
  // of the standard form, only the first 24 bytes are looked at
  bad(header.reserved[0]!);
  const rest = header.reserved.slice(1).reduce((sum, word) => a.or(sum, word));
  bad(a.select(compacted, rest, a.constant(0n)));
  bad(a.and(present, a.select(compacted, a.not(offered, 64), a.constant(COMPACTED - 1n))));
  bad(a.and(header.listed, a.not(a.select(compacted, present, offered), 64)));
  const wanted = a.and(asked, header.listed);
  const wantsControl = a.either(
    a.bit(a.select(compacted, wanted, asked), SSE),
    a.both(a.negate(compacted), a.bit(asked, AVX)),
  );
  const words = range(0, IMAGE_WORDS).map((n) => {
    const condition =
      n === image.mxcsr
        ? wantsControl
        : a.bit(wanted, n < image.mxcsr || (n >= image.x87 && n < image.xmm) ? X87 : SSE);
    return a.loadWhere(condition, at(8 * n), 64);
  });
  const uppers = range(0, 32).map((n) => a.loadWhere(a.bit(wanted, AVX), at(XSAVE_UPPER + 8 * n), 64));
  refuse(a, a.and(words[image.mxcsr]!, a.constant(0xffff_0000n)));
  // what has not been loaded is zero, as after reset: but for two control registers
  words[image.control] = a.select(a.bit(wanted, X87), words[image.control]!, a.constant(INITIAL_FCW));
  const mxcsr = a.select(wantsControl, a.truncate(words[image.mxcsr]!, 32), a.constant(INITIAL_MXCSR));
  a.when(a.bit(asked, X87), () => loadX87Image(a, words, isWide(i)));
  a.when(a.either(wantsControl, a.bit(asked, SSE)), () => a.writeSystem('mxcsr', mxcsr));
  a.when(a.bit(asked, SSE), () => loadXmmImage(a, words));
  a.when(a.bit(asked, AVX), () =>
    range(0, 16).forEach((n) => a.writeHalf(ymm(n), 1, vectorOf(a, uppers[2 * n]!, uppers[2 * n + 1]!))),
  );
};

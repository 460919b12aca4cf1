/** The FXSAVE image of the floating-point state, over the algebra: for the instructions and for signal frames. */
import type { Algebra } from './algebra.ts';
import type { XmmOperand } from './instruction.ts';

/** Bytes of the image. */
export const IMAGE_SIZE = 512;
/** The XSAVE area: the image, a header, the upper halves of the ymm registers; standard and compacted form are alike. */
export const XSAVE_HEADER = IMAGE_SIZE;
export const XSAVE_UPPER = XSAVE_HEADER + 64;
export const XSAVE_SIZE = XSAVE_UPPER + 16 * 16;
/** 64-bit words of it that are written; the rest is the system's. */
export const IMAGE_WORDS = 52;
const MXCSR_MASK = 0xffffn;
/** Of FCW, bit 6 is always 1, 7 and 13-15 are 0. */
const FCW_WRITABLE = 0x1f3fn;
const FCW_FIXED = 0x40n;
/** The first word of each part. */
export const image = { control: 0, fip: 1, fdp: 2, mxcsr: 3, x87: 4, xmm: 20 } as const;
const xmm = (index: number): XmmOperand => ({ kind: 3, index, width: 128 });

/**
 * FCW FSW FTW FOP, FIP, FDP, MXCSR and its mask, st(0) to st(7), xmm0 to xmm15. Without `wide` (REX.W) FIP and FDP have 32
 * bits, above which there are FCS and FDS.
 */
export function floatingImage<V, C, X>(a: Algebra<V, C, X>, wide: boolean): V[] {
  const field = (value: V, at: bigint): V => a.shl(value, a.constant(at), 64);
  const pointer = (value: V, selector: 'fcs' | 'fds'): V =>
    wide ? value : a.or(a.truncate(value, 32), field(a.readSystem(selector), 32n));
  const words: V[] = [];
  words[image.control] = a.or(
    a.or(a.readSystem('fcw'), field(a.readSystem('fsw'), 16n)),
    a.or(field(a.readSystem('ftw'), 32n), field(a.readSystem('fop'), 48n)),
  );
  words[image.fip] = pointer(a.readSystem('fip'), 'fcs');
  words[image.fdp] = pointer(a.readSystem('fdp'), 'fds');
  words[image.mxcsr] = a.or(a.readSystem('mxcsr'), a.constant(MXCSR_MASK << 32n));
  for (let n = 0; n < 8; n++) {
    const value = a.readX87(n);
    words[image.x87 + n * 2] = a.lane(value, 64, 0);
    words[image.x87 + n * 2 + 1] = a.lane(value, 16, 4);
  }
  for (let n = 0; n < 16; n++) {
    const value = a.readVector(xmm(n), false);
    words[image.xmm + n * 2] = a.lane(value, 64, 0);
    words[image.xmm + n * 2 + 1] = a.lane(value, 64, 1);
  }
  return words;
}

/** Two words as a vector. */
export function vectorOf<V, C, X>(a: Algebra<V, C, X>, low: V, high: V): X {
  return a.withLane(a.withLane(a.zeroVector(), 64, 0, low), 64, 1, high);
}

/** FCW and FSW from images of them: reserved bits are ignored, ES and B follow from flags and masks. */
export function loadControl<V, C, X>(a: Algebra<V, C, X>, fcw: V, fsw: V): void {
  const control = a.or(a.and(fcw, a.constant(FCW_WRITABLE)), a.constant(FCW_FIXED));
  const pending = a.and(a.and(fsw, a.not(control, 64)), a.constant(0x3fn));
  const summary = a.select(a.isZero(pending), a.constant(0n), a.constant(0x8080n));
  a.writeSystem('fcw', control);
  a.writeSystem('fsw', a.or(a.and(fsw, a.constant(0x7f7fn)), summary));
}

/** The inverse of `floatingImage`. Reserved bits of MXCSR must have been checked. */
export function loadFloatingImage<V, C, X>(a: Algebra<V, C, X>, words: readonly V[], wide: boolean): void {
  loadX87Image(a, words, wide);
  a.writeSystem('mxcsr', a.truncate(words[image.mxcsr]!, 32));
  loadXmmImage(a, words);
}

/** The x87's part of it. */
export function loadX87Image<V, C, X>(a: Algebra<V, C, X>, words: readonly V[], wide: boolean): void {
  const field = (at: bigint): V => a.truncate(a.shr(words[image.control]!, a.constant(at), 64), 16);
  const pointer = (value: V): V => (wide ? value : a.truncate(value, 32));
  const selector = (value: V): V => (wide ? a.constant(0n) : a.truncate(a.shr(value, a.constant(32n), 64), 16));
  loadControl(a, field(0n), field(16n));
  for (let n = 0; n < 8; n++) a.writeX87(n, vectorOf(a, words[image.x87 + n * 2]!, words[image.x87 + n * 2 + 1]!));
  a.writeSystem('ftw', a.truncate(field(32n), 8));
  a.writeSystem('fop', a.and(field(48n), a.constant(0x7ffn)));
  a.writeSystem('fip', pointer(words[image.fip]!));
  a.writeSystem('fdp', pointer(words[image.fdp]!));
  a.writeSystem('fcs', selector(words[image.fip]!));
  a.writeSystem('fds', selector(words[image.fdp]!));
}

/** XMM0 to XMM15. */
export function loadXmmImage<V, C, X>(a: Algebra<V, C, X>, words: readonly V[]): void {
  for (let n = 0; n < 16; n++) {
    a.writeVector(xmm(n), vectorOf(a, words[image.xmm + n * 2]!, words[image.xmm + n * 2 + 1]!), false);
  }
}

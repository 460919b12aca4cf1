/** The x87: loads, stores, constants, exchanges and what moves the stack. */
import type { Semantics } from '../algebra.ts';
import type { MemoryOperand } from '../instruction.ts';
import {
  extendedOf,
  indexOf,
  loadExtended,
  pop,
  probeExtended,
  push,
  readNumber,
  require,
  reserve,
  selectExtended,
  storeExtended,
  unlessFault,
  widthOf,
  x87,
} from './x87-common.ts';

/** FLD m32, m64; FILD. A signalling NaN becomes quiet, raising IE. */
function load(integer: boolean): Semantics {
  return x87((a, i) => {
    const value = readNumber(a, i.operands[0] as MemoryOperand, integer, true);
    const pushed = unlessFault(a, reserve(a), value);
    a.when(a.settleX87('load'), () => push(a, pushed));
  });
}
export const fld = load(false);
export const fild = load(true);

/** FLD m80: of any bit pattern. FBLD. */
function loadTen(decimal: boolean): Semantics {
  return x87((a, i) => {
    const image = loadExtended(a, a.linearAddress(i.operands[0] as MemoryOperand));
    const pushed = unlessFault(a, reserve(a), decimal ? a.extendedFromDecimal(image) : image);
    a.when(a.settleX87('register'), () => push(a, pushed));
  });
}
export const fldExtended = loadTen(false);
export const fbld = loadTen(true);

// FLD st(i)
export const fldRegister: Semantics = x87((a, i) => {
  const index = indexOf(i.operands[0]!);
  const empty = require(a, index);
  const pushed = unlessFault(a, a.either(reserve(a), empty), a.readX87(index));
  a.when(a.settleX87('register'), () => push(a, pushed));
});

/** The constants in 64 bits, rounded down, and what rounding to nearest adds. */
const constants = {
  one: [0x3fff_8000_0000_0000_0000n, 0n],
  zero: [0n, 0n],
  log2Of10: [0x4000_d49a_784b_cd1b_8afen, 0n],
  log2OfE: [0x3fff_b8aa_3b29_5c17_f0bbn, 1n],
  pi: [0x4000_c90f_daa2_2168_c234n, 1n],
  log10Of2: [0x3ffd_9a20_9a84_fbcf_f798n, 1n],
  lnOf2: [0x3ffe_b172_17f7_d1cf_79abn, 1n],
} as const;

/** FLD1, FLDZ, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2: by the rounding control, without PE. */
export function fldConstant(name: keyof typeof constants): Semantics {
  const [bits, toNearest] = constants[name];
  const isExact = name === 'one' || name === 'zero';
  return x87((a) => {
    const rounding = a.and(a.shr(a.readSystem('fcw'), a.constant(10n), 64), a.constant(3n));
    const up = a.select(a.equal(rounding, a.constant(2n)), a.constant(1n), a.constant(0n));
    const more = isExact ? a.constant(0n) : a.select(a.isZero(rounding), a.constant(toNearest), up);
    const significand = a.add(a.constant(BigInt.asUintN(64, bits)), more, 64);
    const value = extendedOf(a, significand, a.constant(bits >> 64n));
    const pushed = unlessFault(a, reserve(a), value);
    a.when(a.settleX87('register'), () => push(a, pushed));
  });
}

/** FST, FSTP m32, m64. */
export function storeFloat(pops: number): Semantics {
  return x87((a, i) => {
    const memory = i.operands[0] as MemoryOperand;
    const linear = a.linearAddress(memory);
    const width = widthOf(memory) as 32 | 64;
    a.probeStore(linear, width);
    const image = a.extendedToFloat(width, unlessFault(a, require(a, 0), a.readX87(0)));
    a.when(a.settleX87('memory'), () => {
      a.store(linear, width, image);
      pop(a, pops);
    });
  });
}

/** FIST, FISTP; FISTTP (`truncate`). */
export function storeInteger(pops: number, truncate = false): Semantics {
  return x87((a, i) => {
    const memory = i.operands[0] as MemoryOperand;
    const linear = a.linearAddress(memory);
    const width = widthOf(memory) as 16 | 32 | 64;
    a.probeStore(linear, width);
    const image = a.extendedToInteger(width, unlessFault(a, require(a, 0), a.readX87(0)), truncate);
    a.when(a.settleX87('memory'), () => {
      a.store(linear, width, image);
      pop(a, pops);
    });
  });
}

/** FSTP m80: of any bit pattern. FBSTP. */
function storeTen(decimal: boolean): Semantics {
  return x87((a, i) => {
    const linear = a.linearAddress(i.operands[0] as MemoryOperand);
    probeExtended(a, linear);
    const value = unlessFault(a, require(a, 0), a.readX87(0));
    const image = decimal ? a.extendedToDecimal(value) : value;
    a.when(a.settleX87('memory'), () => {
      storeExtended(a, linear, image);
      pop(a, 1);
    });
  });
}
export const fstpExtended = storeTen(false);
export const fbstp = storeTen(true);

/** FST, FSTP st(i). */
export function storeRegister(pops: number): Semantics {
  return x87((a, i) => {
    const value = unlessFault(a, require(a, 0), a.readX87(0));
    a.when(a.settleX87('register'), () => {
      a.writeX87(indexOf(i.operands[0]!), value);
      pop(a, pops);
    });
  });
}

// FSTPNCE, undocumented: nothing is stored from an empty register, without an exception
export const fstpnce: Semantics = x87((a, i) => {
  const value = a.readX87(0);
  a.settleX87('register');
  a.when(a.negate(a.isEmptyX87(0)), () => a.writeX87(indexOf(i.operands[0]!), value));
  pop(a, 1);
});

// FXCH: an empty register counts as the indefinite
export const fxch: Semantics = x87((a, i) => {
  const index = indexOf(i.operands.at(-1)!);
  const other = unlessFault(a, require(a, index), a.readX87(index));
  const top = unlessFault(a, require(a, 0), a.readX87(0));
  a.when(a.settleX87('register'), () => {
    a.writeX87(0, other);
    a.writeX87(index, top);
  });
});

/** FCMOVcc: condition `flags` (any of them), or their absence. Both registers must be in use, whatever the condition. */
export function fcmov(flags: readonly ('CF' | 'ZF' | 'PF')[], negated: boolean): Semantics {
  return x87((a, i) => {
    const index = indexOf(i.operands[1]!);
    const any = flags.map((name) => a.flag(name)).reduce((left, right) => a.either(left, right));
    const fault = a.either(require(a, 0), require(a, index));
    const value = selectExtended(a, negated ? a.negate(any) : any, a.readX87(index), a.readX87(0));
    a.when(a.settleX87('flags'), () => a.writeX87(0, unlessFault(a, fault, value)));
  });
}

/** FFREE; FFREEP, which pops too. */
export function ffree(pops: boolean): Semantics {
  return x87((a, i) => {
    a.settleX87('register');
    a.freeX87(indexOf(i.operands[0]!));
    if (pops) pop(a, 1);
  });
}

/** FINCSTP, FDECSTP: tags stay. */
export function turn(step: 1 | -1): Semantics {
  return x87((a) => {
    a.settleX87('register');
    a.rotateX87(step);
  });
}

// FNOP, and what the 287's FENI, FDISI and FSETPM have become
export const fnop: Semantics = x87(() => {});
export const fnopQuiet: Semantics = (a) => a.beginX87(false);

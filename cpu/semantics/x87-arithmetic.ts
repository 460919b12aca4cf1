/** The x87: arithmetic, comparisons, transcendental functions. */
import type { Algebra, ExtendedOperation, ExtendedUnary, FloatOrder, Semantics } from '../algebra.ts';
import {
  extendedConstant,
  FSW,
  indexOf,
  pop,
  push,
  readSource,
  require,
  reserve,
  selectExtended,
  setConditions,
  unlessFault,
  x87,
} from './x87-common.ts';

/**
 * FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR: st(0) or the first operand by the last one. `pops`: FADDP …; `integer`: FIADD ….
 */
export function arithmetic(
  operation: ExtendedOperation,
  { reversed = false, pops = 0, integer = false }: { reversed?: boolean; pops?: number; integer?: boolean } = {},
): Semantics {
  return x87((a, i) => {
    const destination = i.operands.length === 2 ? indexOf(i.operands[0]!) : 0;
    const source = readSource(a, i, integer);
    require(a, destination);
    const before = a.readX87(destination);
    const result = reversed ? a.extended(operation, source, before) : a.extended(operation, before, source);
    a.when(a.settleX87('register'), () => {
      a.writeX87(destination, result);
      pop(a, pops);
    });
  });
}

/** FSQRT, FRNDINT, F2XM1, FSIN, FCOS: st(0) by itself. */
export function unary(operation: ExtendedUnary): Semantics {
  return x87((a) => {
    require(a, 0);
    const result = a.extendedUnary(operation, a.readX87(0));
    a.when(a.settleX87('register'), () => a.writeX87(0, result));
  });
}

/** FSCALE, FPREM, FPREM1: st(0) by st(0) and st(1). FPATAN, FYL2X, FYL2XP1: then the stack is popped, and st(1) has the result. */
export function ofTwo(operation: ExtendedOperation, pops: boolean): Semantics {
  return x87((a) => {
    require(a, 0);
    require(a, 1);
    const result = a.extended(operation, a.readX87(0), a.readX87(1));
    a.when(a.settleX87('register'), () => {
      a.writeX87(pops ? 1 : 0, result);
      if (pops) pop(a, 1);
    });
  });
}

// FCHS, FABS: of any bit pattern
function signed(negate: boolean): Semantics {
  return x87((a) => {
    const fault = require(a, 0);
    const value = a.readX87(0);
    const high = a.lane(value, 16, 4);
    const sign = a.constant(0x8000n);
    const changed = a.withLane(value, 16, 4, negate ? a.xor(high, sign) : a.and(high, a.constant(0x7fffn)));
    a.when(a.settleX87('register'), () => a.writeX87(0, unlessFault(a, fault, changed)));
  });
}
export const fchs = signed(true);
export const fabs = signed(false);

/** Two results of st(0): `first` in its place, `second` pushed, unless C2 says that there is none. */
function pushing<V, C, X>(a: Algebra<V, C, X>, first: X, second: X): void {
  a.when(a.settleX87('register'), () => {
    a.writeX87(0, first);
    a.when(a.isZero(a.and(a.readSystem('fsw'), a.constant(FSW.C2))), () => push(a, second));
  });
}

// FSINCOS
export const fsincos: Semantics = x87((a) => {
  require(a, 0);
  reserve(a);
  const angle = a.readX87(0);
  pushing(a, a.extendedUnary('sin', angle), a.extendedUnary('cos', angle));
});

const ONE = 0x3fff_8000_0000_0000_0000n;
// FPTAN: pushes 1.0, or the NaN that the tangent is
export const fptan: Semantics = x87((a) => {
  require(a, 0);
  reserve(a);
  const tangent = a.extendedUnary('tan', a.readX87(0));
  const isNan = a.equal(a.and(a.lane(tangent, 16, 4), a.constant(0x7fffn)), a.constant(0x7fffn));
  const one = extendedConstant(a, ONE);
  pushing(a, tangent, selectExtended(a, isNan, tangent, one));
});

// FXTRACT: exponent in st(0), then the significand is pushed
export const fxtract: Semantics = x87((a) => {
  require(a, 0);
  reserve(a);
  const value = a.readX87(0);
  const exponent = a.extendedUnary('exponent', value);
  const significand = a.extendedUnary('significand', value);
  a.when(a.settleX87('register'), () => {
    a.writeX87(0, exponent);
    push(a, significand);
  });
});

function conditionsOf<V, C, X>(a: Algebra<V, C, X>, order: FloatOrder<C>): void {
  const { unordered, less, equal } = order;
  setConditions(a, a.either(unordered, equal), unordered, a.either(unordered, less));
}

/** FCOM, FUCOM (`quiet`), FICOM: st(0) with the last operand. C3 C2 C0 = 111 unordered, 001 less, 100 equal, 000 greater. */
export function compare(quiet: boolean, pops = 0, integer = false): Semantics {
  return x87((a, i) => {
    const right = i.operands.length === 0 ? readSecond(a) : readSource(a, i, integer);
    require(a, 0);
    const order = a.compareExtended(a.readX87(0), right, quiet);
    const proceeds = a.settleX87('register');
    conditionsOf(a, order);
    a.when(proceeds, () => pop(a, pops));
  });
}

/** FCOMPP, FUCOMPP compare with st(1). */
function readSecond<V, C, X>(a: Algebra<V, C, X>): X {
  require(a, 1);
  return a.readX87(1);
}

// FTST: with 0.0
export const ftst: Semantics = x87((a) => {
  require(a, 0);
  const order = a.compareExtended(a.readX87(0), a.zeroVector(), false);
  a.settleX87('register');
  conditionsOf(a, order);
});

/** FCOMI, FUCOMI, FCOMIP, FUCOMIP: ZF PF CF as C3 C2 C0; the other arithmetic flags are cleared. C1 stays, as on AMD's. */
export function compareFlags(quiet: boolean, pops: number): Semantics {
  return x87((a, i) => {
    const right = readSource(a, i, false);
    require(a, 0);
    const { unordered, less, equal } = a.compareExtended(a.readX87(0), right, quiet);
    const proceeds = a.settleX87('flags');
    a.setFlag('ZF', a.either(unordered, equal));
    a.setFlag('PF', unordered);
    a.setFlag('CF', a.either(unordered, less));
    for (const name of ['OF', 'SF', 'AF'] as const) a.setFlag(name, a.never);
    a.when(proceeds, () => pop(a, pops));
  });
}

// FXAM: C3 C2 C0 = 000 unsupported, 001 NaN, 010 normal, 011 infinity, 100 zero, 101 empty, 110 denormal; C1 is the sign
export const fxam: Semantics = x87((a) => {
  const value = a.readX87(0);
  const high = a.lane(value, 16, 4);
  const significand = a.lane(value, 64, 0);
  const exponent = a.and(high, a.constant(0x7fffn));
  const empty = a.isEmptyX87(0);
  const isLowest = a.isZero(exponent);
  const isHighest = a.equal(exponent, a.constant(0x7fffn));
  const supported = a.either(isLowest, a.bit(significand, 63));
  const denormal = a.both(isLowest, a.negate(a.isZero(significand)));
  const nan = a.both(isHighest, a.negate(a.equal(significand, a.constant(1n << 63n))));
  const number = a.either(denormal, a.negate(a.either(isLowest, nan)));
  const c3 = a.either(empty, isLowest);
  const c2 = a.both(a.negate(empty), a.both(supported, number));
  const c0 = a.either(empty, a.both(supported, isHighest));
  setConditions(a, c3, c2, c0, a.bit(high, 15));
});

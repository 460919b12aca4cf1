/**
 * How each of the six arithmetic flags follows from an operation, one row a kind of operation; over the algebra, so that
 * every reading shares it and computes only the flags that someone looks at.
 *
 * `left` and `right` are the operands and `result` the truncated result, except: for inc and dec `right` is the carry
 * flag before the operation (they leave it alone), for shifts `right` is the count (1 to the operand width, or above
 * for 8 and 16 bits). Undefined flags are as AMD's processors leave them: AF 0 after logic, 1 after shifts.
 */
import type { Algebra, FlagName, FlagsKind } from './algebra.ts';
import type { Width } from './instruction.ts';

export interface Operation<V> {
  readonly width: Width;
  readonly left: V;
  readonly right: V;
  readonly result: V;
}

type FlagFunction = <V, C, X>(a: Algebra<V, C, X>, o: Operation<V>) => C;
type FlagsRow = Readonly<Record<FlagName, FlagFunction>>;

const zero: FlagFunction = (a) => a.never;
const one: FlagFunction = (a) => a.always;
const resultIsZero: FlagFunction = (a, o) => a.isZero(o.result);
const resultSign: FlagFunction = (a, o) => a.bit(o.result, o.width - 1);
const resultParity: FlagFunction = (a, o) => {
  const low = a.truncate(o.result, 8);
  return a.negate(a.bit(a.popcount(low), 0));
};
const nibbleCarry: FlagFunction = (a, o) => a.bit(a.xor(a.xor(o.left, o.right), o.result), 4);

const shared = { PF: resultParity, ZF: resultIsZero, SF: resultSign };

/** The bit of `left` that a shift by `right` moved out last; `sign` repeats the sign bit to the left. */
function shiftedOut(direction: 'left' | 'right', sign: boolean): FlagFunction {
  return (a, o) => {
    if (direction === 'right') {
      const value = sign ? a.signExtend(o.left, o.width, 64) : o.left;
      const before = a.sub(o.right, a.constant(1n), 64);
      return a.bit(sign ? a.sar(value, before, 64) : a.shr(value, before, 64), 0);
    }
    const back = a.sub(a.constant(BigInt(o.width)), o.right, 64);
    return a.bit(a.shr(o.left, back, 64), 0);
  };
}

const shlCarry = shiftedOut('left', false);

export const flagsRows: Readonly<Record<FlagsKind, FlagsRow>> = {
  add: {
    ...shared,
    CF: (a, o) => {
      const either = a.or(o.left, o.right);
      return a.bit(a.or(a.and(o.left, o.right), a.and(either, a.not(o.result, o.width))), o.width - 1);
    },
    AF: nibbleCarry,
    OF: (a, o) => a.bit(a.and(a.xor(o.left, o.result), a.xor(o.right, o.result)), o.width - 1),
  },
  sub: {
    ...shared,
    CF: (a, o) => {
      const notLeft = a.not(o.left, o.width);
      return a.bit(a.or(a.and(notLeft, o.right), a.and(a.or(notLeft, o.right), o.result)), o.width - 1);
    },
    AF: nibbleCarry,
    OF: (a, o) => a.bit(a.and(a.xor(o.left, o.right), a.xor(o.left, o.result)), o.width - 1),
  },
  logic: { ...shared, CF: zero, AF: zero, OF: zero },
  inc: {
    ...shared,
    CF: (a, o) => a.bit(o.right, 0),
    AF: (a, o) => a.isZero(a.and(o.result, a.constant(0xfn))),
    OF: (a, o) => a.equal(o.result, a.constant(1n << BigInt(o.width - 1))),
  },
  dec: {
    ...shared,
    CF: (a, o) => a.bit(o.right, 0),
    AF: (a, o) => a.equal(a.and(o.result, a.constant(0xfn)), a.constant(0xfn)),
    OF: (a, o) => a.equal(o.result, a.constant((1n << BigInt(o.width - 1)) - 1n)),
  },
  shl: {
    ...shared,
    CF: shlCarry,
    AF: one,
    OF: (a, o) => a.differ(shlCarry(a, o), resultSign(a, o)),
  },
  shr: {
    ...shared,
    CF: shiftedOut('right', false),
    AF: one,
    OF: (a, o) => a.both(a.equal(o.right, a.constant(1n)), a.bit(o.left, o.width - 1)),
  },
  sar: { ...shared, CF: shiftedOut('right', true), AF: one, OF: zero },
};

/** Numbers for the state block; 0 says that rflags itself holds the flags. */
export const flagsKindNumbers: Readonly<Record<FlagsKind, number>> = {
  add: 1,
  sub: 2,
  logic: 3,
  inc: 4,
  dec: 5,
  shl: 6,
  shr: 7,
  sar: 8,
};

/** Bit positions in rflags. */
export const flagBits: Readonly<Record<FlagName, number>> = { CF: 0, PF: 2, AF: 4, ZF: 6, SF: 7, OF: 11 };
/** All six, in rflags. */
export const arithmeticFlags = Object.values(flagBits).reduce((mask, bit) => mask | (1 << bit), 0);
export const flagNames = Object.keys(flagBits) as FlagName[];

/** The even condition codes of Jcc, SETcc and CMOVcc; an odd code is the negation of the one before it. */
export const conditionCodes: readonly (<V, C, X>(a: Algebra<V, C, X>) => C)[] = [
  (a) => a.flag('OF'),
  (a) => a.flag('CF'),
  (a) => a.flag('ZF'),
  (a) => a.either(a.flag('CF'), a.flag('ZF')),
  (a) => a.flag('SF'),
  (a) => a.flag('PF'),
  (a) => a.differ(a.flag('SF'), a.flag('OF')),
  (a) => a.either(a.flag('ZF'), a.differ(a.flag('SF'), a.flag('OF'))),
];

export const conditionNames = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

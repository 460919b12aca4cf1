/** What the definitions of x87 instructions share. An 80-bit value is the low ten bytes of a vector. */
import type { Algebra, Semantics } from '../algebra.ts';
import type { Instruction, MemoryOperand, Operand, Width } from '../instruction.ts';

export const FSW = { C0: 0x100n, C1: 0x200n, C2: 0x400n, C3: 0x4000n } as const;

const CS = 1;
const SS = 2;
const DS = 3;
const RSP = 4;
const RBP = 5;

/** The number of the segment that an operand is in. */
const segmentOf = ({ segment, base }: MemoryOperand): number =>
  segment >= 0 ? segment : base === RSP || base === RBP ? SS : DS;

/** An instruction that computes: #NM and #MF come first, and what it was, where, and its operand are noted. */
export function x87(body: Semantics): Semantics {
  return (a, i) => {
    const memory = i.operands.find((operand) => operand.kind === 1) as MemoryOperand | undefined;
    a.beginX87(true);
    body(a, i);
    a.writeSystem('fip', a.sub(a.nextRip(), a.constant(BigInt(i.length)), 64));
    a.writeSystem('fcs', a.readSegment(CS));
    a.writeSystem('fop', a.constant(BigInt(i.fop)));
    if (memory === undefined) return;
    a.writeSystem('fdp', a.effectiveAddress(memory));
    a.writeSystem('fds', a.readSegment(segmentOf(memory)));
  };
}

export function extendedConstant<V, C, X>(a: Algebra<V, C, X>, bits: bigint): X {
  return extendedOf(a, a.constant(BigInt.asUintN(64, bits)), a.constant(bits >> 64n));
}

/** From the significand, and sign and exponent. */
export function extendedOf<V, C, X>(a: Algebra<V, C, X>, significand: V, high: V): X {
  return a.withLane(a.withLane(a.zeroVector(), 64, 0, significand), 16, 4, high);
}

export function selectExtended<V, C, X>(a: Algebra<V, C, X>, condition: C, yes: X, no: X): X {
  const significand = a.select(condition, a.lane(yes, 64, 0), a.lane(no, 64, 0));
  return extendedOf(a, significand, a.select(condition, a.lane(yes, 16, 4), a.lane(no, 16, 4)));
}

/** `value`, or the indefinite where there was a stack fault. */
export function unlessFault<V, C, X>(a: Algebra<V, C, X>, fault: C, value: X): X {
  return selectExtended(a, fault, extendedConstant(a, 0xffff_c000_0000_0000_0000n), value);
}

/** Collects a stack underflow if st(index) is empty, and says so. */
export function require<V, C, X>(a: Algebra<V, C, X>, index: number): C {
  const empty = a.isEmptyX87(index);
  a.stackFaultX87(empty, false);
  return empty;
}

/** Collects a stack overflow unless there is room for a push, and says so. */
export function reserve<V, C, X>(a: Algebra<V, C, X>): C {
  const used = a.negate(a.isEmptyX87(7));
  a.stackFaultX87(used, true);
  return used;
}

export function push<V, C, X>(a: Algebra<V, C, X>, value: X): void {
  a.rotateX87(-1);
  a.writeX87(0, value);
}

export function pop<V, C, X>(a: Algebra<V, C, X>, count: number): void {
  for (let n = 0; n < count; n++) {
    a.freeX87(0);
    a.rotateX87(1);
  }
}

/** The number of a register operand. */
export const indexOf = (operand: Operand): number => (operand as { readonly index: number }).index;

/** Ten bytes at `linear`. */
export function loadExtended<V, C, X>(a: Algebra<V, C, X>, linear: V): X {
  const significand = a.load(linear, 64);
  return extendedOf(a, significand, a.load(a.add(linear, a.constant(8n), 64), 16));
}

export function probeExtended<V, C, X>(a: Algebra<V, C, X>, linear: V): void {
  a.probeStore(linear, 64);
  a.probeStore(a.add(linear, a.constant(8n), 64), 16);
}

export function storeExtended<V, C, X>(a: Algebra<V, C, X>, linear: V, value: X): void {
  a.store(linear, 64, a.lane(value, 64, 0));
  a.store(a.add(linear, a.constant(8n), 64), 16, a.lane(value, 16, 4));
}

/** A float or, for the FI… forms, an integer in memory; `quiets` as in `extendedFromFloat`. */
export function readNumber<V, C, X>(a: Algebra<V, C, X>, memory: MemoryOperand, integer: boolean, quiets: boolean): X {
  const value = a.read(memory);
  if (integer) return a.extendedFromInteger(memory.width as 16 | 32 | 64, value);
  return a.extendedFromFloat(memory.width as 32 | 64, value, quiets);
}

/** The source of an arithmetic instruction: the last operand. */
export function readSource<V, C, X>(a: Algebra<V, C, X>, i: Instruction, integer: boolean): X {
  const source = i.operands.at(-1)!;
  if (source.kind === 1) return readNumber(a, source, integer, false);
  require(a, indexOf(source));
  return a.readX87(indexOf(source));
}

/** C3 C2 C0, and C1 where it is given. */
export function setConditions<V, C, X>(a: Algebra<V, C, X>, c3: C, c2: C, c0: C, c1: C = a.never): void {
  const bit = (condition: C, value: bigint): V => a.select(condition, a.constant(value), a.constant(0n));
  const conditions = a.or(a.or(bit(c3, FSW.C3), bit(c2, FSW.C2)), a.or(bit(c1, FSW.C1), bit(c0, FSW.C0)));
  const rest = a.and(a.readSystem('fsw'), a.constant(0xffffn & ~(FSW.C3 | FSW.C2 | FSW.C1 | FSW.C0)));
  a.writeSystem('fsw', a.or(rest, conditions));
}

export const widthOf = (operand: Operand): Width => operand.width as Width;

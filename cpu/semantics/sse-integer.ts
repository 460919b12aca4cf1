/** SSE and SSE2: integer arithmetic, logic, comparisons and shifts on whole vectors. */
import type { Algebra, Semantics, VectorOperation, VectorShift } from '../algebra.ts';
import type { Instruction, Width } from '../instruction.ts';
import { immediateOf } from './sse-move.ts';

/** DEST <- DEST operation SRC, lane by lane; memory operands are aligned. */
export function lanes(operation: VectorOperation, lane: Width): Semantics {
  return (a, i) => {
    const right = a.readVector(i.operands[1]!, true);
    a.writeVector(i.operands[0]!, a.vector(operation, lane, a.readVector(i.operands[0]!, false), right), false);
  };
}

/** Both operands; of MMX registers, both in one vector and nothing: for what takes the lanes of the first, then those of the second. */
export function inOrder<V, C, X>(a: Algebra<V, C, X>, i: Instruction): readonly [left: X, right: X] {
  const right = a.readVector(i.operands[1]!, true);
  const left = a.readVector(i.operands[0]!, false);
  return i.operands[0]!.width === 64 ? [a.withLane(left, 64, 1, a.lane(right, 64, 0)), a.zeroVector()] : [left, right];
}

/** PACKSSWB, PACKSSDW, PACKUSWB: lanes narrowed to half their width. */
export function pack(operation: 'packSigned' | 'packUnsigned', lane: Width): Semantics {
  return (a, i) => {
    const [left, right] = inOrder(a, i);
    a.writeVector(i.operands[0]!, a.vector(operation, lane, left, right), false);
  };
}

/** PSLL, PSRL, PSRA: by an immediate, or by the low 64 bits of the source. */
export function shift(operation: VectorShift, lane: Width): Semantics {
  return (a, i) => {
    const [destination, source] = i.operands;
    const count =
      source!.kind === 2 ? a.constant(BigInt(immediateOf(source))) : a.lane(a.readVector(source!, true), 64, 0);
    a.writeVector(destination!, a.vectorShift(operation, lane, a.readVector(destination!, false), count), false);
  };
}

/** PSLLDQ, PSRLDQ: the whole register by bytes. */
export function shiftBytes(direction: 'left' | 'right'): Semantics {
  return (a, i) => {
    const [destination, source] = i.operands;
    const count = immediateOf(source);
    const picks = Array.from({ length: 16 }, (_, n) => {
      const pick = direction === 'left' ? n - count : n + count;
      return pick >= 0 && pick < 16 ? pick : -1;
    });
    const value = a.readVector(destination!, false);
    a.writeVector(destination!, a.shuffleBytes(value, value, picks), false);
  };
}

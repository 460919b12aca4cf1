/** SSE and SSE2: integer arithmetic, logic, comparisons and shifts on whole vectors. */
import type { Semantics, VectorOperation, VectorShift } from '../algebra.ts';
import type { Width } from '../instruction.ts';
import { immediateOf } from './sse-move.ts';

/** DEST <- DEST operation SRC, lane by lane; memory operands are aligned. */
export function lanes(operation: VectorOperation, lane: Width): Semantics {
  return (a, i) => {
    const right = a.readVector(i.operands[1]!, true);
    a.writeVector(i.operands[0]!, a.vector(operation, lane, a.readVector(i.operands[0]!, false), right), false);
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

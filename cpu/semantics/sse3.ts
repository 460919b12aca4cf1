/** SSE3 and SSSE3: horizontal arithmetic, duplication, shuffles by a register. */
import type { FloatOperation, Semantics, VectorOperation } from '../algebra.ts';
import type { Width } from '../instruction.ts';
import { inOrder } from './sse-integer.ts';
import { immediateOf, scalarVector } from './sse-move.ts';

type FloatWidth = 32 | 64;
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** ADDSUBPS, ADDSUBPD: lanes of even number are subtracted, the others added. */
export function addsub(width: FloatWidth): Semantics {
  return (a, i) => {
    const right = a.readVector(i.operands[1]!, true);
    const left = a.readVector(i.operands[0]!, false);
    let result = left;
    for (const n of range(128 / width)) {
      const operation = n % 2 === 0 ? 'sub' : 'add';
      result = a.withLane(result, width, n, a.float(operation, width, a.lane(left, width, n), a.lane(right, width, n)));
    }
    a.settleFloatExceptions();
    a.writeVector(i.operands[0]!, result, false);
  };
}

/** HADDPS, HADDPD, HSUBPS, HSUBPD: neighbours of the destination, then those of the source. */
export function horizontalFloat(operation: FloatOperation, width: FloatWidth): Semantics {
  return (a, i) => {
    const right = a.readVector(i.operands[1]!, true);
    const left = a.readVector(i.operands[0]!, false);
    const pairs = 64 / width;
    let result = a.zeroVector();
    for (const n of range(2 * pairs)) {
      const from = n < pairs ? left : right;
      const at = (n % pairs) * 2;
      const value = a.float(operation, width, a.lane(from, width, at), a.lane(from, width, at + 1));
      result = a.withLane(result, width, n, value);
    }
    a.settleFloatExceptions();
    a.writeVector(i.operands[0]!, result, false);
  };
}

// MOVDDUP: the low 64 bits twice; memory needs no alignment
export const movddup: Semantics = (a, i) => {
  const value = a.read(i.operands[1]!);
  a.writeVector(i.operands[0]!, a.withLane(scalarVector(a, 64, value), 64, 1, value), false);
};

/** MOVSLDUP, MOVSHDUP: the even or the odd lanes twice. */
export function duplicate(odd: 0 | 1): Semantics {
  const picks = range(16).map((n) => (n & ~7) + odd * 4 + (n & 3));
  return (a, i) => {
    const source = a.readVector(i.operands[1]!, true);
    a.writeVector(i.operands[0]!, a.shuffleBytes(source, source, picks), false);
  };
}

// PALIGNR: as many bytes of destination:source as a register has, from the byte that the immediate names
export const palignr: Semantics = (a, i) => {
  const count = immediateOf(i.operands[2]);
  const size = i.operands[0]!.width / 8;
  const picks = range(16).map((n) => {
    const at = n + count;
    return n >= size || at >= 2 * size ? -1 : at < size ? at + 16 : at - size;
  });
  const source = a.readVector(i.operands[1]!, true);
  a.writeVector(i.operands[0]!, a.shuffleBytes(a.readVector(i.operands[0]!, false), source, picks), false);
};

/** PHADDW, PHADDD, PHADDSW, PHSUBW, PHSUBD, PHSUBSW: neighbours of the destination, then those of the source. */
export function horizontal(operation: VectorOperation, lane: 16 | 32): Semantics {
  const size = lane / 8;
  const lanesFrom = (first: 0 | 1): number[] =>
    range(16).map((n) => Math.floor(n / size) * 2 * size + first * size + (n % size));
  const even = lanesFrom(0);
  const odd = lanesFrom(1);
  return (a, i) => {
    const [left, right] = inOrder(a, i);
    const result = a.vector(operation, lane, a.shuffleBytes(left, right, even), a.shuffleBytes(left, right, odd));
    a.writeVector(i.operands[0]!, result, false);
  };
}

/** PABSB, PABSW, PABSD: the source with its own sign taken away. */
export function absolute(lane: Width): Semantics {
  return (a, i) => {
    const source = a.readVector(i.operands[1]!, true);
    a.writeVector(i.operands[0]!, a.vector('applySign', lane, source, source), false);
  };
}

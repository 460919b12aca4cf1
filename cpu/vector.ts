import type { VectorOperation, VectorShift } from './algebra.ts';
import type { Width } from './instruction.ts';

export function combine(_operation: VectorOperation, _lane: Width, _left: bigint, _right: bigint): bigint {
  throw new Error('vector.combine: not written yet');
}
export function shift(_operation: VectorShift, _lane: Width, _value: bigint, _count: bigint): bigint {
  throw new Error('vector.shift: not written yet');
}
export function shuffleBytes(_left: bigint, _right: bigint, _picks: readonly number[]): bigint {
  throw new Error('vector.shuffleBytes: not written yet');
}

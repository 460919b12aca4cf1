/** MMX: what its instructions have in common, and the little that has no form on XMM registers. */
import type { Semantics } from '../algebra.ts';
import type { Instruction } from '../instruction.ts';
import { immediateOf, pairsOf, picked } from './sse-move.ts';

/** An instruction on MMX registers, of which `body` says what it computes. */
export function mmx(body: Semantics): Semantics {
  return (a, i) => {
    a.beginMmx();
    body(a, i);
    a.endMmx(true);
  };
}

/** The same of a conversion to XMM registers, to which an operand in memory is nothing of the x87's. */
export function mmxUnlessMemory(body: Semantics): Semantics {
  const onRegisters = mmx(body);
  return (a, i) => (isFromMemory(i) ? body(a, i) : onRegisters(a, i));
}
const isFromMemory = (i: Instruction): boolean => i.operands[1]?.kind === 1;

// EMMS: no register of the x87 is in use
export const emms: Semantics = (a) => {
  a.beginMmx();
  a.endMmx(false);
};

// PSHUFB: bits 0 to 2 pick
export const pshufb: Semantics = (a, i) => {
  const mask = a.vector(
    'and',
    64,
    a.readVector(i.operands[1]!, true),
    a.withLane(a.zeroVector(), 64, 0, a.constant(PICKS)),
  );
  a.writeVector(i.operands[0]!, a.vector('shuffle', 8, a.readVector(i.operands[0]!, false), mask), false);
};
const PICKS = 0x8787_8787_8787_8787n;

// PSHUFW
export const pshufw = picked(16, (i) => [
  ...pairsOf(immediateOf(i.operands[2])).map((pick) => pick + 8),
  -1,
  -1,
  -1,
  -1,
]);

/** AES-NI, PCLMULQDQ, the SHA extensions. */
import type { HashOperation, Semantics } from '../algebra.ts';
import type { XmmOperand } from '../instruction.ts';
import { immediateOf } from './sse-move.ts';

const XMM0: XmmOperand = { kind: 3, index: 0, width: 128 };

// AESIMC: of the source
export const aesimc: Semantics = (a, i) => {
  const source = a.readVector(i.operands[1]!, true);
  a.writeVector(i.operands[0]!, a.vector('aesInverseMix', 8, source, source), false);
};

// AESKEYGENASSIST: the round constant joins the rotated words
export const aeskeygenassist: Semantics = (a, i) => {
  const source = a.readVector(i.operands[1]!, true);
  const words = a.vector('aesKeyWords', 8, source, source);
  const constant = a.constant(BigInt(immediateOf(i.operands[2])));
  let result = words;
  for (const n of [1, 3]) result = a.withLane(result, 32, n, a.xor(a.lane(words, 32, n), constant));
  a.writeVector(i.operands[0]!, result, false);
};

// PCLMULQDQ: imm[0] chooses the destination's half, imm[4] the source's
export const pclmulqdq: Semantics = (a, i) => {
  const control = immediateOf(i.operands[2]);
  const right = a.readVector(i.operands[1]!, true);
  const left = a.readVector(i.operands[0]!, false);
  const product = a.carrylessMultiply(a.lane(left, 64, control & 1), a.lane(right, 64, (control >> 4) & 1));
  a.writeVector(i.operands[0]!, product, false);
};

// the SHA extensions take memory at any address, as AMD's processors do; Intel's raise #GP
/** SHA1NEXTE, SHA1MSG1, SHA1MSG2, SHA256RNDS2, SHA256MSG1, SHA256MSG2 */
export function hash(operation: HashOperation): Semantics {
  return (a, i) => {
    const second = a.readVector(i.operands[1]!, false);
    const first = a.readVector(i.operands[0]!, false);
    a.writeVector(i.operands[0]!, a.hash(operation, first, second, a.readVector(XMM0, false)), false);
  };
}

const phases = (['sha1Rounds0', 'sha1Rounds1', 'sha1Rounds2', 'sha1Rounds3'] as const).map(hash);
// SHA1RNDS4: imm[1:0] chooses the function and the constant
export const sha1rnds4: Semantics = (a, i) => phases[immediateOf(i.operands[2]) & 3]!(a, i);

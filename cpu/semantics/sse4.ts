/** SSE4.1: blends, extensions, insertion and extraction, rounding, dot products; SSE4.2: CRC32 and text comparison. */
import type { Algebra, Semantics } from '../algebra.ts';
import type { Instruction, Operand, Width, XmmOperand } from '../instruction.ts';
import { immediateOf, scalarVector } from './sse-move.ts';

type FloatWidth = 32 | 64;
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const RAX = 0;
const RCX = 1;
const RDX = 2;
/** XMM0, which some instructions imply */
const XMM0: XmmOperand = { kind: 3, index: 0, width: 128 };

/** BLENDPS, BLENDPD, PBLENDW: lane n from the source where bit n of the immediate is set. */
export function blend(lane: Width): Semantics {
  const size = lane / 8;
  return (a, i) => {
    const order = immediateOf(i.operands[2]);
    const picks = range(16).map((n) => (((order >> Math.floor(n / size)) & 1) === 1 ? n + 16 : n));
    const source = a.readVector(i.operands[1]!, true);
    a.writeVector(i.operands[0]!, a.shuffleBytes(a.readVector(i.operands[0]!, false), source, picks), false);
  };
}

/** PBLENDVB, BLENDVPS, BLENDVPD: a lane from the source where that of XMM0, or of a last operand, is negative. */
export function blendVariable(lane: Width): Semantics {
  return (a, i) => {
    const source = a.readVector(i.operands[1]!, true);
    const left = a.readVector(i.operands[0]!, false);
    const mask = a.vectorShift('sar', lane, a.readVector(i.operands[2] ?? XMM0, false), a.constant(BigInt(lane - 1)));
    const taken = a.vector('and', 64, mask, source);
    a.writeVector(i.operands[0]!, a.vector('or', 64, taken, a.vector('andNot', 64, mask, left)), false);
  };
}

/** A source that may be less than a vector in memory. */
function narrowSource<V, C, X>(a: Algebra<V, C, X>, source: Operand): X {
  if (source.kind === 1 && source.width !== 128) return scalarVector(a, source.width as Width, a.read(source));
  return a.readVector(source, true);
}

/** PMOVSXxx, PMOVZXxx: the low lanes of `from` bits, extended to `to`. */
export function extend(from: 8 | 16 | 32, to: 16 | 32 | 64, signed: boolean): Semantics {
  return (a, i) => {
    const source = narrowSource(a, i.operands[1]!);
    let result = a.zeroVector();
    for (const n of range(128 / to)) {
      const value = a.lane(source, from, n);
      result = a.withLane(result, to, n, signed ? a.signExtend(value, from, to) : value);
    }
    a.writeVector(i.operands[0]!, result, false);
  };
}

// PTEST: ZF when source AND destination is zero, CF when source AND NOT destination is
export const ptest: Semantics = (a, i) => {
  const source = a.readVector(i.operands[1]!, true);
  const destination = a.readVector(i.operands[0]!, false);
  const none = (value: typeof source) => a.isZero(a.or(a.lane(value, 64, 0), a.lane(value, 64, 1)));
  a.setFlag('ZF', none(a.vector('and', 64, source, destination)));
  a.setFlag('CF', none(a.vector('andNot', 64, destination, source)));
  for (const name of ['OF', 'SF', 'AF', 'PF'] as const) a.setFlag(name, a.never);
};

/** PINSRB, PINSRD, PINSRQ */
export function insert(lane: Width): Semantics {
  return (a, i) => {
    const index = immediateOf(i.operands[2]) & (128 / lane - 1);
    const value = a.truncate(a.read(i.operands[1]!), lane);
    a.writeVector(i.operands[0]!, a.withLane(a.readVector(i.operands[0]!, false), lane, index, value), false);
  };
}

/** PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: registers are written whole, memory in the lane's width. */
export function extract(lane: Width): Semantics {
  return (a, i) => {
    const index = immediateOf(i.operands[2]) & (128 / lane - 1);
    a.write(i.operands[0]!, a.lane(a.readVector(i.operands[1]!, false), lane, index));
  };
}

// INSERTPS: lane imm[7:6] of a register (or the memory operand) to lane imm[5:4]; then zeros by imm[3:0]
export const insertps: Semantics = (a, i) => {
  const [destination, source] = i.operands;
  const order = immediateOf(i.operands[2]);
  const value = source!.kind === 1 ? a.read(source!) : a.lane(a.readVector(source!, false), 32, order >> 6);
  let result = a.withLane(a.readVector(destination!, false), 32, (order >> 4) & 3, value);
  for (const n of range(4)) if (((order >> n) & 1) === 1) result = a.withLane(result, 32, n, a.constant(0n));
  a.writeVector(destination!, result, false);
};

/** By the immediate: 3 silences PE, 2 asks MXCSR, 1-0 is the rounding. */
function rounded<V, C, X>(a: Algebra<V, C, X>, i: Instruction, width: FloatWidth, value: V): V {
  const control = immediateOf(i.operands[2]);
  return a.roundFloat(width, value, (control & 4) !== 0 ? undefined : control & 3, (control & 8) !== 0);
}

// ROUNDSS, ROUNDSD
export const roundScalar: Semantics = (a, i) => {
  const [destination, source] = i.operands;
  const result = rounded(a, i, destination!.width as FloatWidth, a.read(source!));
  a.settleFloatExceptions();
  a.write(destination!, result);
};

/** ROUNDPS, ROUNDPD */
export function roundPacked(width: FloatWidth): Semantics {
  return (a, i) => {
    const source = a.readVector(i.operands[1]!, true);
    let result = source;
    for (const n of range(128 / width)) {
      result = a.withLane(result, width, n, rounded(a, i, width, a.lane(source, width, n)));
    }
    a.settleFloatExceptions();
    a.writeVector(i.operands[0]!, result, false);
  };
}

/** DPPS, DPPD: products of the lanes in imm[7:4], added in pairs, to the lanes in imm[3:0]. */
export function dotProduct(width: FloatWidth): Semantics {
  return (a, i) => {
    const control = immediateOf(i.operands[2]);
    const right = a.readVector(i.operands[1]!, true);
    const left = a.readVector(i.operands[0]!, false);
    let terms = range(128 / width).map((n) =>
      ((control >> (4 + n)) & 1) === 1
        ? a.float('mul', width, a.lane(left, width, n), a.lane(right, width, n))
        : a.constant(0n),
    );
    while (terms.length > 1) {
      // an unmasked exception of one step ends the instruction before the next
      a.settleFloatExceptions();
      terms = range(terms.length / 2).map((n) => a.float('add', width, terms[2 * n]!, terms[2 * n + 1]!));
    }
    a.settleFloatExceptions();
    let result = a.zeroVector();
    for (const n of range(128 / width)) {
      if (((control >> n) & 1) === 1) result = a.withLane(result, width, n, terms[0]!);
    }
    a.writeVector(i.operands[0]!, result, false);
  };
}

// MPSADBW: eight sums of four absolute differences: bytes from imm[2] * 4 + n against those from imm[1:0] * 4
export const mpsadbw: Semantics = (a, i) => {
  const control = immediateOf(i.operands[2]);
  const right = a.readVector(i.operands[1]!, true);
  const left = a.readVector(i.operands[0]!, false);
  const four = (start: number): number[] => range(8).map((n) => (n < 4 ? start + n : -1));
  const start = (control & 4) !== 0 ? 4 : 0;
  const block = four((control & 3) * 4);
  const second = a.shuffleBytes(right, right, [...block, ...block]);
  let result = a.zeroVector();
  for (const n of [0, 2, 4, 6]) {
    const first = a.shuffleBytes(left, left, [...four(start + n), ...four(start + n + 1)]);
    const sums = a.vector('sumDifferences', 8, first, second);
    result = a.withLane(result, 16, n, a.lane(sums, 64, 0));
    result = a.withLane(result, 16, n + 1, a.lane(sums, 64, 1));
  }
  a.writeVector(i.operands[0]!, result, false);
};

// PHMINPOSUW
export const phminposuw: Semantics = (a, i) => {
  const source = a.readVector(i.operands[1]!, true);
  a.writeVector(i.operands[0]!, a.vector('minimumPosition', 16, source, source), false);
};

// CRC32: of the destination's low half and the source
export const crc32: Semantics = (a, i) => {
  const [destination, source] = i.operands;
  const crc = a.truncate(a.read(destination!), 32);
  a.write(destination!, a.crc32c(crc, a.read(source!), source!.width as Width));
};

/** Elements before the first zero, at most `count`. */
function implicitLength<V, C, X>(a: Algebra<V, C, X>, lane: 8 | 16, text: X): V {
  const zeros = a.signMask(lane, a.vector('equal', lane, text, a.zeroVector()));
  return a.trailingZeros(a.or(zeros, a.constant(1n << BigInt(128 / lane))), 64);
}

/** The magnitude of a register, at most `count`. */
function explicitLength<V, C, X>(a: Algebra<V, C, X>, i: Instruction, register: number, count: V): V {
  const value = a.readRegister(register, i.width);
  const magnitude = a.select(a.bit(value, i.width - 1), a.sub(a.constant(0n), value, i.width), value);
  return a.select(a.lessUnsigned(magnitude, count), magnitude, count);
}

/** PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: memory needs no alignment. */
export function compareText(lengths: 'explicit' | 'implicit', result: 'index' | 'mask'): Semantics {
  return (a, i) => {
    const control = immediateOf(i.operands[2]);
    const lane = (control & 1) === 1 ? 16 : 8;
    const elements = 128 / lane;
    const count = a.constant(BigInt(elements));
    const right = a.readVector(i.operands[1]!, false);
    const left = a.readVector(i.operands[0]!, false);
    const explicit = lengths === 'explicit';
    const leftLength = explicit ? explicitLength(a, i, RAX, count) : implicitLength(a, lane, left);
    const rightLength = explicit ? explicitLength(a, i, RDX, count) : implicitLength(a, lane, right);
    const found = a.compareStrings(control, left, leftLength, right, rightLength);
    const last = (control & 0x40) !== 0;
    if (result === 'index') {
      const lowest = a.trailingZeros(a.or(found, a.constant(1n << BigInt(elements))), 64);
      const highest = a.sub(a.constant(63n), a.leadingZeros(found, 64), 64);
      a.writeRegister(RCX, 32, last ? a.select(a.isZero(found), count, highest) : lowest);
    } else if (last) {
      let mask = a.zeroVector();
      const ones = a.constant((1n << BigInt(lane)) - 1n);
      for (const n of range(elements)) {
        mask = a.withLane(mask, lane, n, a.select(a.bit(found, n), ones, a.constant(0n)));
      }
      a.writeVector(XMM0, mask, false);
    } else a.writeVector(XMM0, scalarVector(a, 64, found), false);
    a.setFlag('CF', a.negate(a.isZero(found)));
    a.setFlag('ZF', a.lessUnsigned(rightLength, count));
    a.setFlag('SF', a.lessUnsigned(leftLength, count));
    a.setFlag('OF', a.bit(found, 0));
    for (const name of ['AF', 'PF'] as const) a.setFlag(name, a.never);
  };
}

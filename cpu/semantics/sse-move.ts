/** SSE and SSE2: moves, shuffles, insertion and extraction, and the saved image of the registers. */
import type { Algebra, Semantics } from '../algebra.ts';
import { floatingImage, IMAGE_SIZE, IMAGE_WORDS, loadFloatingImage } from '../fxsave.ts';
import type { Instruction, MemoryOperand, Operand, Width } from '../instruction.ts';

const bytesOf = (width: number): number => width / 8;
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** The immediate of a shuffle: part of the instruction, so an ordinary number. */
export function immediateOf(operand: Operand | undefined): number {
  return operand?.kind === 2 ? Number(operand.value & 0xffn) : 0;
}

/** `value` in the low bits of an otherwise zero vector. */
export function scalarVector<V, C, X>(a: Algebra<V, C, X>, width: Width, value: V): X {
  return a.withLane(a.zeroVector(), width, 0, value);
}

function scalarWidth(operand: Operand): Width {
  return operand.width as Width;
}

// MOVAPS, MOVAPD, MOVDQA, MOVNTPS, MOVNTPD, MOVNTDQ; MOVUPS, MOVUPD, MOVDQU
function moveVector(aligned: boolean): Semantics {
  return (a, i) => a.writeVector(i.operands[0]!, a.readVector(i.operands[1]!, aligned), aligned);
}
export const movaps = moveVector(true);
export const movups = moveVector(false);

// MOVSS, MOVSD: a load clears the rest of the register, a move between registers keeps it
export const movss: Semantics = (a, i) => {
  const [destination, source] = i.operands;
  if (source!.kind === 1) {
    a.writeVector(destination!, scalarVector(a, scalarWidth(source!), a.read(source!)), false);
  } else a.write(destination!, a.read(source!));
};

// MOVD, MOVQ to a register: the rest is cleared, whatever the source
export const movd: Semantics = (a, i) => {
  const [destination, source] = i.operands;
  const value = a.read(source!);
  const isVector = destination!.kind === 3 || destination!.kind === 8;
  if (isVector) a.writeVector(destination!, scalarVector(a, scalarWidth(source!), value), false);
  else a.write(destination!, value);
};

// MOVLPS, MOVLPD, MOVNTI, and MOVD to a general register: only what is moved changes
export const moveLow: Semantics = (a, i) => a.write(i.operands[0]!, a.read(i.operands[1]!));

/** One half of the source to one half of the destination, the other half kept. */
function moveHalf(to: 0 | 1, from: 0 | 1): Semantics {
  return (a, i) => {
    const [destination, source] = i.operands;
    const value = source!.kind === 1 ? a.read(source!) : a.lane(a.readVector(source!, false), 64, from);
    if (destination!.kind === 1) a.write(destination!, value);
    else a.writeVector(destination!, a.withLane(a.readVector(destination!, false), 64, to, value), false);
  };
}
// MOVHPS and MOVHPD from memory, MOVLHPS; MOVHLPS, MOVHPS and MOVHPD to memory
export const moveToHigh = moveHalf(1, 0);
export const moveFromHigh = moveHalf(0, 1);

// MOVMSKPS, MOVMSKPD, PMOVMSKB
export function signMask(lane: Width): Semantics {
  return (a, i) => a.write(i.operands[0]!, a.signMask(lane, a.readVector(i.operands[1]!, false)));
}

/**
 * Lanes of `lane` bits picked from the destination (0 …) and from the source (following those of 128 bits), by the immediate if there
 * is one; a negative one gives zero.
 */
export function picked(lane: Width, picksOf: (i: Instruction) => readonly number[]): Semantics {
  const size = bytesOf(lane);
  const known: (readonly number[] | undefined)[] = Array.from({ length: 256 }, () => undefined);
  return (a, i) => {
    const [destination, source, order] = i.operands;
    const picks = (known[immediateOf(order)] ??= picksOf(i).flatMap((pick) => range(size).map((n) => pick * size + n)));
    const right = a.readVector(source!, true);
    a.writeVector(destination!, a.shuffleBytes(a.readVector(destination!, false), right, picks), false);
  };
}

// PUNPCKL…, UNPCKLPS, UNPCKLPD; PUNPCKH…, UNPCKHPS, UNPCKHPD: lanes of both, alternating
export function unpack(half: 'low' | 'high', lane: Width, size: 64 | 128 = 128): Semantics {
  const count = size / lane;
  const start = half === 'low' ? 0 : count / 2;
  const pairs = range(count / 2).flatMap((n) => [start + n, 128 / lane + start + n]);
  const picks = [...pairs, ...range(128 / lane - count).map(() => -1)];
  return picked(lane, () => picks);
}

export const pairsOf = (order: number): number[] => range(4).map((n) => (order >> (2 * n)) & 3);

// PSHUFD; PSHUFLW, PSHUFHW: four lanes of the source in the order of the immediate
export const pshufd = picked(32, (i) => pairsOf(immediateOf(i.operands[2])).map((pick) => pick + 4));
export const pshuflw = picked(16, (i) => [
  ...pairsOf(immediateOf(i.operands[2])).map((pick) => pick + 8),
  12,
  13,
  14,
  15,
]);
export const pshufhw = picked(16, (i) => [
  8,
  9,
  10,
  11,
  ...pairsOf(immediateOf(i.operands[2])).map((pick) => pick + 12),
]);

// SHUFPS, SHUFPD: the lower lanes from the destination, the upper from the source
export const shufps = picked(32, (i) =>
  pairsOf(immediateOf(i.operands[2])).map((pick, n) => (n < 2 ? pick : pick + 4)),
);
export const shufpd = picked(64, (i) => {
  const order = immediateOf(i.operands[2]);
  return [order & 1, 2 + ((order >> 1) & 1)];
});

/** Which word of `vector` the immediate names. */
const wordOf = (i: Instruction, vector: Operand): number => immediateOf(i.operands[2]) & (vector.width / 16 - 1);

// PINSRW, PEXTRW
export const pinsrw: Semantics = (a, i) => {
  const value = a.truncate(a.read(i.operands[1]!), 16);
  const before = a.readVector(i.operands[0]!, false);
  a.writeVector(i.operands[0]!, a.withLane(before, 16, wordOf(i, i.operands[0]!), value), false);
};
export const pextrw: Semantics = (a, i) =>
  a.write(i.operands[0]!, a.lane(a.readVector(i.operands[1]!, false), 16, wordOf(i, i.operands[1]!)));

// MASKMOVDQU, MASKMOVQ: those bytes of the first operand whose mask byte is negative, to [rdi]; all must be writable, and
// with alignment checks the quadwords aligned, whatever the mask is
export const maskmov: Semantics = (a, i) => {
  const RDI = 7;
  const target: MemoryOperand = {
    kind: 1,
    width: 8,
    base: RDI,
    index: -1,
    scale: 1,
    displacement: 0n,
    ripRelative: false,
    segment: i.segment,
    addressWidth: i.addressWidth,
  };
  const start = a.linearAddress(target);
  const data = a.readVector(i.operands[0]!, false);
  const mask = a.readVector(i.operands[1]!, false);
  const at = (offset: number): typeof start => a.add(start, a.constant(BigInt(offset)), 64);
  const size = bytesOf(i.operands[0]!.width);
  for (let offset = 0; offset < size; offset += 8) a.probeStore(at(offset), 64);
  for (const n of range(size)) a.when(a.bit(a.lane(mask, 8, n), 7), () => a.store(at(n), 8, a.lane(data, 8, n)));
};

function imageAddress<V, C, X>(a: Algebra<V, C, X>, i: Instruction): V {
  const start = a.linearAddress(i.operands[0] as MemoryOperand);
  a.when(a.negate(a.isZero(a.and(start, a.constant(15n)))), () => a.raise(13, 0));
  return start;
}
const isWide = (i: Instruction): boolean => i.mnemonic.endsWith('64');

// FXSAVE, FXSAVE64: processors look at the last byte first
export const fxsave: Semantics = (a, i) => {
  a.beginX87(false);
  const start = imageAddress(a, i);
  const at = (offset: number): typeof start => a.add(start, a.constant(BigInt(offset)), 64);
  a.probeStore(at(IMAGE_SIZE - 1), 8);
  for (let offset = 0; offset < IMAGE_SIZE; offset += 16) a.probeStore(at(offset), 64);
  floatingImage(a, isWide(i)).forEach((word, n) => a.store(at(8 * n), 64, word));
};

// FXRSTOR, FXRSTOR64: reserved bits of MXCSR are #GP
export const fxrstor: Semantics = (a, i) => {
  a.beginX87(false);
  const start = imageAddress(a, i);
  const at = (offset: number): typeof start => a.add(start, a.constant(BigInt(offset)), 64);
  a.load(at(IMAGE_SIZE - 1), 8);
  const words = range(IMAGE_WORDS).map((n) => a.load(at(8 * n), 64));
  a.when(a.negate(a.isZero(a.and(words[3]!, a.constant(0xffff_0000n)))), () => a.raise(13, 0));
  loadFloatingImage(a, words, isWide(i));
};

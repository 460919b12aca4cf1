/** AVX and AVX2: moves, broadcasts, permutations and tests that SSE does not have. */
import type { Algebra, Semantics } from '../algebra.ts';
import type { MemoryOperand, Operand, Width, XmmOperand } from '../instruction.ts';
import { immediateOf, picked, scalarVector } from './sse-move.ts';

type Wide = XmmOperand | MemoryOperand;
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const isWide = (operand: Operand | undefined): boolean => operand?.width === 256;

/** #GP where memory is not aligned to its size. */
function requireAligned<V, C, X>(a: Algebra<V, C, X>, operand: Operand): void {
  if (operand.kind !== 1) return;
  const mask = a.constant(BigInt(operand.width / 8 - 1));
  a.when(a.negate(a.isZero(a.and(a.linearAddress(operand), mask))), () => a.raise(13, 0));
}

/** Both halves, of which a destination of 128 bits takes the lower: with zeros above it in a register. */
export function writeHalves<V, C, X>(a: Algebra<V, C, X>, destination: Wide, low: X, high: X): void {
  if (destination.kind === 3) {
    a.writeHalf(destination, 0, low);
    a.writeHalf(destination, 1, isWide(destination) ? high : a.zeroVector());
    return;
  }
  if (isWide(destination)) {
    const start = a.linearAddress(destination);
    a.probeStore(start, 64);
    a.probeStore(a.add(start, a.constant(8n), 64), 64);
    a.writeHalf(destination, 1, high);
  }
  a.writeHalf(destination, 0, low);
}

function upperOf<V, C, X>(a: Algebra<V, C, X>, operand: Operand): X {
  return isWide(operand) ? a.readHalf(operand as Wide, 1) : a.zeroVector();
}

// VMOVAPS, VMOVAPD, VMOVDQA, VMOVNT…; VMOVUPS, VMOVUPD, VMOVDQU, VLDDQU
function moveVector(aligned: boolean): Semantics {
  return (a, i) => {
    const [destination, source] = i.operands as [Wide, Wide];
    if (aligned) i.operands.forEach((operand) => requireAligned(a, operand));
    const low = a.readHalf(source, 0);
    writeHalves(a, destination, low, upperOf(a, source));
  };
}
export const vmovaps = moveVector(true);
export const vmovups = moveVector(false);

// VZEROUPPER; VZEROALL
function zero(halves: readonly (0 | 1)[]): Semantics {
  return (a) => {
    for (const index of range(16)) {
      for (const half of halves) a.writeHalf({ kind: 3, index, width: 256 }, half, a.zeroVector());
    }
  };
}
export const vzeroupper = zero([1]);
export const vzeroall = zero([0, 1]);

/** VBROADCASTSS, VBROADCASTSD, VPBROADCASTB …: the low lane of the source to all lanes. */
export function broadcast(lane: Width): Semantics {
  const picks = range(16).map((n) => n % (lane / 8));
  return (a, i) => {
    const [destination, source] = i.operands as [XmmOperand, Wide];
    const value = source.kind === 1 ? scalarVector(a, lane, a.read(source)) : a.readHalf(source, 0);
    const all = a.shuffleBytes(value, value, picks);
    writeHalves(a, destination, all, all);
  };
}
// VBROADCASTF128, VBROADCASTI128
export const vbroadcast128: Semantics = (a, i) => {
  const value = a.readHalf(i.operands[1] as Wide, 0);
  writeHalves(a, i.operands[0] as Wide, value, value);
};

// VEXTRACTF128, VEXTRACTI128; VINSERTF128, VINSERTI128
export const vextract128: Semantics = (a, i) => {
  const [destination, source, order] = i.operands as [Wide, Wide, Operand];
  writeHalves(a, destination, a.readHalf(source, (immediateOf(order) & 1) as 0 | 1), a.zeroVector());
};
export const vinsert128: Semantics = (a, i) => {
  const [destination, first, source, order] = i.operands as [Wide, Wide, Wide, Operand];
  const upper = (immediateOf(order) & 1) === 1;
  const value = a.readHalf(source, 0);
  writeHalves(a, destination, upper ? a.readHalf(first, 0) : value, upper ? value : a.readHalf(first, 1));
};

// VPERM2F128, VPERM2I128: each half is one of the four of both sources, or zero
export const vperm2: Semantics = (a, i) => {
  const [destination, first, second, order] = i.operands as [Wide, Wide, Wide, Operand];
  const right = [a.readHalf(second, 0), a.readHalf(second, 1)] as const;
  const halves = [a.readHalf(first, 0), a.readHalf(first, 1), ...right];
  const picks = (by: number) =>
    ((immediateOf(order) >> by) & 8) !== 0 ? a.zeroVector() : halves[(immediateOf(order) >> by) & 3]!;
  writeHalves(a, destination, picks(0), picks(4));
};

/** All lanes of the two halves. */
function lanesOf<V, C, X>(a: Algebra<V, C, X>, operand: Wide, lane: 32 | 64): V[] {
  return ([0, 1] as const).flatMap((half) => {
    const value = a.readHalf(operand, half);
    return range(128 / lane).map((n) => a.lane(value, lane, n));
  });
}
function vectorOf<V, C, X>(a: Algebra<V, C, X>, lane: 32 | 64, parts: readonly V[]): X {
  return parts.reduce<X>((vector, part, n) => a.withLane(vector, lane, n, part), a.zeroVector());
}
function writeLanes<V, C, X>(a: Algebra<V, C, X>, destination: Wide, lane: 32 | 64, parts: readonly V[]): void {
  const half = 128 / lane;
  writeHalves(a, destination, vectorOf(a, lane, parts.slice(0, half)), vectorOf(a, lane, parts.slice(half)));
}

/** Of a power of two of values, that which the low bits of `index`, from bit `from` on, name. */
function chosen<V, C, X>(a: Algebra<V, C, X>, values: readonly V[], index: V, from = 0): V {
  let rest = values;
  for (let bit = from; rest.length > 1; bit++) {
    const condition = a.bit(index, bit);
    rest = range(rest.length / 2).map((n) => a.select(condition, rest[2 * n + 1]!, rest[2 * n]!));
  }
  return rest[0]!;
}

// VPERMQ, VPERMPD: quadwords in the order of the immediate
export const vpermq: Semantics = (a, i) => {
  const [destination, source, order] = i.operands as [Wide, Wide, Operand];
  const values = lanesOf(a, source, 64);
  writeLanes(
    a,
    destination,
    64,
    range(4).map((n) => values[(immediateOf(order) >> (2 * n)) & 3]!),
  );
};
// VPERMD, VPERMPS: doublewords of the last operand in the order of the second one's
export const vpermd: Semantics = (a, i) => {
  const [destination, indices, source] = i.operands as [Wide, Wide, Wide];
  const values = lanesOf(a, source, 32);
  writeLanes(
    a,
    destination,
    32,
    lanesOf(a, indices, 32).map((index) => chosen(a, values, index)),
  );
};

// what follows is in the form of SSE definitions, for `vex`
// VPERMILPD by an immediate; VPERMILPS is PSHUFD
export const vpermilpd = picked(64, (i) => {
  const order = immediateOf(i.operands[2]);
  return [2 + (order & 1), 2 + ((order >> 1) & 1)];
});
/** VPERMILPS, VPERMILPD: lanes of the first source in the order of the second one's. */
export function permuteVariable(lane: 32 | 64): Semantics {
  return (a, i) => {
    const right = a.readVector(i.operands[1]!, false);
    const left = a.readVector(i.operands[0]!, false);
    const lanes = range(128 / lane);
    const values = lanes.map((n) => a.lane(left, lane, n));
    const parts = lanes.map((n) => chosen(a, values, a.lane(right, lane, n), lane === 64 ? 1 : 0));
    a.writeVector(i.operands[0]!, vectorOf(a, lane, parts), false);
  };
}
/** VPSLLVD, VPSRLVQ, VPSRAVD …: each lane by a count of its own. */
export function shiftVariable(operation: 'shl' | 'shr' | 'sar', lane: 32 | 64): Semantics {
  return (a, i) => {
    const right = a.readVector(i.operands[1]!, false);
    const left = a.readVector(i.operands[0]!, false);
    const parts = range(128 / lane).map((n) => a[operation](a.lane(left, lane, n), a.lane(right, lane, n), lane));
    a.writeVector(i.operands[0]!, vectorOf(a, lane, parts), false);
  };
}

/** VMOVMSKPS, VMOVMSKPD, VPMOVMSKB of 256 bits. */
export function signMask(lane: Width): Semantics {
  return (a, i) => {
    const source = i.operands[1] as XmmOperand;
    const high = a.shl(a.signMask(lane, a.readHalf(source, 1)), a.constant(BigInt(128 / lane)), 64);
    a.write(i.operands[0]!, a.or(a.signMask(lane, a.readHalf(source, 0)), high));
  };
}

/** VPTEST, and of the signs of lanes VTESTPS and VTESTPD: ZF when the source AND the destination is zero, CF when it AND NOT the destination is. */
export function test(lane: 32 | 64 | undefined): Semantics {
  return (a, i) => {
    const [destination, source] = i.operands as [Wide, Wide];
    const halves = isWide(destination) ? ([0, 1] as const) : ([0] as const);
    const rights = halves.map((half) => a.readHalf(source, half));
    const bits = (value: (typeof rights)[number]) =>
      lane === undefined ? a.or(a.lane(value, 64, 0), a.lane(value, 64, 1)) : a.signMask(lane, value);
    const none = (operation: 'and' | 'andNot') =>
      a.isZero(
        rights
          .map((right, half) => bits(a.vector(operation, 64, a.readHalf(destination, half as 0 | 1), right)))
          .reduce((sum, one) => a.or(sum, one)),
      );
    const [zf, cf] = [none('and'), none('andNot')];
    a.setFlag('ZF', zf);
    a.setFlag('CF', cf);
    for (const name of ['OF', 'SF', 'AF', 'PF'] as const) a.setFlag(name, a.never);
  };
}

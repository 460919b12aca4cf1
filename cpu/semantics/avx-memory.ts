/** AVX and AVX2: memory accesses of single lanes, by a mask. */
import type { Algebra, Semantics } from '../algebra.ts';
import type { MemoryOperand, XmmOperand } from '../instruction.ts';
import { writeHalves } from './avx.ts';

type Lane = 32 | 64;
const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** The lanes of a register, the lowest first; `width` bits of it. */
function lanesOf<V, C, X>(a: Algebra<V, C, X>, register: XmmOperand, lane: Lane, width: number): V[] {
  const halves = [a.readHalf(register, 0), width === 256 ? a.readHalf(register, 1) : a.zeroVector()];
  return range(width / lane).map((n) => a.lane(halves[Math.floor((n * lane) / 128)]!, lane, n % (128 / lane)));
}

function writeLanes<V, C, X>(a: Algebra<V, C, X>, register: XmmOperand, lane: Lane, parts: readonly V[]): void {
  const half = (from: number): X =>
    parts
      .slice(from, from + 128 / lane)
      .reduce<X>((vector, part, n) => a.withLane(vector, lane, n, part), a.zeroVector());
  writeHalves(a, register, half(0), half(128 / lane));
}

/** Some bytes behind the start of an operand: with addresses of 32 bits, perhaps back at 0. */
function addressBehind<V, C, X>(a: Algebra<V, C, X>, operand: MemoryOperand, bytes: number): V {
  return a.linearAddress({ ...operand, displacement: BigInt.asUintN(64, operand.displacement + BigInt(bytes)) });
}

/** VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ from memory: lanes whose mask is not negative are zero, and not read. */
export function maskedLoad(lane: Lane): Semantics {
  return (a, i) => {
    const [destination, mask, source] = i.operands as [XmmOperand, XmmOperand, MemoryOperand];
    const parts = lanesOf(a, mask, lane, mask.width).map((sign, n) =>
      a.loadWhere(a.bit(sign, lane - 1), addressBehind(a, source, (n * lane) / 8), lane),
    );
    writeLanes(a, destination, lane, parts);
  };
}

/** The same to memory: lanes whose mask is not negative are not written. */
export function maskedStore(lane: Lane): Semantics {
  return (a, i) => {
    const [target, mask, source] = i.operands as [MemoryOperand, XmmOperand, XmmOperand];
    const taken = lanesOf(a, mask, lane, mask.width).map((sign) => a.bit(sign, lane - 1));
    taken.forEach((condition, n) =>
      a.when(condition, () => {
        for (const byte of range(lane / 8)) a.probeStore(addressBehind(a, target, (n * lane) / 8 + byte), 8);
      }),
    );
    const parts = lanesOf(a, source, lane, mask.width);
    taken.forEach((condition, n) => a.storeWhere(condition, addressBehind(a, target, (n * lane) / 8), lane, parts[n]!));
  };
}

/**
 * VGATHERDPS, VPGATHERQQ …: lane n from base + index n * scale where lane n of the mask is negative. What faults leaves the
 * lanes before it done, and their mask cleared.
 */
export function gather(indexLane: Lane, lane: Lane): Semantics {
  return (a, i) => {
    const [destination, source, mask] = i.operands as [XmmOperand, MemoryOperand, XmmOperand];
    const { vector, addressWidth, segment } = source;
    const { index, width } = vector!;
    const count = Math.min(destination.width / lane, width / indexLane);
    const base = a.effectiveAddress(source);
    const segmentBase = segment < 0 ? a.constant(0n) : a.readSystem(segment === 4 ? 'fsBase' : 'gsBase');
    const indices = lanesOf(a, { kind: 3, index, width }, indexLane, width);
    const signs = lanesOf(a, mask, lane, destination.width);
    const before = lanesOf(a, destination, lane, destination.width);
    const perHalf = 128 / lane;
    const writeLane = (register: XmmOperand, n: number, part: (typeof before)[number]): void => {
      const half = n < perHalf ? 0 : 1;
      a.writeHalf(register, half, a.withLane(a.readHalf(register, half), lane, n % perHalf, part));
    };
    for (const n of range(count)) {
      const offset = a.multiply(a.signExtend(indices[n]!, indexLane, 64), a.constant(BigInt(source.scale)), 64);
      const effective = a.truncate(a.add(base, offset, 64), addressWidth);
      const taken = a.bit(signs[n]!, lane - 1);
      const value = a.loadWhere(taken, a.add(effective, segmentBase, 64), lane);
      writeLane(destination, n, a.select(taken, value, before[n]!));
      writeLane(mask, n, a.constant(0n));
    }
    if (count < perHalf) a.writeHalf(destination, 0, a.withLane(a.readHalf(destination, 0), 64, 1, a.constant(0n)));
    if (destination.width === 128) a.writeHalf(destination, 1, a.zeroVector());
    writeHalves(a, mask, a.zeroVector(), a.zeroVector());
  };
}

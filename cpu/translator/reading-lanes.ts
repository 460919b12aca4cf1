/** The part of the emitting reading that computes with vectors. */
import type { VectorOperation, VectorShift } from '../algebra.ts';
import type { Width } from '../instruction.ts';
import { constantOf, type Node } from './node.ts';
import { IntegerReading } from './reading-integers.ts';
import { Unemitted } from './unemitted.ts';
import type { Operator } from './wasm/operators.ts';

const shapes = { 8: 'i8x16', 16: 'i16x8', 32: 'i32x4', 64: 'i64x2' } as const;

/** WebAssembly's names of lane-wise operations; the second part says for which lanes there are any. */
const laneNames: Partial<Record<VectorOperation, readonly [name: string, lanes: readonly number[]]>> = {
  add: ['add', [8, 16, 32, 64]],
  sub: ['sub', [8, 16, 32, 64]],
  mulLow: ['mul', [16, 32]],
  addSaturateSigned: ['add_sat_s', [8, 16]],
  addSaturateUnsigned: ['add_sat_u', [8, 16]],
  subSaturateSigned: ['sub_sat_s', [8, 16]],
  subSaturateUnsigned: ['sub_sat_u', [8, 16]],
  equal: ['eq', [8, 16, 32, 64]],
  greaterSigned: ['gt_s', [8, 16, 32, 64]],
  minSigned: ['min_s', [8, 16, 32]],
  minUnsigned: ['min_u', [8, 16, 32]],
  maxSigned: ['max_s', [8, 16, 32]],
  maxUnsigned: ['max_u', [8, 16, 32]],
  averageUnsigned: ['avgr_u', [8, 16]],
};

const narrowing = { 16: 'i8x16.narrow_i16x8', 32: 'i16x8.narrow_i32x4' } as const;

const zeroBytes = new Uint8Array(16);
const bytesOfPicks = (count: number, pick: (n: number) => number): number[] =>
  Array.from({ length: count }, (_, n) => pick(n));
/** Lanes 0 and 2 of 32 bits in the places of lanes 0 and 1. */
const EVEN_LANES = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];

export abstract class LaneReading extends IntegerReading {
  private operation(op: Operator, left: Node, right: Node): Node {
    return this.nodes.make(op, 'v128', [left, right]);
  }

  zeroVector(): Node {
    return this.nodes.v128(zeroBytes);
  }

  vector(operation: VectorOperation, lane: Width, left: Node, right: Node): Node {
    const row = laneNames[operation];
    if (row !== undefined) {
      if (!row[1].includes(lane)) throw new Unemitted(`vector ${operation}`, false);
      return this.operation(`${shapes[lane]}.${row[0]}` as Operator, left, right);
    }
    switch (operation) {
      case 'and':
      case 'or':
        return left === right ? left : this.operation(`v128.${operation}`, left, right);
      case 'xor':
        return left === right ? this.zeroVector() : this.operation('v128.xor', left, right);
      case 'andNot':
        return this.operation('v128.andnot', right, left);
      case 'packSigned':
        return this.operation(`${narrowing[lane as 16]}_s`, left, right);
      case 'packUnsigned':
        return this.operation(`${narrowing[lane as 16]}_u`, left, right);
      case 'mulAddPairs':
        return this.operation('i32x4.dot_i16x8_s', left, right);
      case 'mulEvenUnsigned':
        return this.operation('i64x2.extmul_low_i32x4_u', this.evenLanes(left), this.evenLanes(right));
      case 'mulEvenSigned':
        return this.operation('i64x2.extmul_low_i32x4_s', this.evenLanes(left), this.evenLanes(right));
      case 'shuffle':
        // a set bit 7 stays out of range
        return this.operation(
          'i8x16.swizzle',
          left,
          this.operation(
            'v128.and',
            right,
            this.bytes(() => 0x8f),
          ),
        );
      default:
        throw new Unemitted(`vector ${operation}`, false);
    }
  }
  private evenLanes(value: Node): Node {
    return this.nodes.make('i8x16.shuffle', 'v128', [value, value], EVEN_LANES);
  }
  private bytes(valueAt: (n: number) => number): Node {
    return this.nodes.v128(Uint8Array.from(bytesOfPicks(16, valueAt)));
  }

  vectorShift(operation: VectorShift, lane: Width, value: Node, count: Node): Node {
    const { nodes } = this;
    const op = `${shapes[lane]}.${operation === 'shl' ? 'shl' : operation === 'shr' ? 'shr_u' : 'shr_s'}` as Operator;
    const known = constantOf(count);
    const last = BigInt(lane - 1);
    if (operation === 'sar') {
      const by = this.select(this.lessUnsigned(count, this.constant(last)), count, this.constant(last));
      return nodes.make(op, 'v128', [value, nodes.low(by)]);
    }
    if (known !== undefined) {
      return known > last ? this.zeroVector() : nodes.make(op, 'v128', [value, nodes.i32(Number(known))]);
    }
    const shifted = nodes.make(op, 'v128', [value, nodes.low(count)]);
    return nodes.select(this.lessUnsigned(count, this.constant(last + 1n)), shifted, this.zeroVector());
  }

  /** Looks through lanes that have been put in. */
  lane(value: Node, lane: Width, index: number): Node {
    for (let from = value; ; from = from.args[0]!) {
      const put = replacedLane(from);
      if (put === undefined) return this.extracted(from, lane, index);
      if (put.lane === lane && put.index === index) return put.part;
      // one of another width may overlap
      if (put.lane !== lane) return this.extracted(from, lane, index);
    }
  }
  private extracted(value: Node, lane: Width, index: number): Node {
    const { nodes } = this;
    if (value.op === 'constant') return this.constant(laneOf(value.value as Uint8Array, lane, index));
    if (lane === 64) return nodes.make('i64x2.extract_lane', 'i64', [value], index);
    if (lane === 32) return nodes.make('i32x4.extract_lane', 'i32', [value], index);
    return nodes.make(`${shapes[lane]}.extract_lane_u`, 'i32', [value], index, lane);
  }
  withLane(value: Node, lane: Width, index: number, part: Node): Node {
    const { nodes } = this;
    const put = replacedLane(value);
    if (put?.lane === lane && put.index === index) return this.withLane(value.args[0]!, lane, index, part);
    if (lane === 64 && part.type === 'f64') return nodes.make('f64x2.replace_lane', 'v128', [value, part], index);
    if (lane === 32 && part.type === 'f32') return nodes.make('f32x4.replace_lane', 'v128', [value, part], index);
    const whole = lane === 64 ? nodes.wide(part) : nodes.low(part);
    return nodes.make(`${shapes[lane]}.replace_lane`, 'v128', [value, whole], index);
  }

  shuffleBytes(left: Node, right: Node, picks: readonly number[]): Node {
    const { nodes } = this;
    if (picks.every((pick, n) => pick === n)) return left;
    if (picks.every((pick, n) => pick === n + 16)) return right;
    if (picks.every((pick) => pick < 0)) return this.zeroVector();
    const shuffled = nodes.make(
      'i8x16.shuffle',
      'v128',
      [left, right],
      picks.map((pick) => Math.max(0, pick)),
    );
    if (picks.every((pick) => pick >= 0)) return shuffled;
    return this.operation(
      'v128.and',
      shuffled,
      this.bytes((n) => (picks[n]! < 0 ? 0 : 0xff)),
    );
  }
  signMask(lane: Width, value: Node): Node {
    return this.nodes.make(`${shapes[lane]}.bitmask`, 'i32', [value], 0, 128 / lane);
  }
}

const replacing: Partial<Record<Node['op'], Width>> = {
  'i8x16.replace_lane': 8,
  'i16x8.replace_lane': 16,
  'i32x4.replace_lane': 32,
  'f32x4.replace_lane': 32,
  'i64x2.replace_lane': 64,
  'f64x2.replace_lane': 64,
};

function replacedLane(value: Node): { readonly lane: Width; readonly index: number; readonly part: Node } | undefined {
  const lane = replacing[value.op];
  return lane === undefined ? undefined : { lane, index: value.value as number, part: value.args[1]! };
}

function laneOf(bytes: Uint8Array, lane: Width, index: number): bigint {
  const size = lane / 8;
  let value = 0n;
  for (let n = size - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[index * size + n]!);
  return value;
}

/**
 * The part of the emitting reading that computes with floats: on the host's, where they raise nothing that is not raised
 * already. That needs an MXCSR with every exception masked and rounding to nearest; operands and results that are zero or
 * normal; and PE set, or a result that has not been rounded (exactness.ts). For the rest the instruction goes to the
 * interpreter. As in `../float-host.ts`, the
 * ends of the range of normal numbers are left out as well: there a result may have been rounded to them.
 */
import type { FloatOperation, FloatOrder } from '../algebra.ts';
import { Mxcsr } from '../float-format.ts';
import { Slot } from '../slots.ts';
import {
  isChanged,
  isConversionRounded,
  isNotZeroOf,
  isRootRounded,
  isRounded,
  shapeOf,
  vectorShapeOf,
  type FloatShape,
  type FloatWidth,
} from './exactness.ts';
import { createNode, type Node } from './node.ts';
import { LaneReading } from './reading-lanes.ts';
import { Unemitted } from './unemitted.ts';
import type { Operator } from './wasm/operators.ts';

const MXCSR_MASK = Mxcsr.masks | Mxcsr.RC;
const MXCSR_WANTED = Mxcsr.masks;

const bytesOf = (lane: bigint, width: FloatWidth): Uint8Array =>
  new Uint8Array(
    (width === 64 ? BigUint64Array.of(lane, lane) : Uint32Array.of(...Array.from({ length: 4 }, () => Number(lane))))
      .buffer,
  );

/**
 * What brings the magnitudes of ordinary floats, exponent 2 to all but the last, to the least signed numbers: the shape, a
 * mask, what to add, a bound, the number of lanes.
 */
const lanes64 = [
  'i64x2',
  bytesOf((1n << 63n) - 1n, 64),
  bytesOf((1n << 63n) - (2n << 52n), 64),
  bytesOf((1n << 63n) + (0x7fdn << 52n), 64),
  2,
] as const;
const lanes32 = [
  'i32x4',
  bytesOf((1n << 31n) - 1n, 32),
  bytesOf((1n << 31n) - (2n << 23n), 32),
  bytesOf((1n << 31n) + (0xfdn << 23n), 32),
  4,
] as const;

/** Whether a lane is not ordinary, and `bad`, a mask of lanes, holds there. */
function strangeLanes(width: FloatWidth, value: Node, bad: Node): Node {
  const [shape, magnitude, toSigned, bound] = width === 64 ? lanes64 : lanes32;
  const constant = (bytes: Uint8Array): Node => createNode('constant', 'v128', [], bytes);
  const moved = createNode(`${shape}.add`, 'v128', [
    createNode('v128.and', 'v128', [value, constant(magnitude)]),
    constant(toSigned),
  ]);
  const strange = createNode(`${shape}.ge_s`, 'v128', [moved, constant(bound)]);
  return createNode('v128.any_true', 'i32', [createNode('v128.and', 'v128', [strange, bad])], 0, 1);
}

const isPlainLane = (width: FloatWidth, { op, plain, args }: Node): boolean =>
  plain === width || (op.endsWith('.extract_lane') && args[0]!.plain === width);

export abstract class FloatReading extends LaneReading {
  /** byte of the CPU's block in the WebAssembly memory */
  protected abstract readonly state: number;
  private controlIsKnown = false;
  private controlWasKnown = false;
  /** nodes that are known to be plain since the instruction began */
  private readonly newlyPlain: Node[] = [];

  /** The instruction goes to the interpreter where `when` and `bad` hold; see `Check`. */
  protected abstract check(when: Node, bad: Node, shared: readonly Node[]): void;
  protected abstract floatOf(width: FloatWidth, value: Node): Node;

  protected beginFloats(): void {
    this.newlyPlain.length = 0;
    this.controlWasKnown = this.controlIsKnown;
  }
  /** The guards of the instruction are void. */
  protected abandonFloats(): void {
    for (const node of this.newlyPlain) node.plain = 0;
    this.controlIsKnown = this.controlWasKnown;
  }
  private nowPlain(width: FloatWidth, node: Node): Node {
    if (node.plain === 0) this.newlyPlain.push(node);
    node.plain = width;
    return node;
  }

  /** What the state block holds at a slot; read only where nothing in the block can change it. */
  protected slot(type: 'i32' | 'i64', slot: number): Node {
    return this.nodes.make(`${type}.load`, type, [this.nodes.i32(0)], this.state + slot * 8);
  }

  /** Once a block. */
  private requireControl(): void {
    if (this.controlIsKnown) return;
    this.controlIsKnown = true;
    const control = this.nodes.binary('i32.and', this.slot('i32', Slot.mxcsr), this.nodes.i32(MXCSR_MASK));
    this.guard(this.nodes.binary('i32.ne', control, this.nodes.i32(MXCSR_WANTED)));
  }

  /** The instruction goes to the interpreter where it would set PE. */
  private requireExact(rounded: Node, shared: readonly Node[]): void {
    const bit = this.nodes.binary('i32.and', this.slot('i32', Slot.mxcsr), this.nodes.i32(Mxcsr.PE));
    this.check(this.nodes.isZero(bit), rounded, shared);
  }

  /** The biased exponent, of an exponent field that is not at either end of its range. */
  private isOrdinary(width: FloatWidth, value: Node): Node {
    const { nodes } = this;
    const shifted =
      width === 64
        ? nodes.low(nodes.binary('i64.shr_u', nodes.wide(value), nodes.i64(52n)))
        : nodes.binary('i32.shr_u', nodes.low(value), nodes.i32(23));
    const exponent = nodes.binary('i32.and', shifted, nodes.i32(width === 64 ? 0x7ff : 0xff));
    const fromTwo = nodes.binary('i32.sub', exponent, nodes.i32(2));
    return nodes.binary('i32.lt_u', fromTwo, nodes.i32(width === 64 ? 0x7fd : 0xfd));
  }
  /** The same of every lane. */
  private areOrdinary(width: FloatWidth, value: Node): Node {
    const { nodes } = this;
    const [shape, magnitude, toSigned, bound, lanes] = width === 64 ? lanes64 : lanes32;
    const moved = nodes.make(`${shape}.add`, 'v128', [
      nodes.make('v128.and', 'v128', [value, nodes.v128(magnitude)]),
      nodes.v128(toSigned),
    ]);
    const inRange = nodes.make(`${shape}.lt_s`, 'v128', [moved, nodes.v128(bound)]);
    const mask = nodes.make(`${shape}.bitmask`, 'i32', [inRange], 0, lanes);
    return nodes.binary('i32.eq', mask, nodes.i32((1 << lanes) - 1));
  }

  /** The value as a float, and the assurance that it is zero or ordinary. */
  private plain(width: FloatWidth, value: Node): Node {
    const float = this.floatOf(width, value);
    if (isPlainLane(width, float)) return this.nowPlain(width, float);
    this.assure(width, shapeOf(width), value, isNotZeroOf(undefined, shapeOf(width), float, float, float), [float]);
    return this.nowPlain(width, float);
  }
  /** Of all lanes. */
  private plainLanes(width: FloatWidth, value: Node): Node {
    if (value.plain === width) return value;
    const shape = vectorShapeOf(width);
    this.assure(width, shape, value, isNotZeroOf(undefined, shape, value, value, value), [value]);
    return this.nowPlain(width, value);
  }
  /** Ordinary, or else not what `bad` says of what is not ordinary. */
  private assure(width: FloatWidth, shape: FloatShape, value: Node, bad: Node, shared: readonly Node[]): void {
    const vector = shape === 'f32x4' || shape === 'f64x2';
    const ordinary = vector ? this.areOrdinary(width, value) : this.isOrdinary(width, value);
    this.check(this.negate(ordinary), vector ? strangeLanes(width, value, bad) : bad, shared);
  }

  private floatOperation(op: string, width: FloatWidth, args: readonly [Node, ...Node[]]): Node {
    return this.nodes.make(`${shapeOf(width)}.${op}` as Operator, shapeOf(width), args);
  }

  float(operation: FloatOperation, width: FloatWidth, left: Node, right: Node): Node {
    this.requireControl();
    const l = this.plain(width, left);
    const r = this.plain(width, right);
    if (operation === 'min' || operation === 'max') {
      return this.nowPlain(
        width,
        this.nodes.select(this.ordered(operation === 'min' ? 'lt' : 'gt', width, l, r), l, r),
      );
    }
    const result = this.floatOperation(operation, width, [l, r]);
    if (result.plain !== 0) return result;
    const shape = shapeOf(width);
    this.assure(width, shape, result, isNotZeroOf(operation, shape, l, r, result), [l, r, result]);
    this.requireExact(isRounded(operation, shape, l, r, result), [l, r, result]);
    return this.nowPlain(width, result);
  }
  floatLanes(operation: FloatOperation, width: FloatWidth, left: Node, right: Node): Node {
    this.requireControl();
    const l = this.plainLanes(width, left);
    const r = this.plainLanes(width, right);
    const shape = vectorShapeOf(width);
    if (operation === 'min' || operation === 'max') {
      // WebAssembly's take the first where none is less
      return this.nowPlain(width, this.nodes.make(`${shape}.p${operation}`, 'v128', [r, l]));
    }
    const result = this.nodes.make(`${shape}.${operation}`, 'v128', [l, r]);
    if (result.plain !== 0) return result;
    this.assure(width, shape, result, isNotZeroOf(operation, shape, l, r, result), [l, r, result]);
    this.requireExact(isRounded(operation, shape, l, r, result), [l, r, result]);
    return this.nowPlain(width, result);
  }
  private ordered(op: 'lt' | 'gt' | 'eq', width: FloatWidth, left: Node, right: Node): Node {
    const type = width === 64 ? 'f64' : 'f32';
    return this.nodes.make(`${type}.${op}`, 'i32', [left, right], 0, 1);
  }

  squareRoot(width: FloatWidth, value: Node): Node {
    this.requireControl();
    const radicand = this.plain(width, value);
    this.guard(this.ordered('lt', width, radicand, this.nodes.float(width === 64 ? 'f64' : 'f32', 0)));
    const root = this.floatOperation('sqrt', width, [radicand]);
    this.requireExact(isRootRounded(shapeOf(width), radicand, root), [radicand, root]);
    return this.nowPlain(width, root);
  }
  compareFloat(width: FloatWidth, left: Node, right: Node, _quiet: boolean): FloatOrder<Node> {
    const l = this.plain(width, left);
    const r = this.plain(width, right);
    return {
      unordered: this.never,
      less: this.ordered('lt', width, l, r),
      equal: this.ordered('eq', width, l, r),
    };
  }
  convertFloat(from: FloatWidth, to: FloatWidth, value: Node): Node {
    if (from === to) throw new Unemitted('convertFloat', false);
    this.requireControl();
    const float = this.plain(from, value);
    if (to === 64) return this.nowPlain(64, this.nodes.make('f64.promote_f32', 'f64', [float]));
    const result = this.nodes.make('f32.demote_f64', 'f32', [float]);
    this.assure(32, 'f32', result, isNotZeroOf(undefined, 'f64', float, float, float), [float, result]);
    this.requireExact(isChanged(64, float, 32, result), [float, result]);
    return this.nowPlain(32, result);
  }
  floatToInteger(from: FloatWidth, to: 32 | 64, value: Node, truncate: boolean): Node {
    this.requireControl();
    const { nodes } = this;
    const type = from === 64 ? 'f64' : 'f32';
    const float = this.plain(from, value);
    const whole = truncate ? float : this.floatOperation('nearest', from, [float]);
    const inRange = nodes.make(
      `${type}.lt`,
      'i32',
      [this.floatOperation('abs', from, [whole]), nodes.float(type, 2 ** (to - 1))],
      0,
      1,
    );
    this.guard(this.negate(inRange));
    const integral = this.floatOperation('trunc', from, [whole]);
    this.requireExact(isChanged(from, float, from, integral), [float, integral]);
    const target = to === 64 ? 'i64' : 'i32';
    return this.pinned(nodes.make(`${target}.trunc_${type}_s`, target, [whole]));
  }
  integerToFloat(from: 32 | 64, to: FloatWidth, value: Node): Node {
    this.requireControl();
    const source = from === 64 ? 'i64' : 'i32';
    const target = to === 64 ? 'f64' : 'f32';
    const integer = from === 64 ? this.nodes.wide(value) : this.nodes.low(value);
    const result = this.nodes.make(`${target}.convert_${source}_s`, target, [integer]);
    if (from === 64 || to === 32) this.requireExact(isConversionRounded(from, integer, to, result), [integer, result]);
    return this.nowPlain(to, result);
  }
  roundFloat(width: FloatWidth, value: Node, rounding: number | undefined, quiet: boolean): Node {
    this.requireControl();
    const op = (['nearest', 'floor', 'ceil', 'trunc'] as const)[rounding ?? 0]!;
    const float = this.plain(width, value);
    const result = this.floatOperation(op, width, [float]);
    if (!quiet) this.requireExact(isChanged(width, float, width, result), [float, result]);
    return this.nowPlain(width, result);
  }
  settleFloatExceptions(): void {
    // what is emitted raises nothing
  }
}

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
import { isChanged, isConversionRounded, isRootRounded, isRounded } from './exactness.ts';
import type { Node } from './node.ts';
import { LaneReading } from './reading-lanes.ts';
import { Unemitted } from './unemitted.ts';
import type { Operator } from './wasm/operators.ts';

type FloatWidth = 32 | 64;

const MXCSR_MASK = Mxcsr.masks | Mxcsr.RC;
const MXCSR_WANTED = Mxcsr.masks;

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
    for (const node of this.newlyPlain) node.plain = false;
    this.controlIsKnown = this.controlWasKnown;
  }
  private nowPlain(node: Node): Node {
    if (!node.plain) this.newlyPlain.push(node);
    node.plain = true;
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
  private isFloatZero(width: FloatWidth, value: Node): Node {
    const float = this.floatOf(width, value);
    const type = width === 64 ? 'f64' : 'f32';
    return this.nodes.make(`${type}.eq`, 'i32', [float, this.nodes.float(type, 0)], 0, 1);
  }

  /** The value as a float, and the assurance that it is zero or ordinary. */
  private plain(width: FloatWidth, value: Node): Node {
    const float = this.floatOf(width, value);
    if (!float.plain) {
      this.guard(this.negate(this.either(this.isOrdinary(width, value), this.isFloatZero(width, value))));
    }
    return this.nowPlain(float);
  }

  private floatOperation(op: string, width: FloatWidth, args: readonly [Node, ...Node[]]): Node {
    const type = width === 64 ? 'f64' : 'f32';
    return this.nodes.make(`${type}.${op}` as Operator, type, args);
  }

  float(operation: FloatOperation, width: FloatWidth, left: Node, right: Node): Node {
    this.requireControl();
    const l = this.plain(width, left);
    const r = this.plain(width, right);
    if (operation === 'min' || operation === 'max') {
      return this.nowPlain(this.nodes.select(this.ordered(operation === 'min' ? 'lt' : 'gt', width, l, r), l, r));
    }
    const result = this.floatOperation(operation, width, [l, r]);
    if (result.plain) return result;
    const ordinary = this.isOrdinary(width, result);
    const zero =
      operation === 'add' || operation === 'sub'
        ? this.isFloatZero(width, result)
        : this.zeroOf(operation, width, l, r);
    this.guard(this.negate(this.either(ordinary, zero)));
    this.requireExact(isRounded(operation, width, l, r, result), [l, r, result]);
    return this.nowPlain(result);
  }
  /** Where a product or a quotient may be zero. */
  private zeroOf(operation: 'mul' | 'div', width: FloatWidth, left: Node, right: Node): Node {
    const zero = this.isFloatZero(width, left);
    if (operation === 'mul') return this.either(zero, this.isFloatZero(width, right));
    return this.both(zero, this.negate(this.isFloatZero(width, right)));
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
    this.requireExact(isRootRounded(width, radicand, root), [radicand, root]);
    return this.nowPlain(root);
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
    if (to === 64) return this.nowPlain(this.nodes.make('f64.promote_f32', 'f64', [float]));
    const result = this.nodes.make('f32.demote_f64', 'f32', [float]);
    const zero = this.isFloatZero(64, float);
    this.guard(this.negate(this.either(this.isOrdinary(32, result), zero)));
    this.requireExact(isChanged(64, float, 32, result), [float, result]);
    return this.nowPlain(result);
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
    return this.nowPlain(result);
  }
  roundFloat(width: FloatWidth, value: Node, rounding: number | undefined, quiet: boolean): Node {
    this.requireControl();
    const op = (['nearest', 'floor', 'ceil', 'trunc'] as const)[rounding ?? 0]!;
    const float = this.plain(width, value);
    const result = this.floatOperation(op, width, [float]);
    if (!quiet) this.requireExact(isChanged(width, float, width, result), [float, result]);
    return this.nowPlain(result);
  }
  settleFloatExceptions(): void {
    // what is emitted raises nothing
  }
}

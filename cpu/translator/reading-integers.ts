/** The part of the emitting reading that computes with integers. */
import type { Width } from '../instruction.ts';
import { constantOf, type Node, Nodes } from './node.ts';
import { UnemittedOperations, Unemitted } from './unemitted.ts';
import type { Operator } from './wasm/operators.ts';

const lowMask: Readonly<Record<8 | 16 | 32, number>> = { 8: 0xff, 16: 0xffff, 32: -1 };
const SIGNED_MINIMUM: Readonly<Record<32 | 64, bigint>> = { 32: 0x8000_0000n, 64: 1n << 63n };

type Shift = 'shl' | 'shr_u' | 'shr_s';

export abstract class IntegerReading extends UnemittedOperations {
  readonly nodes = new Nodes();
  readonly always = this.nodes.i32(1);
  readonly never = this.nodes.i32(0);

  /** The instruction goes to the interpreter where `bad` holds. */
  protected abstract guard(bad: Node): void;
  /** A node that may be computed only after the guards so far. */
  protected abstract pinned(node: Node): Node;

  constant(value: bigint): Node {
    return value >= 0n && value < 1n << 32n ? this.nodes.i32(Number(value) | 0) : this.nodes.i64(value);
  }

  /** Both as i32 where the width or their bounds allow it, else as i64. */
  private pair(left: Node, right: Node, narrow: boolean): readonly ['i32' | 'i64', Node, Node] {
    const { nodes } = this;
    return narrow ? ['i32', nodes.low(left), nodes.low(right)] : ['i64', nodes.wide(left), nodes.wide(right)];
  }

  private arithmetic(name: 'add' | 'sub' | 'mul', left: Node, right: Node, width: Width): Node {
    const [type, l, r] = this.pair(left, right, width <= 32);
    return this.truncate(this.nodes.binary(`${type}.${name}`, l, r), width);
  }
  add(left: Node, right: Node, width: Width): Node {
    return this.arithmetic('add', left, right, width);
  }
  sub(left: Node, right: Node, width: Width): Node {
    return this.arithmetic('sub', left, right, width);
  }
  multiply(left: Node, right: Node, width: Width): Node {
    return this.arithmetic('mul', left, right, width);
  }

  multiplyHigh(left: Node, right: Node, width: Width, signed: boolean): Node {
    const { nodes } = this;
    if (width === 64) return this.highOfProduct(nodes.wide(left), nodes.wide(right), signed);
    const extend = (value: Node): Node => nodes.wide(signed ? this.signExtend(value, width, 64) : value);
    const product = nodes.binary('i64.mul', extend(left), extend(right));
    return this.truncate(nodes.binary('i64.shr_u', product, nodes.i64(BigInt(width))), width);
  }

  /** By four products of halves. */
  private highOfProduct(left: Node, right: Node, signed: boolean): Node {
    const { nodes } = this;
    const half = nodes.i64(32n);
    const mask = nodes.i64(0xffff_ffffn);
    const low = (value: Node): Node => nodes.binary('i64.and', value, mask);
    const high = (value: Node): Node => nodes.binary('i64.shr_u', value, half);
    const times = (l: Node, r: Node): Node => nodes.binary('i64.mul', l, r);
    const plus = (l: Node, r: Node): Node => nodes.binary('i64.add', l, r);
    const inner = plus(times(high(left), low(right)), high(times(low(left), low(right))));
    const outer = plus(times(low(left), high(right)), low(inner));
    const product = plus(plus(times(high(left), high(right)), high(inner)), high(outer));
    if (!signed) return product;
    const correction = (value: Node, other: Node): Node =>
      nodes.binary('i64.and', nodes.binary('i64.shr_s', value, nodes.i64(63n)), other);
    return nodes.binary('i64.sub', nodes.binary('i64.sub', product, correction(left, right)), correction(right, left));
  }

  /** Quotients of dividends of one width; what needs the double width, or faults, is the interpreter's. */
  divide(high: Node, low: Node, divisor: Node, width: Width, signed: boolean): { quotient: Node; remainder: Node } {
    const { nodes } = this;
    if (width < 32) {
      if (signed) throw new Unemitted('divide', false);
      const dividend = nodes.binary(
        'i32.or',
        nodes.binary('i32.shl', nodes.low(high), nodes.i32(width)),
        nodes.low(low),
      );
      this.guard(this.negate(this.lessUnsigned(high, divisor)));
      return this.quotients('i32', 'u', dividend, nodes.low(divisor));
    }
    const type = width === 32 ? 'i32' : 'i64';
    const l = width === 32 ? nodes.low(low) : nodes.wide(low);
    const d = width === 32 ? nodes.low(divisor) : nodes.wide(divisor);
    const filling = signed ? this.sar(low, this.constant(BigInt(width - 1)), width) : this.constant(0n);
    this.guard(this.negate(this.equal(high, filling)));
    this.guard(this.isZero(divisor));
    if (signed) {
      const minimum = this.equal(low, this.constant(SIGNED_MINIMUM[width as 32 | 64]));
      const ones = this.constant(width === 32 ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn);
      this.guard(this.both(minimum, this.equal(divisor, ones)));
    }
    return this.quotients(type, signed ? 's' : 'u', l, d);
  }
  private quotients(type: 'i32' | 'i64', sign: 's' | 'u', dividend: Node, divisor: Node) {
    const { nodes } = this;
    return {
      quotient: this.pinned(nodes.make(`${type}.div_${sign}`, type, [dividend, divisor])),
      remainder: this.pinned(nodes.make(`${type}.rem_${sign}`, type, [dividend, divisor])),
    };
  }

  private logic(name: 'and' | 'or' | 'xor', left: Node, right: Node): Node {
    const narrow = name === 'and' ? left.bits <= 32 || right.bits <= 32 : left.bits <= 32 && right.bits <= 32;
    const [type, l, r] = this.pair(left, right, narrow && left.type !== 'v128');
    return this.nodes.binary(`${type}.${name}`, l, r);
  }
  and(left: Node, right: Node): Node {
    return this.logic('and', left, right);
  }
  or(left: Node, right: Node): Node {
    return this.logic('or', left, right);
  }
  xor(left: Node, right: Node): Node {
    return this.logic('xor', left, right);
  }
  not(value: Node, width: Width): Node {
    const { nodes } = this;
    if (width === 64) return nodes.binary('i64.xor', nodes.wide(value), nodes.i64(-1n));
    return nodes.binary('i32.xor', nodes.low(value), nodes.i32(lowMask[width]));
  }

  /** `type`'s shift takes counts below its width. */
  private shifted(name: Shift, value: Node, count: Node, width: Width): Node {
    const { nodes } = this;
    const known = constantOf(count);
    if (width <= 32 && (known === undefined ? count.bits <= 5 : known < 32n)) {
      return nodes.binary(`i32.${name}`, nodes.low(value), nodes.low(count));
    }
    return nodes.binary(`i64.${name}`, nodes.wide(value), nodes.wide(count));
  }
  /** `shift` where the count is below 64, which is asked where it is not known. */
  private bounded(count: Node, shift: () => Node, beyond: () => Node): Node {
    const known = constantOf(count);
    if (known === undefined ? count.bits <= 6 : known < 64n) return shift();
    if (known !== undefined) return beyond();
    return this.select(this.lessUnsigned(count, this.constant(64n)), shift(), beyond());
  }
  shl(value: Node, count: Node, width: Width): Node {
    const zero = (): Node => this.constant(0n);
    return this.bounded(count, () => this.truncate(this.shifted('shl', value, count, width), width), zero);
  }
  shr(value: Node, count: Node, width: Width): Node {
    return this.bounded(
      count,
      () => this.shifted('shr_u', value, count, width),
      () => this.constant(0n),
    );
  }
  sar(value: Node, count: Node, width: Width): Node {
    const last = this.constant(BigInt(width - 1));
    const by = this.select(this.lessUnsigned(count, last), count, last);
    const { nodes } = this;
    if (width === 64) return nodes.binary('i64.shr_s', nodes.wide(value), nodes.wide(by));
    const extended = nodes.low(this.signExtend(value, width, 32));
    return this.truncate(nodes.binary('i32.shr_s', extended, nodes.low(by)), width);
  }

  signExtend(value: Node, from: Width, to: Width): Node {
    const { nodes } = this;
    const known = constantOf(value);
    if (known !== undefined) return this.constant(BigInt.asUintN(to, BigInt.asIntN(from, known)));
    if (from >= to) return this.truncate(value, to);
    if (to === 64) {
      if (from === 32) return nodes.unary('i64.extend_i32_s', 'i64', nodes.low(value));
      return nodes.unary(from === 8 ? 'i64.extend8_s' : 'i64.extend16_s', 'i64', nodes.wide(value));
    }
    return this.truncate(nodes.unary(from === 8 ? 'i32.extend8_s' : 'i32.extend16_s', 'i32', nodes.low(value)), to);
  }
  truncate(value: Node, width: Width): Node {
    const { nodes } = this;
    if (width === 64) return value;
    if (value.bits <= width && value.type === 'i32') return value;
    if (width === 32) return nodes.low(value);
    return nodes.binary('i32.and', nodes.low(value), nodes.i32(lowMask[width]));
  }

  private counted(name: 'popcnt' | 'ctz' | 'clz', value: Node, narrow: boolean): Node {
    const { nodes } = this;
    const type = narrow ? 'i32' : 'i64';
    return nodes.unary(`${type}.${name}`, type, narrow ? nodes.low(value) : nodes.wide(value), 7);
  }
  popcount(value: Node): Node {
    return this.counted('popcnt', value, value.bits <= 32);
  }
  trailingZeros(value: Node, width: Width): Node {
    const bounded = width < 32 ? this.or(value, this.constant(1n << BigInt(width))) : value;
    return this.counted('ctz', bounded, width <= 32);
  }
  leadingZeros(value: Node, width: Width): Node {
    const zeros = this.counted('clz', value, width <= 32);
    return width < 32 ? this.nodes.binary('i32.sub', this.nodes.low(zeros), this.nodes.i32(32 - width)) : zeros;
  }
  byteSwap(value: Node, width: Width): Node {
    const { nodes } = this;
    if (width === 64) {
      const high = nodes.wide(this.swapped(nodes.low(value)));
      const low = nodes.wide(this.swapped(nodes.low(nodes.binary('i64.shr_u', nodes.wide(value), nodes.i64(32n)))));
      return nodes.binary('i64.or', nodes.binary('i64.shl', high, nodes.i64(32n)), low);
    }
    const swapped = this.swapped(nodes.low(value));
    return width === 32 ? swapped : nodes.binary('i32.shr_u', swapped, nodes.i32(32 - width));
  }
  /** Of an i32: bytes 0 and 2 go round by 24, bytes 1 and 3 by 8. */
  private swapped(word: Node): Node {
    const { nodes } = this;
    const rotated = (by: number): Node => nodes.make('i32.rotl', 'i32', [word, nodes.i32(by)]);
    return nodes.binary(
      'i32.or',
      nodes.binary('i32.and', rotated(24), nodes.i32(0xff00_ff00)),
      nodes.binary('i32.and', rotated(8), nodes.i32(0x00ff_00ff)),
    );
  }

  isZero(value: Node): Node {
    if (value.type === 'i64' && value.bits <= 32) return this.nodes.isZero(this.nodes.low(value));
    return this.nodes.isZero(value.type === 'f64' || value.type === 'f32' ? this.nodes.wide(value) : value);
  }
  private compared(name: 'eq' | 'lt_u' | 'lt_s', left: Node, right: Node, narrow: boolean): Node {
    const [type, l, r] = this.pair(left, right, narrow);
    const op: Operator = `${type}.${name}`;
    return name === 'eq' && constantOf(r) === 0n ? this.nodes.isZero(l) : this.nodes.binary(op, l, r);
  }
  equal(left: Node, right: Node): Node {
    return this.compared('eq', left, right, left.bits <= 32 && right.bits <= 32);
  }
  lessUnsigned(left: Node, right: Node): Node {
    return this.compared('lt_u', left, right, left.bits <= 32 && right.bits <= 32);
  }
  lessSigned(left: Node, right: Node, width: Width): Node {
    if (width === 64) return this.compared('lt_s', left, right, false);
    return this.compared('lt_s', this.signExtend(left, width, 32), this.signExtend(right, width, 32), true);
  }
  bit(value: Node, index: number): Node {
    const { nodes } = this;
    if (index === 63 && value.bits === 64) return nodes.binary('i64.lt_s', nodes.wide(value), nodes.i64(0n));
    if (index === 31 && value.bits <= 32) return nodes.binary('i32.lt_s', nodes.low(value), nodes.i32(0));
    if (index >= value.bits) return this.never;
    if (index < 32) {
      const shifted = nodes.binary('i32.shr_u', nodes.low(value), nodes.i32(index));
      return nodes.binary('i32.and', shifted, nodes.i32(1));
    }
    const shifted = nodes.binary('i64.shr_u', nodes.wide(value), nodes.i64(BigInt(index)));
    return nodes.binary('i32.and', nodes.low(shifted), nodes.i32(1));
  }

  both(left: Node, right: Node): Node {
    return this.nodes.binary('i32.and', left, right);
  }
  either(left: Node, right: Node): Node {
    return this.nodes.binary('i32.or', left, right);
  }
  differ(left: Node, right: Node): Node {
    return this.nodes.binary('i32.xor', left, right);
  }
  negate(condition: Node): Node {
    return this.nodes.isZero(condition);
  }
  toValue(condition: Node): Node {
    return condition;
  }
  select(condition: Node, yes: Node, no: Node): Node {
    if (yes.type === no.type) return this.nodes.select(condition, yes, no);
    return this.nodes.select(condition, this.nodes.wide(yes), this.nodes.wide(no));
  }
}

/**
 * Expressions of integers and conditions. Each method builds the node of the algebra's operation of that name, or a
 * simpler node with the same value: constants are folded and a few identities hold. The identities are sound for every
 * value of the leaves; tests/explain.test.ts computes explanations and compares them with the evaluating reading.
 */
import type { Width } from '../instruction.ts';
import { isNode, type Argument, type Condition, type Expression, type Node, type Sort } from './node.ts';

const MASK64 = 0xffff_ffff_ffff_ffffn;
const maskOf = (bits: number): bigint => (1n << BigInt(bits)) - 1n;
const bitsOf = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length);
const isConstant = (node: Node): boolean => node.op === 'constant';
const valueOf = (node: Node): bigint => node.args[0] as bigint;
const asSigned = (value: bigint, width: number): bigint => BigInt.asIntN(width, value);

/** The largest value that a node can have. */
function maximum(node: Node): bigint {
  if (isConstant(node)) return valueOf(node);
  if (node.op === 'reduce') return afterSteps(...(node.args as [Node, bigint, number]));
  if (node.op === 'and') return (node.args as Node[]).map(maximum).reduce((least, n) => (n < least ? n : least));
  return maskOf(node.bits);
}

function afterSteps(whole: Node, period: bigint, steps: number): bigint {
  const rest = maximum(whole) - period * BigInt(steps);
  return rest < period ? period - 1n : rest;
}

/** Whether a `reduce` is the remainder: as many steps as the value can need. */
export const isModulo = (node: Node): boolean => maximum(node) < (node.args[1] as bigint);

export class Integers {
  private readonly known = new Map<string, Node>();
  readonly always = this.node('condition', 'always', [], 1);
  readonly never = this.node('condition', 'never', [], 1);

  /** The one node of this operation on these arguments. */
  node<S extends Sort>(sort: S, op: string, args: readonly Argument[], bits: number, field = ''): Node<S> {
    const parts = args.map((argument) => (isNode(argument) ? `#${argument.id}` : `${typeof argument}${argument}`));
    const key = `${sort} ${op} ${field} ${parts.join(' ')}`;
    const existing = this.known.get(key);
    if (existing !== undefined) return existing as Node<S>;
    const made: Node<S> = { id: this.known.size, sort, op, args, field, bits };
    this.known.set(key, made);
    return made;
  }
  value(op: string, args: readonly Argument[], bits = 64, field = ''): Expression {
    return this.node('value', op, args, bits, field);
  }
  condition(op: string, args: readonly Argument[], field = ''): Condition {
    return this.node('condition', op, args, 1, field);
  }

  constant(value: bigint): Expression {
    const whole = value & MASK64;
    return this.value('constant', [whole], bitsOf(whole));
  }
  /** A constant that stands for a place in memory. */
  address(value: bigint): Expression {
    const whole = value & MASK64;
    return this.value('constant', [whole, 'address'], bitsOf(whole));
  }
  register(index: number, width: number, low = 0): Expression {
    return this.value('register', [index, low, width], width);
  }

  /** Constants move to the right and sums with them into one. */
  add(left: Expression, right: Expression, width: Width): Expression {
    if (isConstant(left) && isConstant(right)) {
      const sum = valueOf(left) + valueOf(right);
      const isAddress = left.args[1] !== undefined || right.args[1] !== undefined;
      return isAddress && width === 64 ? this.address(sum) : this.constant(sum & maskOf(width));
    }
    if (isConstant(left)) return this.add(right, left, width);
    if (isConstant(right) && asSigned(valueOf(right), 64) < 0n && left.op === 'nextRip') {
      return this.offset(left, valueOf(right));
    }
    if (isConstant(right) && (valueOf(right) & maskOf(width)) === 0n) return this.truncate(left, width);
    if (isConstant(right) && width === 64 && (left.op === 'add' || left.op === 'sub') && left.args[2] === 64) {
      const [inner, constant] = left.args as [Expression, Expression];
      if (isConstant(constant)) {
        const signed = left.op === 'add' ? valueOf(constant) : -valueOf(constant);
        return this.offset(inner, signed + valueOf(right));
      }
    }
    return this.value('add', [left, right, width], width);
  }
  /** `base` + `distance` modulo 2^64, as a difference where that is shorter. */
  offset(base: Expression, distance: bigint): Expression {
    const signed = asSigned(distance, 64);
    return signed < 0n ? this.sub(base, this.constant(-signed), 64) : this.add(base, this.constant(signed), 64);
  }
  sub(left: Expression, right: Expression, width: Width): Expression {
    if (left === right) return this.constant(0n);
    if (isConstant(right) && valueOf(right) === 0n) return this.truncate(left, width);
    if (isConstant(left) && isConstant(right)) {
      const difference = valueOf(left) - valueOf(right);
      return left.args[1] === 'address' && width === 64
        ? this.address(difference)
        : this.constant(difference & maskOf(width));
    }
    if (
      isConstant(right) &&
      left.op === 'sub' &&
      width === 64 &&
      left.args[2] === 64 &&
      isConstant(left.args[1] as Node)
    ) {
      return this.offset(left.args[0] as Expression, -valueOf(left.args[1] as Node) - valueOf(right));
    }
    return this.value('sub', [left, right, width], width);
  }
  multiply(left: Expression, right: Expression, width: Width): Expression {
    if (isConstant(left) && isConstant(right)) return this.constant((valueOf(left) * valueOf(right)) & maskOf(width));
    if (isConstant(left)) return this.multiply(right, left, width);
    if (isConstant(right) && valueOf(right) === 0n) return right;
    if (isConstant(right) && valueOf(right) === 1n) return this.truncate(left, width);
    return this.value('multiply', [left, right, width], width);
  }
  multiplyHigh(left: Expression, right: Expression, width: Width, signed: boolean): Expression {
    if (isConstant(left) && isConstant(right)) {
      const of = (node: Node): bigint => (signed ? asSigned(valueOf(node), width) : valueOf(node));
      return this.constant(((of(left) * of(right)) >> BigInt(width)) & maskOf(width));
    }
    if (isConstant(left)) return this.multiplyHigh(right, left, width, signed);
    return this.value('multiplyHigh', [left, right, width, signed], width);
  }

  and(left: Expression, right: Expression): Expression {
    if (isConstant(left) && isConstant(right)) return this.constant(valueOf(left) & valueOf(right));
    if (isConstant(left)) return this.and(right, left);
    if (left === right) return left;
    if (isConstant(right)) {
      const mask = valueOf(right) & maskOf(left.bits);
      if (mask === 0n) return this.constant(0n);
      if (mask === maskOf(left.bits)) return left;
      return this.value('and', [left, this.constant(mask)], Math.min(left.bits, bitsOf(mask)));
    }
    if (this.areOpposite(left, right)) return this.constant(0n);
    return this.value('and', [left, right], Math.min(left.bits, right.bits));
  }
  or(left: Expression, right: Expression): Expression {
    if (isConstant(left) && isConstant(right)) return this.constant(valueOf(left) | valueOf(right));
    if (isConstant(left)) return this.or(right, left);
    if (left === right || (isConstant(right) && valueOf(right) === 0n)) return left;
    if (this.areOpposite(left, right)) return this.constant(maskOf(Math.max(left.bits, right.bits)));
    return (
      this.rotation(left, right) ??
      this.concatenation(left, right) ??
      this.concatenation(right, left) ??
      this.value('or', [left, right], Math.max(left.bits, right.bits))
    );
  }
  xor(left: Expression, right: Expression): Expression {
    if (isConstant(left) && isConstant(right)) return this.constant(valueOf(left) ^ valueOf(right));
    if (isConstant(left)) return this.xor(right, left);
    if (left === right) return this.constant(0n);
    if (isConstant(right) && valueOf(right) === 0n) return left;
    return this.value('xor', [left, right], Math.max(left.bits, right.bits));
  }
  not(value: Expression, width: Width): Expression {
    if (isConstant(value)) return this.constant(~valueOf(value) & maskOf(width));
    if (value.op === 'not' && value.args[1] === width) return this.truncate(value.args[0] as Expression, width);
    return this.value('not', [value, width], width);
  }
  private areOpposite(left: Expression, right: Expression): boolean {
    const isNot = (one: Expression, other: Expression): boolean =>
      one.op === 'not' && one.args[0] === other && other.bits === one.bits;
    return isNot(left, right) || isNot(right, left);
  }
  /** The bits of a value shifted out at one end and in at the other. */
  private rotation(left: Expression, right: Expression): Expression | undefined {
    if (left.op === 'shl' && right.op === 'shr') return this.rotationOf(left, right, 'left');
    return left.op === 'shr' && right.op === 'shl' ? this.rotationOf(right, left, 'right') : undefined;
  }
  private rotationOf(shl: Expression, shr: Expression, direction: 'left' | 'right'): Expression | undefined {
    const [value, up, width] = shl.args as [Expression, Expression, Width];
    const [other, down] = shr.args as [Expression, Expression];
    if (value !== other || value.bits > width || shr.args[2] !== width) return undefined;
    const [count, back] = direction === 'left' ? [up, down] : [down, up];
    const complement = this.sub(this.constant(BigInt(width)), count, 64);
    const masked = this.and(complement, this.constant(BigInt(width - 1)));
    if (maximum(count) >= BigInt(width) || (back !== masked && back !== complement)) return undefined;
    return this.value(direction === 'left' ? 'rotateLeft' : 'rotateRight', [value, count, width], width);
  }
  /** high * 2^n | low where they do not touch. */
  private concatenation(high: Expression, low: Expression): Expression | undefined {
    const [part, count] = high.args as [Expression, Expression];
    if (high.op !== 'shl' || !isConstant(count) || isConstant(low)) return undefined;
    const distance = Number(valueOf(count));
    if (low.bits > distance || part.bits + distance > (high.args[2] as number)) return undefined;
    return this.concat(part, low, distance);
  }
  /** `high` above the `width` bits of `low`. */
  concat(high: Expression, low: Expression, width: number): Expression {
    const sameOperands = low.args.slice(0, 3).every((argument, n) => argument === high.args[n]);
    if (low.op === 'multiply' && high.op === 'multiplyHigh' && sameOperands && width === low.args[2]) {
      return this.value('product', high.args, 2 * width);
    }
    if (low.op === 'register' && high.op === 'register' && low.args[0] === high.args[0]) {
      const [index, start, bits] = low.args as number[];
      if (bits === width && high.args[1] === start! + width) return this.register(index!, width + high.bits, start!);
    }
    if (isConstant(high) && isConstant(low)) return this.constant((valueOf(high) << BigInt(width)) | valueOf(low));
    if (isConstant(high) && valueOf(high) === 0n) return low;
    return this.value('concat', [high, low, width], width + high.bits);
  }

  shl(value: Expression, count: Expression, width: Width): Expression {
    if (isConstant(count)) {
      const distance = valueOf(count);
      if (distance >= BigInt(width)) return this.constant(0n);
      if (distance === 0n) return this.truncate(value, width);
      if (isConstant(value)) return this.constant((valueOf(value) << distance) & maskOf(width));
      return this.value('shl', [value, count, width], Math.min(width, value.bits + Number(distance)));
    }
    return this.value('shl', [value, count, width], width);
  }
  shr(value: Expression, count: Expression, width: Width): Expression {
    if (isConstant(count)) {
      const distance = valueOf(count);
      if (distance >= BigInt(Math.min(width, value.bits))) return this.constant(0n);
      if (distance === 0n) return value;
      if (isConstant(value)) return this.constant(valueOf(value) >> distance);
      return this.value('shr', [value, count, width], value.bits - Number(distance));
    }
    return this.value('shr', [value, count, width], value.bits);
  }
  sar(value: Expression, count: Expression, width: Width): Expression {
    if (isConstant(count)) {
      if (valueOf(count) === 0n) return this.truncate(value, width);
      if (isConstant(value)) {
        const distance = valueOf(count) >= BigInt(width) ? BigInt(width - 1) : valueOf(count);
        return this.constant((asSigned(valueOf(value), width) >> distance) & maskOf(width));
      }
    }
    return this.value('sar', [value, count, width], width);
  }
  signExtend(value: Expression, from: Width, to: Width): Expression {
    if (isConstant(value)) return this.constant(asSigned(valueOf(value), from) & maskOf(to));
    if (to <= from) return this.truncate(value, to);
    if (value.bits < from) return value;
    return this.value('signExtend', [value, from, to], to);
  }
  truncate(value: Expression, width: Width): Expression {
    if (value.bits <= width) return value;
    if (isConstant(value)) return this.constant(valueOf(value) & maskOf(width));
    const [first] = value.args as [Expression];
    switch (value.op) {
      case 'register':
        return this.register(value.args[0] as number, width, value.args[1] as number);
      case 'truncate':
        return this.truncate(first, width);
      case 'signExtend':
        return this.signExtend(first, value.args[1] as Width, width);
      case 'insert': {
        const [, low, bits, part] = value.args as [Expression, number, number, Expression];
        if (low === 0 && bits === width) return part;
        if (low >= width) return this.truncate(first, width);
        break;
      }
      case 'concat':
        if (value.args[2] === width) return value.args[1] as Expression;
        break;
    }
    return this.value('truncate', [value, width], width);
  }
  /** `whole` with `part` in `width` of its bits. */
  insert(whole: Expression, low: number, width: number, part: Expression): Expression {
    return this.value('insert', [whole, low, width, part], 64);
  }
  popcount(value: Expression): Expression {
    if (isConstant(value)) return this.constant(BigInt(valueOf(value).toString(2).replaceAll('0', '').length));
    return this.value('popcount', [value], 7);
  }
  trailingZeros(value: Expression, width: Width): Expression {
    return this.value('trailingZeros', [value, width], 7);
  }
  leadingZeros(value: Expression, width: Width): Expression {
    return this.value('leadingZeros', [value, width], 7);
  }
  byteSwap(value: Expression, width: Width): Expression {
    return this.value('byteSwap', [value, width], width);
  }
  divide(high: Expression, low: Expression, divisor: Expression, width: Width, signed: boolean) {
    const args = [high, low, divisor, width, signed];
    return {
      quotient: this.value('divide', args, width, 'quotient'),
      remainder: this.value('divide', args, width, 'remainder'),
    };
  }

  isZero(value: Expression): Condition {
    if (isConstant(value)) return valueOf(value) === 0n ? this.always : this.never;
    const [left, right] = value.args as [Expression, Expression];
    if (value.op === 'toValue') return this.negate(value.args[0] as Condition);
    if (value.op === 'xor') return this.equal(left, right);
    // of a difference from a constant, people want the difference: it is often written somewhere
    if (value.op === 'sub' && !isConstant(right) && left.bits <= value.bits && right.bits <= value.bits)
      return this.equal(left, right);
    if (value.op === 'and') {
      if (isConstant(right) && (valueOf(right) & (valueOf(right) - 1n)) === 0n) {
        return this.negate(this.bit(left, bitsOf(valueOf(right)) - 1));
      }
      if (
        right.op === 'shl' &&
        this.isOne(right.args[0] as Node) &&
        maximum(right.args[1] as Node) < BigInt(right.bits)
      ) {
        return this.negate(this.condition('bitAt', [left, right.args[1]]));
      }
    }
    return this.condition('isZero', [value]);
  }
  private isOne(node: Node): boolean {
    return isConstant(node) && valueOf(node) === 1n;
  }
  equal(left: Expression, right: Expression): Condition {
    if (left === right) return this.always;
    if (isConstant(left) && isConstant(right)) return valueOf(left) === valueOf(right) ? this.always : this.never;
    if (isConstant(left)) return this.equal(right, left);
    if (isConstant(right) && valueOf(right) > maskOf(left.bits)) return this.never;
    return this.fitting(left, right) ?? this.condition('equal', [left, right]);
  }
  /** The upper half of a product is what its lower half extends to. */
  private fitting(high: Expression, expected: Expression): Condition | undefined {
    if (high.op !== 'multiplyHigh') return undefined;
    const [left, right, width, signed] = high.args as [Expression, Expression, Width, boolean];
    const extension = signed
      ? this.sar(this.multiply(left, right, width), this.constant(BigInt(width - 1)), width)
      : this.constant(0n);
    return expected === extension ? this.condition('fits', high.args) : undefined;
  }
  lessUnsigned(left: Expression, right: Expression): Condition {
    if (left === right) return this.never;
    if (isConstant(right) && maximum(left) < valueOf(right)) return this.always;
    if (isConstant(left) && isConstant(right)) return valueOf(left) < valueOf(right) ? this.always : this.never;
    return this.condition('lessUnsigned', [left, right]);
  }
  lessSigned(left: Expression, right: Expression, width: Width): Condition {
    if (left === right) return this.never;
    return this.condition('lessSigned', [left, right, width]);
  }
  bit(value: Expression, index: number): Condition {
    if (isConstant(value)) return ((valueOf(value) >> BigInt(index)) & 1n) === 1n ? this.always : this.never;
    if (index >= value.bits) return this.never;
    const [first, second] = value.args as [Expression, Expression];
    if (value.op === 'toValue') return value.args[0] as Condition;
    if (value.op === 'truncate') return this.bit(first, index);
    if (value.op === 'shr' && isConstant(second)) return this.bit(first, index + Number(valueOf(second)));
    if (value.op === 'shr' && index === 0 && value.args[2] === 64) return this.condition('bitAt', [first, second]);
    return this.condition('bit', [value, index]);
  }

  both(left: Condition, right: Condition): Condition {
    if (left === this.never || right === this.never) return this.never;
    if (left === this.always || left === right) return right;
    return right === this.always ? left : this.condition('both', [left, right]);
  }
  either(left: Condition, right: Condition): Condition {
    if (left === this.always || right === this.always) return this.always;
    if (left === this.never || left === right) return right;
    return right === this.never ? left : this.condition('either', [left, right]);
  }
  differ(left: Condition, right: Condition): Condition {
    if (left === right) return this.never;
    if (left === this.never) return right;
    if (right === this.never) return left;
    if (left === this.always) return this.negate(right);
    return right === this.always ? this.negate(left) : this.condition('differ', [left, right]);
  }
  negate(condition: Condition): Condition {
    if (condition === this.always) return this.never;
    if (condition === this.never) return this.always;
    return condition.op === 'negate' ? (condition.args[0] as Condition) : this.condition('negate', [condition]);
  }
  toValue(condition: Condition): Expression {
    if (condition === this.always) return this.constant(1n);
    return condition === this.never ? this.constant(0n) : this.value('toValue', [condition], 1);
  }
  select(condition: Condition, yes: Expression, no: Expression): Expression {
    if (condition === this.always || yes === no) return yes;
    if (condition === this.never) return no;
    if (condition.op === 'negate') return this.select(condition.args[0] as Condition, no, yes);
    if (this.isOne(yes) && isConstant(no) && valueOf(no) === 0n) return this.toValue(condition);
    return this.reduced(condition, yes, no) ?? this.value('select', [condition, yes, no], Math.max(yes.bits, no.bits));
  }
  /** x < n ? x : x - n, once or several times. */
  private reduced(condition: Condition, yes: Expression, no: Expression): Expression | undefined {
    if (condition.op !== 'lessUnsigned' || no.op !== 'sub') return undefined;
    const [value, limit] = condition.args as [Expression, Expression];
    if (!isConstant(limit) || yes !== value || no.args[0] !== value || no.args[1] !== limit) return undefined;
    const period = valueOf(limit);
    const again = value.op === 'reduce' && value.args[1] === period;
    const [whole, steps] = again ? [value.args[0] as Expression, (value.args[2] as number) + 1] : [value, 1];
    return this.value('reduce', [whole, period, steps], bitsOf(afterSteps(whole, period, steps)));
  }
  /** `yes` where `condition` holds, else `no`. */
  choose(condition: Condition, yes: Condition, no: Condition): Condition {
    if (condition === this.always || yes === no) return yes;
    if (condition === this.never) return no;
    if (yes === this.always && no === this.never) return condition;
    if (yes === this.never && no === this.always) return this.negate(condition);
    return this.condition('choose', [condition, yes, no]);
  }

  extractBits(value: Expression, mask: Expression): Expression {
    return this.value('extractBits', [value, mask], value.bits);
  }
  depositBits(value: Expression, mask: Expression): Expression {
    return this.value('depositBits', [value, mask], mask.bits);
  }
  crc32c(crc: Expression, value: Expression, width: Width): Expression {
    return this.value('crc32c', [crc, value, width], 32);
  }
}

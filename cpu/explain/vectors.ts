/** Expressions of vectors and floating-point numbers: as `integers.ts`. */
import type { FloatOperation, FloatOrder, HashOperation, VectorOperation, VectorShift } from '../algebra.ts';
import type { Width } from '../instruction.ts';
import { Integers } from './integers.ts';
import {
  baseAndOffset,
  type Argument,
  type Condition,
  type Expression,
  type Node,
  type VectorExpression,
} from './node.ts';

/** What an operation gives for twice the same operand. */
const ofSame: Partial<Record<VectorOperation, 'zero' | 'ones' | 'itself'>> = {
  xor: 'zero',
  sub: 'zero',
  subSaturateSigned: 'zero',
  subSaturateUnsigned: 'zero',
  andNot: 'zero',
  greaterSigned: 'zero',
  sumDifferences: 'zero',
  equal: 'ones',
  and: 'itself',
  or: 'itself',
  minSigned: 'itself',
  minUnsigned: 'itself',
  maxSigned: 'itself',
  maxUnsigned: 'itself',
  averageUnsigned: 'itself',
};

/** Operations of which the right operand is none. */
const unary: ReadonlySet<string> = new Set(['aesInverseMix', 'aesKeyWords', 'minimumPosition']);

export class Vectors extends Integers {
  vectorNode(op: string, args: readonly Argument[]): VectorExpression {
    return this.node('vector', op, args, 128);
  }
  zeroVector(): VectorExpression {
    return this.vectorNode('zeroVector', []);
  }
  vector(operation: VectorOperation, lane: Width, left: VectorExpression, right: VectorExpression): VectorExpression {
    const same = left === right ? ofSame[operation] : undefined;
    if (same === 'zero') return this.zeroVector();
    if (same === 'ones') return this.vectorNode('ones', []);
    if (same === 'itself') return left;
    if (unary.has(operation)) return this.vectorNode('vector', [operation, lane, left, this.zeroVector()]);
    return this.vectorNode('vector', [operation, lane, left, right]);
  }
  vectorShift(operation: VectorShift, lane: Width, value: VectorExpression, count: Expression): VectorExpression {
    if (count.op === 'constant') {
      if (count.args[0] === 0n) return value;
      if ((count.args[0] as bigint) >= BigInt(lane) && operation !== 'sar') return this.zeroVector();
    }
    return this.vectorNode('vectorShift', [operation, lane, value, count]);
  }
  lane(value: VectorExpression, lane: Width, index: number): Expression {
    const { op, args } = value;
    if (op === 'zeroVector' || (op === 'mmx' && lane * index >= 64)) return this.constant(0n);
    if (op === 'pack') {
      const [width, ...parts] = args as [Width, ...Expression[]];
      const part = parts[Math.floor((lane * index) / width)]!;
      if (width === lane) return part;
      if (width > lane) return this.truncate(this.shr(part, this.constant(BigInt((lane * index) % width)), 64), lane);
    }
    if (op === 'withLane') {
      const [before, width, at, part] = args as [VectorExpression, Width, number, Expression];
      const offset = lane * index - width * at;
      if (offset <= -lane || offset >= width) return this.lane(before, lane, index);
      if (lane <= width) {
        return this.truncate(this.shr(part, this.constant(BigInt(offset)), 64), lane);
      }
    }
    return this.value('lane', [value, lane, index], lane);
  }
  /** All lanes replaced, or those of a zero vector: a `pack`. */
  withLane(value: VectorExpression, lane: Width, index: number, part: Expression): VectorExpression {
    const count = 128 / lane;
    const short = this.truncate(part, lane);
    if (value.op === 'zeroVector') {
      const parts = Array.from({ length: count }, (_, n) => (n === index ? short : this.constant(0n)));
      return this.pack(lane, parts);
    }
    if (value.op === 'pack' && value.args[0] === lane) {
      return this.pack(lane, (value.args.slice(1) as Expression[]).with(index, short));
    }
    if (short.op === 'lane' && short.args[0] === value && short.args[1] === lane && short.args[2] === index) {
      return value;
    }
    const parts: (Expression | undefined)[] = Array.from({ length: count }, () => undefined);
    parts[index] = short;
    let base = value;
    while (base.op === 'withLane' && base.args[1] === lane) {
      parts[base.args[2] as number] ??= base.args[3] as Expression;
      base = base.args[0] as VectorExpression;
    }
    if (parts.every((given) => given !== undefined)) return this.pack(lane, parts);
    return this.vectorNode('withLane', [value, lane, index, short]);
  }
  private pack(lane: Width, parts: readonly Expression[]): VectorExpression {
    if (parts.every((part) => part.op === 'constant' && part.args[0] === 0n)) return this.zeroVector();
    const [low, high] = parts as [Expression, Expression];
    if (lane === 64 && low.op === 'lane' && low === this.lane(low.args[0] as VectorExpression, 64, 0)) {
      const whole = low.args[0] as VectorExpression;
      if (high === this.lane(whole, 64, 1)) return whole;
    }
    if (lane === 64 && low.op === 'load' && high.op === 'load') {
      const [below, above] = [baseAndOffset(low.args[0] as Expression), baseAndOffset(high.args[0] as Expression)];
      const adjacent = below.base === above.base && above.offset - below.offset === 8n;
      if (adjacent) return this.vectorNode('loadVector', [low.args[0]]);
    }
    return this.vectorNode('pack', [lane, ...parts]);
  }
  /** With one source where one is enough, and that on the left. */
  shuffleBytes(left: VectorExpression, right: VectorExpression, picks: readonly number[]): VectorExpression {
    const fromLeft = picks.some((pick) => pick >= 0 && pick < 16);
    const fromRight = picks.some((pick) => pick >= 16);
    if (!fromLeft && !fromRight) return this.zeroVector();
    if (!fromLeft || left === right) {
      const single = picks.map((pick) => (pick < 0 ? pick : pick & 15));
      return single.every((pick, n) => pick === n)
        ? right
        : this.vectorNode('shuffleBytes', [right, this.zeroVector(), single]);
    }
    if (!fromRight && picks.every((pick, n) => pick === n)) return left;
    return this.vectorNode('shuffleBytes', [left, fromRight ? right : this.zeroVector(), picks]);
  }
  signMask(lane: Width, value: VectorExpression): Expression {
    return this.value('signMask', [lane, value], 128 / lane);
  }
  carrylessMultiply(left: Expression, right: Expression): VectorExpression {
    return this.vectorNode('carrylessMultiply', [left, right]);
  }
  hash(
    operation: HashOperation,
    first: VectorExpression,
    second: VectorExpression,
    third: VectorExpression,
  ): VectorExpression {
    const needed = operation === 'sha256Rounds' ? third : this.zeroVector();
    return this.vectorNode('hash', [operation, first, second, needed]);
  }
  compareStrings(
    control: number,
    left: VectorExpression,
    leftLength: Expression,
    right: VectorExpression,
    rightLength: Expression,
  ): Expression {
    return this.value('compareStrings', [control, left, leftLength, right, rightLength], 16);
  }
  selectVector(condition: Condition, yes: VectorExpression, no: VectorExpression): VectorExpression {
    return yes === no ? yes : this.vectorNode('selectVector', [condition, yes, no]);
  }

  float(operation: FloatOperation, width: 32 | 64, left: Expression, right: Expression): Expression {
    return this.value('float', [operation, width, left, right], width);
  }
  squareRoot(width: 32 | 64, value: Expression): Expression {
    return this.value('squareRoot', [width, value], width);
  }
  compareFloat(width: 32 | 64, left: Expression, right: Expression, quiet: boolean): FloatOrder<Condition> {
    const of = (field: string): Condition => this.condition('compareFloat', [width, left, right, quiet], field);
    return { unordered: of('unordered'), less: of('less'), equal: of('equal') };
  }
  convertFloat(from: 32 | 64, to: 32 | 64, value: Expression): Expression {
    return this.value('convertFloat', [from, to, value], to);
  }
  floatToInteger(from: 32 | 64, to: 32 | 64, value: Expression, truncate: boolean): Expression {
    return this.value('floatToInteger', [from, to, value, truncate], to);
  }
  integerToFloat(from: 32 | 64, to: 32 | 64, value: Expression): Expression {
    return this.value('integerToFloat', [from, to, value], to);
  }
  roundFloat(width: 32 | 64, value: Expression, rounding: number | undefined, quiet: boolean): Expression {
    return this.value('roundFloat', [width, value, rounding, quiet], width);
  }
  approximate(operation: 'reciprocal' | 'reciprocalRoot', value: Expression): Expression {
    return this.value('approximate', [operation, value], 32);
  }
}

/** Operations that round by MXCSR and may raise its exceptions. */
const roundingOperations: ReadonlySet<string> = new Set([
  'float',
  'squareRoot',
  'compareFloat',
  'convertFloat',
  'floatToInteger',
  'integerToFloat',
  'roundFloat',
]);
export const usesMxcsr = (node: Node): boolean => roundingOperations.has(node.op);

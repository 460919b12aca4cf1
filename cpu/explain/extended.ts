/** Expressions of the x87's 80-bit numbers, which are vectors that use their low bits: as `integers.ts`. */
import type { ExtendedOperation, ExtendedUnary, FloatOrder } from '../algebra.ts';
import type { Width } from '../instruction.ts';
import { baseAndOffset, type Condition, type Expression, type VectorExpression } from './node.ts';
import { Vectors } from './vectors.ts';

/** Operations whose results have no bits above the eightieth. */
const narrow: ReadonlySet<string> = new Set([
  'readX87',
  'extended',
  'extendedUnary',
  'extendedFromFloat',
  'extendedFromInteger',
  'extendedFromDecimal',
  'loadExtended',
  'extendedConstant',
  'selectExtended',
  'negated',
  'magnitude',
  'extendedOf',
]);

export class Extended extends Vectors {
  extended(operation: ExtendedOperation, left: VectorExpression, right: VectorExpression): VectorExpression {
    return this.vectorNode('extended', [operation, left, right]);
  }
  extendedUnary(operation: ExtendedUnary, value: VectorExpression): VectorExpression {
    return this.vectorNode('extendedUnary', [operation, value]);
  }
  compareExtended(left: VectorExpression, right: VectorExpression, quiet: boolean): FloatOrder<Condition> {
    const of = (field: string): Condition => this.condition('compareExtended', [left, right, quiet], field);
    return { unordered: of('unordered'), less: of('less'), equal: of('equal') };
  }
  extendedFromFloat(width: 32 | 64, value: Expression, quiets: boolean): VectorExpression {
    return this.vectorNode('extendedFromFloat', [width, value, quiets]);
  }
  extendedToFloat(width: 32 | 64, value: VectorExpression): Expression {
    return this.value('extendedToFloat', [width, value], width);
  }
  extendedFromInteger(width: 16 | 32 | 64, value: Expression): VectorExpression {
    return this.vectorNode('extendedFromInteger', [width, value]);
  }
  extendedToInteger(width: 16 | 32 | 64, value: VectorExpression, truncate: boolean): Expression {
    return this.value('extendedToInteger', [width, value, truncate], width);
  }
  extendedFromDecimal(value: VectorExpression): VectorExpression {
    return this.vectorNode('extendedFromDecimal', [value]);
  }
  extendedToDecimal(value: VectorExpression): VectorExpression {
    return this.vectorNode('extendedToDecimal', [value]);
  }

  /** A significand below a sign and exponent is the number that both are of. */
  override withLane(value: VectorExpression, lane: Width, index: number, part: Expression): VectorExpression {
    if (lane === 16 && index === 4 && value.op === 'pack' && value.args[0] === 64) {
      const [, low, high] = value.args as [Width, Expression, Expression];
      const isFree = high.op === 'constant' && high.args[0] === 0n;
      if (isFree) return this.numberOf(low, this.truncate(part, 16));
    }
    if (lane === 16 && index === 4 && value.op === 'zeroVector' && part.op === 'constant')
      return this.extendedConstant(0n, part);
    return super.withLane(value, lane, index, part);
  }
  private extendedConstant(low: bigint, high: Expression): VectorExpression {
    const bits = (((high.args[0] as bigint) & 0xffffn) << 64n) | low;
    return bits === 0n ? this.zeroVector() : this.vectorNode('extendedConstant', [bits]);
  }
  /** The number of this significand, and sign and exponent. */
  private numberOf(low: Expression, high: Expression): VectorExpression {
    if (low.op === 'constant' && high.op === 'constant') return this.extendedConstant(low.args[0] as bigint, high);
    if (low.op === 'lane' && high.op === 'lane' && low.args[0] === high.args[0]) {
      const whole = low.args[0] as VectorExpression;
      const covers = low.args[1] === 64 && low.args[2] === 0 && high.args[1] === 16 && high.args[2] === 4;
      if (covers && narrow.has(whole.op)) return whole;
    }
    const [top, mask] = high.args as [Expression, Expression];
    if (low.op === 'lane' && (high.op === 'xor' || high.op === 'and') && mask.op === 'constant') {
      const isSign = mask.args[0] === (high.op === 'xor' ? 0x8000n : 0x7fffn);
      const whole = isSign ? this.numberOf(low, top) : undefined;
      if (whole !== undefined && whole.op !== 'extendedOf')
        return this.vectorNode(high.op === 'xor' ? 'negated' : 'magnitude', [whole]);
    }
    if (low.op === 'load' && high.op === 'load') {
      const [below, above] = [low, high].map((node) => baseAndOffset(node.args[0] as Expression)) as [
        ReturnType<typeof baseAndOffset>,
        ReturnType<typeof baseAndOffset>,
      ];
      const adjacent = below.base === above.base && above.offset - below.offset === 8n;
      if (adjacent) return this.vectorNode('loadExtended', [low.args[0]]);
    }
    if (low.op === 'select' && high.op === 'select' && low.args[0] === high.args[0]) {
      const [condition, ...sides] = low.args as [Condition, Expression, Expression];
      const [yes, no] = sides.map((side, n) => this.numberOf(side, high.args[n + 1] as Expression));
      return this.vectorNode('selectExtended', [condition, yes, no]);
    }
    return this.vectorNode('extendedOf', [low, high]);
  }
  override lane(value: VectorExpression, lane: Width, index: number): Expression {
    if (value.op === 'extendedConstant') {
      return this.truncate(this.constant((value.args[0] as bigint) >> BigInt(lane * index)), lane);
    }
    return super.lane(value, lane, index);
  }
}

/** Operations that round by FCW, and may raise what it does not mask. */
const byControlWord: ReadonlySet<string> = new Set([
  'extended',
  'extendedUnary',
  'extendedToFloat',
  'extendedToInteger',
  'extendedToDecimal',
]);
export const usesFcw = (node: { readonly op: string }): boolean => byControlWord.has(node.op);

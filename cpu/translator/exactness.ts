/**
 * Whether a float operation has rounded: what decides about MXCSR.PE while that is 0. The tests are those of
 * `../float-host.ts`, in the operation's own format, of one float or of all lanes of a vector: the error of a sum (Knuth's
 * TwoSum) and of a product (Dekker's, with Veltkamp's splitting) is a float that can be computed. Where they do not hold an
 * operation counts as rounded, and the interpreter decides.
 *
 * The nodes are not shared with others: they are evaluated on a way that is not always taken.
 */
import type { FloatOperation } from '../algebra.ts';
import { createNode, type Node } from './node.ts';
import type { ValueType } from './wasm/code.ts';
import type { Operator } from './wasm/operators.ts';

export type FloatWidth = 32 | 64;
export type FloatShape = 'f32' | 'f64' | 'f32x4' | 'f64x2';

export const shapeOf = (width: FloatWidth): 'f32' | 'f64' => (width === 64 ? 'f64' : 'f32');
export const vectorShapeOf = (width: FloatWidth): 'f32x4' | 'f64x2' => (width === 64 ? 'f64x2' : 'f32x4');

/** splitter, and the bounds of factors and of products that are not zero */
const formats = {
  f32: [2 ** 12 + 1, 2 ** 100, 2 ** -90],
  f64: [2 ** 27 + 1, 2 ** 990, 2 ** -900],
} as const;

/** Exponents 2 to all but the last. */
const leastOrdinary = { f32: 2 ** -125, f64: 2 ** -1021 } as const;

/** Unshared nodes of one shape; conditions are i32 of scalars, and masks of lanes of vectors. */
class Arithmetic {
  private readonly shape: FloatShape;
  private readonly type: ValueType;
  readonly splitter: Node;
  readonly large: Node;
  readonly small: Node;
  readonly zero: Node;

  constructor(shape: FloatShape) {
    this.shape = shape;
    this.type = shape === 'f32' || shape === 'f64' ? shape : 'v128';
    const [splitter, large, small] = formats[shape.slice(0, 3) as 'f32'];
    this.splitter = this.constant(splitter);
    this.large = this.constant(large);
    this.small = this.constant(small);
    this.zero = this.constant(0);
  }

  private constant(value: number): Node {
    const scalar = this.shape.slice(0, 3) as 'f32' | 'f64';
    const node = createNode('constant', scalar, [], value);
    return this.type === 'v128' ? createNode(`${this.shape}.splat` as Operator, 'v128', [node]) : node;
  }

  op(name: 'add' | 'sub' | 'mul' | 'neg' | 'abs' | 'trunc', ...args: readonly Node[]): Node {
    return createNode(`${this.shape}.${name}` as Operator, this.type, args);
  }
  compare(name: 'eq' | 'ne' | 'lt' | 'ge', left: Node, right: Node): Node {
    return createNode(`${this.shape}.${name}` as Operator, this.type === 'v128' ? 'v128' : 'i32', [left, right], 0, 1);
  }
  private logic(name: 'and' | 'or', left: Node, right: Node): Node {
    const vector = this.type === 'v128';
    return createNode(vector ? `v128.${name}` : `i32.${name}`, vector ? 'v128' : 'i32', [left, right], 0, 1);
  }
  or(left: Node, right: Node): Node {
    return this.logic('or', left, right);
  }
  and(left: Node, right: Node): Node {
    return this.logic('and', left, right);
  }
  /** Whether the condition holds, of a vector in any lane. */
  any(condition: Node): Node {
    return this.type === 'v128' ? createNode('v128.any_true', 'i32', [condition], 0, 1) : condition;
  }
  not(condition: Node): Node {
    return this.type === 'v128'
      ? createNode('v128.not', 'v128', [condition])
      : createNode('i32.eqz', 'i32', [condition], 0, 1);
  }
  isOrdinary(value: Node): Node {
    const magnitude = this.op('abs', value);
    const least = this.constant(leastOrdinary[this.shape.slice(0, 3) as 'f32']);
    return this.and(this.compare('ge', magnitude, least), this.compare('lt', magnitude, this.constant(Infinity)));
  }
  isNotZero(value: Node): Node {
    return this.compare('ne', value, this.zero);
  }
}

function sumError(a: Arithmetic, l: Node, r: Node, s: Node): Node {
  const right = a.op('sub', s, l);
  return a.op('add', a.op('sub', l, a.op('sub', s, right)), a.op('sub', r, right));
}

function split(a: Arithmetic, value: Node): readonly [high: Node, low: Node] {
  const product = a.op('mul', value, a.splitter);
  const high = a.op('sub', product, a.op('sub', product, value));
  return [high, a.op('sub', value, high)];
}

function productError(a: Arithmetic, l: Node, r: Node, p: Node): Node {
  const [lHigh, lLow] = split(a, l);
  const [rHigh, rLow] = split(a, r);
  const rest = a.op('sub', a.op('sub', p, a.op('mul', lHigh, rHigh)), a.op('mul', lLow, rHigh));
  return a.op('sub', a.op('mul', lLow, rLow), a.op('sub', rest, a.op('mul', lHigh, rLow)));
}

/** Whether the product of `l` and `r` is not `p`, or may not be; none of them is zero. */
function productRounded(a: Arithmetic, l: Node, r: Node, p: Node): Node {
  const large = (value: Node): Node => a.compare('ge', a.op('abs', value), a.large);
  const doubtful = a.or(a.or(large(l), large(r)), a.compare('lt', a.op('abs', p), a.small));
  return a.or(doubtful, a.isNotZero(productError(a, l, r, p)));
}

/** `result` is the operation's. */
export function isRounded(operation: FloatOperation, shape: FloatShape, l: Node, r: Node, result: Node): Node {
  const a = new Arithmetic(shape);
  switch (operation) {
    case 'add':
    case 'sub': {
      const right = operation === 'add' ? r : a.op('neg', r);
      return a.any(a.isNotZero(sumError(a, l, right, result)));
    }
    case 'mul':
      return a.any(a.and(a.isNotZero(result), productRounded(a, l, r, result)));
    default: {
      const back = a.op('mul', result, r);
      const inexact = a.or(a.compare('ne', back, l), productRounded(a, result, r, back));
      return a.any(a.and(a.isNotZero(l), inexact));
    }
  }
}

export function isRootRounded(shape: FloatShape, radicand: Node, root: Node): Node {
  const a = new Arithmetic(shape);
  const square = a.op('mul', root, root);
  const inexact = a.or(a.compare('ne', square, radicand), productRounded(a, root, root, square));
  return a.any(a.and(a.isNotZero(root), inexact));
}

const promoted = (width: FloatWidth, value: Node): Node =>
  width === 64 ? value : createNode('f64.promote_f32', 'f64', [value]);

/** Whether two floats differ as numbers. */
export function isChanged(from: FloatWidth, before: Node, to: FloatWidth, after: Node): Node {
  return createNode('f64.ne', 'i32', [promoted(from, before), promoted(to, after)], 0, 1);
}

/** Whether the conversion of an i32 or i64 may have rounded; `float` is its result. */
export function isConversionRounded(from: 32 | 64, integer: Node, width: FloatWidth, float: Node): Node {
  const a = new Arithmetic('f64');
  const found = promoted(width, float);
  // doubles from 2^53 on do not tell
  const large = a.compare('ge', a.op('abs', found), createNode('constant', 'f64', [], 2 ** 53));
  const exact = createNode(from === 64 ? 'f64.convert_i64_s' : 'f64.convert_i32_s', 'f64', [integer]);
  return a.or(large, a.compare('ne', exact, found));
}

/** Whether a float, or any lane of a vector, is neither zero nor, for a product or quotient, one that may be. */
export function isNotZeroOf(
  operation: FloatOperation | undefined,
  shape: FloatShape,
  l: Node,
  r: Node,
  result: Node,
): Node {
  const a = new Arithmetic(shape);
  const zero = (value: Node): Node => a.compare('eq', value, a.zero);
  if (operation === 'mul') return a.and(a.isNotZero(l), a.isNotZero(r));
  if (operation === 'div') return a.or(a.isNotZero(l), zero(r));
  return a.isNotZero(result);
}

/** Whether a float, or any lane of a vector, is not ordinary, and `bad`, a mask of a vector's lanes, holds there. */
export function isUnfit(shape: FloatShape, value: Node, bad: Node): Node {
  const a = new Arithmetic(shape);
  return a.any(a.and(a.not(a.isOrdinary(value)), bad));
}

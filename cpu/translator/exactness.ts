/**
 * Whether a float operation has rounded: what decides about MXCSR.PE while that is 0. The tests are those of
 * `../float-host.ts`: the error of a sum (Knuth's TwoSum) and of a product (Dekker's, with Veltkamp's splitting) is a float
 * that can be computed. Where they do not hold an operation counts as rounded, and the interpreter decides.
 *
 * The nodes are not shared with others: they are evaluated on a way that is not always taken.
 */
import type { FloatOperation } from '../algebra.ts';
import { createNode, type Node } from './node.ts';
import type { Operator } from './wasm/operators.ts';

type FloatWidth = 32 | 64;

const SPLITTER = 2 ** 27 + 1;
/** of factors, and of products that are not zero */
const LARGE = 2 ** 990;
const SMALL = 2 ** -900;

const f64 = (op: Operator, ...args: readonly Node[]): Node => createNode(op, 'f64', args);
const compare = (op: Operator, ...args: readonly Node[]): Node => createNode(op, 'i32', args, 0, 1);
const constant = (value: number): Node => createNode('constant', 'f64', [], value);
const or = (left: Node, right: Node): Node => createNode('i32.or', 'i32', [left, right], 0, 1);
const and = (left: Node, right: Node): Node => createNode('i32.and', 'i32', [left, right], 0, 1);

const sub = (l: Node, r: Node): Node => f64('f64.sub', l, r);
const mul = (l: Node, r: Node): Node => f64('f64.mul', l, r);
const wide = (width: FloatWidth, value: Node): Node => (width === 64 ? value : f64('f64.promote_f32', value));

function sumError(l: Node, r: Node, s: Node): Node {
  const right = sub(s, l);
  return f64('f64.add', sub(l, sub(s, right)), sub(r, right));
}

function split(value: Node): readonly [high: Node, low: Node] {
  const product = mul(value, constant(SPLITTER));
  const high = sub(product, sub(product, value));
  return [high, sub(value, high)];
}

function productError(l: Node, r: Node, p: Node): Node {
  const [lHigh, lLow] = split(l);
  const [rHigh, rLow] = split(r);
  return sub(mul(lLow, rLow), sub(sub(sub(p, mul(lHigh, rHigh)), mul(lLow, rHigh)), mul(lHigh, rLow)));
}

const isNotZero = (value: Node): Node => compare('f64.ne', value, constant(0));
const isLarge = (value: Node): Node => compare('f64.ge', f64('f64.abs', value), constant(LARGE));
const isSmall = (value: Node): Node => compare('f64.lt', f64('f64.abs', value), constant(SMALL));
const differ = (left: Node, right: Node): Node => compare('f64.ne', left, right);

/** Of two doubles, neither of them zero where it matters: whether their product is not `p`, or may not be. */
function productRounded(l: Node, r: Node, p: Node): Node {
  const doubtful = or(or(isLarge(l), isLarge(r)), isSmall(p));
  return or(doubtful, isNotZero(productError(l, r, p)));
}

/** `result` is the operation's, of the width. */
export function isRounded(operation: FloatOperation, width: FloatWidth, left: Node, right: Node, result: Node): Node {
  const l = wide(width, left);
  const r = wide(width, right);
  const found = wide(width, result);
  switch (operation) {
    case 'add':
    case 'sub': {
      const other = operation === 'add' ? r : f64('f64.neg', r);
      const sum = f64('f64.add', l, other);
      return or(differ(sum, found), isNotZero(sumError(l, other, sum)));
    }
    case 'mul': {
      const product = mul(l, r);
      const rounded = width === 64 ? productRounded(l, r, product) : differ(product, found);
      return and(isNotZero(found), rounded);
    }
    default: {
      const back = mul(found, r);
      const inexact = differ(back, l);
      const rounded = width === 64 ? or(inexact, productRounded(found, r, back)) : inexact;
      return and(isNotZero(l), rounded);
    }
  }
}

export function isRootRounded(width: FloatWidth, radicand: Node, root: Node): Node {
  const r = wide(width, root);
  const square = mul(r, r);
  const inexact = differ(square, wide(width, radicand));
  return and(isNotZero(r), width === 64 ? or(inexact, productRounded(r, r, square)) : inexact);
}

/** Whether two floats differ as numbers. */
export function isChanged(from: FloatWidth, before: Node, to: FloatWidth, after: Node): Node {
  return differ(wide(from, before), wide(to, after));
}

/** Whether the conversion of an i32 or i64 may have rounded; `float` is its result. */
export function isConversionRounded(from: 32 | 64, integer: Node, width: FloatWidth, float: Node): Node {
  const found = wide(width, float);
  // doubles from 2^53 on do not tell
  const large = compare('f64.ge', f64('f64.abs', found), constant(2 ** 53));
  const exact = f64(from === 64 ? 'f64.convert_i64_s' : 'f64.convert_i32_s', integer);
  return or(large, differ(exact, found));
}

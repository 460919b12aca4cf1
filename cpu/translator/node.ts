/**
 * Values of translated code before they are code: a node is one WebAssembly operation on other nodes. Nodes of one block of
 * guest code are shared (the same operation on the same nodes is the same node) and folded where constants allow it.
 *
 * All nodes are pure but `result`, which stands for what a statement has computed. `bits` bounds an integer: it is
 * below 2^bits.
 */
import type { Operator } from './wasm/operators.ts';
import type { ValueType } from './wasm/code.ts';

export interface Node {
  readonly op: Operator | 'constant' | 'local' | 'result' | 'call';
  readonly type: ValueType;
  readonly args: readonly Node[];
  /** a constant's value, a local's or a lane's number, the function that a call asks, the picks of a shuffle */
  readonly value: number | bigint | string | readonly number[] | Uint8Array;
  readonly bits: number;
  /** how many places of the code need it, cold ones included */
  uses: number;
  /** the WebAssembly local that holds it, -1 while none does */
  local: number;
  /** operations of it that are emitted in one piece; 0: `ValueEmitter.prepare` has not seen it */
  height: number;
  /** nodes that have this as their first argument */
  readonly users: Node[];
  /** a float, or lanes of a vector, of this width that are known to be zero or ordinary: see reading-floats.ts */
  plain: 0 | 32 | 64;
}

const integerBits: Readonly<Record<ValueType, number>> = { i32: 32, i64: 64, f32: 32, f64: 64, v128: 128 };

export function createNode(
  op: Node['op'],
  type: ValueType,
  args: readonly Node[],
  value: Node['value'] = 0,
  bits = integerBits[type],
): Node {
  return { op, type, args, value, bits, uses: 0, local: -1, height: 0, users: [], plain: 0 };
}

const MASK64 = 0xffff_ffff_ffff_ffffn;
const asI32 = (node: Node): number => node.value as number;
const asI64 = (node: Node): bigint => node.value as bigint;
export const isConstant = (node: Node): boolean => node.op === 'constant';
/** A constant integer, unsigned; undefined for all else. */
export function constantOf(node: Node): bigint | undefined {
  if (node.op !== 'constant') return undefined;
  return node.type === 'i32' ? BigInt((node.value as number) >>> 0) : node.type === 'i64' ? asI64(node) : undefined;
}

type Fold32 = (left: number, right: number) => number;
type Fold64 = (left: bigint, right: bigint) => bigint;
const truth = (value: boolean): number => (value ? 1 : 0);
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

/** What is computed of constants; results are truncated to the type. */
const folds32: Partial<Record<Operator, Fold32>> = {
  'i32.add': (l, r) => l + r,
  'i32.sub': (l, r) => l - r,
  'i32.mul': Math.imul,
  'i32.and': (l, r) => l & r,
  'i32.or': (l, r) => l | r,
  'i32.xor': (l, r) => l ^ r,
  'i32.shl': (l, r) => l << r,
  'i32.shr_u': (l, r) => l >>> r,
  'i32.shr_s': (l, r) => l >> r,
  'i32.eq': (l, r) => truth(l === r),
  'i32.ne': (l, r) => truth(l !== r),
  'i32.lt_u': (l, r) => truth(l >>> 0 < r >>> 0),
  'i32.lt_s': (l, r) => truth(l < r),
  'i32.le_u': (l, r) => truth(l >>> 0 <= r >>> 0),
  'i32.le_s': (l, r) => truth(l <= r),
  'i32.gt_u': (l, r) => truth(l >>> 0 > r >>> 0),
  'i32.gt_s': (l, r) => truth(l > r),
  'i32.ge_u': (l, r) => truth(l >>> 0 >= r >>> 0),
  'i32.ge_s': (l, r) => truth(l >= r),
};
const folds64: Partial<Record<Operator, Fold64>> = {
  'i64.add': (l, r) => l + r,
  'i64.sub': (l, r) => l - r,
  'i64.mul': (l, r) => l * r,
  'i64.and': (l, r) => l & r,
  'i64.or': (l, r) => l | r,
  'i64.xor': (l, r) => l ^ r,
  'i64.shl': (l, r) => l << (r & 63n),
  'i64.shr_u': (l, r) => l >> (r & 63n),
  'i64.shr_s': (l, r) => signed(l) >> (r & 63n),
};
const compares64: Partial<Record<Operator, (left: bigint, right: bigint) => boolean>> = {
  'i64.eq': (l, r) => l === r,
  'i64.ne': (l, r) => l !== r,
  'i64.lt_u': (l, r) => l < r,
  'i64.lt_s': (l, r) => signed(l) < signed(r),
  'i64.le_u': (l, r) => l <= r,
  'i64.le_s': (l, r) => signed(l) <= signed(r),
  'i64.gt_u': (l, r) => l > r,
  'i64.gt_s': (l, r) => signed(l) > signed(r),
  'i64.ge_u': (l, r) => l >= r,
  'i64.ge_s': (l, r) => signed(l) >= signed(r),
};

/** What a comparison of a value with itself gives. */
const reflexive: Partial<Record<Operator, number>> = {
  'i32.eq': 1,
  'i32.ne': 0,
  'i32.lt_u': 0,
  'i32.lt_s': 0,
  'i32.le_u': 1,
  'i32.le_s': 1,
  'i64.eq': 1,
  'i64.ne': 0,
  'i64.lt_u': 0,
  'i64.lt_s': 0,
  'i64.le_u': 1,
  'i64.le_s': 1,
};

const inverses: Partial<Record<Node['op'], Operator>> = {
  'i32.eq': 'i32.ne',
  'i32.ne': 'i32.eq',
  'i32.lt_u': 'i32.ge_u',
  'i32.lt_s': 'i32.ge_s',
  'i32.le_u': 'i32.gt_u',
  'i32.le_s': 'i32.gt_s',
  'i32.gt_u': 'i32.le_u',
  'i32.gt_s': 'i32.le_s',
  'i32.ge_u': 'i32.lt_u',
  'i32.ge_s': 'i32.lt_s',
  'i64.eq': 'i64.ne',
  'i64.ne': 'i64.eq',
  'i64.lt_u': 'i64.ge_u',
  'i64.lt_s': 'i64.ge_s',
  'i64.le_u': 'i64.gt_u',
  'i64.le_s': 'i64.gt_s',
  'i64.gt_u': 'i64.le_u',
  'i64.gt_s': 'i64.le_s',
  'i64.ge_u': 'i64.lt_u',
  'i64.ge_s': 'i64.lt_s',
};

/** Bits of what an operation gives, from those of its operands. */
function boundOf(op: Operator, type: ValueType, left: Node, right: Node): number {
  if (inverses[op] !== undefined) return 1;
  if (op === 'i32.and' || op === 'i64.and') return Math.min(left.bits, right.bits);
  if (op === 'i32.or' || op === 'i64.or' || op === 'i32.xor' || op === 'i64.xor')
    return Math.max(left.bits, right.bits);
  if (op === 'i32.shr_u' || op === 'i64.shr_u') {
    const count = constantOf(right);
    // WebAssembly takes counts modulo the width
    return count === undefined ? left.bits : Math.max(0, left.bits - (Number(count) & (integerBits[type] - 1)));
  }
  return integerBits[type];
}

/** The nodes of one block. */
export class Nodes {
  private readonly constants = new Map<string | number | bigint, Node>();

  i32(value: number): Node {
    const word = value | 0;
    let node = this.constants.get(word);
    if (node === undefined) {
      node = createNode('constant', 'i32', [], word, 32 - Math.clz32(word));
      this.constants.set(word, node);
    }
    return node;
  }

  i64(value: bigint): Node {
    const whole = BigInt.asUintN(64, value);
    let node = this.constants.get(whole);
    if (node === undefined) {
      node = createNode('constant', 'i64', [], whole, whole === 0n ? 0 : whole.toString(2).length);
      this.constants.set(whole, node);
    }
    return node;
  }

  float(type: 'f32' | 'f64', value: number): Node {
    const key = `${type} ${value}`;
    let node = this.constants.get(key);
    if (node === undefined) this.constants.set(key, (node = createNode('constant', type, [], value)));
    return node;
  }

  v128(bytes: Uint8Array): Node {
    const key = bytes.join();
    let node = this.constants.get(key);
    if (node === undefined) this.constants.set(key, (node = createNode('constant', 'v128', [], bytes)));
    return node;
  }

  /** The same operation on the same nodes, if there is one already; else a new one. `bits` bounds an integer result. */
  make(
    op: Node['op'],
    type: ValueType,
    args: readonly [Node, ...Node[]],
    value: Node['value'] = 0,
    bits = integerBits[type],
  ): Node {
    for (const user of args[0].users) {
      if (user.op === op && sameValue(user.value, value) && sameArguments(user.args, args)) return user;
    }
    const node = createNode(op, type, args, value, bits);
    args[0].users.push(node);
    return node;
  }

  /** An operation of two integers of one type. */
  binary(op: Operator, left: Node, right: Node): Node {
    const type = op.startsWith('i32') ? 'i32' : 'i64';
    return (
      this.simplify(op, type, left, right) ??
      this.make(op, this.resultType(op, type), [left, right], 0, boundOf(op, type, left, right))
    );
  }

  private resultType(op: Operator, type: 'i32' | 'i64'): ValueType {
    return compares64[op] === undefined ? type : 'i32';
  }

  private simplify(op: Operator, type: 'i32' | 'i64', left: Node, right: Node): Node | undefined {
    if (isConstant(left) && isConstant(right)) {
      if (type === 'i32') return this.fold32(op, left, right);
      const compare = compares64[op];
      if (compare !== undefined) return this.i32(truth(compare(asI64(left), asI64(right))));
      const fold = folds64[op];
      return fold === undefined ? undefined : this.i64(fold(asI64(left), asI64(right)) & MASK64);
    }
    if (left === right) {
      const known = reflexive[op];
      if (known !== undefined) return this.i32(known);
      if (op === 'i32.sub' || op === 'i32.xor') return this.i32(0);
      if (op === 'i64.sub' || op === 'i64.xor') return this.i64(0n);
      if (op === 'i32.and' || op === 'i32.or' || op === 'i64.and' || op === 'i64.or') return left;
    }
    return isConstant(right)
      ? this.withConstant(op, left, right)
      : isConstant(left)
        ? this.commuted(op, left, right)
        : undefined;
  }

  private fold32(op: Operator, left: Node, right: Node): Node | undefined {
    const fold = folds32[op];
    return fold === undefined ? undefined : this.i32(fold(asI32(left), asI32(right)));
  }

  /** Constants stand on the right of what commutes. */
  private commuted(op: Operator, left: Node, right: Node): Node | undefined {
    return /\.(add|mul|and|or|xor|eq|ne)$/.test(op) ? this.binary(op, right, left) : undefined;
  }

  private withConstant(op: Operator, left: Node, right: Node): Node | undefined {
    const value = constantOf(right)!;
    const name = op.slice(4);
    if (value === 0n) {
      if (['add', 'sub', 'or', 'xor', 'shl', 'shr_u', 'shr_s'].includes(name)) return left;
      if (name === 'and' || name === 'mul') return right;
      if (name === 'lt_u') return this.i32(0);
      if (left.bits === 1 && name === 'ne') return left.type === 'i32' ? left : undefined;
    }
    if (value === 1n && name === 'mul') return left;
    if (name === 'and' && left.bits <= 63 && ((value + 1n) & value) === 0n && 2n ** BigInt(left.bits) - 1n <= value)
      return left;
    if (name === 'sub') return this.binary(left.type === 'i32' ? 'i32.add' : 'i64.add', left, this.negative(right));
    // (x + a) + b, (x & a) & b
    if ((name === 'add' || name === 'and') && left.op === op && isConstant(left.args[1]!)) {
      return this.binary(op, left.args[0]!, this.binary(op, left.args[1]!, right));
    }
    return undefined;
  }

  private negative(constant: Node): Node {
    return constant.type === 'i32' ? this.i32(-asI32(constant)) : this.i64(-asI64(constant));
  }

  unary(op: Operator, type: ValueType, value: Node, bits = integerBits[type]): Node {
    return this.make(op, type, [value], 0, bits);
  }

  /** The low 32 bits. */
  low(value: Node): Node {
    switch (value.type) {
      case 'i32':
        return value;
      case 'f32':
        return value.op === 'f32.reinterpret_i32' ? value.args[0]! : this.unary('i32.reinterpret_f32', 'i32', value);
      case 'f64':
        return this.low(this.wide(value));
      default:
    }
    if (isConstant(value)) return this.i32(Number(BigInt.asIntN(32, asI64(value))));
    if (value.op === 'i64.extend_i32_u' || value.op === 'i64.extend_i32_s') return value.args[0]!;
    return this.unary('i32.wrap_i64', 'i32', value, Math.min(32, value.bits));
  }

  /** All 64 bits, zero-extended. */
  wide(value: Node): Node {
    switch (value.type) {
      case 'i64':
        return value;
      case 'i32':
        if (isConstant(value)) return this.i64(BigInt(asI32(value) >>> 0));
        return this.unary('i64.extend_i32_u', 'i64', value, value.bits);
      case 'f32':
        return this.wide(this.low(value));
      default:
    }
    if (value.op === 'f64.reinterpret_i64') return value.args[0]!;
    if (value.op === 'f64x2.extract_lane') return this.make('i64x2.extract_lane', 'i64', [value.args[0]!], value.value);
    return this.unary('i64.reinterpret_f64', 'i64', value);
  }

  /** The bits of `width` as a float. */
  asFloat(width: 32 | 64, value: Node): Node {
    if (width === 64) {
      if (value.type === 'f64') return value;
      if (value.op === 'i64.reinterpret_f64') return value.args[0]!;
      if (value.op === 'i64x2.extract_lane')
        return this.make('f64x2.extract_lane', 'f64', [value.args[0]!], value.value);
      return this.unary('f64.reinterpret_i64', 'f64', this.wide(value));
    }
    if (value.type === 'f32') return value;
    const bits = this.low(value);
    if (bits.op === 'i32.reinterpret_f32') return bits.args[0]!;
    if (bits.op === 'i32x4.extract_lane') return this.make('f32x4.extract_lane', 'f32', [bits.args[0]!], bits.value);
    return this.unary('f32.reinterpret_i32', 'f32', bits);
  }

  /** 1 where an i32 or i64 is 0. */
  isZero(value: Node): Node {
    if (isConstant(value)) return this.i32(truth(constantOf(value) === 0n));
    const inverse = inverses[value.op];
    if (inverse !== undefined) return this.make(inverse, 'i32', [value.args[0]!, value.args[1]!], 0, 1);
    // not of a condition
    if (value.op === 'i32.eqz' && value.args[0]!.bits === 1) return value.args[0]!;
    if (value.op === 'i64.extend_i32_u') return this.isZero(value.args[0]!);
    return this.unary(value.type === 'i32' ? 'i32.eqz' : 'i64.eqz', 'i32', value, 1);
  }

  /** `yes` where the i32 `condition` is not 0; both of one type. */
  select(condition: Node, yes: Node, no: Node): Node {
    if (isConstant(condition)) return asI32(condition) !== 0 ? yes : no;
    if (yes === no) return yes;
    return this.make('select', yes.type, [yes, no, condition], 0, Math.max(yes.bits, no.bits));
  }
}

function sameArguments(left: readonly Node[], right: readonly Node[]): boolean {
  if (left.length !== right.length) return false;
  for (let n = 0; n < left.length; n++) if (left[n] !== right[n]) return false;
  return true;
}

function sameValue(left: Node['value'], right: Node['value']): boolean {
  if (left === right) return true;
  return (
    typeof left === 'object' &&
    typeof right === 'object' &&
    left.length === right.length &&
    left.every((part, n) => part === right[n])
  );
}

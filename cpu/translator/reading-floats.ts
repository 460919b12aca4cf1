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
  isUnfit,
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
/** that are looked at together */
const MOST_ASSURANCES = 16;

/** A float, or a vector of them, that has to be looked at. */
interface Assurance {
  readonly shape: FloatShape;
  /** its bits */
  readonly value: Node;
  /** it may be zero where one of these is */
  readonly zeros: readonly Node[];
  /** whether it is what translated code cannot have, precisely: unshared */
  readonly unfit: Node;
}

/** A vector to be looked at, and those of whose zeros make it good. */
interface Looked {
  readonly value: Node;
  readonly zeros: readonly Node[];
}

/** Whose zero makes a zero of the result good: its own, a factor's; of a quotient it depends. */
function zerosOf(operation: FloatOperation, left: Node, right: Node, result: Node): readonly Node[] {
  if (operation === 'mul') return [left, right];
  return operation === 'div' ? [] : [result];
}

const either = (left: Node, right: Node): Node => createNode('i32.or', 'i32', [left, right], 0, 1);

const isPlainLane = (width: FloatWidth, { op, plain, args }: Node): boolean =>
  plain === width || (op.endsWith('.extract_lane') && args[0]!.plain === width);

export abstract class FloatReading extends LaneReading {
  /** byte of the CPU's block in the WebAssembly memory */
  protected abstract readonly state: number;
  private controlIsKnown = false;
  private controlWasKnown = false;
  /** what is to be looked at, and what was when the instruction began */
  private readonly assurances: Assurance[] = [];
  private readonly rounded: Node[] = [];
  /** values that those are made of, and others too */
  private readonly shared = new Set<Node>();
  private unsettled: readonly [readonly Assurance[], readonly Node[], readonly Node[]] = [[], [], []];
  /** nodes that are known to be plain since the instruction began */
  private readonly newlyPlain: Node[] = [];

  /** The instruction goes to the interpreter where `when` and `bad` hold; see `Check`. */
  protected abstract check(when: Node, bad: Node, shared: readonly Node[]): void;
  protected abstract requireUnconditional(): void;
  protected abstract floatOf(width: FloatWidth, value: Node): Node;

  protected beginFloats(): void {
    this.newlyPlain.length = 0;
    this.controlWasKnown = this.controlIsKnown;
    if (this.assurances.length >= MOST_ASSURANCES) this.settleChecks();
    this.unsettled = [this.assurances.slice(), this.rounded.slice(), [...this.shared]];
  }
  /** The guards of the instruction are void. */
  protected abandonFloats(): void {
    for (const node of this.newlyPlain) node.plain = 0;
    this.controlIsKnown = this.controlWasKnown;
    const [assurances, rounded, shared] = this.unsettled;
    for (const node of shared) this.shared.add(node);
    this.assurances.splice(0, this.assurances.length, ...assurances);
    this.rounded.splice(0, this.rounded.length, ...rounded);
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

  /** The value as a float, and the assurance that it is zero or ordinary. */
  private plain(width: FloatWidth, value: Node): Node {
    const float = this.floatOf(width, value);
    if (isPlainLane(width, float)) return this.nowPlain(width, float);
    const shape = shapeOf(width);
    this.assure(shape, float, [float], isNotZeroOf(undefined, shape, float, float, float), [float]);
    return this.nowPlain(width, float);
  }
  /** Of all lanes. */
  private plainLanes(width: FloatWidth, value: Node): Node {
    if (value.plain === width) return value;
    const shape = vectorShapeOf(width);
    this.assure(shape, value, [value], isNotZeroOf(undefined, shape, value, value, value), [value]);
    return this.nowPlain(width, value);
  }
  /**
   * `value` must be ordinary, or else `bad` not hold, which it does not where one of `zeros` is zero; looked at before
   * anything comes of it.
   */
  private assure(shape: FloatShape, value: Node, zeros: readonly Node[], bad: Node, shared: readonly Node[]): void {
    this.requireUnconditional();
    this.assurances.push({ shape, value, zeros, unfit: isUnfit(shape, value, bad) });
    for (const node of shared) this.shared.add(node);
  }
  /** The instruction goes to the interpreter where it would set PE; looked at as in `assure`. */
  private requireExact(rounded: Node, shared: readonly Node[]): void {
    this.requireUnconditional();
    this.rounded.push(rounded);
    for (const node of shared) this.shared.add(node);
  }

  /** Looks at all that is to be assured since the last time, most of it at once: before a store, and before a block ends. */
  settleChecks(): void {
    const { assurances, rounded, nodes } = this;
    const shared = [...this.shared];
    if (assurances.length > 0) {
      const bad = assurances.map(({ unfit }) => unfit).reduce(either);
      this.check(nodes.isZero(this.areMiddling(assurances)), bad, shared);
    }
    if (rounded.length > 0) {
      const bit = nodes.binary('i32.and', this.slot('i32', Slot.mxcsr), nodes.i32(Mxcsr.PE));
      this.check(nodes.isZero(bit), rounded.reduce(either), shared);
    }
    assurances.length = 0;
    rounded.length = 0;
    this.shared.clear();
  }
  /**
   * Whether every exponent lies in the middle half of its range, where of its two upper bits just one is set; or, what is as
   * frequent, the float is a zero that may be one. Floats are looked at by the vector.
   */
  private areMiddling(assurances: readonly Assurance[]): Node {
    const { nodes } = this;
    const conditions: Node[] = [];
    for (const width of [32, 64] as const) {
      const own = assurances.filter(({ shape }) => shape.startsWith(`f${width}`));
      if (own.length === 0) continue;
      const lanes = width === 64 ? 'i64x2' : 'i32x4';
      const middling = this.vectorsOf(width, own).map((vector) => this.middlingLanes(width, vector));
      const all = middling.reduce((l, r) => nodes.make('v128.and', 'v128', [l, r]));
      const signs = nodes.make(`${lanes}.shl`, 'v128', [all, nodes.i32(1)]);
      const mask = nodes.make(`${lanes}.bitmask`, 'i32', [signs], 0, 128 / width);
      conditions.push(nodes.binary('i32.eq', mask, nodes.i32((1 << (128 / width)) - 1)));
    }
    return conditions.reduce((l, r) => nodes.binary('i32.and', l, r));
  }
  /** The bit below the sign tells. */
  private middlingLanes(width: FloatWidth, { value, zeros }: Looked): Node {
    const { nodes } = this;
    const double = nodes.make(width === 64 ? 'i64x2.shl' : 'i32x4.shl', 'v128', [value, nodes.i32(1)]);
    const middling = nodes.make('v128.xor', 'v128', [value, double]);
    const equal = (vector: Node): Node =>
      nodes.make(width === 64 ? 'f64x2.eq' : 'f32x4.eq', 'v128', [vector, this.zeroVector()]);
    return zeros.reduce((known, vector) => nodes.make('v128.or', 'v128', [known, equal(vector)]), middling);
  }
  /** Vectors as they are, floats packed with others whose zeros mean the same. */
  private vectorsOf(width: FloatWidth, assurances: readonly Assurance[]): Looked[] {
    const lanes = 128 / width;
    const looked: Looked[] = [];
    const scalars = assurances.filter(({ shape }) => shape === 'f32' || shape === 'f64');
    for (const { shape, value, zeros } of assurances) if (shape.length > 3) looked.push({ value, zeros });
    for (let count = 0; count <= 2; count++) {
      const alike = scalars.filter(({ zeros }) => zeros.length === count);
      for (let n = 0; n < alike.length; n += lanes) {
        const some = alike.slice(n, n + lanes);
        looked.push({
          value: this.packed(
            width,
            some.map(({ value }) => value),
          ),
          zeros: Array.from({ length: count }, (_, at) =>
            this.packed(
              width,
              some.map(({ zeros }) => zeros[at]!),
            ),
          ),
        });
      }
    }
    return looked;
  }
  /** Up to a vector's lanes, of which the first fills those that are left. */
  private packed(width: FloatWidth, values: readonly Node[]): Node {
    const shape = vectorShapeOf(width);
    const [first, ...others] = values.map((value) => this.nodes.asFloat(width, value));
    return others.reduce(
      (vector, value, n) => this.nodes.make(`${shape}.replace_lane`, 'v128', [vector, value], n + 1),
      this.nodes.make(`${shape}.splat`, 'v128', [first!]),
    );
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
    this.assure(shape, result, zerosOf(operation, l, r, result), isNotZeroOf(operation, shape, l, r, result), [
      l,
      r,
      result,
    ]);
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
    this.assure(shape, result, zerosOf(operation, l, r, result), isNotZeroOf(operation, shape, l, r, result), [
      l,
      r,
      result,
    ]);
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
    this.assure('f32', result, [], isNotZeroOf(undefined, 'f64', float, float, float), [float, result]);
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

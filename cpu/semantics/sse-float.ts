/** SSE and SSE2: floating-point arithmetic, comparisons and conversions; scalar forms and packed ones. */
import type { Algebra, FloatOperation, Semantics } from '../algebra.ts';
import type { Operand, Width } from '../instruction.ts';
import { immediateOf, scalarVector } from './sse-move.ts';

type FloatWidth = 32 | 64;

/** One lane's result from the destination's and the source's. */
type LaneRule = <V, C, X>(a: Algebra<V, C, X>, width: FloatWidth, left: V, right: V) => V;

/** …SS, …SD: the low lane; the rest of the destination is kept. */
function scalar(rule: LaneRule): Semantics {
  return (a, i) => {
    const [destination, source] = i.operands;
    const right = a.read(source!);
    const result = rule(a, destination!.width as FloatWidth, a.read(destination!), right);
    a.settleFloatExceptions();
    a.write(destination!, result);
  };
}

/** …PS, …PD: every lane; an `operation` is what the rule is. */
function packed(width: FloatWidth, rule: LaneRule, operation?: FloatOperation): Semantics {
  return (a, i) => {
    const right = a.readVector(i.operands[1]!, true);
    const left = a.readVector(i.operands[0]!, false);
    let result = left;
    if (operation !== undefined && a.floatLanes !== undefined) result = a.floatLanes(operation, width, left, right);
    else {
      for (let n = 0; n < 128 / width; n++) {
        result = a.withLane(result, width, n, rule(a, width, a.lane(left, width, n), a.lane(right, width, n)));
      }
    }
    a.settleFloatExceptions();
    a.writeVector(i.operands[0]!, result, false);
  };
}

/** The four forms of an operation, in the order of the prefixes NP 66 F3 F2. */
export type Forms = readonly [ps: Semantics, pd: Semantics, ss: Semantics, sd: Semantics];
const forms = (rule: LaneRule, operation?: FloatOperation): Forms => [
  packed(32, rule, operation),
  packed(64, rule, operation),
  scalar(rule),
  scalar(rule),
];

// ADD, SUB, MUL, DIV, MIN, MAX
export const arithmetic = (operation: FloatOperation): Forms =>
  forms((a, width, left, right) => a.float(operation, width, left, right), operation);
// SQRT: of the source
export const sqrt: Forms = forms((a, width, _left, right) => a.squareRoot(width, right));

// RCP, RSQRT: approximations of the source's; singles only
export const rcp: Forms = forms((a, _width, _left, right) => a.approximate('reciprocal', right));
export const rsqrt: Forms = forms((a, _width, _left, right) => a.approximate('reciprocalRoot', right));

/**
 * CMPccPS …: predicates 0-3 are EQ LT LE UNORD, 4-7 their negations; LT and LE signal for quiet NaNs. VEX-encoded forms have
 * 8-11, EQ LT LE or unordered and FALSE, and 12-15, their negations; and 16-31, which signal where 0-15 do not.
 */
function predicate(number: number): LaneRule {
  const quiet = ((number & 3) === 0 || (number & 3) === 3) === number < 16;
  return (a, width, left, right) => {
    const order = a.compareFloat(width, left, right, quiet);
    const base = [order.equal, order.less, a.either(order.less, order.equal), order.unordered][number & 3]!;
    const holds = (number & 8) === 0 ? base : (number & 3) === 3 ? a.never : a.either(base, order.unordered);
    const condition = (number & 4) === 0 ? holds : a.negate(holds);
    return a.select(condition, a.constant((1n << BigInt(width)) - 1n), a.constant(0n));
  };
}
const predicates = Array.from({ length: 32 }, (_, number) => forms(predicate(number)));
const comparisons = (mask: 7 | 31): Forms =>
  [0, 1, 2, 3].map(
    (form): Semantics =>
      (a, i) =>
        predicates[immediateOf(i.operands[2]) & mask]![form]!(a, i),
  ) as unknown as Forms;
export const cmp = comparisons(7);
/** with all 32 predicates */
export const vcmp = comparisons(31);

// COMISS, COMISD; UCOMISS, UCOMISD: ZF PF CF = 111 unordered, 001 less, 100 equal, 000 greater
export function comi(quiet: boolean): Semantics {
  return (a, i) => {
    const [first, second] = i.operands;
    const right = a.read(second!);
    const order = a.compareFloat(first!.width as FloatWidth, a.read(first!), right, quiet);
    a.settleFloatExceptions();
    a.setFlag('ZF', a.either(order.unordered, order.equal));
    a.setFlag('PF', order.unordered);
    a.setFlag('CF', a.either(order.unordered, order.less));
    for (const name of ['OF', 'SF', 'AF'] as const) a.setFlag(name, a.never);
  };
}

/** The low lane of the destination from the source: CVTSS2SD, CVTSD2SS, CVTSI2SS, CVTSI2SD. */
function convertScalar(
  rule: <V, C, X>(a: Algebra<V, C, X>, from: FloatWidth, to: FloatWidth, value: V) => V,
): Semantics {
  return (a, i) => {
    const [destination, source] = i.operands;
    const result = rule(a, source!.width as FloatWidth, destination!.width as FloatWidth, a.read(source!));
    a.settleFloatExceptions();
    a.write(destination!, result);
  };
}
export const cvtFloat = convertScalar((a, from, to, value) => a.convertFloat(from, to, value));
export const cvtFromInteger = convertScalar((a, from, to, value) => a.integerToFloat(from, to, value));

// CVTSS2SI, CVTSD2SI; CVTTSS2SI, CVTTSD2SI
export const cvtToInteger = (truncate: boolean): Semantics =>
  convertScalar((a, from, to, value) => a.floatToInteger(from, to, value, truncate));

/** `count` lanes of `from` bits to as many lanes of `to` bits; what the result does not fill is zero, or `keeps` its value. */
function convertPacked(
  from: FloatWidth,
  to: FloatWidth,
  rule: <V, C, X>(a: Algebra<V, C, X>, value: V) => V,
  count = Math.min(128 / from, 128 / to),
  keeps = false,
): Semantics {
  return (a, i) => {
    const [destination, source] = i.operands;
    const value = sourceVector(a, source!);
    let result = keeps ? a.readVector(destination!, false) : a.zeroVector();
    for (let n = 0; n < count; n++) {
      result = a.withLane(result, to, n, rule(a, a.lane(value, from, n)));
    }
    a.settleFloatExceptions();
    a.writeVector(destination!, result, false);
  };
}

/** Half-width sources in memory are 64 bits and need no alignment. */
function sourceVector<V, C, X>(a: Algebra<V, C, X>, source: Operand): X {
  if (source.kind === 1 && source.width === 64) return scalarVector(a, 64 as Width, a.read(source));
  return a.readVector(source, true);
}

export const cvtps2pd = convertPacked(32, 64, (a, value) => a.convertFloat(32, 64, value));
export const cvtpd2ps = convertPacked(64, 32, (a, value) => a.convertFloat(64, 32, value));
export const cvtdq2ps = convertPacked(32, 32, (a, value) => a.integerToFloat(32, 32, value));
export const cvtdq2pd = convertPacked(32, 64, (a, value) => a.integerToFloat(32, 64, value));
export const cvtps2dq = convertPacked(32, 32, (a, value) => a.floatToInteger(32, 32, value, false));
export const cvttps2dq = convertPacked(32, 32, (a, value) => a.floatToInteger(32, 32, value, true));
export const cvtpd2dq = convertPacked(64, 32, (a, value) => a.floatToInteger(64, 32, value, false));
export const cvttpd2dq = convertPacked(64, 32, (a, value) => a.floatToInteger(64, 32, value, true));

// CVTPI2PS, CVTPI2PD; CVTPS2PI, CVTPD2PI; CVTTPS2PI, CVTTPD2PI: two lanes, from or to an MMX register
export const cvtpi2ps = convertPacked(32, 32, (a, value) => a.integerToFloat(32, 32, value), 2, true);
export const cvtpi2pd = cvtdq2pd;
export const cvtps2pi = convertPacked(32, 32, (a, value) => a.floatToInteger(32, 32, value, false), 2);
export const cvttps2pi = convertPacked(32, 32, (a, value) => a.floatToInteger(32, 32, value, true), 2);
export const cvtpd2pi = cvtpd2dq;
export const cvttpd2pi = cvttpd2dq;

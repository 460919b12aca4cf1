/**
 * The arithmetic flags in translated code. As in the interpreter they are an operation that is evaluated when somebody
 * looks; what it was is mostly known here, and then a flag is the row of `../flags.ts` for it, and a condition code often
 * one comparison.
 */
import type { Algebra, FlagName, FlagsKind } from '../algebra.ts';
import { flagBits, flagNames, flagsKindNumbers, flagsRows, type Operation } from '../flags.ts';
import type { Width } from '../instruction.ts';
import type { FlagState } from './block.ts';
import { constantOf, type Node, type Nodes } from './node.ts';

type Reading = Algebra<Node, Node, Node>;

const kindNames = new Map(Object.entries(flagsKindNumbers).map(([name, number]) => [number, name as FlagsKind]));

export interface KnownOperation extends Operation<Node> {
  /** undefined: the flags are settled */
  readonly kind: FlagsKind | undefined;
}

/** The operation, where translation knows which it is. */
export function knownOperation({ kind, left, right, result }: FlagState): KnownOperation | undefined {
  const number = constantOf(kind);
  if (number === undefined) return undefined;
  return { kind: kindNames.get(Number(number & 0xffn)), width: Number(number >> 8n) as Width, left, right, result };
}

/** The function of core.ts that settles an operation that is not known: its arguments are those of a FlagState. */
export const SETTLE = 'settle';

/** All six at their places in rflags, of the operation alone. */
function settledOperation(nodes: Nodes, state: FlagState): Node {
  const { kind, left, right, result, settled } = state;
  return nodes.make(
    'call',
    'i32',
    [kind, nodes.wide(left), nodes.wide(right), nodes.wide(result), settled],
    SETTLE,
    12,
  );
}

export function flagNode(a: Reading, nodes: Nodes, state: FlagState, name: FlagName): Node {
  const own = state.own[name];
  if (own !== undefined) return own;
  const known = knownOperation(state);
  if (known === undefined) return a.bit(settledOperation(nodes, state), flagBits[name]);
  if (known.kind === undefined) return a.bit(state.settled, flagBits[name]);
  return flagsRows[known.kind][name](a, known);
}

/** All six at their places in rflags. */
export function settledFlags(nodes: Nodes, state: FlagState): Node {
  const names = Object.keys(state.own) as FlagName[];
  const known = knownOperation(state);
  if (names.length === 0 && known !== undefined && known.kind === undefined) return state.settled;
  const whole = names.length < flagNames.length;
  const mask = names.reduce((bits, name) => bits | (1 << flagBits[name]), 0);
  let value = whole ? nodes.binary('i32.and', settledOperation(nodes, state), nodes.i32(~mask)) : nodes.i32(0);
  for (const name of names) {
    value = nodes.binary('i32.or', value, nodes.binary('i32.shl', state.own[name]!, nodes.i32(flagBits[name])));
  }
  return value;
}

/** The flags where `condition` holds, or else; a conditional instruction's. */
export function selectedFlags(a: Reading, nodes: Nodes, condition: Node, yes: FlagState, no: FlagState): FlagState {
  if (yes === no) return yes;
  const pick = (left: Node, right: Node): Node => nodes.select(condition, nodes.wide(left), nodes.wide(right));
  const alone = (state: FlagState): boolean => Object.keys(state.own).length === 0;
  if (alone(yes) && alone(no)) {
    return {
      kind: nodes.select(condition, yes.kind, no.kind),
      left: pick(yes.left, no.left),
      right: pick(yes.right, no.right),
      result: pick(yes.result, no.result),
      settled: nodes.select(condition, yes.settled, no.settled),
      own: {},
    };
  }
  const own: Partial<Record<FlagName, Node>> = {};
  const names = sameOperation(yes, no) ? flagNames.filter((name) => yes.own[name] !== no.own[name]) : flagNames;
  for (const name of names) {
    own[name] = nodes.select(condition, flagNode(a, nodes, yes, name), flagNode(a, nodes, no, name));
  }
  return { ...no, own: { ...no.own, ...own } };
}

const sameOperation = (one: FlagState, other: FlagState): boolean =>
  one.kind === other.kind && one.left === other.left && one.right === other.right && one.result === other.result;

/** Condition codes 2n that are one comparison after a known operation; undefined: by the rows. */
export function fusedCondition(a: Reading, nodes: Nodes, state: FlagState, half: number): Node | undefined {
  const known = knownOperation(state);
  if (known?.kind === undefined || Object.keys(state.own).length > 0) return undefined;
  const { kind, left, right, result, width } = known;
  if (kind === 'sub' && result === a.sub(left, right, width)) return afterSubtraction(a, half, left, right, width);
  if (kind === 'logic') {
    const zero = nodes.i32(0);
    if (half === 3) return a.isZero(result);
    if (half === 7) return orEqual(a, result, zero, width);
  }
  if (kind === 'add' && half === 1 && result === a.add(left, right, width)) return a.lessUnsigned(result, left);
  return undefined;
}

const orEqual = (a: Reading, left: Node, right: Node, width: Width): Node => a.negate(a.lessSigned(right, left, width));

function afterSubtraction(a: Reading, half: number, left: Node, right: Node, width: Width): Node | undefined {
  switch (half) {
    case 1:
      return a.lessUnsigned(left, right);
    case 2:
      return a.equal(left, right);
    case 3:
      return a.negate(a.lessUnsigned(right, left));
    case 6:
      return a.lessSigned(left, right, width);
    case 7:
      return orEqual(a, left, right, width);
    default:
      return undefined;
  }
}

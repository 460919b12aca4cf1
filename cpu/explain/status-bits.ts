/** Bits of rflags and of FSW in expressions of the whole registers. */
import { statusFlagBits, type Condition, type Node, type StatusFlag } from './node.ts';

/** What `value` has at a bit of rflags: what is there already, a constant, or something else. */
export function rflagsBit(value: Node, position: number): 'same' | 0 | 1 | 'other' {
  const [left, right] = value.args as [Node, Node];
  switch (value.op) {
    case 'readRflags':
      return 'same';
    case 'constant':
      return ((value.args[0] as bigint) >> BigInt(position)) & 1n ? 1 : 0;
    case 'and': {
      const [one, two] = [rflagsBit(left, position), rflagsBit(right, position)];
      return one === 0 || two === 0 ? 0 : one === 1 ? two : two === 1 ? one : one === two ? one : 'other';
    }
    case 'or': {
      const [one, two] = [rflagsBit(left, position), rflagsBit(right, position)];
      return one === 1 || two === 1 ? 1 : one === 0 ? two : two === 0 ? one : one === two ? one : 'other';
    }
    default:
      return position >= value.bits ? 0 : 'other';
  }
}

const STATUS = Object.entries(statusFlagBits) as [StatusFlag, number][];

/** The condition bits that `value` puts in `before`, where it is a disjunction of such bits; else undefined. */
export function statusConditions(value: Node, before: Node, never: Condition): Map<StatusFlag, Condition> | undefined {
  const found = new Map<StatusFlag, Condition>();
  const flagOf = (bit: Node): StatusFlag | undefined =>
    bit.op === 'constant' ? STATUS.find(([, at]) => bit.args[0] === 1n << BigInt(at))?.[0] : undefined;
  let cleared = false;
  const visit = (node: Node): boolean => {
    const [first, second, third] = node.args as [Node, Node, Node];
    if (node.op === 'or') return visit(first) && visit(second);
    if (node.op === 'and' && first === before)
      return (cleared = second.op === 'constant' && second.args[0] === 0xb8ffn);
    if (node.op !== 'select' || third.op !== 'constant' || third.args[0] !== 0n) return false;
    const name = flagOf(second);
    if (name === undefined) return false;
    found.set(name, first as Condition);
    return true;
  };
  if (!visit(value) || !cleared) return undefined;
  return new Map(STATUS.map(([name]) => [name, found.get(name) ?? never]));
}

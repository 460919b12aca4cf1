/** Computes what an explanation says, with the operations of the evaluating reading: the test of its simplifications. */
import { evaluate } from '../../cpu/evaluate.ts';
import { raise } from '../../cpu/fault.ts';
import type { FlagName } from '../../cpu/algebra.ts';
import type { Width } from '../../cpu/instruction.ts';
import {
  isNode,
  namedFlagBits,
  statusFlagBits,
  type Location,
  type Node,
  type Statement,
} from '../../cpu/explain/node.ts';
import { flagBits } from '../../cpu/flags.ts';
import { refreshMode } from '../../cpu/paging.ts';
import { settleFlags, Slot } from '../../cpu/state.ts';
import type { ExplainedMachine } from './explained-machine.ts';

type Value = bigint | boolean;
type Rule = (args: readonly never[], machine: ExplainedMachine) => Value;

const mask = (bits: number): bigint => (1n << BigInt(bits)) - 1n;
const rotated = (value: bigint, count: bigint, width: number): bigint => {
  const by = count % BigInt(width);
  return ((value << by) | (value >> (BigInt(width) - by))) & mask(width);
};

/** The first slot of a half of a ymm register. */
const halfSlot = (index: number, half: number): number => Slot.xmm + index * 4 + half * 2;
const vectorAt = (slots: BigUint64Array, at: number): bigint => slots[at]! | (slots[at + 1]! << 64n);

/** Nodes that are no operation of the algebra. */
const rules: Readonly<Record<string, Rule>> = {
  register: (([index, low, width]: readonly [number, number, number], { cpu }: ExplainedMachine) =>
    (cpu.slots[index]! >> BigInt(low)) & mask(width)) as never,
  xmm: (([index]: readonly [number], { cpu }: ExplainedMachine) =>
    vectorAt(cpu.slots, halfSlot(index & 15, index >> 4))) as never,
  loadVector: (([address]: readonly [bigint], { cpu }: ExplainedMachine) => {
    const a = evaluate(cpu);
    return a.load(address, 64) | (a.load(BigInt.asUintN(64, address + 8n), 64) << 64n);
  }) as never,
  mmx: (([index]: readonly [number], { cpu }: ExplainedMachine) => cpu.slots[Slot.x87 + index * 2]!) as never,
  user: ((_: unknown, { cpu }: ExplainedMachine) => cpu.words[Slot.cpl * 2] !== 0) as never,
  always: () => true,
  never: () => false,
  rotateLeft: (([value, count, width]: readonly [bigint, bigint, number]) => rotated(value, count, width)) as never,
  rotateRight: (([value, count, width]: readonly [bigint, bigint, number]) =>
    rotated(value, BigInt(width) - (count % BigInt(width)), width)) as never,
  product: (([left, right, width, signed]: readonly [bigint, bigint, number, boolean]) => {
    const of = (value: bigint): bigint => (signed ? BigInt.asIntN(width, value) : value);
    return (of(left) * of(right)) & mask(2 * width);
  }) as never,
  fits: (([left, right, width, signed]: readonly [bigint, bigint, number, boolean]) => {
    const of = (value: bigint): bigint => (signed ? BigInt.asIntN(width, value) : value);
    const product = of(left) * of(right);
    return product === (signed ? BigInt.asIntN(width, product) : BigInt.asUintN(width, product));
  }) as never,
  concat: (([high, low, width]: readonly [bigint, bigint, number]) => (high << BigInt(width)) | low) as never,
  reduce: (([value, period, steps]: readonly [bigint, bigint, number]) => {
    let rest = value;
    for (let n = 0; n < steps; n++) if (rest >= period) rest -= period;
    return rest;
  }) as never,
  insert: (([whole, low, width, part]: readonly [bigint, number, number, bigint]) =>
    (whole & ~(mask(width) << BigInt(low))) | (part << BigInt(low))) as never,
  bitAt: (([value, index]: readonly [bigint, bigint]) => ((value >> index) & 1n) === 1n) as never,
  choose: (([condition, yes, no]: readonly [boolean, boolean, boolean]) => (condition ? yes : no)) as never,
  selectVector: (([condition, yes, no]: readonly [boolean, bigint, bigint]) => (condition ? yes : no)) as never,
  pack: (([lane, ...parts]: readonly [number, ...bigint[]]) =>
    parts.reduce((whole, part, n) => whole | (part << BigInt(lane * n)), 0n)) as never,
  ones: () => mask(128),
};

/** The value of a node in the machine's state as it is. */
export function createEvaluator(machine: ExplainedMachine): (node: Node) => Value {
  const known = new Map<Node, Value>();
  const algebra = evaluate(machine.cpu) as unknown as Record<string, (...args: unknown[]) => unknown>;
  const valueOf = (node: Node): Value => {
    const existing = known.get(node);
    if (existing !== undefined) return existing;
    const args = node.args.map((argument) => (isNode(argument) ? valueOf(argument) : argument));
    const rule = rules[node.op];
    const result = rule === undefined ? algebra[node.op]!(...args) : rule(args as never, machine);
    const value = (node.field === '' ? result : (result as Record<string, unknown>)[node.field]) as Value;
    if (typeof value === 'bigint' && value >> BigInt(node.bits) !== 0n) {
      throw new Error(`${node.op}: got ${value.toString(16)}, expected ${node.bits} bits`);
    }
    known.set(node, value);
    return value;
  };
  return valueOf;
}

type Change = () => void;

function changeOf(to: Location, value: Value, address: (node: Node) => bigint, { cpu }: ExplainedMachine): Change {
  const a = evaluate(cpu);
  const { slots } = cpu;
  switch (to.kind) {
    case 'register': {
      const { index, low, width } = to;
      return () => {
        slots[index] = (slots[index]! & ~(mask(width) << BigInt(low))) | ((value as bigint) << BigInt(low));
      };
    }
    case 'xmm': {
      const { index, low, width } = to;
      const at = halfSlot(index, low >> 7);
      const shift = BigInt(low & 127);
      return () => {
        const before = vectorAt(slots, at);
        const after = (before & ~(mask(width) << shift)) | ((value as bigint) << shift);
        slots[at] = after & mask(64);
        slots[at + 1] = after >> 64n;
      };
    }
    case 'mmx': {
      const low = BigInt.asUintN(64, value as bigint);
      return () => {
        slots[Slot.x87 + to.index * 2] = low;
        slots[Slot.x87 + to.index * 2 + 1] = 0xffffn;
      };
    }
    case 'memory': {
      const linear = address(to.address);
      return () => {
        for (let n = 0; n < to.width; n += 8) {
          a.store(BigInt.asUintN(64, linear + BigInt(n / 8)), 8, ((value as bigint) >> BigInt(n)) & 0xffn);
        }
      };
    }
    case 'flag': {
      const { name } = to;
      if (name in flagBits) return () => a.setFlag(name as FlagName, value as boolean);
      if (name in statusFlagBits) {
        const status = 1n << BigInt(statusFlagBits[name as 'C0']);
        return () => {
          const rest = slots[Slot.fsw]! & ~status;
          slots[Slot.fsw] = value === true ? rest | status : rest;
        };
      }
      const bit = 1n << BigInt(namedFlagBits[name as 'DF']);
      return () => a.writeRflags(value === true ? a.readRflags() | bit : a.readRflags() & ~bit);
    }
    case 'rflags':
      return () => a.writeRflags(value as bigint);
    case 'rip':
      return () => a.jump(value as bigint);
    case 'system':
      if (to.name === 'cpl') {
        return () => {
          slots[Slot.cpl] = value as bigint;
          refreshMode(cpu);
        };
      }
      return () => a.writeSystem(to.name as 'mxcsr', value as bigint);
    case 'segment':
      return () => {
        slots[Slot.selectors + to.index] = value as bigint;
      };
    default:
      throw new Error(`a write to ${to.kind}`);
  }
}

/** What statements say: every value and address of the state before, then the writes in their order. */
export function compute(statements: readonly Statement[], machine: ExplainedMachine): void {
  const valueOf = createEvaluator(machine);
  const address = (node: Node): bigint => valueOf(node) as bigint;
  const changes: Change[] = [];
  const commit = (): void => {
    for (const change of changes.splice(0)) change();
  };
  const visit = (statement: Statement): void => {
    switch (statement.kind) {
      case 'write':
        changes.push(changeOf(statement.to, valueOf(statement.value), address, machine));
        return;
      case 'flags':
        for (const [name, node] of statement.values) {
          changes.push(changeOf({ kind: 'flag', name }, valueOf(node), address, machine));
        }
        return;
      case 'if':
        (valueOf(statement.condition) === true ? statement.yes : statement.no).forEach(visit);
        return;
      case 'while':
        commit();
        loop(statement, machine);
        return;
      case 'raise':
        return raise(statement.vector, statement.errorCode);
      default: {
        if (statement.name === 'endMmx') {
          const inUse = statement.args[0] === true;
          changes.push(() => evaluate(machine.cpu).endMmx(inUse));
          return;
        }
        if (statement.name !== 'settleFloatExceptions') throw new Error(`no way to compute ${statement.name}`);
        statement.args.filter(isNode).forEach(valueOf);
        changes.push(() => evaluate(machine.cpu).settleFloatExceptions());
      }
    }
  };
  statements.forEach(visit);
  commit();
  settleFlags(machine.cpu);
}

function loop(statement: Extract<Statement, { kind: 'while' }>, machine: ExplainedMachine): void {
  const { index, width } = statement.counter;
  while (evaluate(machine.cpu).readRegister(index, width as Width) !== 0n) {
    // `until` is in words of the state before the iteration
    const stops = statement.until === undefined ? false : createEvaluator(machine)(statement.until) === true;
    compute(statement.body, machine);
    if (stops) return;
  }
}

/** Whether `compute` knows all that the statements need. */
export function isComputable(statements: readonly Statement[]): boolean {
  return statements.every((statement) => {
    if (statement.kind === 'if') return isComputable(statement.yes) && isComputable(statement.no);
    if (statement.kind === 'while') return isComputable(statement.body);
    if (statement.kind === 'action') return ['settleFloatExceptions', 'endMmx'].includes(statement.name);
    return statement.kind !== 'write' || !['x87', 'msr', 'debug'].includes(statement.to.kind);
  });
}

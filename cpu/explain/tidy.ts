/**
 * Statements in the order and form of a sentence: nothing that a later statement of the block undoes, a conditional
 * value as a conditional write, the halves of a product together; and each before what overwrites what it reads.
 */
import type { Integers } from './integers.ts';
import {
  locationOf,
  overlaps,
  partsOf,
  RIP,
  type Expression,
  type Location,
  type Node,
  type Statement,
} from './node.ts';
import { isItself } from './view.ts';

/** Two registers that take one value: the upper half in `high`. */
export interface PairStatement {
  readonly kind: 'pair';
  readonly high: Location;
  readonly low: Location;
  readonly value: Node;
  readonly width: number;
}
export type Display =
  | Exclude<Statement, { kind: 'if' | 'while' }>
  | PairStatement
  | (Omit<Extract<Statement, { kind: 'if' }>, 'yes' | 'no'> & {
      readonly yes: readonly Display[];
      readonly no: readonly Display[];
    })
  | (Omit<Extract<Statement, { kind: 'while' }>, 'body'> & { readonly body: readonly Display[] });

type Write = Extract<Statement, { kind: 'write' }>;
const isWrite = (statement: Display | Statement): statement is Write => statement.kind === 'write';

/** Statements without what a later write of the same block replaces. */
function withoutDead(block: readonly Statement[]): Statement[] {
  return block.flatMap((statement, n): Statement[] => {
    const later = block.slice(n + 1).filter(isWrite);
    if (isWrite(statement)) {
      const { to } = statement;
      const dead = later.some((other) => replaces(other.to, to));
      return dead ? [] : [statement];
    }
    if (statement.kind !== 'flags') return [statement];
    const kept = [...statement.values].filter(
      ([name]) => !later.some(({ to }) => to.kind === 'flag' && to.name === name),
    );
    return kept.length === 0 ? [] : [{ ...statement, values: new Map(kept) }];
  });
}
function replaces(later: Location, earlier: Location): boolean {
  if (later.kind === 'flag' && earlier.kind === 'flag') return later.name === earlier.name;
  if (later.kind === 'system' && earlier.kind === 'system') return later.name === earlier.name;
  if (later.kind !== 'register' || earlier.kind !== 'register' || later.index !== earlier.index) return false;
  return later.low <= earlier.low && later.low + later.width >= earlier.low + earlier.width;
}

/** `place <- value if condition else place` as a conditional write. */
function conditionalWrite(statement: Display, build: Integers): Display {
  if (!isWrite(statement) || statement.value.op !== 'select') return statement;
  const [condition, yes, no] = partsOf(statement.value) as [Node<'condition'>, Expression, Expression];
  const { to } = statement;
  const as = (holds: Node<'condition'>, value: Expression): Display => ({
    kind: 'if',
    condition: holds,
    yes: [{ ...statement, value }],
    no: [],
    after: [{ at: to, value: statement.value }],
  });
  // under its condition, a load is one like others
  const loads = yes.op === 'loadWhere' && yes.args[0] === condition;
  if (isItself(no, to)) return as(condition, loads ? build.value('load', yes.args.slice(1), yes.bits) : yes);
  return isItself(yes, to) ? as(build.negate(condition), no) : statement;
}

/** The value of which `low` and `high` are the halves. */
function wholeOf(low: Node, high: Node, width: number, build: Integers): Node | undefined {
  if (low.op === 'multiply' && high.op === 'multiplyHigh' && high.args[2] === width) {
    const same = low.args.every((argument, n) => argument === high.args[n]);
    return same ? build.value('product', high.args, 2 * width) : undefined;
  }
  const [value, count] = high.args as [Node, Node];
  const isUpper = high.op === 'shr' && count.op === 'constant' && count.args[0] === BigInt(width);
  return isUpper && low.op === 'truncate' && low.args[0] === value && low.args[1] === width ? value : undefined;
}
function withPairs(block: readonly Display[], build: Integers): Display[] {
  const rest = [...block];
  for (const low of block) {
    if (!isWrite(low) || low.to.kind !== 'register') continue;
    for (const high of block) {
      if (!isWrite(high) || high.to.kind !== 'register' || high === low) continue;
      const value = wholeOf(low.value, high.value, low.width, build);
      if (value === undefined) continue;
      rest.splice(rest.indexOf(low), 1, { kind: 'pair', high: high.to, low: low.to, value, width: low.width });
      rest.splice(rest.indexOf(high), 1);
      return rest;
    }
  }
  return rest;
}

function writesOf(statement: Display): readonly Location[] {
  switch (statement.kind) {
    case 'write':
      return [statement.to];
    case 'pair':
      return [statement.high, statement.low];
    case 'flags':
      return [...statement.values.keys()].map((name): Location => ({ kind: 'flag', name }));
    case 'if':
      return statement.after.map(({ at }) => at);
    case 'action':
      return statement.writes;
    default:
      return [];
  }
}

/** Nodes that the text of a statement shows. */
function rootsOf(statement: Display): readonly Node[] {
  switch (statement.kind) {
    case 'write':
      return [
        statement.value,
        ...(statement.to.kind === 'memory'
          ? [statement.to.address]
          : statement.to.kind === 'msr'
            ? [statement.to.index]
            : []),
      ];
    case 'pair':
      return [statement.value];
    case 'flags':
      return [statement.result];
    case 'if':
      return [statement.condition, ...statement.yes.flatMap(rootsOf), ...statement.no.flatMap(rootsOf)];
    case 'while':
      return [...statement.body.flatMap(rootsOf), ...(statement.until === undefined ? [] : [statement.until])];
    case 'action':
      return statement.args.filter((argument) => typeof argument === 'object' && 'op' in argument) as Node[];
    default:
      return [];
  }
}
export const shownNodes = (block: readonly Display[]): Node[] => block.flatMap(rootsOf);

/** Values that the statements of a block give to places. */
export function writtenValues(block: readonly Display[]): Set<Node> {
  return new Set(
    block
      .flatMap((statement): (Node | undefined)[] => {
        if (statement.kind === 'write' || statement.kind === 'pair') return [statement.value];
        if (statement.kind === 'flags') return [...statement.values.values()];
        if (statement.kind === 'while') return [...writtenValues(statement.body)];
        if (statement.kind !== 'if') return [];
        return [
          ...writtenValues(statement.yes),
          ...writtenValues(statement.no),
          ...statement.after.map(({ value }) => value),
        ];
      })
      .filter((node) => node !== undefined),
  );
}

/** The places that a statement's text names, and the values it can name by a place that `known` says. */
function readsOf(
  statement: Display,
  known: ReadonlyMap<Node, number>,
  names: ReadonlyMap<Node, string>,
): { readonly places: Location[]; readonly providers: Set<number> } {
  const seen = new Set<Node>();
  const places: Location[] = [];
  const providers = new Set<number>();
  const visit = (node: Node): void => {
    // a name is of the state before; of a product that fits or not, the operands are not shown
    if (seen.has(node) || names.has(node) || node.op === 'fits') return;
    seen.add(node);
    const location = locationOf(node);
    if (location !== undefined) places.push(location);
    else if (known.has(node)) {
      providers.add(known.get(node)!);
      return;
    }
    for (const part of partsOf(node)) visit(part);
  };
  rootsOf(statement).forEach(visit);
  return { places, providers };
}

const raises = (statement: Display): boolean =>
  statement.kind === 'raise' || (statement.kind === 'if' && [...statement.yes, ...statement.no].some(raises));
const isFixed = (statement: Display): boolean =>
  raises(statement) || statement.kind === 'action' || statement.kind === 'while';
const jumps = (statement: Display): boolean => writesOf(statement).some((at) => overlaps(at, RIP));

/** Topological: what shows a value after what writes it, jumps last, and otherwise as they come where they can. */
function ordered(block: readonly Display[], names: ReadonlyMap<Node, string>): Display[] {
  const known = new Map<Node, number>();
  /** all that a statement needs to come before it */
  const needed = new Map<number, ReadonlySet<number>>();
  const before = block.map(() => new Set<number>());
  block.forEach((statement, n) => {
    const { places, providers } = readsOf(statement, known, names);
    const provided = new Set([...providers].flatMap((provider) => [provider, ...needed.get(provider)!]));
    needed.set(n, provided);
    for (const provider of providers) before[n]!.add(provider);
    block.forEach((other, m) => {
      if (m === n || provided.has(m)) return;
      const fixed = isFixed(statement) || isFixed(other);
      if (fixed ? n < m : places.some(overwrittenBy(other))) before[m]!.add(n);
    });
    for (const value of writtenValues([statement])) if (!known.has(value)) known.set(value, n);
  });
  const waiting = new Set(block.keys());
  const result: Display[] = [];
  while (waiting.size > 0) {
    const free = [...waiting].filter((n) => [...before[n]!].every((m) => !waiting.has(m)));
    const candidates = free.length > 0 ? free : [...waiting];
    const next = candidates.find((n) => !jumps(block[n]!)) ?? candidates[0]!;
    waiting.delete(next);
    result.push(block[next]!);
  }
  return result;
}
const overwrittenBy = (statement: Display) => {
  const writes = writesOf(statement);
  return (at: Location): boolean => writes.some((written) => overlaps(written, at));
};

/** Neighbours under one condition, or under opposite ones, become one. */
function joined(block: readonly Display[], build: Integers): Display[] {
  const result: Display[] = [];
  for (const statement of block) {
    const last = result.at(-1);
    if (last?.kind === 'if' && statement.kind === 'if' && !raises(last) && !raises(statement)) {
      const after = [...last.after, ...statement.after];
      if (last.condition === statement.condition) {
        result[result.length - 1] = {
          ...last,
          yes: [...last.yes, ...statement.yes],
          no: [...last.no, ...statement.no],
          after,
        };
        continue;
      }
      if (build.negate(last.condition) === statement.condition) {
        result[result.length - 1] = {
          ...last,
          yes: [...last.yes, ...statement.no],
          no: [...last.no, ...statement.yes],
          after,
        };
        continue;
      }
    }
    result.push(statement);
  }
  return result;
}

type Action = Extract<Statement, { kind: 'action' }>;
const isTurn = (statement: Display | undefined, step: 1 | -1): statement is Action =>
  statement?.kind === 'action' && statement.name === 'rotateX87' && statement.args[0] === step;
const isX87Write = (statement: Display | undefined, index: number): statement is Write =>
  statement?.kind === 'write' && statement.to.kind === 'x87' && statement.to.index === index;

/** Pushes and pops of the x87's stack, which do nothing else. */
function withStackWords(block: readonly Display[]): Display[] {
  const result: Display[] = [];
  for (let n = 0; n < block.length; n++) {
    const [first, second] = [block[n]!, block[n + 1]];
    if (isTurn(first, -1) && isX87Write(second, 7)) {
      const writes = [...first.writes, second.to];
      result.push({ kind: 'action', name: 'pushX87', args: [second.value], writes });
      n++;
    } else if (first.kind === 'action' && first.name === 'freeX87' && isTurn(second, 1)) {
      const last = result.at(-1);
      const again = last?.kind === 'action' && last.name === 'popX87' && result.pop() !== undefined;
      result.push({
        kind: 'action',
        name: 'popX87',
        args: [again ? 2 : 1],
        writes: [...first.writes, ...second.writes],
      });
      n++;
    } else result.push(first);
  }
  return result;
}

/** Where the x87 notes its last instruction and operand: bookkeeping, unless it is loaded. */
const isBookkeeping = (statement: Display): boolean =>
  isWrite(statement) &&
  statement.to.kind === 'system' &&
  (statement.to.name === 'fop'
    ? statement.value.op === 'constant'
    : /^f([id]p|[cd]s)$/.test(statement.to.name) && !/^(load|truncate|constant)$/.test(statement.value.op));

/** That an MMX instruction has taken the x87's registers: of every such instruction. */
const isTaken = (statement: Display): boolean =>
  statement.kind === 'action' && statement.name === 'endMmx' && statement.args[0] === true;

/** What has been collected of floating-point exceptions goes to a status register: of every such instruction. */
const isSilent = (statement: Display): boolean =>
  isBookkeeping(statement) ||
  isTaken(statement) ||
  (statement.kind === 'action' && statement.name.startsWith('settle'));

/** Without the condition that the x87 found no unmasked exception. */
const proceeding = (statement: Display): readonly Display[] =>
  statement.kind === 'if' && statement.condition.op === 'settled' ? statement.yes : [statement];

/** A number of ten bytes in one store. */
function withWideStores(block: readonly Display[]): Display[] {
  const result: Display[] = [];
  for (const statement of block) {
    const last = result.at(-1);
    if (
      last !== undefined &&
      isWrite(last) &&
      isWrite(statement) &&
      last.to.kind === 'memory' &&
      statement.to.kind === 'memory'
    ) {
      const [low, high] = [last.value, statement.value];
      const halves =
        low.op === 'lane' &&
        high.op === 'lane' &&
        low.args[0] === high.args[0] &&
        low.args[1] === 64 &&
        high.args[1] === 16;
      if (halves && low.args[2] === 0 && high.args[2] === 4) {
        result[result.length - 1] = { ...last, to: { ...last.to, width: 80 }, value: low.args[0] as Node };
        continue;
      }
    }
    result.push(statement);
  }
  return result;
}

/** The statements of a block in the form of a sentence. */
export function tidy(block: readonly Statement[], build: Integers): Display[] {
  const displays = withoutDead(block).map((statement): Display => {
    if (statement.kind === 'if')
      return { ...statement, yes: tidy(statement.yes, build), no: tidy(statement.no, build) };
    if (statement.kind === 'while') return { ...statement, body: tidy(statement.body, build) };
    return conditionalWrite(statement, build);
  });
  const plain = displays.flatMap(proceeding).filter((statement) => !isSilent(statement));
  return withPairs(withStackWords(withWideStores(plain)), build);
}

/** In the order of a sentence that calls nodes by `names`. */
export function arrange(block: readonly Display[], names: ReadonlyMap<Node, string>, build: Integers): Display[] {
  const inner = block.map((statement): Display => {
    const arranged = (part: readonly Display[]): Display[] => arrange(part, names, build);
    if (statement.kind === 'if') return { ...statement, yes: arranged(statement.yes), no: arranged(statement.no) };
    return statement.kind === 'while' ? { ...statement, body: arranged(statement.body) } : statement;
  });
  return joined(ordered(inner, names), build);
}

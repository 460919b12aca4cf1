/** What an explanation reads and writes, as lists. */
import { placeName, vectorName } from './names.ts';
import {
  locationOf,
  namedFlagBits,
  overlaps,
  partsOf,
  RIP,
  statusFlagBits,
  type Location,
  type NamedFlag,
  type Node,
  type Statement,
} from './node.ts';
import { usesFcw } from './extended.ts';
import type { Access, Reading } from './reading.ts';
import { usesMxcsr } from './vectors.ts';

/** A place that an instruction reads or writes; flags are listed apart. */
export interface Effect {
  readonly at: Exclude<Location, { kind: 'flag' | 'rflags' }>;
  /** as a sentence has it */
  readonly name: string;
  readonly bits: number;
  /** under a condition, or in a loop that may not be entered */
  readonly sometimes: boolean;
}

const bitsOf = (at: Location): number =>
  'width' in at ? at.width : at.kind === 'x87' ? 80 : at.kind === 'segment' ? 16 : 64;

/** Nodes below the statements, those of flags that are written included. */
function rootsOf(statement: Statement): Node[] {
  switch (statement.kind) {
    case 'write':
      return [statement.value, ...(statement.to.kind === 'msr' ? [statement.to.index] : [])];
    case 'flags':
      return [...statement.values.values()];
    case 'if':
      return [statement.condition, ...statement.yes.flatMap(rootsOf), ...statement.no.flatMap(rootsOf)];
    case 'while':
      return [...statement.body.flatMap(rootsOf), ...(statement.until === undefined ? [] : [statement.until])];
    case 'action':
      return statement.args.filter((argument): argument is Node => typeof argument === 'object' && 'op' in argument);
    default:
      return [];
  }
}

interface Written {
  readonly at: Location;
  readonly sometimes: boolean;
  /** a value was written, and not what an action changes of it */
  readonly whole: boolean;
}
function writesOf(statement: Statement, sometimes = false): Written[] {
  switch (statement.kind) {
    case 'write':
      return [{ at: statement.to, sometimes, whole: true }];
    case 'flags':
      return [...statement.values.keys()].map((name) => ({ at: { kind: 'flag', name }, sometimes, whole: true }));
    case 'if':
      return [...statement.yes, ...statement.no].flatMap((inner) => writesOf(inner, true));
    case 'while':
      return statement.body.flatMap((inner) => writesOf(inner, true));
    case 'action':
      return statement.writes.map((at) => ({ at, sometimes, whole: false }));
    default:
      return [];
  }
}

/** Which bits of rflags a node takes, if it is a part of it. */
function rflagsMask(node: Node): bigint | undefined {
  if (node.op === 'readRflags') return (1n << 64n) - 1n;
  const [part, by] = node.args as [Node, Node | number];
  if (node.op === 'truncate') {
    const mask = rflagsMask(part);
    return mask === undefined ? undefined : BigInt.asUintN(by as number, mask);
  }
  if (node.op !== 'and' || (by as Node).op !== 'constant') return undefined;
  const mask = rflagsMask(part);
  return mask === undefined ? undefined : mask & ((by as Node).args[0] as bigint);
}
function maskedFlags(mask: bigint): NamedFlag[] {
  const names = Object.keys(namedFlagBits) as (keyof typeof namedFlagBits)[];
  return names.filter((name) => ((mask >> BigInt(namedFlagBits[name])) & 1n) === 1n);
}

const inOrder = (flags: ReadonlySet<NamedFlag>): NamedFlag[] =>
  ([...Object.keys(namedFlagBits), ...Object.keys(statusFlagBits)] as NamedFlag[]).filter((name) => flags.has(name));

const STATUS = Object.keys(statusFlagBits) as NamedFlag[];

export interface Effects {
  readonly reads: Effect[];
  readonly writes: Effect[];
  readonly flagsRead: NamedFlag[];
  readonly flagsWritten: NamedFlag[];
}

/** `address` gives the text of an address. */
export function effectsOf(reading: Reading, address: (node: Node) => string): Effects {
  const flagsRead = new Set<NamedFlag>();
  const reads: Effect[] = [];
  const seen = new Set<Node>();
  const add = (list: Effect[], at: Location, sometimes: boolean): void => {
    if (at.kind === 'flag' || at.kind === 'rflags') return;
    const name =
      at.kind === 'memory'
        ? `mem${at.width}[${address(at.address)}]`
        : at.kind === 'msr'
          ? `msr[${address(at.index)}]`
          : placeName(at);
    const known = list.findIndex((effect) => effect.name === name);
    if (known < 0) list.push({ at, name, bits: bitsOf(at), sometimes });
    else if (list[known]!.sometimes && !sometimes) list[known] = { ...list[known]!, sometimes };
  };
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    const mask = rflagsMask(node);
    if (mask !== undefined) {
      for (const name of maskedFlags(mask)) flagsRead.add(name);
      return;
    }
    if (node.op === 'readSystem' && node.args[0] === 'fsw') STATUS.forEach((name) => flagsRead.add(name));
    if (usesFcw(node)) add(reads, { kind: 'system', name: 'fcw' }, false);
    if (node.op === 'isEmptyX87') add(reads, { kind: 'system', name: 'ftw' }, false);
    if (node.op === 'readX87' || node.op === 'isEmptyX87' || node.op === 'settled') {
      add(reads, { kind: 'system', name: 'fsw' }, false);
    }
    if (usesMxcsr(node)) add(reads, { kind: 'system', name: 'mxcsr' }, false);
    const at = locationOf(node);
    if (at?.kind === 'flag') flagsRead.add(at.name);
    // the address of the next instruction is the instruction's own
    else if (at !== undefined && at.kind !== 'memory' && !overlaps(at, RIP)) add(reads, at, false);
    for (const part of partsOf(node)) visit(part);
  };
  const { statements, accesses } = reading;
  statements.flatMap(rootsOf).forEach(visit);
  accesses.forEach((access) => visit(access.address));
  for (const statement of statements) if (statement.kind === 'while') add(reads, statement.counter, false);
  const memory = (kind: Access['kind'], list: Effect[]): void => {
    for (const { address: at, width, sometimes } of accesses.filter((access) => access.kind === kind)) {
      add(list, { kind: 'memory', address: at, width }, sometimes);
    }
  };
  memory('read', reads);
  const writes: Effect[] = [];
  const flagsWritten = new Set<NamedFlag>();
  for (const { at, sometimes, whole } of statements.flatMap((statement) => writesOf(statement))) {
    if (at.kind === 'x87') add(writes, { kind: 'system', name: 'ftw' }, sometimes);
    if (at.kind === 'flag') flagsWritten.add(at.name);
    else if (at.kind === 'rflags') for (const name of Object.keys(namedFlagBits)) flagsWritten.add(name as NamedFlag);
    else if (at.kind !== 'memory') add(writes, at, sometimes);
    if (whole && at.kind === 'system' && at.name === 'fsw') STATUS.forEach((name) => flagsWritten.add(name));
  }
  memory('write', writes);
  return { reads, writes, flagsRead: inOrder(flagsRead), flagsWritten: inOrder(flagsWritten) };
}

/** Exceptions that the definition can raise, by name. */
export function faultsOf(reading: Reading): string[] {
  const vectors = new Set(reading.faults);
  const visit = (statement: Statement): void => {
    if (statement.kind === 'raise') vectors.add(statement.vector);
    if (statement.kind === 'if') [...statement.yes, ...statement.no].forEach(visit);
    if (statement.kind === 'while') statement.body.forEach(visit);
  };
  reading.statements.forEach(visit);
  return [...vectors].sort((left, right) => left - right).map(vectorName);
}

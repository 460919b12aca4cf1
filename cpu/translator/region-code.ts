/** Blocks of a region and how control goes among them: what discovery has found, read into statements. */
import type { Body, End, FlagState, Legacy, Registers } from './block.ts';
import { placeKey, type Context, type Located, type Range } from './discover.ts';
import { createNode, type Node } from './node.ts';
import { Reading } from './reading.ts';
import { none } from './register-set.ts';
import { Unemitted } from './unemitted.ts';
import { Local } from './locals.ts';

/** To another block of the region, or out of it. */
export type Edge = { readonly kind: 'block'; readonly to: number } | { readonly kind: 'exit'; readonly rip: bigint };

export interface RegionBlock {
  readonly rip: bigint;
  readonly body: Body;
  /** of a jump or a step one, of a branch the taken one first, of a computed jump one for each of `targets` */
  readonly edges: readonly Edge[];
  /** addresses that a computed jump is known to go to */
  readonly targets: readonly bigint[];
}

export interface CodeOptions {
  /** byte of the CPU's block in the WebAssembly memory */
  readonly state: number;
  readonly kernel: boolean;
  readonly vectors: boolean;
  /** addresses of instructions whose blocks translate each address by itself */
  readonly apart: ReadonlySet<bigint>;
  /** Where the computed jump or call at `rip` has gone. */
  targetsOf(rip: bigint): readonly bigint[];
}

const local = (type: 'i32' | 'i64' | 'v128', index: number): Node => createNode('local', type, [], index);

/** Locals at the beginning of a block, all of its own, as uses are counted by node. */
function entryRegisters(flagsKind: number | undefined): Registers {
  const flags: FlagState = {
    kind: flagsKind === undefined ? local('i32', Local.flagsKind) : createNode('constant', 'i32', [], flagsKind),
    left: local('i64', Local.flagsLeft),
    right: local('i64', Local.flagsRight),
    result: local('i64', Local.flagsResult),
    settled: local('i32', Local.flagsSettled),
    own: {},
  };
  return {
    general: Array.from({ length: 16 }, (_, n) => local('i64', Local.general + n)),
    xmm: Array.from({ length: 16 }, (_, n) => local('v128', Local.xmm + n)),
    flags,
    changed: none,
  };
}

interface Piece {
  readonly rip: bigint;
  readonly context: Context | undefined;
  readonly body: Body;
  /** the range whose flow it ends with; undefined where it ends before */
  readonly range: Range | undefined;
  /** for a block that only this one leads to */
  readonly legacy: Legacy | undefined;
}

/** Reads instructions up to one that the interpreter must execute. */
function readPiece(
  range: Range,
  from: number,
  options: CodeOptions,
  legacy: Legacy | undefined,
): { readonly piece: Piece; readonly to: number } {
  const { instructions, context } = range;
  const entry = entryRegisters(legacy?.flagsKind);
  const merges = options.apart.size === 0 || !instructions.some(({ rip }) => options.apart.has(rip));
  const reading = new Reading({ ...options, merges, entry, legacy });
  const piece = (end: End, whole: boolean): Piece => {
    reading.settleChecks();
    return pieceOf(end, whole);
  };
  const pieceOf = (end: End, whole: boolean): Piece => ({
    rip: instructions[from]!.rip,
    context,
    body: {
      statements: reading.statements,
      instructions: reading.instructions,
      registers: reading.registers,
      entry,
      end,
    },
    range: whole ? range : undefined,
    legacy: whole ? reading.legacy() : undefined,
  });
  for (let n = from; n < instructions.length; n++) {
    const { rip, instruction } = instructions[n]!;
    let end: End | undefined;
    reading.begin(rip, instruction.length);
    const before = reading.statements.length;
    try {
      instruction.semantics(reading, instruction);
      end = reading.finish();
    } catch (refusal) {
      if (!(refusal instanceof Unemitted)) throw refusal;
      reading.abandon(before);
      end = refusal.leaves ? { kind: 'leave', rip } : { kind: 'step', rip, next: nextOf(instructions[n]!) };
      return { piece: piece(end, false), to: refusal.leaves ? instructions.length : n + 1 };
    }
    if (end !== undefined) return { piece: piece(end, true), to: n + 1 };
  }
  return { piece: piece({ kind: 'jump', target: nextOf(instructions.at(-1)!) }, true), to: instructions.length };
}

const nextOf = ({ rip, instruction }: Located): bigint => BigInt.asUintN(64, rip + BigInt(instruction.length));

function readRange(range: Range, options: CodeOptions, legacy: Legacy | undefined): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < range.instructions.length;) {
    const { piece, to } = readPiece(range, from, options, from === 0 ? legacy : undefined);
    pieces.push(piece);
    from = to;
  }
  return pieces;
}

/** The blocks of a region; the first is its entry. */
export function readRegion(ranges: readonly Range[], options: CodeOptions): readonly RegionBlock[] {
  const before = onlyPredecessors(ranges, options);
  const read = new Map<Range, Piece[]>();
  for (const range of ranges) {
    const waiting = [range];
    // what a block inherits must have been read
    for (let first = before.get(range); first !== undefined && !read.has(first); first = before.get(first)) {
      if (waiting.includes(first)) break;
      waiting.push(first);
    }
    for (const next of waiting.toReversed()) {
      if (read.has(next)) continue;
      const predecessor = before.get(next);
      const legacy = predecessor === undefined ? undefined : read.get(predecessor)?.at(-1)!.legacy;
      read.set(next, readRange(next, options, legacy));
    }
  }
  const pieces = ranges.flatMap((range) => read.get(range)!);
  const places = new Map(pieces.map(({ rip, context }, n) => [placeKey(rip, context), n]));
  return pieces.map((piece) => {
    const edge = (rip: bigint, context: Context | undefined): Edge => {
      const to = places.get(placeKey(rip, context));
      return to === undefined ? { kind: 'exit', rip } : { kind: 'block', to };
    };
    const targets = piece.body.end.kind === 'indirect' ? knownTargets(piece, options) : [];
    return { rip: piece.rip, body: piece.body, edges: edgesOf(piece, targets, edge, options), targets };
  });
}

/** Of each range that one other leads to, and nothing else, that one. */
function onlyPredecessors(ranges: readonly Range[], options: CodeOptions): ReadonlyMap<Range, Range> {
  const byKey = new Map(ranges.map((range) => [placeKey(range.rip, range.context), range]));
  const predecessors = new Map<Range, Set<Range>>();
  for (const range of ranges) {
    for (const key of followersOf(range, options)) {
      const to = byKey.get(key);
      if (to === undefined) continue;
      const known = predecessors.get(to);
      if (known === undefined) predecessors.set(to, new Set([range]));
      else known.add(range);
    }
  }
  const only = new Map<Range, Range>();
  for (const [range, [first, second]] of predecessors) {
    if (second === undefined && first !== range && range !== ranges[0]) only.set(range, first!);
  }
  return only;
}

/** Keys of the places that a range may lead to in its region. */
function followersOf({ instructions, context, flow, callee }: Range, options: CodeOptions): string[] {
  const last = instructions.at(-1)!;
  const next = nextOf(last);
  switch (flow.kind) {
    case 'next':
      return [placeKey(next, context)];
    case 'jump':
      return [placeKey(flow.target, context)];
    case 'branch':
      return [placeKey(flow.target, context), placeKey(next, context)];
    case 'call':
      return callee === undefined ? [] : [placeKey(flow.target, callee)];
    case 'return':
      return context === undefined ? [] : [placeKey(context.returnTo, context.caller)];
    case 'computed-jump':
      return options.targetsOf(last.rip).map((target) => placeKey(target, context));
    case 'computed-call':
      return callee === undefined ? [] : options.targetsOf(last.rip).map((target) => placeKey(target, callee));
    case 'away':
      return [];
  }
}

function edgesOf(
  { body: { end }, context, range }: Piece,
  targets: readonly bigint[],
  edge: (rip: bigint, context: Context | undefined) => Edge,
  options: CodeOptions,
): Edge[] {
  switch (end.kind) {
    case 'jump': {
      if (range === undefined) return [edge(end.target, context)];
      // also a computed jump whose target has turned out to be a constant: it may be one that discovery did not know of
      const to = contextBehind(range);
      const follows = followersOf(range, options).includes(placeKey(end.target, to));
      return [follows ? edge(end.target, to) : { kind: 'exit', rip: end.target }];
    }
    case 'branch':
      return [edge(end.target, context), edge(end.next, context)];
    case 'step':
    case 'native':
    case 'direction':
    case 'cli':
    case 'swapgs':
      return [edge(end.next, context)];
    case 'indirect':
      return targets.map((rip) => {
        if (range?.flow.kind === 'computed-call') return edge(rip, range.callee);
        return edge(rip, range?.flow.kind === 'return' ? context?.caller : context);
      });
    case 'leave':
      return [];
  }
}

/** Of what follows the last instruction of a range when that does not fall through. */
function contextBehind({ flow, context, callee }: Range): Context | undefined {
  if (flow.kind === 'call' || flow.kind === 'computed-call') return callee;
  return flow.kind === 'return' ? context?.caller : context;
}

function knownTargets({ range, context, rip }: Piece, options: CodeOptions): readonly bigint[] {
  if (range?.flow.kind === 'return') return context === undefined ? [] : [context.returnTo];
  if (range?.flow.kind === 'computed-call' && range.callee === undefined) return [];
  return options.targetsOf(range?.instructions.at(-1)!.rip ?? rip);
}

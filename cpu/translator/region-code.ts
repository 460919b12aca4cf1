/** Blocks of a region and how control goes among them: what discovery has found, read into statements. */
import type { Body, End, FlagState, Registers } from './block.ts';
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
  readonly vectors: boolean;
  /** addresses of instructions whose blocks translate each address by itself */
  readonly apart: ReadonlySet<bigint>;
  /** Where the computed jump or call at `rip` has gone. */
  targetsOf(rip: bigint): readonly bigint[];
}

const local = (type: 'i32' | 'i64' | 'v128', index: number): Node => createNode('local', type, [], index);

/** Locals at the beginning of a block, all of its own, as uses are counted by node. */
function entryRegisters(): Registers {
  const flags: FlagState = {
    kind: local('i32', Local.flagsKind),
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
}

/** Reads instructions up to one that the interpreter must execute. */
function readPiece(range: Range, from: number, options: CodeOptions): { readonly piece: Piece; readonly to: number } {
  const { instructions, context } = range;
  const entry = entryRegisters();
  const merges = options.apart.size === 0 || !instructions.some(({ rip }) => options.apart.has(rip));
  const reading = new Reading({ ...options, merges, entry });
  const piece = (end: End, whole: boolean): Piece => ({
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
  });
  for (let n = from; n < instructions.length; n++) {
    const { rip, instruction } = instructions[n]!;
    const before = reading.statements.length;
    reading.begin(rip, instruction.length);
    try {
      instruction.semantics(reading, instruction);
    } catch (refusal) {
      if (!(refusal instanceof Unemitted)) throw refusal;
      reading.abandon(before);
      const end: End = refusal.leaves ? { kind: 'leave', rip } : { kind: 'step', rip, next: nextOf(instructions[n]!) };
      return { piece: piece(end, false), to: refusal.leaves ? instructions.length : n + 1 };
    }
    const end = reading.finish();
    if (end !== undefined) return { piece: piece(end, true), to: n + 1 };
  }
  return { piece: piece({ kind: 'jump', target: nextOf(instructions.at(-1)!) }, true), to: instructions.length };
}

const nextOf = ({ rip, instruction }: Located): bigint => BigInt.asUintN(64, rip + BigInt(instruction.length));

function readRange(range: Range, options: CodeOptions): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < range.instructions.length;) {
    const { piece, to } = readPiece(range, from, options);
    pieces.push(piece);
    from = to;
  }
  return pieces;
}

/** The blocks of a region; the first is its entry. */
export function readRegion(ranges: readonly Range[], options: CodeOptions): readonly RegionBlock[] {
  const pieces = ranges.flatMap((range) => readRange(range, options));
  const places = new Map(pieces.map(({ rip, context }, n) => [placeKey(rip, context), n]));
  return pieces.map((piece) => {
    const edge = (rip: bigint, context: Context | undefined): Edge => {
      const to = places.get(placeKey(rip, context));
      return to === undefined ? { kind: 'exit', rip } : { kind: 'block', to };
    };
    const targets = piece.body.end.kind === 'indirect' ? knownTargets(piece, options) : [];
    return { rip: piece.rip, body: piece.body, edges: edgesOf(piece, targets, edge), targets };
  });
}

function edgesOf(
  { body: { end }, context, range }: Piece,
  targets: readonly bigint[],
  edge: (rip: bigint, context: Context | undefined) => Edge,
): Edge[] {
  switch (end.kind) {
    case 'jump':
      // a call that is not followed leaves the region, whatever is known at its target
      if (range?.flow.kind === 'call') {
        return [range.callee === undefined ? { kind: 'exit', rip: end.target } : edge(end.target, range.callee)];
      }
      return [edge(end.target, context)];
    case 'branch':
      return [edge(end.target, context), edge(end.next, context)];
    case 'step':
    case 'direction':
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

function knownTargets({ range, context, rip }: Piece, options: CodeOptions): readonly bigint[] {
  if (range?.flow.kind === 'return') return context === undefined ? [] : [context.returnTo];
  if (range?.flow.kind === 'computed-call' && range.callee === undefined) return [];
  return options.targetsOf(range?.instructions.at(-1)!.rip ?? rip);
}

/** Keeps a linked extension's stack within bounds: proves it, or has it checked at run time. */
import { rex_program_object } from '../../kernel/layout/structures.ts';
import { readElf } from '../elf/index.ts';
import type { InsertedEntries, InsertedEntry } from '../entry-insertion/index.ts';
import {
  analyseFrames,
  buildCallGraph,
  ownFunctionsByPointer,
  type Bound,
  type CallGraph,
  type Programs,
} from './call-graph.ts';
import { StackSafetyError } from './error.ts';
import { hex, readCode, type CodeImage, type ImageFunction } from './functions.ts';
import { FRAME_LIMIT, STACK_LIMIT, UNCHECKED_FUNCTIONS } from './limits.ts';
import { insertChecks } from './rewrite.ts';
import { verifyChecks } from './verify.ts';

export { StackSafetyError, type StackSafetyErrorCode } from './error.ts';
export { analyseFrames, buildCallGraph, type CallGraph, type Programs } from './call-graph.ts';
export { readCode } from './functions.ts';
export { insertChecks } from './rewrite.ts';
export { verifyChecks } from './verify.ts';

/** What is known of one program's stack. */
export type StackReport =
  | { readonly kind: 'static'; readonly bytes: number }
  /** `why`: at most a few reasons */
  | { readonly kind: 'run-time'; readonly why: readonly string[] };

export interface StackSafeImage {
  readonly bytes: Uint8Array;
  /** by program */
  readonly reports: Readonly<Record<string, StackReport>>;
}

const names = (path: readonly ImageFunction[]): string => path.map(({ name }) => name).join(' -> ');

function tooLarge(bytes: number, one: ImageFunction, details: string): never {
  throw new StackSafetyError(
    'frame-too-large',
    `Frame size is too large: ${bytes} with function: ${one.name}\n${details}`,
  );
}

/** The function of a path at which the limit is passed. */
function culprit({ frames }: CallGraph, { path }: Bound): ImageFunction {
  let sum = 0;
  for (const one of path) {
    sum += frames.get(one)!.size ?? 0;
    if (sum > STACK_LIMIT) return one;
  }
  return path.at(-1)!;
}

/** Where depth is checked as functions begin, one frame more than the limit is possible. */
function checkFrames({ frames }: CallGraph): void {
  for (const [one, { size }] of frames) {
    if (UNCHECKED_FUNCTIONS.has(one.symbol)) continue;
    if (size === undefined) {
      throw new StackSafetyError('unknown-frame', `${one.name}: its frame has no constant size`);
    }
    if (size > FRAME_LIMIT) {
      tooLarge(
        size,
        one,
        `the stack of this program is checked at run time, so a frame has at most ${FRAME_LIMIT} bytes`,
      );
    }
  }
}

function reportOf(graph: CallGraph, one: ImageFunction, own: readonly ImageFunction[]): StackReport {
  const bound = graph.bounds.get(one)!;
  if (bound.bytes === undefined) return { kind: 'run-time', why: bound.reasons };
  if (bound.bytes > STACK_LIMIT) {
    tooLarge(bound.bytes, culprit(graph, bound), `on the path ${names(bound.path)}; at most ${STACK_LIMIT} bytes`);
  }
  if (own.length === 0) return { kind: 'static', bytes: bound.bytes };
  return { kind: 'run-time', why: own.slice(0, 4).map(({ name }) => `a panic's message may run ${name}`) };
}

/** What the program objects of `entries` point at, by type. */
export function programsOf(image: CodeImage, entries: readonly InsertedEntry[]): Programs {
  const programs = new Map<string, ImageFunction[]>();
  for (const { objectAddress, programType } of entries) {
    if (objectAddress === undefined) continue;
    const slot = Number(objectAddress) + rex_program_object.fields.prog.offset;
    const target = image.pointers.get(slot)?.target;
    const one = typeof target === 'number' ? image.byAddress.get(target) : undefined;
    if (one !== undefined) programs.set(programType, [...(programs.get(programType) ?? []), one]);
  }
  return programs;
}

/**
 * Bounds the stack of every program of an image that has its entries. The bytes stay as they are where all bounds are
 * known; else functions get run-time checks. @throws {StackSafetyError | ElfError}
 */
export function makeStackSafe({ bytes, entries }: Pick<InsertedEntries, 'bytes' | 'entries'>): StackSafeImage {
  const image = readCode(readElf(bytes));
  const frames = analyseFrames(image);
  const graph = buildCallGraph(image, frames, programsOf(image, entries));
  const own = ownFunctionsByPointer(graph);
  const reports: Record<string, StackReport> = {};
  for (const entry of entries) {
    const { name, entryAddress } = entry;
    const one = image.byAddress.get(Number(entryAddress));
    if (one === undefined) {
      throw new StackSafetyError('bad-code', `${name}: no function at ${hex(Number(entryAddress))}`);
    }
    reports[name] = reportOf(buildCallGraph(image, frames, programsOf(image, [entry])), one, own);
  }
  if (Object.values(reports).every(({ kind }) => kind === 'static')) return { bytes, reports };
  checkFrames(graph);
  const checked = insertChecks(graph);
  const problems = verifyChecks(graph, checked);
  if (problems.length > 0) throw new StackSafetyError('not-rewritten', problems.slice(0, 5).join('; '));
  return { bytes: checked, reports };
}

/** A line for people by program: `static bound 136 bytes`, `run-time checks: …`. */
export function stackLines(reports: StackSafeImage['reports']): Record<string, string> {
  return Object.fromEntries(Object.entries(reports).map(([name, report]) => [name, describeStackReport(report)]));
}

function describeStackReport(report: StackReport): string {
  return report.kind === 'static' ? `static bound ${report.bytes} bytes` : `run-time checks: ${report.why.join('; ')}`;
}

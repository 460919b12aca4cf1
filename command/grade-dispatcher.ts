/**
 * The autograder of a student's rex_64.S: runs real programs through it, one that returns and one that panics, and says for
 * each visit of rex_dispatcher_func what it did not leave as it should have, and which instruction was to blame.
 */
import { Box } from '../box/box.ts';
import { readKernelSources } from '../box/host-files.ts';
import { hasEnded } from '../box/spawn.ts';
import { kernelImage } from '../kernel/entry/kernel-image.ts';
import type { SourceFile } from '../kernel/entry/text.ts';
import {
  abandon,
  beginVisit,
  checkEntry,
  checkReturn,
  noteWriters,
  readWatched,
  type Violation,
  type Visit,
} from './dispatcher-visit.ts';
import { DISPATCHER_FILE, sourcesWith } from './dispatcher-source.ts';
import { readSample } from './samples.ts';

/** most instructions of a scenario: about four times what ours needs */
const BUDGET = 500_000;
/** most instructions of one visit: ours needs a few thousand, in a panic */
const LONGEST_VISIT = 50_000;
/** instructions at a time until the program is loaded: between that and its first run lie several system calls */
const STRIDE = 200;
/** what eax holds when the landing pad's last part begins: the calling convention promises nothing of it there */
const POISON = 0x5ca1_ab1en;

interface Scenario {
  readonly title: string;
  readonly sample: string;
  readonly args: readonly string[];
}

const scenarios: readonly Scenario[] = [
  { title: 'a program that returns', sample: 'mp4', args: ['dup', '22'] },
  { title: 'a program that panics', sample: 'panic', args: ['index'] },
  { title: 'a program that panics while it holds a lock', sample: 'panic', args: ['lock'] },
];

/** A place in the student's file. */
export interface Place {
  readonly line: number;
  readonly text: string;
}

export interface GradedViolation extends Omit<Violation, 'culprit'> {
  readonly culprit: Place | undefined;
}

export interface GradedScenario {
  readonly title: string;
  readonly visits: number;
  /** of the first visit that has any */
  readonly violations: readonly GradedViolation[];
  /** where the instructions executed part from ours; undefined when they do not, or when nothing is wrong */
  readonly divergence: { readonly got: Place | undefined; readonly expected: Place | undefined } | undefined;
}

interface Listing {
  /** of an instruction in the dispatcher's file */
  placeOf(address: bigint): Place | undefined;
}

function listingOf(sources: readonly SourceFile[]): Listing {
  const { lines } = kernelImage(sources);
  const text = sources.find(({ file }) => file === DISPATCHER_FILE)!.source.split('\n');
  return {
    placeOf(address) {
      const place = lines.get(address);
      if (place?.file !== DISPATCHER_FILE) return undefined;
      const line = (text[place.line - 1] ?? '').replace(/#.*/, '').trim().replaceAll(/\s+/g, ' ');
      return { line: place.line, text: line };
    },
  };
}

/** Every visit of the dispatcher in a run of the scenario, in order; the last one may never have ended. */
async function visitsOf(scenario: Scenario, sources: readonly SourceFile[], listing: Listing): Promise<Visit[]> {
  const { sample, files } = readSample(scenario.sample);
  const box = await Box.boot({ sources, recordSyscalls: false });
  const visits: Visit[] = [];
  let visit: Visit | undefined;
  box.on((event) => {
    if (event.type === 'panic' && visit !== undefined) visit.panicked = true;
  });
  for (const [path, bytes] of files) box.files.write(path, bytes);
  const process = box.spawn(sample.command[0]!, scenario.args);
  const start = box.symbols.lookup('rex_dispatcher_func');
  while (box.instructions < BUDGET && box.kernel.bpf.programs.size === 0) {
    if (box.run({ until: process, budget: STRIDE }).reason !== 'budget') break;
  }
  const pad = box.symbols.lookup('rex_landingpad_asm');
  while (box.instructions < BUDGET && box.death === undefined && !hasEnded(box.kernel, process)) {
    const { rip } = box.registers();
    if (visit !== undefined && rip === pad) box.registers().rax = POISON;
    if (visit === undefined && rip === start) visits.push((visit = beginVisit(box)));
    const inside = visit !== undefined && listing.placeOf(rip) !== undefined;
    if (visit?.entered && inside && visit.result === undefined) visit.result = BigInt.asUintN(32, box.registers().rax);
    if (visit !== undefined && !visit.entered && rip === visit.function) checkEntry(box, visit);
    if (visit !== undefined && rip === visit.returnAddress) {
      checkReturn(box, visit);
      visit = undefined;
    }
    const before = inside ? readWatched(box) : undefined;
    const { instructions } = box.step();
    if (instructions === 0 || (visit !== undefined && box.instructions - visit.begun > LONGEST_VISIT)) break;
    if (visit !== undefined && before !== undefined) noteWriters(visit, rip, before, readWatched(box));
  }
  if (visit !== undefined) {
    const ended = hasEnded(box.kernel, process) ? 'the process ended first' : `none in ${LONGEST_VISIT} instructions`;
    abandon(visit, box.death ?? ended);
  }
  return visits;
}

function divergenceOf(ours: readonly (Place | undefined)[], theirs: readonly (Place | undefined)[]) {
  const length = Math.max(ours.length, theirs.length);
  for (let n = 0; n < length; n++) {
    if (ours[n]?.text !== theirs[n]?.text) return { got: theirs[n], expected: ours[n] };
  }
  return undefined;
}

/**
 * Runs every scenario with `source` in the place of rex_64.S.
 * Errors: AssemblerError for a source that cannot be assembled or lacks a symbol that the kernel names.
 */
export async function gradeDispatcher(source: string): Promise<GradedScenario[]> {
  const own = readKernelSources();
  const theirs = sourcesWith(source);
  const ownListing = listingOf(own);
  const listing = listingOf(theirs);
  const graded: GradedScenario[] = [];
  for (const scenario of scenarios) {
    const visits = await visitsOf(scenario, theirs, listing);
    const wrong = visits.findIndex(({ violations }) => violations.length > 0);
    const violations = (visits[wrong]?.violations ?? []).map((violation) => ({
      ...violation,
      culprit: violation.culprit === undefined ? undefined : listing.placeOf(violation.culprit),
    }));
    if (visits.length === 0) {
      const rule = 'programs are run by rex_dispatcher_func';
      violations.push({
        what: 'rex_dispatcher_func',
        got: 'never called',
        expected: 'a call',
        rule,
        culprit: undefined,
      });
    }
    const reference = wrong < 0 ? undefined : (await visitsOf(scenario, own, ownListing))[wrong];
    const divergence =
      reference === undefined
        ? undefined
        : divergenceOf(reference.executed.map(ownListing.placeOf), visits[wrong]!.executed.map(listing.placeOf));
    graded.push({ title: scenario.title, visits: visits.length, violations, divergence });
  }
  return graded;
}

const show = (place: Place | undefined): string => (place === undefined ? 'nothing more' : `"${place.text}"`);

/** The grade in words, a line each; `file` is what the student calls it. */
export function describeGrade(file: string, graded: readonly GradedScenario[]): string[] {
  const lines: string[] = [];
  for (const { title, visits, violations, divergence } of graded) {
    lines.push(
      `${violations.length === 0 ? 'ok    ' : 'FAILED'} ${title} (${visits} ${visits === 1 ? 'run' : 'runs'})`,
    );
    for (const { what, got, expected, rule, culprit } of violations) {
      lines.push(`         ${what}: got ${got}, expected ${expected}: ${rule}`);
      if (culprit !== undefined) lines.push(`           last touched by ${file}:${culprit.line}: ${culprit.text}`);
    }
    if (divergence !== undefined) {
      const where = divergence.got === undefined ? file : `${file}:${divergence.got.line}`;
      lines.push(
        `         first instruction that differs from the kernel's own: ${where}: ${show(divergence.got)}, ours: ${show(divergence.expected)}`,
      );
    }
  }
  return lines;
}

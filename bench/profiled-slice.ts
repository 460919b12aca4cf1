/**
 * Where the time goes in a warm box: what the host's profiler says of a slice, what the box says of the guest. All of it in
 * slices of their own, which no measured speed is taken from.
 */
import { Session, type Profiler } from 'node:inspector';
import { findSourceMap } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEngine } from '../cpu/engine.ts';
import type { Box, BoxStats, Process, Profile, ProfiledRegion } from '../index.ts';
import { createHost } from '../kernel/host.ts';
import { nativeNames } from '../kernel/natives.ts';
import { retired, runKernel } from '../kernel/run.ts';
import { readProfiles, type SampledTime } from './sampled-profile.ts';
import { KTIME_MAX } from '../kernel/time.ts';

const ROOT = new URL('../', import.meta.url);
/** between two samples, microseconds */
export const INTERVAL = 250;
const ROUNDS = 3;
/** parts of a slice that are enough where the box or the interpreter notes everything */
const WATCHED = 1 / 8;
/** instructions between two divisions of the run: few, as regions go on elsewhere than they would behind each */
const PERIOD = 1_000_003;
/** instructions: about a second of the interpreter's */
const MOST_INTERPRETED = 20_000_000;

export interface NativeCalls {
  readonly name: string;
  readonly perThousand: number;
}

export interface WhereTimeGoes {
  readonly time: SampledTime;
  /** processor time with samples being taken, by that without; more than 1 */
  readonly samplingCost: number;
  /** of all instructions, 0 to 1 */
  readonly translated: number;
  /** instructions of the interpreter's in the middle of regions, native calls among them, per 1000 */
  readonly steps: number;
  /** most frequent first */
  readonly natives: readonly NativeCalls[];
  /** per million instructions */
  readonly tlbMisses: number;
  /** of WebAssembly, for each guest instruction of the regions that were executed */
  readonly bytesPerInstruction: number;
  /** the region that most instructions are executed in, and which part of all of them */
  readonly hottest: { readonly symbol: string; readonly share: number } | undefined;
  /** the function that most instructions are executed in regions of, by where these begin */
  readonly hottestFunction: { readonly symbol: string; readonly share: number; readonly regions: number } | undefined;
}

interface Spent {
  readonly instructions: number;
  readonly cpuMilliseconds: number;
}

/** Samples within it are the ones that count: it is looked for by its name. */
function profiledSlice(box: Box, until: Process, budget: number): Spent {
  const cpu = process.cpuUsage();
  const { reason, instructions } = box.run({ until, budget });
  const { user, system } = process.cpuUsage(cpu);
  if (reason !== 'budget') throw new Error(`profile: the program ended within it (${reason})`);
  return { instructions, cpuMilliseconds: (user + system) / 1000 };
}

/** `work` while samples are taken. */
function sampled<T>(session: Session, work: () => T): { readonly result: T; readonly profile: Profiler.Profile } {
  let profile: Profiler.Profile | undefined;
  const fail = (error: Error | null): void => {
    if (error !== null) throw error;
  };
  session.post('Profiler.start', fail);
  const result = work();
  // the answer comes at once
  session.post('Profiler.stop', (error, answer) => {
    fail(error);
    profile = answer.profile;
  });
  return { result, profile: profile! };
}

/** `kernel/host.ts:57` of the source */
function placeOf({ url, lineNumber, columnNumber }: Profiler.ProfileNode['callFrame']): string {
  const entry = findSourceMap(url)?.findEntry(lineNumber, columnNumber);
  const line = entry !== undefined && 'originalLine' in entry ? entry.originalLine : lineNumber;
  return `${relative(fileURLToPath(ROOT), fileURLToPath(url))}:${line + 1}`;
}

/** Native calls of the next instructions, which are the same whatever executes them: here the interpreter. */
function countNatives({ kernel }: Box, budget: number): NativeCalls[] {
  const calls = new Float64Array(nativeNames.length);
  const host = createHost(kernel, createEngine(kernel.memory, 'interpreter'));
  const { native } = host;
  host.native = (cpu, id) => {
    calls[id]!++;
    return native(cpu, id);
  };
  const before = retired(kernel);
  const asked = (): boolean => {
    // nobody else takes them away
    kernel.events.length = 0;
    return false;
  };
  runKernel(kernel, host, budget, asked, KTIME_MAX);
  const executed = retired(kernel) - before;
  return nativeNames
    .map((name, id) => ({ name, perThousand: (calls[id]! * 1000) / executed }))
    .filter(({ perThousand }) => perThousand > 0)
    .toSorted((left, right) => right.perThousand - left.perThousand);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** `main+0x2a4`, or an address where no symbol is known */
const nameOf = ({ symbol, address }: ProfiledRegion): string => (symbol === '' ? `0x${address.toString(16)}` : symbol);

function aboutRegions({ regions = [] }: Profile, instructions: number) {
  const functions = new Map<string, ProfiledRegion[]>();
  for (const region of regions) {
    const name = nameOf(region).replace(/\+0x[0-9a-f]+$/, '');
    functions.set(name, [...(functions.get(name) ?? []), region]);
  }
  const shareOf = (some: readonly ProfiledRegion[]): number =>
    sum(some.map((region) => region.instructions)) / instructions;
  const [hottestFunction] = [...functions]
    .map(([symbol, own]) => ({ symbol, share: shareOf(own), regions: own.length }))
    .toSorted((left, right) => right.share - left.share);
  const [first] = regions;
  return {
    bytesPerInstruction: sum(regions.map(({ bytes }) => bytes)) / sum(regions.map(({ size }) => size)),
    hottest: first === undefined ? undefined : { symbol: nameOf(first), share: shareOf([first]) },
    hottestFunction,
  };
}

function aboutStats(before: BoxStats, after: BoxStats) {
  const translator = after.instructions.translator - before.instructions.translator;
  const executed = translator + after.instructions.interpreter - before.instructions.interpreter;
  const steps = (after.translation?.steps ?? 0) - (before.translation?.steps ?? 0);
  return {
    translated: translator / executed,
    steps: (steps * 1000) / executed,
    tlbMisses: ((after.tlbMisses - before.tlbMisses) * 1e6) / executed,
  };
}

/** The most instructions that `profileSlices` executes for a slice of `instructions`. */
export const profiledInstructions = (instructions: number): number => instructions * (2 * ROUNDS + 2 * WATCHED);

/** Of a warm box, in slices of `instructions`. */
export function profileSlices(box: Box, until: Process, instructions: number): WhereTimeGoes {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: INTERVAL });
  const plain: Spent[] = [];
  const observed: Spent[] = [];
  const profiles: Profiler.Profile[] = [];
  const slice = (): Spent => profiledSlice(box, until, instructions);
  const before = box.stats;
  for (let n = 0; n < ROUNDS; n++) {
    plain.push(slice());
    const { result, profile } = sampled(session, slice);
    observed.push(result);
    profiles.push(profile);
  }
  const after = box.stats;
  session.disconnect();
  const milliseconds = (spent: readonly Spent[]): number => sum(spent.map(({ cpuMilliseconds }) => cpuMilliseconds));
  const watched = Math.ceil(instructions * WATCHED);
  box.startProfile({ period: PERIOD });
  const { instructions: noted } = profiledSlice(box, until, watched);
  const regions = aboutRegions(box.stopProfile(), noted);
  return {
    time: readProfiles(profiles, { root: ROOT.href, within: profiledSlice.name, placeOf }),
    samplingCost: milliseconds(observed) / milliseconds(plain),
    ...aboutStats(before, after),
    ...regions,
    // the last: the box knows nothing of this run
    natives: countNatives(box, Math.min(watched, MOST_INTERPRETED)),
  };
}

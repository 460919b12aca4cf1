/**
 * A campaign: inputs with the seeds SEED, SEED + 1 … (RUNS of them), run by a process of their own, which reports each as it
 * begins and ends. One that hangs, exhausts memory or ends the process is known by its seed, and the campaign goes on after it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from './fuzzer.ts';

const { env } = process;
const slow = env['TEST_TIER'] === 'slow';
const verbose = env['VERBOSE'] !== undefined;
const MIB = 1 << 20;
/** ms for one input, unless said otherwise: what takes longer hangs */
const PATIENCE = 60_000;
/** of a process of many inputs; above it, the input is run once more by a process of its own */
const MEMORY_OF_MANY = 1024 * MIB;
/** of the JavaScript heap */
const HEAP = 1024;
/** a campaign with so many failures ends early */
const MOST_FAILURES = 10;
/** of a process that runs one input: 2 times the memory of a box of 16 MiB, 300 MiB, and what node and the project's code take */
const MEMORY = 640 * MIB;

/** Which inputs are run, and what each may take. */
export interface Scope {
  /** seed of the first input */
  readonly first: number;
  readonly count: number;
  /** ms for one input */
  readonly patience: number;
  /** most memory of a process that runs one input, bytes */
  readonly memory: number;
}

export interface Failure {
  readonly seed: number;
  readonly what: string;
}

interface Ended {
  /** undefined when the process died or was ended before the first input began */
  readonly last: number | undefined;
  /** of `last`, when it did not end by itself */
  readonly what: string | undefined;
}

const childFile = fileURLToPath(new URL('child.ts', import.meta.url));

/** Runs inputs in a new process, until all are run, one of them ends it, or `onReport` says that it is enough. */
function runProcess(
  name: string,
  { first, count, memory, patience }: Scope,
  onReport: (report: Report) => boolean,
): Promise<Ended> {
  const child: ChildProcess = fork(childFile, [name], {
    execArgv: ['--import', 'tsx', `--max-old-space-size=${HEAP}`],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => void (output = `${output}${chunk.toString()}`.slice(-4000));
  child.stdout!.on('data', keep);
  child.stderr!.on('data', keep);
  return new Promise((resolve) => {
    let last: number | undefined;
    let what: string | undefined;
    let running = false;
    let timer = setTimeout(() => {}, 0);
    const end = (why: string): void => {
      what ??= why;
      child.kill('SIGKILL');
    };
    const watch = (time: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => end(`hangs: not at its end after ${time} ms`), time);
    };
    // what the fuzzer prepares
    watch(PATIENCE);
    child.on('message', (report: Report) => {
      watch(patience);
      last = report.seed;
      running = report.kind === 'begin';
      if (!onReport(report)) child.kill('SIGKILL');
      if (report.kind !== 'begin' && report.memory > memory) {
        end(`takes ${Math.round(report.memory / MIB)} MiB, expected at most ${Math.round(memory / MIB)} MiB`);
      }
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code !== 0 && (running || last === undefined)) what ??= `ends the process: ${signal ?? code}\n${output}`;
      resolve({ last, what });
    });
    child.send({ first, count });
  });
}

export interface Campaign {
  readonly failures: readonly Failure[];
  /** how many inputs had each */
  readonly outcomes: ReadonlyMap<string, number>;
}

const textOf = (report: Report): string => {
  if (report.kind === 'begin') return '';
  return `${Math.round(report.memory / MIB)} MiB ${report.kind === 'end' ? report.outcome : report.error}`;
};

export async function campaign(name: string, scope: Scope): Promise<Campaign> {
  const failures: Failure[] = [];
  const outcomes = new Map<string, number>();
  const say = (seed: number, text: string): void => {
    if (verbose) console.log(`${name} ${seed}: ${text}`);
  };
  const onReport = (report: Report): boolean => {
    if (report.kind !== 'begin') say(report.seed, textOf(report));
    if (report.kind === 'fail') failures.push({ seed: report.seed, what: report.error });
    if (report.kind === 'end') outcomes.set(report.outcome, (outcomes.get(report.outcome) ?? 0) + 1);
    return failures.length < MOST_FAILURES;
  };
  /** Whether the input does it also where nothing ran before it. */
  const confirm = async (seed: number, what: string): Promise<void> => {
    say(seed, what);
    const alone = await runProcess(name, { ...scope, first: seed, count: 1 }, () => true);
    if (alone.what !== undefined) failures.push({ seed, what: alone.what });
    else if (!what.startsWith('takes')) failures.push({ seed, what: `${what}\n(not when it is run alone)` });
  };
  const end = scope.first + scope.count;
  for (let next = scope.first; next < end && failures.length < MOST_FAILURES;) {
    const rest = { ...scope, first: next, count: end - next, memory: MEMORY_OF_MANY };
    // one process after the other
    // oxlint-disable-next-line no-await-in-loop
    const { last, what } = await runProcess(name, rest, onReport);
    // oxlint-disable-next-line no-await-in-loop
    if (what !== undefined) await confirm(last ?? next, what);
    next = (last ?? next) + 1;
  }
  return { failures, outcomes };
}

export interface FuzzTestOptions {
  /** inputs in `npm test`; the slow tier has 10,000 */
  readonly quick: number;
  /** outcomes that some of the inputs have to have: a campaign without them shows nothing */
  readonly outcomes: readonly string[];
}

/** Declares the campaign `name` as a test. */
export function fuzzTest(name: string, { quick, outcomes: wanted }: FuzzTestOptions): void {
  const count = Number(env['RUNS'] ?? (slow ? 10_000 : quick));
  const first = Number(env['SEED'] ?? (slow ? env['FC_SEED'] : undefined) ?? 1);
  test(`${count} inputs from seed ${first}`, async () => {
    const { failures, outcomes } = await campaign(name, { first, count, patience: PATIENCE, memory: MEMORY });
    const counts = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(', ');
    if (verbose) console.log(`${name}: ${counts}`);
    const lines = failures.map(
      ({ seed, what }) => `\n--- npx tsx tests/fuzz/replay.ts ${name} ${seed}\n${what.slice(0, 3000)}`,
    );
    assert.not.ok(failures.length, `${failures.length} inputs of ${name} (${counts}):${lines.join('')}`);
    const missing = count < quick ? [] : wanted.filter((outcome) => !outcomes.has(outcome));
    assert.equal(missing, [], `no input of ${name} ended so: there were ${counts}`);
  });
}

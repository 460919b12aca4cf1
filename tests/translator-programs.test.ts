/** Every sample and every static program, interpreted and translated early: what they say, how, and what they leave behind. */
import { isDeepStrictEqual } from 'node:util';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkingPrograms } from './support/checking-programs.ts';
import { sampleNames } from '../box/host-files.ts';
import { runAtFullSpeed } from '../command/advance.ts';
import { readCommandLine } from '../command/options.ts';
import { boxOptions, perform, type Run } from '../command/run-job.ts';
import { createEngine, type EngineName } from '../cpu/engine.ts';
import { Box, DEFAULT_BUDGET } from '../box/box.ts';
import { createHost } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { buildAll, compilers, pathOf } from './support/native-programs.ts';
import { sampleJob } from './support/sample-runs.ts';
import { memoryDifferences, registerDifferences } from './support/twins.ts';
import { bootForPrograms, install, readRepositoryFile, runProgram } from './support/user-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const early = { threshold: 5, price: 0 };

type Records = ReadonlyMap<string, unknown>;

/** What differs between two kernels that have done the same. */
function kernelDifferences(expected: Kernel, got: Kernel): string[] {
  const lines = expected.cpus.flatMap((cpu, n) =>
    registerDifferences(cpu, got.cpus[n]!).map((line) => `CPU ${n}: ${line}`),
  );
  lines.push(...memoryDifferences(expected.memory, got.memory, 0, expected.memory.size));
  const [left, right]: Records[] = [expected, got].map((kernel) => new Map(Object.entries(kernel)));
  for (const [key, record] of left!) {
    if (key !== 'memory' && key !== 'cpus' && !isDeepStrictEqual(record, right!.get(key))) lines.push(`kernel.${key}`);
  }
  return lines;
}

const eventText = (event: unknown): string =>
  JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));

/** The first event that differs. */
function sameEvents(expected: readonly unknown[], got: readonly unknown[]): void {
  const [left, right] = [expected.map(eventText), got.map(eventText)];
  const at = left.findIndex((text, n) => text !== right[n]);
  if (at >= 0) assert.is(right[at], left[at], `event ${at}`);
  assert.is(right.length, left.length);
}

/** A sample run as the command runs it, by one engine. */
async function runSample(name: string, engine: EngineName, cpus?: number): Promise<Box> {
  const job = sampleJob(name);
  const { options } = readCommandLine(cpus === undefined ? [name] : ['--cpus', `${cpus}`, name]);
  const box = await Box.boot({ ...boxOptions(job, options), engine, translator: early });
  for (const [path, bytes] of job.files) box.files.write(path, bytes);
  const { stdin, argv0, program } = job;
  const first = box.spawn(program, job.args, { argv0, ...(stdin === undefined ? undefined : { stdin }) });
  const advance = runAtFullSpeed(box);
  const run: Run = { box, job, first, advance, budget: DEFAULT_BUDGET, problems: [] };
  if (job.steps.length > 0) advance({ ended: first, quiet: true }, DEFAULT_BUDGET);
  for (const step of job.steps) perform(run, step);
  advance({ ended: first }, DEFAULT_BUDGET);
  return box;
}

async function compareSample(name: string, cpus?: number): Promise<void> {
  const expected = await runSample(name, 'interpreter', cpus);
  const got = await runSample(name, 'translator', cpus);
  sameEvents(expected.events, got.events);
  assert.equal(got.kernelLog, expected.kernelLog);
  assert.equal(got.tracePipe, expected.tracePipe);
  assert.is(got.instructions, expected.instructions);
  assert.equal(kernelDifferences(expected.kernel, got.kernel), []);
  assert.ok(got.stats.instructions.translator > 0, 'nothing has been translated');
}

/** in the fast tier */
const some = /^(error_injector|hello|panic|map_test_2|xdp_test|electrode|termination|syscall_tp|spinlock_test)$/;
for (const name of sampleNames().filter((each) => slow || some.test(each))) {
  test(`sample ${name}`, () => compareSample(name));
  if (slow) test(`sample ${name} on three processors`, () => compareSample(name, 3));
}

/** A program run in a kernel of its own, by one engine. */
function runStatic(engine: EngineName, path: string, argv: readonly string[], cpus: number, budget: number) {
  const kernel = bootForPrograms({ cpus });
  const own = createEngine(kernel.memory, engine, early);
  install(kernel, [path]);
  const result = runProgram(kernel, readRepositoryFile(path), argv, budget, createHost(kernel, own));
  return { kernel, result, stats: own.stats };
}

function compareStatic(path: string, argv: readonly string[], cpus: number, budget: number): void {
  const expected = runStatic('interpreter', path, argv, cpus, budget);
  const got = runStatic('translator', path, argv, cpus, budget);
  assert.equal(got.result, expected.result);
  sameEvents(expected.kernel.events, got.kernel.events);
  assert.equal(kernelDifferences(expected.kernel, got.kernel), []);
  assert.ok(got.stats!.translated > 0, 'nothing has been translated');
}

const folder = 'tests/programs/bin';
/** also on several processors */
const several = [...checkingPrograms, ['threads']];
const single = [
  'qsort',
  'malloc',
  'setjmp',
  'sha256',
  'aes',
  'crc32c',
  'deflate',
  'nbody',
  'matmul',
  'mandelbrot',
  'fft',
];
/** instructions: long ones are cut short, which is another place to compare */
const budget = slow ? 40_000_000 : 1_500_000;

for (const argv of several) {
  for (const cpus of slow || /^(cow|threads|pipeline)$/.test(argv[0]!) ? [1, 3] : [1]) {
    test(`${argv[0]} on ${cpus} CPU${cpus === 1 ? '' : 's'}`, () => {
      compareStatic(`${folder}/${argv[0]}`, argv, cpus, budget);
    });
  }
}
for (const name of single) test(name, () => compareStatic(`${folder}/${name}`, [name], 1, budget));

const glibc = compilers.includes('gcc') ? ['floats', 'qsort', 'malloc', 'signals', 'setjmp', 'threads', 'memory'] : [];
if (glibc.length === 0) test.skip('glibc: skipped: no gcc', () => {});
const builds = glibc.map((program) => ({ program, compiler: 'gcc' as const, flags: ['-O2'] }));
const errors = await buildAll(builds);
for (const build of builds) {
  test(`glibc: ${build.program}`, () => {
    const path = pathOf(build);
    const error = errors.get(path);
    if (error !== undefined) throw new Error(error);
    const run = (engine: EngineName) => {
      const kernel = bootForPrograms({ cpus: build.program === 'threads' ? 2 : 1 });
      const host = createHost(kernel, createEngine(kernel.memory, engine, early));
      return { kernel, result: runProgram(kernel, new Uint8Array(readFileSync(path)), [build.program], budget, host) };
    };
    const [expected, got] = [run('interpreter'), run('translator')];
    assert.equal(got.result, expected.result);
    assert.equal(kernelDifferences(expected.kernel, got.kernel), []);
  });
}

test.run();

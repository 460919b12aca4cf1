/**
 * How fast the interpreter is: the programs of bench/programs natively, under qemu-x86_64 (when there is one) and in a
 * box, in one run. Prints a table; asserts nothing. `tsx bench/interpreter.ts [part of a program's name] …`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Box } from '../index.ts';

const RUNS = 3;
/** Units of work, about a million instructions each: enough for each engine to run a quarter of a second or longer. */
const UNITS = { native: 1000, qemu: 600, box: 5 } as const;
const QEMU = 'qemu-x86_64';
const programs = fileURLToPath(new URL('programs/', import.meta.url));

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

function command(words: readonly string[]): string {
  const result = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8' });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${words.join(' ')}: got exit status ${result.status}\n${result.stderr}`);
  return result.stdout;
}

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

function build(name: string, folder: string, compiler: string): string {
  const path = join(folder, name);
  command([compiler, '-O2', '-static', '-o', path, join(programs, `${name}.c`)]);
  return path;
}

/** Milliseconds of each of RUNS runs after a warm-up. */
function time(words: readonly string[]): number[] {
  const runs = Array.from({ length: RUNS + 1 }, () => {
    const start = performance.now();
    command(words);
    return performance.now() - start;
  });
  return runs.slice(1);
}

/** Milliseconds a unit takes, without starting up. */
function timeUnit(words: readonly string[], units: number): number {
  return (median(time([...words, String(units)])) - median(time([...words, '0']))) / units;
}

interface BoxRun {
  readonly milliseconds: number;
  readonly instructions: number;
  readonly output: string;
}

async function runBox(file: Uint8Array, units: number): Promise<BoxRun> {
  const box = await Box.boot({ recordSyscalls: false });
  box.files.write('/bench', file);
  const before = box.instructions;
  const start = performance.now();
  const { reason, stdout } = box.run({ until: box.spawn('/bench', [String(units)]) });
  const milliseconds = performance.now() - start;
  const output = reason === 'exited' ? stdout.text : reason;
  return { milliseconds, instructions: box.instructions - before, output };
}

interface Measured {
  readonly name: string;
  /** million instructions a second */
  readonly mips: number;
  /** how many times as long as qemu and the host's processor take; NaN without qemu */
  readonly toQemu: number;
  readonly toNative: number;
  readonly correct: boolean;
}

async function measure(name: string, path: string, hasQemu: boolean): Promise<Measured> {
  const file = readFileSync(path);
  const runs: BoxRun[] = [];
  // oxlint-disable-next-line no-await-in-loop
  for (let n = 0; n <= RUNS; n++) runs.push(await runBox(file, UNITS.box));
  const counted = runs.slice(1);
  const unit = median(counted.map(({ milliseconds }) => milliseconds)) / UNITS.box;
  return {
    name,
    mips: median(counted.map((run) => run.instructions / run.milliseconds / 1000)),
    toQemu: hasQemu ? unit / timeUnit([QEMU, path], UNITS.qemu) : NaN,
    toNative: unit / timeUnit([path], UNITS.native),
    correct: runs[0]!.output === command([path, String(UNITS.box)]),
  };
}

const filters = process.argv.slice(2);
const names = readdirSync(programs)
  .filter((file) => file.endsWith('.c'))
  .map((file) => file.slice(0, -2))
  .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
  .sort();
const compiler = isThere('musl-gcc') ? 'musl-gcc' : 'gcc';
const hasQemu = isThere(QEMU);

const folder = mkdtempSync(join(tmpdir(), 'interpreter-'));
const results: Measured[] = [];
try {
  // oxlint-disable-next-line no-await-in-loop
  for (const name of names) results.push(await measure(name, build(name, folder, compiler), hasQemu));
} finally {
  rmSync(folder, { recursive: true });
}

const of = (column: 'mips' | 'toQemu' | 'toNative'): number => geometricMean(results.map((result) => result[column]));
const mean: Measured = {
  name: 'geometric mean',
  mips: of('mips'),
  toQemu: of('toQemu'),
  toNative: of('toNative'),
  correct: true,
};
const cells = [
  ['program', 'MIPS', ...(hasQemu ? ['time/qemu'] : []), 'time/native', ''],
  ...[...results, mean].map(({ name, mips, toQemu, toNative, correct }) => [
    name,
    mips.toFixed(2),
    ...(hasQemu ? [toQemu.toFixed(1)] : []),
    toNative.toFixed(0),
    correct ? '' : 'OUTPUT DIFFERS',
  ]),
];
const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
console.log(
  `node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${compiler} -O2, median of ${RUNS} after a warm-up`,
);
for (const row of cells) {
  const padded = row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!)));
  console.log(padded.join('  ').trimEnd());
}

/**
 * What a person waits for: the whole command `npx tsx run-sample error_injector`, and inside it booting and running.
 * Prints a table; asserts nothing. `tsx bench/start-up.ts [runs]`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Box } from '../index.ts';
import { readSample, sampleArguments } from '../command/samples.ts';

const RUNS = Number(process.argv[2] ?? 5);
const SAMPLE = 'error_injector';
const TIME = '/usr/bin/time';
const root = fileURLToPath(new URL('../', import.meta.url));

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

interface CommandRun {
  readonly milliseconds: number;
  /** largest resident set of one process in it, KiB; NaN without GNU time */
  readonly peak: number;
}

function runCommand(command: readonly string[]): CommandRun {
  const timed = existsSync(TIME) ? [TIME, '-f', '@%M', ...command] : command;
  const start = performance.now();
  const result = spawnSync(timed[0]!, timed.slice(1), { cwd: root, encoding: 'utf8' });
  const milliseconds = performance.now() - start;
  if (result.status !== 0) throw new Error(`${command.join(' ')}: got exit status ${result.status}\n${result.stderr}`);
  return { milliseconds, peak: Number(/@(\d+)\s*$/.exec(result.stderr)?.[1] ?? NaN) };
}

interface BoxRun {
  readonly boot: number;
  readonly run: number;
  readonly instructions: number;
}

async function runBox(): Promise<BoxRun> {
  const { sample, files } = readSample(SAMPLE);
  const start = performance.now();
  const box = await Box.boot();
  const booted = performance.now();
  for (const [path, bytes] of files) box.files.write(path, bytes);
  box.run({ until: box.spawn(sample.command[0]!, sampleArguments(sample, [])) });
  return { boot: booted - start, run: performance.now() - booted, instructions: box.instructions };
}

const commands: readonly (readonly [name: string, command: readonly string[]])[] = [
  [`npx tsx run-sample ${SAMPLE}`, ['npx', 'tsx', 'run-sample', SAMPLE]],
  ['the same without npx', ['node', '--import', 'tsx', 'run-sample.ts', SAMPLE]],
  ['node --import tsx and nothing', ['node', '--import', 'tsx', '--eval', '0']],
];

const rows: string[][] = [['what', 'median ms', 'least ms', 'peak MiB']];
for (const [name, command] of commands) {
  runCommand(command); // warm-up: tsx caches what it has translated
  const runs = Array.from({ length: RUNS }, () => runCommand(command));
  const times = runs.map(({ milliseconds }) => milliseconds);
  const peak = Math.max(...runs.map((run) => run.peak)) / 1024;
  rows.push([
    name,
    median(times).toFixed(0),
    Math.min(...times).toFixed(0),
    Number.isNaN(peak) ? '-' : peak.toFixed(0),
  ]);
}

// cold: the first in this process, before anything is compiled
const cold = await runBox();
const warm: BoxRun[] = [];
// oxlint-disable-next-line no-await-in-loop
for (let n = 0; n < RUNS; n++) warm.push(await runBox());
for (const [name, part] of [
  ['boot', 'boot'],
  ['run', 'run'],
] as const) {
  const times = warm.map((run) => run[part]);
  rows.push([`box: ${name}, the first in a process`, cold[part].toFixed(0), cold[part].toFixed(0), '-']);
  rows.push([`box: ${name}, then`, median(times).toFixed(0), Math.min(...times).toFixed(0), '-']);
}

const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
console.log(`node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${RUNS} runs after a warm-up`);
for (const row of rows) {
  console.log(row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join('  '));
}
console.log(`${cold.instructions.toLocaleString('en-US')} instructions`);

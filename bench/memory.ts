/**
 * Whether what the translator keeps is bounded: a guest program that writes and calls new functions for ever, in a
 * translator with narrow bounds. Prints what there is of translated code, and the process' memory, over time.
 *
 *     tsx bench/memory.ts [--seconds N] [--regions N] [--bytes N]
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Box, type TranslationStats } from '../index.ts';
import { boxOptions } from './engine.ts';
import { withWorkshop } from './guest-programs.ts';
import { describeHost } from './host-command.ts';
import { median } from './statistics.ts';
import { formatTable } from './table.ts';

const ROWS = 16;
/** instructions: between two looks at the clock */
const SLICE = 20_000_000;
const MIB = 1 << 20;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    regions: { type: 'string', default: '512' },
    bytes: { type: 'string', default: String(2 * MIB) },
  },
});
const seconds = Number(values.seconds);
const bounds = { regions: Number(values.regions), bytes: Number(values.bytes) };
const mebibytes = (bytes: number): string => (bytes / MIB).toFixed(1);

interface Sample {
  readonly translation: TranslationStats;
  readonly seconds: number;
  readonly instructions: number;
  readonly resident: number;
  readonly heap: number;
}

const HEAD = ['s', 'M instructions', 'translations', 'regions', 'KiB', 'invalidated', 'evicted', 'RSS MiB', 'heap MiB'];

const rowOf = ({ translation: { regions, bytes }, ...sample }: Sample): string[] => [
  sample.seconds.toFixed(0),
  (sample.instructions / 1e6).toFixed(0),
  String(regions.translated),
  String(regions.now),
  (bytes / 1024).toFixed(0),
  String(regions.invalidated),
  String(regions.evicted),
  mebibytes(sample.resident),
  mebibytes(sample.heap),
];

async function generate(file: string): Promise<Sample[]> {
  const box = await Box.boot({ ...boxOptions('translator'), memory: 32 * MIB, translator: bounds });
  box.files.write('/generate', readFileSync(file));
  const until = box.spawn('/generate', ['1000000000']);
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1000;
  const samples: Sample[] = [];
  for (let n = 1; n <= ROWS; n++) {
    while (elapsed() < (n * seconds) / ROWS) box.run({ until, budget: SLICE });
    const { rss, heapUsed } = process.memoryUsage();
    const translation = box.stats.translation!;
    samples.push({ translation, seconds: elapsed(), instructions: box.instructions, resident: rss, heap: heapUsed });
  }
  return samples;
}

const samples = await withWorkshop(({ build }) => generate(build('generate')));
if (samples === undefined) {
  console.error('no musl-gcc and no gcc: the program cannot be built');
  process.exitCode = 1;
} else {
  console.log(`${describeHost()}; at most ${bounds.regions} regions and ${bounds.bytes / 1024} KiB`);
  console.log(formatTable([HEAD, ...samples.map(rowOf)]));
  const regions = Math.max(...samples.map(({ translation }) => translation.regions.now));
  const bytes = Math.max(...samples.map(({ translation }) => translation.bytes));
  const within = regions <= bounds.regions && bytes <= bounds.bytes;
  const resident = (part: readonly Sample[]): number => median(part.map((sample) => sample.resident));
  const [middle, end] = [resident(samples.slice(ROWS / 4, ROWS / 2)), resident(samples.slice(-ROWS / 4))];
  console.log(
    `most at a time: ${regions} regions, ${(bytes / 1024).toFixed(0)} KiB: ${within ? 'within' : 'NOT within'} the bounds`,
  );
  console.log(`RSS: ${mebibytes(middle)} MiB in the second quarter, ${mebibytes(end)} MiB in the last (median)`);
  if (!within) process.exitCode = 1;
}

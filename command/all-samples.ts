/** `run-sample --all`: every sample, held against its expectation; a line each. */
import { sampleNames } from '../box/host-files.ts';
import { mapTypes } from '../kernel/bpf-maps/index.ts';
import { constants } from '../kernel/layout/constants.ts';
import { ExitCode } from './exit-codes.ts';
import { gradeJob } from './grade.ts';
import { readJob } from './job.ts';
import type { Options } from './options.ts';
import type { CommandOutput } from './output.ts';
import { programTypeNames } from './programs.ts';
import { runJob } from './run-job.ts';
import { printTable } from './table.ts';
import { silent, type Summary } from './view.ts';

const mapTypeNames = new Map(mapTypes.map(({ number, name }) => [number, name.toLowerCase()]));
/** every object has one; it runs nothing */
const { BPF_PROG_TYPE_REX_BASE } = constants;

const names = (numbers: Iterable<number>, table: ReadonlyMap<number, string>): string =>
  [...numbers]
    .sort((left, right) => left - right)
    .map((number) => table.get(number) ?? `${number}`)
    .join(' ') || '-';

function rowOf(name: string, { counts, exitCode, instructions, milliseconds }: Summary): string[] {
  const { programTypes, programRuns, panics } = counts;
  return [
    name,
    exitCode === ExitCode.ok ? 'ok' : 'FAILED',
    names(
      [...programTypes].filter((type) => type !== BPF_PROG_TYPE_REX_BASE),
      programTypeNames,
    ),
    names(counts.mapTypes, mapTypeNames),
    ...[programRuns, panics, instructions].map((number) => number.toLocaleString('en-US')),
    `${(milliseconds / 1000).toFixed(2)} s`,
  ];
}

const head = ['sample', '', 'program types', 'map types', 'events', 'panics', 'instructions', 'time'];

/** The command's exit status: 0 when each of `selected` met its expectation. */
export async function runAllSamples(
  options: Options,
  output: CommandOutput,
  selected: readonly string[] = sampleNames(),
): Promise<number> {
  const rows: string[][] = [];
  const failures: string[] = [];
  for (const name of selected) {
    const job = readJob(name, { args: [] });
    const summary = await runJob(job, options, output, () => silent);
    rows.push(rowOf(name, summary));
    const grade = await gradeJob(job, options);
    if (grade?.passed === false) failures.push(...grade.lines);
    if (summary.exitCode !== ExitCode.ok) failures.push(`${name}: ${summary.verdict ?? summary.ending}`);
  }
  output.out(printTable('samples', head, rows));
  for (const failure of failures) output.out(`${output.style('red', failure)}\n`);
  output.out(`${rows.length - failures.length} passed, ${failures.length} failed\n`);
  return failures.length === 0 ? ExitCode.ok : ExitCode.unexpected;
}

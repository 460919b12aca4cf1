/**
 * What a person waits for: the whole command `npx tsx run-sample error_injector`; and by which engine a command, a box and
 * short programs are there sooner. Prints tables; asserts nothing. `tsx bench/start-up.ts [runs]`.
 */
import { existsSync } from 'node:fs';
import { runCold } from './contender.ts';
import type { Engine } from './engine.ts';
import type { SampleRun, Took } from './first-run.ts';
import { PROGRAMS, withWorkshop } from './guest-programs.ts';
import { describeHost, NODE, root, runCommand, runScript, timeCommand } from './host-command.ts';
import { geometricMean, median } from './statistics.ts';
import { formatNumber, formatTable } from './table.ts';

const RUNS = Number(process.argv[2] ?? 5);
const SAMPLE = 'error_injector';
const TIME = '/usr/bin/time';

function commandRow(name: string, command: readonly string[]): string[] {
  const timed = existsSync(TIME) ? [TIME, '-f', '@%M', ...command] : command;
  runCommand(command, root); // warm-up: tsx caches what it has translated
  const runs = Array.from({ length: RUNS }, () => runCommand(timed, root));
  const times = runs.map(({ milliseconds }) => milliseconds);
  const peak = Math.max(...runs.map(({ stderr }) => Number(/@(\d+)\s*$/.exec(stderr)?.[1] ?? NaN))) / 1024;
  return [name, median(times).toFixed(0), Math.min(...times).toFixed(0), Number.isNaN(peak) ? '-' : peak.toFixed(0)];
}

/** of each engine, one for each turn */
type Times = Record<Engine, Took[]>;

/** by what they are of */
type Rows = (readonly [name: string, times: Times])[];

/** Both engines in turns, after a warm-up. `measure` tells one or several times, of what `names` says. */
async function inTurns(
  names: readonly string[],
  measure: (engine: Engine) => readonly Took[] | Promise<readonly Took[]>,
): Promise<Rows> {
  const rows = names.map((name) => [name, { interpreter: [], translator: [] } as Times] as const);
  for (let turn = -1; turn < RUNS; turn++) {
    for (const engine of ['interpreter', 'translator'] as const) {
      const times = await measure(engine); // oxlint-disable-line no-await-in-loop
      if (turn >= 0) rows.forEach(([, row], n) => row[engine].push(times[n]!));
    }
  }
  return rows;
}

/** How many times as fast as the interpreter the translator is, turn by turn. */
const ratios = ({ interpreter, translator }: Times, of: keyof Took): number[] =>
  interpreter.map((took, n) => took[of] / translator[n]![of]);

const HEAD = ['interpreter ms', 'translator ms', 'ratio', 'least..most', 'ratio of CPU', 'least..most'];

function ratioCells(times: Times, of: keyof Took): string[] {
  const all = ratios(times, of);
  const spread = `${formatNumber(Math.min(...all))}..${formatNumber(Math.max(...all))}`;
  return [formatNumber(median(all)), Number.isNaN(median(all)) ? '-' : spread];
}

const engineRow = ([name, times]: readonly [string, Times]): string[] => [
  name,
  formatNumber(median(times.interpreter.map(({ milliseconds }) => milliseconds))),
  formatNumber(median(times.translator.map(({ milliseconds }) => milliseconds))),
  ...ratioCells(times, 'milliseconds'),
  ...ratioCells(times, 'cpuMilliseconds'),
];

function meanRow(rows: Rows): string[] {
  const mean = (of: keyof Took): string =>
    formatNumber(geometricMean(rows.map(([, times]) => median(ratios(times, of)))));
  return ['geometric mean', '', '', mean('milliseconds'), '', mean('cpuMilliseconds'), ''];
}

/** `timer`: the executable of child-time.c; `words`: a sample or a file, and its arguments */
function wholeCommand(engine: Engine, timer: string | undefined, ...words: readonly string[]): Took[] {
  const command = [...NODE, 'run-sample.ts', '--engine', engine, ...words];
  if (timer !== undefined) return [timeCommand(timer, command, root)];
  return [{ milliseconds: runCommand(command, root).milliseconds, cpuMilliseconds: NaN }];
}

function firstRuns(engine: Engine): Took[] {
  const both = runScript('bench/first-run.ts', engine, SAMPLE) as SampleRun[];
  return both.flatMap(({ boot, run }) => [boot, run]);
}

async function compareSample(timer: string | undefined): Promise<void> {
  console.log(
    formatTable([
      [SAMPLE, ...HEAD],
      ...(await inTurns(['whole command, without npx'], (engine) => wholeCommand(engine, timer, SAMPLE))).map(
        engineRow,
      ),
      ...(await inTurns(['first boot', 'first run', 'second boot', 'second run'], firstRuns)).map(engineRow),
    ]),
  );
}

const programTable = (rows: Rows): string => formatTable([['program', ...HEAD], ...rows.map(engineRow), meanRow(rows)]);

async function comparePrograms(build: (name: string) => string, timer: string): Promise<void> {
  const commands: Rows = [];
  const runs: Rows = [];
  const units = new Map([['hello', 0], ...PROGRAMS.map(({ name }) => [name, 1] as const)]);
  for (const [name, count] of units) {
    const file = build(name);
    const measure = async (engine: Engine): Promise<readonly Took[]> => {
      const command = wholeCommand(engine, timer, file, String(count));
      return [...command, await runCold(engine, file, count)];
    };
    // oxlint-disable-next-line no-await-in-loop
    const [command, run] = await inTurns([name, name], measure);
    commands.push(command!);
    runs.push(run!);
  }
  console.log(
    '\nshort programs, hello and one unit of each of the others: whole commands, `run-sample ./PROGRAM UNITS` without npx',
  );
  console.log(programTable(commands));
  console.log('\nthe same programs, the first in a fresh process, without what comes before the first instruction');
  console.log(programTable(runs));
}

console.log(`${describeHost()}, median of ${RUNS} runs after a warm-up, wall time`);
console.log(
  formatTable([
    ['command', 'ms', 'least ms', 'peak MiB'],
    commandRow(`npx tsx run-sample ${SAMPLE}`, ['npx', 'tsx', 'run-sample', SAMPLE]),
    commandRow('the same without npx', [...NODE, 'run-sample.ts', SAMPLE]),
    commandRow('node --import tsx and nothing', [...NODE, '--eval', '0']),
  ]),
);

console.log(
  '\nratio: how many times as fast as the interpreter the translator is, turn by turn; of CPU: in processor time of all threads',
);
const built = await withWorkshop(async ({ build, buildTool }) => {
  const timer = buildTool('child-time');
  await compareSample(timer);
  await comparePrograms(build, timer);
  return true;
});
if (built === undefined) {
  await compareSample(undefined);
  console.log('\nno musl-gcc and no gcc: short programs cannot be built');
}

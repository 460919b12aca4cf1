/**
 * What a person waits for: the whole command `npx tsx run-sample error_injector`; and by which engine a command, a box and
 * short programs are there sooner. Prints tables; asserts nothing. `tsx bench/start-up.ts [runs]`.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runCold } from './contender.ts';
import type { Engine } from './engine.ts';
import type { SampleRun } from './first-run.ts';
import { PROGRAMS, withWorkshop } from './guest-programs.ts';
import { describeHost, runCommand } from './host-command.ts';
import { geometricMean, median } from './statistics.ts';
import { formatNumber, formatTable } from './table.ts';

const RUNS = Number(process.argv[2] ?? 5);
const SAMPLE = 'error_injector';
const TIME = '/usr/bin/time';
const NODE = ['node', '--import', 'tsx'];
const root = fileURLToPath(new URL('../', import.meta.url));

function commandRow(name: string, command: readonly string[]): string[] {
  const timed = existsSync(TIME) ? [TIME, '-f', '@%M', ...command] : command;
  runCommand(command, root); // warm-up: tsx caches what it has translated
  const runs = Array.from({ length: RUNS }, () => runCommand(timed, root));
  const times = runs.map(({ milliseconds }) => milliseconds);
  const peak = Math.max(...runs.map(({ stderr }) => Number(/@(\d+)\s*$/.exec(stderr)?.[1] ?? NaN))) / 1024;
  return [name, median(times).toFixed(0), Math.min(...times).toFixed(0), Number.isNaN(peak) ? '-' : peak.toFixed(0)];
}

/** ms of each engine, one for each turn */
type Times = Record<Engine, number[]>;

/** Both engines in turns, after a warm-up. `measure` gives one or several times, ms, of what `names` says. */
async function inTurns(
  names: readonly string[],
  measure: (engine: Engine) => readonly number[] | Promise<readonly number[]>,
): Promise<(readonly [name: string, times: Times])[]> {
  const rows = names.map((name) => [name, { interpreter: [], translator: [] } as Times] as const);
  for (let turn = -1; turn < RUNS; turn++) {
    for (const engine of ['interpreter', 'translator'] as const) {
      const times = await measure(engine); // oxlint-disable-line no-await-in-loop
      if (turn >= 0) rows.forEach(([, row], n) => row[engine].push(times[n]!));
    }
  }
  return rows;
}

const ratios = ({ interpreter, translator }: Times): number[] => interpreter.map((time, n) => time / translator[n]!);

const engineRow = ([name, times]: readonly [string, Times]): string[] => [
  name,
  formatNumber(median(times.interpreter)),
  formatNumber(median(times.translator)),
  formatNumber(median(ratios(times))),
  `${formatNumber(Math.min(...ratios(times)))}..${formatNumber(Math.max(...ratios(times)))}`,
];

const HEAD = ['interpreter ms', 'translator ms', 'translator/interpreter', 'least..most'];

const wholeCommand = (engine: Engine): number[] => [
  runCommand([...NODE, 'run-sample.ts', SAMPLE, '--engine', engine], root).milliseconds,
];

function firstRuns(engine: Engine): number[] {
  const { stdout } = runCommand([...NODE, 'bench/first-run.ts', engine, SAMPLE], root);
  return (JSON.parse(stdout) as SampleRun[]).flatMap(({ boot, run }) => [boot, run]);
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

console.log('\na/b: how many times as fast as b a is, turn by turn');
console.log(
  formatTable([
    [SAMPLE, ...HEAD],
    ...(await inTurns(['whole command, without npx'], wholeCommand)).map(engineRow),
    ...(await inTurns(['first boot', 'first run', 'second boot', 'second run'], firstRuns)).map(engineRow),
  ]),
);

const programs = await withWorkshop(async ({ build }) => {
  const rows = [];
  for (const { name, units } of [
    { name: 'hello', units: 0 },
    ...PROGRAMS.map((program) => ({ name: program.name, units: 1 })),
  ]) {
    const file = build(name);
    // oxlint-disable-next-line no-await-in-loop
    rows.push(...(await inTurns([name], async (engine) => [(await runCold(engine, file, units)).milliseconds])));
  }
  return rows;
});

console.log('\nshort programs, the first in a fresh process, boot apart: hello, and one unit of each of the others');
if (programs === undefined) console.log('no musl-gcc and no gcc: the programs cannot be built');
else
  console.log(
    formatTable([
      ['program', ...HEAD],
      ...programs.map(engineRow),
      ['geometric mean', '', '', formatNumber(geometricMean(programs.map(([, times]) => median(ratios(times))))), ''],
    ]),
  );

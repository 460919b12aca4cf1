/**
 * How fast the interpreter and the translator are: the programs of bench/programs natively, under qemu-x86_64 (when there
 * is one) and in a box, in one run; and where the time goes of those that keep a bar from being met.
 *
 *     tsx bench/engines.ts [--runs N] [--json] [part of a program's name] …
 *
 * Ends with status 1 when a program printed anything else than natively, or the engines counted its instructions differently.
 */
import { parseArgs } from 'node:util';
import { choosePrograms, withWorkshop } from './guest-programs.ts';
import { describeHost, isThere } from './host-command.ts';
import { measure, type Measured } from './measure.ts';
import { barsOf, formatBars, formatResults, LEGEND } from './report.ts';
import { findWhereTimeGoes, formatWhereTimeGoes, type ProgramTime } from './where-time-goes.ts';

const QEMU = 'qemu-x86_64';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new RangeError(`--runs: got ${values.runs}, expected 1 or more`);
const programs = choosePrograms(positionals);
const qemu = isThere(QEMU) ? QEMU : undefined;

const measured = await withWorkshop(async ({ compiler, build, buildTool }) => {
  const timer = buildTool('child-time');
  const results: Measured[] = [];
  for (const [n, program] of programs.entries()) {
    process.stderr.write(`${n + 1}/${programs.length} ${program.name}\n`);
    // oxlint-disable-next-line no-await-in-loop
    results.push(await measure(program, build(program.name), { timer, qemu }, runs));
  }
  const bars = barsOf(results);
  const due = new Set(bars.flatMap(({ dueTo }) => dueTo));
  const times: ProgramTime[] = [];
  for (const result of results.filter(({ program }) => due.has(program.name))) {
    process.stderr.write(`where the time of ${result.program.name} goes\n`);
    try {
      // oxlint-disable-next-line no-await-in-loop
      times.push(await findWhereTimeGoes(result, build(result.program.name)));
    } catch (error) {
      // the speeds are what has taken the time: they are printed in any case
      process.stderr.write(`${result.program.name}: ${(error as Error).message}\n`);
    }
  }
  return { compiler, results, bars, times };
});

if (measured === undefined) {
  console.error('no musl-gcc and no gcc: the programs cannot be built');
  process.exitCode = 1;
} else {
  const { compiler, results, bars, times } = measured;
  const head = `${describeHost()}, ${compiler} -O2 -static, median of ${runs} after a warm-up`;
  if (values.json) {
    console.log(JSON.stringify({ head, runs, results, bars, whereTimeGoes: times }, null, 2));
  } else {
    console.log([head, ...LEGEND].join('\n'));
    if (qemu === undefined) console.log(`no ${QEMU}: its columns are left out`);
    console.log(`\n${formatResults(results, qemu !== undefined)}\n\n${formatBars(bars)}`);
    if (times.length > 0) console.log(`\n${formatWhereTimeGoes(times)}`);
  }
  if (results.some(({ differs }) => differs.length > 0)) process.exitCode = 1;
}

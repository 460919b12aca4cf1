/**
 * One file of tests in a process of its own, for tests/run.ts: uvu's suites run as by its own runner, and the last line is
 * `@ passed total skipped`. Wraps each suite, as uvu tells nobody its totals. FC_SEED: what properties without a seed of their
 * own begin with, so that also one that hangs can be replayed.
 */
import { pathToFileURL } from 'node:url';
import * as fc from 'fast-check';

/** [errors or true, passed, skipped, total]: what a suite queued by `test.run()` resolves to. */
type Suite = () => Promise<[string | true, number, number, number]>;

const scope = globalThis as typeof globalThis & { UVU_DEFER?: number; UVU_INDEX?: number; UVU_QUEUE?: unknown[][] };
const file = process.argv[2]!;
if (process.env['FC_SEED'] !== undefined) fc.configureGlobal({ seed: Number(process.env['FC_SEED']) });
scope.UVU_DEFER = 1;
scope.UVU_INDEX = 0;
const { exec } = await import('uvu');
const queue = scope.UVU_QUEUE!;
queue.push([file]);
const totals = { passed: 0, total: 0, skipped: 0, broken: false };

process.on('exit', () => {
  if (totals.broken) process.exitCode = 1;
  process.stdout.write(`\n@ ${totals.passed} ${totals.total} ${totals.skipped}\n`);
});

process.on('unhandledRejection', (error) => {
  console.error(error);
  totals.broken = true;
});

await import(pathToFileURL(file).href);
const suites = queue[0]!.slice(1) as Suite[];
if (suites.length === 0) {
  console.error(`${file}: no suite was run: is test.run() missing at its end?`);
  totals.broken = true;
}
queue[0]!.splice(
  1,
  suites.length,
  ...suites.map((suite) => async () => {
    const result = await suite();
    const [errors, passed, skipped, total] = result;
    totals.passed += passed;
    totals.total += total;
    totals.skipped += skipped;
    // a hook that throws, or a test that throws no Error, leaves no errors behind, but fewer tests passed
    if (errors !== true || passed !== total) totals.broken = true;
    return result;
  }),
);
await exec(false);

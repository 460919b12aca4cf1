/**
 * Whatever an extension program does, panic included, rex_dispatcher_func's caller gets everything back: random programs
 * on the real processor model, on two CPUs at once. `TEST_TIER=slow` runs RUNS of them (100,000 unless given).
 */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { counterexample, scenarioArbitrary } from './support/rex-property.ts';
import { createRexMachine, type RexMachine } from './support/rex-machine.ts';

const { env } = process;
const runs = Number(env['RUNS'] ?? (env['TEST_TIER'] === 'slow' ? 100_000 : 1000));
const seed = Number(env['SEED'] ?? 1);
const CPUS = 2;

test(`a program's caller gets its registers, stack and per-CPU state back (${runs} runs)`, () => {
  let machine: RexMachine | undefined;
  const property = fc.property(scenarioArbitrary(CPUS), (scenario) => {
    machine ??= createRexMachine(undefined, CPUS);
    const failures = counterexample(machine, scenario);
    if (failures.length === 0) return;
    // what a failure leaves behind must not meet the next run
    machine = undefined;
    throw new Error(failures.join('\n'));
  });
  const path = env['SEED_PATH'];
  const details = fc.check(property, { numRuns: runs, seed, ...(path === undefined ? {} : { path }) });
  const replay = `SEED=${details.seed} SEED_PATH=${details.counterexamplePath} RUNS=${runs} npx tsx tests/rex-unwinding.test.ts`;
  const { errorInstance } = details as { errorInstance?: unknown };
  assert.not(details.failed, `after ${details.numRuns} runs: ${String(errorInstance)}\nreplay: ${replay}`);
});

test.run();

/**
 * Whatever an extension program does, panic included, rex_dispatcher_func's caller gets everything back: random programs
 * on the real processor model, on two CPUs at once. `TEST_TIER=slow` runs RUNS of them (100,000 unless given).
 */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeKernelU64 } from '../kernel/mm/kernel-memory.ts';
import { readPerCpu } from '../kernel/per-cpu.ts';
import { stackTrace } from '../kernel/stack-trace.ts';
import { counterexample, scenarioArbitrary } from './support/rex-property.ts';
import { CALLER_STACK_SIZE, createRexMachine, type RexMachine } from './support/rex-machine.ts';

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

test('the stack trace of any stack whatever ends, in at most 64 frames and a user register dump', () => {
  const machine = createRexMachine(undefined, 1);
  const { kernel } = machine;
  const cpu = kernel.cpus[0]!;
  const stack = machine.stacks[0]!;
  const rexTop = readPerCpu(kernel, 0, 'rex_stack_ptr');
  const functions = [
    'asm_exc_page_fault',
    'entry_SYSCALL_64_after_hwframe',
    'asm_sysvec_apic_timer_interrupt',
    'do_syscall_64',
  ];
  const word = fc.oneof(
    fc.nat(CALLER_STACK_SIZE / 8 - 1).map((n) => stack + BigInt(n * 8)),
    fc.constantFrom(...functions).map((name) => machine.address(name) + 1n),
    fc.constantFrom(rexTop, 0n, 0x10n, 0x33n, 0xffff_ffff_ffff_ffffn, machine.address('test_caller')),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  );
  const scene = fc.record({
    words: fc.array(word, { minLength: 1, maxLength: 64 }),
    ip: word,
    bp: word,
    sp: word,
    top: word,
  });
  const property = fc.property(scene, ({ words, ip, bp, sp, top }) => {
    for (let n = 0; n < CALLER_STACK_SIZE / 8; n++)
      writeKernelU64(kernel, stack + BigInt(n * 8), words[n % words.length]!);
    writeKernelU64(kernel, rexTop, top);
    assert.ok(stackTrace(kernel, cpu, { ip, bp, sp }).length <= 64 + 8);
  });
  fc.assert(property, { numRuns: Math.min(runs, 300), seed });
});

test.run();

// A CPU that is alone runs through the ends of its slices: everything is as if it did not.
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { takeSnapshot } from '../box/snapshot.ts';
import { Box, type KernelEvent, type Process } from '../index.ts';
import { nextDeadline } from '../kernel/sleepers.ts';
import { createHost, type KernelHost } from '../kernel/host.ts';
import { busy, runKernel } from '../kernel/run.ts';
import type { Cpu } from '../cpu/cpu.ts';
import { createEngine } from '../cpu/engine.ts';
import { settleFlags, Slot } from '../cpu/state.ts';
import { hasEnded } from '../box/spawn.ts';
import { readRepositoryFile } from './support/user-machine.ts';
import { KTIME_MAX, timeAfter } from '../kernel/time.ts';

const RUNS = Number(process.env['RUNS'] ?? (process.env['TEST_TIER'] === 'slow' ? 150 : 6));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const SLOTS = Slot.fds + 1;

/** Threads, sleeps, signals, pipes and sockets; calls of one system call (sched_yield, getpid, dup, pause); counters. */
const programs: readonly (readonly [name: string, ...args: string[]])[] = [
  ['threads'],
  ['signals'],
  ['pipeline'],
  ['epoll'],
  ['udp-echo'],
  ['tcp-echo'],
  ['cow'],
  ['perf-events'],
  ['qsort'],
  ['calls', '24', '3000'],
  ['calls', '39', '20000'],
  ['calls', '32', '3000'],
  ['calls', '34', '1'],
];
const names = [...new Set(programs.map(([name]) => name))];
const pathOf = (name: string): string => (name === 'calls' ? `bench/rex/bin/${name}` : `tests/programs/bin/${name}`);

const instructions = fc.oneof(fc.nat(30_000), fc.nat(3_000_000));
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ spawn: fc.nat(programs.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ signal: fc.constantFrom('SIGKILL', 'SIGTERM', 'SIGCONT') }) },
  { weight: 4, arbitrary: fc.record({ budget: instructions }) },
  { weight: 2, arbitrary: fc.record({ time: instructions }) },
  { weight: 2, arbitrary: fc.constant({ until: 'ended' } as const) },
  { weight: 1, arbitrary: fc.constant({ until: 'quiet' } as const) },
);
type WorkStep = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const workload = fc.record(
  {
    cpus: fc.integer({ min: 1, max: 4 }),
    attached: fc.subarray(['hello', 'empty', 'endless']),
    /** whether somebody listens to events */
    watched: fc.boolean(),
    engine: fc.constantFrom('interpreter', 'translator'),
    steps: fc.array(step, { minLength: 3, maxLength: 12 }),
  },
  { noNullPrototype: true },
);
type Workload = typeof workload extends fc.Arbitrary<infer Value> ? Value : never;

interface Run {
  readonly box: Box;
  readonly host: KernelHost;
  readonly events: KernelEvent[];
  /** guest time and instruction at which somebody who listens learns of events */
  readonly seen: [count: number, time: bigint, instruction: number][];
  readonly outcomes: string[];
}

const BUDGET = 4_000_000;

async function createRun({ cpus, attached, engine, watched }: Workload): Promise<Run> {
  const box = await Box.boot({ cpus, memory: 32 << 20, watchdogPeriod: 1_000_000 });
  for (const name of names) box.files.write(`/${name}`, readRepositoryFile(pathOf(name)));
  if (attached.includes('hello')) {
    const hello = box.rex.load(readRepositoryFile('samples/hello/hello.rex'));
    hello.program('rex_prog1').attachTracepoint('syscalls/sys_enter_dup');
  }
  if (attached.includes('empty')) {
    box.rex.load(readRepositoryFile('bench/rex/bin/events.rex')).program('empty').attachKsyscall('getpid');
  }
  if (attached.includes('endless')) {
    const termination = box.rex.load(readRepositoryFile('samples/termination/termination.rex'));
    termination.map('pid_to_action').update(2, 1);
    termination.map('pid_to_action').update(3, 2);
    termination.program('endless').attachKsyscall('sched_yield');
  }
  const { kernel } = box;
  kernel.turn.watched = watched;
  const host = createHost(kernel, createEngine(kernel.memory, engine, { threshold: 20 }));
  return { box, host, events: [], seen: [], outcomes: [] };
}

/** Runs `kernel` until `done`; long stretches or slices. */
function advance(
  { box, host, events, seen, outcomes }: Run,
  long: boolean,
  step: WorkStep,
  processes: Process[],
): void {
  const { kernel } = box;
  if ('spawn' in step) {
    const [name, ...args] = programs[step.spawn]!;
    processes.push(box.spawn(`/${name}`, args));
    return;
  }
  const last = processes.at(-1);
  if ('signal' in step) {
    if (last !== undefined && !hasEnded(kernel, last)) box.signal(last, step.signal);
    return;
  }
  const deadline = 'time' in step ? timeAfter(kernel.roundStart, BigInt(step.time)) : KTIME_MAX;
  const ended = (): boolean =>
    'until' in step && step.until === 'ended' && last !== undefined && hasEnded(kernel, last);
  const quiet = (): boolean => 'until' in step && step.until === 'quiet' && !busy(kernel);
  const done = (): boolean => {
    if (kernel.events.length > 0) {
      seen.push([kernel.events.length, kernel.roundStart, box.instructions]);
      events.push(...kernel.events.splice(0));
    }
    return ended() || quiet() || kernel.roundStart >= deadline;
  };
  const budget = 'budget' in step ? step.budget : BUDGET;
  const outcome = runKernel(kernel, host, budget, done, long ? deadline : undefined);
  done();
  outcomes.push(`${outcome} at ${kernel.roundStart}, ${box.instructions} instructions, ${JSON.stringify(kernel.turn)}`);
}

/** All of them, without how the flags have come about. */
function registersOf(cpu: Cpu): bigint[] {
  settleFlags(cpu);
  return [...cpu.slots.subarray(0, Slot.flagsKind), ...cpu.slots.subarray(Slot.fsBase, SLOTS)];
}

function assertSame(left: Run, right: Run, watched: boolean): void {
  assert.equal(left.outcomes, right.outcomes);
  assert.equal(left.events.length, right.events.length);
  for (const [n, event] of left.events.entries()) {
    if (!isDeepStrictEqual(event, right.events[n])) assert.equal(event, right.events[n], `event ${n}`);
  }
  if (watched) assert.equal(left.seen, right.seen);
  const [one, other] = [left.box.kernel, right.box.kernel];
  for (const [n, cpu] of one.cpus.entries()) {
    const twin = other.cpus[n]!;
    assert.is(cpu.retired, twin.retired, `CPU ${n}: instructions`);
    assert.equal(cpu.pendingInterrupts, twin.pendingInterrupts);
    assert.equal(registersOf(cpu), registersOf(twin), `CPU ${n}: registers`);
  }
  assert.ok(Buffer.from(one.memory.bytes).equals(other.memory.bytes), 'memory');
  // remembered where somebody has asked
  for (const kernel of [one, other]) nextDeadline(kernel);
  const [first, second] = [takeSnapshot(one).kernel, takeSnapshot(other).kernel];
  for (const key of Object.keys(first)) {
    if (!isDeepStrictEqual(first[key], second[key])) assert.equal(first[key], second[key], key);
  }
}

test('long stretches and slices: the same kernel, the same events', async () => {
  const property = fc.asyncProperty(workload, async (work) => {
    const [long, sliced] = await Promise.all([createRun(work), createRun(work)]);
    const [longProcesses, slicedProcesses]: [Process[], Process[]] = [[], []];
    for (const step of work.steps) {
      advance(long, true, step, longProcesses);
      advance(sliced, false, step, slicedProcesses);
      if (long.box.death !== undefined) break;
    }
    assertSame(long, sliced, work.watched);
  });
  const result = await fc.check(property, { numRuns: RUNS, ...seed });
  const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/long-stretches.test.ts`;
  const message = String((result.errorInstance as Error | null)?.stack);
  assert.not.ok(result.failed, `${replay}\n${message}\n${fc.defaultReportMessage(result)}`);
});

test.run();

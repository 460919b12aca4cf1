/** Time and instructions of events, and the part of the native functions. */
import type { Box } from '../../index.ts';
import { createEngine, type EngineName } from '../../cpu/engine.ts';
import { createHost, type KernelHost } from '../../kernel/host.ts';
import { nativeNames } from '../../kernel/natives.ts';
import { runKernel } from '../../kernel/run.ts';
import { median } from '../statistics.ts';
import { KTIME_MAX } from '../../kernel/time.ts';

const RUNS = 5;

/** How events are made to happen in a box. */
export interface Driver {
  readonly box: Box;
  /** Prepares `count` events; `done`, once they have happened, changes only where a task leaves its CPU. */
  start(count: number): { readonly done: () => boolean };
}

export interface Cost {
  /** CPU time an event */
  readonly nanoseconds: number;
  readonly instructions: number;
}

const cpuMicroseconds = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

interface Run {
  readonly microseconds: number;
  readonly instructions: number;
}

function runOnce({ box, start }: Driver, count: number, host: KernelHost): Run {
  const { kernel } = box;
  const { done } = start(count);
  const instructions = box.instructions;
  const before = cpuMicroseconds();
  const asked = (): boolean => {
    kernel.events.length = 0;
    return done();
  };
  const outcome = runKernel(kernel, host, Infinity, asked, KTIME_MAX);
  const microseconds = cpuMicroseconds() - before;
  if (outcome !== 'done') throw new Error(`the run ended as ${outcome}: ${box.death}`);
  return { microseconds, instructions: box.instructions - instructions };
}

/** A driver with the engine that executes it. */
export interface Runner {
  readonly driver: Driver;
  readonly host: KernelHost;
}

/** The box's own engine is the interpreter, and goes no further than making the box ready. */
export function createRunner(driver: Driver, engine: EngineName): Runner {
  const { kernel } = driver.box;
  kernel.turn.watched = false;
  return { driver, host: createHost(kernel, createEngine(kernel.memory, engine)) };
}

/** The difference between runs with `events` events and with none, after a warm-up. */
export function measure({ driver, host }: Runner, events: number): Cost {
  runOnce(driver, events, host);
  const empty = Array.from({ length: RUNS }, () => runOnce(driver, 0, host));
  const full = Array.from({ length: RUNS }, () => runOnce(driver, events, host));
  const less = (pick: (run: Run) => number): number => (median(full.map(pick)) - median(empty.map(pick))) / events;
  return {
    nanoseconds: less(({ microseconds }) => microseconds) * 1000,
    instructions: less(({ instructions }) => instructions),
  };
}

export interface Share {
  readonly name: string;
  /** an event */
  readonly calls: number;
  /** an event */
  readonly nanoseconds: number;
}

/** What it costs to look at the clock twice, ms. */
function clockCost(): number {
  const COUNT = 200_000;
  let spent = 0;
  for (let n = 0; n < COUNT; n++) {
    const before = performance.now();
    spent += performance.now() - before;
  }
  return spent / COUNT;
}

/** A run with a clock around every native call, whose own cost is taken off. */
export function nativeShares({ driver, host }: Runner, events: number): Share[] {
  const calls = new Float64Array(nativeNames.length);
  const spent = new Float64Array(nativeNames.length);
  const { native } = host;
  host.native = (cpu, id) => {
    const before = performance.now();
    const result = native(cpu, id);
    spent[id]! += performance.now() - before;
    calls[id]!++;
    return result;
  };
  runOnce(driver, events, host);
  const clock = clockCost();
  calls.fill(0);
  spent.fill(0);
  runOnce(driver, events, host);
  host.native = native;
  return nativeNames
    .map((name, id) => ({
      name,
      calls: calls[id]! / events,
      nanoseconds: (Math.max(0, spent[id]! - calls[id]! * clock) * 1e6) / events,
    }))
    .filter((share) => share.calls >= 0.01)
    .sort((left, right) => right.nanoseconds - left.nanoseconds);
}

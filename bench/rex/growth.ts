/** The cost of an event in a box with more and more of something that the event is not about. */
import { createMap } from '../../kernel/bpf/maps.ts';
import { createKprobeEvent } from '../../kernel/perf/events.ts';
import { createKernelThread } from '../../kernel/process.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { sleepOn } from '../../kernel/sleepers.ts';
import { syscallTable } from '../../kernel/syscalls/index.ts';
import type { EngineName } from '../../cpu/engine.ts';
import { createRunner, measure, type Driver } from './measure.ts';
import { boot, callDriver, eventPrograms, hashUpdate } from './scenarios.ts';

const COUNTS = [1, 100, 10_000] as const;
/** a kernel has no more than 4096 */
const MOST_TASKS = 4000;

export interface GrowthRow {
  readonly name: string;
  /** Nanoseconds an event with 1, 100, 10,000 and 1,000,000 of them; NaN where that makes no sense. */
  measure(engine: EngineName, events: number): Promise<number[]>;
}

/** A box with the empty kprobe program and `count` of what `add` makes. */
async function emptyKprobeBeside(count: number, add: (kernel: Kernel, n: number) => void): Promise<Driver> {
  const box = await boot({ memory: 512 << 20 });
  // first: where things lie, and so which of them meet in the TLB, must not depend on `count`
  box.rex.load(eventPrograms).program('empty').attachKsyscall('getpid');
  for (let n = 1; n < count; n++) add(box.kernel, n);
  return callDriver(box, 'getpid');
}

function beside(name: string, add: (kernel: Kernel, n: number) => void, most = Infinity): GrowthRow {
  return {
    name,
    async measure(engine, events) {
      const costs: number[] = [];
      for (const count of COUNTS) {
        // oxlint-disable-next-line no-await-in-loop
        const driver = await emptyKprobeBeside(Math.min(count, most), add);
        costs.push(measure(createRunner(driver, engine), events).nanoseconds);
      }
      return [...costs, NaN];
    },
  };
}

/** Functions that `calls` does not call. */
const others = syscallTable.filter(({ name }) => !/^(getpid|exit|exit_group|write)$/.test(name));

function addProbe(kernel: Kernel, n: number): void {
  const symbol = `__x64_sys_${others[n % others.length]!.name}`;
  createKprobeEvent(kernel, { symbol, offset: 0n, address: 0n }, true);
}

function addMap(kernel: Kernel, n: number): void {
  const attributes = { keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 };
  createMap(kernel, { ...attributes, type: constants.BPF_MAP_TYPE_ARRAY, name: `map${n}` });
}

function addTask(kernel: Kernel, n: number): void {
  // bound to a processor that does not exist
  const task = createKernelThread(kernel, `sleeper${n}`, 0n, n + kernel.cpus.length);
  sleepOn(kernel, task, [`sleeper:${n}`], undefined);
}

const entries: GrowthRow = {
  name: 'map entries',
  async measure(engine, events) {
    const costs: number[] = [];
    for (const count of [...COUNTS, 1_000_000]) {
      // oxlint-disable-next-line no-await-in-loop
      costs.push(measure(createRunner(await hashUpdate(count), engine), events).nanoseconds);
    }
    return costs;
  },
};

export const growthRows: readonly GrowthRow[] = [
  beside('probes', addProbe),
  beside('maps', addMap),
  beside('tasks (4,000 at most)', addTask, MOST_TASKS),
  entries,
];

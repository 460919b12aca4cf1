/** What the processor's native-call trap does: runs the function and acts on what it says. */
import type { Cpu, Host } from '../cpu/cpu.ts';
import { interpreter, type Engine } from '../cpu/engine.ts';
import type { RunEnd } from '../cpu/interpreter.ts';
import { raise, Vector } from '../cpu/fault.ts';
import { hasWatches } from '../cpu/stops.ts';
import { Errno } from './errno.ts';
import { currentTask, random64, type Kernel } from './kernel.ts';
import { isWait, type Wait } from './native.ts';
import { nativeTable } from './natives.ts';
import { sleepOn } from './sleepers.ts';
import { endWithSlice, passSlices } from './turn.ts';
import { putBack } from './scheduler.ts';
import { callWatched } from './watched-natives.ts';
import { beginWork, settleWork } from './work.ts';

const RAX = 0;
/** that wait to be taken out of `kernel.events` before a stretch of slices ends: some MiB of output */
const MOST_EVENTS = 64;

/** The task leaves its CPU: into the run queue, or asleep. */
function suspend(kernel: Kernel, cpu: Cpu, { wait, deadline, preempted }: Wait): void {
  const task = currentTask(kernel, cpu);
  if (wait.length === 0 && deadline === undefined) putBack(kernel, cpu, task, preempted !== true);
  else sleepOn(kernel, task, wait, deadline);
  cpu.leave = true;
}

export interface KernelHost extends Host {
  /** As the interpreter's `run`, by the box's engine. */
  run(cpu: Cpu, limit: number): RunEnd;
}

/** The processor's surroundings for `kernel`, and what executes its instructions. */
export function createHost(kernel: Kernel, engine: Engine = interpreter): KernelHost {
  const complete = (cpu: Cpu, value: bigint | number): void => {
    if (typeof value === 'bigint') cpu.slots[RAX] = value;
    else if (value === (value | 0)) {
      cpu.words[RAX * 2] = value;
      cpu.words[RAX * 2 + 1] = value < 0 ? -1 : 0;
    } else cpu.slots[RAX] = BigInt(value);
  };
  const call = (cpu: Cpu, id: number): 'done' | 'again' => {
    const body = nativeTable[id] ?? raise(Vector.UD);
    if (cpu.retired >= kernel.turn.sliceEnd) passSlices(kernel, cpu, cpu.retired + 1);
    let result;
    beginWork();
    try {
      result = body(kernel, cpu);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      result = -error.number;
    }
    settleWork(kernel, cpu);
    if (isWait(result)) {
      suspend(kernel, cpu, result);
      if (result.result === undefined) return 'again';
      complete(cpu, result.result);
    } else if (result !== undefined) complete(cpu, result);
    const { length } = kernel.events;
    if (length > 0 && (kernel.turn.watched || length >= MOST_EVENTS)) endWithSlice(kernel);
    return 'done';
  };
  const host: KernelHost = {
    run: (cpu, limit) => engine.run(cpu, host, limit),
    native(cpu, id) {
      const { stops } = kernel.memory;
      if (!hasWatches(stops)) return call(cpu, id);
      return callWatched(kernel, cpu, stops, () => call(cpu, id));
    },
    random: () => random64(kernel),
  };
  return host;
}

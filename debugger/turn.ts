/** Whose turn it is: the processor that will execute the next instruction, and the task on it. */
import { Slot } from '../cpu/state.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { contextIndex } from '../kernel/scheduler.ts';

export interface Turn {
  readonly cpu: number;
  /** 0: nobody can run before time has gone by */
  readonly pid: number;
  readonly rip: bigint;
}

/** Who a CPU without a task would take from the queue, as the scheduler does. */
function nextInQueue({ tasks, runQueue }: Kernel, cpu: number): number | undefined {
  return runQueue.find((pid) => {
    const task = tasks.get(pid);
    return task?.state === 'runnable' && (task.boundCpu ?? cpu) === cpu;
  });
}

/** Where a task that is on no CPU goes on. */
export function savedRip(kernel: Kernel, pid: number): bigint {
  return kernel.tasks.get(pid)?.context[contextIndex(Slot.rip)] ?? 0n;
}

/** An interrupt that waits is taken first: then the next instruction executed is its handler's first. */
export function whoseTurn(kernel: Kernel): Turn {
  const { cpus, perCpu, tasks, turn } = kernel;
  for (let n = 0; n < cpus.length; n++) {
    const cpu = (turn.cpu + n) % cpus.length;
    const { current } = perCpu[cpu]!;
    if (tasks.get(current)?.state === 'running') return { cpu, pid: current, rip: cpus[cpu]!.registers.rip };
    const pid = nextInQueue(kernel, cpu);
    if (pid !== undefined) return { cpu, pid, rip: savedRip(kernel, pid) };
  }
  return { cpu: turn.cpu, pid: 0, rip: cpus[turn.cpu]!.registers.rip };
}

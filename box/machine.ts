/** What is behind the functions of a box: its kernel, who executes it, who is told, and what is known of its past. */
import type { Engine } from '../cpu/engine.ts';
import type { KernelEvent } from '../kernel/events.ts';
import type { KernelHost } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { retired, runKernel, type RunOutcome } from '../kernel/run.ts';
import { drain, rethrow } from './drain.ts';
import type { EventLog } from './event-log.ts';
import { arrive, depart, noteChange, type History } from './history/history.ts';
import { askForInput, wantsInput } from './input.ts';
import type { Profiler } from './profile.ts';
import type { InputSource } from './spawn.ts';

export type BoxListener = (event: KernelEvent) => void;

export interface Machine {
  readonly kernel: Kernel;
  readonly host: KernelHost;
  /** its `run` is the profiler's while there is one */
  readonly engine: Engine;
  profiler: Profiler | undefined;
  /** instructions that going back has taken back */
  takenBack: number;
  readonly listeners: Set<BoxListener>;
  /** what a listener has thrown, of which the caller does not know yet */
  failure: { readonly error: unknown } | undefined;
  /** listeners are being told */
  telling: boolean;
  /** instructions are being executed */
  running: boolean;
  /** who wants the events of the present run, also of what is executed once more */
  collector: BoxListener | undefined;
  log: EventLog;
  source: InputSource | undefined;
  history: History | undefined;
}

const mayAsk = ({ source, history }: Machine): boolean => source !== undefined && history?.replaying !== true;

/**
 * runKernel, but asks for input when a program waits for it, and notes what history wants to know. `done` changes only where a
 * task leaves its CPU, or at guest time `horizon`. What a listener throws ends the run where it may be ended, and is thrown
 * then.
 */
export function runFor(machine: Machine, budget: number, done: () => boolean, horizon: bigint): RunOutcome {
  const outcome = runAlong(machine, budget, done, horizon);
  rethrow(machine);
  return outcome;
}

function runAlong(machine: Machine, budget: number, done: () => boolean, horizon: bigint): RunOutcome {
  const { kernel, host } = machine;
  const end = retired(kernel) + budget;
  const asks = (): boolean => mayAsk(machine) && wantsInput(kernel);
  const stop = (): boolean => {
    drain(machine);
    // a listener may have done something
    return machine.failure !== undefined || machine.history?.pending === true || done() || asks();
  };
  machine.running = true;
  try {
    for (;;) {
      const bound = retired(kernel) < end ? depart(machine) : end;
      kernel.turn.watched = machine.listeners.size > 0 && machine.history?.replaying !== true;
      const outcome = runKernel(kernel, host, Math.min(end, bound) - retired(kernel), stop, horizon);
      drain(machine);
      arrive(machine);
      if (machine.failure !== undefined) return outcome;
      if (outcome === 'budget' && retired(kernel) < end) continue;
      if (outcome !== 'done' || done()) return outcome;
      if (asks()) {
        noteChange(machine);
        askForInput(kernel, machine.source!);
      } else if (retired(kernel) >= end) return 'budget';
    }
  } finally {
    machine.running = false;
    kernel.turn.watched = false;
    if (machine.history !== undefined) machine.history.replaying = false;
  }
}

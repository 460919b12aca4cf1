/**
 * Takes the kernel's events out and tells everybody, each event once, in their order; of what is executed once more, nobody
 * but who asked for this run. A listener that throws keeps no other from being told, nor itself from what follows: the first
 * thing that one has thrown is for the caller of the function in which it was told, once the box is at rest: see `rethrow`.
 */
import type { KernelEvent } from '../kernel/events.ts';
import { BoxError } from './errors.ts';
import { remember } from './event-log.ts';
import type { Machine } from './machine.ts';

function tellListeners(machine: Machine, event: KernelEvent): void {
  for (const listener of Array.from(machine.listeners)) {
    // another one has taken it off
    if (!machine.listeners.has(listener)) continue;
    try {
      listener(event);
    } catch (error) {
      machine.failure ??= { error };
    }
  }
}

export function drain(machine: Machine): void {
  const { kernel, log, history, collector } = machine;
  // what a listener causes follows when its turn comes
  if (machine.telling || kernel.events.length === 0) return;
  machine.telling = true;
  try {
    while (kernel.events.length > 0) {
      for (const event of kernel.events.splice(0)) {
        if (history?.replaying === true) log.position++;
        else {
          remember(log, event);
          if (machine.listeners.size > 0) tellListeners(machine, event);
        }
        collector?.(event);
      }
    }
  } finally {
    machine.telling = false;
  }
}

/** To whoever called: what a listener has thrown since the last time. */
export function rethrow(machine: Machine): void {
  const { failure } = machine;
  machine.failure = undefined;
  if (failure !== undefined) throw failure.error;
}

/** BoxError while a listener is being told or a run is in progress: the box is not at rest. */
export function requireRest({ telling, running }: Machine, what: string): void {
  if (telling) throw new BoxError(`${what}: not from a listener: the box is not at rest until all have been told`);
  if (running) throw new BoxError(`${what}: not from within a run: the box is not at rest`);
}

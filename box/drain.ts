/** Takes the kernel's events out and tells everybody; of what is executed once more, nobody but who asked for this run. */
import { remember } from './event-log.ts';
import type { Machine } from './machine.ts';

export function drain({ kernel, listeners, log, history, collector }: Machine): void {
  if (kernel.events.length === 0) return;
  for (const event of kernel.events.splice(0)) {
    if (history?.replaying === true) log.position++;
    else {
      remember(log, event);
      for (const listener of listeners) listener(event);
    }
    collector?.(event);
  }
}

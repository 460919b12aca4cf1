/** tracefs's description of the tracepoints: events/CATEGORY/NAME/{id,format} and available_events. */
import { placeGenerated } from '../fs/inodes.ts';
import type { Kernel } from '../kernel.ts';
import { EVENTS } from './event-rows.ts';

/** Makes the files; `kernel.perf.tracepoints` is filled. */
export function createEventFiles(kernel: Kernel): void {
  for (const { category, name } of kernel.perf.tracepoints.values()) {
    for (const file of ['format', 'id']) placeGenerated(kernel, `${EVENTS}/${category}/${name}/${file}`, 0o440);
  }
}

/** The events that a box remembers: the latest ones, bounded in number and in bytes. */
import type { KernelEvent } from '../kernel/events.ts';

/** The oldest go when there are more; half of them at once, so that it costs little. */
export const EVENT_LIMIT = 1 << 18;
const BYTES_LIMIT = 64 << 20;

export interface EventLog {
  readonly events: KernelEvent[];
  /** of output in them */
  bytes: number;
}

const sizeOf = (event: KernelEvent): number => (event.type === 'write' ? event.bytes.length : 0);

export function createEventLog(): EventLog {
  return { events: [], bytes: 0 };
}

export function remember(log: EventLog, event: KernelEvent): void {
  log.events.push(event);
  log.bytes += sizeOf(event);
  if (log.events.length <= EVENT_LIMIT && log.bytes <= BYTES_LIMIT) return;
  for (const gone of log.events.splice(0, Math.ceil(log.events.length / 2))) log.bytes -= sizeOf(gone);
}

/** The events that a box remembers: the latest ones, bounded in number and in bytes. Back in time, those to come stay known. */
import type { KernelEvent } from '../kernel/events.ts';

/** The oldest go when there are more; half of them at once, so that it costs little. */
export const EVENT_LIMIT = 1 << 18;
/** of the host's memory that events take, roughly */
const BYTES_LIMIT = 32 << 20;

export interface EventLog {
  readonly events: KernelEvent[];
  /** of the host's memory that they take, roughly */
  bytes: number;
  /** older ones, which nobody remembers */
  gone: number;
  /** how many had happened by now, of those that are gone and those that are there */
  position: number;
}

/** of an event without its text, and of one with the arguments of a system call */
const EVENT_BYTES = 256;
const SYSCALL_BYTES = 576;

function sizeOf(event: KernelEvent): number {
  switch (event.type) {
    case 'write':
      return EVENT_BYTES + event.bytes.length;
    case 'syscall':
      return SYSCALL_BYTES + event.text.length;
    case 'log':
    case 'panic':
      return EVENT_BYTES + event.text.length;
    default:
      return EVENT_BYTES;
  }
}

export function createEventLog(): EventLog {
  return { events: [], bytes: 0, gone: 0, position: 0 };
}

/** Something happens for the first time: what was to come is not, any more. */
export function remember(log: EventLog, event: KernelEvent): void {
  forgetFuture(log);
  log.events.push(event);
  log.position++;
  log.bytes += sizeOf(event);
  if (log.events.length <= EVENT_LIMIT && log.bytes <= BYTES_LIMIT) return;
  const half = log.events.splice(0, Math.ceil(log.events.length / 2));
  log.gone += half.length;
  for (const gone of half) log.bytes -= sizeOf(gone);
}

/** What is remembered of the time before now. */
export function eventsUntilNow({ events, gone, position }: EventLog): readonly KernelEvent[] {
  return position === gone + events.length ? events : events.slice(0, Math.max(0, position - gone));
}

export function forgetFuture(log: EventLog): void {
  const { events, gone, position } = log;
  if (position === gone + events.length) return;
  for (const event of events.splice(Math.max(0, position - gone))) log.bytes -= sizeOf(event);
  log.gone = Math.min(gone, position);
}

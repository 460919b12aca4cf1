/** What perf events and tracepoints keep in guest memory, and what they share with user space. */
import { structure, type Structure } from './structure.ts';

/** include/linux/trace_events.h, the fields that the hooks' machine code reads, at offsets of our own. */
export const trace_event_call = structure(16, [
  ['id', 'u32'],
  /** perf events that are open on it: nothing is recorded while it is 0 */
  ['perf_refcount', 'u32'],
  /** programs attached to it */
  ['prog_count', 'u32'],
  /** bytes of a record */
  ['size', 'u32'],
]);

/** include/linux/perf_event.h, at offsets of our own; a program gets its address. */
export const perf_event = structure(64, [
  ['type', 'u32'],
  ['id', 'u32'],
  ['config', 'u64'],
  /** struct bpf_prog * of an event whose overflow runs it */
  ['prog', 'pointer'],
  ['pid', 'i32'],
  ['cpu', 'i32'],
]);

/** include/uapi/linux/perf_event.h: the first page of a mapped event. */
export const perf_event_mmap_page = structure(4096, [
  ['version', 'u32'],
  ['compat_version', 'u32'],
  ['lock', 'u32'],
  ['index', 'u32'],
  ['offset', 'i64'],
  ['time_enabled', 'u64'],
  ['time_running', 'u64'],
  ['capabilities', 'u64'],
  ['data_head', 'u64', 1024],
  ['data_tail', 'u64'],
  ['data_offset', 'u64'],
  ['data_size', 'u64'],
]);

export const perfStructures = { trace_event_call, perf_event } satisfies Record<string, Structure>;

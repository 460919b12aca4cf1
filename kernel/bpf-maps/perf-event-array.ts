/** BPF_MAP_TYPE_PERF_EVENT_ARRAY, kernel/bpf/arraymap.c: perf events by index, each entry a reference. */
import type { BpfMap, PerfEvent } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import { fileOf } from '../fs/files.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { chargeObject, unchargeObject } from '../mm/objects.ts';
import { holdEvent, putEvent } from '../perf/events.ts';
import { accessFlags, checkMapFlags, dataOf, MapFlag, nextIndex, u32Of, type MapType } from './map-type.ts';

function remove(kernel: Kernel, map: BpfMap, index: number): void {
  const { events } = dataOf(map, 'events');
  const entry = events.get(index) ?? fail('ENOENT');
  events.delete(index);
  unchargeObject(kernel, 'event-entry');
  putEvent(kernel, entry.event);
}

/** The event at `index`, for bpf_perf_event_output. E2BIG past the end, ENOENT for an empty entry. */
export function eventAt(kernel: Kernel, map: BpfMap, index: number): PerfEvent {
  if (index >= map.maxEntries) fail('E2BIG');
  const entry = dataOf(map, 'events').events.get(index) ?? fail('ENOENT');
  return kernel.bpf.events.get(entry.event) ?? fail('ENOENT');
}

export const perfEventArrayMap: MapType = {
  number: constants.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  name: 'perf_event_array',
  note: 'a program that looks up or updates gets NULL or -ENOTSUPP, which the verifier would refuse',

  check({ keySize, valueSize, maxEntries, flags }) {
    if (valueSize !== 4 || keySize !== 4 || maxEntries === 0) fail('EINVAL');
    checkMapFlags(flags, MapFlag.NUMA_NODE | MapFlag.PRESERVE_ELEMS);
    if ((flags & accessFlags & (MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG)) !== 0) fail('EINVAL');
  },

  create: () => ({ kind: 'events', events: new Map() }),
  lookup: () => 0n,
  read: () => fail('ENOTSUPP'),
  update: () => fail('ENOTSUPP'),

  /** EINVAL flags, E2BIG, EBADF for what is no perf event's descriptor */
  write({ kernel, task, file }, map, key, value, flags) {
    const index = u32Of(key);
    const { events } = dataOf(map, 'events');
    if (flags !== 0n) fail('EINVAL');
    if (index >= map.maxEntries) fail('E2BIG');
    const target = fileOf(kernel, task ?? fail('EBADF'), u32Of(value) | 0);
    const event = target.kind === 'perf-event' ? kernel.bpf.events.get(target.object) : undefined;
    if (event === undefined) return fail('EBADF');
    const old = events.get(index);
    if (old === undefined) chargeObject(kernel, 'event-entry');
    holdEvent(event);
    events.set(index, { event: event.id, file });
    if (old !== undefined) putEvent(kernel, old.event);
  },

  delete(kernel, map, key) {
    const index = u32Of(key);
    if (index >= map.maxEntries) fail('E2BIG');
    remove(kernel, map, index);
  },

  nextKey: (_kernel, map, key) => nextIndex(key, map.maxEntries),

  fileReleased(kernel, map, file) {
    if ((map.flags & MapFlag.PRESERVE_ELEMS) !== 0) return;
    for (const [index, entry] of dataOf(map, 'events').events) if (entry.file === file) remove(kernel, map, index);
  },

  free(kernel, map) {
    for (const index of dataOf(map, 'events').events.keys()) remove(kernel, map, index);
  },
};

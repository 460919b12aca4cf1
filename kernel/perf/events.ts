/** The life of perf events: one descriptor is one event, and carries at most one program. */
import { fail } from '../errno.ts';
import { holdProgram, putProgram } from '../bpf/programs.ts';
import type { BpfProgram } from '../bpf/types.ts';
import type { Kernel } from '../kernel.ts';
import { registerKprobe, unregisterKprobe } from '../kprobe/index.ts';
import { constants } from '../layout/constants.ts';
import { perf_event, trace_event_call } from '../layout/perf.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { charging, unchargeObject } from '../mm/objects.ts';
import { readKernelU32, writeKernel, writeKernelU32, writeKernelU64 } from '../mm/kernel-memory.ts';
import { insertSorted, removeSorted, valueAt, valuesAbove } from '../sorted-list.ts';
import { lookupName } from '../symbols.ts';
import { traceSyscalls } from '../tracing/syscall-work.ts';
import type { Tracepoint } from '../tracing/events.ts';
import { AttributeFlag } from './constants.ts';
import { addTaskEvent, dropTaskEvents, startEvent, stopEvent } from './counting.ts';
import type { EventAttributes, PerfEvent, PerfEventKind } from './types.ts';

/** How perf_event_attr names a probed instruction: a symbol and an offset, or '' and an address. */
export interface ProbeTarget {
  readonly symbol: string;
  readonly offset: bigint;
  readonly address: bigint;
}

/** For whom an event counts: what perf_event_open was told. */
export interface EventScope {
  /** -1: every task */
  readonly pid: number;
  /** -1: every CPU */
  readonly cpu: number;
}

const EVERYTHING: EventScope = { pid: -1, cpu: 0 };

interface NewEvent extends EventScope {
  readonly kind: PerfEventKind;
  readonly attributes: EventAttributes;
  readonly call: bigint;
  readonly probe: PerfEvent['probe'];
  readonly name: string;
  readonly period: number;
}

/** perf_event_alloc: a new event, the caller's reference, not enabled. ENOMEM. */
function createEvent(kernel: Kernel, fields: NewEvent): PerfEvent {
  const { bpf, perf } = kernel;
  const { attributes, pid, cpu, call } = fields;
  const address = charging(kernel, 'perf-event', () => kmalloc(kernel, perf_event.size));
  const id = bpf.next.event++;
  const event: PerfEvent = {
    ...fields,
    id,
    address,
    inherit: (attributes.flags & AttributeFlag.inherit) !== 0n,
    tasks: new Set(),
    enabled: false,
    program: undefined,
    references: 1,
    count: 0n,
    timeEnabled: 0n,
    left: new Map(),
    running: new Map(),
    samples: 0,
    tickEnd: 0n,
    lost: 0,
    ring: undefined,
  };
  const bytes = writeStructure(perf_event, { type: attributes.type, id, config: attributes.config, pid, cpu });
  writeKernel(kernel, address, bytes);
  bpf.events.set(id, event);
  if (pid !== -1) addTaskEvent(kernel, event, pid);
  if (call !== 0n) {
    addTo(perf.calls, call, id);
    countCall(kernel, call, 'perf_refcount', 1);
  }
  return event;
}

function addTo<Key>(lists: Map<Key, Set<number>>, key: Key, id: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, new Set([id]));
  else list.add(id);
}

function takeFrom<Key>(lists: Map<Key, Set<number>>, key: Key, id: number): void {
  const list = lists.get(key);
  list?.delete(id);
  if (list?.size === 0) lists.delete(key);
}

const isOfEveryTask = ({ kind, pid }: PerfEvent): boolean => kind === 'software' && pid === -1;

/** Adds to a counter that the hooks' machine code reads; it never goes below 0. */
function countCall(kernel: Kernel, call: bigint, field: 'perf_refcount' | 'prog_count', change: 1 | -1): void {
  const address = call + BigInt(trace_event_call.fields[field].offset);
  const value = readKernelU32(kernel, address) ?? 0;
  writeKernelU32(kernel, address, Math.max(0, value + change));
}

const attributesOf = (type: number, config: bigint): EventAttributes => ({
  type,
  config,
  sampleType: 0,
  readFormat: 0,
  flags: 0n,
  wakeup: 0,
});

/** perf_kprobe_init: a new event, the caller's reference; its probe is armed. Errors: those of `registerKprobe`. */
export function createKprobeEvent(
  kernel: Kernel,
  target: ProbeTarget,
  enabled: boolean,
  attributes = attributesOf(0, 0n),
  scope = EVERYTHING,
): PerfEvent {
  const address = registerKprobe(kernel, target, kernel.bpf.next.event);
  let call = 0n;
  try {
    call = kmalloc(kernel, trace_event_call.size);
    const { symbol, offset } = target;
    const probe = { address, symbol, offset };
    const name = symbol === '' ? address.toString(16) : symbol;
    const event = createEvent(kernel, { kind: 'kprobe', attributes, call, probe, name, period: 0, ...scope });
    event.enabled = enabled;
    return event;
  } catch (error) {
    unregisterKprobe(kernel, address, kernel.bpf.next.event);
    if (call !== 0n) kfree(kernel, call);
    throw error;
  }
}

/** perf_trace_init: a new event of a tracepoint, the caller's reference. ENOMEM. */
export function createTracepointEvent(
  kernel: Kernel,
  tracepoint: Tracepoint,
  attributes = attributesOf(constants.PERF_TYPE_TRACEPOINT, BigInt(tracepoint.id)),
  scope = EVERYTHING,
  period = 0,
): PerfEvent {
  const call = lookupName(kernel.symbols, tracepoint.symbol);
  if (call === 0n) fail('EINVAL');
  const name = `${tracepoint.category}:${tracepoint.name}`;
  const event = createEvent(kernel, { kind: 'tracepoint', attributes, call, probe: undefined, name, period, ...scope });
  traceSyscalls(kernel);
  setEnabled(kernel, event, (attributes.flags & AttributeFlag.disabled) === 0n);
  return event;
}

/** A new software or hardware event, the caller's reference. ENOMEM. */
export function createCounter(
  kernel: Kernel,
  kind: 'software' | 'hardware',
  attributes: EventAttributes,
  scope: EventScope,
  period: number,
): PerfEvent {
  const event = createEvent(kernel, { kind, attributes, call: 0n, probe: undefined, name: '', period, ...scope });
  kernel.perf.counters++;
  if (isOfEveryTask(event)) addTo(kernel.perf.software, attributes.config, event.id);
  setEnabled(kernel, event, (attributes.flags & AttributeFlag.disabled) === 0n);
  return event;
}

/** perf_event_enable and perf_event_disable */
export function setEnabled(kernel: Kernel, event: PerfEvent, enabled: boolean): void {
  if (event.enabled === enabled) return;
  if (!enabled) stopEvent(kernel, event);
  event.enabled = enabled;
  if (enabled) startEvent(kernel, event);
}

export function holdEvent(event: PerfEvent): PerfEvent {
  event.references++;
  return event;
}

/** put_event: the last reference removes the probe and the program. */
export function putEvent(kernel: Kernel, id: number): void {
  const { bpf, perf } = kernel;
  const event = bpf.events.get(id);
  if (event === undefined || --event.references > 0) return;
  setEnabled(kernel, event, false);
  detachProgram(kernel, event);
  bpf.events.delete(id);
  const { call, probe } = event;
  if (call !== 0n) {
    takeFrom(perf.calls, call, id);
    countCall(kernel, call, 'perf_refcount', -1);
  } else {
    perf.counters--;
    if (isOfEveryTask(event)) takeFrom(perf.software, event.attributes.config, id);
  }
  if (probe !== undefined) {
    unregisterKprobe(kernel, probe.address, id);
    kfree(kernel, call);
  }
  if (event.kind === 'tracepoint') traceSyscalls(kernel);
  kfree(kernel, event.address);
  dropTaskEvents(kernel, event);
  unchargeObject(kernel, 'perf-event');
}

/** Program types by the kind of event that runs them. */
const programTypes: Readonly<Record<PerfEventKind, number>> = {
  kprobe: constants.BPF_PROG_TYPE_KPROBE,
  tracepoint: constants.BPF_PROG_TYPE_TRACEPOINT,
  software: constants.BPF_PROG_TYPE_PERF_EVENT,
  hardware: constants.BPF_PROG_TYPE_PERF_EVENT,
};

const PROG = BigInt(perf_event.fields.prog.offset);

/**
 * perf_event_set_bpf_prog. A kprobe's or tracepoint's program runs from now on at every hit, whoever the event is for and
 * enabled or not; a counter's runs at the event's own overflows.
 * Errors: EINVAL for a program of another type, EEXIST when the event has one.
 */
export function attachProgram(kernel: Kernel, event: PerfEvent, program: BpfProgram): void {
  if (program.type !== programTypes[event.kind]) fail('EINVAL');
  if (event.program !== undefined) fail('EEXIST');
  event.program = holdProgram(program).id;
  if (event.call === 0n) writeKernelU64(kernel, event.address + PROG, program.address);
  else {
    const { attached } = kernel.perf;
    if (!attached.has(event.call)) attached.set(event.call, []);
    insertSorted(attached.get(event.call)!, event.id);
    countCall(kernel, event.call, 'prog_count', 1);
  }
}

/** perf_event_free_bpf_prog */
export function detachProgram(kernel: Kernel, event: PerfEvent): void {
  if (event.program === undefined) return;
  const { program } = event;
  event.program = undefined;
  if (event.call === 0n) writeKernelU64(kernel, event.address + PROG, 0n);
  else {
    const { attached } = kernel.perf;
    const ids = attached.get(event.call) ?? [];
    removeSorted(ids, event.id);
    if (ids.length === 0) attached.delete(event.call);
    countCall(kernel, event.call, 'prog_count', -1);
  }
  putProgram(kernel, program);
}

const programOf = ({ bpf }: Kernel, event: number | undefined): BpfProgram | undefined =>
  bpf.programs.get(bpf.events.get(event ?? 0)?.program ?? 0);

/** The one of `programsOfCall` at `index`. */
export const programOfCall = (kernel: Kernel, call: bigint, index: number): BpfProgram | undefined =>
  programOf(kernel, valueAt(kernel.perf.attached.get(call) ?? [], index));

/** The programs attached to a call's events, in the order of the events' creation. */
export const programsOfCall = (kernel: Kernel, call: bigint): BpfProgram[] =>
  [...valuesAbove(kernel.perf.attached.get(call) ?? [])]
    .map((event) => programOf(kernel, event))
    .filter((program) => program !== undefined);

/** The event whose struct perf_event is at `address`. */
export function eventAt(kernel: Kernel, address: bigint): PerfEvent | undefined {
  // unless somebody has overwritten it, the structure says which
  const named = kernel.bpf.events.get(readKernelU32(kernel, address, perf_event.fields.id.offset) ?? 0);
  if (named?.address === address) return named;
  for (const event of kernel.bpf.events.values()) if (event.address === address) return event;
  return undefined;
}

/** Perf events as the kernel keeps them: plain data. */
import type { SortedList } from '../sorted-list.ts';
import type { Tracepoint } from '../tracing/events.ts';

export type PerfEventKind = 'kprobe' | 'tracepoint' | 'software' | 'hardware';

/** Of perf_event_attr, what an open event needs. */
export interface EventAttributes {
  /** PERF_TYPE_* or a PMU's */
  readonly type: number;
  readonly config: bigint;
  /** PERF_SAMPLE_* */
  readonly sampleType: number;
  /** PERF_FORMAT_* */
  readonly readFormat: number;
  /** the bit field */
  readonly flags: bigint;
  /** wakeup_events, or wakeup_watermark in bytes */
  readonly wakeup: number;
}

/** Where an event counts at the moment: one CPU. */
export interface RunningSpan {
  readonly cpu: number;
  /** whose period it is: see PerfEvent.left */
  readonly key: number;
  /** the clock that is counted, and guest time in ns, when it began */
  readonly since: bigint;
  readonly time: bigint;
  /** where it overflows: of the hardware counters' instructions, or of the CPU's `retired` for a software clock */
  deadline: number;
}

export interface PerfEvent {
  readonly id: number;
  readonly kind: PerfEventKind;
  readonly attributes: EventAttributes;
  /** guest address of its struct perf_event */
  readonly address: bigint;
  /** guest address of the struct trace_event_call whose programs run at a hit; 0n for counters */
  readonly call: bigint;
  /** kprobe: the probed address and how it was named */
  readonly probe: { readonly address: bigint; readonly symbol: string; readonly offset: bigint } | undefined;
  /** tracepoint: `category:name` */
  readonly name: string;
  /** task it was opened for, -1 for all */
  readonly pid: number;
  /** children of those inherit it */
  readonly inherit: boolean;
  /** the tasks it counts for: that one and those that inherited it, without the dead */
  readonly tasks: Set<number>;
  /** -1 for all */
  readonly cpu: number;
  enabled: boolean;
  /** attached program's id */
  program: number | undefined;
  references: number;
  /** what it has counted, apart from the spans that are running */
  count: bigint;
  /** ns, likewise */
  timeEnabled: bigint;
  /** events or ns between samples; 0: it counts only */
  period: number;
  /** what is left of the period, by task or (per CPU) by -1 - cpu */
  readonly left: Map<number, number>;
  /** by CPU */
  readonly running: Map<number, RunningSpan>;
  /** samples in the current tick, and when the tick ends: see `throttled` */
  samples: number;
  tickEnd: bigint;
  /** records that had no room */
  lost: number;
  /** ring buffer that its records go to */
  ring: number | undefined;
}

/** An overflow that the CPU has not taken yet. */
export interface PendingOverflow {
  readonly event: number;
  readonly period: number;
  /** linear address of a page fault, or 0n */
  readonly address: bigint;
}

/** The hardware counters of a CPU stand still while the handler of their interrupt runs. */
export interface Pmu {
  /** `retired` when the handler was entered; undefined outside */
  since: number | undefined;
  /** instructions of earlier handlers, which no hardware event has counted */
  skipped: number;
}

/** A record that a native function wants shown to programs. */
export interface PendingRecord {
  readonly call: bigint;
  readonly bytes: Uint8Array;
}

export interface RingBuffer {
  readonly id: number;
  /** the event that is mapped */
  readonly event: number;
  /** physical addresses: the control page, then the data */
  readonly pages: readonly number[];
  /** user space may write: it moves data_tail, and what has no room is lost */
  readonly writable: boolean;
  /** without one the ring is gone */
  mappings: number;
  head: number;
  /** what `head` was at the last wake-up, and records since then */
  woken: number;
  unreported: number;
  /** records lost since the last one written */
  lost: number;
  paused: boolean;
}

/** Of a task alone: ids in the order of their opening, and how many of them its children will inherit. */
export interface TaskEvents {
  readonly ids: Set<number>;
  inheritable: number;
}

export interface PerfState {
  /** by id; set at boot */
  readonly tracepoints: Map<number, Tracepoint>;
  /** ids of the events of a struct trace_event_call, by its address, in the order of their opening */
  readonly calls: Map<bigint, Set<number>>;
  /** likewise: ids of those that have a program */
  readonly attached: Map<bigint, SortedList<number>>;
  /** how many software and hardware events there are */
  counters: number;
  /** by pid: ids of the events that count for a task alone, in the order of their opening */
  readonly taskEvents: Map<number, TaskEvents>;
  /** by config: ids of the software events of every task, likewise */
  readonly software: Map<bigint, Set<number>>;
  /** by CPU: ids of the clock events that sample on it now */
  readonly samplers: SortedList<number>[];
  /** by CPU */
  readonly overflows: PendingOverflow[][];
  /** by CPU */
  readonly pmus: Pmu[];
  /** by CPU */
  readonly records: PendingRecord[][];
  /** CPU a task was last on, while somebody counts migrations */
  readonly lastCpu: Map<number, number>;
  readonly rings: Map<number, RingBuffer>;
  nextRing: number;
  /** pids whose exit has been shown */
  readonly exiting: Map<number, true>;
  /** by CPU: the task that left it last */
  readonly left: ({ readonly pid: number; readonly comm: string; readonly state: number } | undefined)[];
}

export function createPerfState(cpus: number): PerfState {
  return {
    tracepoints: new Map(),
    calls: new Map(),
    attached: new Map(),
    counters: 0,
    taskEvents: new Map(),
    software: new Map(),
    samplers: Array.from({ length: cpus }, () => []),
    overflows: Array.from({ length: cpus }, () => []),
    pmus: Array.from({ length: cpus }, () => ({ since: undefined, skipped: 0 })),
    records: Array.from({ length: cpus }, () => []),
    lastCpu: new Map(),
    rings: new Map(),
    nextRing: 1,
    exiting: new Map(),
    left: Array.from({ length: cpus }, () => undefined),
  };
}

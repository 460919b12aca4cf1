/**
 * What counters count. Cycles, instructions and the clocks all advance by one with every instruction that the CPU retires,
 * so a counter is the difference of two readings; page faults and switches are counted when they happen.
 */
import type { Cpu } from '../../cpu/cpu.ts';
import { LOCAL_PERF_VECTOR } from '../entry/vectors.ts';
import { now, type Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { chargeMany, unchargeMany, unchargeObject } from '../mm/objects.ts';
import { insertSorted, removeSorted, valuesAbove } from '../sorted-list.ts';
import type { Task } from '../task.ts';
import { AttributeFlag } from './constants.ts';
import type { PerfEvent, RunningSpan } from './types.ts';

/** include/uapi/linux/perf_event.h: PERF_COUNT_SW_* that something happens for */
export const Software = {
  cpuClock: 0n,
  taskClock: 1n,
  pageFaults: 2n,
  contextSwitches: 3n,
  cpuMigrations: 4n,
  minorFaults: 5n,
  majorFaults: 6n,
  alignmentFaults: 7n,
  emulationFaults: 8n,
  dummy: 9n,
  bpfOutput: 10n,
} as const;
/** PERF_COUNT_HW_* */
export const Hardware = { cycles: 0n, instructions: 1n } as const;

/** kernel.perf_event_max_sample_rate = 100000: samples of one event in a tick, then it waits for the next */
const MAX_SAMPLES_PER_TICK = 100;
export const MAX_SAMPLE_RATE = 100_000;
/** overflows that wait on one CPU; more are lost */
const MAX_PENDING = 64;
const TICK_NSEC = BigInt(constants.TICK_NSEC);

/** Whether time makes the event count, and not single happenings. */
export function isClock({ kind, attributes: { config } }: PerfEvent): boolean {
  return (
    kind === 'hardware' || (kind === 'software' && (config === Software.cpuClock || config === Software.taskClock))
  );
}

/** The clock of the event's periods. */
function ticks(kernel: Kernel, { kind }: PerfEvent, cpu: Cpu): number {
  if (kind !== 'hardware') return cpu.retired;
  const { since, skipped } = kernel.perf.pmus[cpu.index]!;
  return (since ?? cpu.retired) - skipped;
}

/** What a clock event counts on `cpu`: guest time on a CPU, instructions otherwise. */
function reading(kernel: Kernel, event: PerfEvent, cpu: Cpu): bigint {
  return event.kind === 'software' && event.pid === -1 ? now(kernel, cpu) : BigInt(ticks(kernel, event, cpu));
}

const isFor = (event: PerfEvent, cpu: number, pid: number): boolean =>
  (event.cpu === -1 || event.cpu === cpu) && (event.pid === -1 || event.tasks.has(pid));

/** Whether the enabled event counts what happens on `cpu` in the task `pid`. */
export const counts = (event: PerfEvent, cpu: number, pid: number): boolean => event.enabled && isFor(event, cpu, pid);

const keyOf = (event: PerfEvent, cpu: number, pid: number): number => (event.pid === -1 ? -1 - cpu : pid);

function startOn(kernel: Kernel, event: PerfEvent, cpu: Cpu, pid: number): void {
  if (event.running.has(cpu.index)) return;
  const key = keyOf(event, cpu.index, pid);
  const samples = event.period > 0 && isClock(event);
  const deadline = samples ? ticks(kernel, event, cpu) + (event.left.get(key) ?? event.period) : Infinity;
  const span = { cpu: cpu.index, key, since: reading(kernel, event, cpu), time: now(kernel, cpu), deadline };
  event.running.set(cpu.index, span);
  if (!samples) return;
  insertSorted(kernel.perf.samplers[cpu.index]!, event.id);
  // what executes now is to end where this event overflows
  cpu.leave = true;
}

function stopOn(kernel: Kernel, event: PerfEvent, cpu: Cpu): void {
  const span = event.running.get(cpu.index);
  if (span === undefined) return;
  event.running.delete(cpu.index);
  if (isClock(event)) event.count += reading(kernel, event, cpu) - span.since;
  event.timeEnabled += now(kernel, cpu) - span.time;
  if (span.deadline === Infinity) return;
  removeSorted(kernel.perf.samplers[cpu.index]!, event.id);
  event.left.set(span.key, Math.max(1, span.deadline - ticks(kernel, event, cpu)));
}

/** The event has just been enabled: it runs where it is meant to. */
export function startEvent(kernel: Kernel, event: PerfEvent): void {
  for (const cpu of kernel.cpus) {
    const pid = kernel.perCpu[cpu.index]?.current ?? 0;
    if (isFor(event, cpu.index, pid)) startOn(kernel, event, cpu, pid);
  }
}

export function stopEvent(kernel: Kernel, event: PerfEvent): void {
  for (const cpu of kernel.cpus) stopOn(kernel, event, cpu);
}

/** Value, time enabled and time running as of now; an event is never multiplexed. */
export function readCounter(kernel: Kernel, event: PerfEvent): { count: bigint; enabled: bigint; running: bigint } {
  let { count, timeEnabled } = event;
  for (const [index, span] of event.running) {
    const cpu = kernel.cpus[index]!;
    if (isClock(event)) count += reading(kernel, event, cpu) - span.since;
    timeEnabled += now(kernel, cpu) - span.time;
  }
  return { count, enabled: timeEnabled, running: timeEnabled };
}

/** PERF_EVENT_IOC_RESET: the count alone. */
export function resetCounter(kernel: Kernel, event: PerfEvent): void {
  for (const cpu of kernel.cpus) {
    const span = event.running.get(cpu.index);
    if (span !== undefined) event.running.set(cpu.index, { ...span, since: reading(kernel, event, cpu) });
  }
  event.count = 0n;
}

/** PERF_EVENT_IOC_PERIOD: the next period has the new length. */
export function setPeriod(kernel: Kernel, event: PerfEvent, period: number): void {
  stopEvent(kernel, event);
  event.period = period;
  event.left.clear();
  if (event.enabled) startEvent(kernel, event);
}

function* eventsOf({ bpf }: Kernel, ids: Iterable<number> = []): Generator<PerfEvent, void> {
  for (const id of ids) {
    const event = bpf.events.get(id);
    if (event !== undefined) yield event;
  }
}

/** The events that count for the task alone. */
const taskEvents = (kernel: Kernel, pid: number): Iterable<PerfEvent> =>
  eventsOf(kernel, kernel.perf.taskEvents.get(pid)?.ids);

/** perf_event_task_sched_in */
export function schedIn(kernel: Kernel, cpu: Cpu, task: Task): void {
  if (kernel.bpf.events.size === 0) return;
  for (const event of taskEvents(kernel, task.pid)) {
    if (counts(event, cpu.index, task.pid)) startOn(kernel, event, cpu, task.pid);
  }
  if (kernel.perf.counters === 0) return;
  const before = kernel.perf.lastCpu.get(task.pid);
  kernel.perf.lastCpu.set(task.pid, cpu.index);
  if (before !== undefined && before !== cpu.index) countSoftware(kernel, cpu, task.pid, Software.cpuMigrations);
}

/** perf_event_task_sched_out */
export function schedOut(kernel: Kernel, cpu: Cpu, task: Task): void {
  if (kernel.bpf.events.size === 0) return;
  if (kernel.perf.counters > 0) kernel.perf.lastCpu.set(task.pid, cpu.index);
  countSoftware(kernel, cpu, task.pid, Software.contextSwitches);
  for (const event of taskEvents(kernel, task.pid)) if (event.enabled) stopOn(kernel, event, cpu);
}

/** The task `pid` is one that the event counts for. */
export function addTaskEvent({ perf }: Kernel, event: PerfEvent, pid: number): void {
  event.tasks.add(pid);
  let list = perf.taskEvents.get(pid);
  if (list === undefined) perf.taskEvents.set(pid, (list = { ids: new Set(), inheritable: 0 }));
  list.ids.add(event.id);
  if (event.inherit) list.inheritable++;
}

/** The event counts for nobody any more. */
export function dropTaskEvents(kernel: Kernel, { id, pid, tasks, inherit }: PerfEvent): void {
  unchargeMany(kernel, 'perf-task', tasks.size - (tasks.has(pid) ? 1 : 0));
  for (const task of tasks) {
    const list = kernel.perf.taskEvents.get(task);
    if (list === undefined || !list.ids.delete(id)) continue;
    if (inherit) list.inheritable--;
    if (list.ids.size === 0) kernel.perf.taskEvents.delete(task);
  }
  tasks.clear();
}

/** What a child of `parent` will inherit, which is charged: see `inheritEvents`. ENOMEM. */
export function chargeInherited(kernel: Kernel, parent: Task): readonly PerfEvent[] {
  const count = kernel.perf.taskEvents.get(parent.pid)?.inheritable ?? 0;
  if (count === 0) return [];
  chargeMany(kernel, 'perf-task', count);
  return [...taskEvents(kernel, parent.pid)].filter(({ inherit }) => inherit);
}

/** The child could not be made. */
export const unchargeInherited = (kernel: Kernel, inherited: readonly PerfEvent[]): void =>
  unchargeMany(kernel, 'perf-task', inherited.length);

/** perf_event_init_task: the child counts where the parent's events are inherited. */
export function inheritEvents(kernel: Kernel, inherited: readonly PerfEvent[], child: Task): void {
  for (const event of inherited) addTaskEvent(kernel, event, child.pid);
}

/** perf_event_exit_task; the events that were opened for the task stay, and count no more. */
export function forgetTask(kernel: Kernel, pid: number): void {
  kernel.perf.lastCpu.delete(pid);
  for (const event of taskEvents(kernel, pid)) {
    event.tasks.delete(pid);
    event.left.delete(pid);
    if (event.pid !== pid) unchargeObject(kernel, 'perf-task');
  }
  kernel.perf.taskEvents.delete(pid);
}

/** perf_event_enable_on_exec: the events that are to be enabled now. */
export function enabledByExec(kernel: Kernel, pid: number): PerfEvent[] {
  return [...taskEvents(kernel, pid)].filter(
    ({ attributes }) => (attributes.flags & AttributeFlag.enableOnExec) !== 0n,
  );
}

/** __perf_event_overflow's first half: the sample is taken at the interrupt, unless there have been too many. */
function overflow(kernel: Kernel, cpu: Cpu, event: PerfEvent, address: bigint): void {
  const time = now(kernel, cpu);
  if (time >= event.tickEnd) {
    event.samples = 0;
    event.tickEnd = time - (time % TICK_NSEC) + TICK_NSEC;
  }
  const pending = kernel.perf.overflows[cpu.index]!;
  // a clock's overflow is one bit, and one timer, until the interrupt is taken
  if (isClock(event) && pending.some((other) => other.event === event.id)) return;
  if (++event.samples > MAX_SAMPLES_PER_TICK || pending.length >= MAX_PENDING) return;
  pending.push({ event: event.id, period: event.period, address });
  if (!cpu.pendingInterrupts.includes(LOCAL_PERF_VECTOR)) cpu.pendingInterrupts.push(LOCAL_PERF_VECTOR);
}

/** One happening, as perf_swevent_event. `address`: of a page fault. */
export function countHit(kernel: Kernel, cpu: Cpu, event: PerfEvent, pid: number, address = 0n): boolean {
  event.count++;
  if (event.period === 0) return false;
  const key = keyOf(event, cpu.index, pid);
  const left = (event.left.get(key) ?? event.period) - 1;
  event.left.set(key, left === 0 ? event.period : left);
  if (left === 0 && event.kind === 'software') overflow(kernel, cpu, event, address);
  return left === 0;
}

/** perf_sw_event: something happened on `cpu` in the task `pid`. */
export function countSoftware(kernel: Kernel, cpu: Cpu, pid: number, config: bigint, address = 0n): void {
  for (const event of eventsOf(kernel, kernel.perf.software.get(config))) {
    if (counts(event, cpu.index, pid)) countHit(kernel, cpu, event, pid, address);
  }
  for (const event of taskEvents(kernel, pid)) {
    if (event.kind !== 'software' || event.attributes.config !== config) continue;
    if (counts(event, cpu.index, pid)) countHit(kernel, cpu, event, pid, address);
  }
}

/** A user page fault: every one of them is minor, since files are in memory. */
export function countPageFault(kernel: Kernel, cpu: Cpu, pid: number, address: bigint): void {
  if (kernel.perf.counters === 0) return;
  countSoftware(kernel, cpu, pid, Software.pageFaults, address);
  countSoftware(kernel, cpu, pid, Software.minorFaults, address);
}

/** The clock events that sample on `cpu`. */
function* samplers(kernel: Kernel, cpu: Cpu): Iterable<{ readonly event: PerfEvent; readonly span: RunningSpan }> {
  for (const event of eventsOf(kernel, valuesAbove(kernel.perf.samplers[cpu.index]!))) {
    const span = event.running.get(cpu.index);
    if (span !== undefined) yield { event, span };
  }
}

/** hrtimer_forward: the first end of a period after `time`. */
function forward({ period }: PerfEvent, span: RunningSpan, time: number): void {
  if (span.deadline <= time) span.deadline += period * Math.ceil((time + 1 - span.deadline) / period);
}

/** Notes the clock events of `cpu` that have overflowed, and says after how many instructions the next one will. */
export function nextOverflow(kernel: Kernel, cpu: Cpu): number {
  let next = Infinity;
  if (kernel.perf.pmus[cpu.index]!.since !== undefined) return next;
  for (const { event, span } of samplers(kernel, cpu)) {
    const time = ticks(kernel, event, cpu);
    if (span.deadline <= time) overflow(kernel, cpu, event, 0n);
    forward(event, span, time);
    next = Math.min(next, span.deadline - time);
  }
  return next;
}

/** x86_pmu_disable_all: what a handler executes, and the program it runs, is neither counted nor sampled. */
export function disablePmu(kernel: Kernel, cpu: Cpu): void {
  kernel.perf.pmus[cpu.index]!.since ??= cpu.retired;
}

/** x86_pmu_enable_all. A clock goes on meanwhile, and its timer skips the periods that have passed. */
export function enablePmu(kernel: Kernel, cpu: Cpu): void {
  const pmu = kernel.perf.pmus[cpu.index]!;
  if (pmu.since === undefined) return;
  pmu.skipped += cpu.retired - pmu.since;
  pmu.since = undefined;
  cpu.leave = true;
  for (const { event, span } of samplers(kernel, cpu)) forward(event, span, ticks(kernel, event, cpu));
}

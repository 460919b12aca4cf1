/**
 * The order of those who can run: the fair scheduler's, kernel/sched/fair.c. Each task has a virtual run time, which grows
 * while it is on a CPU; who has had least of it is next. All weights are alike, and one queue is for all CPUs.
 */
import type { Cpu } from '../cpu/cpu.ts';
import { LOCAL_TIMER_VECTOR } from './entry/vectors.ts';
import { now, type Kernel } from './kernel.ts';
import type { Task } from './task.ts';

/** sysctl_sched_base_slice, ns: how long a task keeps its CPU while others wait */
export const BASE_SLICE = 700_000;
/** how far behind the others who has slept begins, ns: it is served first, but not for as long as it has slept */
const SLEEPER_CREDIT = BASE_SLICE;
/** sysctl_sched_wakeup_granularity, ns: who wakes takes the CPU from a task that is further ahead of it than this */
const WAKEUP_GRANULARITY = BASE_SLICE / 7;

const runnableOn = (task: Task | undefined, cpu: number): boolean => (task?.boundCpu ?? cpu) === cpu;

/** Virtual run time of the task on `cpu`, as of now. */
const currentVruntime = (kernel: Kernel, cpu: Cpu, task: Task): number =>
  task.vruntime + Number(now(kernel, cpu) - task.switchedInAt);

const runningTask = ({ tasks, perCpu }: Kernel, cpu: number): Task | undefined => {
  const task = tasks.get(perCpu[cpu]!.current);
  return task?.state === 'running' ? task : undefined;
};

/** update_min_vruntime: as far as the one who is least far. */
function updateMinimum(kernel: Kernel): void {
  const first = kernel.tasks.get(kernel.runQueue[0] ?? -1);
  let least = first?.vruntime ?? Infinity;
  for (const cpu of kernel.cpus) {
    const task = runningTask(kernel, cpu.index);
    if (task !== undefined) least = Math.min(least, currentVruntime(kernel, cpu, task));
  }
  if (least !== Infinity) kernel.minVruntime = Math.max(kernel.minVruntime, least);
}

/** A new task begins where its parent is, or the others are. */
export function vruntimeOfNew(kernel: Kernel, parent: Task | undefined): number {
  updateMinimum(kernel);
  const cpu = kernel.cpus.find(({ index }) => parent !== undefined && runningTask(kernel, index) === parent);
  return cpu === undefined || parent === undefined ? kernel.minVruntime : currentVruntime(kernel, cpu, parent);
}

/** update_curr: what `task` has had of its CPU counts. */
export function accountTime(kernel: Kernel, cpu: Cpu, task: Task): void {
  const time = now(kernel, cpu);
  const ran = Number(time - task.switchedInAt);
  task.cpuTime += ran;
  task.vruntime += ran;
  task.switchedInAt = time;
}

/** Puts a task in its place: behind those that have had as much. */
export function enqueue({ tasks, runQueue }: Kernel, { pid, vruntime }: Task): void {
  let low = 0;
  let high = runQueue.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((tasks.get(runQueue[middle]!)?.vruntime ?? -Infinity) <= vruntime) low = middle + 1;
    else high = middle;
  }
  runQueue.splice(low, 0, pid);
}

/** A task that is never to run again. */
export function dequeue({ runQueue }: Kernel, { pid }: Task): void {
  const at = runQueue.indexOf(pid);
  if (at >= 0) runQueue.splice(at, 1);
}

/** place_entity: one that has slept is served soon, and is not paid for all the time that it has slept. */
export function enqueueWoken(kernel: Kernel, task: Task): void {
  updateMinimum(kernel);
  task.vruntime = Math.max(task.vruntime, kernel.minVruntime - SLEEPER_CREDIT);
  enqueue(kernel, task);
  checkPreempt(kernel, task);
}

/** yield_task: behind all who wait now. */
export function goBehind({ tasks, runQueue }: Kernel, task: Task): void {
  const last = tasks.get(runQueue.at(-1) ?? -1);
  task.vruntime = Math.max(task.vruntime, last?.vruntime ?? 0);
}

/** The first of the queue that may run on `cpu`. */
function firstFor({ tasks, runQueue }: Kernel, cpu: number): number {
  return runQueue.findIndex((pid) => runnableOn(tasks.get(pid), cpu));
}

/** Takes the task that is next on `cpu` out of the queue. */
export function takeFromQueue(kernel: Kernel, cpu: number): number | undefined {
  const index = firstFor(kernel, cpu);
  return index < 0 ? undefined : kernel.runQueue.splice(index, 1)[0];
}

/** resched_curr: the task on `cpu` goes back into the queue before it returns to user mode. */
function reschedule(kernel: Kernel, cpu: number): void {
  kernel.perCpu[cpu]!.needResched = true;
  const { turn } = kernel;
  // what executes is a native function: it is on its way there
  if (turn.cpu === cpu && turn.end !== Infinity) return;
  const { pendingInterrupts } = kernel.cpus[cpu]!;
  if (!pendingInterrupts.includes(LOCAL_TIMER_VECTOR)) pendingInterrupts.push(LOCAL_TIMER_VECTOR);
}

/** check_preempt_curr: takes a CPU from the one who has had most, if no CPU is free. */
function checkPreempt(kernel: Kernel, woken: Task): void {
  let most = WAKEUP_GRANULARITY;
  let victim: number | undefined;
  for (const cpu of kernel.cpus) {
    if (!runnableOn(woken, cpu.index)) continue;
    const task = runningTask(kernel, cpu.index);
    if (task === undefined) return;
    const ahead = currentVruntime(kernel, cpu, task) - woken.vruntime;
    if (ahead <= most || task.boundCpu !== undefined) continue;
    most = ahead;
    victim = cpu.index;
  }
  if (victim !== undefined) reschedule(kernel, victim);
}

/** Guest time, ns, at which the task on `cpu` has to make room for another; undefined while nobody waits. */
export function sliceEnds(kernel: Kernel, cpu: Cpu): bigint | undefined {
  const task = runningTask(kernel, cpu.index);
  if (task === undefined || kernel.runQueue.length === 0) return undefined;
  const next = kernel.tasks.get(kernel.runQueue[firstFor(kernel, cpu.index)] ?? -1);
  if (next === undefined) return undefined;
  return task.switchedInAt + BigInt(Math.max(BASE_SLICE, next.vruntime - task.vruntime));
}

/** task_tick_fair, and hrtick at the end of a slice. */
export function checkSlice(kernel: Kernel, cpu: Cpu): void {
  if (kernel.runQueue.length === 0 || kernel.perCpu[cpu.index]!.needResched) return;
  const end = sliceEnds(kernel, cpu);
  if (end !== undefined && now(kernel, cpu) >= end) reschedule(kernel, cpu.index);
}

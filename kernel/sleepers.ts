/** Who sleeps: by what would wake them, so that nobody has to be asked who does not wait for it. */
import type { Kernel } from './kernel.ts';
import { chargeAnyway, unchargeMany } from './mm/objects.ts';
import type { Task } from './task.ts';
import { earlier, KTIME_MAX } from './time.ts';

export interface Sleepers {
  /** pids by the channels they wait on */
  readonly channels: Map<string, number[]>;
  /** pids that wake by themselves, to when: guest time in ns */
  readonly deadlines: Map<number, bigint>;
  /** the lowest of `deadlines`, KTIME_MAX without one; undefined: not known */
  earliest: bigint | undefined;
}

export const createSleepers = (): Sleepers => ({ channels: new Map(), deadlines: new Map(), earliest: KTIME_MAX });

function addTo(kernel: Kernel, task: Task, channels: readonly string[]): void {
  task.channels = channels;
  chargeAnyway(kernel, 'channel', channels.length);
  const { sleepers } = kernel;
  for (const channel of channels) {
    const pids = sleepers.channels.get(channel);
    if (pids === undefined) sleepers.channels.set(channel, [task.pid]);
    else if (!pids.includes(task.pid)) pids.push(task.pid);
  }
}

function takeFrom(kernel: Kernel, task: Task): void {
  const { channels } = kernel.sleepers;
  unchargeMany(kernel, 'channel', task.channels.length);
  for (const channel of task.channels) {
    const pids = channels.get(channel);
    const at = pids?.indexOf(task.pid) ?? -1;
    if (pids === undefined || at < 0) continue;
    if (pids.length === 1) channels.delete(channel);
    else pids.splice(at, 1);
  }
  task.channels = [];
}

/** `task` sleeps until one of `channels` is woken, or guest time reaches `deadline`, which KTIME_MAX never does. */
export function sleepOn(kernel: Kernel, task: Task, channels: readonly string[], deadline: bigint | undefined): void {
  task.state = 'sleeping';
  addTo(kernel, task, channels);
  setDeadline(kernel, task, deadline === KTIME_MAX ? undefined : deadline);
}

/** When the sleeping `task` wakes by itself. */
export function setDeadline({ sleepers }: Kernel, task: Task, deadline: bigint | undefined): void {
  if (task.deadline === sleepers.earliest) sleepers.earliest = undefined;
  task.deadline = deadline;
  if (deadline === undefined) sleepers.deadlines.delete(task.pid);
  else {
    sleepers.deadlines.set(task.pid, deadline);
    if (sleepers.earliest !== undefined) sleepers.earliest = earlier(sleepers.earliest, deadline);
  }
  if (sleepers.deadlines.size === 0) sleepers.earliest = KTIME_MAX;
}

/** The sleeping `task` waits for something else. */
export function moveSleeper(kernel: Kernel, task: Task, channels: readonly string[]): void {
  takeFrom(kernel, task);
  addTo(kernel, task, channels);
}

/** `task` does not sleep any more. */
export function endSleep(kernel: Kernel, task: Task): void {
  takeFrom(kernel, task);
  setDeadline(kernel, task, undefined);
}

/** pids from here on are kernel threads', which come into the table out of turn: PID_MAX_LIMIT */
export const FIRST_KERNEL_THREAD = 4_194_304;

/** In the order of the task table. */
function inOrder(kernel: Kernel, pids: readonly number[]): Task[] {
  const tasks = pids.map((pid) => kernel.tasks.get(pid)).filter((task) => task !== undefined);
  if (tasks.length < 2) return tasks;
  if (tasks.every(({ pid }) => pid < FIRST_KERNEL_THREAD)) return tasks.sort((left, right) => left.pid - right.pid);
  return [...kernel.tasks.values()].filter((task) => tasks.includes(task));
}

/** The tasks that sleep on `channel`. */
export function sleepersOn(kernel: Kernel, channel: string): Task[] {
  const pids = kernel.sleepers.channels.get(channel);
  return pids === undefined ? [] : inOrder(kernel, pids);
}

/** The earliest deadline of a sleeping task. */
export function nextDeadline({ sleepers }: Kernel): bigint | undefined {
  sleepers.earliest ??= [...sleepers.deadlines.values()].reduce(earlier, KTIME_MAX);
  return sleepers.earliest === KTIME_MAX ? undefined : sleepers.earliest;
}

/** The sleeping tasks whose deadline has passed. */
export function expired(kernel: Kernel, time: bigint): Task[] {
  if ((nextDeadline(kernel) ?? KTIME_MAX) > time) return [];
  const pids: number[] = [];
  for (const [pid, deadline] of kernel.sleepers.deadlines) if (deadline <= time) pids.push(pid);
  return inOrder(kernel, pids);
}

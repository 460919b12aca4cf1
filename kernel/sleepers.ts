/** Who sleeps: by what would wake them, so that nobody has to be asked who does not wait for it. */
import type { Kernel } from './kernel.ts';
import { chargeAnyway, unchargeMany } from './mm/objects.ts';
import type { Task } from './task.ts';

export interface Sleepers {
  /** pids by the channels they wait on */
  readonly channels: Map<string, number[]>;
  /** pids that wake by themselves, to when: guest time in ns */
  readonly deadlines: Map<number, number>;
  /** the lowest of `deadlines`; undefined: not known */
  earliest: number | undefined;
}

export const createSleepers = (): Sleepers => ({ channels: new Map(), deadlines: new Map(), earliest: Infinity });

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

/** `task` sleeps until one of `channels` is woken, or guest time reaches `deadline`. */
export function sleepOn(kernel: Kernel, task: Task, channels: readonly string[], deadline: number | undefined): void {
  task.state = 'sleeping';
  task.timedOut = false;
  addTo(kernel, task, channels);
  setDeadline(kernel, task, deadline);
}

/** When the sleeping `task` wakes by itself. */
export function setDeadline({ sleepers }: Kernel, task: Task, deadline: number | undefined): void {
  if (task.deadline === sleepers.earliest) sleepers.earliest = undefined;
  task.deadline = deadline;
  if (deadline === undefined) sleepers.deadlines.delete(task.pid);
  else {
    sleepers.deadlines.set(task.pid, deadline);
    if (sleepers.earliest !== undefined) sleepers.earliest = Math.min(sleepers.earliest, deadline);
  }
  if (sleepers.deadlines.size === 0) sleepers.earliest = Infinity;
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
export function nextDeadline({ sleepers }: Kernel): number | undefined {
  sleepers.earliest ??= Math.min(...sleepers.deadlines.values());
  return sleepers.earliest === Infinity ? undefined : sleepers.earliest;
}

/** The sleeping tasks whose deadline has passed. */
export function expired(kernel: Kernel, time: number): Task[] {
  if ((nextDeadline(kernel) ?? Infinity) > time) return [];
  const pids: number[] = [];
  for (const [pid, deadline] of kernel.sleepers.deadlines) if (deadline <= time) pids.push(pid);
  return inOrder(kernel, pids);
}

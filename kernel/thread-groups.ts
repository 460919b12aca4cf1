/** Processes: the threads that each is, and the processes that it has made. Whoever asks need not look at every task. */
import type { Kernel } from './kernel.ts';
import type { Task } from './task.ts';

/** What Linux has in signal_struct and in the lists of task_struct. */
export interface ThreadGroup {
  /** pids, dead ones until they are reaped, in the order of the task table */
  readonly threads: number[];
  /** tgids of the processes whose parent it is, likewise */
  readonly children: number[];
}

const tasksOf = ({ tasks }: Kernel, pids: readonly number[]): Task[] =>
  pids.map((pid) => tasks.get(pid)).filter((task) => task !== undefined);

/** The tasks of `task`'s process. */
export const threadGroup = (kernel: Kernel, { tgid }: Task): Task[] =>
  tasksOf(kernel, kernel.threadGroups.get(tgid)?.threads ?? []);

/** The leaders of the processes that `task`'s process is the parent of. */
export const childrenOf = (kernel: Kernel, { tgid }: Task): Task[] =>
  tasksOf(kernel, kernel.threadGroups.get(tgid)?.children ?? []);

/** Whether all threads of `task`'s process are dead, or all but `except`. */
export function isDead(kernel: Kernel, { tgid }: Task, except?: Task): boolean {
  const threads = kernel.threadGroups.get(tgid)?.threads ?? [];
  return threads.every((pid) => pid === except?.pid || kernel.tasks.get(pid)?.state === 'zombie');
}

function take(list: number[], pid: number): void {
  const at = list.indexOf(pid);
  if (at >= 0) list.splice(at, 1);
}

/** `task` comes into the task table. */
export function joinGroup(kernel: Kernel, task: Task): void {
  const { tasks, threadGroups } = kernel;
  tasks.set(task.pid, task);
  const group = threadGroups.get(task.tgid);
  if (group === undefined) threadGroups.set(task.tgid, { threads: [task.pid], children: [] });
  else group.threads.push(task.pid);
  if (task.pid === task.tgid) threadGroups.get(task.parent)?.children.push(task.pid);
}

/** And leaves it. */
export function leaveGroup(kernel: Kernel, task: Task): void {
  const { tasks, threadGroups } = kernel;
  tasks.delete(task.pid);
  if (task.pid === task.tgid) take(threadGroups.get(task.parent)?.children ?? [], task.pid);
  const { threads = [] } = threadGroups.get(task.tgid) ?? {};
  take(threads, task.pid);
  if (threads.length === 0) threadGroups.delete(task.tgid);
}

/** The process of `leader` has another parent from now on. */
export function setParent(kernel: Kernel, leader: Task, parent: number): void {
  const { threadGroups } = kernel;
  take(threadGroups.get(leader.parent)?.children ?? [], leader.pid);
  for (const thread of threadGroup(kernel, leader)) thread.parent = parent;
  threadGroups.get(parent)?.children.push(leader.pid);
}

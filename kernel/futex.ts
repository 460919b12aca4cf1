/** Futexes: who sleeps on which word of user memory, and waking them in the order in which they came. */
import type { Kernel } from './kernel.ts';
import { findArea, isShared, offsetAt } from './mm/areas.ts';
import { makeRunnable } from './scheduler.ts';
import { moveSleeper, sleepersOn } from './sleepers.ts';
import type { Task } from './task.ts';

/** A task's sleep on a futex, from the system call's first run to its last. */
export interface FutexWait {
  channel: string;
  readonly bitset: number;
  /** guest time of its beginning, ns: the order of wakeups */
  readonly since: bigint;
  /** guest time, ns */
  readonly deadline: bigint | undefined;
  woken: boolean;
}

export const FUTEX_BITSET_MATCH_ANY = 0xffff_ffff;

/** get_futex_key: one name a word, in shared memory whoever shows it. */
export function futexChannel(kernel: Kernel, task: Task, address: bigint): string {
  const space = kernel.addressSpaces.get(task.addressSpace ?? -1);
  const area = space === undefined ? undefined : findArea(space, address);
  if (area?.shared !== undefined)
    return `futex:shared${area.shared.object}:${offsetAt(area, area.shared.offset, address).toString(16)}`;
  if (area?.file !== undefined && isShared(area))
    return `futex:inode${area.file.inode}:${offsetAt(area, area.file.offset, address).toString(16)}`;
  return `futex:${task.addressSpace ?? 'none'}:${address.toString(16)}`;
}

function sleepers(kernel: Kernel, channel: string): Task[] {
  return sleepersOn(kernel, channel)
    .filter(({ futexWait }) => futexWait?.channel === channel && !futexWait.woken)
    .toSorted((left, right) => Number(left.futexWait!.since - right.futexWait!.since));
}

/** futex_wake: wakes at most `count` whose bit sets meet `bitset`, the longest sleepers first; how many. */
export function wakeFutex(kernel: Kernel, channel: string, count: number, bitset = FUTEX_BITSET_MATCH_ANY): number {
  const woken = sleepers(kernel, channel)
    .filter((task) => (task.futexWait!.bitset & bitset) !== 0)
    .slice(0, count);
  for (const task of woken) {
    task.futexWait!.woken = true;
    makeRunnable(kernel, task);
  }
  return woken.length;
}

/** Moves at most `count` sleepers to another futex; how many. */
export function requeueFutex(kernel: Kernel, from: string, to: string, count: number): number {
  const moved = sleepers(kernel, from).slice(0, count);
  for (const task of moved) {
    task.futexWait!.channel = to;
    moveSleeper(kernel, task, [to]);
  }
  return moved.length;
}

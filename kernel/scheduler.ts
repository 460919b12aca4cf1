/**
 * Who runs where. A task leaves its CPU only at a native call (it waits, yields or exits), so what is saved of it is a
 * register file in kernel mode, its stack being in guest memory. Choices depend on retired instructions alone.
 */
import type { Cpu } from '../cpu/cpu.ts';
import { floatingRanges } from '../cpu/floating-state.ts';
import { flushTlb, refreshMode } from '../cpu/paging.ts';
import { settleFlags, Slot } from '../cpu/state.ts';
import type { Kernel } from './kernel.ts';
import { now } from './kernel.ts';
import { constants } from './layout/constants.ts';
import { notifyEpolls } from './fs/epoll.ts';
import { task_struct } from './layout/structures.ts';
import { writeKernelU64 } from './mm/kernel-memory.ts';
import { perCpuAddress, writePerCpu } from './per-cpu.ts';
import { schedIn, schedOut } from './perf/counting.ts';
import { accountTime, enqueue, enqueueWoken, goBehind, takeFromQueue } from './run-queue.ts';
import { noteSwitchOut, traceIdle, traceSwitch, traceWakeup } from './tracing/sched.ts';
import { endSleep, expired, sleepersOn } from './sleepers.ts';
import type { Task } from './task.ts';
import { endWithSlice } from './turn.ts';

/** First slot and count of what belongs to a task; GS base is the CPU's while in the kernel. */
const contextRanges: readonly (readonly [first: number, count: number])[] = [
  [Slot.gpr, 16],
  [Slot.rip, 2], // and rflags, settled
  [Slot.fsBase, 1],
  [Slot.kernelGsBase, 1],
  [Slot.selectors, 6],
  ...floatingRanges,
];
export const CONTEXT_LENGTH = contextRanges.reduce((sum, [, count]) => sum + count, 0);

export function saveContext(cpu: Cpu, context: BigUint64Array): void {
  settleFlags(cpu);
  let at = 0;
  for (const [first, count] of contextRanges) {
    context.set(cpu.slots.subarray(first, first + count), at);
    at += count;
  }
}

function loadContext(cpu: Cpu, context: BigUint64Array): void {
  let at = 0;
  for (const [first, count] of contextRanges) {
    cpu.slots.set(context.subarray(at, at + count), first);
    at += count;
  }
  cpu.slots[Slot.flagsKind] = 0n;
}

/** Index in a context of a slot. */
export function contextIndex(slot: number): number {
  let at = 0;
  for (const [first, count] of contextRanges) {
    if (slot >= first && slot < first + count) return at + slot - first;
    at += count;
  }
  throw new RangeError(`slot ${slot} is not part of a task's context`);
}

/** try_to_wake_up, wake_up_new_task: `task`, which is on no CPU, can run. */
export function makeRunnable(kernel: Kernel, task: Task): void {
  if (task.state === 'sleeping') {
    traceWakeup(kernel, task);
    endSleep(kernel, task);
  }
  task.state = 'runnable';
  enqueueWoken(kernel, task);
  endWithSlice(kernel);
}

/** The task on `cpu` goes into the queue: `behind` all who wait now, or to where it belongs. */
export function putBack(kernel: Kernel, cpu: Cpu, task: Task, behind: boolean): void {
  accountTime(kernel, cpu, task);
  task.state = 'runnable';
  if (behind) goBehind(kernel, task);
  enqueue(kernel, task);
  endWithSlice(kernel);
}

/** Wakes every task that sleeps on `channel`, in the order of the table, and those that watch it through epoll. */
export function wake(kernel: Kernel, channel: string): void {
  if (kernel.fileSystem.epolls.size > 0) notifyEpolls(kernel, channel);
  for (const task of sleepersOn(kernel, channel)) makeRunnable(kernel, task);
}

/** Wakes the tasks whose deadline has passed. */
export function wakeExpired(kernel: Kernel, time: bigint): void {
  for (const task of expired(kernel, time)) makeRunnable(kernel, task);
}

const RSP0 = 4n;

/** __switch_to: `task`'s registers, stack and address space onto `cpu`. */
function switchTo(kernel: Kernel, cpu: Cpu, task: Task): void {
  loadContext(cpu, task.context);
  const state = kernel.perCpu[cpu.index]!;
  state.current = task.pid;
  task.state = 'running';
  task.switchedInAt = now(kernel, cpu);
  cpu.slots[Slot.gsBase] = state.area;
  cpu.words[Slot.cpl * 2] = 0;
  const stackTop = task.stack + BigInt(constants.THREAD_SIZE);
  writePerCpu(kernel, cpu.index, 'current_task', task.address);
  writePerCpu(kernel, cpu.index, 'cpu_current_top_of_stack', stackTop);
  writeKernelU64(kernel, perCpuAddress(kernel, cpu.index, 'cpu_tss_rw') + RSP0, stackTop);
  loadAddressSpace(kernel, cpu, task);
  refreshMode(cpu);
  schedIn(kernel, cpu, task);
  traceSwitch(kernel, cpu, task);
}

/** switch_mm: CR3 <- the task's page table, or the kernel's own. What the TLB knows stays if it was there before. */
export function loadAddressSpace(kernel: Kernel, cpu: Cpu, task: Task): void {
  const space = task.addressSpace === undefined ? undefined : kernel.addressSpaces.get(task.addressSpace);
  const state = kernel.perCpu[cpu.index]!;
  const root = BigInt(space?.pageTable ?? kernel.swapperPgDir);
  // a program in kernel mode may have loaded another one
  if (cpu.slots[Slot.cr3] === root && state.loadedMm === space?.id) return;
  cpu.slots[Slot.cr3] = root;
  state.loadedMm = space?.id;
  flushTlb(cpu);
}

/**
 * Takes the current task off `cpu` if it does not run any more: before another CPU has its turn, which may wake it and must
 * find its registers saved. True: it stays.
 */
export function leaveTask(kernel: Kernel, cpu: Cpu): boolean {
  const state = kernel.perCpu[cpu.index]!;
  const task = kernel.tasks.get(state.current);
  if (task?.state === 'running') return true;
  if (task !== undefined && state.current !== 0) {
    accountTime(kernel, cpu, task);
    saveContext(cpu, task.context);
    updateTimes(kernel, task);
    schedOut(kernel, cpu, task);
    noteSwitchOut(kernel, cpu, task);
  }
  state.current = 0;
  return false;
}

/** Puts the next task of the queue on `cpu` if the current one has left it. True: a task runs. */
export function schedule(kernel: Kernel, cpu: Cpu): boolean {
  if (leaveTask(kernel, cpu)) return true;
  kernel.perCpu[cpu.index]!.needResched = false;
  for (;;) {
    const pid = takeFromQueue(kernel, cpu.index);
    if (pid === undefined) {
      traceIdle(kernel, cpu);
      return false;
    }
    const next = kernel.tasks.get(pid);
    if (next?.state !== 'runnable') continue;
    switchTo(kernel, cpu, next);
    return true;
  }
}

function updateTimes(kernel: Kernel, task: Task): void {
  writeKernelU64(kernel, task.address + BigInt(task_struct.fields.utime.offset), BigInt(task.cpuTime));
}

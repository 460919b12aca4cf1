/** The queues of packets of each CPU, and how a CPU learns that they are not empty: interrupt, or its ksoftirqd. */
import { Slot } from '../../cpu/state.ts';
import { CALL_FUNCTION_SINGLE_VECTOR } from '../entry/vectors.ts';
import { Errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { readKernelU32 } from '../mm/kernel-memory.ts';
import { perCpuAddress, writePerCpu } from '../per-cpu.ts';
import { createKernelThread } from '../process.ts';
import { makeRunnable } from '../scheduler.ts';
import { lookupName } from '../symbols.ts';
import type { Task } from '../task.ts';
import { endWithSlice } from '../turn.ts';
import { freeSkb } from './skb.ts';
import type { SkBuff, SoftnetData } from './types.ts';

/** sysctl net.core.netdev_max_backlog, and a device's txqueuelen */
export const QUEUE_LIMIT = 1000;
/** sysctl net.core.netdev_budget: packets handled before ksoftirqd takes over */
export const SOFTIRQ_BUDGET = 300;

export const ksoftirqdChannel = (cpu: number): string => `ksoftirqd:${cpu}`;

/** The CPU whose instructions are executed now. */
export const runningCpu = (kernel: Kernel): number => kernel.turn.cpu;

function ksoftirqd(kernel: Kernel, cpu: number): Task | undefined {
  const known = kernel.tasks.get(kernel.net.ksoftirqd.get(cpu) ?? -1);
  if (known !== undefined) return known;
  try {
    const task = createKernelThread(kernel, `ksoftirqd/${cpu}`, lookupName(kernel.symbols, 'run_ksoftirqd'), cpu);
    kernel.net.ksoftirqd.set(cpu, task.pid);
    makeRunnable(kernel, task);
    return task;
  } catch (error) {
    if (error instanceof Errno) return undefined; // no memory: the next interrupt or system call does the work
    throw error;
  }
}

/** wakeup_softirqd */
export function wakeKsoftirqd(kernel: Kernel, cpu: number): void {
  const task = ksoftirqd(kernel, cpu);
  if (task?.state === 'sleeping') makeRunnable(kernel, task);
}

export const pending = ({ clones, output, backlog }: SoftnetData): boolean =>
  clones.length + output.length + backlog.length > 0;

/** A CPU has no task: what its last one left is ksoftirqd's. */
export function leavePackets(kernel: Kernel, cpu: number): void {
  const softnet = kernel.net.softnet[cpu];
  if (softnet !== undefined && pending(softnet)) wakeKsoftirqd(kernel, cpu);
}

/** The flag that do_softirq looks at follows the queues. */
export function updatePending(kernel: Kernel, cpu: number): void {
  writePerCpu(kernel, cpu, 'softirq_pending', pending(kernel.net.softnet[cpu]!) ? 1n : 0n);
}

/**
 * Packets of `cpu` have come: it sees them on its way out of the kernel when a native function of its own brings them,
 * else by interrupt or ksoftirqd.
 */
function raiseSoftirq(kernel: Kernel, cpu: number, outside: boolean): void {
  updatePending(kernel, cpu);
  if (cpu !== runningCpu(kernel)) endWithSlice(kernel);
  if (!outside && cpu === runningCpu(kernel) && inKernel(kernel, cpu)) return;
  const { pendingInterrupts } = kernel.cpus[cpu]!;
  if (kernel.perCpu[cpu]!.current === 0) wakeKsoftirqd(kernel, cpu);
  else if (!pendingInterrupts.includes(CALL_FUNCTION_SINGLE_VECTOR))
    pendingInterrupts.push(CALL_FUNCTION_SINGLE_VECTOR);
}

/** A task's system call, or do_softirq itself: both look at the flag before they leave. */
function inKernel(kernel: Kernel, cpu: number): boolean {
  const { current } = kernel.perCpu[cpu]!;
  if (current === 0) return false;
  if (readKernelU32(kernel, perCpuAddress(kernel, cpu, 'softirq_active')) !== 0) return true;
  const task = kernel.tasks.get(current);
  return task?.state === 'running' && task.syscall !== undefined && Number(kernel.cpus[cpu]!.words[Slot.cpl * 2]) === 0;
}

type Queues = Pick<SoftnetData, 'clones' | 'output' | 'backlog'>;

/** Queues a packet of `cpu`; a full queue frees it. Whether it was taken. */
function enqueue(kernel: Kernel, cpu: number, queue: keyof Queues, skb: SkBuff, outside = false): boolean {
  const softnet = kernel.net.softnet[cpu]!;
  if (softnet[queue].length >= QUEUE_LIMIT) {
    freeSkb(kernel, skb);
    return false;
  }
  softnet[queue].push(skb.address);
  raiseSoftirq(kernel, cpu, outside);
  return true;
}

/** To be sent, by the CPU that executes now. */
export const queueOutput = (kernel: Kernel, skb: SkBuff): boolean => enqueue(kernel, runningCpu(kernel), 'output', skb);

/** A clone that a program of `cpu` sends. */
export const queueClone = (kernel: Kernel, cpu: number, skb: SkBuff): boolean => enqueue(kernel, cpu, 'clones', skb);

/** netif_rx: received, to be handled by `cpu`; `outside`: not by what a CPU executes. */
export const queueBacklog = (kernel: Kernel, cpu: number, skb: SkBuff, outside = false): boolean =>
  enqueue(kernel, cpu, 'backlog', skb, outside);

/**
 * The root of all state. Everything under `Kernel` is plain data: typed arrays, numbers, bigints, strings, arrays, Maps
 * and records of them. What acts on it are functions elsewhere that take the kernel as their first argument.
 */
import type { Cpu } from '../cpu/cpu.ts';
import type { Memory } from '../cpu/memory.ts';
import type { KernelListing } from './entry/listing.ts';
import type { FileSystem, FileTable, OpenFile } from './fs/types.ts';
import type { BpfState } from './bpf/types.ts';
import type { PerfState } from './perf/types.ts';
import type { KprobeState } from './kprobe/types.ts';
import type { NetState } from './net/types.ts';
import type { LogRecord } from './printk.ts';
import type { Sleepers } from './sleepers.ts';
import type { Task, TaskContext } from './task.ts';
import type { AddressSpace, SharedMemory } from './mm/types.ts';
import type { PhysicalPages } from './mm/physical.ts';
import type { KernelEvent } from './events.ts';
import type { SymbolTable } from './symbols.ts';
import type { ThreadGroup } from './thread-groups.ts';
import type { Heap } from './mm/heap.ts';
import type { VirtualArea } from './mm/vmalloc.ts';

/** Instructions of a CPU in one round, and the round's length in ns. */
export const SLICE = 10_000;

export interface Kernel {
  readonly memory: Memory;
  readonly cpus: readonly Cpu[];
  /** per CPU: what the scheduler and the clock know of it */
  readonly perCpu: PerCpuState[];
  /** the Rex watchdog's, ns */
  readonly watchdogPeriod: number;
  /** xorshift64* state of the box's one source of randomness */
  random: bigint;
  /** guest time at the start of the current round of CPU slices, ns */
  roundStart: bigint;
  readonly turn: Turn;

  readonly pages: PhysicalPages;
  readonly heap: Heap;
  readonly vmalloc: VirtualArea;
  readonly modules: VirtualArea;
  /** physical address of the kernel's own PML4 */
  readonly swapperPgDir: number;
  readonly addressSpaces: Map<number, AddressSpace>;
  readonly sharedMemory: Map<number, SharedMemory>;

  readonly symbols: SymbolTable;
  /** lines of the kernel's own text, of which nothing in the machine depends; set at boot */
  listing: KernelListing;

  readonly tasks: Map<number, Task>;
  /** by tgid: see thread-groups.ts */
  readonly threadGroups: Map<number, ThreadGroup>;
  nextPid: number;
  /** pids that can run and are on no CPU, in the order of their turn: see run-queue.ts */
  readonly runQueue: number[];
  /** what tasks that come to the queue are measured by, ns; it never goes back */
  minVruntime: number;
  readonly sleepers: Sleepers;

  readonly fileSystem: FileSystem;
  readonly openFiles: Map<number, OpenFile>;
  readonly fileTables: Map<number, FileTable>;

  readonly bpf: BpfState;
  readonly kprobes: KprobeState;
  readonly net: NetState;
  readonly perf: PerfState;

  /** the kernel log, oldest first, bounded */
  readonly log: LogRecord[];
  /** what an observer wants to know, drained by the box between slices */
  readonly events: KernelEvent[];
  /** which kinds of event are recorded at all */
  readonly record: { syscalls: boolean };
  /** why the kernel stopped for good: the text of the oops or panic */
  dead: string | undefined;
  /** next free number of each kind of object */
  readonly nextId: { file: number; fileTable: number; addressSpace: number; sharedMemory: number; pipe: number };
}

/** Whose slice of the round it is. */
export interface Turn {
  cpu: number;
  /** instructions of the slice, and those of it that are left */
  length: number;
  left: number;
  /** of the longest slice of the round so far, which is the round's time, ns */
  longest: number;
  /** while it executes: `retired` of the CPU at which the slice ends, and the stretch of slices; Infinity else */
  sliceEnd: number;
  end: number;
  /** whether somebody is told of events as soon as a slice ends */
  watched: boolean;
  /** xorshift64* state that the slices' lengths come from; undefined: each is SLICE */
  random: bigint | undefined;
}

export interface PerCpuState {
  /** pid of the task on this CPU; 0 is idle */
  current: number;
  /** cpu_tlbstate.loaded_mm: the address space that CR3 was loaded for last; undefined: the kernel's own */
  loadedMm: number | undefined;
  /** the scheduler should choose anew when the CPU leaves its native function */
  needResched: boolean;
  /** linear address of the per-CPU area */
  readonly area: bigint;
  /** `retired` of the CPU at the start of the round */
  retiredAtRoundStart: number;
  /** instructions that count for what native functions have done, and have not passed yet: see work.ts */
  owed: number;
  /** guest time of the next timer interrupt, ns */
  nextTick: bigint;
  /** the watchdog's counter: `retired` of the CPU at which it overflows; whether it has and its NMI has not come yet */
  readonly watchdog: { at: number; fired: boolean };
  /** user FPU state while the kernel uses SSE: see kernel_fpu_begin; it is `fpuArea` */
  savedFpu: TaskContext | undefined;
  readonly fpuArea: TaskContext;
}

/** Guest time in nanoseconds as CPU `cpu` sees it: one nanosecond an instruction. */
export function now(kernel: Kernel, cpu: Cpu): bigint {
  return kernel.roundStart + BigInt(cpu.retired - kernel.perCpu[cpu.index]!.retiredAtRoundStart);
}

/** The task on `cpu`. */
export function currentTask(kernel: Kernel, cpu: Cpu): Task {
  const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  if (task === undefined) throw new Error(`CPU ${cpu.index} runs no task`);
  return task;
}

/** One step of xorshift64*: the next state, and 64 random bits. */
export function xorshift(state: bigint): { readonly state: bigint; readonly bits: bigint } {
  let x = state;
  x ^= x >> 12n;
  x = BigInt.asUintN(64, x ^ (x << 25n));
  x ^= x >> 27n;
  return { state: x, bits: BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn) };
}

/** A state of xorshift64* for a seed: odd, as it cannot leave 0; multiplied, to spread small seeds. */
export const xorshiftState = (seed: number | bigint): bigint =>
  BigInt.asUintN(64, (BigInt(seed) + 1n) * 0x9e37_79b9_7f4a_7c15n) | 1n;

/** 64 random bits from the box's seed. */
export function random64(kernel: Kernel): bigint {
  const { state, bits } = xorshift(kernel.random);
  kernel.random = state;
  return bits;
}

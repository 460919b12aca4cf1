/** The root record of a box before anything has run in it, with all of physical memory in the direct map. */
import { createCpu } from '../cpu/cpu.ts';
import { createMemory } from '../cpu/memory.ts';
import { Pte } from '../cpu/paging.ts';
import { Slot } from '../cpu/state.ts';
import { createBpfState } from './bpf/state.ts';
import { emptyListing } from './entry/listing.ts';
import { createFileSystem, fillFileSystem } from './fs/inodes.ts';
import { SLICE, xorshiftState, type Kernel } from './kernel.ts';
import { createKprobeState } from './kprobe/types.ts';
import { constants } from './layout/constants.ts';
import { createNetState } from './net/state.ts';
import { MODULES_VADDR, PAGE_OFFSET, VMALLOC_START } from './layout/address-map.ts';
import { createHeap } from './mm/heap.ts';
import { mapLarge } from './mm/page-tables.ts';
import { allocatePage, createPhysicalPages } from './mm/physical.ts';
import { createVirtualArea } from './mm/vmalloc.ts';
import { WATCHDOG_PERIOD } from './rex-dispatcher/watchdog.ts';
import { createPerfState } from './perf/types.ts';
import { createSleepers } from './sleepers.ts';
import { createSymbolTable } from './symbols.ts';

export interface MachineOptions {
  /** 1 to 64 */
  readonly cpus?: number;
  /** bytes of physical memory, 16 MiB to 2 GiB */
  readonly memory?: number;
  /** of every random number in the box; a whole number */
  readonly seed?: number | bigint;
  /** seeds how the processors take turns: slices of random lengths; default: even ones of SLICE instructions */
  readonly schedule?: number;
  /** how long a Rex program may run, and how often that is looked at: ns of guest time, from 1 ms; default 20 s */
  readonly watchdogPeriod?: number;
  /** AVX, AVX2 and XSAVE, and a CPUID that tells of them: default false, an x86-64-v2 processor */
  readonly avx?: boolean;
}

export class MachineError extends Error {
  override readonly name = 'MachineError';
}

export const MAX_CPUS = 64;
const LARGE_PAGE = 2 << 20;
/** never handed out, so that physical address 0 means nothing */
const RESERVED = 1 << 20;

function checkWhole(name: string, value: number, lowest: number, highest: number): void {
  if (Number.isInteger(value) && value >= lowest && value <= highest) return;
  throw new MachineError(`${name}: got ${value}, expected a whole number from ${lowest} to ${highest}`);
}

/** Errors: MachineError, MemorySizeError. */
export function createKernel({
  cpus = 1,
  memory: size = 128 << 20,
  seed = 1,
  avx = false,
  schedule,
  watchdogPeriod = WATCHDOG_PERIOD,
}: MachineOptions): Kernel {
  checkWhole('cpus', cpus, 1, MAX_CPUS);
  if (typeof seed === 'number') checkWhole('seed', seed, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (schedule !== undefined) checkWhole('schedule', schedule, 0, Number.MAX_SAFE_INTEGER);
  checkWhole('watchdogPeriod', watchdogPeriod, constants.TICK_NSEC, Number.MAX_SAFE_INTEGER);
  const memory = createMemory(size, cpus);
  const kernel: Kernel = {
    memory,
    cpus: Array.from({ length: cpus }, (_, index) => createCpu(memory, index)),
    perCpu: [],
    watchdogPeriod,
    random: xorshiftState(seed),
    roundStart: 0n,
    turn: {
      cpu: 0,
      length: SLICE,
      left: SLICE,
      longest: 0,
      sliceEnd: Infinity,
      end: Infinity,
      watched: false,
      random: schedule === undefined ? undefined : xorshiftState(schedule),
    },
    pages: createPhysicalPages(memory.size, RESERVED),
    heap: createHeap(),
    vmalloc: createVirtualArea(VMALLOC_START, 1n << 34n),
    modules: createVirtualArea(MODULES_VADDR, 1n << 29n),
    // the first page handed out, below
    swapperPgDir: RESERVED,
    addressSpaces: new Map(),
    sharedMemory: new Map(),
    symbols: createSymbolTable(),
    listing: emptyListing,
    tasks: new Map(),
    threadGroups: new Map(),
    nextPid: 1,
    runQueue: [],
    minVruntime: 0,
    sleepers: createSleepers(),
    fileSystem: createFileSystem(),
    openFiles: new Map(),
    fileTables: new Map(),
    bpf: createBpfState(cpus),
    kprobes: createKprobeState(),
    net: createNetState(cpus),
    perf: createPerfState(cpus),
    log: [],
    events: [],
    record: { syscalls: false },
    dead: undefined,
    nextId: { file: 1, fileTable: 1, addressSpace: 1, sharedMemory: 1, pipe: 1 },
  };
  fillFileSystem(kernel);
  if (avx) for (const cpu of kernel.cpus) cpu.slots[Slot.avx] = 1n;
  if (allocatePage(kernel) !== kernel.swapperPgDir) throw new MachineError('the first page is not the lowest');
  const flags = Pte.present | Pte.write | Pte.noExecute;
  for (let physical = 0; physical < memory.size; physical += LARGE_PAGE) {
    mapLarge(kernel, kernel.swapperPgDir, PAGE_OFFSET + BigInt(physical), physical, flags);
  }
  return kernel;
}

/**
 * A kernel with memory, symbols, an empty file system and one task with user memory, but no text: system calls are made
 * by calling their handlers.
 */
import { createCpu } from '../../cpu/cpu.ts';
import { createMemory } from '../../cpu/memory.ts';
import { Pte } from '../../cpu/paging.ts';
import { STATE_SIZE } from '../../cpu/state.ts';
import { createBpfState } from '../../kernel/bpf/state.ts';
import { bpfSyscalls } from '../../kernel/bpf/commands.ts';
import { Errno } from '../../kernel/errno.ts';
import { createFileTable, installDescriptor, openFile } from '../../kernel/fs/files.ts';
import { newInode } from '../../kernel/fs/tree.ts';
import type { FileSystem } from '../../kernel/fs/types.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { createKprobeState } from '../../kernel/kprobe/index.ts';
import { KERNEL_TEXT, MODULES_VADDR, PAGE_OFFSET, VMALLOC_START } from '../../kernel/layout/address-map.ts';
import { perCpuAreaSize, perCpuVariables } from '../../kernel/layout/per-cpu.ts';
import { createAddressSpace, insertArea } from '../../kernel/mm/address-space.ts';
import { createHeap, kmalloc } from '../../kernel/mm/heap.ts';
import { writeKernel } from '../../kernel/mm/kernel-memory.ts';
import { mapLarge, writeEntry } from '../../kernel/mm/page-tables.ts';
import { allocatePage, createPhysicalPages } from '../../kernel/mm/physical.ts';
import { copyToUser } from '../../kernel/mm/user-memory.ts';
import { perfSyscalls } from '../../kernel/perf/open.ts';
import { writePerCpu } from '../../kernel/per-cpu.ts';
import { addSymbols, createSymbolTable } from '../../kernel/symbols.ts';
import type { Task } from '../../kernel/task.ts';

/** Where the task's memory begins, and its bytes: readable and writable. */
export const USER = 0x10000n;
export const USER_SIZE = 0x100000n;

/** Functions of the kernel: 64 bytes each of `mov %rsp,%rbp` after a push, on one page. */
const kernelFunctions = [
  'bpf_map_lookup_elem',
  'bpf_map_update_elem',
  'bpf_map_delete_elem',
  'bpf_probe_read_kernel',
  'bpf_ktime_get_ns',
  'bpf_ktime_get_boot_ns',
  'get_random_u32',
  'bpf_spin_lock',
  'bpf_spin_unlock',
  'rex_trace_printk',
  'rex_landingpad',
  'just_return_func',
  'rex_base_func',
  '__x64_sys_dup',
  '__x64_sys_getpid',
];

function createFileSystem(): FileSystem {
  const fileSystem: FileSystem = {
    inodes: new Map(),
    root: 1,
    nextInode: 1,
    usedBytes: 0,
    orphans: new Map(),
    pipes: new Map(),
    stdin: { chunks: [], closed: true },
  };
  newInode(fileSystem, 'directory', { mode: 0o755 });
  return fileSystem;
}

function createKernel(size: number, cpus: number): Kernel {
  const memory = createMemory(size, STATE_SIZE * cpus);
  const area = (start: bigint) => ({ start, end: start + (1n << 29n), blocks: new Map<bigint, number>() });
  const kernel = {
    memory,
    cpus: Array.from({ length: cpus }, (_, index) => createCpu(memory, index)),
    perCpu: [],
    random: 1n,
    roundStart: 0,
    pages: createPhysicalPages(memory.size, 0x1000),
    heap: createHeap(),
    vmalloc: area(VMALLOC_START),
    modules: area(MODULES_VADDR),
    swapperPgDir: 0,
    addressSpaces: new Map(),
    symbols: createSymbolTable(),
    tasks: new Map(),
    nextPid: 1,
    runQueue: [],
    fileSystem: createFileSystem(),
    openFiles: new Map(),
    fileTables: new Map(),
    bpf: createBpfState(cpus),
    kprobes: createKprobeState(),
    log: [],
    events: [],
    record: { syscalls: false },
    dead: undefined,
    nextId: { file: 1, fileTable: 1, addressSpace: 1, inode: 1, pipe: 1 },
  };
  return kernel as unknown as Kernel;
}

function mapKernel(kernel: Kernel): void {
  const root = allocatePage(kernel);
  (kernel as { swapperPgDir: number }).swapperPgDir = root;
  for (let at = 0; at < kernel.memory.size; at += 1 << 21) {
    mapLarge(kernel, root, PAGE_OFFSET + BigInt(at), at, Pte.present | Pte.write | Pte.noExecute);
  }
  writeEntry(kernel, root, KERNEL_TEXT, BigInt(allocatePage(kernel)) | Pte.present);
  const text = Uint8Array.of(0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3);
  kernelFunctions.forEach((_, n) => writeKernel(kernel, KERNEL_TEXT + BigInt(n * 64), text));
  addSymbols(kernel.symbols, [
    ...kernelFunctions.map((name, n) => ({ name, address: KERNEL_TEXT + BigInt(n * 64), size: 64, kind: 'T' })),
    ...[...perCpuVariables.values()].map(({ name, offset, size }) => ({
      name,
      address: BigInt(offset),
      size,
      kind: 'A',
    })),
  ]);
}

function addTask(kernel: Kernel): Task {
  const space = createAddressSpace(kernel);
  insertArea(space, {
    start: USER,
    end: USER + USER_SIZE,
    protection: 3,
    flags: 0x22,
    file: undefined,
    shared: undefined,
    name: '',
  });
  const task = {
    pid: kernel.nextPid++,
    tgid: 1,
    comm: 'loader',
    state: 'running',
    addressSpace: space.id,
    channels: [],
    fileTable: createFileTable(kernel),
  } as unknown as Task;
  kernel.tasks.set(task.pid, task);
  return task;
}

export interface BareKernel {
  readonly kernel: Kernel;
  readonly task: Task;
  /** a system call's result: -errno for a failure */
  call(name: 'bpf' | 'perf_event_open', ...args: readonly (bigint | number)[]): number;
  /** descriptor of a new regular file */
  openBytes(bytes: Uint8Array, flags?: number): number;
  /** stores in user memory */
  poke(address: bigint, bytes: Uint8Array): void;
}

/** `size`: bytes of guest memory. */
export function createBareKernel(size = 16 << 20, cpus = 1): BareKernel {
  const kernel = createKernel(size, cpus);
  mapKernel(kernel);
  const task = addTask(kernel);
  for (const cpu of kernel.cpus) {
    const area = kmalloc(kernel, perCpuAreaSize);
    kernel.perCpu.push({
      current: task.pid,
      needResched: false,
      area,
      retiredAtRoundStart: 0,
      nextTick: Infinity,
      savedFpu: undefined,
    });
    writePerCpu(kernel, cpu.index, 'this_cpu_off', area);
  }
  const rows = new Map([...bpfSyscalls, ...perfSyscalls].map((row) => [row.name, row]));
  return {
    kernel,
    task,
    call(name, ...values) {
      const args = Array.from({ length: 6 }, (_, n) => BigInt.asUintN(64, BigInt(values[n] ?? 0)));
      try {
        const call = { kernel, cpu: kernel.cpus[0]!, task, args: args as never };
        return Number(rows.get(name)!.handler(call));
      } catch (error) {
        if (error instanceof Errno) return -error.number;
        throw error;
      }
    },
    openBytes(bytes, flags = 2) {
      const inode = newInode(kernel.fileSystem, 'regular', { mode: 0o600, data: bytes });
      return installDescriptor(kernel, task, openFile(kernel, 'regular', inode.id, flags, '/tmp/x'), false);
    },
    poke: (address, bytes) => copyToUser(kernel, task, address, bytes),
  };
}

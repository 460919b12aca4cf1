/**
 * A kernel with memory, symbols, an empty file system and one task with user memory, but no text: system calls are made
 * by calling their handlers.
 */
import { Pte } from '../../cpu/paging.ts';
import { bpfSyscalls } from '../../kernel/bpf/commands.ts';
import { helpers } from '../../kernel/bpf/helpers.ts';
import { createKernel } from '../../kernel/create-kernel.ts';
import { Errno } from '../../kernel/errno.ts';
import { writeContent } from '../../kernel/fs/content.ts';
import { createFileTable, installDescriptor, openFile } from '../../kernel/fs/files.ts';
import { withUnnamed } from '../../kernel/fs/opening.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { FLOATING_SLOTS } from '../../kernel/kprobe/fpu.ts';
import { KERNEL_TEXT } from '../../kernel/layout/address-map.ts';
import { perCpuAreaSize, perCpuVariables } from '../../kernel/layout/per-cpu.ts';
import { createAddressSpace } from '../../kernel/mm/address-space.ts';
import { insertArea } from '../../kernel/mm/areas.ts';
import { kmalloc } from '../../kernel/mm/heap.ts';
import { writeKernel } from '../../kernel/mm/kernel-memory.ts';
import { writeEntry } from '../../kernel/mm/page-tables.ts';
import { allocatePage } from '../../kernel/mm/physical.ts';
import { copyToUser } from '../../kernel/mm/user-memory.ts';
import { perfSyscalls } from '../../kernel/perf/open.ts';
import { writePerCpu } from '../../kernel/per-cpu.ts';
import { addSymbols } from '../../kernel/symbols.ts';
import type { Task } from '../../kernel/task.ts';
import { KTIME_MAX } from '../../kernel/time.ts';

/** Where the task's memory begins, and its bytes: readable and writable. */
export const USER = 0x10000n;
export const USER_SIZE = 0x100000n;

/** Functions of the kernel: 64 bytes each of `mov %rsp,%rbp` after a push, on one page. */
const kernelFunctions = [
  ...helpers.map(({ name }) => name),
  'rex_landingpad',
  'just_return_func',
  'rex_base_func',
  '__x64_sys_dup',
  '__x64_sys_getpid',
];

/** Kernel functions that are named and do nothing, and the per-CPU symbols. */
function mapKernel(kernel: Kernel): void {
  writeEntry(kernel, kernel.swapperPgDir, KERNEL_TEXT, BigInt(allocatePage(kernel)) | Pte.present);
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
  insertArea(kernel, space, {
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
    cpuTime: 0,
    switchedInAt: 0n,
    vruntime: 0,
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
  const kernel = createKernel({ memory: size, cpus });
  mapKernel(kernel);
  const task = addTask(kernel);
  for (const cpu of kernel.cpus) {
    const area = kmalloc(kernel, perCpuAreaSize);
    kernel.perCpu.push({
      current: task.pid,
      loadedMm: undefined,
      needResched: false,
      area,
      retiredAtRoundStart: 0,
      owed: 0,
      nextTick: KTIME_MAX,
      watchdog: { at: Infinity, fired: false },
      savedFpu: undefined,
      fpuArea: new BigUint64Array(FLOATING_SLOTS),
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
      const file = withUnnamed(kernel, (inode) => {
        writeContent(kernel, inode, 0, bytes);
        return openFile(kernel, 'regular', inode.id, flags, '/tmp/x');
      });
      return installDescriptor(kernel, task, file, false);
    },
    poke: (address, bytes) => copyToUser(kernel, task, address, bytes),
  };
}

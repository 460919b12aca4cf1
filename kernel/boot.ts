/** From nothing to a kernel that can run programs: what firmware, boot loader and start_kernel would have left behind. */
import { createCpu } from '../cpu/cpu.ts';
import { createMemory } from '../cpu/memory.ts';
import { Pte, refreshMode } from '../cpu/paging.ts';
import { Slot, STATE_SIZE } from '../cpu/state.ts';
import { createBpfState } from './bpf/state.ts';
import { assembleKernel, type KernelImage, type SourceFile } from './entry/text.ts';
import { vectorRows } from './entry/vectors.ts';
import { createFileSystem } from './fs/inodes.ts';
import type { Kernel, PerCpuState } from './kernel.ts';
import { createKprobeState } from './kprobe/types.ts';
import { MODULES_VADDR, PAGE_OFFSET, VMALLOC_START } from './layout/address-map.ts';
import { constants } from './layout/constants.ts';
import { perCpuAreaSize } from './layout/per-cpu.ts';
import { createHeap, kmalloc } from './mm/heap.ts';
import { writeKernelU64 } from './mm/kernel-memory.ts';
import { entryAddress, mapLarge } from './mm/page-tables.ts';
import { allocateContiguous, allocatePage, createPhysicalPages, directMap } from './mm/physical.ts';
import { nativeIds, stubNames } from './natives.ts';
import { perCpuAddress, writePerCpu } from './per-cpu.ts';
import { printk } from './printk.ts';
import { initRexStacks } from './rex-dispatcher/stacks.ts';
import { addSymbols, createSymbolTable, lookupName } from './symbols.ts';
import { syscallTable } from './syscalls/index.ts';
import { utsname } from './version.ts';

export interface BootOptions {
  /** the kernel's `.S` files */
  readonly sources: readonly SourceFile[];
  /** 1 to 64 */
  readonly cpus?: number;
  /** bytes of physical memory, 16 MiB to 2 GiB */
  readonly memory?: number;
  /** of every random number in the box */
  readonly seed?: number | bigint;
}

export class BootError extends Error {
  override readonly name = 'BootError';
}

export const MAX_CPUS = 64;
const LARGE_PAGE = 2 << 20;
/** never handed out, so that physical address 0 means nothing */
const RESERVED = 1 << 20;

/** A kernel that has booted and has no task yet. Errors: BootError, MemorySizeError, AssemblerError. */
export function bootKernel(options: BootOptions): Kernel {
  const cpus = options.cpus ?? 1;
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > MAX_CPUS) {
    throw new BootError(`cpus: got ${cpus}, expected a whole number from 1 to ${MAX_CPUS}`);
  }
  const memory = createMemory(options.memory ?? 128 << 20, cpus * STATE_SIZE);
  const kernel: Kernel = {
    memory,
    cpus: Array.from({ length: cpus }, (_, index) => createCpu(memory, index)),
    perCpu: [],
    // never 0, which xorshift cannot leave; a round of it spreads small seeds
    random: BigInt.asUintN(64, (BigInt(options.seed ?? 1) + 1n) * 0x9e37_79b9_7f4a_7c15n) | 1n,
    roundStart: 0,
    pages: createPhysicalPages(memory.size, RESERVED),
    heap: createHeap(),
    vmalloc: { start: VMALLOC_START, end: VMALLOC_START + (1n << 32n), blocks: new Map() },
    modules: { start: MODULES_VADDR, end: MODULES_VADDR + (1n << 29n), blocks: new Map() },
    swapperPgDir: 0,
    addressSpaces: new Map(),
    sharedMemory: new Map(),
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
    nextId: { file: 1, fileTable: 1, addressSpace: 1, sharedMemory: 1, inode: 1, pipe: 1 },
  };
  (kernel as { swapperPgDir: number }).swapperPgDir = allocatePage(kernel);
  mapMemory(kernel);
  const image = assembleKernel(options.sources, syscallTable, stubNames, nativeIds);
  loadImage(kernel, image);
  printk(kernel, undefined, `${utsname.sysname} version ${utsname.release} (kernel-in-a-box) ${utsname.version}`);
  for (let index = 0; index < cpus; index++) setUpPerCpu(kernel, index);
  initRexStacks(kernel);
  const idt = buildIdt(kernel);
  for (let index = 0; index < cpus; index++) startCpu(kernel, index, idt);
  return kernel;
}

/** The direct map: all of physical memory in 2 MiB pages, not executable. */
function mapMemory(kernel: Kernel): void {
  const flags = Pte.present | Pte.write | Pte.noExecute;
  for (let physical = 0; physical < kernel.memory.size; physical += LARGE_PAGE) {
    mapLarge(kernel, kernel.swapperPgDir, PAGE_OFFSET + BigInt(physical), physical, flags);
  }
}

const sectionFlags: Readonly<Record<string, bigint>> = {
  '.text': Pte.present,
  '.rodata': Pte.present | Pte.noExecute,
  '.data': Pte.present | Pte.write | Pte.noExecute,
  '.bss': Pte.present | Pte.write | Pte.noExecute,
};

/** Kernel text and data at their addresses, with their permissions; their symbols into kallsyms. */
function loadImage(kernel: Kernel, image: KernelImage): void {
  for (const { name, address, bytes } of image.sections) {
    const flags = sectionFlags[name];
    if (flags === undefined) throw new BootError(`kernel text: no place is known for section ${name}`);
    for (let offset = 0; offset < bytes.length; offset += constants.PAGE_SIZE) {
      const physical = allocatePage(kernel);
      kernel.memory.bytes.set(bytes.subarray(offset, offset + constants.PAGE_SIZE), physical);
      const entry = entryAddress(kernel, kernel.swapperPgDir, address + BigInt(offset), true)!;
      kernel.memory.view.setBigUint64(entry, BigInt(physical) | flags, true);
    }
  }
  addSymbols(kernel.symbols, image.symbols);
}

function setUpPerCpu(kernel: Kernel, index: number): void {
  const area = directMap(allocateContiguous(kernel, perCpuAreaSize / constants.PAGE_SIZE));
  const state: PerCpuState = {
    current: 0,
    needResched: false,
    area,
    retiredAtRoundStart: 0,
    nextTick: constants.TICK_NSEC,
    savedFpu: undefined,
  };
  kernel.perCpu.push(state);
  writePerCpu(kernel, index, 'this_cpu_off', area);
  writePerCpu(kernel, index, 'cpu_number', BigInt(index));
}

const KERNEL_CS = BigInt(constants.KERNEL_CS);
const TSS_SELECTOR = 0x40n;
/** null, unused, kernel code, kernel data, user 32-bit code, user data, user code; the TSS is at 0x40 */
const descriptors = [
  0n,
  0n,
  0x00af_9b00_0000_ffffn,
  0x00cf_9300_0000_ffffn,
  0x00cf_fb00_0000_ffffn,
  0x00cf_f300_0000_ffffn,
  0x00af_fb00_0000_ffffn,
];
/** SYSCALL's CS and SYSRET's base: STAR */
const STAR = (0x23n << 48n) | (KERNEL_CS << 32n);
const TSS_SIZE = 104n;
const IST1 = 36n;
const EXCEPTION_STACK = 16384;

function buildGdt(kernel: Kernel, index: number): bigint {
  const gdt = perCpuAddress(kernel, index, 'gdt_page');
  const tss = perCpuAddress(kernel, index, 'cpu_tss_rw');
  descriptors.forEach((value, n) => writeKernelU64(kernel, gdt + BigInt(n * 8), value));
  const low = (TSS_SIZE - 1n) | ((tss & 0xff_ffffn) << 16n) | (0x89n << 40n) | (((tss >> 24n) & 0xffn) << 56n);
  writeKernelU64(kernel, gdt + TSS_SELECTOR, low);
  writeKernelU64(kernel, gdt + TSS_SELECTOR + 8n, tss >> 32n);
  return gdt;
}

/** One table for all CPUs: interrupt gates to the stubs of `vectorRows`. */
function buildIdt(kernel: Kernel): bigint {
  const idt = kmalloc(kernel, constants.PAGE_SIZE);
  for (const { vector, name, ist, dpl } of vectorRows) {
    const handler = lookupName(kernel.symbols, `asm_${name}`);
    const type = 0x8en | (BigInt(dpl) << 5n);
    const low =
      (handler & 0xffffn) |
      (KERNEL_CS << 16n) |
      (BigInt(ist) << 32n) |
      (type << 40n) |
      (((handler >> 16n) & 0xffffn) << 48n);
    writeKernelU64(kernel, idt + BigInt(vector * 16), low);
    writeKernelU64(kernel, idt + BigInt(vector * 16 + 8), handler >> 32n);
  }
  return idt;
}

/** PE MP ET NE WP AM PG */
const CR0 = 0x8005_0033n;
/** PAE OSFXSR OSXMMEXCPT FSGSBASE SMEP SMAP */
const CR4 = (1n << 5n) | (1n << 9n) | (1n << 10n) | (1n << 16n) | (1n << 20n) | (1n << 21n);
/** SCE LME LMA NXE */
const EFER = 0xd01n;
/** what SYSCALL clears: CF PF AF ZF SF TF IF DF OF IOPL NT RF AC ID */
const SFMASK = 0x25_7fd5n;

function startCpu(kernel: Kernel, index: number, idt: bigint): void {
  const cpu = kernel.cpus[index]!;
  const gdt = buildGdt(kernel, index);
  const tss = perCpuAddress(kernel, index, 'cpu_tss_rw');
  writeKernelU64(kernel, tss + IST1, kmalloc(kernel, EXCEPTION_STACK) + BigInt(EXCEPTION_STACK));
  const registers: readonly (readonly [slot: number, value: bigint])[] = [
    [Slot.cr0, CR0],
    [Slot.cr3, BigInt(kernel.swapperPgDir)],
    [Slot.cr4, CR4],
    [Slot.efer, EFER],
    [Slot.star, STAR],
    [Slot.lstar, lookupName(kernel.symbols, 'entry_SYSCALL_64')],
    [Slot.sfmask, SFMASK],
    [Slot.gdtrBase, gdt],
    [Slot.gdtrLimit, 127n],
    [Slot.idtrBase, idt],
    [Slot.idtrLimit, 4095n],
    [Slot.trSelector, TSS_SELECTOR],
    [Slot.trBase, tss],
    [Slot.gsBase, kernel.perCpu[index]!.area],
    [Slot.selectors + 1, KERNEL_CS],
    [Slot.selectors + 2, BigInt(constants.KERNEL_DS)],
    [Slot.tscAux, BigInt(index)],
  ];
  for (const [slot, value] of registers) cpu.slots[slot] = value;
  refreshMode(cpu);
}

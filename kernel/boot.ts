/** From nothing to a kernel that can run programs: what firmware, boot loader and start_kernel would have left behind. */
import { forgetDecoded } from '../cpu/memory.ts';
import { Pte, refreshMode } from '../cpu/paging.ts';
import { Slot } from '../cpu/state.ts';
import { createKernel, MachineError, type MachineOptions } from './create-kernel.ts';
import { kernelImage } from './entry/kernel-image.ts';
import type { KernelImage, SourceFile } from './entry/text.ts';
import { vectorRows } from './entry/vectors.ts';
import type { Kernel, PerCpuState } from './kernel.ts';
import { FLOATING_SLOTS } from './kprobe/fpu.ts';
import { constants } from './layout/constants.ts';
import { perCpuAreaSize } from './layout/per-cpu.ts';
import { createLoopback } from './net/devices.ts';
import { kmalloc } from './mm/heap.ts';
import { writeKernelU64 } from './mm/kernel-memory.ts';
import { entryAddress } from './mm/page-tables.ts';
import { allocateContiguous, allocatePage, directMap } from './mm/physical.ts';
import { perCpuAddress, writePerCpu } from './per-cpu.ts';
import { printk } from './printk.ts';
import { initRexStacks } from './rex-dispatcher/stacks.ts';
import { initRexWatchdog } from './rex-dispatcher/watchdog.ts';
import { addSymbols, lookupName } from './symbols.ts';
import { syscallTable } from './syscalls/index.ts';
import { tracepointsOf } from './tracing/events.ts';
import { createEventFiles } from './tracing/files.ts';
import { utsname } from './version.ts';

export interface BootOptions extends MachineOptions {
  /** the kernel's `.S` files */
  readonly sources: readonly SourceFile[];
}

/** A kernel that has booted and has no task yet. Errors: MachineError, MemorySizeError, AssemblerError. */
export function bootKernel(options: BootOptions): Kernel {
  const kernel = createKernel(options);
  loadImage(kernel, kernelImage(options.sources));
  for (const tracepoint of tracepointsOf(syscallTable)) kernel.perf.tracepoints.set(tracepoint.id, tracepoint);
  createEventFiles(kernel);
  printk(kernel, undefined, `${utsname.sysname} version ${utsname.release} (kernel-in-a-box) ${utsname.version}`);
  for (const cpu of kernel.cpus) setUpPerCpu(kernel, cpu.index);
  initRexStacks(kernel);
  createLoopback(kernel);
  initRexWatchdog(kernel);
  const idt = buildIdt(kernel);
  for (const cpu of kernel.cpus) startCpu(kernel, cpu.index, idt);
  return kernel;
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
    if (flags === undefined) throw new MachineError(`kernel text: no place is known for section ${name}`);
    for (let offset = 0; offset < bytes.length; offset += constants.PAGE_SIZE) {
      const physical = allocatePage(kernel);
      kernel.memory.bytes.set(bytes.subarray(offset, offset + constants.PAGE_SIZE), physical);
      forgetDecoded(kernel.memory, physical, constants.PAGE_SIZE);
      const entry = entryAddress(kernel, kernel.swapperPgDir, address + BigInt(offset), true)!;
      kernel.memory.view.setBigUint64(entry, BigInt(physical) | flags, true);
      forgetDecoded(kernel.memory, entry, 8);
    }
  }
  addSymbols(kernel.symbols, image.symbols);
  kernel.listing = image.listing;
}

function setUpPerCpu(kernel: Kernel, index: number): void {
  const area = directMap(allocateContiguous(kernel, perCpuAreaSize / constants.PAGE_SIZE));
  const state: PerCpuState = {
    current: 0,
    loadedMm: undefined,
    needResched: false,
    area,
    retiredAtRoundStart: 0,
    owed: 0,
    nextTick: BigInt(constants.TICK_NSEC),
    watchdog: { at: Infinity, fired: false },
    savedFpu: undefined,
    fpuArea: new BigUint64Array(FLOATING_SLOTS),
  };
  kernel.perCpu.push(state);
  writePerCpu(kernel, index, 'this_cpu_off', area);
  writeKernelU64(kernel, lookupName(kernel.symbols, '__per_cpu_offset') + BigInt(index * 8), area);
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
/** stacks 1, for double faults, and 2, for the NMI */
const IST = [36n, 44n];
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
const CR4_OSXSAVE = 1n << 18n;
/** XCR0: x87, SSE, AVX */
const XCR0 = 7n;
/** SCE LME LMA NXE */
const EFER = 0xd01n;
/** what SYSCALL clears: CF PF AF ZF SF TF IF DF OF IOPL NT RF AC ID */
const SFMASK = 0x25_7fd5n;

function startCpu(kernel: Kernel, index: number, idt: bigint): void {
  const cpu = kernel.cpus[index]!;
  const gdt = buildGdt(kernel, index);
  const tss = perCpuAddress(kernel, index, 'cpu_tss_rw');
  for (const ist of IST) writeKernelU64(kernel, tss + ist, kmalloc(kernel, EXCEPTION_STACK) + BigInt(EXCEPTION_STACK));
  const registers: readonly (readonly [slot: number, value: bigint])[] = [
    [Slot.cr0, CR0],
    [Slot.cr3, BigInt(kernel.swapperPgDir)],
    [Slot.cr4, cpu.slots[Slot.avx] === 0n ? CR4 : CR4 | CR4_OSXSAVE],
    [Slot.xcr0, cpu.slots[Slot.avx] === 0n ? 1n : XCR0],
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

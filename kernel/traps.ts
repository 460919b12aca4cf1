/** Exceptions: demand paging, signals for the program's own faults, an oops for the kernel's. */
import type { Cpu } from '../cpu/cpu.ts';
import { PageFault } from '../cpu/fault.ts';
import { Slot } from '../cpu/state.ts';
import { exitProcess, signaledStatus } from './exit.ts';
import { currentTask, type Kernel } from './kernel.ts';
import { pt_regs } from './layout/structures.ts';
import { kprobeFaultHandler } from './kprobe/index.ts';
import { handleMmFault } from './mm/faults.ts';
import { readKernel, readKernelU64 } from './mm/kernel-memory.ts';
import { touchLazyPage } from './mm/vmalloc.ts';
import type { NativeFunction } from './native.ts';
import { oops } from './oops.ts';
import { countPageFault } from './perf/counting.ts';
import { printk } from './printk.ts';
import { forceSignal, Signal } from './signal.ts';
import { formatStackTrace } from './stack-trace.ts';
import { describeAddress, lookupName } from './symbols.ts';
import type { Task } from './task.ts';

interface Trap {
  readonly signal: number;
  /** si_code, or what it follows from; undefined where there is nothing to tell */
  readonly code: number | ((cpu: Cpu) => number | undefined);
  /** what the log calls it */
  readonly text: string;
  /** si_addr is the faulting instruction */
  readonly atInstruction: boolean;
}

const SI_KERNEL = 0x80;

/** fpu__exception_code: exceptions as bits of FSW, in the order in which they count, and the si_code of each. */
const FPE_INTDIV = 1;
const floatingCodes: readonly (readonly [bits: number, code: number])[] = [
  [0x01, 7], // IE: FPE_FLTINV
  [0x04, 3], // ZE: FPE_FLTDIV
  [0x08, 4], // OE: FPE_FLTOVF
  [0x12, 5], // UE, DE: FPE_FLTUND
  [0x20, 6], // PE: FPE_FLTRES
];
const floatingCode = (unmasked: number): number | undefined =>
  floatingCodes.find(([bits]) => (bits & unmasked) !== 0)?.[1];
const word = (cpu: Cpu, slot: number): number => cpu.words[slot * 2]!;
const x87Code = (cpu: Cpu): number | undefined => floatingCode(word(cpu, Slot.fsw) & ~word(cpu, Slot.fcw));
const simdCode = (cpu: Cpu): number | undefined => floatingCode(word(cpu, Slot.mxcsr) & ~(word(cpu, Slot.mxcsr) >> 7));

const traps: Readonly<Record<string, Trap>> = {
  exc_divide_error: { signal: Signal.SIGFPE, code: FPE_INTDIV, text: 'divide error', atInstruction: true },
  exc_overflow: { signal: Signal.SIGSEGV, code: SI_KERNEL, text: 'overflow', atInstruction: false },
  exc_bounds: { signal: Signal.SIGSEGV, code: SI_KERNEL, text: 'bounds', atInstruction: false },
  exc_invalid_op: { signal: Signal.SIGILL, code: 2, text: 'invalid opcode', atInstruction: true },
  exc_device_not_available: {
    signal: Signal.SIGFPE,
    code: SI_KERNEL,
    text: 'device not available',
    atInstruction: false,
  },
  exc_invalid_tss: { signal: Signal.SIGSEGV, code: SI_KERNEL, text: 'invalid TSS', atInstruction: false },
  exc_segment_not_present: {
    signal: Signal.SIGBUS,
    code: SI_KERNEL,
    text: 'segment not present',
    atInstruction: false,
  },
  exc_stack_segment: { signal: Signal.SIGBUS, code: SI_KERNEL, text: 'stack segment', atInstruction: false },
  exc_general_protection: {
    signal: Signal.SIGSEGV,
    code: SI_KERNEL,
    text: 'general protection fault',
    atInstruction: false,
  },
  exc_coprocessor_error: { signal: Signal.SIGFPE, code: x87Code, text: 'coprocessor error', atInstruction: true },
  exc_alignment_check: { signal: Signal.SIGBUS, code: 1, text: 'alignment check', atInstruction: false },
  exc_simd_coprocessor_error: { signal: Signal.SIGFPE, code: simdCode, text: 'simd exception', atInstruction: true },
};

/** The pt_regs that rdi points at; the handlers' callers put it on the stack, but a program may have damaged rdi's page. */
function registersAt(
  kernel: Kernel,
  cpu: Cpu,
): { readonly address: bigint; readonly get: (name: keyof typeof pt_regs.fields) => bigint } | undefined {
  const address = cpu.registers.rdi;
  const bytes = readKernel(kernel, address, pt_regs.size);
  if (bytes === undefined) {
    oops(kernel, cpu, `exception frame at 0x${address.toString(16)} is not mapped`);
    return undefined;
  }
  const view = new DataView(bytes.buffer);
  return { address, get: (name) => view.getBigUint64(pt_regs.fields[name].offset, true) };
}

const hex = (value: bigint): string => value.toString(16);

/** Linux's `show_unhandled_signals` line, and the processor's own complaint when it does not know an instruction. */
function report(kernel: Kernel, cpu: Cpu, task: Task, text: string, ip: bigint, sp: bigint, error: bigint): void {
  printk(kernel, cpu, `traps: ${task.comm}[${task.pid}] trap ${text} ip:${hex(ip)} sp:${hex(sp)} error:${hex(error)}`);
}

function reportUnknownInstruction(kernel: Kernel, cpu: Cpu, ip: bigint): void {
  const unknown = cpu.unknownInstruction;
  cpu.unknownInstruction = undefined;
  if (unknown?.address !== ip) return;
  const symbol = describeAddress(kernel.symbols, ip) ?? '';
  kernel.events.push({
    type: 'unknown-instruction',
    pid: kernel.perCpu[cpu.index]!.current,
    address: ip,
    symbol,
    bytes: unknown.bytes,
  });
}

/** The kernel's own fault: die(). A probe's step that faulted is undone first, so that the report names the probed code. */
function die(kernel: Kernel, cpu: Cpu, text: string): void {
  kprobeFaultHandler(kernel, cpu, cpu.registers.rdi);
  const ip = readKernelU64(kernel, cpu.registers.rdi + BigInt(pt_regs.fields.ip.offset)) ?? 0n;
  const where = describeAddress(kernel.symbols, ip) ?? `0x${hex(ip)}`;
  oops(kernel, cpu, [`Oops: ${text}: 0000 [#1]`, `RIP: 0010:${where}`, ...formatStackTrace(kernel, cpu)].join('\n'));
}

/**
 * fixup_bad_iret: user registers that cannot be returned to, such as a non-canonical ip, end the process. Linux gives it a
 * SIGSEGV that it could catch.
 */
function fixUpBadIret(kernel: Kernel, cpu: Cpu, ip: bigint, sp: bigint): boolean {
  if (ip !== lookupName(kernel.symbols, 'native_iret')) return false;
  const cs = readKernelU64(kernel, sp + 8n);
  if (cs === undefined || (cs & 3n) !== 3n) return false;
  exitProcess(kernel, currentTask(kernel, cpu), signaledStatus(Signal.SIGSEGV));
  return true;
}

function trapHandler(trap: Trap): NativeFunction {
  return (kernel, cpu) => {
    const regs = registersAt(kernel, cpu);
    if (regs === undefined) return undefined;
    const ip = regs.get('ip');
    if (trap.signal === Signal.SIGILL) reportUnknownInstruction(kernel, cpu, ip);
    if ((regs.get('cs') & 3n) !== 3n) {
      if (!fixUpBadIret(kernel, cpu, ip, regs.get('sp'))) die(kernel, cpu, trap.text);
      return undefined;
    }
    const code = typeof trap.code === 'number' ? trap.code : trap.code(cpu);
    // spurious: the instruction is tried again
    if (code === undefined) return undefined;
    const task = currentTask(kernel, cpu);
    if ((task.signals.actions.get(trap.signal)?.handler ?? 0n) === 0n) {
      report(kernel, cpu, task, trap.text, ip, regs.get('sp'), cpu.registers.rsi);
    }
    forceSignal(kernel, task, { number: trap.signal, code, pid: 0, address: trap.atInstruction ? ip : 0n });
    return undefined;
  };
}

const SEGV_MAPERR = 1;
const SEGV_ACCERR = 2;
const BUS_ADRERR = 2;
const USER_END = 0x8000_0000_0000n;

/** The kernel's own fault in memory of `vmallocLazy`: the page appears, zeroed. */
function fillLazyPage(kernel: Kernel, address: bigint, error: number): 'done' | 'elsewhere' | 'no-memory' {
  if ((error & (PageFault.present | PageFault.fetch)) !== 0) return 'elsewhere';
  try {
    return touchLazyPage(kernel, address) === undefined ? 'elsewhere' : 'done';
  } catch {
    return 'no-memory';
  }
}

/** do_user_addr_fault and do_kern_addr_fault. */
const exc_page_fault: NativeFunction = (kernel, cpu) => {
  const regs = registersAt(kernel, cpu);
  if (regs === undefined) return undefined;
  const address = cpu.slots[Slot.cr2]!;
  const error = Number(cpu.registers.rsi & 0xffn);
  if ((regs.get('cs') & 3n) !== 3n) {
    const lazy = fillLazyPage(kernel, address, error);
    if (lazy === 'done') return undefined;
    if (lazy === 'no-memory') {
      die(kernel, cpu, `Out of memory: no page for the lazily allocated address ${hex(address)}`);
      return undefined;
    }
    const what = address < 4096n ? 'kernel NULL pointer dereference' : 'unable to handle page fault';
    die(kernel, cpu, `BUG: ${what}, address: ${address.toString(16).padStart(16, '0')}`);
    return undefined;
  }
  const task = currentTask(kernel, cpu);
  countPageFault(kernel, cpu, task.pid, address);
  const space = task.addressSpace === undefined ? undefined : kernel.addressSpaces.get(task.addressSpace);
  const access = (error & PageFault.fetch) !== 0 ? 'execute' : (error & PageFault.write) !== 0 ? 'write' : 'read';
  const outcome =
    space === undefined || address >= USER_END ? 'bad-area' : handleMmFault(kernel, space, address, access);
  if (outcome === 'done') return undefined;
  if (outcome === 'no-memory') {
    printk(kernel, cpu, `Out of memory: Killed process ${task.pid} (${task.comm})`);
    forceSignal(kernel, task, { number: Signal.SIGKILL, code: SI_KERNEL, pid: 0, address: 0n });
    return undefined;
  }
  if (outcome === 'bus-error') {
    forceSignal(kernel, task, { number: Signal.SIGBUS, code: BUS_ADRERR, pid: 0, address });
    return undefined;
  }
  if ((task.signals.actions.get(Signal.SIGSEGV)?.handler ?? 0n) === 0n) {
    const [ip, sp] = [regs.get('ip'), regs.get('sp')];
    printk(
      kernel,
      cpu,
      `${task.comm}[${task.pid}]: segfault at ${hex(address)} ip ${hex(ip)} sp ${hex(sp)} error ${error.toString(16)}`,
    );
  }
  forceSignal(kernel, task, {
    number: Signal.SIGSEGV,
    code: outcome === 'bad-area' ? SEGV_MAPERR : SEGV_ACCERR,
    pid: 0,
    address,
  });
  return undefined;
};

const exc_double_fault: NativeFunction = (kernel, cpu) => {
  die(kernel, cpu, 'double fault');
  return undefined;
};

export const trapNatives: Record<string, NativeFunction> = {
  ...Object.fromEntries(Object.entries(traps).map(([name, trap]) => [name, trapHandler(trap)])),
  exc_page_fault,
  exc_double_fault,
};
/** All of them are functions of their own in kernel text. */
export const trapStubs: readonly string[] = Object.keys(trapNatives);

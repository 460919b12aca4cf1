/** The bodies behind kprobe_64.S. Arguments are in rdi and rsi; what makes no sense is an oops. */
import type { Cpu } from '../../cpu/cpu.ts';
import { Slot } from '../../cpu/state.ts';
import type { Kernel } from '../kernel.ts';
import { readKernelU8 } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { oops } from '../oops.ts';
import { sendSignal, Signal } from '../signal.ts';
import type { Task } from '../task.ts';
import { kernelFpuBegin, kernelFpuEnd } from './fpu.ts';
import { hasPtRegs, isUserMode, readFlags, readPtReg, writeFlags, writePtReg } from './pt-regs.ts';
import { beginStep, createHit, endHit, finishStep, hitsOf } from './step.ts';
import type { Kprobe, KprobeHit } from './types.ts';

const RSI = 6;
const RDI = 7;
const INT3 = 0xcc;
/** a probe inside a handler, and one inside the step of that: more is a loop */
const DEEPEST_HIT = 4;
/** include/uapi/asm-generic/siginfo.h */
const SI_KERNEL = 0x80;
const TRAP_BRKPT = 1;
const TRAP_TRACE = 2;
const TRAP_HWBKPT = 4;
/** DR6.BS: the trap was a single step */
const DR6_SINGLE_STEP = 0x4000;
/** the lower half of DR6 in a CPU's words */
const DR6 = (Slot.debug + 4) * 2;
const TF = 0x100;

const NOT_A_PROBE = 0n;
const NOTHING_LEFT_TO_DO = 1n;

/** The task on `cpu`; undefined while it idles. */
function taskOn(kernel: Kernel, cpu: Cpu): Task | undefined {
  return kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
}

function badFrame(kernel: Kernel, cpu: Cpu, regs: bigint): bigint {
  oops(kernel, cpu, `BUG: kprobes: no pt_regs at 0x${regs.toString(16)}`);
  return NOTHING_LEFT_TO_DO;
}

function report(kernel: Kernel, cpu: Cpu, probe: Kprobe | undefined, overridden: boolean): void {
  const task = taskOn(kernel, cpu);
  if (overridden && task?.syscall !== undefined) task.syscall.overridden = true;
  kernel.events.push({ type: 'kprobe', pid: task?.pid ?? 0, symbol: probe?.label ?? '', overridden });
}

/** The start of kprobe_int3_handler: the probed address when its handlers are to run. */
function kprobeEnter(kernel: Kernel, cpu: Cpu): bigint {
  const { rdi } = cpu.registers;
  if (!hasPtRegs(kernel, rdi)) return badFrame(kernel, cpu, rdi);
  const address = BigInt.asUintN(64, readPtReg(kernel, rdi, 'ip')! - 1n);
  const probe = kernel.kprobes.probes.get(address);
  if (probe === undefined) {
    // removed between the trap and here: the instruction is itself again
    const byte = readKernelU8(kernel, address);
    if (byte === undefined || byte === INT3) return NOT_A_PROBE;
    writePtReg(kernel, rdi, 'ip', address);
    return NOTHING_LEFT_TO_DO;
  }
  const hits = hitsOf(kernel, cpu);
  const hit = createHit(probe, readFlags(kernel, rdi)!);
  if (hits.length === 0) {
    probe.hits++;
    hits.push(hit);
    return address;
  }
  // reenter_kprobe
  probe.missed++;
  if (hits.length >= DEEPEST_HIT) oops(kernel, cpu, `Unrecoverable kprobe detected: ${probe.name}`);
  else {
    hits.push(hit);
    if (!beginStep(kernel, rdi, hit)) badFrame(kernel, cpu, rdi);
  }
  return NOTHING_LEFT_TO_DO;
}

/** The hit whose handlers have just run; it must be the innermost. */
function handledHit(kernel: Kernel, cpu: Cpu): KprobeHit | undefined {
  const hit = hitsOf(kernel, cpu).at(-1);
  if (hit !== undefined && !hit.stepping && hit.address === cpu.registers.rsi) return hit;
  oops(kernel, cpu, `BUG: kprobes: no hit at 0x${cpu.registers.rsi.toString(16)} is being handled`);
  return undefined;
}

function setupSinglestep(kernel: Kernel, cpu: Cpu): undefined {
  const hit = handledHit(kernel, cpu);
  if (hit === undefined) return undefined;
  report(kernel, cpu, kernel.kprobes.probes.get(hit.address), false);
  if (!beginStep(kernel, cpu.registers.rdi, hit)) badFrame(kernel, cpu, cpu.registers.rdi);
  return undefined;
}

function kprobeOverridden(kernel: Kernel, cpu: Cpu): undefined {
  const hit = handledHit(kernel, cpu);
  if (hit === undefined) return undefined;
  report(kernel, cpu, kernel.kprobes.probes.get(hit.address), true);
  endHit(kernel, cpu);
  return undefined;
}

/** rdi: the probe, rsi: how many of its events have had their turn. rax <- the next one's trace_event_call, or 0. */
function kprobeEventNext(kernel: Kernel, cpu: Cpu): bigint {
  const id = kernel.kprobes.probes.get(cpu.slots[RDI]!)?.events[cpu.words[RSI * 2]! >>> 0];
  return kernel.bpf.events.get(id ?? 0)?.call ?? 0n;
}

function trap(kernel: Kernel, task: Task | undefined, code: number, address: bigint): void {
  if (task !== undefined) sendSignal(kernel, task, { number: Signal.SIGTRAP, code, pid: 0, address });
}

/** An int3 that is no probe's. */
function doInt3(kernel: Kernel, cpu: Cpu): undefined {
  const cs = readPtReg(kernel, cpu.registers.rdi, 'cs');
  if (cs !== undefined && isUserMode(cs)) trap(kernel, taskOn(kernel, cpu), SI_KERNEL, 0n);
  else oops(kernel, cpu, 'int3: 0000 [#1] SMP');
  return undefined;
}

/** get_si_code; without a reason in DR6 it was int1. */
const debugCode = (condition: number): number =>
  (condition & DR6_SINGLE_STEP) !== 0 ? TRAP_TRACE : (condition & 0xf) !== 0 ? TRAP_HWBKPT : TRAP_BRKPT;

/** exc_debug: the end of a probe's step, or a debugger's TF in user mode. */
function doDebug(kernel: Kernel, cpu: Cpu): undefined {
  const { rdi } = cpu.registers;
  const condition = cpu.words[DR6]!;
  cpu.words[DR6] = condition & ~DR6_SINGLE_STEP;
  if (!hasPtRegs(kernel, rdi)) badFrame(kernel, cpu, rdi);
  else if (isUserMode(readPtReg(kernel, rdi, 'cs')!)) {
    trap(kernel, taskOn(kernel, cpu), debugCode(condition), readPtReg(kernel, rdi, 'ip')!);
  } else {
    const hit = hitsOf(kernel, cpu).at(-1);
    // a TF that nobody asked for is dropped, as exc_debug_kernel does
    if (hit?.stepping !== true) writeFlags(kernel, rdi, readFlags(kernel, rdi)! & ~TF);
    else if (!finishStep(kernel, cpu, rdi, hit)) badFrame(kernel, cpu, rdi);
  }
  return undefined;
}

export const kprobeNatives: Record<string, NativeFunction> = {
  kprobe_enter: kprobeEnter,
  kprobe_event_next: kprobeEventNext,
  setup_singlestep: setupSinglestep,
  kprobe_overridden: kprobeOverridden,
  kernel_fpu_begin: kernelFpuBegin,
  kernel_fpu_end: kernelFpuEnd,
  do_int3: doInt3,
  do_debug: doDebug,
};

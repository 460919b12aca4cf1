/**
 * Termination safety: kernel/bpf/rex.c with its NMI watchdog. On every CPU a counter of executed instructions, the box's
 * cycles, overflows every `watchdogPeriod` of them; an idle CPU executes none. The overflow is an NMI, because programs
 * run with interrupts off (kprobes are int3 probes, locks are held).
 */
import type { Cpu } from '../../cpu/cpu.ts';
import { Vector } from '../../cpu/fault.ts';
import { Flag } from '../../cpu/state.ts';
import { programAt } from '../bpf/programs.ts';
import type { BpfProgram } from '../bpf/types.ts';
import type { Kernel } from '../kernel.ts';
import { readPtRegs, writePtReg, type PtRegs } from '../kprobe/pt-regs.ts';
import { constants } from '../layout/constants.ts';
import { readKernel, readKernelU64, writeKernel, writeKernelU64 } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { oops } from '../oops.ts';
import { perCpuAddress, readPerCpu } from '../per-cpu.ts';
import { printk } from '../printk.ts';
import { lookupName } from '../symbols.ts';
import { endWithSlice } from '../turn.ts';
import { onRexStack } from './stacks.ts';

/** WATCHDOG_PERIOD_MS, in ns */
export const WATCHDOG_PERIOD = 20_000_000_000;

/** Values of `rex_termination_state`: the program's own code, a helper or the panic handler, an end was asked for there. */
export const TerminationState = { program: 0, kernel: 1, requested: 2 } as const;

/** Instructions until the next try where a program is interrupted in a handler that uses its stack. */
const RETRY = 1000;

/** At boot: arms every CPU's counter. */
export function initRexWatchdog(kernel: Kernel): void {
  printk(kernel, undefined, 'rex: Initialize rex_watchdog (NMI)');
  for (const cpu of kernel.cpus) {
    kernel.perCpu[cpu.index]!.watchdog.at = cpu.retired + kernel.watchdogPeriod;
    printk(kernel, undefined, `rex: NMI watchdog armed on CPU ${cpu.index}`);
  }
}

/** The counter overflows: an NMI at the next instruction of `cpu`. */
export function raiseWatchdog(kernel: Kernel, cpu: Cpu): void {
  kernel.perCpu[cpu.index]!.watchdog.fired = true;
  if (!cpu.pendingInterrupts.includes(Vector.NMI)) cpu.pendingInterrupts.push(Vector.NMI);
}

/** Between runs of `cpu`: counts. Instructions left until the counter overflows. */
export function countWatchdog(kernel: Kernel, cpu: Cpu): number {
  const { watchdog } = kernel.perCpu[cpu.index]!;
  if (cpu.retired >= watchdog.at) {
    watchdog.at = cpu.retired + kernel.watchdogPeriod;
    raiseWatchdog(kernel, cpu);
  }
  return watchdog.at - cpu.retired;
}

const stateAddress = (kernel: Kernel, cpu: Cpu): bigint => perCpuAddress(kernel, cpu.index, 'rex_termination_state');

function requestTermination(kernel: Kernel, cpu: Cpu): void {
  writeKernel(kernel, stateAddress(kernel, cpu), Uint8Array.of(TerminationState.requested));
}

function inImage(kernel: Kernel, program: BpfProgram, address: bigint): boolean {
  const image = program.base === undefined ? undefined : kernel.bpf.programs.get(program.base)?.image;
  return image !== undefined && address >= image.address && address < image.address + BigInt(image.size);
}

/** rex_terminate: `program` runs on `cpu` for too long; `frame` is where the NMI pushed `regs`. */
function terminate(kernel: Kernel, cpu: Cpu, program: BpfProgram, frame: bigint, regs: PtRegs): void {
  if (!onRexStack(readPerCpu(kernel, cpu.index, 'rex_stack_ptr'), regs.sp)) {
    requestTermination(kernel, cpu);
    return;
  }
  const state = readKernel(kernel, stateAddress(kernel, cpu), 1)?.[0];
  const inProgram = state === TerminationState.program;
  if (inProgram && !inImage(kernel, program, regs.ip)) {
    // an interrupt's handler borrows the program's stack (upstream it has one of its own), or the landing pad is leaving
    const { watchdog } = kernel.perCpu[cpu.index]!;
    watchdog.at = Math.min(watchdog.at, cpu.retired + RETRY);
    endWithSlice(kernel);
    return;
  }
  printk(kernel, cpu, `rex_terminate invoked for prog:${program.id}`);
  printk(kernel, cpu, inProgram ? 'Program not in any helper/panic.' : 'Program in helper/panic.');
  kernel.events.push({
    type: 'watchdog',
    cpu: cpu.index,
    program: program.name,
    from: regs.ip,
    to: inProgram ? program.timeoutHandler : undefined,
  });
  if (!inProgram) {
    requestTermination(kernel, cpu);
    return;
  }
  // the pt_regs are the iret frame. As if the program had called it, so that a trace shows where; no red zone is in use
  const sp = regs.sp - 8n;
  if (writeKernelU64(kernel, sp, regs.ip)) writePtReg(kernel, frame, 'sp', sp);
  writePtReg(kernel, frame, 'ip', program.timeoutHandler);
  // the program may have been copying backwards
  writePtReg(kernel, frame, 'flags', regs.flags & ~Flag.DF);
}

/** The overflow handler, in the NMI; the interrupted registers are at rdi. */
const rexWatchdogOverflow: NativeFunction = (kernel, cpu) => {
  const { watchdog } = kernel.perCpu[cpu.index]!;
  if (!watchdog.fired) return undefined;
  watchdog.fired = false;
  const current = readPerCpu(kernel, cpu.index, 'rex_curr_prog');
  if (current === 0n) return undefined;
  const program = programAt(kernel, current);
  const regs = readPtRegs(kernel, cpu.registers.rdi);
  if (program === undefined || regs === undefined) {
    oops(kernel, cpu, `BUG: rex_watchdog: rex_curr_prog is 0x${current.toString(16)}, which is no program`);
    return undefined;
  }
  // 0: not a Rex program (no_bpf)
  if (program.timeoutHandler === 0n) return undefined;
  const jiffies = readKernelU64(kernel, lookupName(kernel.symbols, 'jiffies')) ?? 0n;
  const threshold = BigInt(Math.floor(kernel.watchdogPeriod / constants.TICK_NSEC));
  const end = readPerCpu(kernel, cpu.index, 'rex_prog_start_time') + threshold;
  // time_before
  if (BigInt.asIntN(64, jiffies - end) < 0n) return undefined;
  terminate(kernel, cpu, program, cpu.registers.rdi, regs);
  return undefined;
};

export const watchdogNatives: Record<string, NativeFunction> = { rex_watchdog_overflow: rexWatchdogOverflow };

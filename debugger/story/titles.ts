/** What has been entered at each level, in words. */
import type { Kernel } from '../../kernel/kernel.ts';
import { vectorRows } from '../../kernel/entry/vectors.ts';
import { vectorName } from '../../cpu/explain/names.ts';
import { Slot } from '../../cpu/state.ts';
import { programAt } from '../../kernel/bpf/programs.ts';
import { pt_regs } from '../../kernel/layout/structures.ts';
import { readPtReg, readPtRegs } from '../../kernel/kprobe/pt-regs.ts';
import { readPerCpu } from '../../kernel/per-cpu.ts';
import { syscallByNumber } from '../../kernel/syscalls/index.ts';
import { syscallName } from '../../kernel/syscalls/numbers.ts';
import { describeArguments, describeCall } from '../../kernel/syscalls/strace.ts';
import type { Task } from '../../kernel/task.ts';
import { probeOfSlot } from '../source/index.ts';
import type { RawFrame } from './unwind.ts';

const hex = (value: bigint): string => `0x${value.toString(16)}`;
/** what strace prints of a call that has not returned */
const UNFINISHED = / = \?$/;

/** `dup(0)` */
export function syscallTitle(kernel: Kernel, task: Task, number: bigint, args: readonly bigint[]): string {
  const nr = Number(BigInt.asIntN(32, number));
  const row = syscallByNumber.get(nr);
  const current = task.syscall;
  if (current?.number === nr && current.texts.length > 0) {
    return describeCall(kernel, task, row, current, undefined).replace(UNFINISHED, '');
  }
  // execve has given the task other registers
  if (row?.name === 'execve' && args[0] === 0n) return 'execve(…)';
  if (row === undefined) return `${syscallName(nr)}(${args.map(hex).join(', ')})`;
  const texts = describeArguments(kernel, task, row, args);
  const call = { number: nr, args, overridden: false, texts };
  return describeCall(kernel, task, row, call, undefined).replace(UNFINISHED, '');
}

const AT = (field: keyof typeof pt_regs.fields): bigint => BigInt(pt_regs.fields[field].offset);

/** The number and the arguments of the call that a frame of the entry code is about. */
export function syscallOf(
  kernel: Kernel,
  { registers, ptRegs }: RawFrame,
  complete: boolean,
): { readonly number: bigint; readonly args: readonly bigint[] } | undefined {
  const { others, sp } = registers;
  const pushed = complete || (ptRegs !== undefined && sp <= ptRegs + AT('r10') && sp >= ptRegs - 0x4000n);
  if (pushed && ptRegs !== undefined) {
    const regs = readPtRegs(kernel, ptRegs);
    if (regs === undefined) return undefined;
    return { number: regs.orig_ax, args: [regs.di, regs.si, regs.dx, regs.r10, regs.r8, regs.r9] };
  }
  if (others === undefined) return undefined;
  return { number: others.ax, args: [others.di, others.si, others.dx, others.r10, others.r8, others.r9] };
}

const vectors: ReadonlyMap<string, number> = new Map(vectorRows.map(({ name, vector }) => [`asm_${name}`, vector]));

/** Whether an entry's name is an external interrupt's, or the NMI's. */
export const isInterrupt = (name: string): boolean => name.startsWith('asm_sysvec_') || name === 'asm_exc_nmi';

const interruptTitles: Readonly<Record<string, string>> = {
  asm_sysvec_apic_timer_interrupt: 'timer interrupt',
  asm_sysvec_perf_interrupt: 'interrupt of a performance counter',
  asm_sysvec_irq_work: 'interrupt for deferred work',
  asm_sysvec_call_function_single: 'interrupt from another CPU',
  asm_exc_nmi: 'NMI',
};

const PAGE_FAULT = 14;
const INT3 = 3;
const DEBUG = 1;

/** `#PF at 0x…`, `#BP of the kprobe __x64_sys_dup`, `timer interrupt`; `interrupted`: where it came. */
export function exceptionTitle(kernel: Kernel, cpu: number, name: string, interrupted: bigint | undefined): string {
  const vector = vectors.get(name);
  const plain = interruptTitles[name];
  if (plain !== undefined) return plain;
  if (vector === undefined) return 'return from an exception';
  const text = vectorName(vector);
  if (vector === PAGE_FAULT) return `${text} at ${hex(kernel.cpus[cpu]?.slots[Slot.cr2] ?? 0n)}`;
  if (interrupted === undefined) return text;
  const { probes } = kernel.kprobes;
  if (vector === INT3) {
    const probe = probes.get(interrupted) ?? probes.get(interrupted - 1n);
    return probe === undefined ? text : `${text} of the kprobe ${probe.label}`;
  }
  if (vector === DEBUG) {
    const slot = probeOfSlot(kernel, interrupted);
    return slot === undefined ? text : `${text} after the step of ${slot.label}`;
  }
  return text;
}

/** Where an exception came, as struct pt_regs has it. */
export const interruptedAt = (kernel: Kernel, { ptRegs }: RawFrame): bigint | undefined =>
  ptRegs === undefined ? undefined : readPtReg(kernel, ptRegs, 'ip');

/** `kprobe __x64_sys_dup` */
export function kprobeTitle(kernel: Kernel, cpu: number): string {
  const hit = kernel.kprobes.hits.get(cpu)?.findLast(({ stepping }) => !stepping);
  const probe = hit === undefined ? undefined : kernel.kprobes.probes.get(hit.address);
  return probe === undefined ? 'kprobe' : `kprobe ${probe.label}`;
}

/** The name of the program that CPU `cpu` is in, or of the one that begins at `entry`. */
export function programTitle(kernel: Kernel, cpu: number, entry: bigint | undefined): string {
  for (const program of kernel.bpf.programs.values()) if (program.function === entry) return program.name;
  return programAt(kernel, readPerCpu(kernel, cpu, 'rex_curr_prog'))?.name ?? 'program';
}

/** Whose registers: those of a processor, or of a task, which are saved while it is on none. */
import type { Cpu } from '../../cpu/cpu.ts';
import { refreshMode } from '../../cpu/paging.ts';
import { settleWords } from '../../cpu/flag-words.ts';
import { Slot } from '../../cpu/slots.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { contextIndex } from '../../kernel/scheduler.ts';
import type { Task } from '../../kernel/task.ts';
import { DebuggerError, hex } from '../error.ts';
import type { ReadSlot, RegisterRow } from './table.ts';

/** The CPU that a task is on. */
export function cpuOfTask(kernel: Kernel, pid: number): number | undefined {
  if (pid === 0) return undefined;
  const index = kernel.perCpu.findIndex(({ current }) => current === pid);
  return index < 0 ? undefined : index;
}

/** rflags with the arithmetic flags computed, which may be waiting for that: on a copy, so that looking changes nothing. */
function settledFlags({ words }: Cpu): bigint {
  const copy = words.slice(0, (Slot.flagsResult + 1) * 2);
  settleWords(copy);
  return new BigUint64Array(copy.buffer)[Slot.rflags]!;
}

/** The registers of a processor. */
export function cpuSlots(cpu: Cpu): ReadSlot {
  return (slot) => (slot === Slot.rflags ? settledFlags(cpu) : cpu.slots[slot]!);
}

/** Slots that a context holds. */
function saved(task: Task, slot: number): bigint | undefined {
  try {
    return task.context[contextIndex(slot)];
  } catch {
    return undefined; // a register of the processor's own
  }
}

/** The registers of a task that is on no processor: its own as they were saved, the others as those of CPU 0. */
export function contextSlots(kernel: Kernel, task: Task): ReadSlot {
  const [first] = kernel.cpus;
  return (slot) => {
    // a task leaves its processor in the kernel alone, whose selectors are saved with it
    if (slot === Slot.cpl) return 0n;
    if (slot === Slot.cr3) return pageTableOf(kernel, task);
    return saved(task, slot) ?? first!.slots[slot]!;
  };
}

function pageTableOf(kernel: Kernel, task: Task): bigint {
  const space = task.addressSpace === undefined ? undefined : kernel.addressSpaces.get(task.addressSpace);
  return BigInt(space?.pageTable ?? kernel.swapperPgDir);
}

/** The registers of a task, wherever they are. DebuggerError. */
export function taskSlots(kernel: Kernel, pid: number): ReadSlot {
  const cpu = cpuOfTask(kernel, pid);
  if (cpu !== undefined) return cpuSlots(kernel.cpus[cpu]!);
  const task = kernel.tasks.get(pid);
  if (task === undefined) throw new DebuggerError('not-there', `there is no task ${pid}`);
  return contextSlots(kernel, task);
}

/** The registers of processor `cpu`. DebuggerError. */
export function slotsOfCpu(kernel: Kernel, cpu: number): ReadSlot {
  const found = kernel.cpus[cpu];
  if (found !== undefined) return cpuSlots(found);
  throw new DebuggerError('not-there', `got CPU ${cpu}, expected one of 0 to ${kernel.cpus.length - 1}`);
}

/** Whose registers are meant. */
export type Whose = { readonly cpu: number } | { readonly pid: number };

/**
 * What writes a register, once it is clear that it can be. DebuggerError for one that only code can write, for one of a
 * processor's own where a task is on none, and for a value that there is no room for.
 */
export function checkedWrite(kernel: Kernel, row: RegisterRow, whose: Whose, value: bigint): () => void {
  const { name, write } = row;
  if (write === undefined) {
    throw new DebuggerError('unsupported', `${name} is not written from outside: it decides how the processor works`);
  }
  const bits = BigInt(row.bits);
  if (value >= 1n << bits || value < -(1n << (bits - 1n))) {
    throw new DebuggerError('range', `${name}: got ${hex(value)}, expected a value of ${row.bits} bits`);
  }
  const unsigned = BigInt.asUintN(row.bits, value);
  const cpu = 'cpu' in whose ? kernel.cpus[whose.cpu] : kernel.cpus[cpuOfTask(kernel, whose.pid) ?? -1];
  if (cpu !== undefined) return () => writeCpu(cpu, write, unsigned);
  const task = kernel.tasks.get('pid' in whose ? whose.pid : 0);
  if (task === undefined) throw new DebuggerError('not-there', `there is no such processor or task`);
  const written: [slot: number, value: bigint][] = [];
  write(contextSlots(kernel, task), (slot, part) => written.push([slot, part]), unsigned);
  if (written.some(([slot]) => saved(task, slot) === undefined)) {
    throw new DebuggerError('unsupported', `${name} is a processor's own: task ${task.pid} is on none`);
  }
  return () => {
    for (const [slot, part] of written) task.context[contextIndex(slot)] = part;
  };
}

function writeCpu(cpu: Cpu, write: NonNullable<RegisterRow['write']>, value: bigint): void {
  const writeSlot = (slot: number, part: bigint): void => {
    if (slot === Slot.rflags) cpu.registers.rflags = part;
    else cpu.slots[slot] = part;
  };
  write(cpuSlots(cpu), writeSlot, value);
  refreshMode(cpu);
}

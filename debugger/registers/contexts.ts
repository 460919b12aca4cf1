/** Whose registers: those of a processor, or of a task, which are saved while it is on none. */
import type { Cpu } from '../../cpu/cpu.ts';
import { flushTlb, refreshMode } from '../../cpu/paging.ts';
import { settleFlags, Slot } from '../../cpu/state.ts';
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

/** The registers of a processor. */
export function cpuSlots(cpu: Cpu): ReadSlot {
  settleFlags(cpu);
  return (slot) => cpu.slots[slot]!;
}

/** Slots that a context holds; its flags may be pending, and then have no settled value. */
function saved(task: Task, slot: number): bigint | undefined {
  try {
    return task.context[contextIndex(slot)];
  } catch {
    return undefined; // a register of the processor's own
  }
}

/** The registers of a task that is on no processor: its own as they were saved, the others as those of CPU 0. */
export function contextSlots(kernel: Kernel, task: Task): ReadSlot {
  const scratch = kernel.cpus[0]!;
  const flags = settledFlags(scratch, task);
  return (slot) => {
    if (slot === Slot.rflags) return flags;
    // a task leaves its processor in the kernel alone, whose selectors are saved with it
    if (slot === Slot.cpl) return 0n;
    if (slot === Slot.cr3) return pageTableOf(kernel, task);
    return saved(task, slot) ?? scratch.slots[slot]!;
  };
}

/** The arithmetic flags of a context, which may be waiting to be computed: the processor's own function does it. */
function settledFlags(scratch: Cpu, task: Task): bigint {
  const kept = scratch.slots.slice(Slot.rflags, Slot.flagsResult + 1);
  for (let slot = Slot.rflags as number; slot <= Slot.flagsResult; slot++) scratch.slots[slot] = saved(task, slot)!;
  settleFlags(scratch);
  const flags = scratch.slots[Slot.rflags]!;
  scratch.slots.set(kept, Slot.rflags);
  return flags;
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

/** DebuggerError for a register that only code can write, and for a value that it has no room for. */
export function writeRegister(kernel: Kernel, row: RegisterRow, whose: Whose, value: bigint): void {
  if (row.write === undefined) {
    throw new DebuggerError(
      'unsupported',
      `${row.name} is not written from outside: it decides how the processor works`,
    );
  }
  const bits = BigInt(row.bits);
  if (value >= 1n << bits || value < -(1n << (bits - 1n))) {
    throw new DebuggerError('range', `${row.name}: got ${hex(value)}, expected a value of ${row.bits} bits`);
  }
  const unsigned = BigInt.asUintN(row.bits, value);
  const index = 'cpu' in whose ? whose.cpu : cpuOfTask(kernel, whose.pid);
  if (index !== undefined) {
    const cpu = kernel.cpus[index]!;
    row.write(
      cpuSlots(cpu),
      (slot, written) => {
        if (slot === Slot.rflags) cpu.registers.rflags = written;
        else cpu.slots[slot] = written;
      },
      unsigned,
    );
    flushTlb(cpu);
    refreshMode(cpu);
    return;
  }
  const task = kernel.tasks.get((whose as { pid: number }).pid)!;
  row.write(contextSlots(kernel, task), (slot, written) => writeContext(task, row.name, slot, written), unsigned);
}

function writeContext(task: Task, name: string, slot: number, value: bigint): void {
  if (saved(task, slot) === undefined) {
    throw new DebuggerError('unsupported', `${name} is a processor's own: task ${task.pid} is on none`);
  }
  task.context[contextIndex(slot)] = value;
  if (slot === Slot.rflags) task.context[contextIndex(Slot.flagsKind)] = 0n;
}

/** Whose registers and memory an instruction is described with. */
import { settleWords } from '../../cpu/flag-words.ts';
import { Slot, STATE_SIZE } from '../../cpu/state.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Task } from '../../kernel/task.ts';
import { contextIndex } from '../../kernel/scheduler.ts';
import { peek } from '../source/code-bytes.ts';
import type { SavedRegisters } from '../source/index.ts';
import type { Look } from './node-value.ts';

export interface InstructionWhere {
  readonly cpu?: number;
  readonly pid?: number;
}

export interface LookedAt extends Look {
  readonly task: Task | undefined;
  readonly rip: bigint;
  /** registers that exceptions have left on its stacks */
  savedRegisters?(): readonly SavedRegisters[];
}

/** A copy of a processor's registers with its flags computed; a task on no processor has its own in their places. */
function settledSlots(kernel: Kernel, cpu: number, saved: Task | undefined): BigUint64Array {
  const slots = kernel.cpus[cpu]!.slots.slice();
  if (saved !== undefined) {
    for (let slot = 0; slot < slots.length; slot++) {
      const at = savedIndex(slot);
      if (at !== undefined) slots[slot] = saved.context[at]!;
    }
    slots[Slot.flagsKind] = 0n; // the processor's own pending operation
    slots[Slot.cpl] = 0n; // a task leaves its processor in the kernel
  }
  settleWords(new Int32Array(slots.buffer, slots.byteOffset, STATE_SIZE / 4));
  return slots;
}

/** Undefined for what belongs to the processor. */
function savedIndex(slot: number): number | undefined {
  try {
    return contextIndex(slot);
  } catch {
    return undefined;
  }
}

/** The machine as processor `cpu` and task `pid` on it see it; by default those whose turn it is. */
export function lookAt(kernel: Kernel, where: InstructionWhere = {}): LookedAt | undefined {
  const cpu = where.cpu ?? kernel.turn.cpu;
  const current = kernel.perCpu[cpu]?.current;
  if (current === undefined) return undefined;
  const pid = where.pid ?? current;
  const task = kernel.tasks.get(pid);
  const slots = settledSlots(kernel, cpu, pid === current ? undefined : task);
  return {
    kernel,
    task,
    rip: slots[Slot.rip]!,
    slot: (slot) => slots[slot] ?? 0n,
    memory(address, length) {
      const bytes = peek(kernel, task, address, length);
      return bytes.length === length ? bytes : undefined;
    },
  };
}

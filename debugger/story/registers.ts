/** The registers that a walk up the stacks begins with: a processor's, or those that a task was left with. */
import type { Cpu } from '../../cpu/cpu.ts';
import { Slot } from '../../cpu/state.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { PtRegs } from '../../kernel/kprobe/pt-regs.ts';
import { contextIndex } from '../../kernel/scheduler.ts';
import type { Task } from '../../kernel/task.ts';

/** What is asked of a frame's registers; the names of struct pt_regs. */
export interface FrameRegisters {
  readonly ip: bigint;
  readonly sp: bigint;
  readonly bp: bigint;
  /** the others, of a frame that was interrupted or is executing; undefined of one that waits for a call to return */
  readonly others: Others | undefined;
}

export type Others = Readonly<Record<'ax' | 'cx' | 'dx' | 'si' | 'di' | 'r8' | 'r9' | 'r10', bigint>>;

const slots: Readonly<Record<keyof Others, number>> = { ax: 0, cx: 1, dx: 2, si: 6, di: 7, r8: 8, r9: 9, r10: 10 };

function registersBy(read: (slot: number) => bigint): FrameRegisters {
  const others = Object.fromEntries(Object.entries(slots).map(([name, slot]) => [name, read(Slot.gpr + slot)]));
  return { ip: read(Slot.rip), sp: read(Slot.gpr + 4), bp: read(Slot.gpr + 5), others: others as Others };
}

export const cpuRegisters = (cpu: Cpu): FrameRegisters => registersBy((slot) => cpu.slots[slot]!);

/** Of a task that is on no processor. */
export const savedRegisters = (task: Task): FrameRegisters =>
  registersBy((slot) => task.context[contextIndex(slot)] ?? 0n);

export const interruptedRegisters = (regs: PtRegs): FrameRegisters => ({
  ip: regs.ip,
  sp: regs.sp,
  bp: regs.bp,
  others: regs,
});

/** The processor that `task` is on. */
export function cpuOf(kernel: Kernel, task: Task): Cpu | undefined {
  return task.state === 'running'
    ? kernel.cpus.find(({ index }) => kernel.perCpu[index]?.current === task.pid)
    : undefined;
}

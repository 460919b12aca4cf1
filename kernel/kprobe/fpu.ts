/** kernel_fpu_begin and kernel_fpu_end: programs may use SSE, the interrupted code keeps its registers. */
import type { Cpu } from '../../cpu/cpu.ts';
import { floatingRanges, initialFloatingSlots } from '../../cpu/floating-state.ts';
import type { Kernel } from '../kernel.ts';

const LENGTH = floatingRanges.reduce((sum, [, count]) => sum + count, 0);

/** Saves the floating-point state of `cpu`, unless it is saved already, and gives the kernel a fresh one. */
export function kernelFpuBegin(kernel: Kernel, cpu: Cpu): undefined {
  const perCpu = kernel.perCpu[cpu.index]!;
  if (perCpu.savedFpu === undefined) {
    const saved = new BigUint64Array(LENGTH);
    let at = 0;
    for (const [first, count] of floatingRanges) {
      saved.set(cpu.slots.subarray(first, first + count), at);
      at += count;
    }
    perCpu.savedFpu = saved;
  }
  for (const [slot, value] of initialFloatingSlots) cpu.slots[slot] = value;
  return undefined;
}

/** Puts back what `kernelFpuBegin` saved. */
export function kernelFpuEnd(kernel: Kernel, cpu: Cpu): undefined {
  const perCpu = kernel.perCpu[cpu.index]!;
  const saved = perCpu.savedFpu;
  if (saved === undefined) return undefined;
  perCpu.savedFpu = undefined;
  let at = 0;
  for (const [first, count] of floatingRanges) {
    cpu.slots.set(saved.subarray(at, at + count), first);
    at += count;
  }
  return undefined;
}

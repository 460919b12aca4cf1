/** kernel_fpu_begin and kernel_fpu_end: programs may use SSE, the interrupted code keeps its registers. */
import type { Cpu } from '../../cpu/cpu.ts';
import { floatingRanges, initialFloatingSlots } from '../../cpu/floating-state.ts';
import type { Kernel } from '../kernel.ts';

/** Ranges of slots in a row, as few as there can be. */
function joined(ranges: typeof floatingRanges): readonly (readonly [first: number, count: number])[] {
  const found: [number, number][] = [];
  for (const [first, count] of ranges) {
    const last = found.at(-1);
    if (last !== undefined && last[0] + last[1] === first) last[1] += count;
    else found.push([first, count]);
  }
  return found;
}

const ranges = joined(floatingRanges);
/** The slots of a CPU's floating-point state. */
export const FLOATING_SLOTS = ranges.reduce((sum, [, count]) => sum + count, 0);

const initial = new Map(initialFloatingSlots);
const fresh = ranges.map(([first, count]) => BigUint64Array.from({ length: count }, (_, n) => initial.get(first + n)!));

/** Saves the floating-point state of `cpu`, unless it is saved already, and gives the kernel a fresh one. */
export function kernelFpuBegin(kernel: Kernel, { index, slots }: Cpu): undefined {
  const perCpu = kernel.perCpu[index]!;
  if (perCpu.savedFpu === undefined) {
    const saved = perCpu.fpuArea;
    let at = 0;
    for (const [first, count] of ranges) {
      saved.set(slots.subarray(first, first + count), at);
      at += count;
    }
    perCpu.savedFpu = saved;
  }
  for (let n = 0; n < ranges.length; n++) slots.set(fresh[n]!, ranges[n]![0]);
  return undefined;
}

/** Puts back what `kernelFpuBegin` saved. */
export function kernelFpuEnd(kernel: Kernel, { index, slots }: Cpu): undefined {
  const perCpu = kernel.perCpu[index]!;
  const saved = perCpu.savedFpu;
  if (saved === undefined) return undefined;
  perCpu.savedFpu = undefined;
  let at = 0;
  for (const [first, count] of ranges) {
    slots.set(saved.subarray(at, at + count), first);
    at += count;
  }
  return undefined;
}

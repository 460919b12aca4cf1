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

type Views = readonly BigUint64Array[];
// by the array they are of: making views anew takes longer than copying through them
const viewsOfSlots = new WeakMap<BigUint64Array, Views>();
const viewsOfArea = new WeakMap<BigUint64Array, Views>();

function slotViews(slots: BigUint64Array): Views {
  let views = viewsOfSlots.get(slots);
  if (views === undefined) {
    views = ranges.map(([first, count]) => slots.subarray(first, first + count));
    viewsOfSlots.set(slots, views);
  }
  return views;
}

/** The same ranges, one after the other. */
function areaViews(area: BigUint64Array): Views {
  let views = viewsOfArea.get(area);
  if (views === undefined) {
    let at = 0;
    views = ranges.map(([, count]) => area.subarray(at, (at += count)));
    viewsOfArea.set(area, views);
  }
  return views;
}

/** Saves the floating-point state of `cpu`, unless it is saved already, and gives the kernel a fresh one. */
export function kernelFpuBegin(kernel: Kernel, { index, slots }: Cpu): undefined {
  const perCpu = kernel.perCpu[index]!;
  const live = slotViews(slots);
  if (perCpu.savedFpu === undefined) {
    const saved = areaViews(perCpu.fpuArea);
    for (let n = 0; n < saved.length; n++) saved[n]!.set(live[n]!);
    perCpu.savedFpu = perCpu.fpuArea;
  }
  for (let n = 0; n < fresh.length; n++) live[n]!.set(fresh[n]!);
  return undefined;
}

/** Puts back what `kernelFpuBegin` saved. */
export function kernelFpuEnd(kernel: Kernel, { index, slots }: Cpu): undefined {
  const perCpu = kernel.perCpu[index]!;
  if (perCpu.savedFpu === undefined) return undefined;
  const saved = areaViews(perCpu.savedFpu);
  perCpu.savedFpu = undefined;
  const live = slotViews(slots);
  for (let n = 0; n < saved.length; n++) live[n]!.set(saved[n]!);
  return undefined;
}

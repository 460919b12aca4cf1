/** A bare processor with the switch of AVX on, and what the system turns on besides. */
import { Slot } from '../../cpu/state.ts';
import { createBareCpu, type BareCpu } from './bare-cpu.ts';

const OSXSAVE = 1n << 18n;

/** `xcr0` undefined: the switch is off. */
export function avxMachine(xcr0?: bigint): BareCpu {
  const bare = createBareCpu();
  if (xcr0 === undefined) return bare;
  const { slots } = bare.cpu;
  slots[Slot.avx] = 1n;
  slots[Slot.cr4] = slots[Slot.cr4]! | OSXSAVE;
  slots[Slot.xcr0] = xcr0;
  return bare;
}

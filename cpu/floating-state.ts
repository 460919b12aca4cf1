/** The slots of the floating-point state: what a task keeps of it, and what a program starts with. */
import { Slot } from './state.ts';
import { INITIAL_FCW } from './x87.ts';

const INITIAL_MXCSR = 0x1f80n;

/** First slot and count of the state's parts: what a task keeps of it. */
export const floatingRanges: readonly (readonly [first: number, count: number])[] = [
  [Slot.mxcsr, 1],
  [Slot.xmm, 64],
  [Slot.x87, Slot.fds + 1 - Slot.x87],
];

/** What each of those slots holds after reset. */
export const initialFloatingSlots: readonly (readonly [slot: number, value: bigint])[] = floatingRanges.flatMap(
  ([first, count]) =>
    Array.from({ length: count }, (_, n): [number, bigint] => {
      const slot = first + n;
      return [slot, slot === Slot.mxcsr ? INITIAL_MXCSR : slot === Slot.fcw ? INITIAL_FCW : 0n];
    }),
);

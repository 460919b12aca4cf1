/** Clocks and random numbers for programs. */
import { constants } from '../layout/constants.ts';
import { now, random64 } from '../kernel.ts';
import type { NativeFunction } from '../native.ts';
import type { HelperRow } from './helper.ts';

const TICK_NSEC = BigInt(constants.TICK_NSEC);

const nanoseconds: NativeFunction = (kernel, cpu) => now(kernel, cpu);
const coarse: NativeFunction = (kernel, cpu) => (now(kernel, cpu) / TICK_NSEC) * TICK_NSEC;
const random: NativeFunction = (kernel) => BigInt.asUintN(32, random64(kernel));

export const clockHelpers: readonly HelperRow[] = [
  {
    name: 'bpf_ktime_get_ns',
    prototype: 'u64 bpf_ktime_get_ns(void)',
    support: 'full',
    note: 'guest time: one nanosecond an instruction',
    native: nanoseconds,
  },
  {
    name: 'bpf_ktime_get_boot_ns',
    prototype: 'u64 bpf_ktime_get_boot_ns(void)',
    support: 'full',
    note: 'the same: the box is never suspended',
    native: nanoseconds,
  },
  {
    name: 'bpf_ktime_get_coarse_ns',
    prototype: 'u64 bpf_ktime_get_coarse_ns(void)',
    support: 'full',
    note: 'ticks of 1 ms',
    native: coarse,
  },
  {
    name: 'ktime_get_mono_fast_ns',
    prototype: 'u64 ktime_get_mono_fast_ns(void)',
    support: 'full',
    note: 'the same',
    native: nanoseconds,
  },
  {
    name: 'ktime_get_boot_fast_ns',
    prototype: 'u64 ktime_get_boot_fast_ns(void)',
    support: 'full',
    note: 'the same',
    native: nanoseconds,
  },
  {
    name: 'get_random_u32',
    prototype: 'u32 get_random_u32(void)',
    support: 'full',
    note: "from the box's seed",
    native: random,
  },
];

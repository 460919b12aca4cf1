/** What must hold when no extension program runs: nothing of one is left on any processor. */
import * as assert from 'uvu/assert';
import { Slot } from '../../cpu/state.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { rex_cleanup_entry } from '../../kernel/layout/structures.ts';
import { readKernelU64 } from '../../kernel/mm/kernel-memory.ts';
import { perCpuAddress, readPerCpu } from '../../kernel/per-cpu.ts';

/** Throws an assertion naming the CPU and the variable. */
export function assertNoProgram(kernel: Kernel): void {
  for (const { index, slots, words } of kernel.cpus) {
    const is = (what: string, got: bigint | undefined, expected: bigint): void =>
      assert.is(got, expected, `CPU ${index}: ${what}`);
    is('rex_curr_prog', readPerCpu(kernel, index, 'rex_curr_prog'), 0n);
    is('rex_termination_state', readPerCpu(kernel, index, 'rex_termination_state') & 0xffn, 0n);
    is('bpf_prog_active', readPerCpu(kernel, index, 'bpf_prog_active') & 0xffff_ffffn, 0n);
    is('NMIs blocked', BigInt(words[Slot.nmiBlocked * 2]!), 0n);
    if (kernel.perCpu[index]!.current === 0) is('CPL', slots[Slot.cpl], 0n);
    assert.is(kernel.perCpu[index]!.savedFpu, undefined, `CPU ${index}: FPU state of the interrupted code`);
    assert.is(kernel.perf.pmus[index]!.since, undefined, `CPU ${index}: counters stand still`);
    const entries = perCpuAddress(kernel, index, 'rex_cleanup_entries');
    for (let n = 0; n < constants.REX_CLEANUP_ENTRIES; n++) {
      is(`cleanup entry ${n}`, readKernelU64(kernel, entries + BigInt(n * rex_cleanup_entry.size)), 0n);
    }
  }
}

/** Where an instruction really belongs that is executed elsewhere: copies of probed instructions in their slots. */
import type { Kernel } from '../../kernel/kernel.ts';
import type { Kprobe } from '../../kernel/kprobe/types.ts';

const SLOT_SIZE = 16n;

/** The probe whose copied instruction, or what follows it in the slot, is at `address`. */
export function probeOfSlot({ kprobes }: Kernel, address: bigint): Kprobe | undefined {
  if (!kprobes.slotPages.some((page) => address >= page && address < page + 4096n)) return undefined;
  const slot = address & ~(SLOT_SIZE - 1n);
  for (const probe of kprobes.probes.values()) if (probe.slot === slot) return probe;
  return undefined;
}

/** `address`, or of an address in a probe's slot the original's: what the code there is a copy of. */
export function originalAddress(kernel: Kernel, address: bigint): bigint {
  const probe = probeOfSlot(kernel, address);
  return probe === undefined ? address : probe.address + (address - probe.slot);
}

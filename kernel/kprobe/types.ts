/** One probed instruction; several events may share it. */
export interface Kprobe {
  readonly address: bigint;
  /** `symbol+0xoffset` */
  readonly name: string;
  /** the instruction's own bytes, whose first is now int3 */
  readonly original: Uint8Array;
  /** guest address of the copy that is single-stepped */
  readonly slot: bigint;
  /** perf event ids, in the order of registration */
  readonly events: number[];
  hits: number;
  /** hits while another probe was being handled */
  missed: number;
}

/** A hit on its way: its handlers run, then its instruction is stepped in the slot (`struct kprobe_ctlblk`). */
export interface KprobeHit {
  readonly address: bigint;
  readonly slot: bigint;
  readonly original: Uint8Array;
  /** TF and IF of the interrupted code */
  readonly flags: bigint;
  stepping: boolean;
}

export interface KprobeState {
  readonly probes: Map<bigint, Kprobe>;
  /** guest addresses of the pages of slots */
  readonly slotPages: bigint[];
  readonly freeSlots: bigint[];
  /** by CPU, innermost hit last; interrupts are off from the int3 to the end of the step, so the CPU does not change */
  readonly hits: Map<number, KprobeHit[]>;
}

export function createKprobeState(): KprobeState {
  return { probes: new Map(), slotPages: [], freeSlots: [], hits: new Map() };
}

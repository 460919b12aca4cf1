/** What must be put right after the step. */
export interface FixUp {
  /** rip is absolute already */
  readonly absolute: boolean;
  /** what lies on the stack */
  readonly stack: 'return address' | 'flags' | undefined;
  /** IF is the instruction's own and not the interrupted code's: cli, sti, popf */
  readonly keepsInterruptFlag: boolean;
  /** rep-prefixed: the step may have to go on */
  readonly repeated: boolean;
}

/** One probed instruction; several events may share it. */
export interface Kprobe {
  readonly address: bigint;
  /** `symbol+0xoffset` */
  readonly name: string;
  /** what events call it: the symbol alone where the offset is 0 */
  readonly label: string;
  /** the instruction's own bytes, whose first is now int3 */
  readonly original: Uint8Array;
  /** guest address of the copy that is single-stepped */
  readonly slot: bigint;
  readonly fixUp: FixUp;
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
  readonly fixUp: FixUp;
  /** TF and IF of the interrupted code */
  readonly flags: number;
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

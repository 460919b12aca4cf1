/**
 * What somebody who looks on wants the processors to stop at: before instructions, and after accesses to memory. No part of
 * the machine's state: the guest computes the same with it and without it.
 *
 * A page with watched bytes stays out of the TLB for the accesses that count, so that each of them is looked at, by
 * whatever engine; translated code ends before an instruction that is stopped at (translator/regions.ts).
 */
import type { Cpu } from './cpu.ts';
import type { Memory } from './memory.ts';
import { Flag, Slot } from './state.ts';
import { Access, emptyTlb } from './tlb.ts';

export interface Watch {
  /** linear */
  readonly address: bigint;
  /** bytes */
  readonly length: number;
  /** a read that is part of a read-modify-write counts as both */
  readonly access: 'write' | 'read' | 'access';
}

export type Hit =
  /** before the instruction at rip */
  | { readonly kind: 'address'; readonly cpu: Cpu }
  /** after the instruction that has accessed the bytes that `watch` is about */
  | {
      readonly kind: 'memory';
      readonly cpu: Cpu;
      readonly watch: Watch;
      readonly access: 'write' | 'read';
      /** the task that a native function was called by, which may have left the processor since */
      readonly pid?: number;
    };

export interface Stops {
  /** linear addresses of instructions */
  readonly addresses: ReadonlySet<bigint>;
  readonly watches: readonly Watch[];
  /** 1 where an instruction with this offset in its page is stopped at */
  readonly offsets: Uint8Array;
  /** this instruction is let pass: the one that a run begins with */
  readonly pass: { readonly cpu: number; readonly retired: number; readonly rip: bigint } | undefined;
  /** the first that was met */
  hit: Hit | undefined;
}

const PAGE = 4096;

/** Of linear addresses; `pass` is not stopped at. */
export function createStops(addresses: ReadonlySet<bigint>, watches: readonly Watch[], pass: Stops['pass']): Stops {
  const offsets = new Uint8Array(PAGE);
  for (const address of addresses) offsets[Number(address & 0xfffn)] = 1;
  return { addresses, watches, offsets, pass, hit: undefined };
}

/** From now on the processors of `memory` stop there, or nowhere. */
export function armStops(memory: Memory, stops: Stops | undefined): void {
  memory.stops = stops;
  if (hasWatches(stops)) for (const tlb of memory.tlbs) emptyTlb(tlb);
}

/** Whether to stop before the instruction at rip, which lies at that offset of its page; not once more where it has faulted (RF). */
export function stopsBefore(cpu: Cpu, stops: Stops, offset: number): boolean {
  if (stops.offsets[offset] === 0) return false;
  const rip = cpu.slots[Slot.rip]!;
  if ((cpu.slots[Slot.rflags]! & Flag.RF) !== 0n || !stops.addresses.has(rip)) return false;
  const { pass } = stops;
  if (pass?.retired === cpu.retired && pass.rip === rip && pass.cpu === cpu.index) return false;
  stops.hit ??= { kind: 'address', cpu };
  return true;
}

/** Whether any access to memory is looked at. */
export const hasWatches = (stops: Stops | undefined): stops is Stops => stops !== undefined && stops.watches.length > 0;

const counts = ({ access }: Watch, by: Access): boolean =>
  by === Access.write ? access !== 'read' : by === Access.read && access !== 'write';

const overlaps = ({ address, length }: Watch, from: bigint, size: number): boolean =>
  from < address + BigInt(length) && address < from + BigInt(size);

/** Whether accesses to the page of `linear` are to be looked at one by one. */
export const watchesPage = ({ watches }: Stops, linear: bigint, access: Access): boolean =>
  watches.some((watch) => counts(watch, access) && overlaps(watch, linear & ~0xfffn, PAGE));

/** An access of `size` bytes: the run ends after the instruction where they are watched. */
export function noteWatched(cpu: Cpu, stops: Stops, linear: bigint, access: Access, size: number): void {
  const watch = stops.watches.find((candidate) => counts(candidate, access) && overlaps(candidate, linear, size));
  if (watch === undefined) return;
  stops.hit ??= { kind: 'memory', cpu, watch, access: access === Access.write ? 'write' : 'read' };
  cpu.leave = true;
}

/** The instruction has faulted, and has accessed nothing. */
export function forgetWatched(cpu: Cpu, { stops }: Memory): void {
  if (stops?.hit?.kind !== 'memory' || stops.hit.cpu !== cpu) return;
  stops.hit = undefined;
  cpu.leave = false;
}

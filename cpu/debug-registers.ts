/**
 * DR0-DR3, DR6, DR7: addresses that stop the processor. Instruction breakpoints are faults, data breakpoints traps after
 * the instruction; Intel SDM vol. 3, section 18.2. I/O breakpoints never match. General detect is not modelled.
 */
import type { Cpu } from './cpu.ts';
import { raise, Vector } from './fault.ts';
import { Access, refreshMode } from './paging.ts';
import { Flag, Slot } from './state.ts';

const CR4_DE = 1n << 3n;
/** In `Slot.debug` */
const STATUS = 4;
const CONTROL = 5;
/** bits that read as ones */
const fixed = { [STATUS]: 0xffff_0ff0n, [CONTROL]: 0x400n } as const;

/** DR4 and DR5 are DR6 and DR7 unless CR4.DE takes them away. */
function slotOf(cpu: Cpu, index: number): number {
  if (index < 4) return index;
  if (index < 6 && (cpu.slots[Slot.cr4]! & CR4_DE) !== 0n) raise(Vector.UD);
  return (index & 1) === 0 ? STATUS : CONTROL;
}

export function readDebug(cpu: Cpu, index: number): bigint {
  const slot = slotOf(cpu, index);
  return cpu.slots[Slot.debug + slot]! | (fixed[slot as 4] ?? 0n);
}

/** #GP(0) for upper halves of DR6 and DR7. */
export function writeDebug(cpu: Cpu, index: number, value: bigint): void {
  const slot = slotOf(cpu, index);
  if (slot >= STATUS && value >> 32n !== 0n) raise(Vector.GP, 0);
  cpu.slots[Slot.debug + slot] = slot >= STATUS ? value & ~fixed[slot as 4] : value;
  refreshMode(cpu);
}

/** What a breakpoint waits for, in DR7's R/W field. */
const Kind = { execute: 0, write: 1, access: 3 } as const;
const lengths = [1n, 2n, 8n, 4n];

interface Breakpoint {
  readonly kind: number;
  readonly address: bigint;
  readonly length: bigint;
}

function breakpoint(cpu: Cpu, n: number): Breakpoint | undefined {
  const control = cpu.words[(Slot.debug + CONTROL) * 2]!;
  if (((control >> (2 * n)) & 3) === 0) return undefined;
  const length = lengths[(control >> (18 + 4 * n)) & 3]!;
  return { kind: (control >> (16 + 4 * n)) & 3, address: cpu.slots[Slot.debug + n]! & ~(length - 1n), length };
}

/** The four breakpoints that meet `condition`, as DR6 has them. */
function matching(cpu: Cpu, condition: (candidate: Breakpoint) => boolean): bigint {
  let status = 0n;
  for (let n = 0; n < 4; n++) {
    const candidate = breakpoint(cpu, n);
    if (candidate !== undefined && condition(candidate)) status |= 1n << BigInt(n);
  }
  return status;
}

/** Before an instruction at `rip`: #DB where a breakpoint waits for it and RF does not let it pass. */
export function checkInstruction(cpu: Cpu, rip: bigint): void {
  const { slots } = cpu;
  if ((slots[Slot.rflags]! & Flag.RF) !== 0n) return;
  const status = matching(cpu, ({ kind, address }) => kind === Kind.execute && address === rip);
  if (status === 0n) return;
  slots[Slot.debug + STATUS] = slots[Slot.debug + STATUS]! | status;
  raise(Vector.DB);
}

/** A load or store of `size` bytes: remembers the trap that follows the instruction. */
export function noteAccess(cpu: Cpu, linear: bigint, access: Access, size: number): void {
  if (access === Access.fetch) return;
  const status = matching(
    cpu,
    ({ kind, address, length }) =>
      (kind === Kind.access || (kind === Kind.write && access === Access.write)) &&
      linear < address + length &&
      address < linear + BigInt(size),
  );
  cpu.slots[Slot.debugPending] = cpu.slots[Slot.debugPending]! | status;
}

/** Whether DR7 enables any breakpoint. */
export const hasBreakpoints = (cpu: Cpu): boolean => (cpu.words[(Slot.debug + CONTROL) * 2]! & 0xff) !== 0;

/** Model-specific registers: one table; any other index is #GP(0). */
import type { SystemRegister } from './algebra.ts';
import type { Cpu } from './cpu.ts';
import { raise, Vector } from './fault.ts';
import { flushTlb, isCanonical } from './paging.ts';
import { Slot } from './state.ts';

interface Msr {
  readonly register: SystemRegister;
  /** the value must be a canonical address */
  readonly canonical: boolean;
}

export const msrs: Readonly<Record<number, Msr>> = {
  0xc000_0080: { register: 'efer', canonical: false },
  0xc000_0081: { register: 'star', canonical: false },
  0xc000_0082: { register: 'lstar', canonical: true },
  0xc000_0083: { register: 'cstar', canonical: true },
  0xc000_0084: { register: 'sfmask', canonical: false },
  0xc000_0100: { register: 'fsBase', canonical: true },
  0xc000_0101: { register: 'gsBase', canonical: true },
  0xc000_0102: { register: 'kernelGsBase', canonical: true },
  0xc000_0103: { register: 'tscAux', canonical: false },
};

const TIME_STAMP_COUNTER = 0x10;

export function readMsr(cpu: Cpu, index: number): bigint {
  if (index === TIME_STAMP_COUNTER) return BigInt(cpu.retired);
  const msr = msrs[index];
  return msr === undefined ? raise(Vector.GP, 0) : cpu.slots[Slot[msr.register]]!;
}

export function writeMsr(cpu: Cpu, index: number, value: bigint): void {
  const msr = msrs[index];
  if (msr === undefined || (msr.canonical && !isCanonical(value))) raise(Vector.GP, 0);
  cpu.slots[Slot[msr!.register]] = value;
  if (msr!.register === 'efer') flushTlb(cpu);
}

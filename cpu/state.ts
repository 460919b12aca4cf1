/**
 * A CPU's registers: one block of 64-bit slots in the machine's memory, so that every reading of the instruction
 * definitions shares them without copying. Slots hold unsigned 64-bit values.
 */
import type { Cpu } from './cpu.ts';
import { settleWords } from './flag-words.ts';
import { engineSlots, Slot } from './slots.ts';

export { Slot, STATE_SIZE } from './slots.ts';

export const registerNames = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
export type RegisterName = (typeof registerNames)[number];

export const Flag = {
  CF: 0x1n,
  PF: 0x4n,
  AF: 0x10n,
  ZF: 0x40n,
  SF: 0x80n,
  TF: 0x100n,
  IF: 0x200n,
  DF: 0x400n,
  OF: 0x800n,
  IOPL: 0x3000n,
  NT: 0x4000n,
  RF: 0x10000n,
  VM: 0x20000n,
  AC: 0x40000n,
  ID: 0x200000n,
} as const;

/** Computes pending arithmetic flags into the rflags slot. */
export function settleFlags(cpu: Cpu): void {
  settleWords(cpu.words);
}

/**
 * Makes a CPU's block, between two instructions, what it is whichever engine has executed them: what is kept of a CPU, or
 * compared with another, is a copy that has been through this.
 */
export function settleBlock(words: Int32Array): void {
  settleWords(words);
  for (const slot of engineSlots) words.fill(0, slot * 2, slot * 2 + 2);
}

/** The registers a person names, as accessors over a CPU's block: unsigned 64-bit values. */
export type Registers = Record<RegisterName | 'rip' | 'rflags' | 'fsBase' | 'gsBase', bigint>;

export function registersOf(cpu: Cpu): Registers {
  const registers = {} as Registers;
  const define = (name: string, slot: number): void => {
    Object.defineProperty(registers, name, {
      enumerable: true,
      get: () => cpu.slots[slot],
      set: (value: bigint) => {
        cpu.slots[slot] = value;
      },
    });
  };
  registerNames.forEach((name, index) => define(name, Slot.gpr + index));
  for (const name of ['rip', 'fsBase', 'gsBase'] as const) define(name, Slot[name]);
  Object.defineProperty(registers, 'rflags', {
    enumerable: true,
    get: () => {
      settleFlags(cpu);
      return cpu.slots[Slot.rflags];
    },
    set: (value: bigint) => {
      cpu.slots[Slot.flagsKind] = 0n;
      cpu.slots[Slot.rflags] = (value & 0x3f7fd5n) | 2n;
    },
  });
  return registers;
}

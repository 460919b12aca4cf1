/**
 * Every register by name: how it is read from a block of slots, and how it is written. The names are gdb's where it has one
 * (`fs_base`, `k_gs_base`, `fctrl`), Intel's else.
 */
import { Flag, registerNames, Slot } from '../../cpu/state.ts';

/** Slots of a processor, or of the context of a task that is on none. */
export type ReadSlot = (slot: number) => bigint;
export type WriteSlot = (slot: number, value: bigint) => void;

export interface RegisterRow {
  readonly name: string;
  /** 1 to 256 */
  readonly bits: number;
  read(slot: ReadSlot): bigint;
  /** undefined: not to be written from outside */
  readonly write: ((slot: ReadSlot, write: WriteSlot, value: bigint) => void) | undefined;
}

const wide = (name: string, slot: number, bits = 64): RegisterRow => ({
  name,
  bits,
  read: (read) => BigInt.asUintN(bits, read(slot)),
  write: (_read, write, value) => write(slot, value),
});

const fixed = (name: string, slot: number, bits = 64): RegisterRow => ({ ...wide(name, slot, bits), write: undefined });

/** 64-bit slots of one vector register, and of one register of the x87 */
const VECTOR_SLOTS = 4;
const X87_SLOTS = 2;

function vector(name: string, index: number, slots: number): RegisterRow {
  const first = Slot.xmm + index * VECTOR_SLOTS;
  return {
    name,
    bits: slots * 64,
    read: (read) => {
      let value = 0n;
      for (let n = slots - 1; n >= 0; n--) value = (value << 64n) | read(first + n);
      return value;
    },
    write: (_read, write, value) => {
      for (let n = 0; n < slots; n++) write(first + n, BigInt.asUintN(64, value >> BigInt(n * 64)));
    },
  };
}

/** TOP of FSW says which physical register is st0. */
function x87Slot(read: ReadSlot, index: number): number {
  const top = Number((read(Slot.fsw) >> 11n) & 7n);
  return Slot.x87 + ((top + index) & 7) * X87_SLOTS;
}

const x87 = (index: number): RegisterRow => ({
  name: `st${index}`,
  bits: 80,
  read: (read) => {
    const at = x87Slot(read, index);
    return read(at) | (BigInt.asUintN(16, read(at + 1)) << 64n);
  },
  write: (read, write, value) => {
    const at = x87Slot(read, index);
    write(at, BigInt.asUintN(64, value));
    write(at + 1, value >> 64n);
  },
});

const each = <Row>(count: number, row: (index: number) => Row): Row[] =>
  Array.from({ length: count }, (_, n) => row(n));

const segments = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
/** dr4 and dr5 are dr6 and dr7 */
const debugNames = ['dr0', 'dr1', 'dr2', 'dr3', 'dr6', 'dr7'];

/** In the order in which they are listed. What decides over the mode of the processor is written by code alone. */
export const registerRows: readonly RegisterRow[] = [
  ...registerNames.map((name, index) => wide(name, Slot.gpr + index)),
  wide('rip', Slot.rip),
  wide('rflags', Slot.rflags),
  ...segments.map((name, index) => fixed(name, Slot.selectors + index, 16)),
  wide('fs_base', Slot.fsBase),
  wide('gs_base', Slot.gsBase),
  wide('k_gs_base', Slot.kernelGsBase),
  fixed('cr0', Slot.cr0),
  wide('cr2', Slot.cr2),
  fixed('cr3', Slot.cr3),
  fixed('cr4', Slot.cr4),
  fixed('cr8', Slot.cr8),
  fixed('efer', Slot.efer),
  fixed('star', Slot.star),
  fixed('lstar', Slot.lstar),
  fixed('cstar', Slot.cstar),
  fixed('sfmask', Slot.sfmask),
  fixed('tsc_aux', Slot.tscAux, 32),
  fixed('gdtr_base', Slot.gdtrBase),
  fixed('idtr_base', Slot.idtrBase),
  fixed('cpl', Slot.cpl, 2),
  wide('mxcsr', Slot.mxcsr, 32),
  ...each(16, (index) => vector(`xmm${index}`, index, 2)),
  ...each(8, x87),
  wide('fctrl', Slot.fcw, 16),
  wide('fstat', Slot.fsw, 16),
  wide('ftag', Slot.ftw, 8),
  wide('fop', Slot.fop, 11),
  wide('fip', Slot.fip),
  wide('fdp', Slot.fdp),
  ...debugNames.map((name, index) => fixed(name, Slot.debug + index)),
];

/** Where a register is part of another: its lowest bit there. */
interface Part {
  readonly whole: RegisterRow;
  readonly low: number;
  readonly bits: number;
}

const byName = new Map(registerRows.map((row) => [row.name, row]));
const legacy = ['a', 'c', 'd', 'b'];
const legacyWords = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];

function partsOf(): Map<string, Part> {
  const parts = new Map<string, Part>();
  registerNames.forEach((name, index) => {
    const add = (part: string, low: number, bits: number): void => {
      parts.set(part, { whole: byName.get(name)!, low, bits });
    };
    if (index >= 8) {
      add(`${name}d`, 0, 32);
      add(`${name}w`, 0, 16);
      add(`${name}b`, 0, 8);
      return;
    }
    add(`e${legacyWords[index]}`, 0, 32);
    add(legacyWords[index]!, 0, 16);
    add(index < 4 ? `${legacy[index]}l` : `${legacyWords[index]}l`, 0, 8);
    if (index < 4) add(`${legacy[index]}h`, 8, 8);
  });
  const flags = byName.get('rflags')!;
  for (const [name, bit] of Object.entries(Flag)) {
    if (name === 'IOPL') parts.set('iopl', { whole: flags, low: 12, bits: 2 });
    else parts.set(name.toLowerCase(), { whole: flags, low: bit.toString(2).length - 1, bits: 1 });
  }
  parts.set('eip', { whole: byName.get('rip')!, low: 0, bits: 32 });
  return parts;
}

const parts = partsOf();
const mask = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

const partRow = (name: string, { whole, low, bits }: Part): RegisterRow => ({
  name,
  bits,
  read: (read) => (whole.read(read) >> BigInt(low)) & mask(bits),
  write:
    whole.write &&
    ((read, write, value) => {
      const kept = whole.read(read) & ~(mask(bits) << BigInt(low));
      whole.write!(read, write, kept | (value << BigInt(low)));
    }),
});

/** What others call them. */
const aliases: Readonly<Record<string, string>> = {
  eflags: 'rflags',
  pc: 'rip',
  kernel_gs_base: 'k_gs_base',
  fsbase: 'fs_base',
  gsbase: 'gs_base',
  fcw: 'fctrl',
  fsw: 'fstat',
  ftw: 'ftag',
};

const named = new Map<string, RegisterRow>([
  ...byName,
  ...each(16, (index): [string, RegisterRow] => [`ymm${index}`, vector(`ymm${index}`, index, VECTOR_SLOTS)]),
  ...[...parts].map(([name, part]): [string, RegisterRow] => [name, partRow(name, part)]),
  ...Object.entries(aliases).map(([name, whole]): [string, RegisterRow] => [name, byName.get(whole)!]),
]);

/** Parts (`eax`, `al`), flags (`zf`) and gdb's names as well; lower case. */
export const registerRow = (name: string): RegisterRow | undefined => named.get(name);
export const allRegisterNames: readonly string[] = [...named.keys()];

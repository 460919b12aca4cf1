/** Linear to physical: four-level tables in guest memory behind a software TLB. */
import type { Cpu } from './cpu.ts';
import { hasBreakpoints, noteAccess } from './debug-registers.ts';
import { isFault, PageFault, raise, Vector } from './fault.ts';
import { PAGE_SIZE } from './memory.ts';
import { Flag, Slot as slotNumbers } from './state.ts';
import { hasWatches, noteWatched, watchesPage } from './stops.ts';
import { Access, emptyPage, emptyTlb, ENTRIES as entries, entryOf, fillEntry, MODES as modes } from './tlb.ts';

export { Access } from './tlb.ts';

// local constants: see word-values.ts
const Slot = slotNumbers;
const ENTRIES = entries;
const MODES = modes;
const CR0 = Slot.cr0 * 2;
const CR4 = Slot.cr4 * 2;
const EFER = Slot.efer * 2;

/** After a write to CR3, CR0 or CR4. Global pages are not modelled. */
export function flushTlb(cpu: Cpu): void {
  emptyTlb(cpu.tlb);
  cpu.addressSpaceAge++;
}

/** INVLPG: every mode and access of one page. */
export function flushPage(cpu: Cpu, linear: bigint): void {
  emptyPage(cpu.tlb, Number(linear & 0xffff_ffffn));
  cpu.addressSpaceAge++;
}

const CR0_AM = 1n << 18n;
const AM = 1 << 18;
const AC = 1 << 18;

/** Page-table entry bits. */
export const Pte = {
  present: 0x1n,
  write: 0x2n,
  user: 0x4n,
  accessed: 0x20n,
  dirty: 0x40n,
  large: 0x80n,
  global: 0x100n,
  address: 0x000f_ffff_ffff_f000n,
  noExecute: 1n << 63n,
} as const;

const scratch64 = new BigUint64Array(1);
const scratch32 = new Int32Array(scratch64.buffer);

/** A 64-bit value of its halves. */
export function joinWords(low: number, high: number): bigint {
  scratch32[0] = low;
  scratch32[1] = high;
  return scratch64[0]!;
}

export const isCanonical = (linear: bigint): boolean => BigInt.asUintN(64, BigInt.asIntN(48, linear)) === linear;

/**
 * CPL 3 is mode 0; supervisor modes differ in whether SMAP lets user pages through. With `MODES` added, every access
 * misses the TLB and is examined: there are breakpoints, or alignment is checked.
 */
function modeOf(cpu: Cpu): number {
  const { words } = cpu;
  const user = words[Slot.cpl * 2] === 3;
  const ac = (words[Slot.rflags * 2]! & AC) !== 0;
  const examined = hasBreakpoints(cpu) || (user && ac && (words[Slot.cr0 * 2]! & AM) !== 0);
  return (user ? 0 : ac ? 2 : 1) + (examined ? MODES : 0);
}

/**
 * #AC(0) for a misaligned access of user mode: ahead of #PF, as by AMD's processors. Both manuals put the two into one
 * class and leave their order to the processor (SDM vol. 3, table 6-2; APM vol. 2, table 8-9).
 */
function requireAligned(cpu: Cpu, linear: bigint, access: Access, size: number): void {
  if (access === Access.fetch || (linear & BigInt(size - 1)) === 0n || cpu.mode !== MODES) return;
  const checked = (cpu.slots[Slot.rflags]! & Flag.AC) !== 0n && (cpu.slots[Slot.cr0]! & CR0_AM) !== 0n;
  if (checked && isCanonical(linear)) raise(Vector.AC, 0);
}

/**
 * The physical address of `linear` for the current privilege; raises #PF with CR2 and error code, or #GP(0) for a
 * non-canonical address (with the address, by which the interpreter knows that it may have to be #SS). Sets accessed and dirty bits.
 * `width`, in bits, is what alignment checks and breakpoints see.
 */
export function translate(cpu: Cpu, linear: bigint, access: Access, width = 8): number {
  scratch64[0] = linear;
  return translateWords(cpu, scratch32[0]!, scratch32[1]!, access, width);
}

/** `translate` of an address in two halves: numbers stay out of the heap. */
export function translateWords(cpu: Cpu, low: number, high: number, access: Access, width: number): number {
  const at = ((cpu.mode * 3 + access) * ENTRIES + entryOf(low, access)) * 4;
  const { words } = cpu.tlb;
  if (words[at] === (low & ~0xfff) && words[at + 1] === high) return words[at + 3]! + (low & 0xfff);
  return fill(cpu, low, high, access, width);
}

/** After a miss. A page of decoded instructions is looked at whenever it is written: see memory.ts. */
function fill(cpu: Cpu, low: number, high: number, access: Access, width: number): number {
  cpu.tlb.misses++;
  const { memory } = cpu;
  if (cpu.mode >= MODES) requireAligned(cpu, joinWords(low, high), access, width / 8);
  const physical = walk(cpu, low, high, access, (cpu.mode % MODES) as 0);
  if (access === Access.write) memory.written[physical >>> 12] = 1;
  if (cpu.mode >= MODES) {
    const linear = joinWords(low, high);
    noteAccess(cpu, linear, access, width / 8);
    if (memory.stops !== undefined) noteWatched(cpu, memory.stops, linear, access, width / 8);
    return physical;
  }
  const { stops } = memory;
  if (hasWatches(stops)) {
    const linear = joinWords(low, high);
    noteWatched(cpu, stops, linear, access, width / 8);
    if (watchesPage(stops, linear, access)) return physical;
  }
  const { journal } = cpu.tlb;
  if (access === Access.write && journal !== undefined) noteBefore(journal, memory, physical >>> 12);
  if (access === Access.write && memory.decoded[physical >>> 12] !== undefined) return physical;
  const at = ((cpu.mode * 3 + access) * ENTRIES + entryOf(low, access)) * 4;
  fillEntry(cpu.tlb, at, low, high, physical - (low & 0xfff), memory.start);
  return physical;
}

function noteBefore(journal: Map<number, Uint8Array>, { bytes }: Cpu['memory'], page: number): void {
  if (!journal.has(page)) journal.set(page, bytes.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE));
}

/** Must follow every change of CPL, AC, CR0.AM or DR7. */
export function refreshMode(cpu: Cpu): void {
  cpu.mode = modeOf(cpu);
}

/**
 * Whether fetches of page `linear` go to physical page `frame` and leave no trace in the page tables: then code that lies
 * there may be executed without asking again.
 */
export function fetchesFrom(cpu: Cpu, low: number, high: number, frame: number): boolean {
  const at = ((cpu.mode * 3 + Access.fetch) * ENTRIES + entryOf(low, Access.fetch)) * 4;
  const { words } = cpu.tlb;
  if (words[at] === (low & ~0xfff) && words[at + 1] === high) return words[at + 3] === frame;
  try {
    return walk(cpu, low, high, Access.fetch, (cpu.mode % MODES) as 0, false) === frame;
  } catch (fault) {
    if (!isFault(fault)) throw fault;
    return false;
  }
}

/** Whether a read is no fault and leaves no trace in the page tables: then it may be made before its turn. */
export function readsUnmarked(cpu: Cpu, low: number, high: number): boolean {
  const at = ((cpu.mode * 3 + Access.read) * ENTRIES + entryOf(low, Access.read)) * 4;
  const { words } = cpu.tlb;
  if (words[at] === (low & ~0xfff) && words[at + 1] === high) return true;
  try {
    walk(cpu, low, high, Access.read, (cpu.mode % MODES) as 0, false);
    return true;
  } catch (fault) {
    if (!isFault(fault)) throw fault;
    return false;
  }
}

const PRESENT = 0x1;
const WRITE = 0x2;
const USER = 0x4;
const ACCESSED = 0x20;
const DIRTY = 0x40;
const LARGE = 0x80;
const WP = 1 << 16;
const SMEP = 1 << 20;
const SMAP = 1 << 21;
const NXE = 1 << 11;
const WORD = 2 ** 32;

/** Byte of a table of `level` where the entry of an address is. */
function entryOffset(low: number, high: number, level: number): number {
  if (level === 0) return (low >>> 9) & 0xff8;
  if (level === 1) return (low >>> 18) & 0xff8;
  if (level === 2) return ((high & 0x7f) << 5) | ((low >>> 27) & 0x18);
  return (high >>> 4) & 0xff8;
}

/** Without `marks`, an entry whose accessed or dirty bit would have to be set is a fault. */
function walk(cpu: Cpu, low: number, high: number, access: Access, mode: 0 | 1 | 2, marks = true): number {
  const { words, memory } = cpu;
  const { view } = memory;
  // bits 63 to 47 are alike
  if (high >> 15 !== 0 && high >> 15 !== -1) raise(Vector.GP, 0, joinWords(low, high));
  const code =
    (access === Access.write ? PageFault.write : 0) |
    (mode === 0 ? PageFault.user : 0) |
    (access === Access.fetch && (words[EFER]! & NXE) !== 0 ? PageFault.fetch : 0);
  let table = Number(cpu.slots[Slot.cr3]! & Pte.address);
  /** WRITE and USER while every entry has them */
  let rights = WRITE | USER;
  let noExecute = false;
  for (let level = 3; ; level--) {
    const at = table + entryOffset(low, high, level);
    if (at + 8 > memory.size) {
      raise(Vector.PF, code | PageFault.present | PageFault.reserved, joinWords(low, high));
    }
    const value = view.getInt32(at, true);
    const upper = view.getInt32(at + 4, true);
    if ((value & PRESENT) === 0) raise(Vector.PF, code, joinWords(low, high));
    rights &= value;
    noExecute ||= upper < 0;
    const leaf = level === 0 || (level <= 2 && (value & LARGE) !== 0);
    if (leaf && isDenied(words, access, mode, rights, noExecute)) {
      raise(Vector.PF, code | PageFault.present, joinWords(low, high));
    }
    const marked = value | ACCESSED | (leaf && access === Access.write ? DIRTY : 0);
    if (marked !== value) {
      if (!marks) raise(Vector.PF, code, joinWords(low, high));
      view.setInt32(at, marked, true);
      memory.written[at >>> 12] = 1;
    }
    table = (upper & 0xf_ffff) * WORD + ((value & ~0xfff) >>> 0);
    if (!leaf) continue;
    const span = 2 ** (12 + 9 * level);
    const physical = table - (table % span) + ((low & (span - 1)) >>> 0);
    if (physical >= memory.size) {
      raise(Vector.PF, code | PageFault.present | PageFault.reserved, joinWords(low, high));
    }
    return physical;
  }
}

/** Whether a page with these rights refuses the access. */
function isDenied(words: Int32Array, access: Access, mode: 0 | 1 | 2, rights: number, noExecute: boolean): boolean {
  const fetches = access === Access.fetch;
  const readOnly = access === Access.write && (rights & WRITE) === 0;
  if (fetches && noExecute && (words[EFER]! & NXE) !== 0) return true;
  if (mode === 0) return (rights & USER) === 0 || readOnly;
  if (readOnly && (words[CR0]! & WP) !== 0) return true;
  if ((rights & USER) === 0) return false;
  return fetches ? (words[CR4]! & SMEP) !== 0 : mode === 1 && (words[CR4]! & SMAP) !== 0;
}

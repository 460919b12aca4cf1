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

const CR4_SMEP = 1n << 20n;
const CR4_SMAP = 1n << 21n;
const CR0_WP = 1n << 16n;
const CR0_AM = 1n << 18n;
const AM = 1 << 18;
const AC = 1 << 18;
const EFER_NXE = 1n << 11n;

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
  const linear = joinWords(low, high);
  const { memory } = cpu;
  if (cpu.mode >= MODES) requireAligned(cpu, linear, access, width / 8);
  const physical = walk(cpu, linear, access, (cpu.mode % MODES) as 0);
  if (access === Access.write) memory.written[physical >>> 12] = 1;
  if (cpu.mode >= MODES) {
    noteAccess(cpu, linear, access, width / 8);
    if (memory.stops !== undefined) noteWatched(cpu, memory.stops, linear, access, width / 8);
    return physical;
  }
  const { stops } = memory;
  if (hasWatches(stops)) {
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
    return walk(cpu, joinWords(low, high), Access.fetch, (cpu.mode % MODES) as 0, false) === frame;
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
    walk(cpu, joinWords(low, high), Access.read, (cpu.mode % MODES) as 0, false);
    return true;
  } catch (fault) {
    if (!isFault(fault)) throw fault;
    return false;
  }
}

/** Without `marks`, an entry whose accessed or dirty bit would have to be set is a fault. */
function walk(cpu: Cpu, linear: bigint, access: Access, mode: 0 | 1 | 2, marks = true): number {
  if (!isCanonical(linear)) raise(Vector.GP, 0, linear);
  const { slots, memory } = cpu;
  const code =
    (access === Access.write ? PageFault.write : 0) |
    (mode === 0 ? PageFault.user : 0) |
    (access === Access.fetch && (slots[Slot.efer]! & EFER_NXE) !== 0n ? PageFault.fetch : 0);
  let table = Number(slots[Slot.cr3]! & Pte.address);
  let writable = true;
  let user = true;
  let noExecute = false;
  for (let level = 3; ; level--) {
    const shift = BigInt(12 + 9 * level);
    const at = table + Number((linear >> shift) & 511n) * 8;
    if (at + 8 > memory.size) raise(Vector.PF, code | PageFault.present | PageFault.reserved, linear);
    const value = memory.view.getBigUint64(at, true);
    if ((value & Pte.present) === 0n) raise(Vector.PF, code, linear);
    writable &&= (value & Pte.write) !== 0n;
    user &&= (value & Pte.user) !== 0n;
    noExecute ||= (value & Pte.noExecute) !== 0n;
    const leaf = level === 0 || (level <= 2 && (value & Pte.large) !== 0n);
    if (leaf) checkPermission(cpu, linear, access, mode, code, { writable, user, noExecute });
    const marked = value | Pte.accessed | (leaf && access === Access.write ? Pte.dirty : 0n);
    if (marked !== value) {
      if (!marks) raise(Vector.PF, code, linear);
      memory.view.setBigUint64(at, marked, true);
      memory.written[at >>> 12] = 1;
    }
    if (leaf) {
      const offset = linear & ((1n << shift) - 1n);
      const physical = Number((value & Pte.address & ~((1n << shift) - 1n)) | offset);
      if (physical >= memory.size) raise(Vector.PF, code | PageFault.present | PageFault.reserved, linear);
      return physical;
    }
    table = Number(value & Pte.address);
  }
}

function checkPermission(
  cpu: Cpu,
  linear: bigint,
  access: Access,
  mode: 0 | 1 | 2,
  code: number,
  page: { readonly writable: boolean; readonly user: boolean; readonly noExecute: boolean },
): void {
  const { slots } = cpu;
  const denied = (): never => raise(Vector.PF, code | PageFault.present, linear);
  if (access === Access.fetch && page.noExecute && (slots[Slot.efer]! & EFER_NXE) !== 0n) denied();
  if (mode === 0) {
    if (!page.user || (access === Access.write && !page.writable)) denied();
    return;
  }
  if (access === Access.write && !page.writable && (slots[Slot.cr0]! & CR0_WP) !== 0n) denied();
  if (!page.user) return;
  if (
    access === Access.fetch ? (slots[Slot.cr4]! & CR4_SMEP) !== 0n : mode === 1 && (slots[Slot.cr4]! & CR4_SMAP) !== 0n
  )
    denied();
}

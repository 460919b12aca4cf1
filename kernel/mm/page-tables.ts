/** Four-level page tables in guest memory, as the processor walks them. */
import { forgetDecoded, PAGE_SIZE } from '../../cpu/memory.ts';
import { flushPage, flushTlb, Pte } from '../../cpu/paging.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { allocatePage, releasePage, sharePage } from './physical.ts';

const index = (address: bigint, level: number): number => Number((address >> BigInt(12 + 9 * level)) & 511n);
const INNER = Pte.present | Pte.write | Pte.user;

/**
 * Physical address of the entry for `address` at `level` (0 is the 4 KiB page's); undefined where a table is missing. With
 * `create` there is one: ENOMEM, EFAULT for tables that an extension has overwritten with nonsense.
 */
export function entryAddress(
  kernel: Kernel,
  root: number,
  address: bigint,
  create: boolean,
  level = 0,
): number | undefined {
  const { view } = kernel.memory;
  let table = root;
  for (let at = 3; at > level; at--) {
    const entry = table + index(address, at) * 8;
    let value = view.getBigUint64(entry, true);
    if ((value & Pte.present) === 0n) {
      if (!create) return undefined;
      value = BigInt(allocatePage(kernel)) | INNER;
      view.setBigUint64(entry, value, true);
      forgetDecoded(kernel.memory, entry, 8);
    }
    table = Number(value & Pte.address);
    if ((at <= 2 && (value & Pte.large) !== 0n) || table >= kernel.memory.size) {
      return create ? fail('EFAULT') : undefined;
    }
  }
  return table + index(address, level) * 8;
}

/** The page's entry; 0n where nothing is mapped. */
export function readEntry(kernel: Kernel, root: number, address: bigint): bigint {
  const at = entryAddress(kernel, root, address, false);
  return at === undefined ? 0n : kernel.memory.view.getBigUint64(at, true);
}

/** Writes the 4 KiB page's entry and forgets its translation on every CPU. ENOMEM. */
export function writeEntry(kernel: Kernel, root: number, address: bigint, value: bigint): void {
  setEntry(kernel, entryAddress(kernel, root, address, true)!, value);
  for (const cpu of kernel.cpus) flushPage(cpu, address);
}

/** Writes the entry at physical address `at`; translations are the caller's to flush. */
export function setEntry(kernel: Kernel, at: number, value: bigint): void {
  kernel.memory.view.setBigUint64(at, value, true);
  forgetDecoded(kernel.memory, at, 8);
}

/** arch/x86/mm/tlb.c's tlb_single_page_flush_ceiling: with more pages, all translations are forgotten */
const FLUSH_CEILING = 33n;

/** Forgets the translations of [start, end) on every CPU. */
export function flushRange(kernel: Kernel, start: bigint, end: bigint): void {
  const pages = (end - start) >> 12n;
  for (const cpu of kernel.cpus) {
    if (pages > FLUSH_CEILING) flushTlb(cpu);
    else for (let at = start; at < end; at += 4096n) flushPage(cpu, at);
  }
}

const PRESENT = 1;
const WRITE = 2;
const LARGE = 0x80;
const ENTRIES = 512;
/** pages that an entry of a table of each level covers */
const SPANS = [1, ENTRIES, ENTRIES ** 2, ENTRIES ** 3] as const;
type Level = 0 | 1 | 2 | 3;

/** The number of a linear page in its 48 bits. */
const pageNumber = (address: bigint): number => Number((address >> 12n) & 0xf_ffff_ffffn);
const pageAddress = (page: number): bigint => BigInt.asUintN(64, BigInt.asIntN(48, BigInt(page) << 12n));

/** Physical address in an entry; the box has at most 2 GiB. */
export const pageOfEntry = ({ memory: { view } }: Kernel, at: number): number =>
  (view.getUint32(at, true) & ~0xfff) >>> 0;

/** The table that an entry names; undefined where it names none: an extension may have written to it. */
function tableOf(kernel: Kernel, at: number, level: Level): number | undefined {
  const { view, size } = kernel.memory;
  const low = view.getUint32(at, true);
  if ((low & PRESENT) === 0 || (level <= 2 && (low & LARGE) !== 0)) return undefined;
  const table = pageOfEntry(kernel, at);
  return (view.getUint32(at + 4, true) & 0xf_ffff) === 0 && table < size ? table : undefined;
}

interface Walk {
  readonly kernel: Kernel;
  /** tables that may still be visited: those that somebody has made a graph of are no more than there are pages */
  tables: number;
  readonly visit: (at: number, page: number) => void;
  readonly freesTables: boolean;
}

const createWalk = (kernel: Kernel, freesTables: boolean, visit: Walk['visit']): Walk => ({
  kernel,
  tables: kernel.pages.references.length,
  visit,
  freesTables,
});

/** Pages `from` to `to` (exclusive), counted from the first that `table` covers, which is page `base`. */
function descend(walk: Walk, table: number, level: Level, base: number, from: number, to: number): void {
  const { view } = walk.kernel.memory;
  const span = SPANS[level];
  for (let n = Math.floor(from / span); n * span < to; n++) {
    const at = table + n * 8;
    if (level === 0) {
      if (view.getUint32(at, true) !== 0 || view.getUint32(at + 4, true) !== 0) walk.visit(at, base + n);
      continue;
    }
    const next = tableOf(walk.kernel, at, level);
    if (next === undefined || walk.tables-- <= 0) continue;
    const first = n * span;
    descend(walk, next, (level - 1) as Level, base + first, Math.max(0, from - first), Math.min(span, to - first));
    // what the roots of the kernel's half name is every address space's
    if (walk.freesTables && (level < 3 || n < ENTRIES / 2)) freeIfEmpty(walk.kernel, at, next);
  }
}

function freeIfEmpty(kernel: Kernel, at: number, table: number): void {
  const { view } = kernel.memory;
  for (let n = 0; n < PAGE_SIZE; n += 8) {
    if (view.getUint32(table + n, true) !== 0 || view.getUint32(table + n + 4, true) !== 0) return;
  }
  setEntry(kernel, at, 0n);
  releasePage(kernel, table);
}

/**
 * Visits the 4 KiB entries of [start, end) that hold a page, PROT_NONE ones (not present) included:
 * `visit(physical address of the entry, number of the linear page)`. What was never touched costs nothing.
 */
export function forEachEntry(
  kernel: Kernel,
  root: number,
  start: bigint,
  end: bigint,
  visit: (at: number, page: number) => void,
): void {
  const from = pageNumber(start);
  descend(createWalk(kernel, false, visit), root, 3, 0, from, from + Number((end - start) >> 12n));
}

/**
 * Takes the pages of [start, end) out, a reference each, and frees the tables that are left empty; translations are the
 * caller's to flush.
 */
export function clearEntries(kernel: Kernel, root: number, start: bigint, end: bigint): void {
  const { view } = kernel.memory;
  const from = pageNumber(start);
  const clear = (at: number): void => {
    const physical = pageOfEntry(kernel, at);
    view.setBigUint64(at, 0n, true);
    forgetDecoded(kernel.memory, at, 8);
    releasePage(kernel, physical);
  };
  descend(createWalk(kernel, true, clear), root, 3, 0, from, from + Number((end - start) >> 12n));
}

/** Frees the tables of [start, end) that hold nothing. */
function freeEmptyTables(kernel: Kernel, root: number, start: bigint, end: bigint): void {
  const from = pageNumber(start);
  descend(
    createWalk(kernel, true, () => undefined),
    root,
    3,
    0,
    from,
    from + Number((end - start) >> 12n),
  );
}

/**
 * move_page_tables: the pages of [start, start + length) are at `target` from now on, where there are none. ENOMEM, and
 * nothing has moved.
 */
export function moveEntries(kernel: Kernel, root: number, start: bigint, length: bigint, target: bigint): void {
  const { view } = kernel.memory;
  const difference = pageNumber(target) - pageNumber(start);
  const placeFor = (page: number): number => entryAddress(kernel, root, pageAddress(page + difference), true)!;
  try {
    forEachEntry(kernel, root, start, start + length, (_, page) => void placeFor(page));
  } catch (error) {
    freeEmptyTables(kernel, root, target, target + length);
    throw error;
  }
  forEachEntry(kernel, root, start, start + length, (at, page) => {
    setEntry(kernel, placeFor(page), view.getBigUint64(at, true));
    setEntry(kernel, at, 0n);
  });
  freeEmptyTables(kernel, root, start, start + length);
  flushRange(kernel, start, start + length);
}

/**
 * copy_page_range: the pages of [start, end) are in the tables of `target` too, a reference each more. Private ones are
 * writable in neither, so that the first write makes a copy. ENOMEM, with some of them copied.
 */
export function copyEntries(
  kernel: Kernel,
  root: number,
  target: number,
  start: bigint,
  end: bigint,
  isPrivate: boolean,
): void {
  const { view } = kernel.memory;
  let table = 0;
  let covered = -1;
  forEachEntry(kernel, root, start, end, (at, page) => {
    // a table at a time: its entries follow each other
    if (Math.floor(page / ENTRIES) !== covered) {
      covered = Math.floor(page / ENTRIES);
      table = entryAddress(kernel, target, pageAddress(covered * ENTRIES), true)!;
      forgetDecoded(kernel.memory, table, PAGE_SIZE);
      if (isPrivate) forgetDecoded(kernel.memory, at - (at % PAGE_SIZE), PAGE_SIZE);
    }
    const low = isPrivate ? view.getUint32(at, true) & ~WRITE : view.getUint32(at, true);
    if (isPrivate) view.setUint32(at, low, true);
    view.setUint32(table + (page % ENTRIES) * 8, low, true);
    view.setUint32(table + (page % ENTRIES) * 8 + 4, view.getUint32(at + 4, true), true);
    sharePage(kernel, pageOfEntry(kernel, at));
  });
}

/** Maps a 2 MiB page; for the direct map. */
export function mapLarge(kernel: Kernel, root: number, address: bigint, physical: number, flags: bigint): void {
  const at = entryAddress(kernel, root, address, true, 1)!;
  setEntry(kernel, at, BigInt(physical) | flags | Pte.large);
}

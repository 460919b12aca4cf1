/**
 * The software TLB: direct-mapped, `ENTRIES` for each kind of access and mode, in the machine's WebAssembly memory, where
 * translated code looks it up too.
 *
 * An entry is four words: the linear address of the page in two halves, what to add to the lower half of a linear address
 * to have an address in the WebAssembly memory, and the physical address of the page. Entry 0 is empty with the tag of
 * page 1, every other with that of page 0: neither is ever looked up there, so that zeroed memory is an empty TLB but for
 * entry 0.
 */
import type { Memory } from './memory.ts';
import { DERIVED_SIZE } from './slots.ts';

/** of one kind of access in one mode */
export const ENTRIES = 1024;
export const ENTRY_SIZE = 16;
/** user, supervisor, supervisor with SMAP suspended (AC set) */
export const MODES = 3;
export const Access = { read: 0, write: 1, fetch: 2 } as const;
export type Access = 0 | 1 | 2;

const TABLES = MODES * 3;
export const TABLE_SIZE = ENTRIES * ENTRY_SIZE;
export const TLB_SIZE = TABLES * TABLE_SIZE;
const PAGE = 4096;
/** entries noted as in use; with more, emptying goes over all of them */
const NOTED = 512;

export interface Tlb {
  /** four an entry */
  readonly words: Int32Array;
  /** byte of the WebAssembly memory where they begin */
  readonly base: number;
  /** first words of the entries in use, `count` of them, while those are not more than it holds */
  readonly used: Int32Array;
  count: number;
  /** addresses looked up in vain since reset */
  misses: number;
  /** while there is one: physical pages by number as they were before the first look for a write */
  journal: Map<number, Uint8Array> | undefined;
}

export function createTlb({ buffer, derived }: Memory, index: number): Tlb {
  const base = derived + index * DERIVED_SIZE;
  const tlb = {
    words: new Int32Array(buffer, base, TLB_SIZE / 4),
    base,
    used: new Int32Array(NOTED),
    count: NOTED + 1,
    misses: 0,
    journal: undefined,
  };
  emptyTlb(tlb);
  return tlb;
}

/**
 * The entry of an address in a table. Fetches are not looked up by translated code and can afford to mix in more bits: kernel
 * text and extension images lie 2^30 bytes apart.
 */
export function entryOf(low: number, access: Access): number {
  const page = low >>> 12;
  return (access === 2 ? page ^ (page >>> 10) : page) & (ENTRIES - 1);
}

const isFirst = (at: number): boolean => at % (TABLE_SIZE / 4) === 0;

function emptyEntry({ words }: Tlb, at: number): void {
  words[at] = isFirst(at) ? PAGE : 0;
  words[at + 1] = 0;
}

export function emptyTlb(tlb: Tlb): void {
  if (tlb.count <= NOTED) for (let n = 0; n < tlb.count; n++) emptyEntry(tlb, tlb.used[n]!);
  else {
    tlb.words.fill(0);
    for (let table = 0; table < TABLES; table++) emptyEntry(tlb, table * (TABLE_SIZE / 4));
  }
  tlb.count = 0;
}

/** Every mode and access of the page of the address with the lower half `low`. */
export function emptyPage(tlb: Tlb, low: number): void {
  for (let table = 0; table < TABLES; table++) {
    emptyEntry(tlb, (table * ENTRIES + entryOf(low, (table % 3) as Access)) * 4);
  }
}

/** Puts an entry at word `at`; `start` is where guest memory begins in the WebAssembly memory. */
export function fillEntry(tlb: Tlb, at: number, low: number, high: number, frame: number, start: number): void {
  const { words } = tlb;
  words[at] = low & -PAGE;
  words[at + 1] = high;
  words[at + 2] = start + frame - (low & -PAGE);
  words[at + 3] = frame;
  if (tlb.count < NOTED) tlb.used[tlb.count] = at;
  tlb.count++;
}

/** No page is written from now on without a look. */
export function emptyWritable(tlb: Tlb): void {
  if (tlb.count <= NOTED) {
    for (let n = 0; n < tlb.count; n++) if (isWrite(tlb.used[n]!)) emptyEntry(tlb, tlb.used[n]!);
  } else for (let at = 0; at < TLB_SIZE / 4; at += 4) if (isWrite(at)) emptyEntry(tlb, at);
}

/** The physical page that fetches of a linear page go to, if they have of late: else -1. */
export function fetchFrame({ words }: Tlb, mode: number, low: number, high: number): number {
  const at = ((mode * 3 + Access.fetch) * ENTRIES + entryOf(low, Access.fetch)) * 4;
  return words[at] === (low & -PAGE) && words[at + 1] === high ? words[at + 3]! : -1;
}

/** Physical page `page` is not to be written without being looked at. */
export function forgetWritable(tlb: Tlb, page: number): void {
  const frame = page * PAGE;
  const look = (at: number): void => {
    if (tlb.words[at + 3] === frame && isWrite(at)) emptyEntry(tlb, at);
  };
  if (tlb.count <= NOTED) for (let n = 0; n < tlb.count; n++) look(tlb.used[n]!);
  else for (let at = 0; at < TLB_SIZE / 4; at += 4) look(at);
}

const isWrite = (at: number): boolean => Math.trunc(at / (TABLE_SIZE / 4)) % 3 === Access.write;

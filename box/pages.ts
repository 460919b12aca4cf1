/**
 * Copies of a machine's memory as pages: those that have not changed are the same objects from one copy to the next, and
 * all pages of zeros are one. What has to be looked at is what the memory says may have been written, so that a copy, and
 * the way back to one, cost what has changed and not what there is.
 */
import { forgetDecoded, PAGE_SIZE, takeWritten, type Memory } from '../cpu/memory.ts';
import { settleBlock } from '../cpu/state.ts';

/** Pages that are shared as a whole. */
const CHUNK = 128;

/** Nobody writes to it. */
export const ZERO_PAGE = new Uint8Array(PAGE_SIZE);
const ZERO_CHUNK: readonly Uint8Array[] = Array.from({ length: CHUNK }, () => ZERO_PAGE);

/** Of the CPU blocks, and of guest physical memory behind them. */
export interface MemoryCopy {
  /** bytes, whole pages */
  readonly length: number;
  /** pages in chunks of 128, of which the last may have too many */
  readonly chunks: readonly (readonly Uint8Array[])[];
}

const zeroCopy = (length: number): MemoryCopy => ({
  length,
  chunks: Array.from({ length: Math.ceil(length / PAGE_SIZE / CHUNK) }, () => ZERO_CHUNK),
});

/** The page with this number, counted from the first CPU block. */
export const pageOf = ({ chunks }: MemoryCopy, page: number): Uint8Array =>
  chunks[Math.floor(page / CHUNK)]![page % CHUNK]!;

/** A copy in which some pages are others. */
export function withPages(copy: MemoryCopy, pages: ReadonlyMap<number, Uint8Array>): MemoryCopy {
  if (pages.size === 0) return copy;
  const chunks = [...copy.chunks];
  const own = new Map<number, Uint8Array[]>();
  for (const [page, content] of pages) {
    const at = Math.floor(page / CHUNK);
    let chunk = own.get(at);
    if (chunk === undefined) {
      own.set(at, (chunk = [...chunks[at]!]));
      chunks[at] = chunk;
    }
    chunk[page % CHUNK] = content;
  }
  return { length: copy.length, chunks };
}

/** Visits the pages that are not the same objects in two copies of one size. */
export function forEachDifference(left: MemoryCopy, right: MemoryCopy, visit: (page: number) => void): void {
  for (const [at, chunk] of left.chunks.entries()) {
    const other = right.chunks[at]!;
    if (chunk === other) continue;
    for (let n = 0; n < CHUNK; n++) if (chunk[n] !== other[n]) visit(at * CHUNK + n);
  }
}

/** A copy of no memory but zeros, from which others are made. */
export const emptyCopy = zeroCopy;

/** Bytes of `copy` that `other` does not hold, undefined: that are not zeros. */
export function bytesBeyond(copy: MemoryCopy, other: MemoryCopy = zeroCopy(copy.length)): number {
  let count = 0;
  forEachDifference(copy, other, (page) => {
    if (pageOf(copy, page) !== ZERO_PAGE) count++;
  });
  return count * PAGE_SIZE;
}

/** Two arrays of one length, whose parts are aligned to four bytes. */
export function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  const words = left.length >> 2;
  const first = new Int32Array(left.buffer, left.byteOffset, words);
  const second = new Int32Array(right.buffer, right.byteOffset, words);
  for (let n = 0; n < words; n++) if (first[n] !== second[n]) return false;
  for (let n = words * 4; n < left.length; n++) if (left[n] !== right[n]) return false;
  return true;
}

const lengthOf = ({ derived }: Memory): number => derived;

/** What memory held when `takeWritten` was last called. */
const bases = new WeakMap<Memory, MemoryCopy>();
/** in the beginning there were zeros */
const baseOf = (memory: Memory): MemoryCopy => bases.get(memory) ?? zeroCopy(lengthOf(memory));

/** Pages that may not be as in the base: the CPU blocks, whose writes nobody notes, and what has been written. */
function* suspects(memory: Memory): Iterable<number> {
  const first = memory.start / PAGE_SIZE;
  for (let page = 0; page < first; page++) yield page;
  for (const page of takeWritten(memory)) yield first + page;
}

const livePage = ({ buffer }: Memory, page: number): Uint8Array => new Uint8Array(buffer, page * PAGE_SIZE, PAGE_SIZE);

const block = new Uint8Array(PAGE_SIZE);

/** What is kept of a page: a CPU's block, which is a page, without what is an engine's. */
function keptPage(memory: Memory, page: number): Uint8Array {
  const live = livePage(memory, page);
  if (page >= memory.start / PAGE_SIZE) return live;
  block.set(live);
  settleBlock(new Int32Array(block.buffer));
  return block;
}

/** Pages that are allocated together: many small buffers cost the host more than what they hold. */
const SLAB = 16;

function createSlabs(): (page: Uint8Array) => Uint8Array {
  let slab = new Uint8Array(0);
  return (page) => {
    if (slab.length === 0) slab = new Uint8Array(SLAB * PAGE_SIZE);
    const copy = slab.subarray(0, PAGE_SIZE);
    slab = slab.subarray(PAGE_SIZE);
    copy.set(page);
    return copy;
  };
}

/** Memory as it is. */
export function copyMemory(memory: Memory): MemoryCopy {
  const base = baseOf(memory);
  const keep = createSlabs();
  const changed = new Map<number, Uint8Array>();
  for (const page of suspects(memory)) {
    const kept = keptPage(memory, page);
    if (areEqual(kept, pageOf(base, page))) continue;
    changed.set(page, areEqual(kept, ZERO_PAGE) ? ZERO_PAGE : keep(kept));
  }
  const copy = withPages(base, changed);
  bases.set(memory, copy);
  return copy;
}

/** Puts a copy back into a memory of its size; what has been decoded stays where nothing changes. */
export function restoreMemory(memory: Memory, copy: MemoryCopy): void {
  const base = baseOf(memory);
  const pages = new Set(suspects(memory));
  forEachDifference(copy, base, (page) => pages.add(page));
  for (const page of pages) {
    const live = livePage(memory, page);
    const saved = pageOf(copy, page);
    if (areEqual(live, saved)) continue;
    live.set(saved);
    const at = page * PAGE_SIZE - memory.start;
    if (at >= 0) forgetDecoded(memory, at, PAGE_SIZE);
  }
  takeWritten(memory);
  bases.set(memory, copy);
}

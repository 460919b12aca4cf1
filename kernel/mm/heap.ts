/**
 * kmalloc: power-of-two blocks up to half a page, several of one size on a page, and whole pages above; addresses are the
 * direct map's. What is known of a block is bits in arrays by page, so that millions of small blocks cost the host little.
 */
import { forgetDecoded } from '../../cpu/memory.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { PAGE_OFFSET } from '../layout/address-map.ts';
import { allocateContiguous, allocatePage, directMap, releasePage } from './physical.ts';

const { PAGE_SIZE } = constants;
const SMALLEST_SHIFT = 4;
const PAGE_SHIFT = 12;
const LARGEST_SLAB = PAGE_SIZE / 2;
/** words of 32 bits that say which blocks of a page are in use, at most 256 */
const WORDS = PAGE_SIZE / (1 << SMALLEST_SHIFT) / 32;
const FEWEST_PAGES = 1024;

/** Arrays by page number grow with the pages that are in use; page 0 is none. */
export interface Heap {
  /** log2 of the size of the page's blocks; PAGE_SHIFT of the first page of a larger block; 0 of what is no heap's */
  shifts: Uint8Array;
  /** blocks of the page that are in use; of a larger block: its pages */
  counts: Uint32Array;
  /** a bit a block, WORDS words a page: in use */
  used: Uint32Array;
  /** neighbours in the list of pages of one size that have a free block */
  next: Uint32Array;
  previous: Uint32Array;
  /** the first page of that list, by log2 of the size */
  readonly partial: number[];
  /** larger blocks that are free: physical addresses by size, two pages or more */
  readonly free: Map<number, number[]>;
  /** in use */
  blocks: number;
}

export function createHeap(): Heap {
  return {
    shifts: new Uint8Array(FEWEST_PAGES),
    counts: new Uint32Array(FEWEST_PAGES),
    used: new Uint32Array(FEWEST_PAGES * WORDS),
    next: new Uint32Array(FEWEST_PAGES),
    previous: new Uint32Array(FEWEST_PAGES),
    partial: Array.from({ length: PAGE_SHIFT }, () => 0),
    free: new Map(),
    blocks: 0,
  };
}

/** The array in a longer one. */
function grown<Numbers extends Uint8Array | Uint32Array>(old: Numbers, length: number): Numbers {
  const array = new (old.constructor as new (length: number) => Numbers)(length);
  array.set(old);
  return array;
}

function makeRoom(heap: Heap, page: number): void {
  let { length } = heap.shifts;
  if (page < length) return;
  while (length <= page) length *= 2;
  heap.shifts = grown(heap.shifts, length);
  heap.counts = grown(heap.counts, length);
  heap.used = grown(heap.used, length * WORDS);
  heap.next = grown(heap.next, length);
  heap.previous = grown(heap.previous, length);
}

/** log2 of the size of the blocks that hold `size` bytes, at most half a page. */
const shiftOf = (size: number): number => Math.max(SMALLEST_SHIFT, 32 - Math.clz32(size - 1));

const pagesOf = (size: number): number => Math.ceil(size / PAGE_SIZE);

/** Bytes of the block that `kmalloc` gives for `size`: ksize. */
export const blockSizeFor = (size: number): number =>
  size > LARGEST_SLAB ? pagesOf(size) * PAGE_SIZE : 1 << shiftOf(Math.max(1, size));

function putFirst({ next, previous, partial }: Heap, page: number, shift: number): void {
  const first = partial[shift]!;
  next[page] = first;
  previous[page] = 0;
  if (first !== 0) previous[first] = page;
  partial[shift] = page;
}

function takeOut({ next, previous, partial }: Heap, page: number, shift: number): void {
  const before = previous[page]!;
  const after = next[page]!;
  if (before === 0) partial[shift] = after;
  else next[before] = after;
  if (after !== 0) previous[after] = before;
}

/** Marks the lowest free block of a page that has one; its number. */
function takeBlock({ used }: Heap, page: number): number {
  for (let at = page * WORDS; ; at++) {
    const word = ~used[at]!;
    if (word === 0) continue;
    const bit = 31 - Math.clz32(word & -word);
    used[at]! |= 1 << bit;
    return (at - page * WORDS) * 32 + bit;
  }
}

function allocateSmall(kernel: Kernel, shift: number): number {
  const { heap } = kernel;
  let page = heap.partial[shift]!;
  const fresh = page === 0;
  if (fresh) {
    page = allocatePage(kernel) / PAGE_SIZE;
    makeRoom(heap, page);
    heap.shifts[page] = shift;
    heap.counts[page] = 0;
    heap.used.fill(0, page * WORDS, (page + 1) * WORDS);
    putFirst(heap, page, shift);
  }
  const physical = page * PAGE_SIZE + (takeBlock(heap, page) << shift);
  if (++heap.counts[page]! === PAGE_SIZE >> shift) takeOut(heap, page, shift);
  if (!fresh) {
    kernel.memory.bytes.fill(0, physical, physical + (1 << shift));
    forgetDecoded(kernel.memory, physical, 1 << shift);
  }
  return physical;
}

function allocateLarge(kernel: Kernel, pages: number): number {
  const { heap } = kernel;
  const size = pages * PAGE_SIZE;
  let physical = heap.free.get(size)?.pop();
  if (physical === undefined) physical = allocateContiguous(kernel, pages);
  else {
    kernel.memory.bytes.fill(0, physical, physical + size);
    forgetDecoded(kernel.memory, physical, size);
  }
  const page = physical / PAGE_SIZE;
  makeRoom(heap, page);
  heap.shifts[page] = PAGE_SHIFT;
  heap.counts[page] = pages;
  return physical;
}

/** A zeroed block of at least `size` bytes (1 byte to 2 GiB), 16-byte aligned; pages are page-aligned. ENOMEM. */
export function kmalloc(kernel: Kernel, size: number): bigint {
  if (!Number.isSafeInteger(size) || size < 0 || size > kernel.memory.size) fail('ENOMEM');
  const physical =
    size > LARGEST_SLAB ? allocateLarge(kernel, pagesOf(size)) : allocateSmall(kernel, shiftOf(Math.max(1, size)));
  kernel.heap.blocks++;
  return directMap(physical);
}

/** The size of the block that begins at a physical address; undefined for what is none, or free. */
export function blockSizeAt({ shifts, counts, used }: Heap, physical: number): number | undefined {
  const page = Math.floor(physical / PAGE_SIZE);
  const shift = shifts[page];
  if (shift === undefined || shift === 0) return undefined;
  const offset = physical - page * PAGE_SIZE;
  if (shift === PAGE_SHIFT) return offset === 0 ? counts[page]! * PAGE_SIZE : undefined;
  const block = offset >> shift;
  if (block << shift !== offset) return undefined;
  return (used[page * WORDS + (block >> 5)]! & (1 << (block & 31))) === 0 ? undefined : 1 << shift;
}

/** The block in use around a physical address. */
export function blockAround(
  heap: Heap,
  physical: number,
): { readonly start: number; readonly size: number } | undefined {
  const page = Math.floor(physical / PAGE_SIZE);
  const shift = heap.shifts[page];
  if (shift !== undefined && shift > 0 && shift < PAGE_SHIFT) {
    const start = physical - (physical % (1 << shift));
    const size = blockSizeAt(heap, start);
    return size === undefined ? undefined : { start, size };
  }
  for (let first = Math.min(page, heap.shifts.length - 1); first > 0; first--) {
    if (heap.shifts[first] !== PAGE_SHIFT) continue;
    const size = heap.counts[first]! * PAGE_SIZE;
    return physical < first * PAGE_SIZE + size ? { start: first * PAGE_SIZE, size } : undefined;
  }
  return undefined;
}

function freeSmall(kernel: Kernel, physical: number, shift: number): void {
  const { heap } = kernel;
  const page = Math.floor(physical / PAGE_SIZE);
  const block = (physical % PAGE_SIZE) >> shift;
  heap.used[page * WORDS + (block >> 5)]! &= ~(1 << (block & 31));
  const count = heap.counts[page]!--;
  if (count === PAGE_SIZE >> shift) putFirst(heap, page, shift);
  const alone = heap.partial[shift] === page && heap.next[page] === 0;
  // one page of each size stays, for the next block
  if (count > 1 || alone) return;
  takeOut(heap, page, shift);
  heap.shifts[page] = 0;
  releasePage(kernel, page * PAGE_SIZE);
}

function freeLarge(kernel: Kernel, physical: number, size: number): void {
  const { heap } = kernel;
  heap.shifts[physical / PAGE_SIZE] = 0;
  if (size === PAGE_SIZE) return releasePage(kernel, physical);
  const list = heap.free.get(size);
  if (list === undefined) heap.free.set(size, [physical]);
  else list.push(physical);
}

/** Gives back what `kmalloc` gave; anything else is ignored. */
export function kfree(kernel: Kernel, address: bigint): void {
  const { heap } = kernel;
  const physical = Number(address - PAGE_OFFSET);
  const size = blockSizeAt(heap, physical);
  if (size === undefined) return;
  heap.blocks--;
  const shift = heap.shifts[Math.floor(physical / PAGE_SIZE)]!;
  if (shift === PAGE_SHIFT) freeLarge(kernel, physical, size);
  else freeSmall(kernel, physical, shift);
}

/** Physical pages: a bump pointer, a free list, and a reference count each (copy-on-write shares pages). */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { forgetDecoded } from '../../cpu/memory.ts';
import { constants } from '../layout/constants.ts';
import { PAGE_OFFSET } from '../layout/address-map.ts';

const { PAGE_SIZE } = constants;

export interface PhysicalPages {
  /** references by page number; 0 is free */
  readonly references: Uint32Array;
  /** page numbers that were used and freed */
  readonly free: number[];
  /** first page number never used */
  next: number;
  /** bytes that kernel objects occupy outside guest memory: see charge.ts */
  charged: number;
}

/** `reserved` bytes at the bottom are never handed out. */
export function createPhysicalPages(memorySize: number, reserved: number): PhysicalPages {
  const references = new Uint32Array(memorySize / PAGE_SIZE);
  return { references, free: [], next: Math.ceil(reserved / PAGE_SIZE), charged: 0 };
}

/** A zeroed page's physical address; ENOMEM. */
export function allocatePage(kernel: Kernel): number {
  const { pages } = kernel;
  if (freePages(kernel) < 1) fail('ENOMEM');
  const recycled = pages.free.pop();
  const page = recycled ?? pages.next++;
  pages.references[page] = 1;
  const physical = page * PAGE_SIZE;
  if (recycled !== undefined) {
    kernel.memory.bytes.fill(0, physical, physical + PAGE_SIZE);
    forgetDecoded(kernel.memory, physical, PAGE_SIZE);
  }
  return physical;
}

/** `count` zeroed pages in a row; ENOMEM. */
export function allocateContiguous(kernel: Kernel, count: number): number {
  const { pages } = kernel;
  if (count === 1) return allocatePage(kernel);
  if (pages.next + count > pages.references.length || freePages(kernel) < count) fail('ENOMEM');
  const first = pages.next;
  pages.next += count;
  pages.references.fill(1, first, first + count);
  return first * PAGE_SIZE;
}

export function sharePage(kernel: Kernel, physical: number): void {
  kernel.pages.references[physical / PAGE_SIZE]!++;
}

export function pageReferences(kernel: Kernel, physical: number): number {
  return kernel.pages.references[physical / PAGE_SIZE]!;
}

/** Drops a reference; the last one frees the page. */
export function releasePage(kernel: Kernel, physical: number): void {
  const page = physical / PAGE_SIZE;
  if (--kernel.pages.references[page]! === 0) kernel.pages.free.push(page);
}

/** Pages that `allocatePage` can still give. */
export function freePages({ pages }: Kernel): number {
  const free = pages.references.length - pages.next + pages.free.length;
  return Math.max(0, free - Math.ceil(pages.charged / PAGE_SIZE));
}

/** The direct map's address of a physical one. */
export const directMap = (physical: number): bigint => PAGE_OFFSET + BigInt(physical);

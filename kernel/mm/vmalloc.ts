/** Page-mapped kernel memory with an unmapped page on either side: Rex stacks, extension images, instruction slots. */
import { Pte } from '../../cpu/paging.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { entryAddress, readEntry, writeEntry } from './page-tables.ts';
import { allocatePage, releasePage, sharePage } from './physical.ts';

const PAGE = BigInt(constants.PAGE_SIZE);

export interface VirtualArea {
  readonly start: bigint;
  readonly end: bigint;
  /** allocations: address to bytes, whole pages */
  readonly blocks: Map<bigint, number>;
  /** those whose pages appear when they are touched: address to bytes */
  readonly lazy: Map<bigint, number>;
}

const permissionBits = { r: Pte.noExecute, rw: Pte.write | Pte.noExecute, rx: 0n } as const;

/** The lowest gap that holds `pages` and a guard page before and after. */
function findGap(area: VirtualArea, pages: bigint): bigint {
  let at = area.start + PAGE;
  for (const [start, size] of [...area.blocks].sort((left, right) => (left[0] < right[0] ? -1 : 1))) {
    if (start - at >= (pages + 1n) * PAGE) break;
    at = start + BigInt(size) + PAGE;
  }
  if (at + (pages + 1n) * PAGE > area.end) fail('ENOMEM');
  return at;
}

/** A free range of whole pages for `size` bytes, counted as allocated. ENOMEM. */
function reserve(area: VirtualArea, size: number): bigint {
  const pages = Math.max(1, Math.ceil(size / constants.PAGE_SIZE));
  const address = findGap(area, BigInt(pages));
  area.blocks.set(address, pages * constants.PAGE_SIZE);
  return address;
}

/**
 * Address space whose pages appear zeroed at the first touch: by an instruction (exc_page_fault), or by a native
 * function's write. What was never touched reads as zeros and costs nothing. ENOMEM when the range does not fit.
 */
export function vmallocLazy(kernel: Kernel, size: number): bigint {
  const address = reserve(kernel.vmalloc, size);
  kernel.vmalloc.lazy.set(address, kernel.vmalloc.blocks.get(address)!);
  return address;
}

/** Whether `address` is in a range of `vmallocLazy`. */
export function isLazy(kernel: Kernel, address: bigint): boolean {
  for (const [start, size] of kernel.vmalloc.lazy) {
    if (address >= start && address < start + BigInt(size)) return true;
  }
  return false;
}

/** The page at `address` of a lazy range, as a physical address; undefined elsewhere. ENOMEM. */
export function touchLazyPage(kernel: Kernel, address: bigint): number | undefined {
  if (!isLazy(kernel, address)) return undefined;
  const entry = readEntry(kernel, kernel.swapperPgDir, address);
  if ((entry & Pte.present) !== 0n) return Number(entry & Pte.address);
  const physical = allocatePage(kernel);
  try {
    writeEntry(kernel, kernel.swapperPgDir, address, BigInt(physical) | Pte.present | permissionBits.rw);
  } catch (error) {
    releasePage(kernel, physical);
    throw error;
  }
  return physical;
}

/** vmap: physical pages in a row at a new address, a reference each more; `vfree` takes both back. ENOMEM. */
export function vmap(kernel: Kernel, pages: readonly number[]): bigint {
  const address = reserve(kernel.vmalloc, pages.length * constants.PAGE_SIZE);
  try {
    pages.forEach((physical, n) => {
      const entry = BigInt(physical) | Pte.present | permissionBits.rw;
      writeEntry(kernel, kernel.swapperPgDir, address + BigInt(n) * PAGE, entry);
      sharePage(kernel, physical);
    });
  } catch (error) {
    vfree(kernel, address);
    throw error;
  }
  return address;
}

/** Zeroed, readable and writable, not executable. `size` in bytes is rounded up to pages. ENOMEM. */
export function vmalloc(kernel: Kernel, which: 'vmalloc' | 'modules', size: number): bigint {
  const address = reserve(kernel[which], size);
  const pages = kernel[which].blocks.get(address)! / constants.PAGE_SIZE;
  let mapped = 0n;
  try {
    for (; mapped < pages; mapped++) {
      const entry = BigInt(allocatePage(kernel)) | Pte.present | permissionBits.rw;
      writeEntry(kernel, kernel.swapperPgDir, address + mapped * PAGE, entry);
    }
  } catch (error) {
    vfree(kernel, address);
    throw error;
  }
  return address;
}

/** set_memory_ro / rw / x: for whole pages that `vmalloc` mapped. */
export function setMemory(kernel: Kernel, address: bigint, size: number, permissions: 'r' | 'rw' | 'rx'): void {
  for (let at = address & ~(PAGE - 1n); at < address + BigInt(size); at += PAGE) {
    const entry = readEntry(kernel, kernel.swapperPgDir, at);
    if ((entry & Pte.present) === 0n) continue;
    writeEntry(kernel, kernel.swapperPgDir, at, (entry & Pte.address) | Pte.present | permissionBits[permissions]);
  }
}

export function vfree(kernel: Kernel, address: bigint): void {
  const area = kernel.vmalloc.blocks.has(address) ? kernel.vmalloc : kernel.modules;
  const size = area.blocks.get(address);
  if (size === undefined) return;
  area.blocks.delete(address);
  area.lazy.delete(address);
  for (let at = address; at < address + BigInt(size);) {
    if (entryAddress(kernel, kernel.swapperPgDir, at, false) === undefined) {
      at = ((at >> 21n) + 1n) << 21n; // no table: to the next 2 MiB
      continue;
    }
    const entry = readEntry(kernel, kernel.swapperPgDir, at);
    if ((entry & Pte.present) !== 0n) {
      writeEntry(kernel, kernel.swapperPgDir, at, 0n);
      releasePage(kernel, Number(entry & Pte.address));
    }
    at += PAGE;
  }
}

/** Page-mapped kernel memory with an unmapped page on either side: Rex stacks, extension images, instruction slots. */
import { Pte } from '../../cpu/paging.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { charge, uncharge } from './charge.ts';
import { clearEntries, flushRange, forEachEntry, readEntry, setEntry, writeEntry } from './page-tables.ts';
import { allocatePage, releasePage, sharePage } from './physical.ts';
import { createRanges, insertRange, lowestGap, rangeAt, removeRange, type Range, type RangeList } from './ranges.ts';

const PAGE = BigInt(constants.PAGE_SIZE);

export interface VirtualArea {
  readonly start: bigint;
  readonly end: bigint;
  readonly blocks: RangeList<Block>;
  /** how many of them are lazy */
  lazy: number;
}

/** An allocation, with the unmapped page behind it. */
interface Block extends Range {
  /** its pages appear when they are touched */
  readonly lazy: boolean;
}

/** What an allocation keeps of the host's memory, bytes. */
const BLOCK_CHARGE = 192;

export function createVirtualArea(start: bigint, size: bigint): VirtualArea {
  return { start, end: start + size, blocks: createRanges(), lazy: 0 };
}

/** The allocation that `address` lies in, without the page behind it. */
export function blockAt(area: VirtualArea, address: bigint): Block | undefined {
  const block = rangeAt(area.blocks, address);
  return block !== undefined && address < block.end - PAGE ? block : undefined;
}

const permissionBits = { r: Pte.noExecute, rw: Pte.write | Pte.noExecute, rx: 0n } as const;

/** A free range of whole pages for `size` bytes, with a page before and after, counted as allocated. ENOMEM. */
function reserve(kernel: Kernel, area: VirtualArea, size: number, lazy = false): Block {
  const length = BigInt(Math.max(1, Math.ceil(size / constants.PAGE_SIZE)) + 1) * PAGE;
  const start = lowestGap(area.blocks, length, area.start + PAGE, area.end) ?? fail('ENOMEM');
  charge(kernel, BLOCK_CHARGE);
  const block = { start, end: start + length, lazy };
  insertRange(area.blocks, block);
  if (lazy) area.lazy++;
  return block;
}

/**
 * Address space whose pages appear zeroed at the first touch: by an instruction (exc_page_fault), or by a native
 * function's write. What was never touched reads as zeros and costs nothing. ENOMEM when the range does not fit.
 */
export function vmallocLazy(kernel: Kernel, size: number): bigint {
  return reserve(kernel, kernel.vmalloc, size, true).start;
}

/** Whether `address` is in a range of `vmallocLazy`. */
export function isLazy({ vmalloc }: Kernel, address: bigint): boolean {
  return vmalloc.lazy > 0 && blockAt(vmalloc, address)?.lazy === true;
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
  const address = reserve(kernel, kernel.vmalloc, pages.length * constants.PAGE_SIZE).start;
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
  const { start, end } = reserve(kernel, kernel[which], size);
  try {
    for (let at = start; at < end - PAGE; at += PAGE) {
      const physical = allocatePage(kernel);
      try {
        writeEntry(kernel, kernel.swapperPgDir, at, BigInt(physical) | Pte.present | permissionBits.rw);
      } catch (error) {
        releasePage(kernel, physical);
        throw error;
      }
    }
  } catch (error) {
    vfree(kernel, start);
    throw error;
  }
  return start;
}

/** set_memory_ro / rw / x: for whole pages that `vmalloc` mapped. */
export function setMemory(kernel: Kernel, address: bigint, size: number, permissions: 'r' | 'rw' | 'rx'): void {
  const start = address & ~(PAGE - 1n);
  const end = (address + BigInt(size) + PAGE - 1n) & ~(PAGE - 1n);
  forEachEntry(kernel, kernel.swapperPgDir, start, end, (at) => {
    const entry = kernel.memory.view.getBigUint64(at, true);
    if ((entry & Pte.present) === 0n) return;
    setEntry(kernel, at, (entry & Pte.address) | Pte.present | permissionBits[permissions]);
  });
  flushRange(kernel, start, end);
}

/** Gives back what `vmalloc`, `vmallocLazy` or `vmap` gave; anything else is ignored. */
export function vfree(kernel: Kernel, address: bigint): void {
  const area = blockAt(kernel.vmalloc, address) === undefined ? kernel.modules : kernel.vmalloc;
  const block = blockAt(area, address);
  if (block?.start !== address) return;
  removeRange(area.blocks, block);
  uncharge(kernel, BLOCK_CHARGE);
  if (block.lazy) area.lazy--;
  clearEntries(kernel, kernel.swapperPgDir, block.start, block.end);
  flushRange(kernel, block.start, block.end);
}

/** Page-mapped kernel memory with an unmapped page on either side: Rex stacks, extension images, instruction slots. */
import { Pte } from '../../cpu/paging.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readEntry, writeEntry } from './page-tables.ts';
import { allocatePage, releasePage } from './physical.ts';

const PAGE = BigInt(constants.PAGE_SIZE);

export interface VirtualArea {
  readonly start: bigint;
  readonly end: bigint;
  /** allocations: address to bytes, whole pages */
  readonly blocks: Map<bigint, number>;
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

/** Zeroed, readable and writable, not executable. `size` in bytes is rounded up to pages. ENOMEM. */
export function vmalloc(kernel: Kernel, which: 'vmalloc' | 'modules', size: number): bigint {
  const area = kernel[which];
  const pages = Math.max(1, Math.ceil(size / constants.PAGE_SIZE));
  const address = findGap(area, BigInt(pages));
  area.blocks.set(address, pages * constants.PAGE_SIZE);
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
  for (let at = address; at < address + BigInt(size); at += PAGE) {
    const entry = readEntry(kernel, kernel.swapperPgDir, at);
    if ((entry & Pte.present) === 0n) continue;
    writeEntry(kernel, kernel.swapperPgDir, at, 0n);
    releasePage(kernel, Number(entry & Pte.address));
  }
}

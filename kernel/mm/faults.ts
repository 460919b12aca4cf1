/** Demand paging: the page at an address appears when it is touched. */
import { forgetDecoded, PAGE_SIZE } from '../../cpu/memory.ts';
import { flushPage, Pte } from '../../cpu/paging.ts';
import { Errno } from '../errno.ts';
import { contentPage, existingPage } from '../fs/content.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import { entryBits } from './address-space.ts';
import { findArea, growStack, isShared, offsetAt, pageFloor, Protection } from './areas.ts';
import { entryAddress, setEntry } from './page-tables.ts';
import { allocatePage, pageReferences, releasePage, sharePage } from './physical.ts';
import { sharedPage } from './shared-memory.ts';
import type { AddressSpace, MappedFile, Vma } from './types.ts';

type Access = 'read' | 'write' | 'execute';

/** A new page with the content of another one. ENOMEM. */
function copyPage(kernel: Kernel, from: number): number {
  const physical = allocatePage(kernel);
  kernel.memory.bytes.copyWithin(physical, from, from + PAGE_SIZE);
  forgetDecoded(kernel.memory, physical, PAGE_SIZE);
  return physical;
}

/**
 * filemap_fault: the file's own page, which a private mapping has only until it writes; undefined past the end of the file.
 * ENOMEM.
 */
function filePage(kernel: Kernel, area: Vma, file: MappedFile, page: bigint, access: Access): number | undefined {
  const inode = kernel.fileSystem.inodes.get(file.inode);
  const offset = offsetAt(area, file.offset, page);
  if (inode === undefined || offset >= inode.size) return undefined;
  const index = offset / PAGE_SIZE;
  if (access === 'write' && !isShared(area)) {
    const existing = existingPage(inode, index);
    return existing === undefined ? allocatePage(kernel) : copyPage(kernel, existing);
  }
  const physical = contentPage(kernel, inode, index);
  sharePage(kernel, physical);
  return physical;
}

/** A page for an address of `area` that has none yet, with a reference; undefined: SIGBUS. ENOMEM. */
function newPage(kernel: Kernel, area: Vma, page: bigint, access: Access): number | undefined {
  const { file, shared } = area;
  if (shared !== undefined) return sharedPage(kernel, shared.object, offsetAt(area, shared.offset, page));
  return file === undefined ? allocatePage(kernel) : filePage(kernel, area, file, page, access);
}

/** Puts the page into its entry, which is at `at`. */
function resolveFault(kernel: Kernel, area: Vma, page: bigint, at: number, access: Access): 'done' | 'bus-error' {
  const old = Number(kernel.memory.view.getBigUint64(at, true) & Pte.address);
  let physical: number | undefined = old;
  if (old === 0) physical = newPage(kernel, area, page, access);
  else if (access === 'write' && !isShared(area) && pageReferences(kernel, old) > 1) {
    physical = copyPage(kernel, old);
    releasePage(kernel, old);
  }
  if (physical === undefined) return 'bus-error';
  const exclusive = isShared(area) || pageReferences(kernel, physical) === 1;
  setEntry(kernel, at, BigInt(physical) | entryBits(area, exclusive));
  for (const cpu of kernel.cpus) flushPage(cpu, page);
  return 'done';
}

/**
 * handle_mm_fault: makes the page at `address` accessible if its area allows the access. Anonymous pages appear zeroed, a file's as
 * they are in the file; shared pages are copied before the first write. `bad-area` is SEGV_MAPERR, `bad-access` SEGV_ACCERR,
 * `bus-error` SIGBUS.
 */
export function handleMmFault(
  kernel: Kernel,
  space: AddressSpace,
  address: bigint,
  access: Access,
): 'done' | 'bad-area' | 'bad-access' | 'bus-error' | 'no-memory' {
  if (address >= TASK_SIZE_MAX) return 'bad-area';
  const area = findArea(space, address) ?? growStack(space, address);
  if (area === undefined) return 'bad-area';
  // on x86 a writable page is readable
  const allowed = area.protection | ((area.protection & Protection.write) !== 0 ? Protection.read : 0);
  if ((allowed & Protection[access]) === 0) return 'bad-access';
  const page = pageFloor(address);
  try {
    return resolveFault(kernel, area, page, entryAddress(kernel, space.pageTable, page, true)!, access);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return 'no-memory';
  }
}

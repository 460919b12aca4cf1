/** A process's memory, and what mmap's family and fork do to it. */
import { forgetDecoded, PAGE_SIZE } from '../../cpu/memory.ts';
import { flushTlb, Pte } from '../../cpu/paging.ts';
import { fail } from '../errno.ts';
import { allowWriteAccess, denyWriteAccess, holdInode, releaseInode } from '../fs/inode-uses.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import {
  AREA_CHARGE,
  cutAreas,
  findArea,
  holdSource,
  isShared,
  protectArea,
  Protection,
  releaseSource,
} from './areas.ts';
import { charge, uncharge } from './charge.ts';
import { clearEntries, copyEntries, flushRange, forEachEntry, pageOfEntry, setEntry } from './page-tables.ts';
import { allocatePage, pageReferences, releasePage } from './physical.ts';
import { allRanges, copyRanges, createRanges } from './ranges.ts';
import type { AddressSpace, Vma } from './types.ts';

/** An empty one; the kernel half of its page table is the kernel's own. ENOMEM. */
export function createAddressSpace(kernel: Kernel): AddressSpace {
  const pageTable = allocatePage(kernel);
  const upper = kernel.memory.bytes.subarray(kernel.swapperPgDir + 2048, kernel.swapperPgDir + 4096);
  kernel.memory.bytes.set(upper, pageTable + 2048);
  forgetDecoded(kernel.memory, pageTable, PAGE_SIZE);
  const space: AddressSpace = {
    id: kernel.nextId.addressSpace++,
    pageTable,
    areas: createRanges(),
    brkStart: 0n,
    brk: 0n,
    references: 1,
    program: undefined,
  };
  kernel.addressSpaces.set(space.id, space);
  return space;
}

export function releaseAddressSpace(kernel: Kernel, id: number): void {
  const space = kernel.addressSpaces.get(id);
  if (space === undefined || --space.references > 0) return;
  clearEntries(kernel, space.pageTable, 0n, TASK_SIZE_MAX);
  releasePage(kernel, space.pageTable);
  for (const area of allRanges(space.areas)) releaseSource(kernel, space, area);
  uncharge(kernel, AREA_CHARGE * space.areas.count);
  setProgram(kernel, space, undefined);
  kernel.addressSpaces.delete(id);
}

/** set_mm_exe_file: what the address space executes. ETXTBSY while somebody has it open for writing. */
export function setProgram(kernel: Kernel, space: AddressSpace, program: number | undefined): void {
  if (program !== undefined) {
    denyWriteAccess(kernel, program);
    holdInode(kernel, program);
  }
  if (space.program !== undefined) {
    allowWriteAccess(kernel, space.program);
    releaseInode(kernel, space.program);
  }
  space.program = program;
}

/** munmap: [start, end) of whole pages. ENOMEM for a hole in an area when there are too many. */
export function unmap(kernel: Kernel, space: AddressSpace, start: bigint, end: bigint): void {
  for (const area of cutAreas(kernel, space, start, end)) {
    clearEntries(kernel, space.pageTable, area.start, area.end);
    flushRange(kernel, area.start, area.end);
    releaseSource(kernel, space, area);
  }
}

/** Entry bits for a user page of `area`: writable only when nobody else has the page. */
export function entryBits(area: Vma, exclusive: boolean): bigint {
  const { protection } = area;
  // PROT_NONE keeps the page: the address stays in an entry that is not present
  if (protection === 0) return Pte.noExecute;
  return (
    Pte.present |
    Pte.user |
    ((protection & Protection.write) !== 0 && exclusive ? Pte.write : 0n) |
    ((protection & Protection.execute) !== 0 ? 0n : Pte.noExecute)
  );
}

/** VM_MAYWRITE and the like: what mprotect may grant. */
function mostProtection(kernel: Kernel, area: Vma): number {
  if (area.shared !== undefined) return kernel.sharedMemory.get(area.shared.object)?.maxProtection ?? 7;
  return area.file !== undefined && isShared(area) && !area.file.writes ? 7 & ~Protection.write : 7;
}

/** mprotect, area by area up to what is not mapped (ENOMEM) or what a shared file does not allow (EACCES). */
export function protect(kernel: Kernel, space: AddressSpace, start: bigint, end: bigint, protection: number): void {
  for (let at = start; at < end;) {
    const area = findArea(space, at);
    if (area === undefined) return fail('ENOMEM');
    if ((protection & ~mostProtection(kernel, area)) !== 0) fail('EACCES');
    at = area.end;
    if (area.protection === protection) continue;
    const changed = protectArea(kernel, space, area, start, end, protection);
    forEachEntry(kernel, space.pageTable, changed.start, changed.end, (entry) => {
      const physical = pageOfEntry(kernel, entry);
      const exclusive = isShared(changed) || pageReferences(kernel, physical) === 1;
      setEntry(kernel, entry, BigInt(physical) | entryBits(changed, exclusive));
    });
    flushRange(kernel, changed.start, changed.end);
  }
}

/** fork: a copy whose private pages are shared until one side writes. ENOMEM. */
export function copyAddressSpace(kernel: Kernel, space: AddressSpace): AddressSpace {
  const copy = createAddressSpace(kernel);
  copy.brkStart = space.brkStart;
  copy.brk = space.brk;
  try {
    charge(kernel, AREA_CHARGE * space.areas.count);
    copy.areas = copyRanges(space.areas);
    for (const area of allRanges(copy.areas)) holdSource(kernel, copy, area);
    setProgram(kernel, copy, space.program);
    for (const area of allRanges(copy.areas)) {
      copyEntries(kernel, space.pageTable, copy.pageTable, area.start, area.end, !isShared(area));
    }
  } catch (error) {
    releaseAddressSpace(kernel, copy.id);
    throw error;
  } finally {
    for (const cpu of kernel.cpus) flushTlb(cpu);
  }
  return copy;
}

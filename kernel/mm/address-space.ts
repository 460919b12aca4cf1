/** A process's memory: its areas, what mmap and its family do to them, copy-on-write. */
import { forgetDecoded, PAGE_SIZE } from '../../cpu/memory.ts';
import { flushTlb, Pte } from '../../cpu/paging.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import { entryAddress, forEachUserPage, freeUserTables, readEntry, writeEntry } from './page-tables.ts';
import { allocatePage, pageReferences, releasePage, sharePage } from './physical.ts';
import { sharedPage, sweepSharedMemory } from './shared-memory.ts';
import type { AddressSpace, Vma } from './types.ts';

export const PAGE = 4096n;
export const Protection = { read: 1, write: 2, execute: 4 } as const;
export const MapFlag = {
  shared: 1,
  private: 2,
  fixed: 0x10,
  anonymous: 0x20,
  growsDown: 0x100,
  fixedNoReplace: 0x100000,
} as const;
/** mmap without an address searches downwards from here. */
const MMAP_BASE = 0x7fff_f7ff_f000n;
const MMAP_LOWEST = 0x1_0000n;
/** sysctl vm.max_map_count */
const MAX_AREAS = 65530;
/** How far below its lowest page a stack may be touched, as the default RLIMIT_STACK. */
export const STACK_LIMIT = 8n << 20n;

export const pageFloor = (address: bigint): bigint => address & ~(PAGE - 1n);
export const pageCeiling = (address: bigint): bigint => (address + PAGE - 1n) & ~(PAGE - 1n);

/** An empty one; the kernel half of its page table is the kernel's own. */
export function createAddressSpace(kernel: Kernel): AddressSpace {
  const pageTable = allocatePage(kernel);
  const upper = kernel.memory.bytes.subarray(kernel.swapperPgDir + 2048, kernel.swapperPgDir + 4096);
  kernel.memory.bytes.set(upper, pageTable + 2048);
  forgetDecoded(kernel.memory, pageTable, PAGE_SIZE);
  const space: AddressSpace = {
    id: kernel.nextId.addressSpace++,
    pageTable,
    areas: [],
    brkStart: 0n,
    brk: 0n,
    references: 1,
  };
  kernel.addressSpaces.set(space.id, space);
  return space;
}

export function releaseAddressSpace(kernel: Kernel, id: number): void {
  const space = kernel.addressSpaces.get(id);
  if (space === undefined || --space.references > 0) return;
  kernel.addressSpaces.delete(id);
  forEachUserPage(kernel, space.pageTable, (_, entry) => releasePage(kernel, Number(entry & Pte.address)));
  freeUserTables(kernel, space.pageTable);
  if (space.areas.some((area) => area.shared !== undefined)) sweepSharedMemory(kernel);
}

export function findArea(space: AddressSpace, address: bigint): Vma | undefined {
  let low = 0;
  let high = space.areas.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const area = space.areas[middle]!;
    if (address < area.start) high = middle - 1;
    else if (address >= area.end) low = middle + 1;
    else return area;
  }
  return undefined;
}

/** Puts `area` in its place; adjacent anonymous areas of one kind become one. */
export function insertArea(space: AddressSpace, area: Vma): void {
  if (space.areas.length >= MAX_AREAS) fail('ENOMEM');
  const { areas } = space;
  let at = areas.findIndex((other) => other.start >= area.end);
  if (at < 0) at = areas.length;
  const before = areas[at - 1];
  const alike =
    before !== undefined &&
    before.end === area.start &&
    before.file === undefined &&
    area.file === undefined &&
    before.shared === undefined &&
    area.shared === undefined &&
    before.protection === area.protection &&
    before.flags === area.flags &&
    before.name === area.name;
  if (alike) areas[at - 1] = { ...before, end: area.end };
  else areas.splice(at, 0, area);
}

/** The part of `area` from `start` to `end`. */
function slice(area: Vma, start: bigint, end: bigint): Vma {
  const skipped = Number(start - area.start);
  const file = area.file && {
    data: area.file.data,
    offset: area.file.offset + skipped,
    length: Math.max(0, Math.min(area.file.length - skipped, Number(end - start))),
  };
  const shared = area.shared && { object: area.shared.object, offset: area.shared.offset + skipped };
  return { ...area, start, end, file, shared };
}

/** Takes [start, end) out of the area list and returns the pieces that were in it. */
function cutAreas(space: AddressSpace, start: bigint, end: bigint): Vma[] {
  const kept: Vma[] = [];
  const cut: Vma[] = [];
  for (const area of space.areas) {
    if (area.end <= start || area.start >= end) {
      kept.push(area);
      continue;
    }
    if (area.start < start) kept.push(slice(area, area.start, start));
    cut.push(slice(area, area.start > start ? area.start : start, area.end < end ? area.end : end));
    if (area.end > end) kept.push(slice(area, end, area.end));
  }
  space.areas.splice(0, space.areas.length, ...kept);
  return cut;
}

/** munmap: [start, end) of whole pages. */
export function unmap(kernel: Kernel, space: AddressSpace, start: bigint, end: bigint): void {
  const cut = cutAreas(space, start, end);
  for (const area of cut) {
    for (let at = area.start; at < area.end;) {
      const entryAt = entryAddress(kernel, space.pageTable, at, false);
      if (entryAt === undefined) {
        at = ((at >> 21n) + 1n) << 21n; // no table: to the next 2 MiB
        continue;
      }
      const entry = kernel.memory.view.getBigUint64(entryAt, true);
      if (entry !== 0n) {
        kernel.memory.view.setBigUint64(entryAt, 0n, true);
        forgetDecoded(kernel.memory, entryAt, 8);
        releasePage(kernel, Number(entry & Pte.address));
      }
      at += PAGE;
    }
  }
  for (const cpu of kernel.cpus) flushTlb(cpu);
  if (cut.some((area) => area.shared !== undefined)) sweepSharedMemory(kernel);
}

/** A page for an address of `area` that has none yet; undefined past the end of a shared file. ENOMEM. */
function newPage(kernel: Kernel, area: Vma, page: bigint): number | undefined {
  if (area.shared !== undefined) {
    return sharedPage(kernel, area.shared.object, area.shared.offset + Number(page - area.start));
  }
  const physical = allocatePage(kernel);
  fillFromFile(kernel, area, page, physical);
  return physical;
}

/** Entry bits for a user page of `area`: writable only when nobody else has the page. */
function entryBits(area: Vma, exclusive: boolean): bigint {
  const { protection } = area;
  if (protection === 0) return 0n;
  return (
    Pte.present |
    Pte.user |
    ((protection & Protection.write) !== 0 && exclusive ? Pte.write : 0n) |
    ((protection & Protection.execute) !== 0 ? 0n : Pte.noExecute)
  );
}

/** mprotect: every byte of [start, end) must be mapped (ENOMEM), and a shared file allow it (EACCES). */
export function protect(kernel: Kernel, space: AddressSpace, start: bigint, end: bigint, protection: number): void {
  for (let at = start; at < end;) {
    const area = findArea(space, at);
    if (area === undefined) return fail('ENOMEM');
    const most = area.shared === undefined ? 7 : (kernel.sharedMemory.get(area.shared.object)?.maxProtection ?? 7);
    if ((protection & ~most) !== 0) fail('EACCES');
    at = area.end;
  }
  for (const area of cutAreas(space, start, end)) {
    const changed = { ...area, protection };
    insertArea(space, changed);
    for (let at = area.start; at < area.end; at += PAGE) {
      const entry = readEntry(kernel, space.pageTable, at);
      const physical = Number(entry & Pte.address);
      if (physical === 0) continue;
      // PROT_NONE keeps the page: the address stays in an entry that is not present
      const exclusive = pageReferences(kernel, physical) === 1 || (area.flags & MapFlag.shared) !== 0;
      const bits = entryBits(changed, exclusive);
      writeEntry(kernel, space.pageTable, at, BigInt(physical) | (bits === 0n ? Pte.noExecute : bits));
    }
  }
}

/** A free range of `length` bytes below `MMAP_BASE`, highest first; ENOMEM. */
export function findFree(space: AddressSpace, length: bigint): bigint {
  let end = MMAP_BASE;
  for (let n = space.areas.length - 1; n >= 0; n--) {
    const area = space.areas[n]!;
    if (area.start >= end) continue;
    if (area.end + length <= end) break;
    end = area.start;
  }
  if (end - length < MMAP_LOWEST) fail('ENOMEM');
  return end - length;
}

/** Copies the file's bytes that `area` shows in the page at `address`. */
function fillFromFile(kernel: Kernel, area: Vma, address: bigint, physical: number): void {
  if (area.file === undefined) return;
  const skipped = Number(address - area.start);
  const length = Math.min(Number(PAGE), area.file.length - skipped);
  if (length <= 0) return;
  const from = area.file.offset + skipped;
  kernel.memory.bytes.set(area.file.data.subarray(from, from + length), physical);
  forgetDecoded(kernel.memory, physical, length);
}

/** Grows a stack area down to `address`. */
function growStack(space: AddressSpace, address: bigint): Vma | undefined {
  const at = space.areas.findIndex((area) => area.start > address && (area.flags & MapFlag.growsDown) !== 0);
  const area = space.areas[at];
  const below = space.areas[at - 1];
  if (area === undefined || area.end - address > STACK_LIMIT) return undefined;
  if (below !== undefined && below.end > pageFloor(address) - PAGE * 256n) return undefined;
  return (space.areas[at] = { ...area, start: pageFloor(address) });
}

/**
 * handle_mm_fault: makes the page at `address` accessible if its area allows the access. Anonymous pages appear zeroed,
 * file pages filled, shared pages are copied before the first write. `bad-area` is SEGV_MAPERR, `bad-access` SEGV_ACCERR,
 * `bus-error` SIGBUS.
 */
export function handleMmFault(
  kernel: Kernel,
  space: AddressSpace,
  address: bigint,
  access: 'read' | 'write' | 'execute',
): 'done' | 'bad-area' | 'bad-access' | 'bus-error' | 'no-memory' {
  if (address >= TASK_SIZE_MAX) return 'bad-area';
  const area = findArea(space, address) ?? growStack(space, address);
  if (area === undefined) return 'bad-area';
  const needed = Protection[access];
  // on x86 a writable page is readable
  const allowed = area.protection | ((area.protection & Protection.write) !== 0 ? Protection.read : 0);
  if ((allowed & needed) === 0) return 'bad-access';
  const page = pageFloor(address);
  const entry = readEntry(kernel, space.pageTable, page);
  const old = Number(entry & Pte.address);
  const shared = (area.flags & MapFlag.shared) !== 0;
  try {
    if (old === 0) {
      const physical = newPage(kernel, area, page);
      if (physical === undefined) return 'bus-error';
      writeEntry(kernel, space.pageTable, page, BigInt(physical) | entryBits(area, true));
    } else if (access === 'write' && !shared && pageReferences(kernel, old) > 1) {
      const physical = allocatePage(kernel);
      kernel.memory.bytes.copyWithin(physical, old, old + Number(PAGE));
      forgetDecoded(kernel.memory, physical, PAGE_SIZE);
      writeEntry(kernel, space.pageTable, page, BigInt(physical) | entryBits(area, true));
      releasePage(kernel, old);
    } else {
      writeEntry(
        kernel,
        space.pageTable,
        page,
        BigInt(old) | entryBits(area, shared || pageReferences(kernel, old) === 1),
      );
    }
  } catch {
    return 'no-memory';
  }
  return 'done';
}

/** fork: a copy whose private pages are shared until one side writes. */
export function copyAddressSpace(kernel: Kernel, space: AddressSpace): AddressSpace {
  const copy = createAddressSpace(kernel);
  copy.areas.push(...space.areas);
  copy.brkStart = space.brkStart;
  copy.brk = space.brk;
  const { view } = kernel.memory;
  try {
    forEachUserPage(kernel, space.pageTable, (address, entry, at) => {
      const area = findArea(space, address);
      const kept = area?.shared !== undefined ? entry : entry & ~Pte.write;
      const target = entryAddress(kernel, copy.pageTable, address, true)!;
      sharePage(kernel, Number(entry & Pte.address));
      view.setBigUint64(target, kept, true);
      view.setBigUint64(at, kept, true);
      forgetDecoded(kernel.memory, target, 8);
      forgetDecoded(kernel.memory, at, 8);
    });
  } catch (error) {
    releaseAddressSpace(kernel, copy.id);
    throw error;
  } finally {
    for (const cpu of kernel.cpus) flushTlb(cpu);
  }
  return copy;
}

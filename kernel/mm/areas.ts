/** The areas of an address space: their list, what they hold, what they cost. */
import { fail } from '../errno.ts';
import { holdMappedInode, releaseMappedInode } from '../fs/inode-uses.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import { charge, uncharge } from './charge.ts';
import {
  allRanges,
  highestGap,
  insertRange,
  rangeAt,
  rangeBelow,
  rangeFrom,
  rangesIn,
  removeRange,
  replaceRange,
} from './ranges.ts';
import { holdSharedMemory, releaseSharedMemory } from './shared-memory.ts';
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
/** What shared memory without a file is called. */
export const SHARED_ZEROS = '/dev/zero (deleted)';
/** mmap without an address searches downwards from here. */
const MMAP_BASE = 0x7fff_f7ff_f000n;
const MMAP_LOWEST = 0x1_0000n;
/** sysctl vm.max_map_count */
export const MAX_AREAS = 65530;
/** What an area keeps of the host's memory, bytes: its record, two bigints, its file and its place in a chunk. */
export const AREA_CHARGE = 288;
/** How far below its lowest page a stack may be touched, as the default RLIMIT_STACK. */
export const STACK_LIMIT = 8n << 20n;
/** sysctl vm.stack_guard_gap */
const STACK_GUARD = PAGE * 256n;

export const pageFloor = (address: bigint): bigint => address & ~(PAGE - 1n);
export const pageCeiling = (address: bigint): bigint => (address + PAGE - 1n) & ~(PAGE - 1n);

export const isShared = ({ flags }: Vma): boolean => (flags & MapFlag.shared) !== 0;

export const findArea = (space: AddressSpace, address: bigint): Vma | undefined => rangeAt(space.areas, address);

/** Those of a task, by address; none for a task without user memory. */
export function areasOf(kernel: Kernel, { addressSpace }: Task): Vma[] {
  const space = addressSpace === undefined ? undefined : kernel.addressSpaces.get(addressSpace);
  return space === undefined ? [] : [...allRanges(space.areas)];
}

/** The byte of its file or object that an area shows at `address`. */
export const offsetAt = ({ start }: Vma, offset: number, address: bigint): number => offset + Number(address - start);

/** What an area shows, a reference more: it is in a list of areas. */
export function holdSource(kernel: Kernel, space: AddressSpace, { file, shared }: Vma): void {
  if (file !== undefined) holdMappedInode(kernel, file, space.id);
  if (shared !== undefined) holdSharedMemory(kernel, shared.object);
}

export function releaseSource(kernel: Kernel, space: AddressSpace, { file, shared }: Vma): void {
  if (file !== undefined) releaseMappedInode(kernel, file, space.id);
  if (shared !== undefined) releaseSharedMemory(kernel, shared.object);
}

/** The part of `area` from `start` to `end`. */
function slice(area: Vma, start: bigint, end: bigint): Vma {
  const { file, shared } = area;
  return {
    ...area,
    start,
    end,
    file: file && { ...file, offset: offsetAt(area, file.offset, start) },
    shared: shared && { ...shared, offset: offsetAt(area, shared.offset, start) },
  };
}

/** Whether `after` begins where `before` ends, in memory and in what they show, and they are alike otherwise. */
function continues(before: Vma | undefined, after: Vma | undefined): boolean {
  if (before === undefined || after === undefined || before.end !== after.start) return false;
  if (before.protection !== after.protection || before.flags !== after.flags || before.name !== after.name)
    return false;
  const end = (offset: number | undefined): number | undefined =>
    offset === undefined ? undefined : offsetAt(before, offset, before.end);
  return (
    before.file?.inode === after.file?.inode &&
    before.file?.writes === after.file?.writes &&
    end(before.file?.offset) === after.file?.offset &&
    before.shared?.object === after.shared?.object &&
    end(before.shared?.offset) === after.shared?.offset
  );
}

/** vma_merge: `area` and the neighbours that it continues, or that continue it, are one. */
function mergeArea(kernel: Kernel, space: AddressSpace, area: Vma): void {
  let merged = area;
  for (const other of [rangeBelow(space.areas, area.start), rangeFrom(space.areas, area.end)]) {
    const [before, after] = other !== undefined && other.end <= area.start ? [other, merged] : [merged, other];
    if (!continues(before, after)) continue;
    removeRange(space.areas, after!);
    const whole = { ...before!, end: after!.end };
    replaceRange(space.areas, before!, whole);
    releaseSource(kernel, space, merged);
    uncharge(kernel, AREA_CHARGE);
    merged = whole;
  }
}

/** Fails as an area more would: ENOMEM. */
function chargeArea(kernel: Kernel, space: AddressSpace): void {
  if (space.areas.count >= MAX_AREAS) fail('ENOMEM');
  charge(kernel, AREA_CHARGE);
}

/** Puts `area` where none is, with a reference more to what it shows. ENOMEM. */
export function insertArea(kernel: Kernel, space: AddressSpace, area: Vma): void {
  chargeArea(kernel, space);
  insertRange(space.areas, area);
  holdSource(kernel, space, area);
  mergeArea(kernel, space, area);
}

/**
 * Takes [start, end) out of the list and returns the pieces that were in it, whose references are the caller's now. ENOMEM for
 * a hole in an area when there are too many.
 */
export function cutAreas(kernel: Kernel, space: AddressSpace, start: bigint, end: bigint): Vma[] {
  const cut = rangesIn(space.areas, start, end);
  const [first, last] = [cut[0], cut.at(-1)];
  if (first !== undefined && first === last && first.start < start && first.end > end) chargeArea(kernel, space);
  return cut.map((area) => {
    removeRange(space.areas, area);
    const kept = [
      ...(area.start < start ? [slice(area, area.start, start)] : []),
      ...(area.end > end ? [slice(area, end, area.end)] : []),
    ];
    for (const piece of kept) {
      insertRange(space.areas, piece);
      holdSource(kernel, space, piece);
    }
    if (kept.length === 0) uncharge(kernel, AREA_CHARGE);
    return slice(area, area.start > start ? area.start : start, area.end < end ? area.end : end);
  });
}

/** Makes `address` a border of areas. ENOMEM. */
function splitArea(kernel: Kernel, space: AddressSpace, address: bigint): void {
  const area = findArea(space, address);
  if (area === undefined || area.start === address) return;
  chargeArea(kernel, space);
  const upper = slice(area, address, area.end);
  replaceRange(space.areas, area, { ...area, end: address });
  insertRange(space.areas, upper);
  holdSource(kernel, space, upper);
}

/**
 * Gives the part of `area` in [start, end) another protection and merges it with its neighbours; returns that part alone.
 * ENOMEM: nothing has changed but that the area may be two.
 */
export function protectArea(
  kernel: Kernel,
  space: AddressSpace,
  area: Vma,
  start: bigint,
  end: bigint,
  protection: number,
): Vma {
  const from = area.start > start ? area.start : start;
  const to = area.end < end ? area.end : end;
  splitArea(kernel, space, from);
  splitArea(kernel, space, to);
  const changed = { ...slice(area, from, to), protection };
  replaceRange(space.areas, findArea(space, from)!, changed);
  mergeArea(kernel, space, changed);
  return changed;
}

/** A free range of `length` bytes below `MMAP_BASE`, highest first; ENOMEM. */
export const findFree = (space: AddressSpace, length: bigint): bigint =>
  highestGap(space.areas, length, MMAP_LOWEST, MMAP_BASE) ?? fail('ENOMEM');

/** expand_stack: grows a stack area down to `address`, which is in none. */
export function growStack(space: AddressSpace, address: bigint): Vma | undefined {
  const area = rangeFrom(space.areas, address);
  if (area === undefined || (area.flags & MapFlag.growsDown) === 0) return undefined;
  if (area.end - address > STACK_LIMIT) return undefined;
  const below = rangeBelow(space.areas, address);
  if (below !== undefined && below.end > pageFloor(address) - STACK_GUARD) return undefined;
  const grown = { ...area, start: pageFloor(address) };
  replaceRange(space.areas, area, grown);
  return grown;
}

import { fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import { resizeContent } from '../fs/content.ts';
import { operationsOf } from '../fs/file-kinds.ts';
import { fileOf, isWritable } from '../fs/files.ts';
import { withUnnamed } from '../fs/opening.ts';
import type { OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import { protect, unmap } from '../mm/address-space.ts';
import {
  findArea,
  findFree,
  insertArea,
  MapFlag,
  MAX_AREAS,
  offsetAt,
  pageCeiling,
  PAGE,
  Protection,
  SHARED_ZEROS,
} from '../mm/areas.ts';
import { clearEntries, flushRange, moveEntries } from '../mm/page-tables.ts';
import { overlapsRange, rangesIn } from '../mm/ranges.ts';
import { releaseSharedMemory, shareFile } from '../mm/shared-memory.ts';
import type { AddressSpace, Vma } from '../mm/types.ts';
import type { Task } from '../task.ts';
import { toInt } from './arguments.ts';
import { syscall, type SyscallHandler, type SyscallRow } from './types.ts';

export function spaceOf(kernel: Kernel, task: Task): AddressSpace {
  return kernel.addressSpaces.get(task.addressSpace ?? -1) ?? fail('EINVAL');
}

const brk: SyscallHandler = ({ kernel, task, args }) => {
  const space = spaceOf(kernel, task);
  const wanted = args[0];
  if (wanted < space.brkStart || wanted >= TASK_SIZE_MAX) return space.brk;
  const [oldEnd, newEnd] = [pageCeiling(space.brk), pageCeiling(wanted)];
  if (newEnd > oldEnd) {
    if (newEnd - space.brkStart > BigInt(kernel.memory.size) || overlapsRange(space.areas, oldEnd, newEnd + PAGE))
      return space.brk;
    insertArea(kernel, space, {
      start: oldEnd,
      end: newEnd,
      protection: Protection.read | Protection.write,
      flags: MapFlag.private,
      file: undefined,
      shared: undefined,
      name: '[heap]',
    });
  } else if (newEnd < oldEnd) unmap(kernel, space, newEnd, oldEnd);
  space.brk = wanted;
  return wanted;
};

/** Length in whole pages; EINVAL for 0, ENOMEM for what no address space holds. */
function pages(length: bigint): bigint {
  if (length === 0n) fail('EINVAL');
  if (length > TASK_SIZE_MAX) fail('ENOMEM');
  return pageCeiling(length);
}

/** EACCES: nothing is mapped of a file that cannot be read, and a shared mapping writes through. EBADF for O_PATH. */
function checkAccess(file: OpenFile, sharing: number, protection: number): void {
  if ((file.flags & OpenFlag.path) !== 0) fail('EBADF');
  const access = file.flags & OpenFlag.accessMode;
  if (access === OpenFlag.writeOnly) fail('EACCES');
  const writes = sharing === MapFlag.shared && (protection & Protection.write) !== 0;
  if (writes && access === OpenFlag.readOnly) fail('EACCES');
}

/** Where mmap puts `size` bytes; what is there goes with MAP_FIXED. EINVAL, EEXIST, ENOMEM. */
function placeFor(kernel: Kernel, space: AddressSpace, address: bigint, size: bigint, flags: number): bigint {
  const start = address & ~(PAGE - 1n);
  const end = start + size;
  if ((flags & (MapFlag.fixed | MapFlag.fixedNoReplace)) !== 0) {
    if (start !== address) fail('EINVAL');
    if (end > TASK_SIZE_MAX || start < PAGE) fail('ENOMEM');
    if ((flags & MapFlag.fixedNoReplace) !== 0 && overlapsRange(space.areas, start, end)) fail('EEXIST');
    if (space.areas.count >= MAX_AREAS) fail('ENOMEM');
    unmap(kernel, space, start, end);
    return start;
  }
  const isFree = start >= 0x10000n && end <= TASK_SIZE_MAX && !overlapsRange(space.areas, start, end);
  return isFree ? start : findFree(space, size);
}

/** Maps a file of the kernel's own pages: a bpf map, a perf event. */
function mapKernelPages(kernel: Kernel, space: AddressSpace, file: OpenFile, area: Vma, offset: bigint): void {
  const request = {
    offset: Number(offset),
    length: Number(area.end - area.start),
    protection: area.protection,
  };
  const object = shareFile(kernel, file, request);
  try {
    insertArea(kernel, space, { ...area, shared: { object, offset: 0 }, name: file.path });
  } finally {
    releaseSharedMemory(kernel, object);
  }
}

/** shmem_zero_setup: shared memory without a file is a file without a name. */
function mapSharedZeros(kernel: Kernel, space: AddressSpace, area: Vma): void {
  withUnnamed(kernel, (inode) => {
    resizeContent(kernel, inode, Number(area.end - area.start));
    const file = { inode: inode.id, offset: 0, writes: true };
    insertArea(kernel, space, { ...area, file, name: SHARED_ZEROS });
  });
}

const mmap: SyscallHandler = ({ kernel, task, args: [address, length, prot, flagBits, fd, offset] }) => {
  const space = spaceOf(kernel, task);
  const size = pages(length);
  const flags = Number(BigInt.asUintN(32, flagBits));
  const protection = toInt(prot) & 7;
  // MAP_SHARED_VALIDATE is both bits
  const sharing = (flags & MapFlag.shared) !== 0 ? MapFlag.shared : flags & MapFlag.private;
  if (sharing === 0 || (offset & 0xfffn) !== 0n) fail('EINVAL');
  const open = (flags & MapFlag.anonymous) === 0 ? fileOf(kernel, task, toInt(fd)) : undefined;
  if (open !== undefined) {
    checkAccess(open, sharing, protection);
    // do_mmap has EOVERFLOW, which is no errno here
    if (offset + size > 1n << 64n) fail('EINVAL');
  }
  if (open !== undefined && open.kind !== 'regular') {
    const operations = operationsOf(open.kind).mmap ?? fail('ENODEV');
    if (sharing !== MapFlag.shared) (operations.private ?? (() => fail('EINVAL')))(kernel, open);
  }
  const start = placeFor(kernel, space, address, size, flags);
  const area: Vma = {
    start,
    end: start + size,
    protection,
    flags: sharing | (flags & MapFlag.growsDown),
    file: undefined,
    shared: undefined,
    name: '',
  };
  if (open?.kind === 'regular') {
    const writes = sharing === MapFlag.shared && isWritable(open.flags);
    const file = { inode: open.object, offset: Number(offset), writes };
    insertArea(kernel, space, { ...area, file, name: open.path });
  } else if (open !== undefined) mapKernelPages(kernel, space, open, area, offset);
  else if (sharing === MapFlag.shared) mapSharedZeros(kernel, space, area);
  else insertArea(kernel, space, area);
  return start;
};

function range(address: bigint, length: bigint): [bigint, bigint] {
  if ((address & (PAGE - 1n)) !== 0n) fail('EINVAL');
  const end = address + pageCeiling(length);
  if (end > TASK_SIZE_MAX || end < address) fail('ENOMEM');
  return [address, end];
}

const munmap: SyscallHandler = ({ kernel, task, args }) => {
  if (args[1] === 0n || args[0] + args[1] > TASK_SIZE_MAX) fail('EINVAL');
  unmap(kernel, spaceOf(kernel, task), ...range(args[0], args[1]));
  return 0;
};

const mprotect: SyscallHandler = ({ kernel, task, args }) => {
  const [start, end] = range(args[0], args[1]);
  if (start !== end) protect(kernel, spaceOf(kernel, task), start, end, toInt(args[2]) & 7);
  return 0;
};

const MREMAP_MAYMOVE = 1n;
/** Shrinks in place, grows in place where there is room, else moves the pages. */
const mremap: SyscallHandler = ({ kernel, task, args: [address, oldLength, newLength, flags] }) => {
  const space = spaceOf(kernel, task);
  if ((address & (PAGE - 1n)) !== 0n || (flags & ~MREMAP_MAYMOVE) !== 0n) fail('EINVAL');
  const [oldSize, newSize] = [pages(oldLength), pages(newLength)];
  const area = findArea(space, address);
  if (area === undefined || address + oldSize > area.end) return fail('EFAULT');
  const [oldEnd, newEnd] = [address + oldSize, address + newSize];
  if (newSize <= oldSize) {
    if (newEnd < oldEnd) unmap(kernel, space, newEnd, oldEnd);
    return address;
  }
  // VM_DONTEXPAND
  if (area.shared !== undefined) fail('EFAULT');
  /** the part of the area from `from` on, at `start` */
  const shown = (from: bigint, start: bigint, end: bigint): Vma => ({
    ...area,
    start,
    end,
    file: area.file && { ...area.file, offset: offsetAt(area, area.file.offset, from) },
  });
  if (oldEnd === area.end && newEnd <= TASK_SIZE_MAX && !overlapsRange(space.areas, oldEnd, newEnd)) {
    insertArea(kernel, space, shown(oldEnd, oldEnd, newEnd));
    return address;
  }
  if ((flags & MREMAP_MAYMOVE) === 0n) fail('ENOMEM');
  const target = findFree(space, newSize);
  insertArea(kernel, space, shown(address, target, target + newSize));
  try {
    moveEntries(kernel, space.pageTable, address, oldSize, target);
  } catch (error) {
    unmap(kernel, space, target, target + newSize);
    throw error;
  }
  unmap(kernel, space, address, oldEnd);
  return target;
};

const MADV_DONTNEED = 4;
/** ENOMEM where something is not mapped; the rest is done all the same. */
const madvise: SyscallHandler = ({ kernel, task, args: [address, length, advice] }) => {
  const [start, end] = range(address, length);
  if (toInt(advice) !== MADV_DONTNEED) return 0;
  const space = spaceOf(kernel, task);
  let covered = 0n;
  for (const area of rangesIn(space.areas, start, end)) {
    const from = area.start > start ? area.start : start;
    const to = area.end < end ? area.end : end;
    covered += to - from;
    clearEntries(kernel, space.pageTable, from, to);
    flushRange(kernel, from, to);
  }
  return covered === end - start ? 0 : fail('ENOMEM');
};

export const memorySyscalls: readonly SyscallRow[] = [
  syscall(9, 'mmap', ['pointer', 'unsigned', 'protection', 'map-flags', 'fd', 'hex'], mmap),
  syscall(10, 'mprotect', ['pointer', 'unsigned', 'protection'], mprotect),
  syscall(11, 'munmap', ['pointer', 'unsigned'], munmap),
  syscall(12, 'brk', ['pointer'], brk),
  syscall(25, 'mremap', ['pointer', 'unsigned', 'unsigned', 'int'], mremap, 'MREMAP_MAYMOVE only'),
  syscall(28, 'madvise', ['pointer', 'unsigned', 'int'], madvise, 'MADV_DONTNEED acts, the rest is advice'),
];

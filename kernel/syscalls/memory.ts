import { fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import { operationsOf } from '../fs/file-kinds.ts';
import { fileOf } from '../fs/files.ts';
import type { OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import {
  findArea,
  findFree,
  insertArea,
  MapFlag,
  pageCeiling,
  PAGE,
  Protection,
  protect,
  unmap,
} from '../mm/address-space.ts';
import { createSharedMemory, shareFile } from '../mm/shared-memory.ts';
import type { AddressSpace } from '../mm/types.ts';
import { copyFromUser, copyToUser } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import { toInt } from './arguments.ts';
import { syscall, type SyscallHandler, type SyscallRow } from './types.ts';

export function spaceOf(kernel: Kernel, task: Task): AddressSpace {
  return kernel.addressSpaces.get(task.addressSpace ?? -1) ?? fail('EINVAL');
}

const overlaps = (space: AddressSpace, start: bigint, end: bigint): boolean =>
  space.areas.some((area) => area.start < end && area.end > start);

const brk: SyscallHandler = ({ kernel, task, args }) => {
  const space = spaceOf(kernel, task);
  const wanted = args[0];
  if (wanted < space.brkStart || wanted >= TASK_SIZE_MAX) return space.brk;
  const [oldEnd, newEnd] = [pageCeiling(space.brk), pageCeiling(wanted)];
  if (newEnd > oldEnd) {
    if (newEnd - space.brkStart > BigInt(kernel.memory.size) || overlaps(space, oldEnd, newEnd + PAGE))
      return space.brk;
    insertArea(space, {
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

/** EACCES: nothing is mapped of a file that cannot be read, and a shared mapping writes through. */
function checkAccess(file: OpenFile, sharing: number, protection: number): void {
  const access = file.flags & OpenFlag.accessMode;
  if (access === OpenFlag.writeOnly) fail('EACCES');
  const writes = sharing === MapFlag.shared && (protection & Protection.write) !== 0;
  if (writes && access === OpenFlag.readOnly) fail('EACCES');
}

const mmap: SyscallHandler = ({ kernel, task, args: [address, length, prot, flagBits, fd, offset] }) => {
  const space = spaceOf(kernel, task);
  const size = pages(length);
  const flags = Number(BigInt.asUintN(32, flagBits));
  // MAP_SHARED_VALIDATE is both bits
  const sharing = (flags & MapFlag.shared) !== 0 ? MapFlag.shared : flags & MapFlag.private;
  if (sharing === 0 || (offset & 0xfffn) !== 0n) fail('EINVAL');
  let file;
  let open: OpenFile | undefined;
  if ((flags & MapFlag.anonymous) === 0) {
    open = fileOf(kernel, task, toInt(fd));
    checkAccess(open, sharing, toInt(prot));
  }
  if (open?.kind === 'regular') {
    const inode = kernel.fileSystem.inodes.get(open.object) ?? fail('ENODEV');
    if (sharing === MapFlag.shared && (toInt(prot) & Protection.write) !== 0) fail('ENODEV');
    const start = Math.min(Number(offset), inode.size);
    file = { data: inode.data.slice(0, inode.size), offset: start, length: inode.size - start };
    open = undefined;
  } else if (open !== undefined) {
    const operations = operationsOf(open.kind).mmap ?? fail('ENODEV');
    if (sharing !== MapFlag.shared) (operations.private ?? (() => fail('EINVAL')))(kernel, open);
  }
  let start = address & ~(PAGE - 1n);
  if ((flags & (MapFlag.fixed | MapFlag.fixedNoReplace)) !== 0) {
    if ((address & (PAGE - 1n)) !== 0n) fail('EINVAL');
    if (start + size > TASK_SIZE_MAX || start < PAGE) fail('ENOMEM');
    if ((flags & MapFlag.fixedNoReplace) !== 0 && overlaps(space, start, start + size)) fail('EEXIST');
    unmap(kernel, space, start, start + size);
  } else if (start < 0x10000n || start + size > TASK_SIZE_MAX || overlaps(space, start, start + size)) {
    start = findFree(space, size);
  }
  let shared;
  if (open !== undefined) {
    const request = { offset: Number(offset), length: Number(size), protection: toInt(prot) & 7 };
    shared = { object: shareFile(kernel, open, request), offset: 0 };
  } else if (sharing === MapFlag.shared && file === undefined) {
    shared = { object: createSharedMemory(kernel), offset: 0 };
  }
  insertArea(space, {
    start,
    end: start + size,
    shared,
    protection: toInt(prot) & 7,
    flags: sharing | (flags & MapFlag.growsDown),
    file,
    name: open?.path ?? '',
  });
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
/** Shrinks in place, grows in place where there is room, else moves a copy. */
const mremap: SyscallHandler = ({ kernel, task, args: [address, oldLength, newLength, flags] }) => {
  const space = spaceOf(kernel, task);
  const [oldSize, newSize] = [pageCeiling(oldLength), pages(newLength)];
  const area = findArea(space, address);
  if ((address & (PAGE - 1n)) !== 0n || (flags & ~MREMAP_MAYMOVE) !== 0n) fail('EINVAL');
  if (area === undefined || address + oldSize > area.end) return fail('EFAULT');
  const [oldEnd, newEnd] = [address + oldSize, address + newSize];
  if (newSize <= oldSize) {
    if (newEnd < oldEnd) unmap(kernel, space, newEnd, oldEnd);
    return address;
  }
  if (area.file !== undefined || area.shared !== undefined) fail('EINVAL');
  if (oldEnd === area.end && newEnd <= TASK_SIZE_MAX && !overlaps(space, oldEnd, newEnd)) {
    insertArea(space, { ...area, start: oldEnd, end: newEnd });
    return address;
  }
  if ((flags & MREMAP_MAYMOVE) === 0n) fail('ENOMEM');
  const target = findFree(space, newSize);
  insertArea(space, { ...area, start: target, end: target + newSize, protection: Protection.read | Protection.write });
  for (let at = 0n; at < oldSize; at += PAGE)
    copyToUser(kernel, task, target + at, copyFromUser(kernel, task, address + at, Number(PAGE)));
  if (area.protection !== (Protection.read | Protection.write))
    protect(kernel, space, target, target + newSize, area.protection);
  unmap(kernel, space, address, oldEnd);
  return target;
};

const MADV_DONTNEED = 4;
const madvise: SyscallHandler = ({ kernel, task, args: [address, length, advice] }) => {
  const [start, end] = range(address, length);
  if (toInt(advice) !== MADV_DONTNEED) return 0;
  const space = spaceOf(kernel, task);
  const areas = space.areas.filter((area) => area.start < end && area.end > start && area.shared === undefined);
  for (const area of areas) {
    const from = area.start > start ? area.start : start;
    const to = area.end < end ? area.end : end;
    const skipped = Number(from - area.start);
    const file = area.file && {
      ...area.file,
      offset: area.file.offset + skipped,
      length: Math.max(0, area.file.length - skipped),
    };
    unmap(kernel, space, from, to);
    insertArea(space, { ...area, start: from, end: to, file });
  }
  return 0;
};

export const memorySyscalls: readonly SyscallRow[] = [
  syscall(
    9,
    'mmap',
    ['pointer', 'unsigned', 'protection', 'map-flags', 'fd', 'hex'],
    mmap,
    'regular files private or read-only, as they are when mapped; maps and perf events shared',
  ),
  syscall(10, 'mprotect', ['pointer', 'unsigned', 'protection'], mprotect),
  syscall(11, 'munmap', ['pointer', 'unsigned'], munmap),
  syscall(12, 'brk', ['pointer'], brk),
  syscall(25, 'mremap', ['pointer', 'unsigned', 'unsigned', 'int'], mremap, 'anonymous areas; MREMAP_MAYMOVE only'),
  syscall(28, 'madvise', ['pointer', 'unsigned', 'int'], madvise, 'MADV_DONTNEED acts, the rest is advice'),
];

/** What a file is: stat, access, chmod, times, size. */
import { fail } from '../errno.ts';
import { AtFlag, FileType, OpenFlag } from '../fs/constants.ts';
import { resizeContent } from '../fs/content.ts';
import { deviceRow } from '../fs/devices.ts';
import { operationsOf } from '../fs/file-kinds.ts';
import { fileOf } from '../fs/files.ts';
import { checkWriteAccess } from '../fs/inode-uses.ts';
import { deviceOf, inodeOf } from '../fs/tree.ts';
import type { Inode, InodeType } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { copyFromUser, copyToUser } from '../mm/user-memory.ts';
import { BOOT_TIME, ktimeOf, later, NSEC_PER_SEC } from '../time.ts';
import { toInt, toUnsigned } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';
import {
  isInode,
  resolveUserPath,
  targetOfDescriptor,
  targetOfPath,
  WORKING_DIRECTORY,
  type Target,
} from './user-paths.ts';

const typeBits: Readonly<Record<InodeType, number>> = {
  regular: FileType.regular,
  directory: FileType.directory,
  symlink: FileType.symlink,
  device: FileType.character,
  generated: FileType.regular,
  pinned: FileType.regular,
};

/** MKDEV as user space sees it, for numbers below 256. */
const deviceNumber = (major: number, minor: number): number => (major << 8) | minor;

/** st_dev of what is no file of the tree */
const ANONYMOUS_DEVICE = 15;

interface Status {
  readonly device: number;
  readonly inode: number;
  readonly links: number;
  readonly mode: number;
  readonly special: number;
  readonly size: number;
  /** pages that hold content */
  readonly pages: number;
  /** guest time, ns */
  readonly modified: bigint;
}

function statusOf(target: Target): Status {
  if (!isInode(target)) {
    const mode = operationsOf(target.kind).statMode ?? 0o600;
    return {
      device: ANONYMOUS_DEVICE,
      inode: target.object,
      links: 1,
      mode,
      special: 0,
      size: 0,
      pages: 0,
      modified: 0n,
    };
  }
  const row = target.type === 'device' ? deviceRow(target.driver) : undefined;
  return {
    device: deviceOf(target),
    inode: target.id,
    links: target.links,
    mode: typeBits[target.type] | target.mode,
    special: row === undefined ? 0 : deviceNumber(row.major, row.minor),
    size: target.size,
    pages: target.pages.size,
    modified: target.modified,
  };
}

const BLOCK = 4096;

/** struct stat of x86-64, 144 bytes: arch/x86/include/uapi/asm/stat.h */
function encodeStatus(status: Status): Uint8Array {
  const view = new DataView(new ArrayBuffer(144));
  const u64 = (offset: number, value: number): void => view.setBigUint64(offset, BigInt(value), true);
  u64(0, status.device);
  u64(8, status.inode);
  u64(16, status.links);
  view.setUint32(24, status.mode, true);
  u64(40, status.special);
  u64(48, status.size);
  u64(56, BLOCK);
  u64(64, status.pages * (BLOCK / 512));
  // never before 1970: see `modificationTime`
  const changed = BOOT_TIME + status.modified;
  for (const offset of [72, 88, 104]) {
    view.setBigUint64(offset, changed / NSEC_PER_SEC, true);
    view.setBigUint64(offset + 8, changed % NSEC_PER_SEC, true);
  }
  return new Uint8Array(view.buffer);
}

function giveStatus({ kernel, task }: SyscallCall, target: Target, address: bigint): number {
  copyToUser(kernel, task, address, encodeStatus(statusOf(target)));
  return 0;
}

function statAt(call: SyscallCall, directory: bigint, path: bigint, buffer: bigint, flags: number): number {
  return giveStatus(call, targetOfPath(call.kernel, call.task, directory, path, flags), buffer);
}

const stat: SyscallHandler = (call) => statAt(call, WORKING_DIRECTORY, call.args[0], call.args[1], 0);
const lstat: SyscallHandler = (call) =>
  statAt(call, WORKING_DIRECTORY, call.args[0], call.args[1], AtFlag.symlinkNoFollow);
const fstat: SyscallHandler = (call) =>
  giveStatus(call, targetOfDescriptor(call.kernel, call.task, call.args[0]), call.args[1]);

const AT_NO_AUTOMOUNT = 0x800;
const newfstatat: SyscallHandler = (call) => {
  const flags = toInt(call.args[3]);
  if ((flags & ~(AtFlag.symlinkNoFollow | AtFlag.emptyPath | AT_NO_AUTOMOUNT)) !== 0) fail('EINVAL');
  return statAt(call, call.args[0], call.args[1], call.args[2], flags);
};

const X_OK = 1;
const AT_EACCESS = 0x200;

/** The one user is root, who may everything but execute what nobody may execute. */
function accessAt({ kernel, task }: SyscallCall, directory: bigint, path: bigint, mode: number, flags: number): number {
  if ((mode & ~7) !== 0 || (flags & ~(AtFlag.symlinkNoFollow | AtFlag.emptyPath | AT_EACCESS)) !== 0) fail('EINVAL');
  const target = targetOfPath(kernel, task, directory, path, flags);
  const executable = isInode(target) && (target.type === 'directory' || (target.mode & 0o111) !== 0);
  return (mode & X_OK) !== 0 && !executable ? fail('EACCES') : 0;
}

const access: SyscallHandler = (call) => accessAt(call, WORKING_DIRECTORY, call.args[0], toInt(call.args[1]), 0);
const faccessat: SyscallHandler = (call) => accessAt(call, call.args[0], call.args[1], toInt(call.args[2]), 0);
const faccessat2: SyscallHandler = (call) =>
  accessAt(call, call.args[0], call.args[1], toInt(call.args[2]), toInt(call.args[3]));

/** Inodes of /proc/<pid> are made for the asking: nothing can be changed in them. */
function changeable(kernel: Kernel, target: Target): Inode {
  if (!isInode(target)) return fail('EINVAL');
  return kernel.fileSystem.inodes.get(target.id) ?? fail('EPERM');
}

function changeMode({ kernel }: SyscallCall, target: Target, mode: bigint): number {
  changeable(kernel, target).mode = toUnsigned(mode) & 0o7777;
  return 0;
}

const chmod: SyscallHandler = (call) =>
  changeMode(call, targetOfPath(call.kernel, call.task, WORKING_DIRECTORY, call.args[0], 0), call.args[1]);
const fchmod: SyscallHandler = (call) =>
  changeMode(call, targetOfDescriptor(call.kernel, call.task, call.args[0]), call.args[1]);
const fchmodat: SyscallHandler = (call) =>
  changeMode(call, targetOfPath(call.kernel, call.task, call.args[0], call.args[1], 0), call.args[2]);

const umask: SyscallHandler = ({ task, args }) => {
  const old = task.umask;
  task.umask = toUnsigned(args[0]) & 0o777;
  return old;
};

function newSize(length: bigint): number {
  const size = BigInt.asIntN(64, length);
  if (size < 0n) fail('EINVAL');
  return Number(size);
}

const truncate: SyscallHandler = ({ kernel, task, args }) => {
  const size = newSize(args[1]);
  const inode = resolveUserPath(kernel, task, WORKING_DIRECTORY, args[0]).inode ?? fail('ENOENT');
  if (inode.type !== 'regular') fail(inode.type === 'directory' ? 'EISDIR' : 'EINVAL');
  checkWriteAccess(inode);
  resizeContent(kernel, inode, size);
  return 0;
};

const ftruncate: SyscallHandler = ({ kernel, task, args }) => {
  const size = newSize(args[1]);
  const file = fileOf(kernel, task, args[0]);
  const mode = file.flags & OpenFlag.accessMode;
  const writable = mode === OpenFlag.writeOnly || mode === OpenFlag.readWrite;
  if (file.kind !== 'regular' || !writable) fail('EINVAL');
  resizeContent(kernel, inodeOf(kernel, file.object) ?? fail('EBADF'), size);
  return 0;
};

const UTIME_NOW = 0x3fff_ffffn;
const UTIME_OMIT = 0x3fff_fffen;

/** The second of two struct timespec, as guest time in ns; undefined to leave it. EINVAL. */
function modificationTime({ kernel, task }: SyscallCall, address: bigint): bigint | undefined {
  if (address === 0n) return kernel.roundStart;
  const view = new DataView(copyFromUser(kernel, task, address, 32).buffer);
  const nanoseconds = view.getBigInt64(24, true);
  if (nanoseconds === UTIME_NOW) return kernel.roundStart;
  if (nanoseconds === UTIME_OMIT) return undefined;
  if (nanoseconds < 0n || nanoseconds >= NSEC_PER_SEC) fail('EINVAL');
  return ktimeOf(later(view.getBigInt64(16, true), 0n), nanoseconds) - BOOT_TIME;
}

const utimensat: SyscallHandler = (call) => {
  const { kernel, task, args } = call;
  const target =
    args[1] === 0n
      ? targetOfDescriptor(kernel, task, args[0])
      : targetOfPath(kernel, task, args[0], args[1], toInt(args[3]));
  const time = modificationTime(call, args[2]);
  if (!isInode(target)) return 0;
  const inode = changeable(kernel, target);
  if (time !== undefined) inode.modified = time;
  return 0;
};

// prettier-ignore
export const attributeSyscalls: readonly SyscallRow[] = [
  syscall(4,   'stat',       ['path', 'pointer'], stat),
  syscall(5,   'fstat',      ['fd', 'pointer'], fstat),
  syscall(6,   'lstat',      ['path', 'pointer'], lstat),
  syscall(21,  'access',     ['path', 'octal'], access),
  syscall(76,  'truncate',   ['path', 'int'], truncate),
  syscall(77,  'ftruncate',  ['fd', 'int'], ftruncate),
  syscall(90,  'chmod',      ['path', 'octal'], chmod),
  syscall(91,  'fchmod',     ['fd', 'octal'], fchmod),
  syscall(95,  'umask',      ['octal'], umask),
  syscall(262, 'newfstatat', ['fd', 'path', 'pointer', 'hex'], newfstatat),
  syscall(268, 'fchmodat',   ['fd', 'path', 'octal'], fchmodat),
  syscall(269, 'faccessat',  ['fd', 'path', 'octal'], faccessat),
  syscall(280, 'utimensat',  ['fd', 'path', 'pointer', 'hex'], utimensat, 'one time a file: the last change'),
  syscall(439, 'faccessat2', ['fd', 'path', 'octal', 'hex'], faccessat2),
];

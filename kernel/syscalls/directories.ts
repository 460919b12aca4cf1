/** Names: listing, making, moving and removing them, and where a task stands among them. */
import { fail } from '../errno.ts';
import { AtFlag } from '../fs/constants.ts';
import { joinBytes, latin1Bytes } from '../fs/bytes.ts';
import { fileOf } from '../fs/files.ts';
import { holdInode, releaseInode } from '../fs/inode-uses.ts';
import { makeDirectory, makeLink, makeSymlink, readLink, removeDirectory, rename, unlink } from '../fs/names.ts';
import { pathOfDirectory } from '../fs/paths.ts';
import { inodeOf, lookup, namesAfter } from '../fs/tree.ts';
import type { Inode, InodeType, OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { copyToUser } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import { toInt, toUnsigned } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';
import { pathFromUser, resolveUserPath, userPath, WORKING_DIRECTORY } from './user-paths.ts';

/** include/linux/fs_types.h: DT_* */
const entryTypes: Readonly<Record<InodeType, number>> = {
  regular: 8,
  directory: 4,
  symlink: 10,
  device: 2,
  generated: 8,
  pinned: 8,
};

interface Entry {
  readonly name: string;
  readonly inode: Inode;
}

/** What getdents has not given yet; names that come and go in between do not make it miss others. */
function* entriesAfter(kernel: Kernel, directory: Inode, file: OpenFile): Generator<Entry> {
  const parent = inodeOf(kernel, directory.parent) ?? directory;
  if (file.position < 1) yield { name: '.', inode: directory };
  if (file.position < 2) yield { name: '..', inode: parent };
  for (const name of namesAfter(kernel, directory, file.cursor)) {
    const inode = lookup(kernel, directory, name);
    if (inode !== undefined) yield { name, inode };
  }
}

/** struct linux_dirent64: ino, off, reclen, type, name with its NUL, padded to 8 bytes. */
function encodeEntry({ name, inode }: Entry, position: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((19 + name.length + 1) / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(inode.id), true);
  view.setBigUint64(8, BigInt(position), true);
  view.setUint16(16, bytes.length, true);
  view.setUint8(18, entryTypes[inode.type]);
  bytes.set(latin1Bytes(name), 19);
  return bytes;
}

const GETDENTS_LIMIT = 1 << 20;

const getdents64: SyscallHandler = ({ kernel, task, args: [descriptor, buffer, count] }) => {
  const file = fileOf(kernel, task, descriptor);
  if (file.kind !== 'directory') fail('ENOTDIR');
  const directory = inodeOf(kernel, file.object) ?? fail('ENOENT');
  const room = Math.min(toUnsigned(count), GETDENTS_LIMIT);
  const records: Uint8Array[] = [];
  let { position, cursor } = file;
  let size = 0;
  for (const entry of entriesAfter(kernel, directory, file)) {
    const record = encodeEntry(entry, position + 1);
    if (size + record.length > room) {
      if (records.length === 0) fail('EINVAL');
      break;
    }
    position++;
    if (position > 2) cursor = entry.name;
    size += record.length;
    records.push(record);
  }
  copyToUser(kernel, task, buffer, joinBytes(records));
  Object.assign(file, { position, cursor });
  return size;
};

const getcwd: SyscallHandler = ({ kernel, task, args: [buffer, size] }) => {
  const path = pathOfDirectory(kernel, task.workingDirectory) ?? fail('ENOENT');
  if (BigInt(path.length) >= size) fail('ERANGE');
  copyToUser(kernel, task, buffer, latin1Bytes(`${path}\0`));
  return path.length + 1;
};

function changeDirectory(kernel: Kernel, task: Task, inode: number): number {
  holdInode(kernel, inode);
  releaseInode(kernel, task.workingDirectory);
  task.workingDirectory = inode;
  return 0;
}

const chdir: SyscallHandler = ({ kernel, task, args }) => {
  const { inode } = resolveUserPath(kernel, task, WORKING_DIRECTORY, args[0]);
  if (inode === undefined) return fail('ENOENT');
  if (inode.type !== 'directory') fail('ENOTDIR');
  return changeDirectory(kernel, task, inode.id);
};

const fchdir: SyscallHandler = ({ kernel, task, args }) => {
  const file = fileOf(kernel, task, args[0]);
  if (file.kind !== 'directory') fail('ENOTDIR');
  return changeDirectory(kernel, task, file.object);
};

function mkdirAt({ kernel, task }: SyscallCall, directory: bigint, address: bigint, mode: bigint): number {
  const { path, where } = userPath(kernel, task, directory, address);
  makeDirectory(kernel, path, toUnsigned(mode) & ~task.umask & 0o1777, where);
  return 0;
}

function unlinkAt({ kernel, task }: SyscallCall, directory: bigint, address: bigint, flags: number): number {
  if ((flags & ~AtFlag.removeDirectory) !== 0) fail('EINVAL');
  const { path, where } = userPath(kernel, task, directory, address);
  (flags === 0 ? unlink : removeDirectory)(kernel, path, where);
  return 0;
}

type At = readonly [directory: bigint, path: bigint];

function renameAt({ kernel, task }: SyscallCall, from: At, to: At): number {
  const source = userPath(kernel, task, ...from);
  const target = userPath(kernel, task, ...to);
  rename(kernel, source.path, source.where, target.path, target.where);
  return 0;
}

function linkAt({ kernel, task }: SyscallCall, from: At, to: At, flags: number): number {
  if ((flags & ~AtFlag.symlinkFollow) !== 0) fail('EINVAL');
  const source = userPath(kernel, task, ...from);
  const target = userPath(kernel, task, ...to);
  const follow = (flags & AtFlag.symlinkFollow) !== 0;
  makeLink(kernel, source.path, { ...source.where, follow }, target.path, target.where);
  return 0;
}

function symlinkAt({ kernel, task }: SyscallCall, target: bigint, directory: bigint, address: bigint): number {
  const text = pathFromUser(kernel, task, target);
  const { path, where } = userPath(kernel, task, directory, address);
  makeSymlink(kernel, text, path, where);
  return 0;
}

function readlinkAt(
  { kernel, task }: SyscallCall,
  directory: bigint,
  address: bigint,
  buffer: bigint,
  size: bigint,
): number {
  if (toInt(size) <= 0) fail('EINVAL');
  const { path, where } = userPath(kernel, task, directory, address);
  const bytes = latin1Bytes(readLink(kernel, path, where)).subarray(0, toInt(size));
  copyToUser(kernel, task, buffer, bytes);
  return bytes.length;
}

const HERE = WORKING_DIRECTORY;

// prettier-ignore
export const directorySyscalls: readonly SyscallRow[] = [
  syscall(79,  'getcwd',     ['pointer', 'unsigned'], getcwd),
  syscall(80,  'chdir',      ['path'], chdir),
  syscall(81,  'fchdir',     ['fd'], fchdir),
  syscall(82,  'rename',     ['path', 'path'], (call) => renameAt(call, [HERE, call.args[0]], [HERE, call.args[1]])),
  syscall(83,  'mkdir',      ['path', 'octal'], (call) => mkdirAt(call, HERE, call.args[0], call.args[1])),
  syscall(84,  'rmdir',      ['path'], (call) => unlinkAt(call, HERE, call.args[0], AtFlag.removeDirectory)),
  syscall(86,  'link',       ['path', 'path'], (call) => linkAt(call, [HERE, call.args[0]], [HERE, call.args[1]], 0)),
  syscall(87,  'unlink',     ['path'], (call) => unlinkAt(call, HERE, call.args[0], 0)),
  syscall(88,  'symlink',    ['path', 'path'], (call) => symlinkAt(call, call.args[0], HERE, call.args[1])),
  syscall(89,  'readlink',   ['path', 'buffer-out', 'unsigned'], (call) =>
    readlinkAt(call, HERE, call.args[0], call.args[1], call.args[2])),
  syscall(217, 'getdents64', ['fd', 'pointer', 'unsigned'], getdents64),
  syscall(258, 'mkdirat',    ['fd', 'path', 'octal'], (call) => mkdirAt(call, call.args[0], call.args[1], call.args[2])),
  syscall(263, 'unlinkat',   ['fd', 'path', 'hex'], (call) => unlinkAt(call, call.args[0], call.args[1], toInt(call.args[2]))),
  syscall(264, 'renameat',   ['fd', 'path', 'fd', 'path'], (call) =>
    renameAt(call, [call.args[0], call.args[1]], [call.args[2], call.args[3]])),
  syscall(265, 'linkat',     ['fd', 'path', 'fd', 'path', 'hex'], (call) =>
    linkAt(call, [call.args[0], call.args[1]], [call.args[2], call.args[3]], toInt(call.args[4]))),
  syscall(266, 'symlinkat',  ['path', 'fd', 'path'], (call) => symlinkAt(call, call.args[0], call.args[1], call.args[2])),
  syscall(267, 'readlinkat', ['fd', 'path', 'buffer-out', 'unsigned'], (call) =>
    readlinkAt(call, call.args[0], call.args[1], call.args[2], call.args[3])),
];

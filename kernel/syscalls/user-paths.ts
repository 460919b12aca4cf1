/** Paths as system calls take them. */
import { fail } from '../errno.ts';
import { AT_FDCWD, AtFlag, PATH_MAX } from '../fs/constants.ts';
import { fileOf } from '../fs/files.ts';
import { resolve, type Resolved, type ResolveOptions } from '../fs/paths.ts';
import { describedFile } from '../fs/computed-links.ts';
import { hasInode, inodeOf } from '../fs/tree.ts';
import type { Inode, OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { stringFromUser } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import { toInt } from './arguments.ts';

/** The working directory, as a register of the `at` calls names it. */
export const WORKING_DIRECTORY = BigInt.asUintN(64, BigInt(AT_FDCWD));

/** A NUL-terminated path: bytes as Latin-1. EFAULT, ENAMETOOLONG. */
export function pathFromUser(kernel: Kernel, task: Task, address: bigint): string {
  return stringFromUser(kernel, task, address, PATH_MAX);
}

/** Where `path` starts for an `at` call. EBADF, ENOTDIR. */
export function startOf(kernel: Kernel, task: Task, directory: bigint, path: string): ResolveOptions {
  if (path.startsWith('/') || toInt(directory) === AT_FDCWD) return { start: task.workingDirectory, task };
  const file = fileOf(kernel, task, directory);
  if (file.kind !== 'directory') fail('ENOTDIR');
  return { start: file.object, task };
}

/** A path and where it starts. */
export interface UserPath {
  readonly path: string;
  readonly where: ResolveOptions;
}

export function userPath(kernel: Kernel, task: Task, directory: bigint, address: bigint): UserPath {
  const path = pathFromUser(kernel, task, address);
  return { path, where: startOf(kernel, task, directory, path) };
}

export function resolveUserPath(
  kernel: Kernel,
  task: Task,
  directory: bigint,
  address: bigint,
  follow = true,
): Resolved {
  const { path, where } = userPath(kernel, task, directory, address);
  return resolve(kernel, path, { ...where, follow });
}

/** What fstatat and its like are about: an inode, or an open file without one. */
export type Target = Inode | OpenFile;

export const isInode = (target: Target): target is Inode => 'entries' in target;

/** The file behind a descriptor. EBADF. */
export function targetOfDescriptor(kernel: Kernel, task: Task, descriptor: bigint): Target {
  const file = fileOf(kernel, task, descriptor);
  return hasInode(file.kind) ? (inodeOf(kernel, file.object) ?? fail('EBADF')) : file;
}

/** The file at a path, or with AT_EMPTY_PATH and no path the descriptor's own. ENOENT and the errors of `resolve`. */
export function targetOfPath(kernel: Kernel, task: Task, directory: bigint, address: bigint, flags: number): Target {
  const path = pathFromUser(kernel, task, address);
  if (path === '' && (flags & AtFlag.emptyPath) !== 0) {
    if (toInt(directory) !== AT_FDCWD) return targetOfDescriptor(kernel, task, directory);
    return inodeOf(kernel, task.workingDirectory) ?? fail('ENOENT');
  }
  const follow = (flags & AtFlag.symlinkNoFollow) === 0;
  const { inode } = resolve(kernel, path, { ...startOf(kernel, task, directory, path), follow });
  if (inode === undefined) return fail('ENOENT');
  return (follow && describedFile(kernel, inode)) || inode;
}

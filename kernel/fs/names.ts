/** What changes names: mkdir, rmdir, unlink, link, symlink, rename. Errors are those of the system calls. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { linkTarget } from './computed-links.ts';
import { PATH_MAX } from './constants.ts';
import { discardInode, holdInode, releaseInode } from './inode-uses.ts';
import { resolve, resolveExisting, type Resolved, type ResolveOptions } from './paths.ts';
import {
  addName,
  checkCanCreate,
  checkCanRemove,
  checkRoomForName,
  deviceOf,
  inodeOf,
  isBpffs,
  isMountPoint,
  newInode,
  removeName,
  touch,
  type NewInode,
} from './tree.ts';
import type { Inode } from './types.ts';

const isProperName = (name: string): boolean => name !== '.' && name !== '..' && name !== '/';

function isEmpty(directory: Inode): boolean {
  return directory.entries.size === 0;
}

/** The place for a new name; EEXIST. */
function findVacant(kernel: Kernel, path: string, where: ResolveOptions): Resolved {
  const place = resolve(kernel, path, { ...where, follow: false });
  if (place.inode !== undefined) fail('EEXIST');
  if (!isProperName(place.name)) fail('ENOENT');
  checkCanCreate(place.directory);
  return place;
}

/** Gives `inode` its first name, or discards it. */
function nameNew(kernel: Kernel, { directory, name }: Resolved, inode: Inode): Inode {
  try {
    addName(kernel, directory, name, inode);
  } catch (error) {
    discardInode(kernel, inode);
    throw error;
  }
  touch(kernel, directory);
  return inode;
}

/** A bpf object's name in bpffs, as BPF_OBJ_PIN makes it: EEXIST, EPERM elsewhere. The inode takes over a reference. */
export function makePin(kernel: Kernel, path: string, pin: NewInode, where: ResolveOptions = {}): Inode {
  // a name that is there is EEXIST, with a slash behind it too
  const place = findVacant(kernel, path.replace(/(?<=[^/])\/+$/, ''), where);
  if (path.endsWith('/')) fail('ENOENT');
  if (!isBpffs(place.directory)) fail('EPERM');
  return nameNew(kernel, place, newInode(kernel, 'pinned', { ...pin, time: kernel.roundStart }));
}

/** mkdir(2); `mode` after the umask. */
export function makeDirectory(kernel: Kernel, path: string, mode: number, where: ResolveOptions = {}): Inode {
  const place = findVacant(kernel, path, where);
  const driver = isBpffs(place.directory) ? 'bpf-directory' : '';
  return nameNew(kernel, place, newInode(kernel, 'directory', { mode, driver, time: kernel.roundStart }));
}

/** symlink(2). */
export function makeSymlink(kernel: Kernel, target: string, path: string, where: ResolveOptions = {}): Inode {
  if (target === '') fail('ENOENT');
  if (target.length >= PATH_MAX) fail('ENAMETOOLONG');
  const place = findVacant(kernel, path, where);
  if (place.slash) fail('ENOENT');
  return nameNew(kernel, place, newInode(kernel, 'symlink', { mode: 0o777, time: kernel.roundStart, target }));
}

/** link(2): `from` follows a last symbolic link only if its options say so. */
export function makeLink(
  kernel: Kernel,
  from: string,
  fromWhere: ResolveOptions,
  to: string,
  toWhere: ResolveOptions,
): void {
  const source = resolve(kernel, from, fromWhere);
  const inode = source.inode ?? fail('ENOENT');
  const place = findVacant(kernel, to, toWhere);
  if (place.slash) fail('ENOENT');
  if (inode.type === 'directory') fail('EPERM');
  if (deviceOf(source.directory) !== deviceOf(place.directory)) fail('EXDEV');
  if (inode.links === 0) fail('ENOENT');
  addName(kernel, place.directory, place.name, inode);
  touch(kernel, place.directory);
}

/** readlink(2): the target's bytes as Latin-1; EINVAL for what is no symbolic link. */
export function readLink(kernel: Kernel, path: string, where: ResolveOptions = {}): string {
  const inode = resolveExisting(kernel, path, { ...where, follow: false });
  if (inode.type !== 'symlink') fail('EINVAL');
  return linkTarget(kernel, where.task, inode) ?? fail('ENOENT');
}

/** unlink(2). */
export function unlink(kernel: Kernel, path: string, where: ResolveOptions = {}): void {
  const { directory, name, inode, slash } = resolve(kernel, path, { ...where, follow: false });
  if (inode === undefined) return fail('ENOENT');
  if (inode.type === 'directory') fail('EISDIR');
  if (slash) fail('ENOTDIR');
  checkCanRemove(directory);
  removeName(kernel, directory, name, inode);
  touch(kernel, directory);
}

/** rmdir(2). */
export function removeDirectory(kernel: Kernel, path: string, where: ResolveOptions = {}): void {
  const { directory, name, inode } = resolve(kernel, path, { ...where, follow: false });
  if (inode === undefined) return fail('ENOENT');
  if (name === '.') fail('EINVAL');
  if (name === '..') fail('ENOTEMPTY');
  if (name === '/') fail('EBUSY');
  if (inode.type !== 'directory') fail('ENOTDIR');
  checkCanRemove(directory);
  if (isMountPoint(inode)) fail('EBUSY');
  if (!isEmpty(inode)) fail('ENOTEMPTY');
  removeName(kernel, directory, name, inode);
  touch(kernel, directory);
}

/** Whether `inode` is `ancestor` or below it. */
function isWithin(kernel: Kernel, inode: Inode, ancestor: Inode): boolean {
  let at: Inode | undefined = inode;
  while (at !== undefined && at.id !== ancestor.id) {
    if (at.id === kernel.fileSystem.root) return false;
    at = inodeOf(kernel, at.parent);
  }
  return at !== undefined;
}

/** What rename(2) refuses for the thing in the way. */
function checkReplaceable(moved: Inode, old: Inode): void {
  if (moved.type === 'directory') {
    if (old.type !== 'directory') fail('ENOTDIR');
    if (isMountPoint(old)) fail('EBUSY');
    if (!isEmpty(old)) fail('ENOTEMPTY');
  } else if (old.type === 'directory') {
    fail('EISDIR');
  }
}

/** rename(2). */
export function rename(
  kernel: Kernel,
  from: string,
  fromWhere: ResolveOptions,
  to: string,
  toWhere: ResolveOptions,
): void {
  const source = resolve(kernel, from, { ...fromWhere, follow: false });
  const target = resolve(kernel, to, { ...toWhere, follow: false });
  const moved = source.inode;
  const old = target.inode;
  if (!isProperName(source.name) || !isProperName(target.name)) fail('EBUSY');
  if (moved === undefined) return fail('ENOENT');
  if (deviceOf(source.directory) !== deviceOf(target.directory)) fail('EXDEV');
  checkCanRemove(source.directory);
  checkCanCreate(target.directory);
  if (moved.type === 'directory' && isMountPoint(moved)) fail('EBUSY');
  if (target.slash && moved.type !== 'directory') fail('ENOTDIR');
  if (moved.type === 'directory' && isWithin(kernel, target.directory, moved)) fail('EINVAL');
  if (old?.id === moved.id) return;
  if (old !== undefined) {
    if (old.type === 'directory' && isWithin(kernel, source.directory, old)) fail('ENOTEMPTY');
    checkReplaceable(moved, old);
    removeName(kernel, target.directory, target.name, old);
  } else {
    checkRoomForName(kernel, target.directory, moved.type);
  }
  const { links } = moved;
  holdInode(kernel, moved.id);
  removeName(kernel, source.directory, source.name, moved);
  addName(kernel, target.directory, target.name, moved);
  if (moved.type === 'directory') moved.links = links;
  releaseInode(kernel, moved.id);
  touch(kernel, source.directory);
  touch(kernel, target.directory);
}

/** Inodes and names: the tree itself, with no knowledge of paths, tasks' rights or open files' operations. */
import { fail, type ErrnoName } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { MAX_LINKS, MAX_USED_BYTES } from './constants.ts';
import { dropPinned } from '../bpf/pins.ts';
import { procEntries, taskInode } from './proc-inodes.ts';
import type { FileKind, FileSystem, Inode, InodeType } from './types.ts';

/** What an inode and a name count for in `usedBytes`, so that host memory is bounded whatever they hold. */
const INODE_CHARGE = 1024;
const NAME_CHARGE = 512;

/** By a directory's `driver`: its st_dev, and what making a name in it fails with. */
const mounts: Readonly<Record<string, { readonly device: number; readonly create?: ErrnoName }>> = {
  '': { device: 1 },
  proc: { device: 2, create: 'ENOENT' },
  'proc-root': { device: 2, create: 'ENOENT' },
  sys: { device: 3, create: 'EPERM' },
  bpf: { device: 4 },
  'bpf-directory': { device: 4 },
};

/** Directories of bpffs: the mount, and those below it. */
export const isBpffs = ({ driver }: Inode): boolean => driver === 'bpf' || driver === 'bpf-directory';

/** Whether a file system is mounted on `directory`, or it is the kernel's own. */
export const isMountPoint = ({ driver }: Inode): boolean => driver !== '' && driver !== 'bpf-directory';

/** Counts `bytes` more (or fewer); ENOSPC. */
export function charge(fileSystem: FileSystem, bytes: number): void {
  if (bytes > 0 && fileSystem.usedBytes + bytes > MAX_USED_BYTES) fail('ENOSPC');
  fileSystem.usedBytes += bytes;
}

/** The inode numbered `id`, those of /proc/<pid> included. */
export function inodeOf(kernel: Kernel, id: number): Inode | undefined {
  return kernel.fileSystem.inodes.get(id) ?? taskInode(kernel, id);
}

export interface NewInode {
  readonly mode: number;
  readonly driver?: string;
  /** pinned: number of the bpf object */
  readonly object?: number;
  /** guest time in ns */
  readonly time?: number;
  /** symlink: the target */
  readonly data?: Uint8Array;
}

/** An inode without a name; ENOSPC. */
export function newInode(fileSystem: FileSystem, type: InodeType, init: NewInode): Inode {
  const data = init.data ?? new Uint8Array(0);
  charge(fileSystem, INODE_CHARGE + data.length);
  const inode: Inode = {
    id: fileSystem.nextInode++,
    type,
    mode: init.mode & 0o7777,
    links: 0,
    data,
    size: data.length,
    entries: new Map(),
    parent: 0,
    driver: init.driver ?? '',
    object: init.object ?? 0,
    modified: init.time ?? 0,
  };
  fileSystem.inodes.set(inode.id, inode);
  return inode;
}

/** Undoes `newInode` of an inode that got no name. */
export function discardInode(fileSystem: FileSystem, inode: Inode): void {
  if (!fileSystem.inodes.delete(inode.id)) return;
  fileSystem.orphans.delete(inode.id);
  charge(fileSystem, -(INODE_CHARGE + inode.size));
}

/** Makes the inode belong to those that go when nothing uses them. */
export function orphanInode(fileSystem: FileSystem, inode: Inode): void {
  fileSystem.orphans.set(inode.id, true);
}

/** `name` of `directory` means `inode` from now on; it must not exist yet. ENOSPC, EMLINK. */
export function addName(fileSystem: FileSystem, directory: Inode, name: string, inode: Inode): void {
  if ((inode.type === 'directory' ? directory : inode).links >= MAX_LINKS) fail('EMLINK');
  charge(fileSystem, NAME_CHARGE);
  directory.entries.set(name, inode.id);
  fileSystem.orphans.delete(inode.id);
  if (inode.type === 'directory') {
    inode.parent = directory.id;
    // its own `.`, its name, and the `..` of each directory in it: a renamed one may have some
    inode.links =
      2 + [...inode.entries.values()].filter((id) => fileSystem.inodes.get(id)?.type === 'directory').length;
    directory.links++;
  } else {
    inode.links++;
  }
}

/** Takes the name away; without another one the inode becomes an orphan. */
export function removeName(fileSystem: FileSystem, directory: Inode, name: string, inode: Inode): void {
  directory.entries.delete(name);
  charge(fileSystem, -NAME_CHARGE);
  if (inode.type === 'directory') {
    inode.links = 0;
    directory.links--;
  } else {
    inode.links--;
  }
  if (inode.links === 0) orphanInode(fileSystem, inode);
}

/** Fails as `addName` of an inode with few names would: ENOSPC, EMLINK. */
export function checkRoomForName(fileSystem: FileSystem, directory: Inode, type: InodeType): void {
  if (type === 'directory' && directory.links >= MAX_LINKS) fail('EMLINK');
  charge(fileSystem, NAME_CHARGE);
  charge(fileSystem, -NAME_CHARGE);
}

const kindsWithInode: ReadonlySet<FileKind> = new Set(['regular', 'directory', 'generated', 'device', 'pinned']);

/** Whether `object` of such an open file is an inode. */
export function hasInode(kind: FileKind): boolean {
  return kindsWithInode.has(kind);
}

/** Frees the orphans that no open file and no working directory holds. */
export function sweepOrphans(kernel: Kernel): void {
  const { fileSystem } = kernel;
  if (fileSystem.orphans.size === 0) return;
  const used = new Set<number>();
  for (const file of kernel.openFiles.values()) if (hasInode(file.kind)) used.add(file.object);
  for (const task of kernel.tasks.values()) used.add(task.workingDirectory);
  for (const id of fileSystem.orphans.keys()) {
    const inode = fileSystem.inodes.get(id);
    if (inode === undefined || used.has(id)) continue;
    discardInode(fileSystem, inode);
    if (inode.type === 'pinned') dropPinned(kernel, inode);
  }
}

/** The inode `name` means in `directory`; EPERM for a name that bpffs does not have. */
export function lookup(kernel: Kernel, directory: Inode, name: string): Inode | undefined {
  // bpf_lookup: names with a dot are reserved
  if (isBpffs(directory) && name.includes('.')) fail('EPERM');
  const id = directory.entries.get(name) ?? procEntries(kernel, directory)?.get(name);
  return id === undefined ? undefined : inodeOf(kernel, id);
}

/** Names of `directory` in the order of their bytes, without `.` and `..`. */
export function namesOf(kernel: Kernel, directory: Inode): string[] {
  const computed = procEntries(kernel, directory);
  return [...directory.entries.keys(), ...(computed?.keys() ?? [])].sort();
}

/** Fails when `directory` takes no new names: it is removed, or its entries are the kernel's. */
export function checkCanCreate(directory: Inode): void {
  const refusal = mounts[directory.driver]?.create;
  if (refusal !== undefined) fail(refusal);
  if (directory.links === 0) fail('ENOENT');
}

/** EPERM when the entries of `directory` are the kernel's. */
export function checkCanRemove(directory: Inode): void {
  if (mounts[directory.driver]?.create !== undefined) fail('EPERM');
}

/** st_dev; rename and link across two is EXDEV. */
export function deviceOf(directory: Inode): number {
  return mounts[directory.driver]?.device ?? mounts['']!.device;
}

/** An inode is being used by name or content: sets its time. */
export function touch(kernel: Kernel, inode: Inode): void {
  inode.modified = kernel.roundStart;
}

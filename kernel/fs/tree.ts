/** Inodes and names: the tree itself, with no knowledge of paths, tasks' rights or open files' operations. */
import { fail, type ErrnoName } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { charge, uncharge } from '../mm/charge.ts';
import { insertSorted, removeSorted, valueAt, valuesAbove } from '../sorted-list.ts';
import { MAX_LINKS } from './constants.ts';
import { freeUnused, inodeCharge } from './inode-uses.ts';
import { procEntry, procNames, taskInode } from './proc-inodes.ts';
import type { FileKind, FileSystem, Inode, InodeType } from './types.ts';

/** What a name of at most 255 bytes keeps of the host's memory. */
export const NAME_CHARGE = 512;

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
  readonly time?: bigint;
  /** symlink */
  readonly target?: string;
}

/** An inode without a name or a user: the caller gives it one, or takes it back by `discardInode`. ENOSPC. */
export function newInode(kernel: Kernel, type: InodeType, init: NewInode): Inode {
  charge(kernel, inodeCharge(init.target ?? ''), 'ENOSPC');
  return addInode(kernel.fileSystem, type, init);
}

/** `newInode` of the root, which is there before anything can be charged. */
export function addInode(fileSystem: FileSystem, type: InodeType, init: NewInode): Inode {
  const target = init.target ?? '';
  const inode: Inode = {
    id: fileSystem.nextInode++,
    type,
    mode: init.mode & 0o7777,
    links: 0,
    references: 0,
    writers: 0,
    size: target.length,
    pages: new Map(),
    mappings: new Map(),
    version: 0,
    target,
    entries: new Map(),
    names: [],
    name: '',
    parent: 0,
    driver: init.driver ?? '',
    object: init.object ?? 0,
    modified: init.time ?? 0n,
  };
  fileSystem.inodes.set(inode.id, inode);
  return inode;
}

/**
 * `name` of `directory` means `inode` from now on; it must not exist yet. A directory has no other one. ENOSPC,
 * EMLINK.
 */
export function addName(kernel: Kernel, directory: Inode, name: string, inode: Inode): void {
  if ((inode.type === 'directory' ? directory : inode).links >= MAX_LINKS) fail('EMLINK');
  charge(kernel, NAME_CHARGE, 'ENOSPC');
  directory.entries.set(name, inode.id);
  insertSorted(directory.names, name);
  if (inode.type === 'directory') {
    inode.parent = directory.id;
    inode.name = name;
    // its own `.` and its name; the `..` of each directory in it will count
    inode.links = 2;
    directory.links++;
  } else {
    inode.links++;
  }
}

/** Takes the name away; without another one, and without a user, the inode goes. */
export function removeName(kernel: Kernel, directory: Inode, name: string, inode: Inode): void {
  directory.entries.delete(name);
  removeSorted(directory.names, name);
  uncharge(kernel, NAME_CHARGE);
  if (inode.type === 'directory') {
    inode.links = 0;
    directory.links--;
  } else {
    inode.links--;
  }
  freeUnused(kernel, inode);
}

/** Fails as `addName` of an inode with few names would: ENOSPC, EMLINK. */
export function checkRoomForName(kernel: Kernel, directory: Inode, type: InodeType): void {
  if (type === 'directory' && directory.links >= MAX_LINKS) fail('EMLINK');
  charge(kernel, NAME_CHARGE, 'ENOSPC');
  uncharge(kernel, NAME_CHARGE);
}

const kindsWithInode: ReadonlySet<FileKind> = new Set(['regular', 'directory', 'generated', 'device', 'pinned']);

/** Whether `object` of such an open file is an inode. */
export function hasInode(kind: FileKind): boolean {
  return kindsWithInode.has(kind);
}

/** The inode `name` means in `directory`; EPERM for a name that bpffs does not have. */
export function lookup(kernel: Kernel, directory: Inode, name: string): Inode | undefined {
  // bpf_lookup: names with a dot are reserved
  if (isBpffs(directory) && name.includes('.')) fail('EPERM');
  const id = directory.entries.get(name) ?? procEntry(kernel, directory, name);
  return id === undefined ? undefined : inodeOf(kernel, id);
}

/** Of what /proc computes and of what is there, in the order of their bytes; undefined where nothing is computed. */
function allNames(kernel: Kernel, directory: Inode): string[] | undefined {
  const computed = procNames(kernel, directory);
  return computed && [...directory.entries.keys(), ...computed].sort();
}

/** How many names `directory` has, without `.` and `..`. */
export const countNames = (kernel: Kernel, directory: Inode): number =>
  directory.entries.size + (procNames(kernel, directory)?.length ?? 0);

/** Names of `directory` in the order of their bytes, without `.` and `..`: those after `cursor`, '' being before all. */
export function namesAfter(kernel: Kernel, directory: Inode, cursor: string): Iterable<string> {
  const all = allNames(kernel, directory);
  return all === undefined ? valuesAbove(directory.names, cursor) : all.filter((name) => name > cursor);
}

/** The one that has `index` others before it. */
export function nameAt(kernel: Kernel, directory: Inode, index: number): string | undefined {
  const all = allNames(kernel, directory);
  return all === undefined ? valueAt(directory.names, index) : all[index];
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

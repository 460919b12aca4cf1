/** The file system as a box starts with it, and the host's way to its files. */
import { PAGE_SIZE } from '../../cpu/memory.ts';
import { Errno, fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { freePages } from '../mm/physical.ts';
import { guestText } from './bytes.ts';
import { systemLinks } from './computed-links.ts';
import { resizeContent, wholeContent, writeContent } from './content.ts';
import { deviceRows } from './devices.ts';
import { systemRows } from './generated.ts';
import { makeDirectory } from './names.ts';
import { createFile, generatedText } from './opening.ts';
import { resolve } from './paths.ts';
import { addInode, addName, newInode, removeName, type NewInode } from './tree.ts';
import type { FileSystem, Inode, InodeType } from './types.ts';

export { KPROBE_PMU_TYPE } from './constants.ts';
export { absolutePath, resolvePath } from './paths.ts';

/** Directories and links that no row of another table brings; parents first. */
// prettier-ignore
const initial: readonly (readonly [path: string, type: InodeType, mode: number, detail: string])[] = [
  ['/bin',                      'directory', 0o755,  ''],
  ['/dev',                      'directory', 0o755,  ''],
  ['/dev/fd',                   'symlink',   0o777,  '/proc/self/fd'],
  ['/dev/stdin',                'symlink',   0o777,  '/proc/self/fd/0'],
  ['/dev/stdout',               'symlink',   0o777,  '/proc/self/fd/1'],
  ['/dev/stderr',               'symlink',   0o777,  '/proc/self/fd/2'],
  ['/etc',                      'directory', 0o755,  ''],
  ['/proc',                     'directory', 0o555,  'proc-root'],
  ['/sys',                      'directory', 0o555,  'sys'],
  ['/sys/fs',                   'directory', 0o755,  'sys'],
  ['/sys/fs/bpf',               'directory', 0o1777, 'bpf'],
  ['/sys/kernel',               'directory', 0o755,  'sys'],
  ['/sys/kernel/debug',         'directory', 0o700,  'sys'],
  ['/sys/kernel/tracing',       'directory', 0o700,  'sys'],
  ['/sys/kernel/tracing/events', 'directory', 0o750, 'sys'],
  ['/sys/kernel/debug/tracing', 'symlink',   0o777,  '/sys/kernel/tracing'],
  ['/tmp',                      'directory', 0o1777, ''],
];

function find(fileSystem: FileSystem, path: string): Inode | undefined {
  let inode = fileSystem.inodes.get(fileSystem.root);
  for (const name of path.split('/')) {
    if (name === '' || inode === undefined) continue;
    const id = inode.entries.get(name);
    inode = id === undefined ? undefined : fileSystem.inodes.get(id);
  }
  return inode;
}

/** Puts an inode at `path`, making the directories above it like the one they are in. */
function place(kernel: Kernel, path: string, type: InodeType, init: NewInode): Inode {
  const slash = path.lastIndexOf('/');
  const above = path.slice(0, slash);
  const directory =
    find(kernel.fileSystem, above) ?? place(kernel, above, 'directory', { mode: 0o555, driver: mountOf(path) });
  const inode = newInode(kernel, type, init);
  addName(kernel, directory, path.slice(slash + 1), inode);
  return inode;
}

/** A file below /proc or /sys whose text `systemRow` knows by its path. */
export function placeGenerated(kernel: Kernel, path: string, mode: number): void {
  place(kernel, path, 'generated', { mode, driver: path });
}

const mountOf = (path: string): string => /^\/(proc|sys)\//.exec(path)?.[1] ?? '';

/** A root and nothing in it. */
export function createFileSystem(): FileSystem {
  const fileSystem: FileSystem = {
    inodes: new Map(),
    root: 1,
    nextInode: 1,
    cachedPages: 0,
    pipes: new Map(),
    epolls: new Map(),
    eventCounters: new Map(),
    watches: 0,
    stdin: { chunks: [], closed: false },
  };
  const root = addInode(fileSystem, 'directory', { mode: 0o755 });
  root.parent = root.id;
  root.links = 2;
  return fileSystem;
}

/** /bin, /dev, /etc, /proc, /sys and /tmp. */
export function fillFileSystem(kernel: Kernel): void {
  for (const [path, type, mode, detail] of initial) {
    const init = type === 'symlink' ? { mode, target: detail } : { mode, driver: detail };
    place(kernel, path, type, init);
  }
  for (const { path } of systemLinks) place(kernel, path, 'symlink', { mode: 0o777, driver: path });
  for (const { name, mode } of deviceRows) place(kernel, `/dev/${name}`, 'device', { mode, driver: name });
  for (const { path, mode } of systemRows) place(kernel, path, 'generated', { mode, driver: path });
}

/** pages that the records of a new file are charged at most */
const RECORDS = 1;

/** Whether a program runs from the file, or memory shows it. */
const isMapped = ({ writers, mappings }: Inode): boolean => writers < 0 || mappings.size > 0;

/**
 * The host puts a regular file with `bytes` at `path` (absolute, or from the root), in the place of one that is there; what runs
 * from that one keeps it. Directories above it are made. Errno: ENOSPC, and the file that was there is as it was; EISDIR,
 * ENOTDIR, EPERM below /proc and /sys …
 */
export function writeFile(kernel: Kernel, path: string, bytes: Uint8Array, mode = 0o644): void {
  const parent = path.slice(0, path.lastIndexOf('/') + 1);
  if (parent !== '') mkdirs(kernel, parent);
  const place = resolve(kernel, guestText(path));
  const old = place.inode;
  if (old !== undefined && old.type !== 'regular') fail(old.type === 'directory' ? 'EISDIR' : 'EACCES');
  const kept = old !== undefined && isMapped(old);
  const room = freePages(kernel) + (kept ? 0 : (old?.pages.size ?? 0));
  if (Math.ceil(bytes.length / PAGE_SIZE) + RECORDS > room) fail('ENOSPC');
  if (kept) removeName(kernel, place.directory, place.name, old);
  const inode = kept || old === undefined ? createFile(kernel, place, mode) : old;
  resizeContent(kernel, inode, 0);
  writeContent(kernel, inode, 0, bytes);
  inode.mode = mode & 0o7777;
}

function unlessRefused<Result>(body: () => Result): Result | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof Errno) return undefined;
    throw error;
  }
}

/**
 * The bytes of the regular or generated file at `path`; undefined when there is none. Errno: EFBIG for a file that would
 * not fit into the box's memory if it had no holes.
 */
export function readFile(kernel: Kernel, path: string): Uint8Array | undefined {
  const inode = unlessRefused(() => resolve(kernel, guestText(path)).inode);
  if (inode?.type === 'regular') return wholeContent(kernel, inode);
  return inode?.type === 'generated' ? unlessRefused(() => generatedText(kernel, inode)) : undefined;
}

/** Makes the directory `path` and those above it that are missing. Errno: ENOTDIR, ENOSPC … */
export function mkdirs(kernel: Kernel, path: string): void {
  let above = '';
  for (const name of guestText(path).split('/')) {
    if (name === '') continue;
    above += `/${name}`;
    const { inode } = resolve(kernel, above);
    if (inode === undefined) makeDirectory(kernel, above, 0o755);
    else if (inode.type !== 'directory') fail('ENOTDIR');
  }
}

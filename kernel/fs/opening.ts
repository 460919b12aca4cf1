/** open(2), from the path on. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import { latin1Bytes } from './bytes.ts';
import { describedFile } from './computed-links.ts';
import { OpenFlag } from './constants.ts';
import { resizeContent } from './content.ts';
import { deviceRow } from './devices.ts';
import { isWritable, openFile, releaseFile } from './files.ts';
import { systemRow, taskRow } from './generated.ts';
import { pathOf, resolve, type Resolved } from './paths.ts';
import { addPipeEnd } from './pipes.ts';
import { subjectOf } from './proc-inodes.ts';
import { checkWriteAccess, discardInode, holdInode, releaseInode } from './inode-uses.ts';
import { setSnapshot } from './snapshot.ts';
import { addName, checkCanCreate, isBpffs, newInode, removeName } from './tree.ts';
import type { Inode, OpenFile } from './types.ts';

export interface OpenOptions {
  /** inode that a relative path starts from */
  readonly start?: number;
  /** O_* */
  readonly flags: number;
  /** permissions of a file that O_CREAT makes, before the umask */
  readonly mode: number;
}

/**
 * Opens `path` for `task` and hands the file, with one reference, to `install`. Errors as open(2)'s, and those of `install`; a file
 * that O_CREAT has made is gone then.
 */
export function openPath<Result>(
  kernel: Kernel,
  task: Task,
  path: string,
  options: OpenOptions,
  install: (file: OpenFile) => Result,
): Result {
  const { flags } = options;
  const creates = (flags & OpenFlag.create) !== 0;
  const exclusive = creates && (flags & OpenFlag.exclusive) !== 0;
  if ((flags & OpenFlag.temporary) !== 0) fail('EOPNOTSUPP');
  if (creates && (flags & OpenFlag.directory) !== 0) fail('EINVAL');
  const follow = !exclusive && (flags & OpenFlag.noFollow) === 0;
  const resolved = resolve(kernel, path, { start: options.start ?? task.workingDirectory, follow, task });
  const open = (inode: Inode): Result =>
    install(openInode(kernel, inode, flags, pathOf(kernel, { ...resolved, inode })));
  const { inode } = resolved;
  if (inode === undefined) {
    if (!creates) fail('ENOENT');
    return openNew(kernel, resolved, createFile(kernel, resolved, options.mode & ~task.umask), open);
  }
  if (exclusive) fail('EEXIST');
  if (creates && (inode.type === 'directory' || resolved.slash)) fail('EISDIR');
  return open(inode);
}

function openNew<Result>(
  kernel: Kernel,
  { directory, name }: Resolved,
  inode: Inode,
  open: (inode: Inode) => Result,
): Result {
  try {
    return open(inode);
  } catch (error) {
    removeName(kernel, directory, name, inode);
    throw error;
  }
}

/** A new regular file at a place that `resolve` found empty. EISDIR, ENOSPC, and what `checkCanCreate` says. */
export function createFile(kernel: Kernel, { directory, name, slash }: Resolved, mode: number): Inode {
  if (slash) fail('EISDIR');
  checkCanCreate(directory);
  if (isBpffs(directory)) fail('EACCES');
  const inode = newInode(kernel, 'regular', { mode, time: kernel.roundStart });
  try {
    addName(kernel, directory, name, inode);
  } catch (error) {
    discardInode(kernel, inode);
    throw error;
  }
  return inode;
}

/** Opens what has been found; `path` is what it is called from now on. */
export function openInode(kernel: Kernel, inode: Inode, flags: number, path: string): OpenFile {
  if ((flags & OpenFlag.directory) !== 0 && inode.type !== 'directory') fail('ENOTDIR');
  if ((flags & OpenFlag.path) !== 0 && inode.type !== 'symlink') return open(kernel, inode.type, inode, flags, path);
  return openers[inode.type](kernel, inode, flags, path);
}

type Opener = (kernel: Kernel, inode: Inode, flags: number, path: string) => OpenFile;
type InodeKind = 'regular' | 'directory' | 'device' | 'generated' | 'pinned';

function open(kernel: Kernel, kind: InodeKind, inode: Inode, flags: number, path: string): OpenFile {
  return openFile(kernel, kind, inode.id, flags, path);
}

const openers: Readonly<Record<Inode['type'], Opener>> = {
  regular(kernel, inode, flags, path) {
    const truncates = (flags & OpenFlag.truncate) !== 0;
    if (truncates) checkWriteAccess(inode);
    const file = open(kernel, 'regular', inode, flags, path);
    if (truncates) resizeContent(kernel, inode, 0);
    return file;
  },
  directory(kernel, inode, flags, path) {
    if (isWritable(flags) || (flags & OpenFlag.truncate) !== 0) fail('EISDIR');
    return open(kernel, 'directory', inode, flags, path);
  },
  device(kernel, inode, flags, path) {
    if (deviceRow(inode.driver) === undefined) fail('ENXIO');
    return open(kernel, 'device', inode, flags, path);
  },
  generated(kernel, inode, flags, path) {
    const row = systemRow(inode.driver);
    const taken = row?.truncate ?? row?.write ?? row?.operations?.ioctl;
    const writable = taken !== undefined || taskRow(inode.driver)?.write !== undefined;
    if (isWritable(flags) && !writable) fail('EACCES');
    const file = open(kernel, 'generated', inode, flags, path);
    try {
      if ((flags & OpenFlag.truncate) !== 0) row?.truncate?.(kernel);
      if (row?.operations === undefined) takeSnapshot(kernel, inode, file);
    } catch (error) {
      releaseFile(kernel, file);
      throw error;
    }
    return file;
  },
  // bpffs_obj_open: an object is reached by BPF_OBJ_GET alone
  pinned: () => fail('EIO'),
  symlink(kernel, inode, flags) {
    return reopen(kernel, describedFile(kernel, inode) ?? fail('ELOOP'), flags);
  },
};

/** The text of a generated file now; ENOENT when its task is gone. */
export function generatedText(kernel: Kernel, inode: Inode): Uint8Array {
  const system = systemRow(inode.driver);
  if (system !== undefined) return latin1Bytes(system.text(kernel));
  const subject = subjectOf(kernel, inode) ?? fail('ENOENT');
  return latin1Bytes(taskRow(inode.driver)?.text(kernel, subject) ?? fail('ENOENT'));
}

function takeSnapshot(kernel: Kernel, inode: Inode, file: OpenFile): void {
  setSnapshot(kernel, file, generatedText(kernel, inode));
}

/** Opens what a link of /proc/<pid>/fd leads to and has no inode: a pipe's end or a stream; others ENXIO. */
function reopen(kernel: Kernel, { kind, object, path }: OpenFile, flags: number): OpenFile {
  if (kind === 'stdin' || kind === 'stdout' || kind === 'stderr') return openFile(kernel, kind, object, flags, path);
  const pipe = kind.startsWith('pipe-') ? kernel.fileSystem.pipes.get(object) : undefined;
  const access = flags & OpenFlag.accessMode;
  if (pipe === undefined || access === OpenFlag.readWrite) return fail('ENXIO');
  const end = access === OpenFlag.readOnly ? 'pipe-read' : 'pipe-write';
  const file = openFile(kernel, end, object, flags, path);
  addPipeEnd(pipe, end);
  return file;
}

/** A regular file without a name; it lives as long as `use` has made somebody use it. ENOSPC. */
export function withUnnamed<Result>(kernel: Kernel, use: (inode: Inode) => Result): Result {
  const inode = newInode(kernel, 'regular', { mode: 0o777, time: kernel.roundStart });
  holdInode(kernel, inode.id);
  try {
    return use(inode);
  } finally {
    releaseInode(kernel, inode.id);
  }
}

/** An open regular file without a name (memfd_create, O_RDWR). ENOSPC, ENFILE. */
export function openUnnamed(kernel: Kernel, path: string): OpenFile {
  return withUnnamed(kernel, ({ id }) => openFile(kernel, 'regular', id, OpenFlag.readWrite, path));
}

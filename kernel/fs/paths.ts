/** From a path to an inode: fs/namei.c's walk, and back. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import { MAXSYMLINKS, NAME_MAX, PATH_MAX } from './constants.ts';
import { describedFile, linkTarget } from './computed-links.ts';
import { hasInode, inodeOf, lookup } from './tree.ts';
import type { Inode } from './types.ts';

export interface Resolved {
  /** the directory the last component is in */
  readonly directory: Inode;
  /** the last component; '.' or '..' where the path ends so, '/' for the root */
  readonly name: string;
  readonly inode: Inode | undefined;
  /** the path ends in a slash, so that it can only mean a directory */
  readonly slash: boolean;
}

export interface ResolveOptions {
  /** inode that a relative path starts from; default: the root */
  readonly start?: number;
  /** follow a symbolic link that the last component is; default true */
  readonly follow?: boolean;
  /** who asks: what /proc/self is */
  readonly task?: Task | undefined;
}

/** Documentation of getcwd(2): how a path that does not lead to the root begins. */
const UNREACHABLE = '(unreachable)';

const components = (path: string): string[] => path.split('/').filter((component) => component !== '');

/** The inode of a link into /proc/<pid>/fd, which leads to the file itself and not to the path it once had. */
function followDescriptor(kernel: Kernel, inode: Inode): Inode | undefined {
  const file = describedFile(kernel, inode);
  return file !== undefined && hasInode(file.kind) ? inodeOf(kernel, file.object) : undefined;
}

/**
 * Walks `path` (bytes as Latin-1). The last component may be missing: `inode` is undefined then. A link of
 * /proc/<pid>/fd to something without an inode is returned as itself.
 * Errors: ENOENT, ENOTDIR, ELOOP (over 40 links), ENAMETOOLONG (255 bytes a name, 4095 a path).
 */
export function resolve(kernel: Kernel, path: string, options: ResolveOptions = {}): Resolved {
  const { follow = true, task } = options;
  if (path === '') fail('ENOENT');
  if (path.length >= PATH_MAX) fail('ENAMETOOLONG');
  const root = inodeOf(kernel, kernel.fileSystem.root) ?? fail('ENOENT');
  let directory = path.startsWith('/') ? root : (inodeOf(kernel, options.start ?? root.id) ?? fail('ENOENT'));
  if (directory.type !== 'directory') fail('ENOTDIR');
  let slash = path.endsWith('/');
  let found: Resolved = { directory, name: '/', inode: directory, slash };
  let links = 0;
  const rest = components(path).toReversed();
  while (rest.length > 0) {
    const name = rest.pop()!;
    const last = rest.length === 0;
    if (name.length > NAME_MAX) fail('ENAMETOOLONG');
    const inode = step(kernel, directory, name);
    if (inode === undefined) {
      if (!last) fail('ENOENT');
      return { directory, name, inode, slash };
    }
    if (inode.type === 'symlink' && (!last || follow || slash)) {
      if (++links > MAXSYMLINKS) fail('ELOOP');
      const described = followDescriptor(kernel, inode);
      if (described === undefined) {
        if (describedFile(kernel, inode) !== undefined) {
          if (!last || slash) fail('ENOTDIR');
          return { directory, name, inode, slash };
        }
        const target = linkTarget(kernel, task, inode) ?? fail('ENOENT');
        if (target === '') fail('ENOENT');
        if (target.startsWith('/')) directory = root;
        if (last && target.endsWith('/')) slash = true;
        found = { directory, name: '/', inode: directory, slash };
        rest.push(...components(target).toReversed());
        continue;
      }
      found = { directory, name, inode: described, slash };
    } else {
      found = { directory, name, inode, slash };
    }
    if (last) break;
    if (found.inode!.type !== 'directory') fail('ENOTDIR');
    directory = found.inode!;
  }
  if (slash && found.inode!.type !== 'directory') fail('ENOTDIR');
  return found;
}

function step(kernel: Kernel, directory: Inode, name: string): Inode | undefined {
  if (name === '.') return directory;
  if (name === '..') return inodeOf(kernel, directory.parent);
  return lookup(kernel, directory, name);
}

/** `resolve` of what must exist: ENOENT. */
export function resolveExisting(kernel: Kernel, path: string, options: ResolveOptions = {}): Inode {
  return resolve(kernel, path, options).inode ?? fail('ENOENT');
}

/** Absolute path of a directory; undefined when it has been removed or is PATH_MAX or longer. */
export function pathOfDirectory(kernel: Kernel, id: number): string | undefined {
  let path = '';
  for (let at = id; at !== kernel.fileSystem.root;) {
    const inode = inodeOf(kernel, at);
    if (inode === undefined || inode.links === 0) return undefined;
    path = `/${inode.name}${path}`;
    if (path.length >= PATH_MAX) return undefined;
    at = inode.parent;
  }
  return path === '' ? '/' : path;
}

/** Absolute path of what `resolve` found. */
export function pathOf(kernel: Kernel, { directory, name, inode }: Resolved): string {
  if (inode?.type === 'directory') return pathOfDirectory(kernel, inode.id) ?? UNREACHABLE;
  const parent = pathOfDirectory(kernel, directory.id) ?? UNREACHABLE;
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}

const ofTask = (task: Task): ResolveOptions => ({ start: task.workingDirectory, task });

/** What `path`, as `task` would write it, means: ENOENT and the errors of `resolve`. */
export function resolvePath(kernel: Kernel, task: Task, path: string): Inode {
  return resolveExisting(kernel, path, ofTask(task));
}

/** The absolute path, free of links, of what `path` means to `task`; errors of `resolve`. */
export function absolutePath(kernel: Kernel, task: Task, path: string): string {
  return pathOf(kernel, resolve(kernel, path, ofTask(task)));
}

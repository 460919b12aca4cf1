/** Symbolic links whose target is computed: one row each. */
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import { DESCRIPTOR_LINK } from './constants.ts';
import { pathOfDirectory } from './paths.ts';
import { readTaskInode, subjectOf } from './proc-inodes.ts';
import type { Inode, OpenFile } from './types.ts';

interface SystemLink {
  readonly path: string;
  /** `task` is the one that asks; undefined: nothing is there for it */
  readonly target: (task: Task | undefined) => string | undefined;
}

interface TaskLink {
  readonly path: string;
  readonly target: (kernel: Kernel, subject: Task, inode: Inode) => string | undefined;
}

export const systemLinks: readonly SystemLink[] = [{ path: '/proc/self', target: (task) => task && `${task.tgid}` }];

export const taskLinks: readonly TaskLink[] = [
  { path: '/proc/<pid>/cwd', target: (kernel, subject) => pathOfDirectory(kernel, subject.workingDirectory) },
  { path: '/proc/<pid>/exe', target: (_, subject) => subject.executable || undefined },
  { path: '/proc/<pid>/root', target: () => '/' },
  { path: DESCRIPTOR_LINK, target: (kernel, _, inode) => describedFile(kernel, inode)?.path },
];

/** The open file behind an inode of /proc/<pid>/fd. */
export function describedFile(kernel: Kernel, inode: Inode): OpenFile | undefined {
  const fd = readTaskInode(inode.id)?.fd;
  const subject = subjectOf(kernel, inode);
  if (fd === undefined || subject === undefined) return undefined;
  const descriptor = kernel.fileTables.get(subject.fileTable)?.descriptors[fd];
  return descriptor && kernel.openFiles.get(descriptor.file);
}

/** The text of symbolic link `inode` as `task` sees it; undefined when it leads nowhere. */
export function linkTarget(kernel: Kernel, task: Task | undefined, inode: Inode): string | undefined {
  if (inode.driver === '') return inode.target;
  const system = systemLinks.find(({ path }) => path === inode.driver);
  if (system !== undefined) return system.target(task);
  const subject = subjectOf(kernel, inode);
  if (subject === undefined) return undefined;
  return taskLinks.find(({ path }) => path === inode.driver)?.target(kernel, subject, inode);
}

/**
 * The inodes of /proc/<pid>: computed from the tasks whenever they are asked for, so that no state has to follow them.
 * Their numbers hold the pid and the place in the directory.
 */
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import { taskLinks } from './computed-links.ts';
import { DESCRIPTOR_LINK, MAX_DESCRIPTORS } from './constants.ts';
import { taskRows } from './generated.ts';
import type { Inode, InodeType } from './types.ts';

/** above every number that `newInode` can reach */
const FIRST = 2 ** 40;
const PER_TASK = 4096;
const DIRECTORY = 0;
const DESCRIPTORS = 1;
const NAMED = 2;
const DESCRIPTOR = 2048;

interface Slot {
  readonly name: string;
  readonly type: InodeType;
  readonly mode: number;
  readonly driver: string;
}

let slotTable: readonly Slot[] | undefined;

/** What is in /proc/<pid> beside fd, by slot; made on first use because the rows' modules lead back here. */
function slots(): readonly Slot[] {
  slotTable ??= [
    ...taskRows.map(({ path, mode }): Slot => ({ name: lastName(path), type: 'generated', mode, driver: path })),
    ...taskLinks
      .filter(({ path }) => path !== DESCRIPTOR_LINK)
      .map(({ path }): Slot => ({ name: lastName(path), type: 'symlink', mode: 0o777, driver: path })),
  ];
  return slotTable;
}

const lastName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export interface TaskInodeNumber {
  readonly pid: number;
  readonly slot: number;
  /** of a /proc/<pid>/fd/<fd> */
  readonly fd: number | undefined;
}

/** What a number of an inode below /proc/<pid> says; undefined for others. */
export function readTaskInode(id: number): TaskInodeNumber | undefined {
  if (id < FIRST) return undefined;
  const slot = (id - FIRST) % PER_TASK;
  return { pid: Math.floor((id - FIRST) / PER_TASK), slot, fd: slot >= DESCRIPTOR ? slot - DESCRIPTOR : undefined };
}

/** The task that an inode of /proc/<pid> is about. */
export function subjectOf(kernel: Kernel, inode: Inode): Task | undefined {
  const number = readTaskInode(inode.id);
  return number && kernel.tasks.get(number.pid);
}

const inodeNumber = (pid: number, slot: number): number => FIRST + pid * PER_TASK + slot;

const none = new Map<never, never>();
const noNames: never[] = [];

function computed(id: number, type: InodeType, mode: number, driver: string, parent = 0, name = ''): Inode {
  return {
    id,
    type,
    mode,
    links: type === 'directory' ? 2 : 1,
    references: 0,
    writers: 0,
    size: 0,
    pages: none,
    mappings: none,
    version: 0,
    target: '',
    entries: none,
    names: noNames,
    name,
    parent,
    driver,
    object: 0,
    modified: 0n,
  };
}

/** The inode of a live task's /proc directory or something in it; undefined when there is none of that number. */
export function taskInode(kernel: Kernel, id: number): Inode | undefined {
  const number = readTaskInode(id);
  const task = number && kernel.tasks.get(number.pid);
  if (number === undefined || task === undefined) return undefined;
  const { pid, slot, fd } = number;
  if (slot === DIRECTORY) return computed(id, 'directory', 0o555, 'proc', procRoot(kernel), `${pid}`);
  if (slot === DESCRIPTORS) return computed(id, 'directory', 0o500, 'proc', inodeNumber(pid, DIRECTORY), 'fd');
  if (fd !== undefined) {
    const open = fd < MAX_DESCRIPTORS && kernel.fileTables.get(task.fileTable)?.descriptors[fd] !== undefined;
    return open ? computed(id, 'symlink', 0o700, DESCRIPTOR_LINK) : undefined;
  }
  const row = slots()[slot - NAMED];
  return row && computed(id, row.type, row.mode, row.driver);
}

function procRoot(kernel: Kernel): number {
  const { root, inodes } = kernel.fileSystem;
  return inodes.get(root)?.entries.get('proc') ?? root;
}

/** The names that /proc, /proc/<pid> and /proc/<pid>/fd have beside those in `entries`; undefined for other directories. */
export function procNames(kernel: Kernel, directory: Inode): string[] | undefined {
  if (directory.driver === 'proc-root') {
    const leaders = [...kernel.tasks.values()].filter(({ pid, tgid }) => pid === tgid);
    return leaders.map(({ pid }) => `${pid}`);
  }
  const number = readTaskInode(directory.id);
  if (number === undefined) return undefined;
  if (number.slot === DIRECTORY) return ['fd', ...slots().map(({ name }) => name)];
  const descriptors = descriptorsOf(kernel, number.pid);
  return [...descriptors.keys()].filter((fd) => descriptors[fd] !== undefined).map((fd) => `${fd}`);
}

const descriptorsOf = (kernel: Kernel, pid: number): readonly unknown[] =>
  kernel.fileTables.get(kernel.tasks.get(pid)?.fileTable ?? -1)?.descriptors ?? [];

/** What a name says that is a number as `procNames` writes it; else NaN. */
const wholeNumber = (name: string): number => (/^(0|[1-9]\d{0,9})$/.test(name) ? Number(name) : NaN);

/** The number of the inode that one of `procNames` means. */
export function procEntry(kernel: Kernel, directory: Inode, name: string): number | undefined {
  if (directory.driver === 'proc-root') {
    const task = kernel.tasks.get(wholeNumber(name));
    return task !== undefined && task.pid === task.tgid ? inodeNumber(task.pid, DIRECTORY) : undefined;
  }
  const number = readTaskInode(directory.id);
  if (number === undefined) return undefined;
  const { pid, slot } = number;
  if (slot !== DIRECTORY) {
    const fd = wholeNumber(name);
    return descriptorsOf(kernel, pid)[fd] === undefined ? undefined : inodeNumber(pid, DESCRIPTOR + fd);
  }
  if (name === 'fd') return inodeNumber(pid, DESCRIPTORS);
  const named = slots().findIndex((one) => one.name === name);
  return named < 0 ? undefined : inodeNumber(pid, NAMED + named);
}

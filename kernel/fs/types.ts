/** The virtual file system's data, and what the tables over it look like. */
import type { Kernel } from '../kernel.ts';
import type { Wait } from '../native.ts';
import type { SortedList } from '../sorted-list.ts';
import type { Task } from '../task.ts';

export type InodeType = 'regular' | 'directory' | 'symlink' | 'device' | 'generated' | 'pinned';

export interface Inode {
  readonly id: number;
  readonly type: InodeType;
  /** permission bits only */
  mode: number;
  links: number;
  /** open files, tasks whose working directory it is, areas, programs: see inode-uses.ts */
  references: number;
  /** i_writecount: files open for writing and areas that may write; below 0: address spaces that execute it */
  writers: number;
  /** bytes */
  size: number;
  /** regular: physical page by page number; what is missing reads as zeros. A reference each; zeros past `size` */
  readonly pages: Map<number, number>;
  /** regular: numbers of areas that show it, by address space */
  readonly mappings: Map<number, number>;
  /** regular: how often its content has been changed, by other means than a mapping */
  version: number;
  /** symlink: where it leads, one byte a character */
  readonly target: string;
  /** directory: name to inode; names are bytes as Latin-1 */
  readonly entries: Map<string, number>;
  /** directory: the keys of that, in the order in which getdents gives them */
  readonly names: SortedList<string>;
  /** directory: what it is called in `parent`; '': it has no name */
  name: string;
  /** directory: the one it is in; the root: itself; else 0 */
  parent: number;
  /**
   * A row name: of the device table (device), the generator table (generated), the computed links (symlink) or the
   * mounts (directory); the file kind of a pinned bpf object; '' for what is plain.
   */
  readonly driver: string;
  /** pinned: the number of the map, program or link, of which it holds a reference; else 0 */
  readonly object: number;
  /** guest time in ns */
  modified: bigint;
}

export interface FileSystem {
  readonly inodes: Map<number, Inode>;
  readonly root: number;
  nextInode: number;
  /** pages of the box that hold content */
  cachedPages: number;
  readonly pipes: Map<number, Pipe>;
  /** epoll instances and event counters, by the number of their open file */
  readonly epolls: Map<number, Epoll>;
  readonly eventCounters: Map<number, EventCounter>;
  /** of all epoll instances */
  watches: number;
  /** what the host typed: read by fd 0 of spawned programs */
  readonly stdin: { readonly chunks: Uint8Array[]; closed: boolean };
}

/** A row name of the file-kind table: which operations an open file has. */
export type FileKind =
  | 'regular'
  | 'directory'
  | 'generated'
  | 'device'
  /** O_PATH of a bpf object's name */
  | 'pinned'
  | 'stdin'
  | 'stdout'
  | 'stderr'
  | 'pipe-read'
  | 'pipe-write'
  | 'bpf-map'
  | 'bpf-prog'
  | 'bpf_link'
  | 'bpf-stats'
  | 'epoll'
  | 'eventfd'
  | 'perf-event'
  | 'socket';

/** An open file description (struct file). */
export interface OpenFile {
  readonly id: number;
  readonly kind: FileKind;
  /** inode, pipe, map, program, link or event number, by kind; 0 for the standard streams */
  readonly object: number;
  /** bytes; of a directory: entries given so far */
  position: number;
  /** directory: name of the last entry given */
  cursor: string;
  /** O_* status flags */
  flags: number;
  references: number;
  /** absolute path at open, or `anon_inode:…`, `pipe:[…]` */
  readonly path: string;
  /** generated files: the text as of open; trace_pipe: the rest of a line read in part */
  snapshot: Uint8Array | undefined;
}

/** What poll(2) learns: POLL* bits that hold, and the channels that are woken when one more may. */
export interface Readiness {
  readonly events: number;
  readonly channels: readonly string[];
}

/** What mmap(2) asks of a file. */
export interface MmapRequest {
  /** bytes, whole pages */
  readonly offset: number;
  readonly length: number;
  /** PROT_* */
  readonly protection: number;
}

/**
 * How a file shows pages of the kernel's own in user memory. The mapping, with all that fork copies of it, holds the open
 * file; a page that was shown stays allocated until the mapping goes, also when the kernel's object has let go of it.
 */
export interface MmapOperations {
  /** Checks before anything is mapped: EINVAL, EPERM … What mprotect may grant later: PROT_*. */
  open(kernel: Kernel, file: OpenFile, request: MmapRequest): number;
  /** Fails as MAP_PRIVATE does; default: EINVAL. */
  private?(kernel: Kernel, file: OpenFile): never;
  /** At the first touch: the page at byte `offset` of the file, one of `allocatePage`'s; undefined: SIGBUS. ENOMEM. */
  page(kernel: Kernel, file: OpenFile, offset: number): number | undefined;
  /** The last area that shows what `open` allowed is gone: munmap, exec, exit. */
  close?(kernel: Kernel, file: OpenFile, request: MmapRequest): void;
}

/** The operations of one kind of open file. Missing read, write: EINVAL; missing ioctl: ENOTTY. */
export interface FileOperations {
  /** At most `length` bytes from `file.position`, changing nothing; empty at the end. */
  read?(kernel: Kernel, task: Task, file: OpenFile, length: number): Uint8Array | Wait;
  /** The first `count` bytes of what `read` gave have reached their reader. Default: position advances. */
  consume?(kernel: Kernel, file: OpenFile, count: number): void;
  /** A read or a write is one message: the parts of readv and writev are one, too. */
  isMessage?(kernel: Kernel, file: OpenFile): boolean;
  /** How many of `bytes`, a prefix, were taken; advances position. */
  write?(kernel: Kernel, task: Task, file: OpenFile, bytes: Uint8Array): number | Wait;
  ioctl?(kernel: Kernel, task: Task, file: OpenFile, request: number, argument: bigint): number | bigint;
  /** Bytes that SEEK_END counts from; a kind without it answers ESPIPE to lseek, pread and pwrite. */
  size?(kernel: Kernel, file: OpenFile): number;
  /** lseek has set `file.position`. */
  seeked?(kernel: Kernel, file: OpenFile): void;
  /** Its pages in user memory, MAP_SHARED. Missing: ENODEV. */
  readonly mmap?: MmapOperations;
  /** Default: readable and writable. */
  poll?(kernel: Kernel, file: OpenFile): Readiness;
  /** st_mode's file type and permissions of what has no inode; default: 0600 and no type, as anonymous inodes. */
  readonly statMode?: number;
  /** The last descriptor of `file` is gone. */
  release?(kernel: Kernel, file: OpenFile): void;
}

export interface Descriptor {
  readonly file: number;
  closeOnExec: boolean;
}

export interface FileTable {
  readonly id: number;
  readonly descriptors: (Descriptor | undefined)[];
  references: number;
}

/** An epoll instance: what it watches, by descriptor and open file, in the order in which it is reported. */
export interface Epoll {
  readonly watches: Map<string, Watch>;
}

/** `struct epitem` */
export interface Watch {
  readonly descriptor: number;
  /** open file's number */
  readonly file: number;
  /** EPOLL* that are asked for, with the flags */
  events: number;
  data: bigint;
  /** channels that its readiness was last said to depend on */
  channels: readonly string[];
  /** something has happened since it was last looked at: what EPOLLET waits for */
  triggered: boolean;
}

/** eventfd(2) */
export interface EventCounter {
  count: bigint;
  readonly semaphore: boolean;
}

export interface Pipe {
  readonly id: number;
  /** bytes not read yet */
  readonly chunks: Uint8Array[];
  length: number;
  readers: number;
  writers: number;
}

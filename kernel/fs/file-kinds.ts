/** What can be done with an open file, by its kind: the one table. */
import { bpfFileKinds } from '../bpf/file-kinds.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { socketFileKinds } from '../net/socket-file.ts';
import { perfFileKinds } from '../perf/file-kinds.ts';
import { latin1Text } from './bytes.ts';
import { OpenFlag, POLL_READABLE, POLL_WRITABLE } from './constants.ts';
import { readContent, writeContent } from './content.ts';
import { deviceOperations } from './devices.ts';
import { epollKinds } from './epoll.ts';
import { eventfdKinds } from './eventfd.ts';
import { systemRow, taskRow, type SystemRow } from './generated.ts';
import { pipeKinds } from './pipes.ts';
import { subjectOf } from './proc-inodes.ts';
import { stdioKinds } from './stdio.ts';
import { countNames, inodeOf, nameAt } from './tree.ts';
import type { FileKind, FileOperations, Inode, OpenFile } from './types.ts';

export type { FileOperations } from './types.ts';

const inodeFor = (kernel: Kernel, file: OpenFile): Inode => inodeOf(kernel, file.object) ?? fail('EBADF');

function advance(_: Kernel, file: OpenFile, count: number): void {
  file.position += count;
}

const regular: FileOperations = {
  read: (kernel, _task, file, length) => readContent(kernel, inodeFor(kernel, file), file.position, length),
  write(kernel, _task, file, bytes) {
    const inode = inodeFor(kernel, file);
    if ((file.flags & OpenFlag.append) !== 0) file.position = inode.size;
    const count = writeContent(kernel, inode, file.position, bytes);
    file.position += count;
    return count;
  },
  size: (kernel, file) => inodeFor(kernel, file).size,
};

const directory: FileOperations = {
  read: () => fail('EISDIR'),
  /** entries, with `.` and `..` */
  size: (kernel, file) => countNames(kernel, inodeFor(kernel, file)) + 2,
  seeked(kernel, file) {
    file.cursor = file.position < 3 ? '' : (nameAt(kernel, inodeFor(kernel, file), file.position - 3) ?? '\u{ffff}');
  },
};

const ownRow = (kernel: Kernel, file: OpenFile): FileOperations | undefined =>
  systemRow(inodeOf(kernel, file.object)?.driver ?? '')?.operations;

function writeSystem(kernel: Kernel, row: SystemRow | undefined, text: string): void {
  if (row?.write !== undefined) row.write(kernel, text);
  else if (row?.truncate === undefined) fail('EINVAL');
}

const generated: FileOperations = {
  read(kernel, task, file, length) {
    const own = ownRow(kernel, file);
    if (own?.read !== undefined) return own.read(kernel, task, file, length);
    return (file.snapshot ?? new Uint8Array(0)).slice(file.position, file.position + length);
  },
  consume: (kernel, file, count) => (ownRow(kernel, file)?.consume ?? advance)(kernel, file, count),
  write(kernel, _task, file, bytes) {
    const inode = inodeFor(kernel, file);
    const subject = subjectOf(kernel, inode);
    const write = taskRow(inode.driver)?.write;
    if (subject !== undefined && write !== undefined) write(kernel, subject, latin1Text(bytes));
    else writeSystem(kernel, systemRow(inode.driver), latin1Text(bytes));
    return bytes.length;
  },
  ioctl(kernel, task, file, request, argument) {
    const ioctl = ownRow(kernel, file)?.ioctl ?? fail('ENOTTY');
    return ioctl(kernel, task, file, request, argument);
  },
  size: (_, file) => file.snapshot?.length ?? 0,
  poll: (kernel, file) => ownRow(kernel, file)?.poll?.(kernel, file) ?? everythingReady,
};

const device: FileOperations = {
  read: (kernel, task, file, length) =>
    deviceOperations(kernel, file).read?.(kernel, task, file, length) ?? fail('EINVAL'),
  consume: (kernel, file, count) => (deviceOperations(kernel, file).consume ?? advance)(kernel, file, count),
  write: (kernel, task, file, bytes) =>
    deviceOperations(kernel, file).write?.(kernel, task, file, bytes) ?? fail('EINVAL'),
  size: (kernel, file) => (deviceOperations(kernel, file).size ?? (() => fail('ESPIPE')))(kernel, file),
  poll: (kernel, file) => deviceOperations(kernel, file).poll?.(kernel, file) ?? everythingReady,
};

const everythingReady = { events: POLL_READABLE | POLL_WRITABLE, channels: [] };

const ownKinds: Partial<Record<FileKind, FileOperations>> = {
  regular,
  directory,
  generated,
  device,
  ...stdioKinds,
  ...pipeKinds,
  ...epollKinds,
  ...eventfdKinds,
};

/** The operations of a kind. Looked up when asked: the modules of the other tables lead back here. */
export function operationsOf(kind: FileKind): FileOperations {
  const others: readonly Partial<Record<FileKind, FileOperations>>[] = [bpfFileKinds, perfFileKinds, socketFileKinds];
  return ownKinds[kind] ?? others.find((table) => table[kind] !== undefined)?.[kind] ?? {};
}

/** `file`'s read bytes have been delivered. */
export function consume(kernel: Kernel, file: OpenFile, count: number): void {
  (operationsOf(file.kind).consume ?? advance)(kernel, file, count);
}

/** What poll(2) sees of `file`. */
export function readiness(kernel: Kernel, file: OpenFile): ReturnType<NonNullable<FileOperations['poll']>> {
  return operationsOf(file.kind).poll?.(kernel, file) ?? everythingReady;
}

/** Whether epoll can watch `file`: what is always ready, as regular files and most devices, cannot be. */
export function isPollable(kernel: Kernel, file: OpenFile): boolean {
  if (file.kind === 'generated') return ownRow(kernel, file)?.poll !== undefined;
  if (file.kind === 'device') return deviceOperations(kernel, file).poll !== undefined;
  return operationsOf(file.kind).poll !== undefined;
}

/** ioctl(2) of what the kind does not know is ENOTTY. */
export function ioctlFile(kernel: Kernel, ...call: IoctlArguments): number | bigint {
  const [task, file, request, argument] = call;
  return operationsOf(file.kind).ioctl?.(kernel, task, file, request, argument) ?? fail('ENOTTY');
}

type IoctlArguments = Parameters<NonNullable<FileOperations['ioctl']>> extends [Kernel, ...infer Rest] ? Rest : never;

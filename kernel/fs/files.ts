/** Open file descriptions, and the descriptor tables that lead to them. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import { charge, uncharge } from '../mm/charge.ts';
import { chargeAnyway, chargeObject, objectBytes, unchargeObject } from '../mm/objects.ts';
import { MAX_DESCRIPTORS, MAX_OPEN_FILES, OpenFlag } from './constants.ts';
import { operationsOf } from './file-kinds.ts';
import { checkWriteAccess, getWriteAccess, holdInode, putWriteAccess, releaseInode } from './inode-uses.ts';
import { setSnapshot } from './snapshot.ts';
import { hasInode } from './tree.ts';
import type { Descriptor, FileKind, FileTable, Inode, OpenFile } from './types.ts';

/** What open(2) consumes and F_GETFL does not show. */
const CREATION_FLAGS =
  OpenFlag.create | OpenFlag.exclusive | OpenFlag.truncate | OpenFlag.closeOnExec | OpenFlag.noTerminal;

/** Whether `flags` (O_*) open for writing. */
export const isWritable = (flags: number): boolean =>
  (flags & OpenFlag.path) === 0 && (flags & OpenFlag.accessMode) !== OpenFlag.readOnly;

/** The inode of a regular file that is open for writing. */
type Opened = Pick<OpenFile, 'kind' | 'object' | 'flags'>;
const writtenInode = (kernel: Kernel, { kind, object, flags }: Opened): Inode | undefined =>
  kind === 'regular' && isWritable(flags) ? kernel.fileSystem.inodes.get(object) : undefined;

/**
 * A new open file description with one reference, the caller's, which `installDescriptor` takes over.
 * `object`: inode, pipe, map, program, link or event number. ENFILE when there are too many, ETXTBSY to write
 * a program that is being executed; the caller still has to undo what it counted for `object` then.
 */
export function openFile(kernel: Kernel, kind: FileKind, object: number, flags: number, path: string): OpenFile {
  if (kernel.openFiles.size >= MAX_OPEN_FILES) fail('ENFILE');
  const written = writtenInode(kernel, { kind, object, flags });
  if (written !== undefined) checkWriteAccess(written);
  chargeObject(kernel, 'file', path.length, 'ENFILE');
  const file: OpenFile = {
    id: kernel.nextId.file++,
    kind,
    object,
    position: 0,
    cursor: '',
    flags: flags & ~CREATION_FLAGS,
    references: 1,
    path,
    snapshot: undefined,
  };
  if (written !== undefined) getWriteAccess(written);
  if (hasInode(kind)) holdInode(kernel, object);
  kernel.openFiles.set(file.id, file);
  return file;
}

/** One more reference to `file`, for a second descriptor. */
export function holdFile(file: OpenFile): OpenFile {
  file.references++;
  return file;
}

/** Drops one reference; the last one ends the file as its kind says. */
export function releaseFile(kernel: Kernel, file: OpenFile): void {
  if (--file.references > 0) return;
  kernel.openFiles.delete(file.id);
  unchargeObject(kernel, 'file', file.path.length);
  setSnapshot(kernel, file, undefined);
  operationsOf(file.kind).release?.(kernel, file);
  const written = writtenInode(kernel, file);
  if (written !== undefined) putWriteAccess(written);
  if (hasInode(file.kind)) releaseInode(kernel, file.object);
}

function tableOf(kernel: Kernel, task: Task): FileTable {
  return kernel.fileTables.get(task.fileTable) ?? fail('EBADF');
}

/**
 * Puts `file` on the lowest free descriptor at or above `minimum` and takes over a reference of the caller.
 * EMFILE (the reference is dropped).
 */
export function installDescriptor(
  kernel: Kernel,
  task: Task,
  file: OpenFile,
  closeOnExec: boolean,
  minimum = 0,
): number {
  try {
    const fd = freeDescriptor(kernel, task, minimum);
    chargeObject(kernel, 'descriptor');
    setDescriptor(tableOf(kernel, task).descriptors, fd, { file: file.id, closeOnExec });
    return fd;
  } catch (error) {
    releaseFile(kernel, file);
    throw error;
  }
}

/** get_unused_fd_flags: the lowest free number at or above `minimum`. EMFILE. */
export function freeDescriptor(kernel: Kernel, task: Task, minimum = 0): number {
  const { descriptors } = tableOf(kernel, task);
  let fd = minimum;
  while (descriptors[fd] !== undefined) fd++;
  return fd < MAX_DESCRIPTORS ? fd : fail('EMFILE');
}

function setDescriptor(descriptors: (Descriptor | undefined)[], fd: number, descriptor: Descriptor): void {
  while (descriptors.length < fd) descriptors.push(undefined);
  descriptors[fd] = descriptor;
}

/** dup2: puts `file` on `fd`, which is closed first if open. EBADF for a number that none can have. */
export function replaceDescriptor(
  kernel: Kernel,
  task: Task,
  file: OpenFile,
  closeOnExec: boolean,
  fd: number,
): number {
  if (fd < 0 || fd >= MAX_DESCRIPTORS) {
    releaseFile(kernel, file);
    fail('EBADF');
  }
  const { descriptors } = tableOf(kernel, task);
  const old = descriptors[fd];
  try {
    chargeObject(kernel, 'descriptor');
  } catch (error) {
    releaseFile(kernel, file);
    throw error;
  }
  setDescriptor(descriptors, fd, { file: file.id, closeOnExec });
  if (old !== undefined) dropDescriptor(kernel, old);
  return fd;
}

function dropDescriptor(kernel: Kernel, descriptor: Descriptor): void {
  unchargeObject(kernel, 'descriptor');
  const file = kernel.openFiles.get(descriptor.file);
  if (file !== undefined) releaseFile(kernel, file);
}

/** The low 32 bits of a register as a descriptor number. */
const descriptorNumber = (fd: bigint | number): number => (typeof fd === 'bigint' ? Number(BigInt.asIntN(32, fd)) : fd);

/** The table's record of `fd`, a register or a number; EBADF. */
export function descriptorOf(kernel: Kernel, task: Task, fd: bigint | number): Descriptor {
  return tableOf(kernel, task).descriptors[descriptorNumber(fd)] ?? fail('EBADF');
}

/** The open file behind `fd`, a register or a number; undefined where it is closed. */
export function openFileAt(kernel: Kernel, task: Task, fd: bigint | number): OpenFile | undefined {
  const descriptor = tableOf(kernel, task).descriptors[descriptorNumber(fd)];
  return descriptor && kernel.openFiles.get(descriptor.file);
}

/** The open file behind `fd`; EBADF. */
export function fileOf(kernel: Kernel, task: Task, fd: bigint | number): OpenFile {
  return openFileAt(kernel, task, fd) ?? fail('EBADF');
}

/** close(2); EBADF. */
export function closeDescriptor(kernel: Kernel, task: Task, fd: bigint | number): void {
  const descriptor = descriptorOf(kernel, task, fd);
  tableOf(kernel, task).descriptors[descriptorNumber(fd)] = undefined;
  dropDescriptor(kernel, descriptor);
}

function addTable(kernel: Kernel, descriptors: (Descriptor | undefined)[]): number {
  chargeObject(kernel, 'file-table');
  const table: FileTable = { id: kernel.nextId.fileTable++, descriptors, references: 1 };
  kernel.fileTables.set(table.id, table);
  return table.id;
}

/** Number of an empty table with one reference. */
export function createFileTable(kernel: Kernel): number {
  return addTable(kernel, []);
}

const standardStreams = [
  ['stdin', OpenFlag.readOnly],
  ['stdout', OpenFlag.writeOnly],
  ['stderr', OpenFlag.writeOnly],
] as const;

/** Number of a table with stdin, stdout and stderr on 0, 1 and 2. ENFILE. */
export function createStandardFileTable(kernel: Kernel): number {
  const id = createFileTable(kernel);
  const { descriptors } = tableNumbered(kernel, id);
  try {
    for (const [kind, flags] of standardStreams) {
      const file = openFile(kernel, kind, 0, flags, `pipe:[${kind}]`);
      chargeAnyway(kernel, 'descriptor');
      descriptors.push({ file: file.id, closeOnExec: false });
    }
  } catch (error) {
    releaseFileTable(kernel, id);
    throw error;
  }
  return id;
}

function tableNumbered(kernel: Kernel, id: number): FileTable {
  return kernel.fileTables.get(id) ?? fail('EBADF');
}

/** fork: number of a table of its own with the same open files. */
export function copyFileTable(kernel: Kernel, id: number): number {
  const source = tableNumbered(kernel, id).descriptors;
  const count = source.reduce((sum, descriptor) => sum + (descriptor === undefined ? 0 : 1), 0);
  const bytes = count * objectBytes.descriptor;
  charge(kernel, bytes);
  let table;
  try {
    table = addTable(
      kernel,
      source.map((descriptor) => descriptor && { ...descriptor }),
    );
  } catch (error) {
    uncharge(kernel, bytes);
    throw error;
  }
  for (const descriptor of source) {
    const file = descriptor && kernel.openFiles.get(descriptor.file);
    if (file !== undefined) holdFile(file);
  }
  return table;
}

/** CLONE_FILES: one more reference to table `id`, whose number it returns. */
export function shareFileTable(kernel: Kernel, id: number): number {
  tableNumbered(kernel, id).references++;
  return id;
}

/** exit: drops a reference; the last one closes every descriptor. */
export function releaseFileTable(kernel: Kernel, id: number): void {
  const table = kernel.fileTables.get(id);
  if (table === undefined || --table.references > 0) return;
  kernel.fileTables.delete(id);
  unchargeObject(kernel, 'file-table');
  for (const descriptor of table.descriptors) if (descriptor !== undefined) dropDescriptor(kernel, descriptor);
}

/** exec: closes the descriptors marked so. */
export function closeOnExec(kernel: Kernel, id: number): void {
  const { descriptors } = tableNumbered(kernel, id);
  for (const [fd, descriptor] of descriptors.entries()) {
    if (descriptor?.closeOnExec !== true) continue;
    descriptors[fd] = undefined;
    dropDescriptor(kernel, descriptor);
  }
}

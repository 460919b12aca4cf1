/** Who uses an inode: names, open files, working directories, areas, programs. With the last one it goes, and its content. */
import { dropPinned } from '../bpf/pins.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { uncharge } from '../mm/charge.ts';
import type { MappedFile } from '../mm/types.ts';
import { dropContent } from './content.ts';
import type { Inode } from './types.ts';

/** What an inode keeps of the host's memory beside its content, bytes: its record, three Maps and its place in one. */
const INODE_CHARGE = 1024;

export const inodeCharge = (target: string): number => INODE_CHARGE + target.length;

/** Undoes `newInode` of an inode that got neither a name nor a user. */
export function discardInode(kernel: Kernel, inode: Inode): void {
  kernel.fileSystem.inodes.delete(inode.id);
  dropContent(kernel, inode);
  uncharge(kernel, inodeCharge(inode.target));
}

/** iput: an inode that has neither a name nor a user goes. */
export function freeUnused(kernel: Kernel, inode: Inode): void {
  if (inode.links > 0 || inode.references > 0) return;
  discardInode(kernel, inode);
  if (inode.type === 'pinned') dropPinned(kernel, inode);
}

/** One user more; inodes of /proc/<pid> are counted by nobody. */
export function holdInode(kernel: Kernel, id: number): void {
  const inode = kernel.fileSystem.inodes.get(id);
  if (inode !== undefined) inode.references++;
}

export function releaseInode(kernel: Kernel, id: number): void {
  const inode = kernel.fileSystem.inodes.get(id);
  if (inode === undefined) return;
  inode.references--;
  freeUnused(kernel, inode);
}

/** get_write_access; ETXTBSY while it is executed. */
export function getWriteAccess(inode: Inode): void {
  checkWriteAccess(inode);
  inode.writers++;
}

/** Fails as `getWriteAccess`. */
export function checkWriteAccess(inode: Inode): void {
  if (inode.writers < 0) fail('ETXTBSY');
}

export function putWriteAccess(inode: Inode): void {
  inode.writers--;
}

/** deny_write_access: it is being executed; ETXTBSY while somebody has it open for writing. */
export function denyWriteAccess(kernel: Kernel, id: number): void {
  const inode = kernel.fileSystem.inodes.get(id);
  if (inode === undefined) return;
  if (inode.writers > 0) fail('ETXTBSY');
  inode.writers--;
}

export function allowWriteAccess(kernel: Kernel, id: number): void {
  const inode = kernel.fileSystem.inodes.get(id);
  if (inode !== undefined) inode.writers++;
}

/** An area of address space `space` shows it. */
export function holdMappedInode(kernel: Kernel, { inode: id, writes }: MappedFile, space: number): void {
  const inode = kernel.fileSystem.inodes.get(id);
  if (inode === undefined) return;
  inode.references++;
  inode.mappings.set(space, (inode.mappings.get(space) ?? 0) + 1);
  if (writes) inode.writers++;
}

export function releaseMappedInode(kernel: Kernel, { inode: id, writes }: MappedFile, space: number): void {
  const inode = kernel.fileSystem.inodes.get(id);
  if (inode === undefined) return;
  const others = (inode.mappings.get(space) ?? 1) - 1;
  if (others > 0) inode.mappings.set(space, others);
  else inode.mappings.delete(space);
  if (writes) inode.writers--;
  releaseInode(kernel, id);
}

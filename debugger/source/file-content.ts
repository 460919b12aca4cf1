/** Files of the box as ELF files are read: the same array as long as the content is the same. */
import { wholeContent } from '../../kernel/fs/content.ts';
import type { Inode } from '../../kernel/fs/types.ts';
import type { Kernel } from '../../kernel/kernel.ts';

interface Known {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** By the inode's record, which is another one when the box is put back to where the content was another. */
const known = new WeakMap<Inode, Known>();
const nothing = new Uint8Array(0);

/** The bytes of inode `id`; none of one that is gone, or is mostly holes. */
export function contentOf(kernel: Kernel, id: number): Uint8Array {
  const inode = kernel.fileSystem.inodes.get(id);
  if (inode === undefined || inode.size > kernel.memory.size) return nothing;
  let entry = known.get(inode);
  if (entry?.version !== inode.version) {
    entry = { version: inode.version, bytes: wholeContent(kernel, inode) };
    known.set(inode, entry);
  }
  return entry.bytes;
}

/** Where user memory shows a regular file: i_mmap. */
import type { Inode } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { clearEntries, flushRange } from './page-tables.ts';
import { allRanges } from './ranges.ts';

/**
 * unmap_mapping_range: takes the pages of `inode` from byte `offset` (whole pages) on out of every address space, the copies that
 * private mappings made of them too.
 */
export function unmapFile(kernel: Kernel, inode: Inode, offset: number): void {
  for (const id of inode.mappings.keys()) {
    const space = kernel.addressSpaces.get(id);
    if (space === undefined) continue;
    for (const { start, end, file } of allRanges(space.areas)) {
      if (file?.inode !== inode.id) continue;
      const from = start + BigInt(Math.max(0, offset - file.offset));
      if (from >= end) continue;
      clearEntries(kernel, space.pageTable, from, end);
      flushRange(kernel, from, end);
    }
  }
}

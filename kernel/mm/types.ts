import type { MmapRequest } from '../fs/types.ts';
import type { RangeList } from './ranges.ts';

/** A mapped range of user memory: [start, end), page-aligned. */
export interface Vma {
  readonly start: bigint;
  readonly end: bigint;
  /** PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */
  readonly protection: number;
  /** MAP_SHARED 1, MAP_PRIVATE 2, MAP_GROWSDOWN 0x100 */
  readonly flags: number;
  /** the regular file whose pages it shows */
  readonly file: MappedFile | undefined;
  /** the kernel's own memory: the object that holds its pages and the offset of `start` in it */
  readonly shared: { readonly object: number; readonly offset: number } | undefined;
  /** what /proc/pid/maps calls it: '[heap]', '[stack]', a path, or '' */
  readonly name: string;
}

export interface MappedFile {
  readonly inode: number;
  /** of `start` in it, bytes, whole pages */
  readonly offset: number;
  /** VM_SHARED | VM_MAYWRITE: it counts as one who has the file open for writing */
  readonly writes: boolean;
}

export interface AddressSpace {
  readonly id: number;
  /** physical address of its PML4 */
  readonly pageTable: number;
  areas: RangeList<Vma>;
  brkStart: bigint;
  brk: bigint;
  /** tasks that use it */
  references: number;
  /** the inode of the program, which nobody writes meanwhile: mm->exe_file */
  program: number | undefined;
}

/** Pages of the kernel's own that several address spaces show: `FileOperations.mmap`. */
export interface SharedMemory {
  /** physical address by offset, a reference each */
  readonly pages: Map<number, number>;
  /** the open file that gives the pages, a reference, and what was asked of it */
  readonly mapped: { readonly file: number; readonly request: MmapRequest };
  /** what mprotect may grant: PROT_* */
  readonly maxProtection: number;
  /** areas that show it, and who is about to make one */
  references: number;
}

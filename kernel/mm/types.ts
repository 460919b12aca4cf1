import type { MmapRequest } from '../fs/types.ts';

/** A mapped range of user memory: [start, end), page-aligned. */
export interface Vma {
  readonly start: bigint;
  readonly end: bigint;
  /** PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 */
  readonly protection: number;
  /** MAP_SHARED 1, MAP_PRIVATE 2, MAP_GROWSDOWN 0x100 */
  readonly flags: number;
  /** the backing file's content, the offset of `start` in it, and how many bytes of it count; the rest is zero */
  readonly file: { readonly data: Uint8Array; readonly offset: number; readonly length: number } | undefined;
  /** shared memory: the object that holds its pages and the offset of `start` in it */
  readonly shared: { readonly object: number; readonly offset: number } | undefined;
  /** what /proc/pid/maps calls it: '[heap]', '[stack]', a path, or '' */
  readonly name: string;
}

export interface AddressSpace {
  readonly id: number;
  /** physical address of its PML4 */
  readonly pageTable: number;
  /** sorted, disjoint */
  readonly areas: Vma[];
  brkStart: bigint;
  brk: bigint;
  /** tasks that use it */
  references: number;
}

/** Pages that several address spaces show: anonymous memory or a file's own (`FileOperations.mmap`), MAP_SHARED. */
export interface SharedMemory {
  /** physical address by offset, a reference each */
  readonly pages: Map<number, number>;
  /** the open file that gives the pages, a reference, and what was asked of it; undefined: zeroed pages on demand */
  readonly mapped: { readonly file: number; readonly request: MmapRequest } | undefined;
  /** what mprotect may grant: PROT_* */
  readonly maxProtection: number;
}

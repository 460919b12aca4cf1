/** MAP_SHARED of the kernel's own pages: objects that hold them and that last as long as an area shows them. */
import { operationsOf } from '../fs/file-kinds.ts';
import { holdFile, releaseFile } from '../fs/files.ts';
import { fail } from '../errno.ts';
import type { MmapRequest, OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { charge, uncharge } from './charge.ts';
import { releasePage, sharePage } from './physical.ts';
import type { SharedMemory } from './types.ts';

/** What an object keeps of the host's memory, bytes: two records, a Map and its place in one. */
const OBJECT_CHARGE = 640;
/** and each page of it that has been shown */
const PAGE_CHARGE = 64;

/**
 * A new object of `file`'s own pages, with a reference, the caller's. ENODEV for a kind that cannot; ENOMEM; the kind's
 * errors.
 */
export function shareFile(kernel: Kernel, file: OpenFile, request: MmapRequest): number {
  const operations = operationsOf(file.kind).mmap ?? fail('ENODEV');
  charge(kernel, OBJECT_CHARGE);
  let maxProtection;
  try {
    maxProtection = operations.open(kernel, file, request);
  } catch (error) {
    uncharge(kernel, OBJECT_CHARGE);
    throw error;
  }
  const id = kernel.nextId.sharedMemory++;
  const mapped = { file: holdFile(file).id, request };
  kernel.sharedMemory.set(id, { pages: new Map(), mapped, maxProtection, references: 1 });
  return id;
}

/** The page at byte `offset` of an object, with a reference more for the caller; undefined past a file's end. ENOMEM. */
export function sharedPage(kernel: Kernel, object: number, offset: number): number | undefined {
  const { pages, mapped } = kernel.sharedMemory.get(object)!;
  let physical = pages.get(offset);
  if (physical === undefined) {
    physical = filePage(kernel, mapped, offset);
    if (physical === undefined) return undefined;
    charge(kernel, PAGE_CHARGE);
    sharePage(kernel, physical);
    pages.set(offset, physical);
  }
  sharePage(kernel, physical);
  return physical;
}

/** The page that `file` shows at `offset` of the mapping. */
function filePage(kernel: Kernel, mapped: SharedMemory['mapped'], offset: number): number | undefined {
  const file = kernel.openFiles.get(mapped.file);
  return file && operationsOf(file.kind).mmap?.page(kernel, file, mapped.request.offset + offset);
}

export function holdSharedMemory(kernel: Kernel, object: number): void {
  kernel.sharedMemory.get(object)!.references++;
}

/** Drops a reference; with the last one the mapping is closed. */
export function releaseSharedMemory(kernel: Kernel, object: number): void {
  const memory = kernel.sharedMemory.get(object)!;
  if (--memory.references > 0) return;
  const { pages, mapped } = memory;
  kernel.sharedMemory.delete(object);
  for (const physical of pages.values()) releasePage(kernel, physical);
  uncharge(kernel, OBJECT_CHARGE + PAGE_CHARGE * pages.size);
  const file = kernel.openFiles.get(mapped.file);
  if (file === undefined) return;
  operationsOf(file.kind).mmap?.close?.(kernel, file, mapped.request);
  releaseFile(kernel, file);
}

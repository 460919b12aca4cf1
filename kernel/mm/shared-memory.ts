/** MAP_SHARED: objects that hold the pages which several areas show, and that last as long as one of them does. */
import { operationsOf } from '../fs/file-kinds.ts';
import { holdFile, releaseFile } from '../fs/files.ts';
import { fail } from '../errno.ts';
import type { MmapRequest, OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { allocatePage, releasePage, sharePage } from './physical.ts';
import type { SharedMemory } from './types.ts';

function addSharedMemory(kernel: Kernel, memory: SharedMemory): number {
  const id = kernel.nextId.sharedMemory++;
  kernel.sharedMemory.set(id, memory);
  return id;
}

/** A new object of zeroed pages; it lives as long as an area shows it. */
export function createSharedMemory(kernel: Kernel): number {
  return addSharedMemory(kernel, { pages: new Map(), mapped: undefined, maxProtection: 7 });
}

/** A new object of `file`'s own pages. ENODEV for a kind that cannot; the kind's errors. */
export function shareFile(kernel: Kernel, file: OpenFile, request: MmapRequest): number {
  const operations = operationsOf(file.kind).mmap ?? fail('ENODEV');
  const maxProtection = operations.open(kernel, file, request);
  const mapped = { file: holdFile(file).id, request };
  return addSharedMemory(kernel, { pages: new Map(), mapped, maxProtection });
}

/** The page at byte `offset` of an object, with a reference more for the caller; undefined past a file's end. ENOMEM. */
export function sharedPage(kernel: Kernel, object: number, offset: number): number | undefined {
  const { pages, mapped } = kernel.sharedMemory.get(object)!;
  let physical = pages.get(offset);
  if (physical === undefined) {
    physical = mapped === undefined ? allocatePage(kernel) : filePage(kernel, mapped, offset);
    if (physical === undefined) return undefined;
    pages.set(offset, physical);
  }
  sharePage(kernel, physical);
  return physical;
}

/** The page that `file` shows at `offset` of the mapping, with a reference. */
function filePage(kernel: Kernel, mapped: NonNullable<SharedMemory['mapped']>, offset: number): number | undefined {
  const file = kernel.openFiles.get(mapped.file);
  if (file === undefined) return undefined;
  const physical = operationsOf(file.kind).mmap?.page(kernel, file, mapped.request.offset + offset);
  if (physical !== undefined) sharePage(kernel, physical);
  return physical;
}

/** Frees the shared memory that no area shows any more. */
export function sweepSharedMemory(kernel: Kernel): void {
  if (kernel.sharedMemory.size === 0) return;
  const shown = new Set<number>();
  for (const { areas } of kernel.addressSpaces.values()) {
    for (const { shared } of areas) if (shared !== undefined) shown.add(shared.object);
  }
  for (const [id, { pages, mapped }] of kernel.sharedMemory) {
    if (shown.has(id)) continue;
    kernel.sharedMemory.delete(id);
    for (const physical of pages.values()) releasePage(kernel, physical);
    const file = mapped && kernel.openFiles.get(mapped.file);
    if (mapped === undefined || file === undefined) continue;
    operationsOf(file.kind).mmap?.close?.(kernel, file, mapped.request);
    releaseFile(kernel, file);
  }
}

/** What is in a regular file: its pages are the box's physical ones, as of Linux's page cache and tmpfs. */
import { forgetDecoded, PAGE_SIZE } from '../../cpu/memory.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { unmapFile } from '../mm/file-mappings.ts';
import { allocatePage, freePages, releasePage } from '../mm/physical.ts';
import { MAX_FILE_SIZE } from './constants.ts';
import type { Inode } from './types.ts';

/** Physical address of page `index` of the file; undefined in a hole. */
export const existingPage = ({ pages }: Inode, index: number): number | undefined => pages.get(index);

/** Physical address of page `index` of the file, which is no hole from now on. ENOMEM. */
export function contentPage(kernel: Kernel, inode: Inode, index: number): number {
  let physical = inode.pages.get(index);
  if (physical === undefined) {
    physical = allocatePage(kernel);
    inode.pages.set(index, physical);
    kernel.fileSystem.cachedPages++;
  }
  return physical;
}

function dropPage(kernel: Kernel, inode: Inode, index: number): void {
  const physical = inode.pages.get(index);
  if (physical === undefined) return;
  inode.pages.delete(index);
  kernel.fileSystem.cachedPages--;
  releasePage(kernel, physical);
}

/** Calls `visit(page, offset in it, size, bytes before it)` for the pages of [position, end). */
function forEachPage(
  position: number,
  end: number,
  visit: (index: number, offset: number, size: number, done: number) => void,
): void {
  for (let at = position; at < end;) {
    const offset = at % PAGE_SIZE;
    const size = Math.min(PAGE_SIZE - offset, end - at);
    visit((at - offset) / PAGE_SIZE, offset, size, at - position);
    at += size;
  }
}

/** A copy of at most `length` bytes from `position`. */
export function readContent(kernel: Kernel, inode: Inode, position: number, length: number): Uint8Array {
  const end = Math.min(position + length, inode.size);
  const bytes = new Uint8Array(Math.max(0, end - position));
  const { bytes: memory } = kernel.memory;
  forEachPage(position, end, (index, offset, size, done) => {
    const physical = inode.pages.get(index);
    if (physical !== undefined) bytes.set(memory.subarray(physical + offset, physical + offset + size), done);
  });
  return bytes;
}

/** Everything; EFBIG for a file of more bytes than the box has memory, of which most are holes. */
export function wholeContent(kernel: Kernel, inode: Inode): Uint8Array {
  if (inode.size > kernel.memory.size) fail('EFBIG');
  return readContent(kernel, inode, 0, inode.size);
}

/** Zeros from the file's end to the end of its page: where a mapping may have written. */
function clearTail(kernel: Kernel, inode: Inode): void {
  const offset = inode.size % PAGE_SIZE;
  const physical = offset === 0 ? undefined : inode.pages.get((inode.size - offset) / PAGE_SIZE);
  if (physical === undefined) return;
  kernel.memory.bytes.fill(0, physical + offset, physical + PAGE_SIZE);
  forgetDecoded(kernel.memory, physical + offset, PAGE_SIZE - offset);
}

/** The content has changed. */
function noteChange(kernel: Kernel, inode: Inode): void {
  inode.modified = kernel.roundStart;
  inode.version++;
}

/** Takes away the pages from page `first` on. */
function dropPages(kernel: Kernel, inode: Inode, first: number): void {
  const count = Math.ceil(inode.size / PAGE_SIZE) - first;
  if (count < inode.pages.size) for (let n = 0; n < count; n++) dropPage(kernel, inode, first + n);
  else for (const index of inode.pages.keys()) if (index >= first) dropPage(kernel, inode, index);
}

/** Sets the size; what is added is a hole. EFBIG. */
export function resizeContent(kernel: Kernel, inode: Inode, size: number): void {
  if (size > MAX_FILE_SIZE) fail('EFBIG');
  clearTail(kernel, inode);
  if (size < inode.size) {
    const first = Math.ceil(size / PAGE_SIZE);
    unmapFile(kernel, inode, first * PAGE_SIZE);
    dropPages(kernel, inode, first);
  }
  inode.size = size;
  clearTail(kernel, inode);
  noteChange(kernel, inode);
}

/** The inode goes, and is mapped nowhere. */
export function dropContent(kernel: Kernel, inode: Inode): void {
  for (const index of inode.pages.keys()) dropPage(kernel, inode, index);
}

/** Bytes of [position, end) for which there is room: they have pages, or there are free ones. */
function roomFor(kernel: Kernel, inode: Inode, position: number, end: number): number {
  let free = freePages(kernel);
  let room = 0;
  forEachPage(position, end, (index, _, size, done) => {
    if (room === done && (inode.pages.has(index) || free-- > 0)) room += size;
  });
  return room;
}

/**
 * Writes as much as fits below MAX_FILE_SIZE and into memory, and says how much that is. When nothing does: EFBIG,
 * ENOSPC.
 */
export function writeContent(kernel: Kernel, inode: Inode, position: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return 0;
  if (position >= MAX_FILE_SIZE) fail('EFBIG');
  const count = roomFor(kernel, inode, position, Math.min(position + bytes.length, MAX_FILE_SIZE));
  if (count === 0) fail('ENOSPC');
  const end = position + count;
  if (end > inode.size) {
    clearTail(kernel, inode);
    inode.size = end;
  }
  const { bytes: memory } = kernel.memory;
  forEachPage(position, end, (index, offset, size, done) => {
    const physical = contentPage(kernel, inode, index) + offset;
    memory.set(bytes.subarray(done, done + size), physical);
    forgetDecoded(kernel.memory, physical, size);
  });
  noteChange(kernel, inode);
  return count;
}

/** What is in a regular file. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { MAX_FILE_SIZE } from './constants.ts';
import { charge, touch } from './tree.ts';
import type { Inode } from './types.ts';

/** A copy of at most `length` bytes from `position`. */
export function readContent(inode: Inode, position: number, length: number): Uint8Array {
  return inode.data.slice(Math.min(position, inode.size), Math.min(position + length, inode.size));
}

function allocate(bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch {
    return fail('ENOSPC');
  }
}

/** Sets the size; what is added is zero. EFBIG, ENOSPC. */
export function resizeContent(kernel: Kernel, inode: Inode, size: number): void {
  if (size > MAX_FILE_SIZE) fail('EFBIG');
  const growing = size > inode.data.length;
  const wasteful = size < inode.data.length / 4;
  charge(kernel.fileSystem, size - inode.size);
  if (growing || wasteful) {
    const capacity =
      growing && inode.size > 0 ? Math.min(MAX_FILE_SIZE, Math.max(size, inode.data.length * 1.5)) : size;
    const data = allocate(Math.ceil(capacity));
    data.set(inode.data.subarray(0, Math.min(inode.size, size)));
    inode.data = data;
  } else if (size < inode.size) {
    inode.data.fill(0, size, inode.size);
  }
  inode.size = size;
  touch(kernel, inode);
}

/** Writes as much as fits below MAX_FILE_SIZE, and says how much that is. EFBIG when nothing does, ENOSPC. */
export function writeContent(kernel: Kernel, inode: Inode, position: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return 0;
  if (position >= MAX_FILE_SIZE) fail('EFBIG');
  const part = bytes.subarray(0, MAX_FILE_SIZE - position);
  const end = position + part.length;
  if (end > inode.size) resizeContent(kernel, inode, end);
  inode.data.set(part, position);
  touch(kernel, inode);
  return part.length;
}

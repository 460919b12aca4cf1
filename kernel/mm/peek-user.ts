/** User memory as an observer reads it: nothing is paged in, so that being looked at changes nothing. */
import { Pte } from '../../cpu/paging.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import type { Task } from '../task.ts';
import { readContent } from '../fs/content.ts';
import { findArea, offsetAt } from './areas.ts';
import { readEntry } from './page-tables.ts';
import type { AddressSpace, Vma } from './types.ts';

const PAGE = 4096n;

/** What a page that is not there yet will hold, from `address` on. */
function untouched(kernel: Kernel, area: Vma, address: bigint, length: number): Uint8Array | undefined {
  if (area.shared !== undefined) return undefined;
  const bytes = new Uint8Array(length);
  if (area.file === undefined) return bytes;
  const inode = kernel.fileSystem.inodes.get(area.file.inode);
  const offset = offsetAt(area, area.file.offset, address);
  if (inode === undefined || offset - (offset % Number(PAGE)) >= inode.size) return undefined;
  bytes.set(readContent(kernel, inode, offset, length));
  return bytes;
}

/** At most the rest of one page. */
function peekPage(kernel: Kernel, space: AddressSpace, address: bigint, length: number): Uint8Array | undefined {
  const entry = readEntry(kernel, space.pageTable, address);
  const area = findArea(space, address);
  if (area === undefined) return undefined;
  if (entry === 0n) return untouched(kernel, area, address, length);
  const physical = Number(entry & Pte.address) + Number(address & (PAGE - 1n));
  return kernel.memory.bytes.slice(physical, physical + length);
}

/** A copy of the bytes from `address` on that `task` has mapped, at most `length`; empty where there are none. */
export function peekUser(kernel: Kernel, task: Task, address: bigint, length: number): Uint8Array {
  const space = kernel.addressSpaces.get(task.addressSpace ?? -1);
  if (space === undefined) return new Uint8Array(0);
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const at = address + BigInt(filled);
    if (at >= TASK_SIZE_MAX) break;
    const page = peekPage(kernel, space, at, Math.min(length - filled, Number(PAGE - (at & (PAGE - 1n)))));
    if (page === undefined) break;
    bytes.set(page, filled);
    filled += page.length;
  }
  return bytes.subarray(0, filled);
}

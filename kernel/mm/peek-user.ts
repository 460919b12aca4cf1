/** User memory as an observer reads it: nothing is paged in, so that being looked at changes nothing. */
import { Pte } from '../../cpu/paging.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import type { Task } from '../task.ts';
import { findArea } from './address-space.ts';
import { readEntry } from './page-tables.ts';
import type { AddressSpace, Vma } from './types.ts';

const PAGE = 4096n;

/** What a page that is not there yet will hold, from `address` on. */
function untouched(area: Vma, address: bigint, length: number): Uint8Array | undefined {
  if (area.shared !== undefined) return undefined;
  const bytes = new Uint8Array(length);
  if (area.file === undefined) return bytes;
  const { data, offset, length: limit } = area.file;
  const skipped = Number(address - area.start);
  if (skipped < limit) bytes.set(data.subarray(offset + skipped, offset + Math.min(limit, skipped + length)));
  return bytes;
}

/** At most the rest of one page. */
function peekPage(kernel: Kernel, space: AddressSpace, address: bigint, length: number): Uint8Array | undefined {
  const entry = readEntry(kernel, space.pageTable, address);
  const area = findArea(space, address);
  if (area === undefined) return undefined;
  if (entry === 0n) return untouched(area, address, length);
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

/** copy_from_user and copy_to_user: through the task's page tables, faulting pages in as the processor would. */
import { forgetDecoded } from '../../cpu/memory.ts';
import { Pte } from '../../cpu/paging.ts';
import { fail } from '../errno.ts';
import { joinBytes, latin1Text } from '../fs/bytes.ts';
import type { Kernel } from '../kernel.ts';
import { TASK_SIZE_MAX } from '../layout/address-map.ts';
import type { Task } from '../task.ts';
import { handleMmFault } from './faults.ts';
import { readEntry } from './page-tables.ts';
import type { AddressSpace } from './types.ts';
import { noteWork } from '../work.ts';

const PAGE = 4096n;

/** Physical address of a user byte for the access; EFAULT. */
export function userPhysical(kernel: Kernel, space: AddressSpace, address: bigint, access: 'read' | 'write'): number {
  const needed = Pte.present | Pte.user | (access === 'write' ? Pte.write : 0n);
  let entry = readEntry(kernel, space.pageTable, address);
  if ((entry & needed) !== needed) {
    if (handleMmFault(kernel, space, address, access) !== 'done') fail('EFAULT');
    entry = readEntry(kernel, space.pageTable, address);
  }
  return Number(entry & Pte.address) + Number(address & (PAGE - 1n));
}

function spaceOf(kernel: Kernel, task: Task): AddressSpace {
  const space = task.addressSpace === undefined ? undefined : kernel.addressSpaces.get(task.addressSpace);
  return space ?? fail('EFAULT');
}

function eachPage(
  kernel: Kernel,
  task: Task,
  address: bigint,
  length: number,
  access: 'read' | 'write',
): [physical: number, offset: number, size: number][] {
  if (address + BigInt(length) > TASK_SIZE_MAX) fail('EFAULT');
  const space = spaceOf(kernel, task);
  const pieces: [number, number, number][] = [];
  for (let offset = 0; offset < length;) {
    const at = address + BigInt(offset);
    const size = Math.min(length - offset, Number(PAGE - (at & (PAGE - 1n))));
    pieces.push([userPhysical(kernel, space, at, access), offset, size]);
    noteWork(size);
    offset += size;
  }
  return pieces;
}

/** A fresh copy of `length` bytes; EFAULT when any of them cannot be read. */
export function copyFromUser(kernel: Kernel, task: Task, address: bigint, length: number): Uint8Array {
  const pieces = eachPage(kernel, task, address, length, 'read');
  const bytes = new Uint8Array(length);
  for (const [physical, offset, size] of pieces) {
    bytes.set(kernel.memory.bytes.subarray(physical, physical + size), offset);
  }
  return bytes;
}

/** All of `bytes`, or EFAULT and nothing. */
export function copyToUser(kernel: Kernel, task: Task, address: bigint, bytes: Uint8Array): void {
  for (const [physical, offset, size] of eachPage(kernel, task, address, bytes.length, 'write')) {
    kernel.memory.bytes.set(bytes.subarray(offset, offset + size), physical);
    forgetDecoded(kernel.memory, physical, size);
  }
}

/** EFAULT unless all of the range can be written; brings its pages in. */
export function checkWritable(kernel: Kernel, task: Task, address: bigint, length: number): void {
  eachPage(kernel, task, address, length, 'write');
}

/** The bytes before a NUL; EFAULT, ENAMETOOLONG when there is none within `limit` bytes. */
export function terminatedFromUser(kernel: Kernel, task: Task, address: bigint, limit: number): Uint8Array {
  const space = spaceOf(kernel, task);
  const pieces: Uint8Array[] = [];
  for (let n = 0; n < limit;) {
    const at = address + BigInt(n);
    if (at >= TASK_SIZE_MAX) fail('EFAULT');
    const physical = userPhysical(kernel, space, at, 'read');
    const size = Math.min(limit - n, Number(PAGE - (at & (PAGE - 1n))));
    const bytes = kernel.memory.bytes.subarray(physical, physical + size);
    const end = bytes.indexOf(0);
    if (end >= 0 && n === 0) return bytes.slice(0, end);
    pieces.push(bytes.subarray(0, end < 0 ? size : end));
    if (end >= 0) return joinBytes(pieces);
    n += size;
  }
  return fail('ENAMETOOLONG');
}

/** `terminatedFromUser` as Latin-1. */
export const stringFromUser = (kernel: Kernel, task: Task, address: bigint, limit: number): string =>
  latin1Text(terminatedFromUser(kernel, task, address, limit));

export function readUserU64(kernel: Kernel, task: Task, address: bigint): bigint {
  return new DataView(copyFromUser(kernel, task, address, 8).buffer).getBigUint64(0, true);
}

export function writeUserU64(kernel: Kernel, task: Task, address: bigint, value: bigint): void {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  copyToUser(kernel, task, address, bytes);
}

export function writeUserU32(kernel: Kernel, task: Task, address: bigint, value: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
  copyToUser(kernel, task, address, bytes);
}

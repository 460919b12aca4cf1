/** Memory by linear address as somebody looks at it: the kernel's half, or a task's. Nothing is paged in by looking. */
import { isCanonical } from '../cpu/paging.ts';
import { Errno } from '../kernel/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { KERNEL_HALF } from '../kernel/layout/address-map.ts';
import { readKernel, writeKernel } from '../kernel/mm/kernel-memory.ts';
import { peekUser } from '../kernel/mm/peek-user.ts';
import { copyToUser } from '../kernel/mm/user-memory.ts';
import { DebuggerError, hex } from './error.ts';

/** bytes that are read or written at once */
const MOST = 16 << 20;

/** DebuggerError for an address that no instruction can have. */
export function checkAddress(what: string, address: bigint): bigint {
  if (address >= 0n && address < 1n << 64n && isCanonical(address)) return address;
  throw new DebuggerError('range', `${what}: got address ${hex(address)}, expected a canonical one of 64 bits`);
}

function checkLength(length: number): void {
  if (Number.isSafeInteger(length) && length >= 0 && length <= MOST) return;
  throw new DebuggerError('range', `got a length of ${length} bytes, expected 0 to ${MOST}`);
}

/** Undefined unless all of it is mapped; user addresses are those of `pid`. DebuggerError for lengths that are none. */
export function readMemory(kernel: Kernel, address: bigint, length: number, pid: number): Uint8Array | undefined {
  checkLength(length);
  if (address < 0n || address + BigInt(length) > 1n << 64n) return undefined;
  if (address >= KERNEL_HALF) return readKernel(kernel, address, length);
  const task = kernel.tasks.get(pid);
  const bytes = task === undefined ? undefined : peekUser(kernel, task, address, length);
  return bytes?.length === length ? bytes : undefined;
}

/** The bytes from `address` on that are mapped, at most `length`. */
export function readMapped(kernel: Kernel, address: bigint, length: number, pid: number): Uint8Array {
  for (let count = length; count > 0; count--) {
    const bytes = readMemory(kernel, address, count, pid);
    if (bytes !== undefined) return bytes;
  }
  return new Uint8Array(0);
}

/**
 * False, having written nothing, unless all of it is mapped (and, of a process, writable by it). A page of a process that is
 * not there yet, or that it shares with another until one writes, becomes its own.
 */
export function writeMemory(kernel: Kernel, address: bigint, bytes: Uint8Array, pid: number): boolean {
  checkLength(bytes.length);
  if (address < 0n || address + BigInt(bytes.length) > 1n << 64n) return false;
  if (address >= KERNEL_HALF) return writeKernel(kernel, address, bytes);
  const task = kernel.tasks.get(pid);
  if (task === undefined) return false;
  try {
    copyToUser(kernel, task, address, bytes);
    return true;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return false;
  }
}

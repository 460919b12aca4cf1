/** Code as the processor would read it, but with probed instructions as they were before their int3. */
import type { Kernel } from '../../kernel/kernel.ts';
import { readKernel } from '../../kernel/mm/kernel-memory.ts';
import { peekUser } from '../../kernel/mm/peek-user.ts';
import type { Task } from '../../kernel/task.ts';
import { KERNEL_HALF } from './loaded-code.ts';

const PAGE = 4096n;

export function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let n = 0; n < left.length; n++) if (left[n] !== right[n]) return false;
  return true;
}

/** Memory as an observer reads it, as far as it is mapped, at most `length` bytes. */
export function peek(kernel: Kernel, task: Task | undefined, address: bigint, length: number): Uint8Array {
  if (address < KERNEL_HALF) {
    return task === undefined ? new Uint8Array(0) : peekUser(kernel, task, address, length);
  }
  const whole = readKernel(kernel, address, length);
  if (whole !== undefined) return whole;
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const at = address + BigInt(filled);
    const size = Math.min(length - filled, Number(PAGE - (at & (PAGE - 1n))));
    const page = at > 0xffff_ffff_ffff_ffffn ? undefined : readKernel(kernel, at, size);
    if (page === undefined) break;
    bytes.set(page, filled);
    filled += size;
  }
  return bytes.subarray(0, filled);
}

/** Eight bytes; undefined unless all are mapped. */
export function peekU64(kernel: Kernel, task: Task | undefined, address: bigint): bigint | undefined {
  const bytes = peek(kernel, task, BigInt.asUintN(64, address), 8);
  return bytes.length < 8 ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

/** As `peek`, of code. */
export function peekCode(kernel: Kernel, task: Task | undefined, address: bigint, length: number): Uint8Array {
  const bytes = peek(kernel, task, address, length);
  if (address < KERNEL_HALF) return bytes;
  for (const probe of kernel.kprobes.probes.values()) {
    const at = probe.address - address;
    if (at >= 0n && at < BigInt(bytes.length)) bytes[Number(at)] = probe.original[0]!;
  }
  return bytes;
}

/** Kernel memory as native functions see it: through the kernel's page tables, ignoring write protection. */
import { forgetDecoded } from '../../cpu/memory.ts';
import { Pte } from '../../cpu/paging.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE_OFFSET } from '../layout/address-map.ts';
import { readEntry } from './page-tables.ts';
import { isLazy, touchLazyPage } from './vmalloc.ts';

const PAGE = 4096n;
const UNTOUCHED = -1;

/** Physical address of a kernel linear one; undefined where it is unmapped or not the kernel's. */
export function kernelPhysical(kernel: Kernel, address: bigint): number | undefined {
  if (address < 0xffff_8000_0000_0000n || address > 0xffff_ffff_ffff_ffffn) return undefined;
  const direct = address - PAGE_OFFSET;
  if (direct >= 0n && direct < BigInt(kernel.memory.size)) return Number(direct);
  const entry = readEntry(kernel, kernel.swapperPgDir, address);
  return (entry & Pte.present) === 0n ? undefined : Number(entry & Pte.address) + Number(address & (PAGE - 1n));
}

/** As `kernelPhysical`; a page of `vmallocLazy` that was never touched is `UNTOUCHED` to a reader, a new one to a writer. */
function physicalFor(kernel: Kernel, address: bigint, access: 'read' | 'write'): number | undefined {
  const physical = kernelPhysical(kernel, address);
  if (physical !== undefined || kernel.vmalloc.lazy.size === 0) return physical;
  if (access === 'read') return isLazy(kernel, address) ? UNTOUCHED : undefined;
  try {
    const page = touchLazyPage(kernel, address);
    return page === undefined ? undefined : page + Number(address & (PAGE - 1n));
  } catch {
    return undefined; // no memory
  }
}

/** Calls `visit(physical, offset, length)` page by page; false, having visited nothing, where a byte is unmapped. */
function eachPage(
  kernel: Kernel,
  address: bigint,
  length: number,
  access: 'read' | 'write',
  visit: (physical: number, offset: number, size: number) => void,
): boolean {
  const pieces: [number, number, number][] = [];
  for (let offset = 0; offset < length;) {
    const at = BigInt.asUintN(64, address + BigInt(offset));
    const physical = physicalFor(kernel, at, access);
    if (physical === undefined) return false;
    const size = Math.min(length - offset, Number(PAGE - (at & (PAGE - 1n))));
    pieces.push([physical, offset, size]);
    offset += size;
  }
  for (const piece of pieces) visit(...piece);
  return true;
}

/** A copy of `length` bytes, or undefined when any of them is unmapped. */
export function readKernel(kernel: Kernel, address: bigint, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  const whole = eachPage(kernel, address, length, 'read', (physical, offset, size) => {
    if (physical === UNTOUCHED) return;
    bytes.set(kernel.memory.bytes.subarray(physical, physical + size), offset);
  });
  return whole ? bytes : undefined;
}

/** Writes all of `bytes`, read-only pages included (text_poke), or nothing and false. */
export function writeKernel(kernel: Kernel, address: bigint, bytes: Uint8Array): boolean {
  return eachPage(kernel, address, bytes.length, 'write', (physical, offset, size) => {
    kernel.memory.bytes.set(bytes.subarray(offset, offset + size), physical);
    forgetDecoded(kernel.memory, physical, size);
  });
}

export function readKernelU64(kernel: Kernel, address: bigint): bigint | undefined {
  const bytes = readKernel(kernel, address, 8);
  return bytes && new DataView(bytes.buffer).getBigUint64(0, true);
}

export function writeKernelU64(kernel: Kernel, address: bigint, value: bigint): boolean {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return writeKernel(kernel, address, bytes);
}

export function readKernelU32(kernel: Kernel, address: bigint): number | undefined {
  const bytes = readKernel(kernel, address, 4);
  return bytes && new DataView(bytes.buffer).getUint32(0, true);
}

export function writeKernelU32(kernel: Kernel, address: bigint, value: number): boolean {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
  return writeKernel(kernel, address, bytes);
}

/** A NUL-terminated string of at most `limit` bytes, as Latin-1; what is mapped of it counts. */
export function kernelString(kernel: Kernel, address: bigint, limit: number): string | undefined {
  let text = '';
  for (let n = 0; n < limit; n++) {
    const physical = physicalFor(kernel, address + BigInt(n), 'read');
    if (physical === undefined) return n === 0 ? undefined : text;
    if (physical === UNTOUCHED) return text;
    const byte = kernel.memory.bytes[physical]!;
    if (byte === 0) return text;
    text += String.fromCharCode(byte);
  }
  return text;
}

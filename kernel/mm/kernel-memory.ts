/** Kernel memory as native functions see it: through the kernel's page tables, ignoring write protection. */
import { forgetDecoded } from '../../cpu/memory.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE_OFFSET } from '../layout/address-map.ts';
import { isLazy, touchLazyPage } from './vmalloc.ts';
import { noteWork } from '../work.ts';

const PAGE = 4096n;
const PAGE_SIZE = 4096;
const UNTOUCHED = -1;
/** bit 7 of an entry: a page of 2 MiB, of which only the direct map is made */
const LARGE = 0x80;
const PRESENT = 1;
/** the upper half of every address of the direct map, which has at most 2 GiB */
const DIRECT_HIGH = Number(PAGE_OFFSET >> 32n);
/** from here on addresses are the kernel's: 0xffff_8000_0000_0000 */
const KERNEL_HIGH = 0xffff_8000;

/** up to so many bytes a loop is faster than a view */
const COPIED_BY_HAND = 64;

const scratch64 = new BigUint64Array(1);
const scratch32 = new Uint32Array(scratch64.buffer);

/** Index into the table of `level` (0 holds the 4 KiB pages) for an address in two halves. */
function indexAt(level: number, low: number, high: number): number {
  if (level === 3) return (high >>> 7) & 511;
  if (level === 2) return ((high << 2) | (low >>> 30)) & 511;
  return (low >>> (12 + 9 * level)) & 511;
}

/** The 4 KiB page's physical address by the kernel's page tables; undefined where there is none. */
function walk({ memory: { view, size }, swapperPgDir }: Kernel, low: number, high: number): number | undefined {
  let table = swapperPgDir;
  for (let level = 3; level >= 0; level--) {
    const at = table + indexAt(level, low, high) * 8;
    const entry = view.getUint32(at, true);
    if ((entry & PRESENT) === 0 || ((entry & LARGE) !== 0 && (level === 1 || level === 2))) return undefined;
    table = (view.getUint32(at + 4, true) & 0xf_ffff) * 2 ** 32 + (entry - (entry % PAGE_SIZE));
    if (table >= size) return undefined;
  }
  return table;
}

/** `kernelPhysical` of an address in two halves, unsigned: numbers stay out of the heap. */
function physicalOfWords(kernel: Kernel, low: number, high: number): number | undefined {
  if (high === DIRECT_HIGH && low < kernel.memory.size) return low;
  if (high < KERNEL_HIGH) return undefined;
  const page = walk(kernel, low, high);
  return page === undefined ? undefined : page + (low & (PAGE_SIZE - 1));
}

/** Physical address of a kernel linear one; undefined where it is unmapped or not the kernel's. */
export function kernelPhysical(kernel: Kernel, address: bigint): number | undefined {
  if (address < 0n || address > 0xffff_ffff_ffff_ffffn) return undefined;
  scratch64[0] = address;
  return physicalOfWords(kernel, scratch32[0]!, scratch32[1]!);
}

/** Physical address of `size` bytes in a row at `address` + `offset`, where they are mapped and on one page. */
function onePage(kernel: Kernel, address: bigint, offset: number, size: number): number | undefined {
  scratch64[0] = address;
  let low = scratch32[0]! + offset;
  let high = scratch32[1]!;
  if (low >= 2 ** 32) {
    low -= 2 ** 32;
    high = (high + 1) >>> 0;
  }
  return (low & (PAGE_SIZE - 1)) + size > PAGE_SIZE ? undefined : physicalOfWords(kernel, low, high);
}

/** As `kernelPhysical`; a page of `vmallocLazy` that was never touched is `UNTOUCHED` to a reader, a new one to a writer. */
function physicalFor(kernel: Kernel, address: bigint, access: 'read' | 'write'): number | undefined {
  const physical = kernelPhysical(kernel, address);
  if (physical !== undefined || kernel.vmalloc.lazy === 0) return physical;
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
    noteWork(size);
    offset += size;
  }
  for (const piece of pieces) visit(...piece);
  return true;
}

/** A copy of `length` bytes, or undefined when any of them is unmapped. */
export function readKernel(kernel: Kernel, address: bigint, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  const at = onePage(kernel, address, 0, length);
  if (at !== undefined && length <= COPIED_BY_HAND) {
    const { bytes: from } = kernel.memory;
    for (let n = 0; n < length; n++) bytes[n] = from[at + n]!;
    return bytes;
  }
  const whole = eachPage(kernel, address, length, 'read', (physical, offset, size) => {
    if (physical === UNTOUCHED) return;
    bytes.set(kernel.memory.bytes.subarray(physical, physical + size), offset);
  });
  return whole ? bytes : undefined;
}

/** Writes all of `bytes`, read-only pages included (text_poke), or nothing and false. */
export function writeKernel(kernel: Kernel, address: bigint, bytes: Uint8Array): boolean {
  const { length } = bytes;
  const at = onePage(kernel, address, 0, length);
  if (at !== undefined && length <= COPIED_BY_HAND) {
    const { bytes: to } = kernel.memory;
    for (let n = 0; n < length; n++) to[at + n] = bytes[n]!;
    if (length > 0) forgetDecoded(kernel.memory, at, length);
    return true;
  }
  return eachPage(kernel, address, length, 'write', (physical, offset, size) => {
    kernel.memory.bytes.set(bytes.subarray(offset, offset + size), physical);
    forgetDecoded(kernel.memory, physical, size);
  });
}

const offsetBy = (address: bigint, offset: number): bigint =>
  offset === 0 ? address : BigInt.asUintN(64, address + BigInt(offset));

/** Eight bytes at `address` + `offset`, 0 to 2 GiB; undefined where any is unmapped. The same for all of these. */
export function readKernelU64(kernel: Kernel, address: bigint, offset = 0): bigint | undefined {
  const at = onePage(kernel, address, offset, 8);
  if (at !== undefined) return kernel.memory.view.getBigUint64(at, true);
  const bytes = readKernel(kernel, offsetBy(address, offset), 8);
  return bytes && new DataView(bytes.buffer).getBigUint64(0, true);
}

export function writeKernelU64(kernel: Kernel, address: bigint, value: bigint, offset = 0): boolean {
  const at = onePage(kernel, address, offset, 8);
  if (at !== undefined) {
    kernel.memory.view.setBigUint64(at, value, true);
    forgetDecoded(kernel.memory, at, 8);
    return true;
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return writeKernel(kernel, offsetBy(address, offset), bytes);
}

export function readKernelU32(kernel: Kernel, address: bigint, offset = 0): number | undefined {
  const at = onePage(kernel, address, offset, 4);
  if (at !== undefined) return kernel.memory.view.getUint32(at, true);
  const bytes = readKernel(kernel, offsetBy(address, offset), 4);
  return bytes && new DataView(bytes.buffer).getUint32(0, true);
}

export function writeKernelU32(kernel: Kernel, address: bigint, value: number, offset = 0): boolean {
  const at = onePage(kernel, address, offset, 4);
  if (at !== undefined) {
    kernel.memory.view.setUint32(at, value, true);
    forgetDecoded(kernel.memory, at, 4);
    return true;
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
  return writeKernel(kernel, offsetBy(address, offset), bytes);
}

export function writeKernelU16(kernel: Kernel, address: bigint, value: number, offset = 0): boolean {
  const at = onePage(kernel, address, offset, 2);
  if (at !== undefined) {
    kernel.memory.view.setUint16(at, value, true);
    forgetDecoded(kernel.memory, at, 2);
    return true;
  }
  return writeKernel(kernel, offsetBy(address, offset), Uint8Array.of(value, value >> 8));
}

/** One byte; undefined where it is unmapped. */
export function readKernelU8(kernel: Kernel, address: bigint, offset = 0): number | undefined {
  const at = onePage(kernel, address, offset, 1);
  return at === undefined ? readKernel(kernel, offsetBy(address, offset), 1)?.[0] : kernel.memory.bytes[at];
}

/** A NUL-terminated string of at most `limit` bytes, as Latin-1; what is mapped of it counts. */
export function kernelString(kernel: Kernel, address: bigint, limit: number): string | undefined {
  let text = '';
  for (let n = 0; n < limit;) {
    const at = address + BigInt(n);
    const physical = physicalFor(kernel, at, 'read');
    if (physical === undefined) return n === 0 ? undefined : text;
    if (physical === UNTOUCHED) return text;
    const size = Math.min(limit - n, PAGE_SIZE - (physical % PAGE_SIZE));
    for (let end = physical + size, from = physical; from < end; from++) {
      const byte = kernel.memory.bytes[from]!;
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
    n += size;
  }
  return text;
}

/** kmalloc: power-of-two slabs up to half a page, whole pages above; addresses are the direct map's. */
import { forgetDecoded } from '../../cpu/memory.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { PAGE_OFFSET } from '../layout/address-map.ts';
import { allocateContiguous, directMap } from './physical.ts';

const { PAGE_SIZE } = constants;
const SMALLEST = 16;
const LARGEST_SLAB = PAGE_SIZE / 2;

export interface Heap {
  /** allocation size by physical address, of what is in use */
  readonly sizes: Map<number, number>;
  /** free blocks by size */
  readonly free: Map<number, number[]>;
}

export function createHeap(): Heap {
  return { sizes: new Map(), free: new Map() };
}

function blockSize(size: number): number {
  if (size > LARGEST_SLAB) return Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
  let block = SMALLEST;
  while (block < size) block *= 2;
  return block;
}

/** A zeroed block of at least `size` bytes (1 byte to 2 GiB), 16-byte aligned; pages are page-aligned. ENOMEM. */
export function kmalloc(kernel: Kernel, size: number): bigint {
  if (!Number.isSafeInteger(size) || size < 0 || size > kernel.memory.size) fail('ENOMEM');
  const { heap } = kernel;
  const block = blockSize(size);
  const list = heap.free.get(block);
  let physical = list?.pop();
  if (physical !== undefined) {
    kernel.memory.bytes.fill(0, physical, physical + block);
    forgetDecoded(kernel.memory, physical, block);
  } else if (block > LARGEST_SLAB) {
    physical = allocateContiguous(kernel, block / PAGE_SIZE);
  } else {
    const page = allocateContiguous(kernel, 1);
    const rest = list ?? [];
    for (let at = PAGE_SIZE - block; at > 0; at -= block) rest.push(page + at);
    heap.free.set(block, rest);
    physical = page;
  }
  heap.sizes.set(physical, block);
  return directMap(physical);
}

/** Gives back what `kmalloc` gave; anything else is ignored. */
export function kfree(kernel: Kernel, address: bigint): void {
  const physical = Number(address - PAGE_OFFSET);
  const block = kernel.heap.sizes.get(physical);
  if (block === undefined) return;
  kernel.heap.sizes.delete(physical);
  const list = kernel.heap.free.get(block);
  if (list === undefined) kernel.heap.free.set(block, [physical]);
  else list.push(physical);
}

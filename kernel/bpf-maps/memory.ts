/** bpf_map_area_alloc and bpf_map_area_free: small blocks from kmalloc, large ones as lazy pages. */
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { isLazy, vfree, vmallocLazy } from '../mm/vmalloc.ts';

/** PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER */
const MAX_KMALLOC = constants.PAGE_SIZE << 3;

/** Zeroed. Above 32 KiB a page costs nothing until it is touched. ENOMEM. */
export function allocateArea(kernel: Kernel, size: number): bigint {
  return size > MAX_KMALLOC ? vmallocLazy(kernel, size) : kmalloc(kernel, size);
}

export function freeArea(kernel: Kernel, address: bigint): void {
  if (isLazy(kernel, address)) vfree(kernel, address);
  else kfree(kernel, address);
}

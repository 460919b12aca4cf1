/**
 * Kernel objects that are records of the host (tasks, sockets, areas, map elements …) occupy host memory that is no guest
 * page. What a guest can make more of is charged to the box's memory, as Linux charges slabs: the box has fewer free pages by
 * it, and the guest gets an errno at the bound. So the host needs at most the box's memory for pages, and as much for records.
 */
import { fail, type ErrnoName } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { freePages } from './physical.ts';

/** Takes `bytes` of the box's memory for records of the host; `error` where there is not as much left. */
export function charge(kernel: Kernel, bytes: number, error: ErrnoName = 'ENOMEM'): void {
  if (bytes > freePages(kernel) * constants.PAGE_SIZE) fail(error);
  kernel.pages.charged += bytes;
}

/** Gives back what `charge` took. */
export function uncharge(kernel: Kernel, bytes: number): void {
  kernel.pages.charged -= bytes;
}

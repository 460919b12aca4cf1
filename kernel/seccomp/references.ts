/** Filters are shared by the tasks that have them: a new task has its parent's, and the last task that has one frees it. */
import type { Kernel } from '../kernel.ts';
import { chargeAnyway, unchargeMany } from '../mm/objects.ts';
import type { SeccompFilter } from './types.ts';

type Filters = readonly SeccompFilter[] | undefined;

/** One more task has these filters. */
export function holdFilters(kernel: Kernel, filters: Filters): void {
  if (filters === undefined) return;
  for (const filter of filters) filter.references++;
  chargeAnyway(kernel, 'filter-reference', filters.length);
}

/** A task has these filters no longer. */
export function dropFilters(kernel: Kernel, filters: Filters): void {
  if (filters === undefined) return;
  unchargeMany(kernel, 'filter-reference', filters.length);
  for (const filter of filters) {
    if (--filter.references === 0) unchargeMany(kernel, 'filter-instruction', filter.instructions.length);
  }
}

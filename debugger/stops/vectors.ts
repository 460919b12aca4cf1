/** Exceptions by name, as `#PF`, with the entry that the kernel has for each. */
import { vectorName } from '../../cpu/explain/names.ts';
import { vectorRows, type VectorRow } from '../../kernel/entry/vectors.ts';
import { DebuggerError, quote } from '../error.ts';

/** exceptions and the NMI have numbers below */
const FIRST_INTERRUPT = 32;
/** what single steps, NMIs, int3 and demand paging cause all the time: stopped at when named alone */
const ordinary: ReadonlySet<number> = new Set([1, 2, 3, 14]);

const faultRows: readonly VectorRow[] = vectorRows.filter(({ vector }) => vector < FIRST_INTERRUPT);

export const faultName = ({ vector }: VectorRow): string => vectorName(vector);

/** Those that are meant without a name. */
export const unusualFaults = faultRows.filter(({ vector }) => !ordinary.has(vector));

/** `#PF`, `PF` or 14. DebuggerError. */
export function faultOf(name: string): VectorRow {
  const plain = name.toUpperCase().replace(/^#/, '');
  const row = faultRows.find((each) => faultName(each) === `#${plain}` || String(each.vector) === plain);
  if (row !== undefined) return row;
  const names = faultRows.map(faultName).join(', ');
  throw new DebuggerError('unknown-name', `there is no exception ${quote(name)}: expected one of ${names}`);
}

/** The tracepoints as kernel data: a struct trace_event_call each, and two tables of pointers by system call number. */
import { quads } from '../entry/stub.ts';
import type { SyscallRow } from '../syscalls/types.ts';
import { syscallTracepoints, tracepointsOf, type Tracepoint } from './events.ts';

/** id, perf_refcount, prog_count, size: see layout/perf.ts */
const object = ({ symbol, id, size }: Tracepoint): string => `
	.type	${symbol}, @object
${symbol}:
	.long	${id}, 0, 0, ${size}
	.size	${symbol}, 16
`;

function table(name: string, symbols: ReadonlyMap<number, string>, count: number): string {
  const pointers = Array.from({ length: count }, (_, number) => symbols.get(number) ?? '0');
  return `\n\t.globl\t${name}\n\t.type\t${name}, @object\n${name}:\n${quads(pointers)}\t.size\t${name}, . - ${name}\n`;
}

/** Assembly source; `count` is one more than the highest system call number. */
export function tracepointData(rows: readonly SyscallRow[], count: number): string {
  const pairs = rows.map((row) => [row.number, syscallTracepoints(row)] as const);
  const enter = new Map(pairs.map(([number, [{ symbol }]]) => [number, symbol]));
  const exit = new Map(pairs.map(([number, [, { symbol }]]) => [number, symbol]));
  const tracepoints = tracepointsOf(rows);
  return `\t.data\n\t.align\t16\n\t.globl\t${tracepoints.map(({ symbol }) => symbol).join(', ')}
${tracepoints.map(object).join('')}
	.section .rodata
	.align	8
${table('enter_events', enter, count)}${table('exit_events', exit, count)}`;
}

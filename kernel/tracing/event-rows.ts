/** What stands in the files of tracefs's events/. */
import type { Kernel } from '../kernel.ts';
import type { Tracepoint } from './events.ts';

export const EVENTS = '/sys/kernel/tracing/events';

const pattern = /^\/sys\/kernel\/tracing\/events\/(\w+)\/(\w+)\/(id|format)$/;
const texts: Readonly<Record<string, (tracepoint: Tracepoint) => string>> = {
  id: ({ id }) => `${id}\n`,
  format: ({ format }) => format,
};

export interface EventRow {
  readonly path: string;
  readonly mode: number;
  readonly text: (kernel: Kernel) => string;
}

/** The row of a file below events/. */
export function eventRow(path: string): EventRow | undefined {
  const [, category, name, file] = pattern.exec(path) ?? [];
  if (file === undefined) return undefined;
  return {
    path,
    mode: 0o440,
    text({ perf }) {
      for (const tracepoint of perf.tracepoints.values()) {
        if (tracepoint.category === category && tracepoint.name === name) return texts[file]!(tracepoint);
      }
      return '';
    },
  };
}

/** available_events */
export function availableEventsText({ perf }: Kernel): string {
  const names = [...perf.tracepoints.values()].map(({ category, name }) => `${category}:${name}\n`);
  return ['bpf_trace:bpf_trace_printk\n', ...names].join('');
}

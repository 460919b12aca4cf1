/** What programs have written to standard output and standard error: bytes for people, none for the terminal. */
import type { KernelEvent } from '../../../kernel/events.ts';
import { line, span, type Line } from '../style.ts';
import { bytesAsText } from '../text/bytes.ts';
import type { Panel } from './panel.ts';

/** of output that is looked at, from its end */
const MOST_BYTES = 65536;
const NEWLINE = 0x0a;

type Write = Extract<KernelEvent, { readonly type: 'write' }>;

/** The latest writes, oldest first. */
function latestWrites(events: readonly KernelEvent[]): Write[] {
  const writes: Write[] = [];
  let size = 0;
  for (let n = events.length - 1; n >= 0 && size < MOST_BYTES; n--) {
    const event = events[n]!;
    if (event.type !== 'write') continue;
    writes.push(event);
    size += event.bytes.length;
  }
  return writes.toReversed();
}

interface OutputLine {
  readonly pid: number;
  readonly stream: Write['stream'];
  readonly bytes: number[];
}

/** Lines by process and stream, in the order of their beginnings. */
function linesOf(writes: readonly Write[]): OutputLine[] {
  const lines: OutputLine[] = [];
  const open = new Map<string, OutputLine>();
  for (const { pid, stream, bytes } of writes) {
    const key = `${pid} ${stream}`;
    for (const byte of bytes.subarray(-MOST_BYTES)) {
      let current = open.get(key);
      if (current === undefined) {
        current = { pid, stream, bytes: [] };
        open.set(key, current);
        lines.push(current);
      }
      if (byte === NEWLINE) open.delete(key);
      else current.bytes.push(byte);
    }
  }
  return lines;
}

export const outputPanel: Panel = {
  name: 'output',
  fromEnd: true,
  title: () => 'what programs have written',
  lines({ debugger: session }) {
    const lines = linesOf(latestWrites(session.box.events));
    if (lines.length === 0) return [line('nothing yet', 'dim')];
    return lines.map(({ pid, stream, bytes }): Line => [
      span(`${pid} `, 'dim'),
      span(bytesAsText(Uint8Array.from(bytes)), stream === 'stderr' ? 'string' : 'plain'),
    ]);
  },
};

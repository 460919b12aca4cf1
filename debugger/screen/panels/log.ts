/** The kernel log, and what waits in trace_pipe. */
import { line, type Line } from '../style.ts';
import { printable } from '../../../lib/printable.ts';
import { wrap } from '../text/width.ts';
import { withoutTag, type Panel } from './panel.ts';

/** of each of the two */
const MOST_LINES = 500;
const narrowest = 8;

export const logPanel: Panel = {
  name: 'log',
  fromEnd: true,
  title: () => 'kernel log, trace_pipe',
  lines({ debugger: session }, columns) {
    const shown = (text: string): Line[] =>
      wrap(printable(withoutTag(text)), Math.max(narrowest, columns)).map((part) => line(part));
    const trace = session.box.tracePipe.slice(-MOST_LINES);
    return [
      ...session.box.kernelLog.slice(-MOST_LINES).flatMap((record) => record.split('\n').flatMap(shown)),
      ...(trace.length === 0 ? [] : [line('trace_pipe:', 'name')]),
      ...trace.flatMap((record) => record.split('\n').flatMap(shown)),
    ];
  },
};

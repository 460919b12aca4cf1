/** /sys/kernel/tracing/trace_pipe: reading takes the lines out of the trace buffer, and waits when there are none. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { latin1Bytes, latin1Text } from './bytes.ts';
import { OpenFlag, POLL_READABLE } from './constants.ts';
import { setSnapshot } from './snapshot.ts';
import type { FileOperations, OpenFile } from './types.ts';

/** woken when a line is added to the trace buffer */
export const TRACE_CHANNEL = 'trace';

const restOf = (file: OpenFile): Uint8Array => file.snapshot ?? new Uint8Array(0);

/** The rest of a line read in part, then whole lines, until `length` is reached. */
function upcoming(kernel: Kernel, file: OpenFile, length: number): string {
  let text = latin1Text(restOf(file));
  for (const line of kernel.bpf.trace) {
    if (text.length >= length) break;
    text += `${line}\n`;
  }
  return text;
}

export const tracePipe: FileOperations = {
  read(kernel, _task, file, length) {
    const text = upcoming(kernel, file, length);
    if (text !== '' || length === 0) return latin1Bytes(text.slice(0, length));
    return (file.flags & OpenFlag.nonBlock) !== 0 ? fail('EAGAIN') : { wait: [TRACE_CHANNEL] };
  },
  consume(kernel, file, count) {
    let left = count;
    let rest = restOf(file);
    while (left > rest.length && kernel.bpf.trace.length > 0) {
      left -= rest.length;
      rest = latin1Bytes(`${kernel.bpf.trace.shift()}\n`);
    }
    rest = rest.slice(left);
    setSnapshot(kernel, file, rest.length === 0 ? undefined : rest);
  },
  poll: (kernel, file) => ({
    events: restOf(file).length > 0 || kernel.bpf.trace.length > 0 ? POLL_READABLE : 0,
    channels: [TRACE_CHANNEL],
  }),
};

/** The three streams between a spawned program and the host. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../scheduler.ts';
import type { Task } from '../task.ts';
import { appendChunk, dropChunks, peekChunks } from './bytes.ts';
import { FileType, OpenFlag, Poll, POLL_READABLE, POLL_WRITABLE } from './constants.ts';
import type { FileKind, FileOperations, OpenFile } from './types.ts';

const STDIN_CHANNEL = 'stdin';

/** Bytes that one write(2) takes: more is a short count. */
const WRITE_LIMIT = 65536;

/** The host types `bytes`. */
export function pushStdin(kernel: Kernel, bytes: Uint8Array): void {
  appendChunk(kernel.fileSystem.stdin.chunks, bytes);
  wake(kernel, STDIN_CHANNEL);
}

/** What has been typed is all: readers see the end of it after the last byte. */
export function closeStdin(kernel: Kernel): void {
  kernel.fileSystem.stdin.closed = true;
  wake(kernel, STDIN_CHANNEL);
}

const statMode = FileType.fifo | 0o600;

const stdin: FileOperations = {
  statMode,
  read(kernel, _task, file, length) {
    const { chunks, closed } = kernel.fileSystem.stdin;
    if (chunks.length > 0 || closed || length === 0) return peekChunks(chunks, length);
    return (file.flags & OpenFlag.nonBlock) !== 0 ? fail('EAGAIN') : { wait: [STDIN_CHANNEL] };
  },
  consume: (kernel, _file, count) => dropChunks(kernel.fileSystem.stdin.chunks, count),
  poll(kernel) {
    const { chunks, closed } = kernel.fileSystem.stdin;
    const events = (chunks.length > 0 ? POLL_READABLE : 0) | (closed ? Poll.hangUp : 0);
    return { events, channels: [STDIN_CHANNEL] };
  },
};

function writer(stream: 'stdout' | 'stderr'): FileOperations {
  return {
    statMode,
    write(kernel: Kernel, task: Task, _file: OpenFile, bytes: Uint8Array) {
      const part = bytes.slice(0, WRITE_LIMIT);
      if (part.length > 0) kernel.events.push({ type: 'write', pid: task.pid, stream, bytes: part });
      return part.length;
    },
    poll: () => ({ events: POLL_WRITABLE, channels: [] }),
  };
}

export const stdioKinds = {
  stdin,
  stdout: writer('stdout'),
  stderr: writer('stderr'),
} satisfies Partial<Record<FileKind, FileOperations>>;

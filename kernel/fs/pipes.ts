/** Pipes: fs/pipe.c's rules over a list of chunks. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Wait } from '../native.ts';
import { charge, uncharge } from '../mm/charge.ts';
import { wake } from '../scheduler.ts';
import { sendSignal } from '../signal.ts';
import { appendChunk, dropChunks, peekChunks } from './bytes.ts';
import { FileType, OpenFlag, PIPE_BUF, PIPE_CAPACITY, Poll, POLL_READABLE, POLL_WRITABLE } from './constants.ts';
import type { FileKind, FileOperations, OpenFile, Pipe } from './types.ts';

const SIGPIPE = 13;

const readChannel = ({ id }: Pipe): string => `pipe:${id}:read`;
const writeChannel = ({ id }: Pipe): string => `pipe:${id}:write`;

/** An empty pipe with no ends yet: `addPipeEnd` for each. */
export function createPipe(kernel: Kernel): Pipe {
  const pipe: Pipe = { id: kernel.nextId.pipe++, chunks: [], length: 0, readers: 0, writers: 0 };
  kernel.fileSystem.pipes.set(pipe.id, pipe);
  return pipe;
}

/** Counts an open file description of one end, which `release` takes back. */
export function addPipeEnd(pipe: Pipe, kind: 'pipe-read' | 'pipe-write'): void {
  if (kind === 'pipe-read') pipe.readers++;
  else pipe.writers++;
}

function pipeOf(kernel: Kernel, file: OpenFile): Pipe {
  return kernel.fileSystem.pipes.get(file.object) ?? fail('EBADF');
}

function waitOn(file: OpenFile, channel: string): Wait {
  return (file.flags & OpenFlag.nonBlock) !== 0 ? fail('EAGAIN') : { wait: [channel] };
}

function dropEnd(kernel: Kernel, file: OpenFile, end: 'readers' | 'writers'): void {
  const pipe = pipeOf(kernel, file);
  pipe[end]--;
  if (pipe[end] === 0) wake(kernel, end === 'readers' ? writeChannel(pipe) : readChannel(pipe));
  if (pipe.readers > 0 || pipe.writers > 0) return;
  kernel.fileSystem.pipes.delete(pipe.id);
  uncharge(kernel, pipe.length);
}

const statMode = FileType.fifo | 0o600;

const readEnd: FileOperations = {
  statMode,
  read(kernel, _task, file, length) {
    const pipe = pipeOf(kernel, file);
    if (pipe.length > 0 || pipe.writers === 0 || length === 0) return peekChunks(pipe.chunks, length);
    return waitOn(file, readChannel(pipe));
  },
  consume(kernel, file, count) {
    const pipe = pipeOf(kernel, file);
    dropChunks(pipe.chunks, count);
    pipe.length -= count;
    uncharge(kernel, count);
    if (count > 0) wake(kernel, writeChannel(pipe));
  },
  poll(kernel, file) {
    const pipe = pipeOf(kernel, file);
    const events = (pipe.length > 0 ? POLL_READABLE : 0) | (pipe.writers === 0 ? Poll.hangUp : 0);
    return { events, channels: [readChannel(pipe)] };
  },
  release: (kernel, file) => dropEnd(kernel, file, 'readers'),
};

const writeEnd: FileOperations = {
  statMode,
  /** At most PIPE_BUF bytes go in at once or not at all; more may go in in part. EPIPE with SIGPIPE without readers; ENOMEM. */
  write(kernel, task, file, bytes) {
    const pipe = pipeOf(kernel, file);
    if (bytes.length === 0) return 0;
    if (pipe.readers === 0) {
      sendSignal(kernel, task, { number: SIGPIPE, code: 0, pid: task.tgid, address: 0n });
      fail('EPIPE');
    }
    const room = PIPE_CAPACITY - pipe.length;
    if (room < Math.min(bytes.length, PIPE_BUF)) {
      if (bytes.length <= PIPE_BUF || room === 0) return waitOn(file, writeChannel(pipe));
    }
    const part = bytes.subarray(0, room);
    charge(kernel, part.length);
    appendChunk(pipe.chunks, part);
    pipe.length += part.length;
    wake(kernel, readChannel(pipe));
    return part.length;
  },
  poll(kernel, file) {
    const pipe = pipeOf(kernel, file);
    const room = PIPE_CAPACITY - pipe.length;
    const events = (room >= PIPE_BUF ? POLL_WRITABLE : 0) | (pipe.readers === 0 ? Poll.error : 0);
    return { events, channels: [writeChannel(pipe)] };
  },
  release: (kernel, file) => dropEnd(kernel, file, 'writers'),
};

export const pipeKinds = {
  'pipe-read': readEnd,
  'pipe-write': writeEnd,
} satisfies Partial<Record<FileKind, FileOperations>>;

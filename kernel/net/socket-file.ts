/** Sockets as open files: read, write, poll, ioctl, close. */
import { Errno, fail } from '../errno.ts';
import { FileType, OpenFlag } from '../fs/constants.ts';
import { installDescriptor, openFile } from '../fs/files.ts';
import type { FileKind, FileOperations, OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import type { Wait } from '../native.ts';
import { constants } from '../layout/constants.ts';
import { hasDeliverable, sendSignal, Signal } from '../signal.ts';
import { waitDeadline } from '../syscalls/timeouts.ts';
import type { Task } from '../task.ts';
import { socketIoctl } from './socket-ioctl.ts';
import { kindOf, type Message } from './socket-kinds.ts';
import { option, SOCK_STREAM, socketChannel } from './sockets.ts';
import { timeNow } from './tcp.ts';
import type { Socket } from './types.ts';

const SOL_SOCKET = 1;
const TICK_NSEC = BigInt(constants.TICK_NSEC);
/** SO_RCVTIMEO and SO_SNDTIMEO, whose values are kept in jiffies; 0: none */
export const TimeoutOption = { receive: 20, send: 21 } as const;

export const isNonBlocking = (file: OpenFile): boolean => (file.flags & OpenFlag.nonBlock) !== 0;

export const socketOf = (kernel: Kernel, file: OpenFile): Socket =>
  file.kind === 'socket' ? (kernel.net.sockets.get(file.object) ?? fail('EBADF')) : fail('ENOTSOCK');

/** Puts a socket on a descriptor; without one it is closed. `flags`: SOCK_NONBLOCK, SOCK_CLOEXEC. EMFILE, ENFILE. */
export function giveSocket(kernel: Kernel, task: Task, socket: Socket, flags: number): number {
  let file;
  try {
    const status = OpenFlag.readWrite | (flags & OpenFlag.nonBlock);
    file = openFile(kernel, 'socket', socket.id, status, `socket:[${socket.id}]`);
  } catch (error) {
    kindOf(socket).close(kernel, socket);
    throw error;
  }
  return installDescriptor(kernel, task, file, (flags & OpenFlag.closeOnExec) !== 0);
}

/** Sleeps until something happens to the socket. EAGAIN: not wanted, or the option's time is over; EINTR, ERESTARTSYS. */
export function waitOnSocket(
  kernel: Kernel,
  task: Task,
  socket: Socket,
  nonBlocking: boolean,
  timeoutOption: number,
  late: 'EAGAIN' | 'EINPROGRESS' = 'EAGAIN',
): Wait {
  const timeout = option(socket, SOL_SOCKET, timeoutOption);
  const time = timeNow(kernel);
  const deadline = waitDeadline(task, time, timeout > 0 ? BigInt(timeout) * TICK_NSEC : undefined);
  if (nonBlocking || time >= deadline) fail(late);
  if (hasDeliverable(task)) fail(timeout > 0 ? 'EINTR' : 'ERESTARTSYS');
  return { wait: [socketChannel(socket)], deadline };
}

/** Sends; undefined: nothing can be sent now. EPIPE comes with SIGPIPE for streams, unless `quiet`. */
export function sendMessage(
  kernel: Kernel,
  task: Task,
  socket: Socket,
  message: Message,
  quiet: boolean,
): number | undefined {
  try {
    return kindOf(socket).send(kernel, task, socket, message);
  } catch (error) {
    if (error instanceof Errno && error.code === 'EPIPE' && socket.type === SOCK_STREAM && !quiet) {
      sendSignal(kernel, task, { number: Signal.SIGPIPE, code: 0, pid: task.tgid, address: 0n });
    }
    throw error;
  }
}

const socketOperations: FileOperations = {
  statMode: FileType.socket | 0o777,
  isMessage: (kernel, file) => socketOf(kernel, file).type !== SOCK_STREAM,
  read(kernel, task, file, length) {
    const socket = socketOf(kernel, file);
    const received = kindOf(socket).receive(kernel, socket, length);
    return received?.bytes ?? waitOnSocket(kernel, task, socket, isNonBlocking(file), TimeoutOption.receive);
  },
  consume(kernel, file, count) {
    const socket = socketOf(kernel, file);
    kindOf(socket).consume(kernel, socket, count);
  },
  write(kernel, task, file, bytes) {
    const socket = socketOf(kernel, file);
    const sent = sendMessage(kernel, task, socket, { bytes, to: undefined }, false);
    return sent ?? waitOnSocket(kernel, task, socket, isNonBlocking(file), TimeoutOption.send);
  },
  poll(kernel, file) {
    const socket = socketOf(kernel, file);
    return { events: kindOf(socket).poll(kernel, socket), channels: [socketChannel(socket)] };
  },
  ioctl: (kernel, task, file, request, argument) =>
    socketIoctl(kernel, task, socketOf(kernel, file), request, argument),
  release(kernel, file) {
    const socket = kernel.net.sockets.get(file.object);
    if (socket !== undefined) kindOf(socket).close(kernel, socket);
  },
};

export const socketFileKinds: Readonly<Partial<Record<FileKind, FileOperations>>> = { socket: socketOperations };

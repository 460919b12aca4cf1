/** One connection of gdb to a debugger: bytes in, packets out. The host brings the socket. */
import { BoxError } from '../../box/errors.ts';
import { printable } from '../../lib/printable.ts';
import { DebuggerError } from '../error.ts';
import type { Debugger } from '../types.ts';
import { createBreakpoints } from './breakpoints.ts';
import { answer } from './commands.ts';
import { Errno, PacketError } from './errors.ts';
import { createFileServer, KERNEL_PATH } from './file-server.ts';
import { kernelElf } from './kernel-elf.ts';
import { createLibraries } from './libraries.ts';
import { giveUp, interrupt, unwatchLoading, watchLoading } from './motion.ts';
import { ACK, createPacketReader, encodePacket, NACK, type Incoming } from './packets.ts';
import type { Reply } from './queries.ts';
import { librariesNow, type GdbHost, type GdbOptions, type GdbSession } from './session.ts';
import { stopReply, GdbSignal } from './stop-reply.ts';
import { fromLatin1, latin1 } from './text.ts';
import { threadOfRest } from './threads.ts';

export type { GdbHost, GdbOptions, MonitorCommand } from './session.ts';
export { kernelElf } from './kernel-elf.ts';
export { KERNEL_PATH } from './file-server.ts';

export interface GdbConnection {
  /** What gdb has sent; replies go to the host, which may be at once or later. */
  receive(bytes: Uint8Array): void;
  /** The connection has gone: what gdb has set is removed. */
  disconnected(): void;
}

function createSession(host: Debugger, connection: GdbHost, options: GdbOptions): GdbSession {
  let kernel: Uint8Array | undefined;
  const session: GdbSession = {
    debugger: host,
    host: connection,
    options,
    libraries: createLibraries(host.box, options.debugFiles),
    files: createFileServer(host.box, (path) => {
      if (path === KERNEL_PATH) return (kernel ??= kernelElf(host.box));
      return librariesNow(session)
        .find((library) => library.path === path)
        ?.bytes();
    }),
    breakpoints: createBreakpoints(host),
    understands: { noAcks: false, softwareBreaks: false, hardwareBreaks: false, errorMessages: false },
    thread: threadOfRest(host.rest),
    motionThread: 0,
    motion: undefined,
    slices: undefined,
    interrupted: false,
    pinnedProgram: undefined,
    shownProgram: undefined,
    toldLibraries: undefined,
    ownStops: new Set(),
    documents: new Map(),
    held: undefined,
    lastStop: '',
    marks: new Map(),
    reportExit: true,
    ended: false,
  };
  session.lastStop = stopReply(session, GdbSignal.trap, '');
  watchLoading(session);
  return session;
}

/** `E0e`, or in words to a gdb that reads them. */
function errorReply({ understands }: GdbSession, error: unknown): string {
  const isOurs = error instanceof PacketError || error instanceof DebuggerError || error instanceof BoxError;
  if (!isOurs) throw error;
  if (understands.errorMessages) return `E.${printable(error.message)}`;
  const errno = error instanceof PacketError ? error.errno : Errno.EINVAL;
  return `E${errno.toString(16).padStart(2, '0')}`;
}

function replyTo(session: GdbSession, data: Uint8Array): Reply {
  // it waits for a stop reply: only ^C is heard
  if (session.motion !== undefined) return undefined;
  try {
    return answer(session, latin1(data));
  } catch (error) {
    return errorReply(session, error);
  }
}

/** Begins a session: the box rests, and moves when gdb says so. */
export function connectGdb(host: Debugger, connection: GdbHost, options: GdbOptions = {}): GdbConnection {
  const session = createSession(host, connection, options);
  const reader = createPacketReader();
  let latest: Uint8Array | undefined;
  const end = (): void => {
    session.ended = true;
    giveUp(session);
    session.breakpoints.clear();
    session.files.clear();
    unwatchLoading(session);
  };

  const handlers: { readonly [Kind in Incoming['kind']]: (incoming: Extract<Incoming, { kind: Kind }>) => void } = {
    ack: () => {},
    nack: () => {
      if (!session.understands.noAcks && latest !== undefined) connection.send(latest);
    },
    interrupt: () => interrupt(session),
    damaged: () => {
      if (!session.understands.noAcks) connection.send(NACK);
    },
    packet({ data }) {
      if (!session.understands.noAcks) connection.send(ACK);
      const reply = replyTo(session, data);
      if (reply !== undefined) {
        latest = encodePacket(typeof reply === 'string' ? fromLatin1(reply) : reply);
        connection.send(latest);
      }
      if (!session.ended) return;
      end();
      connection.close();
    },
  };

  return {
    receive(bytes) {
      for (const incoming of reader.read(bytes)) {
        if (session.ended) return;
        handlers[incoming.kind](incoming as never);
      }
    },
    disconnected() {
      if (!session.ended) end();
    },
  };
}

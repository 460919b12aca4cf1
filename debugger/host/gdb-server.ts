/** gdb's remote protocol on a port of this host's loopback: one gdb at a time. */
import { createServer, type Socket } from 'node:net';
import { connectGdb, type GdbOptions } from '../gdb/index.ts';
import type { Debugger } from '../types.ts';
import { listenOnLoopback } from './loopback.ts';

/** bytes that gdb does not take: then the connection is ended */
const MOST_UNSENT = 16 << 20;

export interface GdbServerOptions extends GdbOptions {
  /** 0 chooses one that is free */
  readonly port: number;
  /** Called when a gdb has come or gone. */
  readonly onConnection?: (connected: boolean) => void;
  /** Called with what no packet should be able to cause; default: it is thrown where nobody catches it. */
  readonly onError?: (error: unknown) => void;
}

export interface GdbServer {
  readonly port: number;
  /** Ends the connection, and listens no more. */
  close(): Promise<void>;
}

function serve(host: Debugger, socket: Socket, { onError, ...options }: GdbServerOptions): void {
  socket.setNoDelay(true);
  const guarded = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      socket.destroy();
      if (onError === undefined) throw error;
      onError(error);
    }
  };
  const connection = connectGdb(
    host,
    {
      send(bytes) {
        if (!socket.writable) return;
        socket.write(bytes);
        if (socket.writableLength > MOST_UNSENT) socket.destroy();
      },
      later: (action) => void setImmediate(() => guarded(action)),
      close: () => void socket.end(),
    },
    options,
  );
  socket.on('data', (bytes: Uint8Array) => guarded(() => connection.receive(bytes)));
  // 'close' follows
  socket.on('error', () => {});
  socket.on('close', () => connection.disconnected());
}

/** Waits for gdb on the loopback. Rejects with the host's error when the port cannot be had. */
export async function serveGdb(host: Debugger, options: GdbServerOptions): Promise<GdbServer> {
  let present: Socket | undefined;
  const server = createServer((socket) => {
    if (present !== undefined) {
      socket.destroy(); // another gdb is there
      return;
    }
    present = socket;
    options.onConnection?.(true);
    socket.on('close', () => {
      present = undefined;
      options.onConnection?.(false);
    });
    serve(host, socket, options);
  });
  const port = await listenOnLoopback(server, options.port);
  return {
    port,
    close() {
      present?.end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** The Debug Adapter Protocol over streams of this host: standard input and output, or a port of the loopback. */
import { statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { isAbsolute } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { connectDap, encodeFrame, type DapOptions, type HostSources } from '../dap/index.ts';
import { listenOnLoopback } from './loopback.ts';
import { debugPathOf, packageSourcePath, readPackageSource } from './source-files.ts';

/** bytes that the client has not taken yet: then the box waits for it */
const MANY_UNSENT = 1 << 20;
/** then the connection is ended */
const MOST_UNSENT = 64 << 20;

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not for us to look at
  }
}

/** Files of this package, and what the debug information of a program of this host names by absolute paths. */
export const hostSources: HostSources = {
  pathOf(file, text) {
    const path = packageSourcePath(file);
    if (path !== undefined && (text === undefined || text === readPackageSource(file))) return path;
    return text === undefined && isAbsolute(file) && !file.includes('\0') && isFile(file) ? file : undefined;
  },
  nameOf: (path) => debugPathOf(path),
};

/** The client has gone, which is no failure. */
const GONE: ReadonlySet<string> = new Set(['EPIPE', 'ECONNRESET']);

/** Serves one client; resolves when it has gone, with the host's error where nothing can be sent to it. */
export function serveStreams(
  input: Readable,
  output: Writable,
  options: DapOptions,
): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    let failure: NodeJS.ErrnoException | undefined;
    const give = (): void => {
      connection.disconnected();
      input.pause();
      resolve(failure);
    };
    /** What no message should be able to cause ends this connection, and no other. */
    const guarded = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        options.onError?.(error);
        output.end(give);
      }
    };
    const connection = connectDap(
      {
        send(message) {
          if (!output.writable) return;
          output.write(encodeFrame(message));
          if (output.writableLength > MOST_UNSENT) output.destroy();
        },
        later(action) {
          const next = (): void => void setImmediate(() => guarded(action));
          if (output.writableLength > MANY_UNSENT) output.once('drain', next);
          else next();
        },
        close: () => void output.end(give),
      },
      options,
    );
    input.on('data', (bytes: Uint8Array) => guarded(() => connection.receive(bytes)));
    for (const stream of [input, output]) {
      // 'close' follows
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (stream === output && !GONE.has(error.code ?? '')) failure ??= error;
      });
      stream.on('close', give);
    }
    input.on('end', give);
  });
}

export interface DapServer {
  readonly port: number;
  /** Ends the connection, and listens no more. */
  close(): Promise<void>;
}

/** Waits for clients on the loopback, one after the other; port 0 chooses one. Rejects when the port cannot be had. */
export async function serveDap(port: number, options: DapOptions): Promise<DapServer> {
  let present: Socket | undefined;
  const server = createServer((socket) => {
    if (present !== undefined) {
      socket.destroy(); // another client is there
      return;
    }
    present = socket;
    socket.setNoDelay(true);
    void serveStreams(socket, socket, options).then(() => {
      present = undefined;
      socket.destroy();
    });
  });
  const listening = await listenOnLoopback(server, port);
  return {
    port: listening,
    close() {
      present?.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** TCP between the outside and the host's loopback: node:net. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { LOOPBACK, type BridgeContext } from './context.ts';
import {
  abortStream,
  acceptStream,
  delivered,
  endStream,
  writeStream,
  type Stream,
  type StreamOwner,
} from './stream.ts';

/** bytes for the box, per connection, from which on the host's side is not read */
const SEND_BUFFER = 262_144;
const MAX_CONNECTIONS = 1024;

interface Joint {
  readonly owner: StreamOwner;
  /** From now on bytes go both ways. */
  carry(stream: Stream): void;
}

/** The host's socket as the owner of a stream. */
function join(context: BridgeContext, socket: Socket): Joint {
  const { outside, statistics } = context;
  let stream: Stream | undefined;
  socket.setNoDelay(true);
  // 'close' follows
  socket.on('error', () => {});
  socket.on('close', () => {
    if (stream === undefined || stream.state === 'CLOSED' || (stream.finQueued && stream.finReceived)) return;
    statistics.connectionsBroken++;
    abortStream(outside, stream);
    context.wake();
  });
  return {
    carry(joined) {
      stream = joined;
      socket.on('data', (bytes: Uint8Array) => {
        statistics.bytesToBox += bytes.length;
        if (writeStream(outside, joined, bytes) > SEND_BUFFER) socket.pause();
        context.wake();
      });
      socket.on('end', () => {
        endStream(outside, joined);
        context.wake();
      });
    },
    owner: {
      connected() {},
      received(bytes) {
        statistics.bytesFromBox += bytes.length;
        socket.write(bytes, () => {
          if (stream !== undefined) delivered(outside, stream, bytes.length);
          context.wake();
        });
      },
      ended: () => void socket.end(),
      drained() {
        if (stream !== undefined && stream.sendBytes < SEND_BUFFER / 2) socket.resume();
      },
      closed(end) {
        if (end === 'done') return;
        statistics.connectionsBroken++;
        socket.resetAndDestroy();
      },
    },
  };
}

/** Connections to `hostPort` of the loopback, 0 chooses one, go on to `boxPort` in the box. The port of the host. */
export function listenTcp(context: BridgeContext, hostPort: number, boxPort: number): Promise<number> {
  const { outside, statistics } = context;
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const { owner, carry } = join(context, socket);
    const stream = outside.connect(boxPort, owner);
    if (stream === undefined) {
      socket.resetAndDestroy();
      return;
    }
    statistics.connectionsToBox++;
    carry(stream);
    context.wake();
  });
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: hostPort, host: LOOPBACK, exclusive: true }, () => {
      server.off('error', reject);
      // of single connections: they are lost
      server.on('error', () => {});
      context.onClose(() => {
        server.close();
        for (const socket of sockets) socket.destroy();
      });
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** The box's connections to the outside's `port` go on to `hostPort` of the loopback; they stand when that one does. */
export function forwardTcp(context: BridgeContext, port: number, hostPort: number): void {
  const { outside, statistics } = context;
  const sockets = new Set<Socket>();
  context.onClose(() => {
    for (const socket of sockets) socket.destroy();
  });
  outside.services.tcp.set(port, {
    connection(stream) {
      const socket = connect({ port: hostPort, host: LOOPBACK, allowHalfOpen: true });
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      const { owner, carry } = join(context, socket);
      carry(stream);
      socket.on('connect', () => {
        statistics.connectionsFromBox++;
        acceptStream(outside, stream);
        context.wake();
      });
      return owner;
    },
  });
}

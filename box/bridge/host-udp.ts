/** UDP between the outside and the host's loopback: node:dgram. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { LOOPBACK, type BridgeContext } from './context.ts';

/** real clients, and sockets of the box, that are told apart at a time; the one that was silent longest goes */
const MAX_CLIENTS = 1024;
const MAX_PEERS = 256;

/** A socket on a port of the loopback; 0 chooses one. Rejects with the host's error. */
function bind(context: BridgeContext, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind({ port, address: LOOPBACK, exclusive: true }, () => {
      socket.off('error', reject);
      // of single datagrams: they are lost
      socket.on('error', () => {});
      context.onClose(() => socket.close());
      resolve(socket);
    });
  });
}

/** Whether a datagram from the host fits a packet of the box. */
function fits({ outside, statistics }: BridgeContext, bytes: Uint8Array): boolean {
  if (bytes.length <= outside.largestDatagram) return true;
  statistics.datagramsDropped++;
  return false;
}

/** Moves `key` to the end of those that were used. */
function touch<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Value {
  map.delete(key);
  map.set(key, value);
  return value;
}

/** The one that was not used for longest, if there are `most`. */
const oldest = <Key>(map: ReadonlyMap<Key, unknown>, most: number): Key | undefined =>
  map.size < most ? undefined : map.keys().next().value;

/**
 * Datagrams to `hostPort` of the loopback enter the box, from one port of the outside a client, to `boxPort`; what the
 * box answers goes to the client. The port of the host.
 */
export async function listenUdp(context: BridgeContext, hostPort: number, boxPort: number): Promise<number> {
  const { outside, statistics } = context;
  const socket = await bind(context, hostPort);
  /** `address:port` of the client to the outside's port */
  const clients = new Map<string, number>();

  const admit = (client: string, { address, port }: RemoteInfo): number | undefined => {
    const last = oldest(clients, MAX_CLIENTS);
    if (last !== undefined) {
      outside.services.udp.delete(clients.get(last)!);
      clients.delete(last);
    }
    const own = outside.freePort('udp');
    if (own === undefined) return undefined;
    outside.services.udp.set(own, {
      datagram(from, payload) {
        if (from !== boxPort) {
          statistics.datagramsDropped++;
          return;
        }
        statistics.datagramsFromBox++;
        socket.send(payload, port, address);
      },
    });
    return touch(clients, client, own);
  };

  socket.on('message', (bytes, from) => {
    if (!fits(context, bytes)) return;
    const client = `${from.address}:${from.port}`;
    const known = clients.get(client);
    const own = known === undefined ? admit(client, from) : touch(clients, client, known);
    if (own === undefined) return;
    statistics.datagramsToBox++;
    outside.sendDatagram(own, boxPort, bytes);
    context.wake();
  });
  return socket.address().port;
}

/** Datagrams of the box to the outside's `port` go to `hostPort` of the loopback, from one socket a port of the box. */
export function forwardUdp(context: BridgeContext, port: number, hostPort: number): void {
  const { outside, statistics } = context;
  const peers = new Map<number, Promise<Socket>>();
  const sockets = new Set<Socket>();
  let closed = false;

  const open = async (boxPort: number): Promise<Socket> => {
    const socket = createSocket('udp4');
    sockets.add(socket);
    socket.on('message', (bytes, from) => {
      if (from.port !== hostPort || from.address !== LOOPBACK) statistics.datagramsDropped++;
      else if (fits(context, bytes)) {
        statistics.datagramsToBox++;
        outside.sendDatagram(port, boxPort, bytes);
        context.wake();
      }
    });
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.bind({ port: 0, address: LOOPBACK, exclusive: true }, resolve);
    }).catch((error: unknown) => {
      if (sockets.delete(socket)) socket.close();
      throw error;
    });
    return socket;
  };
  const close = async (peer: Promise<Socket>): Promise<void> => {
    const socket = await peer.catch(() => undefined);
    if (socket !== undefined && sockets.delete(socket)) socket.close();
  };

  context.onClose(() => {
    closed = true;
    for (const socket of sockets) socket.close();
    sockets.clear();
  });
  outside.services.udp.set(port, {
    async datagram(boxPort, payload) {
      if (closed) return;
      const known = peers.get(boxPort);
      const last = known === undefined ? oldest(peers, MAX_PEERS) : undefined;
      if (last !== undefined) {
        void close(peers.get(last)!);
        peers.delete(last);
      }
      // undefined: the host had none to give
      const socket = await touch(peers, boxPort, known ?? open(boxPort)).catch(() => undefined);
      if (socket === undefined) {
        peers.delete(boxPort);
        statistics.datagramsDropped++;
        return;
      }
      if (!sockets.has(socket)) return;
      statistics.datagramsFromBox++;
      socket.send(payload, hostPort, LOOPBACK);
    },
  });
}

/** AF_UNIX sockets: pairs made by socketpair(2). There are no names, so nothing can be connected to. */
import { fail } from '../errno.ts';
import { peekChunks } from '../fs/bytes.ts';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../fs/constants.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../scheduler.ts';
import { throwPending } from './inet-common.ts';
import { addDatagram, addReceived, takeDatagram, takeReceived } from './queues.ts';
import type { SocketKind } from './socket-kinds.ts';
import {
  AF_UNIX,
  createSocket,
  destroySocket,
  nowhere,
  RECEIVE_BUFFER,
  Shutdown,
  SOCK_STREAM,
  socketChannel,
} from './sockets.ts';
import type { Socket } from './types.ts';
import { errno } from '../errno.ts';

/** datagrams that wait: sysctl net.unix.max_dgram_qlen */
const MAX_DATAGRAMS = 10;
const name = Uint8Array.of(AF_UNIX, 0);

const peerOf = (kernel: Kernel, socket: Socket): Socket | undefined => kernel.net.sockets.get(socket.peer);

/** Two sockets that are each other's peers. ENFILE. */
export function createPair(kernel: Kernel, type: number): readonly [Socket, Socket] {
  const left = createSocket(kernel, AF_UNIX, type, 0);
  let right;
  try {
    right = createSocket(kernel, AF_UNIX, type, 0);
  } catch (error) {
    destroySocket(kernel, left);
    throw error;
  }
  left.peer = right.id;
  right.peer = left.id;
  left.connected = right.connected = true;
  return [left, right];
}

export const unixSocket: SocketKind = {
  name: () => name,
  peerName: (socket) => (socket.connected ? name : fail('ENOTCONN')),
  bind: () => fail('EOPNOTSUPP'),
  // no name leads to a socket
  connect: () => fail('ENOENT'),
  listen: () => fail('EINVAL'),
  accept: () => fail('EINVAL'),
  send(kernel, _task, socket, { bytes, to }) {
    throwPending(socket);
    if (to !== undefined) fail(socket.type === SOCK_STREAM ? 'EISCONN' : 'ENOENT');
    if (!socket.connected) fail('ENOTCONN');
    const peer = peerOf(kernel, socket);
    if (peer === undefined && socket.type !== SOCK_STREAM) fail('ECONNREFUSED');
    if (peer === undefined || (socket.shutdown & Shutdown.send) !== 0 || (peer.shutdown & Shutdown.receive) !== 0) {
      return fail('EPIPE');
    }
    const room = RECEIVE_BUFFER - peer.receivedBytes;
    if (socket.type === SOCK_STREAM) {
      if (room <= 0 && bytes.length > 0) return undefined;
      addReceived(kernel, peer, bytes.subarray(0, room));
    } else {
      if (bytes.length > RECEIVE_BUFFER) fail('EMSGSIZE');
      if (bytes.length > room || peer.datagrams.length >= MAX_DATAGRAMS) return undefined;
      addDatagram(kernel, peer, { bytes: bytes.slice(), from: nowhere, to: 0, ifindex: 0 });
    }
    const sent = Math.min(bytes.length, room);
    wake(kernel, socketChannel(peer));
    return sent;
  },
  receive(kernel, socket, length) {
    const datagram = socket.datagrams[0];
    if (datagram !== undefined) {
      return { bytes: datagram.bytes.subarray(0, length), length: datagram.bytes.length, from: undefined };
    }
    if (socket.receivedBytes > 0) {
      const bytes = peekChunks(socket.received, length);
      return { bytes, length: bytes.length, from: undefined };
    }
    throwPending(socket);
    if (!socket.connected) fail(socket.type === SOCK_STREAM ? 'EINVAL' : 'ENOTCONN');
    const peer = peerOf(kernel, socket);
    const ended =
      peer === undefined || (socket.shutdown & Shutdown.receive) !== 0 || (peer.shutdown & Shutdown.send) !== 0;
    return ended ? { bytes: new Uint8Array(0), length: 0, from: undefined } : undefined;
  },
  consume(kernel, socket, count) {
    if (takeDatagram(kernel, socket) === undefined) takeReceived(kernel, socket, count);
    const peer = peerOf(kernel, socket);
    if (peer !== undefined) wake(kernel, socketChannel(peer));
  },
  shutdown(kernel, socket, how) {
    if (!socket.connected) fail('ENOTCONN');
    socket.shutdown |= how;
    for (const end of [socket, peerOf(kernel, socket)]) if (end !== undefined) wake(kernel, socketChannel(end));
  },
  poll(kernel, socket) {
    const peer = peerOf(kernel, socket);
    const ended = socket.connected && (peer === undefined || (peer.shutdown & Shutdown.send) !== 0);
    const closed = (socket.shutdown & Shutdown.receive) !== 0;
    const readable = socket.receivedBytes > 0 || socket.datagrams.length > 0 || ended || closed;
    const writable = peer === undefined || peer.receivedBytes < RECEIVE_BUFFER;
    const hangUp = socket.type === SOCK_STREAM && (!socket.connected || peer === undefined) ? Poll.hangUp : 0;
    return (
      (readable ? POLL_READABLE : 0) | (writable ? POLL_WRITABLE : 0) | hangUp | (socket.error === 0 ? 0 : Poll.error)
    );
  },
  readable: (socket) => socket.datagrams[0]?.bytes.length ?? socket.receivedBytes,
  close(kernel, socket) {
    const peer = peerOf(kernel, socket);
    if (peer !== undefined) {
      if (socket.receivedBytes > 0 && socket.type === SOCK_STREAM) peer.error = errno.ECONNRESET;
      wake(kernel, socketChannel(peer));
    }
    destroySocket(kernel, socket);
  },
};

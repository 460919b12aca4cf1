/** UDP sockets. */
import { fail } from '../errno.ts';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../fs/constants.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../scheduler.ts';
import { bindInet, inetName, inetPeerName, throwPending } from './inet-common.ts';
import { route } from './output.ts';
import { takeDatagram } from './queues.ts';
import { AF_UNSPEC, familyOf, readInet, writeInet } from './sockaddr.ts';
import type { SocketKind } from './socket-kinds.ts';
import { destroySocket, nowhere, Shutdown, socketChannel, writeSock } from './sockets.ts';
import type { Socket } from './types.ts';
import { autobind, sendUdp } from './udp.ts';

/** udp_disconnect */
function disconnect(kernel: Kernel, socket: Socket): void {
  socket.connected = false;
  socket.remote = nowhere;
  if (!socket.boundAddress) socket.local = { address: 0, port: socket.local.port };
  writeSock(kernel, socket);
}

export const datagramSocket: SocketKind = {
  name: inetName,
  peerName: inetPeerName,
  bind: bindInet,
  connect(kernel, socket, bytes) {
    if (familyOf(bytes) === AF_UNSPEC) disconnect(kernel, socket);
    else {
      const remote = readInet(bytes);
      const address = remote.address === 0 ? 0x7f00_0001 : remote.address;
      const { source } = route(kernel, address);
      autobind(kernel, socket);
      if (socket.local.address === 0) socket.local = { address: source, port: socket.local.port };
      socket.remote = { address, port: remote.port };
      socket.connected = true;
      writeSock(kernel, socket);
    }
    return true;
  },
  listen: () => fail('EOPNOTSUPP'),
  accept: () => fail('EOPNOTSUPP'),
  send(kernel, _task, socket, { bytes, to }) {
    autobind(kernel, socket);
    if ((socket.shutdown & Shutdown.send) !== 0) fail('EPIPE');
    throwPending(socket);
    if (to === undefined && !socket.connected) fail('EDESTADDRREQ');
    return sendUdp(kernel, socket, to === undefined ? socket.remote : readInet(to), bytes);
  },
  receive(_kernel, socket, length) {
    const datagram = socket.datagrams[0];
    if (datagram !== undefined) {
      const { bytes, from } = datagram;
      return { bytes: bytes.subarray(0, length), length: bytes.length, from: writeInet(from) };
    }
    throwPending(socket);
    if ((socket.shutdown & Shutdown.receive) === 0) return undefined;
    return { bytes: new Uint8Array(0), length: 0, from: undefined };
  },
  consume: (kernel, socket) => void takeDatagram(kernel, socket),
  shutdown(kernel, socket, how) {
    socket.shutdown |= how;
    wake(kernel, socketChannel(socket));
    // inet_shutdown: it fails, but it is done
    if (!socket.connected) fail('ENOTCONN');
  },
  poll(_kernel, socket) {
    const readable = socket.datagrams.length > 0 || (socket.shutdown & Shutdown.receive) !== 0;
    const hangUp = socket.shutdown === (Shutdown.receive | Shutdown.send) ? Poll.hangUp : 0;
    return POLL_WRITABLE | (readable ? POLL_READABLE : 0) | (socket.error === 0 ? 0 : Poll.error) | hangUp;
  },
  readable: (socket) => socket.datagrams[0]?.bytes.length ?? 0,
  close: destroySocket,
};

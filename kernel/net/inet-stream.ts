/** TCP sockets. */
import { fail } from '../errno.ts';
import { peekChunks } from '../fs/bytes.ts';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../fs/constants.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../scheduler.ts';
import { bindInet, inetName, inetPeerName, throwPending } from './inet-common.ts';
import { route } from './output.ts';
import { AF_UNSPEC, familyOf, readInet } from './sockaddr.ts';
import { addUnsent, takeReceived } from './queues.ts';
import type { SocketKind } from './socket-kinds.ts';
import { choosePort, isFree, nowhere, option, Shutdown, socketChannel, writeSock } from './sockets.ts';
import {
  closeSending,
  closeTcp,
  createTcp,
  endTcp,
  sendReset,
  sendSyn,
  setState,
  tcpOutput,
  windowUpdate,
} from './tcp.ts';
import type { Socket, TcpControl } from './types.ts';

/** bytes not acknowledged and not sent that a socket keeps */
const SEND_BUFFER = 262_144;
/** sysctl net.core.somaxconn */
const SOMAXCONN = 4096;
const POLLRDHUP = 0x2000;
/** SOL_SOCKET:SO_LINGER, as setsockopt stores it: seconds + 1, or 0 when it is off */
const [SOL_SOCKET, SO_LINGER] = [1, 13];

const control = (kernel: Kernel, socket: Socket): TcpControl => (socket.tcp ??= createTcp(kernel));

/** A connection that can still carry bytes from here. */
const canSend = (state: TcpControl['state']): boolean => state === 'ESTABLISHED' || state === 'CLOSE_WAIT';

/** Nothing more will come. */
const atEnd = (socket: Socket, tcp: TcpControl): boolean =>
  tcp.finReceived || (socket.shutdown & Shutdown.receive) !== 0 || (tcp.state === 'CLOSE' && socket.remote.port !== 0);

function startConnect(kernel: Kernel, socket: Socket, tcp: TcpControl, bytes: Uint8Array): void {
  const remote = readInet(bytes);
  const address = remote.address === 0 ? 0x7f00_0001 : remote.address;
  const { source } = route(kernel, address);
  const local = socket.local.address === 0 ? source : socket.local.address;
  const port = socket.local.port === 0 ? choosePort(kernel, socket, local) : socket.local.port;
  if (socket.local.port === 0 && !isFree(kernel, socket, { address: local, port })) fail('EADDRNOTAVAIL');
  socket.local = { address: local, port };
  socket.remote = { address, port: remote.port };
  socket.error = 0;
  tcp.retries = 0;
  setState(kernel, socket, tcp, 'SYN_SENT');
  sendSyn(kernel, socket, tcp);
}

export const streamSocket: SocketKind = {
  name: inetName,
  peerName: inetPeerName,
  bind: bindInet,
  /** EISCONN, EALREADY (which a blocking caller waits through), EINVAL on a listener, ENETUNREACH */
  connect(kernel, socket, bytes) {
    const tcp = control(kernel, socket);
    if (familyOf(bytes) === AF_UNSPEC) {
      if (canSend(tcp.state)) sendReset(kernel, socket, tcp);
      endTcp(kernel, socket, tcp, 0);
      socket.remote = nowhere;
      socket.tcp = createTcp(kernel);
      return true;
    }
    if (tcp.state === 'LISTEN') fail('EISCONN');
    if (tcp.state === 'SYN_SENT' || tcp.state === 'SYN_RECV') fail('EALREADY');
    if (tcp.state !== 'CLOSE') fail('EISCONN');
    socket.tcp = createTcp(kernel);
    startConnect(kernel, socket, socket.tcp, bytes);
    return false;
  },
  listen(kernel, socket, backlog) {
    const tcp = control(kernel, socket);
    if (tcp.state !== 'CLOSE' && tcp.state !== 'LISTEN') fail('EINVAL');
    if (tcp.state === 'CLOSE') {
      const { address, port } = socket.local;
      // two sockets may be bound to a port with SO_REUSEADDR, but one may listen
      const chosen = port === 0 ? choosePort(kernel, socket, address) : port;
      socket.local = { address, port: chosen };
      for (const other of kernel.net.sockets.values()) {
        const listens = other.id !== socket.id && other.tcp?.state === 'LISTEN' && other.local.port === chosen;
        if (listens && !isFree(kernel, socket, socket.local)) fail('EADDRINUSE');
      }
      setState(kernel, socket, tcp, 'LISTEN');
    }
    tcp.backlog = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog;
  },
  accept(kernel, socket) {
    const tcp = control(kernel, socket);
    if (tcp.state !== 'LISTEN') fail('EINVAL');
    for (;;) {
      const id = tcp.acceptQueue.shift();
      if (id === undefined) return undefined;
      const child = kernel.net.sockets.get(id);
      if (child?.tcp === undefined) continue;
      child.tcp.listener = 0;
      return child;
    }
  },
  send(kernel, _task, socket, { bytes }) {
    const tcp = control(kernel, socket);
    if (tcp.state === 'SYN_SENT' || tcp.state === 'SYN_RECV') return undefined;
    throwPending(socket);
    if (!canSend(tcp.state) || (socket.shutdown & Shutdown.send) !== 0) fail('EPIPE');
    const room = SEND_BUFFER - tcp.sendBytes;
    if (room <= 0 && bytes.length > 0) return undefined;
    const part = bytes.subarray(0, room);
    addUnsent(kernel, socket, tcp, part);
    tcpOutput(kernel, socket, tcp);
    return part.length;
  },
  receive(kernel, socket, length) {
    const tcp = control(kernel, socket);
    if (socket.receivedBytes > 0) {
      const bytes = peekChunks(socket.received, length);
      return { bytes, length: bytes.length, from: undefined };
    }
    throwPending(socket);
    if (atEnd(socket, tcp)) return { bytes: new Uint8Array(0), length: 0, from: undefined };
    if (tcp.state === 'CLOSE' || tcp.state === 'LISTEN') fail('ENOTCONN');
    return undefined;
  },
  consume(kernel, socket, count) {
    if (count === 0 || count > socket.receivedBytes) return;
    takeReceived(kernel, socket, count);
    if (socket.tcp !== undefined && socket.connected) windowUpdate(kernel, socket, socket.tcp);
  },
  shutdown(kernel, socket, how) {
    const tcp = control(kernel, socket);
    if (tcp.state === 'LISTEN') {
      if ((how & Shutdown.receive) !== 0) setState(kernel, socket, tcp, 'CLOSE');
      return;
    }
    socket.shutdown |= how;
    // inet_shutdown: it fails, but it is done
    if (tcp.state === 'CLOSE') fail('ENOTCONN');
    if ((how & Shutdown.send) !== 0) closeSending(kernel, socket, tcp);
    wake(kernel, socketChannel(socket));
  },
  poll(kernel, socket) {
    const tcp = control(kernel, socket);
    const error = socket.error === 0 ? 0 : Poll.error;
    if (tcp.state === 'LISTEN') return tcp.acceptQueue.some((id) => kernel.net.sockets.has(id)) ? POLL_READABLE : 0;
    if (tcp.state === 'SYN_SENT' || tcp.state === 'SYN_RECV') return error;
    const fresh = tcp.state === 'CLOSE' && socket.remote.port === 0;
    if (fresh) return error | POLL_WRITABLE | Poll.hangUp;
    const ended = atEnd(socket, tcp);
    const sendingEnded = (socket.shutdown & Shutdown.send) !== 0 || tcp.state === 'CLOSE';
    const readable = socket.receivedBytes > 0 || ended ? POLL_READABLE : 0;
    const room = SEND_BUFFER - tcp.sendBytes >= SEND_BUFFER / 3;
    const writable = room || sendingEnded ? POLL_WRITABLE : 0;
    return error | readable | writable | (ended ? POLLRDHUP : 0) | (ended && sendingEnded ? Poll.hangUp : 0);
  },
  readable: (socket) => socket.receivedBytes,
  close(kernel, socket) {
    const tcp = control(kernel, socket);
    closeTcp(kernel, socket, tcp, option(socket, SOL_SOCKET, SO_LINGER) === 1);
    writeSock(kernel, socket);
  },
};

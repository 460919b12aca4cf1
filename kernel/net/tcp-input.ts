/** Received TCP segments: RFC 9293 §3.10.7. */
import { Errno, errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../scheduler.ts';
import { routeTo } from './devices.ts';
import { sendIp } from './output.ts';
import { IPPROTO_TCP, readTcp, tcpSegment, TcpFlag, type Ipv4Packet, type TcpSegment } from './packet.ts';
import { addEarly, addReceived, dropEarly, takeEarly } from './queues.ts';
import {
  AF_INET,
  createSocket,
  destroySocket,
  RECEIVE_BUFFER,
  Shutdown,
  SOCK_STREAM,
  socketChannel,
} from './sockets.ts';
import { advance, after, before, distance } from './sequence.ts';
import {
  acknowledge,
  createTcp,
  DEFAULT_MSS,
  endTcp,
  enterTimeWait,
  ownMss,
  sendAck,
  sendReset,
  sendSyn,
  setState,
  setTimer,
  tcpOutput,
  TIME_WAIT,
} from './tcp.ts';
import type { Endpoint, Socket, TcpControl } from './types.ts';

/** segments kept that came too early */
const MAX_EARLY = 64;

const has = (segment: TcpSegment, flag: number): boolean => (segment.flags & flag) !== 0;
/** sequence numbers that a segment takes up */
const lengthOf = (segment: TcpSegment): number =>
  segment.payload.length + Number(has(segment, TcpFlag.syn)) + Number(has(segment, TcpFlag.fin));

/** The connection between two ends, else a listener; of several listeners (SO_REUSEPORT) the flow chooses one. */
function lookup(kernel: Kernel, local: Endpoint, remote: Endpoint): Socket | undefined {
  const listeners: Socket[] = [];
  for (const socket of kernel.net.sockets.values()) {
    if (socket.tcp === undefined || socket.local.port !== local.port || socket.tcp.state === 'CLOSE') continue;
    if (socket.tcp.state === 'LISTEN') {
      if (socket.local.address === 0 || socket.local.address === local.address) listeners.push(socket);
      continue;
    }
    const same = socket.remote.port === remote.port && socket.remote.address === remote.address;
    if (same && socket.local.address === local.address) return socket;
  }
  const exact = listeners.filter((socket) => socket.local.address !== 0);
  const group = exact.length > 0 ? exact : listeners;
  return group[(remote.address + remote.port * 31) % Math.max(1, group.length)];
}

/** tcp_v4_send_reset: for a segment that belongs to no connection. */
function refuse(kernel: Kernel, packet: Ipv4Packet, segment: TcpSegment): void {
  if (has(segment, TcpFlag.rst)) return;
  const path = routeTo(kernel, packet.source);
  if (path === undefined) return;
  const acknowledged = has(segment, TcpFlag.ack);
  const bytes = tcpSegment(packet.destination, packet.source, {
    source: segment.destination,
    destination: segment.source,
    seq: acknowledged ? segment.ack : 0,
    ack: acknowledged ? 0 : advance(segment.seq, lengthOf(segment)),
    flags: acknowledged ? TcpFlag.rst : TcpFlag.rst | TcpFlag.ack,
    window: 0,
    mss: undefined,
    payload: new Uint8Array(0),
  });
  sendIp(kernel, path, { source: packet.destination, destination: packet.source }, IPPROTO_TCP, bytes, 0);
}

/** Connections of a listener that are not accepted yet, finished or not. */
function waitingFor(kernel: Kernel, listener: Socket): number {
  let count = 0;
  for (const { tcp } of kernel.net.sockets.values()) if (tcp?.listener === listener.id) count++;
  return count;
}

/** Undefined without memory: the client sends its SYN again. */
function newConnection(kernel: Kernel): Socket | undefined {
  try {
    return createSocket(kernel, AF_INET, SOCK_STREAM, IPPROTO_TCP);
  } catch (error) {
    if (error instanceof Errno) return undefined;
    throw error;
  }
}

function receiveAtListener(kernel: Kernel, listener: Socket, packet: Ipv4Packet, segment: TcpSegment): void {
  if (has(segment, TcpFlag.rst)) return;
  if (has(segment, TcpFlag.ack)) return refuse(kernel, packet, segment);
  if (!has(segment, TcpFlag.syn)) return;
  // sk_acceptq_is_full: the client sends its SYN again
  if (waitingFor(kernel, listener) > listener.tcp!.backlog) return;
  const child = newConnection(kernel);
  if (child === undefined) return;
  const tcp = createTcp(kernel);
  for (const [name, value] of listener.options) child.options.set(name, value);
  child.tcp = tcp;
  child.local = { address: packet.destination, port: segment.destination };
  child.remote = { address: packet.source, port: segment.source };
  tcp.listener = listener.id;
  tcp.rcvNxt = advance(segment.seq, 1);
  tcp.sndWnd = segment.window;
  tcp.mss = Math.min(segment.mss ?? DEFAULT_MSS, ownMss(kernel, packet.source));
  setState(kernel, child, tcp, 'SYN_RECV');
  sendSyn(kernel, child, tcp);
}

function receiveInSynSent(
  kernel: Kernel,
  socket: Socket,
  tcp: TcpControl,
  packet: Ipv4Packet,
  segment: TcpSegment,
): void {
  const acknowledged = has(segment, TcpFlag.ack);
  if (acknowledged && segment.ack !== tcp.sndNxt) return refuse(kernel, packet, segment);
  if (has(segment, TcpFlag.rst)) {
    if (acknowledged) endTcp(kernel, socket, tcp, errno.ECONNREFUSED);
    return;
  }
  if (!has(segment, TcpFlag.syn)) return;
  tcp.rcvNxt = advance(segment.seq, 1);
  tcp.sndWnd = segment.window;
  tcp.mss = Math.min(segment.mss ?? DEFAULT_MSS, ownMss(kernel, socket.remote.address));
  tcp.retries = 0;
  tcp.deadline = undefined;
  if (!acknowledged) {
    setState(kernel, socket, tcp, 'SYN_RECV');
    sendSyn(kernel, socket, tcp);
    return;
  }
  tcp.sndUna = segment.ack;
  socket.connected = true;
  setState(kernel, socket, tcp, 'ESTABLISHED');
  sendAck(kernel, socket, tcp);
}

/** RFC 9293 §3.10.7.4, first check: some of the segment lies in the window. */
function acceptable(socket: Socket, tcp: TcpControl, segment: TcpSegment): boolean {
  const length = lengthOf(segment);
  const edge = advance(
    tcp.rcvNxt,
    Math.max(distance(tcp.rcvNxt, tcp.rcvAdvertised), RECEIVE_BUFFER - socket.receivedBytes, 0),
  );
  const end = advance(segment.seq, length);
  if (length === 0) return !before(segment.seq, tcp.rcvNxt) && !after(segment.seq, edge);
  return after(end, tcp.rcvNxt) && before(segment.seq, edge);
}

/** The peer has acknowledged the SYN of a connection that came in: it can be accepted. */
function establish(kernel: Kernel, socket: Socket, tcp: TcpControl, segment: TcpSegment): void {
  tcp.sndUna = segment.ack;
  tcp.retries = 0;
  tcp.deadline = undefined;
  socket.connected = true;
  setState(kernel, socket, tcp, 'ESTABLISHED');
  const listener = kernel.net.sockets.get(tcp.listener);
  if (listener === undefined) return;
  listener.tcp!.acceptQueue.push(socket.id);
  wake(kernel, socketChannel(listener));
}

/** What the acknowledgement of the FIN does to each state. */
function finAcknowledged(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  if (tcp.state === 'FIN_WAIT1') {
    setState(kernel, socket, tcp, 'FIN_WAIT2');
    if (socket.orphan) setTimer(kernel, tcp, TIME_WAIT);
  } else if (tcp.state === 'CLOSING') enterTimeWait(kernel, socket, tcp);
  else if (tcp.state === 'LAST_ACK') {
    if (socket.orphan) destroySocket(kernel, socket);
    else endTcp(kernel, socket, tcp, 0);
  }
}

/** What the peer's FIN does to each state. */
function finReceived(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  tcp.rcvNxt = advance(tcp.rcvNxt, 1);
  tcp.finReceived = true;
  dropEarly(kernel, socket, tcp);
  if (tcp.state === 'ESTABLISHED' || tcp.state === 'SYN_RECV') setState(kernel, socket, tcp, 'CLOSE_WAIT');
  else if (tcp.state === 'FIN_WAIT1') setState(kernel, socket, tcp, 'CLOSING');
  else if (tcp.state === 'FIN_WAIT2') enterTimeWait(kernel, socket, tcp);
}

/** Appends what is in order; whether the FIN was. */
function takeInOrder(
  kernel: Kernel,
  socket: Socket,
  tcp: TcpControl,
  seq: number,
  bytes: Uint8Array,
  fin: boolean,
): boolean {
  const skip = distance(seq, tcp.rcvNxt);
  const fresh = bytes.subarray(Math.min(skip, bytes.length), skip + Math.max(0, RECEIVE_BUFFER - socket.receivedBytes));
  const whole = skip + fresh.length >= bytes.length;
  if ((socket.shutdown & Shutdown.receive) === 0) {
    try {
      addReceived(kernel, socket, fresh);
    } catch (error) {
      // the peer sends it again
      if (error instanceof Errno) return false;
      throw error;
    }
  }
  tcp.rcvNxt = advance(tcp.rcvNxt, fresh.length);
  return fin && whole;
}

function receiveData(kernel: Kernel, socket: Socket, tcp: TcpControl, segment: TcpSegment): void {
  const fin = has(segment, TcpFlag.fin);
  if (segment.payload.length === 0 && !fin) return;
  if (tcp.finReceived) return sendAck(kernel, socket, tcp);
  if (socket.orphan && segment.payload.length > 0) {
    sendReset(kernel, socket, tcp);
    return destroySocket(kernel, socket);
  }
  if (after(segment.seq, tcp.rcvNxt)) {
    const known = tcp.early.some(({ seq }) => seq === segment.seq);
    if (!known && tcp.early.length < MAX_EARLY) {
      addEarly(kernel, socket, tcp, { seq: segment.seq, bytes: segment.payload, fin });
    }
    return sendAck(kernel, socket, tcp);
  }
  let ended = takeInOrder(kernel, socket, tcp, segment.seq, segment.payload, fin);
  for (;;) {
    const index = tcp.early.findIndex(({ seq }) => !after(seq, tcp.rcvNxt));
    if (index === -1) break;
    const next = takeEarly(kernel, socket, tcp, index);
    const end = advance(next.seq, next.bytes.length);
    if (before(end, tcp.rcvNxt)) continue;
    if (takeInOrder(kernel, socket, tcp, next.seq, next.bytes, next.fin)) ended = true;
  }
  if (ended) finReceived(kernel, socket, tcp);
  wake(kernel, socketChannel(socket));
  if (kernel.net.sockets.has(socket.id)) sendAck(kernel, socket, tcp);
}

function receiveAcknowledgement(kernel: Kernel, socket: Socket, tcp: TcpControl, segment: TcpSegment): boolean {
  if (tcp.state === 'SYN_RECV') {
    if (segment.ack !== tcp.sndNxt) {
      sendReset(kernel, socket, tcp);
      return false;
    }
    establish(kernel, socket, tcp, segment);
  }
  if (after(segment.ack, tcp.sndMax)) {
    sendAck(kernel, socket, tcp);
    return false;
  }
  if (!before(segment.ack, tcp.sndUna)) tcp.sndWnd = segment.window;
  if (after(segment.ack, tcp.sndUna)) {
    const ended = acknowledge(kernel, socket, tcp, segment.ack);
    wake(kernel, socketChannel(socket));
    if (ended) {
      finAcknowledged(kernel, socket, tcp);
      return kernel.net.sockets.has(socket.id) && tcp.state !== 'CLOSE';
    }
  }
  if (tcp.state !== 'TIME_WAIT' && tcp.state !== 'FIN_WAIT2') tcpOutput(kernel, socket, tcp);
  return true;
}

function receiveInConnection(kernel: Kernel, socket: Socket, tcp: TcpControl, segment: TcpSegment): void {
  if (!acceptable(socket, tcp, segment)) {
    if (!has(segment, TcpFlag.rst)) sendAck(kernel, socket, tcp);
    return;
  }
  // RFC 1337: everything has been said
  if (has(segment, TcpFlag.rst) && tcp.state === 'TIME_WAIT') return endTcp(kernel, socket, tcp, 0);
  if (has(segment, TcpFlag.rst)) {
    const error =
      { SYN_RECV: errno.ECONNREFUSED, CLOSE_WAIT: errno.EPIPE }[tcp.state as 'SYN_RECV'] ?? errno.ECONNRESET;
    return endTcp(kernel, socket, tcp, error);
  }
  // RFC 5961 §4: a challenge
  if (has(segment, TcpFlag.syn)) return sendAck(kernel, socket, tcp);
  if (!has(segment, TcpFlag.ack)) return;
  if (receiveAcknowledgement(kernel, socket, tcp, segment)) receiveData(kernel, socket, tcp, segment);
}

/** tcp_v4_rcv: false for a malformed segment. */
export function receiveTcp(kernel: Kernel, packet: Ipv4Packet, trusted: boolean): boolean {
  const segment = readTcp(packet, trusted);
  if (segment === undefined) return false;
  const local = { address: packet.destination, port: segment.destination };
  const remote = { address: packet.source, port: segment.source };
  let socket = lookup(kernel, local, remote);
  // a new connection may take the place of one that has ended
  const opens = has(segment, TcpFlag.syn) && !has(segment, TcpFlag.ack) && !has(segment, TcpFlag.rst);
  if (socket?.tcp?.state === 'TIME_WAIT' && socket.orphan && opens && after(segment.seq, socket.tcp.rcvNxt)) {
    destroySocket(kernel, socket);
    socket = lookup(kernel, local, remote);
  }
  if (socket?.tcp === undefined) refuse(kernel, packet, segment);
  else if (socket.tcp.state === 'LISTEN') receiveAtListener(kernel, socket, packet, segment);
  else if (socket.tcp.state === 'SYN_SENT') receiveInSynSent(kernel, socket, socket.tcp, packet, segment);
  else receiveInConnection(kernel, socket, socket.tcp, segment);
  return true;
}

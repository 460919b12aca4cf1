/** TCP connections (RFC 9293): their records, and sending. No congestion control, no window scaling, no delayed ACKs. */
import { chunksAt } from '../fs/bytes.ts';
import type { Kernel } from '../kernel.ts';
import { now } from '../kernel.ts';
import { wake } from '../scheduler.ts';
import { routeTo } from './devices.ts';
import { payloadRoom, sendIp } from './output.ts';
import { IPPROTO_TCP, TCP_HEADER, tcpSegment, TcpFlag } from './packet.ts';
import { dropEarly, takeSent } from './queues.ts';
import { advance, after, before, distance } from './sequence.ts';
import { runningCpu } from './softnet.ts';
import { destroySocket, RECEIVE_BUFFER, socketChannel, writeSock } from './sockets.ts';
import { timerSet } from './timers.ts';
import type { Socket, TcpControl, TcpStateName } from './types.ts';

/** TCP_MSS_DEFAULT: what a peer takes that does not say */
export const DEFAULT_MSS = 536;
const LARGEST_WINDOW = 65535;
/** TCP_TIMEOUT_INIT and TCP_RTO_MIN, ns */
export const INITIAL_RTO = 1_000_000_000;
export const RTO = 200_000_000;
/** TCP_TIMEWAIT_LEN */
export const TIME_WAIT = 60_000_000_000;
const NO_BYTES = new Uint8Array(0);

export function createTcp(kernel: Kernel): TcpControl {
  const { next } = kernel.net;
  const initial = next.sequence;
  next.sequence = advance(initial, 64_000);
  return {
    state: 'CLOSE',
    sndUna: initial,
    sndNxt: initial,
    sndMax: initial,
    sndWnd: 0,
    rcvNxt: 0,
    rcvAdvertised: 0,
    mss: DEFAULT_MSS,
    sendQueue: [],
    sendBytes: 0,
    finQueued: false,
    finSent: false,
    finReceived: false,
    early: [],
    retries: 0,
    deadline: undefined,
    backlog: 0,
    acceptQueue: [],
    listener: 0,
  };
}

/** Guest time on the CPU that executes now. */
export const timeNow = (kernel: Kernel): bigint => now(kernel, kernel.cpus[runningCpu(kernel)]!);

/** `delay` in ns. */
export function setTimer(kernel: Kernel, tcp: TcpControl, delay: number): void {
  tcp.deadline = timeNow(kernel) + BigInt(delay);
  timerSet(kernel, tcp.deadline);
}

export function setState(kernel: Kernel, socket: Socket, tcp: TcpControl, state: TcpStateName): void {
  tcp.state = state;
  writeSock(kernel, socket);
  wake(kernel, socketChannel(socket));
}

/** Largest segment that this host takes from the peer of `socket`, and sends. */
export function ownMss(kernel: Kernel, remote: number): number {
  const path = routeTo(kernel, remote);
  return path === undefined ? DEFAULT_MSS : payloadRoom(path) - TCP_HEADER;
}

const window = (socket: Socket): number => Math.max(0, Math.min(LARGEST_WINDOW, RECEIVE_BUFFER - socket.receivedBytes));

/** tcp_cleanup_rbuf: bytes were read; the peer is told when that opens a window that was almost closed. */
export function windowUpdate(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  const promised = distance(tcp.rcvNxt, tcp.rcvAdvertised);
  if (promised < LARGEST_WINDOW / 2 && window(socket) >= promised * 2 + 1 && !tcp.finReceived) {
    sendAck(kernel, socket, tcp);
  }
}

/** One segment of a connection, with its acknowledgement and window. */
function sendSegment(
  kernel: Kernel,
  socket: Socket,
  tcp: TcpControl,
  flags: number,
  seq: number,
  payload: Uint8Array,
): void {
  const { local, remote } = socket;
  const path = routeTo(kernel, remote.address);
  if (path === undefined) return;
  const offered = window(socket);
  tcp.rcvAdvertised = advance(tcp.rcvNxt, offered);
  const segment = tcpSegment(local.address, remote.address, {
    source: local.port,
    destination: remote.port,
    seq,
    ack: (flags & TcpFlag.ack) === 0 ? 0 : tcp.rcvNxt,
    flags,
    window: offered,
    mss: (flags & TcpFlag.syn) === 0 ? undefined : ownMss(kernel, remote.address),
    payload,
  });
  const addresses = { source: local.address, destination: remote.address };
  sendIp(kernel, path, addresses, IPPROTO_TCP, segment, socket.id);
}

export function sendAck(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  sendSegment(kernel, socket, tcp, TcpFlag.ack, tcp.sndNxt, NO_BYTES);
}

/** The SYN of a connection's first state, or its SYN and ACK. */
export function sendSyn(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  const flags = tcp.state === 'SYN_RECV' ? TcpFlag.syn | TcpFlag.ack : TcpFlag.syn;
  sendSegment(kernel, socket, tcp, flags, tcp.sndUna, NO_BYTES);
  tcp.sndNxt = advance(tcp.sndUna, 1);
  tcp.sndMax = tcp.sndNxt;
  setTimer(kernel, tcp, INITIAL_RTO * 2 ** tcp.retries);
}

export function sendReset(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  sendSegment(kernel, socket, tcp, TcpFlag.rst | TcpFlag.ack, tcp.sndNxt, NO_BYTES);
}

/** What is sent and not acknowledged, the FIN counted. */
export const inFlight = (tcp: TcpControl): number => distance(tcp.sndUna, tcp.sndNxt);

/** tcp_write_xmit: as much as the peer's window takes, then the FIN; `probe`: a byte even into a closed window. */
export function tcpOutput(kernel: Kernel, socket: Socket, tcp: TcpControl, probe = false): void {
  let room = Math.max(probe ? 1 : 0, tcp.sndWnd - inFlight(tcp));
  for (;;) {
    const offset = inFlight(tcp);
    const length = Math.min(tcp.mss, tcp.sendBytes - offset, room);
    if (length <= 0) break;
    const last = offset + length === tcp.sendBytes;
    const flags = TcpFlag.ack | (last ? TcpFlag.psh : 0);
    sendSegment(kernel, socket, tcp, flags, tcp.sndNxt, chunksAt(tcp.sendQueue, offset, length));
    tcp.sndNxt = advance(tcp.sndNxt, length);
    room -= length;
  }
  if (tcp.finQueued && inFlight(tcp) === tcp.sendBytes) {
    sendSegment(kernel, socket, tcp, TcpFlag.fin | TcpFlag.ack, tcp.sndNxt, NO_BYTES);
    tcp.sndNxt = advance(tcp.sndNxt, 1);
    tcp.finSent = true;
  }
  if (after(tcp.sndNxt, tcp.sndMax)) tcp.sndMax = tcp.sndNxt;
  const waiting = inFlight(tcp) > 0 || tcp.sendBytes > 0;
  if (!waiting) tcp.deadline = undefined;
  else if (tcp.deadline === undefined) setTimer(kernel, tcp, Math.min(RTO * 2 ** tcp.retries, 120_000_000_000));
}

/** Bytes up to `ack` have arrived; whether the FIN has. */
export function acknowledge(kernel: Kernel, socket: Socket, tcp: TcpControl, ack: number): boolean {
  const count = distance(tcp.sndUna, ack);
  const bytes = Math.min(count, tcp.sendBytes);
  takeSent(kernel, socket, tcp, bytes);
  tcp.sndUna = ack;
  if (before(tcp.sndNxt, ack)) tcp.sndNxt = ack;
  tcp.retries = 0;
  tcp.deadline = undefined;
  const ended = tcp.finSent && count > bytes;
  if (ended) tcp.finQueued = false;
  return ended;
}

/** The connection is over: what still refers to it finds the error. */
export function endTcp(kernel: Kernel, socket: Socket, tcp: TcpControl, error: number): void {
  tcp.deadline = undefined;
  takeSent(kernel, socket, tcp, tcp.sendBytes);
  dropEarly(kernel, socket, tcp);
  socket.error = error;
  socket.connected = false;
  setState(kernel, socket, tcp, 'CLOSE');
  if (socket.orphan || tcp.listener !== 0) destroySocket(kernel, socket);
}

export function enterTimeWait(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  setState(kernel, socket, tcp, 'TIME_WAIT');
  setTimer(kernel, tcp, TIME_WAIT);
}

/** tcp_shutdown: a FIN behind what is queued. */
export function closeSending(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  const next = ({ ESTABLISHED: 'FIN_WAIT1', CLOSE_WAIT: 'LAST_ACK', SYN_RECV: 'FIN_WAIT1' } as const)[
    tcp.state as 'ESTABLISHED'
  ];
  if (next === undefined) return;
  tcp.finQueued = true;
  setState(kernel, socket, tcp, next);
  tcpOutput(kernel, socket, tcp);
}

/** tcp_close: with unread bytes a reset, else the rest is sent and the connection ends by itself. */
export function closeTcp(kernel: Kernel, socket: Socket, tcp: TcpControl, abort: boolean): void {
  socket.orphan = true;
  if (tcp.state === 'LISTEN') {
    for (const child of kernel.net.sockets.values()) {
      if (child.tcp?.listener !== socket.id) continue;
      sendReset(kernel, child, child.tcp);
      destroySocket(kernel, child);
    }
    return destroySocket(kernel, socket);
  }
  if (tcp.state === 'CLOSE' || tcp.state === 'SYN_SENT') return destroySocket(kernel, socket);
  if (socket.receivedBytes > 0 || abort) {
    sendReset(kernel, socket, tcp);
    return destroySocket(kernel, socket);
  }
  closeSending(kernel, socket, tcp);
  // tcp_fin_timeout
  if (tcp.state === 'FIN_WAIT2') setTimer(kernel, tcp, TIME_WAIT);
}

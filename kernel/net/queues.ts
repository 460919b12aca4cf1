/** What waits in sockets: bytes of the host's memory that are charged to the box's until they are taken, or the socket goes. */
import { appendChunk, dropChunks } from '../fs/bytes.ts';
import type { Kernel } from '../kernel.ts';
import { charge, uncharge } from '../mm/charge.ts';
import { objectBytes } from '../mm/objects.ts';
import { freePages } from '../mm/physical.ts';
import { constants } from '../layout/constants.ts';
import type { Datagram, Socket, TcpControl } from './types.ts';

/** ENOBUFS */
function hold(kernel: Kernel, socket: Socket, bytes: number): void {
  charge(kernel, bytes, 'ENOBUFS');
  socket.charged += bytes;
}

function release(kernel: Kernel, socket: Socket, bytes: number): void {
  // a socket that has gone has given everything back
  const left = Math.min(bytes, socket.charged);
  uncharge(kernel, left);
  socket.charged -= left;
}

/** Whether the box has memory for `bytes` more. */
const fits = (kernel: Kernel, bytes: number): boolean => bytes <= freePages(kernel) * constants.PAGE_SIZE;

/** A message arrives. ENOBUFS. */
export function addDatagram(kernel: Kernel, socket: Socket, datagram: Datagram): void {
  hold(kernel, socket, objectBytes.datagram + datagram.bytes.length);
  socket.datagrams.push(datagram);
  socket.receivedBytes += datagram.bytes.length;
}

/** Takes the oldest message out, if there is one. */
export function takeDatagram(kernel: Kernel, socket: Socket): Datagram | undefined {
  const datagram = socket.datagrams.shift();
  if (datagram === undefined) return undefined;
  socket.receivedBytes -= datagram.bytes.length;
  release(kernel, socket, objectBytes.datagram + datagram.bytes.length);
  return datagram;
}

/** Bytes of a stream arrive. ENOBUFS. */
export function addReceived(kernel: Kernel, socket: Socket, bytes: Uint8Array): void {
  hold(kernel, socket, bytes.length);
  appendChunk(socket.received, bytes);
  socket.receivedBytes += bytes.length;
}

/** Takes `count` bytes out, or as many as there are. */
export function takeReceived(kernel: Kernel, socket: Socket, count: number): void {
  const taken = Math.min(count, socket.receivedBytes);
  dropChunks(socket.received, taken);
  socket.receivedBytes -= taken;
  release(kernel, socket, taken);
}

/** Bytes are to be sent. ENOBUFS. */
export function addUnsent(kernel: Kernel, socket: Socket, tcp: TcpControl, bytes: Uint8Array): void {
  hold(kernel, socket, bytes.length);
  appendChunk(tcp.sendQueue, bytes);
  tcp.sendBytes += bytes.length;
}

/** `count` bytes have arrived at the peer. */
export function takeSent(kernel: Kernel, socket: Socket, tcp: TcpControl, count: number): void {
  dropChunks(tcp.sendQueue, count);
  tcp.sendBytes -= count;
  release(kernel, socket, count);
}

type Segment = TcpControl['early'][number];

/** A segment has come too early; without memory it is dropped. */
export function addEarly(kernel: Kernel, socket: Socket, tcp: TcpControl, segment: Segment): void {
  const bytes = objectBytes.segment + segment.bytes.length;
  if (!fits(kernel, bytes)) return;
  hold(kernel, socket, bytes);
  tcp.early.push(segment);
}

export function takeEarly(kernel: Kernel, socket: Socket, tcp: TcpControl, index: number): Segment {
  const segment = tcp.early.splice(index, 1)[0]!;
  release(kernel, socket, objectBytes.segment + segment.bytes.length);
  return segment;
}

export function dropEarly(kernel: Kernel, socket: Socket, tcp: TcpControl): void {
  while (tcp.early.length > 0) takeEarly(kernel, socket, tcp, 0);
}

/** net/ipv4/udp.c. */
import { Errno, fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../scheduler.ts';
import { sendPortUnreachable } from './icmp.ts';
import { payloadRoom, route, sendIp } from './output.ts';
import { IPPROTO_UDP, readUdp, UDP_HEADER, udpDatagram, type Ipv4Packet } from './packet.ts';
import { addDatagram } from './queues.ts';
import { choosePort, RECEIVE_BUFFER, socketChannel, writeSock } from './sockets.ts';
import type { Endpoint, NetDevice, Socket } from './types.ts';
import { udpSocketFor } from './udp-lookup.ts';

/** bytes that a datagram counts beside its own: an skb's truesize for a small one */
const OVERHEAD = 768;

/** Gives the socket a port if it has none. EADDRINUSE. */
export function autobind(kernel: Kernel, socket: Socket): void {
  if (socket.local.port !== 0) return;
  socket.local = { address: socket.local.address, port: choosePort(kernel, socket, socket.local.address) };
  writeSock(kernel, socket);
}

/** udp_sendmsg. EMSGSIZE: larger than the device's packets, there being no fragments; ENETUNREACH; ENOBUFS. */
export function sendUdp(kernel: Kernel, socket: Socket, to: Endpoint, payload: Uint8Array): number {
  if (to.port === 0) fail('EINVAL');
  const destination = to.address === 0 ? 0x7f00_0001 : to.address;
  const path = route(kernel, destination);
  autobind(kernel, socket);
  if (payload.length + UDP_HEADER > Math.min(payloadRoom(path), 65515)) fail('EMSGSIZE');
  const source = socket.local.address === 0 ? path.source : socket.local.address;
  const datagram = udpDatagram(
    { address: source, port: socket.local.port },
    { address: destination, port: to.port },
    payload,
  );
  if (!sendIp(kernel, path, { source, destination }, IPPROTO_UDP, datagram, socket.id)) fail('ENOBUFS');
  return payload.length;
}

/** udp_rcv: false for a malformed datagram, a full buffer, or no memory. */
export function receiveUdp(kernel: Kernel, device: NetDevice, packet: Ipv4Packet, trusted: boolean): boolean {
  const datagram = readUdp(packet, trusted);
  if (datagram === undefined) return false;
  const from = { address: packet.source, port: datagram.source };
  const socket = udpSocketFor(kernel, { address: packet.destination, port: datagram.destination }, from);
  if (socket === undefined) {
    sendPortUnreachable(kernel, packet);
    return true;
  }
  const cost = datagram.payload.length + OVERHEAD;
  if (socket.receivedBytes + socket.datagrams.length * OVERHEAD + cost > RECEIVE_BUFFER) return false;
  const arrived = { bytes: datagram.payload, from, to: packet.destination, ifindex: device.ifindex };
  try {
    addDatagram(kernel, socket, arrived);
  } catch (error) {
    if (error instanceof Errno) return false;
    throw error;
  }
  wake(kernel, socketChannel(socket));
  return true;
}

/** RFC 792: echo, and "destination unreachable" both ways. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { checksum } from './checksum.ts';
import { routeTo } from './devices.ts';
import { sendIp } from './output.ts';
import { IPPROTO_ICMP, IPPROTO_UDP, IP_HEADER, UDP_HEADER, type Ipv4Packet } from './packet.ts';
import { socketError } from './sockets.ts';
import { udpSocketFor } from './udp-lookup.ts';

const Type = { echoReply: 0, unreachable: 3, echo: 8 } as const;
const PORT_UNREACHABLE = 3;
const ICMP_HEADER = 8;

function sendIcmp(kernel: Kernel, source: number, destination: number, message: Uint8Array): void {
  const path = routeTo(kernel, destination);
  if (path === undefined) return;
  viewOf(message).setUint16(2, 0);
  viewOf(message).setUint16(2, checksum(message));
  sendIp(kernel, path, { source, destination }, IPPROTO_ICMP, message, 0);
}

/** icmp_send(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH): with the header and eight bytes of what could not be delivered. */
export function sendPortUnreachable(kernel: Kernel, { source, destination, header, payload }: Ipv4Packet): void {
  const quoted = payload.subarray(0, UDP_HEADER);
  const message = new Uint8Array(ICMP_HEADER + header.length + quoted.length);
  message.set([Type.unreachable, PORT_UNREACHABLE]);
  message.set(header, ICMP_HEADER);
  message.set(quoted, ICMP_HEADER + header.length);
  sendIcmp(kernel, destination, source, message);
}

/** icmp_unreach: ECONNREFUSED for the connected socket that sent it. */
function receiveUnreachable(kernel: Kernel, message: Uint8Array): void {
  const quoted = message.subarray(ICMP_HEADER);
  const headerLength = ((quoted[0] ?? 0) & 15) * 4;
  if (headerLength < IP_HEADER || quoted.length < headerLength + UDP_HEADER || quoted[9] !== IPPROTO_UDP) return;
  const view = viewOf(quoted);
  const sender = { address: view.getUint32(12), port: view.getUint16(headerLength) };
  const target = { address: view.getUint32(16), port: view.getUint16(headerLength + 2) };
  const socket = udpSocketFor(kernel, sender, target);
  if (socket?.connected === true && message[1] === PORT_UNREACHABLE) socketError(kernel, socket, errno.ECONNREFUSED);
}

/** icmp_rcv: false for a wrong length or checksum. */
export function receiveIcmp(kernel: Kernel, packet: Ipv4Packet): boolean {
  const { payload } = packet;
  if (payload.length < ICMP_HEADER || checksum(payload) !== 0) return false;
  if (payload[0] === Type.echo) {
    const reply = payload.slice();
    reply[0] = Type.echoReply;
    sendIcmp(kernel, packet.destination, packet.source, reply);
  } else if (payload[0] === Type.unreachable) receiveUnreachable(kernel, payload);
  return true;
}

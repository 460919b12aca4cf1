/** The headers of packets: built from values, and read with every length checked. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { ethhdr, iphdr, tcphdr, udphdr } from '../layout/network.ts';
import { checksum, pseudoHeaderSum } from './checksum.ts';

export const ETH_HLEN = ethhdr.size;
/** include/uapi/linux/if_ether.h */
export const ETH_P_ALL = 3;
export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
/** include/uapi/linux/in.h */
export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IP_HEADER = iphdr.size;
export const UDP_HEADER = udphdr.size;
export const TCP_HEADER = tcphdr.size;

const TTL = 64;
const DONT_FRAGMENT = 0x4000;
/** IP_MF and IP_OFFSET */
const FRAGMENT = 0x3fff;

export interface EthernetHeader {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  readonly protocol: number;
}

export function ethernetFrame({ destination, source, protocol }: EthernetHeader, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETH_HLEN + payload.length);
  frame.set(destination, ethhdr.fields.h_dest.offset);
  frame.set(source, ethhdr.fields.h_source.offset);
  viewOf(frame).setUint16(ethhdr.fields.h_proto.offset, protocol);
  frame.set(payload, ETH_HLEN);
  return frame;
}

/** Undefined for fewer bytes than the header has. */
export function readEthernet(frame: Uint8Array): EthernetHeader | undefined {
  if (frame.length < ETH_HLEN) return undefined;
  return {
    destination: frame.slice(0, 6),
    source: frame.slice(6, 12),
    protocol: viewOf(frame).getUint16(ethhdr.fields.h_proto.offset),
  };
}

export interface Ipv4Packet {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly payload: Uint8Array;
  /** the header with its options */
  readonly header: Uint8Array;
}

/** RFC 791 without options. */
export function ipv4Packet(
  source: number,
  destination: number,
  protocol: number,
  payload: Uint8Array,
  identification: number,
): Uint8Array {
  const packet = new Uint8Array(IP_HEADER + payload.length);
  const view = viewOf(packet);
  const { fields } = iphdr;
  packet[fields.version_ihl.offset] = 0x45;
  view.setUint16(fields.tot_len.offset, packet.length);
  view.setUint16(fields.id.offset, identification & 0xffff);
  view.setUint16(fields.frag_off.offset, DONT_FRAGMENT);
  packet[fields.ttl.offset] = TTL;
  packet[fields.protocol.offset] = protocol;
  view.setUint32(fields.saddr.offset, source);
  view.setUint32(fields.daddr.offset, destination);
  view.setUint16(fields.check.offset, checksum(packet.subarray(0, IP_HEADER)));
  packet.set(payload, IP_HEADER);
  return packet;
}

/** ip_rcv_core: undefined for what is no whole IPv4 packet with a right checksum, and for fragments. */
export function readIpv4(bytes: Uint8Array): Ipv4Packet | undefined {
  if (bytes.length < IP_HEADER || bytes[0]! >> 4 !== 4) return undefined;
  const headerLength = (bytes[0]! & 15) * 4;
  const view = viewOf(bytes);
  const { fields } = iphdr;
  const total = view.getUint16(fields.tot_len.offset);
  if (headerLength < IP_HEADER || total < headerLength || total > bytes.length) return undefined;
  if ((view.getUint16(fields.frag_off.offset) & FRAGMENT) !== 0) return undefined;
  const header = bytes.subarray(0, headerLength);
  if (checksum(header) !== 0) return undefined;
  return {
    source: view.getUint32(fields.saddr.offset),
    destination: view.getUint32(fields.daddr.offset),
    protocol: bytes[fields.protocol.offset]!,
    payload: bytes.subarray(headerLength, total),
    header,
  };
}

export interface UdpDatagram {
  readonly source: number;
  readonly destination: number;
  readonly payload: Uint8Array;
}

/** RFC 768. */
export function udpDatagram(
  from: { readonly address: number; readonly port: number },
  to: { readonly address: number; readonly port: number },
  payload: Uint8Array,
): Uint8Array {
  const datagram = new Uint8Array(UDP_HEADER + payload.length);
  const view = viewOf(datagram);
  const { fields } = udphdr;
  view.setUint16(fields.source.offset, from.port);
  view.setUint16(fields.dest.offset, to.port);
  view.setUint16(fields.len.offset, datagram.length);
  datagram.set(payload, UDP_HEADER);
  const sum = checksum(datagram, pseudoHeaderSum(from.address, to.address, IPPROTO_UDP, datagram.length));
  // 0 means that there is none
  view.setUint16(fields.check.offset, sum === 0 ? 0xffff : sum);
  return datagram;
}

/** Undefined for a wrong length, or a wrong checksum unless `trusted`. */
export function readUdp({ source, destination, payload }: Ipv4Packet, trusted: boolean): UdpDatagram | undefined {
  if (payload.length < UDP_HEADER) return undefined;
  const view = viewOf(payload);
  const { fields } = udphdr;
  const length = view.getUint16(fields.len.offset);
  if (length < UDP_HEADER || length > payload.length) return undefined;
  const datagram = payload.subarray(0, length);
  if (!trusted && view.getUint16(fields.check.offset) !== 0) {
    if (checksum(datagram, pseudoHeaderSum(source, destination, IPPROTO_UDP, length)) !== 0) return undefined;
  }
  return {
    source: view.getUint16(fields.source.offset),
    destination: view.getUint16(fields.dest.offset),
    payload: datagram.slice(UDP_HEADER),
  };
}

export const TcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;
const OPTION_MSS = 2;

export interface TcpSegment {
  readonly source: number;
  readonly destination: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  /** from the options of a SYN */
  readonly mss: number | undefined;
  readonly payload: Uint8Array;
}

/** RFC 9293 §3.1; the only option is the MSS of a SYN. */
export function tcpSegment(source: number, destination: number, segment: TcpSegment): Uint8Array {
  const headerLength = TCP_HEADER + (segment.mss === undefined ? 0 : 4);
  const bytes = new Uint8Array(headerLength + segment.payload.length);
  const view = viewOf(bytes);
  const { fields } = tcphdr;
  view.setUint16(fields.source.offset, segment.source);
  view.setUint16(fields.dest.offset, segment.destination);
  view.setUint32(fields.seq.offset, segment.seq);
  view.setUint32(fields.ack_seq.offset, segment.ack);
  bytes[fields.doff_res.offset] = (headerLength / 4) << 4;
  bytes[fields.tcp_flags.offset] = segment.flags;
  view.setUint16(fields.window.offset, segment.window);
  if (segment.mss !== undefined) {
    bytes.set([OPTION_MSS, 4], TCP_HEADER);
    view.setUint16(TCP_HEADER + 2, segment.mss);
  }
  bytes.set(segment.payload, headerLength);
  const sum = checksum(bytes, pseudoHeaderSum(source, destination, IPPROTO_TCP, bytes.length));
  view.setUint16(fields.check.offset, sum);
  return bytes;
}

/** The MSS option among a header's options. */
function readMss(options: Uint8Array): number | undefined {
  for (let at = 0; at < options.length;) {
    const kind = options[at]!;
    if (kind === 0) return undefined;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = options[at + 1] ?? 0;
    if (length < 2 || at + length > options.length) return undefined;
    if (kind === OPTION_MSS && length === 4) return viewOf(options).getUint16(at + 2);
    at += length;
  }
  return undefined;
}

/** Undefined for a wrong length, or a wrong checksum unless `trusted`. */
export function readTcp({ source, destination, payload }: Ipv4Packet, trusted: boolean): TcpSegment | undefined {
  if (payload.length < TCP_HEADER) return undefined;
  const view = viewOf(payload);
  const { fields } = tcphdr;
  const headerLength = (payload[fields.doff_res.offset]! >> 4) * 4;
  if (headerLength < TCP_HEADER || headerLength > payload.length) return undefined;
  if (!trusted && checksum(payload, pseudoHeaderSum(source, destination, IPPROTO_TCP, payload.length)) !== 0) {
    return undefined;
  }
  return {
    source: view.getUint16(fields.source.offset),
    destination: view.getUint16(fields.dest.offset),
    seq: view.getUint32(fields.seq.offset),
    ack: view.getUint32(fields.ack_seq.offset),
    flags: payload[fields.tcp_flags.offset]!,
    window: view.getUint16(fields.window.offset),
    mss: readMss(payload.subarray(TCP_HEADER, headerLength)),
    payload: payload.slice(headerLength),
  };
}

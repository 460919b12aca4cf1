/** The host at the other end of the wire: one IPv4 address that answers ARP and speaks UDP and TCP. Frames in, frames out. */
import { ArpOperation, arpPacket, readArp } from '../../kernel/net/arp.ts';
import {
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IP,
  ethernetFrame,
  IP_HEADER,
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv4Packet,
  readEthernet,
  readIpv4,
  readTcp,
  readUdp,
  TCP_HEADER,
  TcpFlag,
  tcpSegment,
  UDP_HEADER,
  udpDatagram,
  type Ipv4Packet,
  type TcpSegment,
} from '../../kernel/net/packet.ts';
import { advance } from '../../kernel/net/sequence.ts';
import type { BridgeStatistics } from './statistics.ts';
import {
  abortStream,
  askStream,
  createStream,
  expireStream,
  openStream,
  receiveSegment,
  type Stream,
  type StreamLink,
  type StreamOwner,
} from './stream.ts';

/** frames that wait for the box to take them; what TCP may send into its windows is less */
const MAX_OUTGOING = 16384;
/** connections at a time */
const MAX_STREAMS = 1024;
/** ports that the outside chooses for itself, as net.ipv4.ip_local_port_range */
const [FIRST_PORT, LAST_PORT] = [32768, 60999];
const NO_BYTES = new Uint8Array(0);

export interface Party {
  readonly mac: Uint8Array;
  readonly address: number;
}

/** What takes the outside's side of the traffic, by the outside's port. */
export interface Service {
  /** A datagram from the box's `port`. */
  datagram?(port: number, payload: Uint8Array): void;
  /** The box connects: nothing is answered until `acceptStream` or `abortStream`. Undefined: refused at once. */
  connection?(stream: Stream): StreamOwner | undefined;
}

export interface Outside extends StreamLink {
  readonly services: { readonly udp: Map<number, Service>; readonly tcp: Map<number, Service> };
  /** for the box, oldest first */
  readonly outgoing: Uint8Array[];
  /** most bytes of a datagram */
  readonly largestDatagram: number;
  /** What the box sent; anything may be in it. */
  receive(frame: Uint8Array): void;
  sendDatagram(fromPort: number, toPort: number, payload: Uint8Array): void;
  /** Undefined when there are too many. */
  connect(toPort: number, owner: StreamOwner): Stream | undefined;
  /** A port of `protocol` that nobody uses; undefined when all are. */
  freePort(protocol: 'udp' | 'tcp'): number | undefined;
  /** When a stream has to send something again: guest time, ns. */
  deadline(): number | undefined;
  /** Does what has become due. */
  expire(): void;
}

export interface OutsideOptions {
  readonly outside: Party;
  readonly box: Party;
  /** bytes behind the Ethernet header */
  readonly mtu: number;
  readonly statistics: BridgeStatistics;
  /** guest time, ns */
  now(): number;
}

const keyOf = (localPort: number, remotePort: number): number => localPort * 65536 + remotePort;

export function createOutside({ outside, box, mtu, statistics, now }: OutsideOptions): Outside {
  const outgoing: Uint8Array[] = [];
  const streams = new Map<number, Stream>();
  const services = { udp: new Map<number, Service>(), tcp: new Map<number, Service>() };
  let identification = 0;
  let sequence = 1;
  let nextPort = FIRST_PORT;

  const queue = (protocol: number, payload: Uint8Array): void => {
    if (outgoing.length >= MAX_OUTGOING) {
      statistics.framesDropped++;
      return;
    }
    outgoing.push(ethernetFrame({ destination: box.mac, source: outside.mac, protocol }, payload));
  };
  const queueIp = (protocol: number, payload: Uint8Array): void => {
    identification = (identification + 1) & 0xffff;
    queue(ETH_P_IP, ipv4Packet(outside.address, box.address, protocol, payload, identification));
  };
  const queueSegment = (segment: TcpSegment): void => {
    queueIp(IPPROTO_TCP, tcpSegment(outside.address, box.address, segment));
  };

  const link: StreamLink = {
    mss: mtu - IP_HEADER - TCP_HEADER,
    now,
    send: ({ localPort, remotePort }, segment) =>
      queueSegment({ source: localPort, destination: remotePort, ...segment }),
    forget: ({ localPort, remotePort }) => void streams.delete(keyOf(localPort, remotePort)),
  };

  const newSequence = (): number => (sequence = advance(sequence, 64_000));

  /** RFC 9293 §3.10.7.1: an answer to what belongs to no connection. */
  const refuse = (segment: TcpSegment): void => {
    const { source, destination, seq, ack, flags, payload } = segment;
    if ((flags & TcpFlag.rst) !== 0) return;
    const acknowledged = (flags & TcpFlag.ack) !== 0;
    const length = payload.length + Number((flags & TcpFlag.syn) !== 0) + Number((flags & TcpFlag.fin) !== 0);
    queueSegment({
      source: destination,
      destination: source,
      seq: acknowledged ? ack : 0,
      ack: acknowledged ? 0 : advance(seq, length),
      flags: acknowledged ? TcpFlag.rst : TcpFlag.rst | TcpFlag.ack,
      window: 0,
      mss: undefined,
      payload: NO_BYTES,
    });
  };

  const receiveSyn = (segment: TcpSegment): void => {
    const service = services.tcp.get(segment.destination);
    if (service?.connection === undefined || streams.size >= MAX_STREAMS) return refuse(segment);
    const stream = createStream(segment.destination, segment.source, newSequence(), noOwner);
    streams.set(keyOf(stream.localPort, stream.remotePort), stream);
    askStream(link, stream, segment);
    const owner = service.connection(stream);
    if (owner === undefined) return abortStream(link, stream);
    stream.owner = owner;
  };

  const receiveTcp = (packet: Ipv4Packet): boolean => {
    const segment = readTcp(packet, false);
    if (segment === undefined || segment.source === 0 || segment.destination === 0) return false;
    const stream = streams.get(keyOf(segment.destination, segment.source));
    const control = segment.flags & (TcpFlag.syn | TcpFlag.ack | TcpFlag.rst);
    if (stream !== undefined) receiveSegment(link, stream, segment);
    else if (control === TcpFlag.syn) receiveSyn(segment);
    else refuse(segment);
    return true;
  };

  const receiveUdp = (packet: Ipv4Packet): boolean => {
    const datagram = readUdp(packet, false);
    if (datagram === undefined) return false;
    services.udp.get(datagram.destination)?.datagram?.(datagram.source, datagram.payload);
    return true;
  };

  const receiveArp = (payload: Uint8Array): boolean => {
    const arp = readArp(payload);
    if (arp === undefined) return false;
    if (arp.operation !== ArpOperation.request || arp.target !== outside.address) return true;
    const { senderMac: targetMac, sender: target } = arp;
    const { mac: senderMac, address: sender } = outside;
    queue(ETH_P_ARP, arpPacket({ operation: ArpOperation.reply, senderMac, sender, targetMac, target }));
    return true;
  };

  /** False: malformed, or nothing that the outside knows. */
  const take = (frame: Uint8Array): boolean => {
    const ethernet = readEthernet(frame);
    if (ethernet?.protocol === ETH_P_ARP) return receiveArp(frame.subarray(ETH_HLEN));
    if (ethernet?.protocol !== ETH_P_IP) return false;
    const packet = readIpv4(frame.subarray(ETH_HLEN));
    if (packet?.source !== box.address || packet.destination !== outside.address) return false;
    if (packet.protocol === IPPROTO_TCP) return receiveTcp(packet);
    return packet.protocol === IPPROTO_UDP && receiveUdp(packet);
  };

  const freePort = (protocol: 'udp' | 'tcp'): number | undefined => {
    const used = new Set(services[protocol].keys());
    if (protocol === 'tcp') for (const { localPort } of streams.values()) used.add(localPort);
    for (let n = FIRST_PORT; n <= LAST_PORT; n++) {
      const port = nextPort;
      nextPort = port === LAST_PORT ? FIRST_PORT : port + 1;
      if (!used.has(port)) return port;
    }
    return undefined;
  };

  return {
    ...link,
    services,
    outgoing,
    largestDatagram: mtu - IP_HEADER - UDP_HEADER,
    receive(frame) {
      statistics.framesFromBox++;
      if (!take(frame)) statistics.framesIgnored++;
    },
    sendDatagram(fromPort, toPort, payload) {
      const from = { address: outside.address, port: fromPort };
      queueIp(IPPROTO_UDP, udpDatagram(from, { address: box.address, port: toPort }, payload));
    },
    connect(toPort, owner) {
      const port = streams.size < MAX_STREAMS ? freePort('tcp') : undefined;
      if (port === undefined) return undefined;
      const stream = createStream(port, toPort, newSequence(), owner);
      streams.set(keyOf(port, toPort), stream);
      openStream(link, stream);
      return stream;
    },
    freePort,
    deadline() {
      let earliest: number | undefined;
      for (const { deadline } of streams.values()) {
        if (deadline !== undefined && (earliest === undefined || deadline < earliest)) earliest = deadline;
      }
      return earliest;
    },
    expire() {
      for (const stream of streams.values()) {
        if (stream.deadline !== undefined && stream.deadline <= now()) expireStream(link, stream);
      }
    },
  };
}

const nothing = (): void => {};
const noOwner: StreamOwner = {
  connected: nothing,
  received: nothing,
  ended: nothing,
  drained: nothing,
  closed: nothing,
};

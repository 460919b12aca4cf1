/** From a transport protocol's bytes to a queued frame: ip_queue_xmit, and ARP (RFC 826) for the next hop's address. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { ArpOperation, arpPacket, readArp } from './arp.ts';
import { routeTo, type Route } from './devices.ts';
import { ETH_P_ARP, ETH_P_IP, ethernetFrame, ipv4Packet, IP_HEADER } from './packet.ts';
import { allocSkb } from './skb.ts';
import { queueOutput, runningCpu } from './softnet.ts';
import type { NetDevice } from './types.ts';

const broadcastMac = new Uint8Array(6).fill(0xff);
const noMac = new Uint8Array(6);
/** frames that wait for one device's neighbours, and bytes of them: sysctl unres_qlen and unres_qlen_bytes */
const MAX_UNRESOLVED = 100;
const MAX_UNRESOLVED_BYTES = 212_992;
const MAX_NEIGHBOURS = 1024;

function queueFrame(kernel: Kernel, device: NetDevice, frame: Uint8Array, socket: number): boolean {
  const sk = kernel.net.sockets.get(socket)?.address ?? 0n;
  const skb = allocSkb(kernel, device, frame, { socket, sk, queue: runningCpu(kernel) });
  if (skb !== undefined && queueOutput(kernel, skb)) return true;
  device.statistics.txDropped++;
  return false;
}

function sendArp(kernel: Kernel, device: NetDevice, operation: number, targetMac: Uint8Array, target: number): void {
  const sender = device.ipv4?.address ?? 0;
  const payload = arpPacket({ operation, senderMac: device.mac, sender, targetMac, target });
  const destination = operation === ArpOperation.request ? broadcastMac : targetMac;
  queueFrame(kernel, device, ethernetFrame({ destination, source: device.mac, protocol: ETH_P_ARP }, payload), 0);
}

/** Remembers who has `address`, and sends what waited for that. */
export function learnNeighbour(kernel: Kernel, device: NetDevice, address: number, mac: Uint8Array): void {
  if (!device.neighbours.has(address) && device.neighbours.size >= MAX_NEIGHBOURS) return;
  device.neighbours.set(address, mac.slice());
  const ready = device.unresolved.filter((waiting) => waiting.address === address);
  const others = device.unresolved.filter((waiting) => waiting.address !== address);
  device.unresolved.splice(0, Infinity, ...others);
  for (const { frame, socket } of ready) {
    frame.set(mac, 0);
    queueFrame(kernel, device, frame, socket);
  }
}

/** arp_rcv: false for what is none. */
export function receiveArp(kernel: Kernel, device: NetDevice, bytes: Uint8Array): boolean {
  const arp = readArp(bytes);
  if (arp === undefined || device.ipv4 === undefined || arp.target !== device.ipv4.address) return false;
  if (arp.sender !== 0) learnNeighbour(kernel, device, arp.sender, arp.senderMac);
  if (arp.operation === ArpOperation.request) {
    sendArp(kernel, device, ArpOperation.reply, arp.senderMac, arp.sender);
  }
  return true;
}

/** Queues an IPv4 packet's frame, or asks for the next hop's address first. False: dropped. */
function sendTo(kernel: Kernel, { device, nextHop }: Route, packet: Uint8Array, socket: number): boolean {
  const loopback = device.kind === 'loopback';
  const destination = loopback ? noMac : device.neighbours.get(nextHop);
  const header = { destination: destination ?? noMac, source: device.mac, protocol: ETH_P_IP };
  const frame = ethernetFrame(header, packet);
  if (destination !== undefined) return queueFrame(kernel, device, frame, socket);
  const { unresolved } = device;
  let bytes = unresolved.reduce((sum, waiting) => sum + waiting.frame.length, frame.length);
  while (unresolved.length >= MAX_UNRESOLVED || (bytes > MAX_UNRESOLVED_BYTES && unresolved.length > 0)) {
    bytes -= unresolved.shift()!.frame.length;
  }
  unresolved.push({ address: nextHop, frame, socket });
  sendArp(kernel, device, ArpOperation.request, noMac, nextHop);
  return true;
}

/** Bytes of a transport protocol's packet that fit `route`. */
export const payloadRoom = ({ device }: Route): number => device.mtu - IP_HEADER;

/** ENETUNREACH */
export const route = (kernel: Kernel, destination: number): Route =>
  routeTo(kernel, destination) ?? fail('ENETUNREACH');

/** Sends `payload` as `protocol`; false when a queue or memory is full, which TCP's timers make good. */
export function sendIp(
  kernel: Kernel,
  path: Route,
  addresses: { readonly source: number; readonly destination: number },
  protocol: number,
  payload: Uint8Array,
  socket: number,
): boolean {
  const { next } = kernel.net;
  const id = next.identification;
  next.identification = (id + 1) & 0xffff;
  return sendTo(kernel, path, ipv4Packet(addresses.source, addresses.destination, protocol, payload, id), socket);
}

/** What happens to a received frame behind XDP and TC: the protocols, by number. */
import type { Kernel } from '../kernel.ts';
import { isLocalAddress } from './devices.ts';
import { receiveIcmp } from './icmp.ts';
import { receiveArp, learnNeighbour } from './output.ts';
import {
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IP,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  readEthernet,
  readIpv4,
  type Ipv4Packet,
} from './packet.ts';
import { receiveTcp } from './tcp-input.ts';
import type { NetDevice } from './types.ts';
import { receiveUdp } from './udp.ts';
import { sameSubnet } from './address.ts';

type Handler = (kernel: Kernel, device: NetDevice, packet: Ipv4Packet, trusted: boolean) => boolean;

// prettier-ignore
const protocols: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [IPPROTO_ICMP, (kernel, _, packet) => receiveIcmp(kernel, packet)],
  [IPPROTO_TCP,  (kernel, _, packet, trusted) => receiveTcp(kernel, packet, trusted)],
  [IPPROTO_UDP,  receiveUdp],
]);

/** A frame of `device`; false: not for this host, malformed, or of an unknown protocol. `trusted`: checksums need no check. */
export function deliver(kernel: Kernel, device: NetDevice, frame: Uint8Array, trusted: boolean): boolean {
  const ethernet = readEthernet(frame);
  if (ethernet === undefined) return false;
  if (!forUs(device, ethernet.destination)) return false;
  const payload = frame.subarray(ETH_HLEN);
  if (ethernet.protocol === ETH_P_ARP) return device.kind !== 'loopback' && receiveArp(kernel, device, payload);
  if (ethernet.protocol !== ETH_P_IP) return false;
  const packet = readIpv4(payload);
  if (packet === undefined || !isLocalAddress(kernel, packet.destination, device)) return false;
  const { ipv4 } = device;
  const near = ipv4 !== undefined && sameSubnet(packet.source, ipv4.address, ipv4.prefix);
  if (near && device.kind !== 'loopback' && !device.neighbours.has(packet.source)) {
    learnNeighbour(kernel, device, packet.source, ethernet.source);
  }
  return protocols.get(packet.protocol)?.(kernel, device, packet, trusted) ?? false;
}

/** eth_type_trans: PACKET_OTHERHOST is not for us. */
function forUs(device: NetDevice, destination: Uint8Array): boolean {
  const group = (destination[0]! & 1) !== 0;
  return device.kind === 'loopback' || group || destination.every((byte, n) => byte === device.mac[n]);
}

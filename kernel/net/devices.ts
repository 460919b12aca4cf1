/** Network devices: lo and ends of veth pairs. */
import { fail } from '../errno.ts';
import { latin1Bytes } from '../fs/bytes.ts';
import type { Kernel } from '../kernel.ts';
import { net_device, xdp_rxq_info } from '../layout/network.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { kmalloc } from '../mm/heap.ts';
import { writeKernel } from '../mm/kernel-memory.ts';
import { isLoopbackAddress, sameSubnet } from './address.ts';
import { ETH_HLEN } from './packet.ts';
import { LARGEST_FRAME } from './skb.ts';
import type { DeviceStatistics, NetDevice } from './types.ts';

/** include/uapi/linux/if.h */
export const InterfaceFlag = {
  up: 1,
  broadcast: 2,
  loopback: 8,
  running: 0x40,
  noArp: 0x80,
  multicast: 0x1000,
} as const;
/** include/uapi/linux/if_arp.h */
export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;
/** with the final NUL */
export const IFNAMSIZ = 16;
const MAX_DEVICES = 64;
export const LOOPBACK_MTU = 65536 - ETH_HLEN - 2;
const ETHERNET_MTU = 1500;
/** RFC 791 */
const LEAST_MTU = 68;
export const LARGEST_MTU = LARGEST_FRAME - ETH_HLEN;

export interface DeviceOptions {
  readonly kind: NetDevice['kind'];
  readonly name: string;
  readonly mac: Uint8Array;
  /** ifindex of the other end, or 0 */
  readonly peer: number;
  readonly mtu?: number;
}

const noStatistics = (): DeviceStatistics => ({
  rxPackets: 0,
  rxBytes: 0,
  txPackets: 0,
  txBytes: 0,
  rxDropped: 0,
  txDropped: 0,
  xdpAborted: 0,
  xdpDropped: 0,
  xdpPassed: 0,
  xdpTransmitted: 0,
  tcDropped: 0,
  clonesRefused: 0,
  programsSkipped: 0,
});

/** IFF_* */
export function flagsOf(device: NetDevice): number {
  const kind = device.kind === 'loopback' ? InterfaceFlag.loopback : InterfaceFlag.broadcast | InterfaceFlag.multicast;
  return kind | (device.up ? InterfaceFlag.up | InterfaceFlag.running : 0);
}

/** The structure that programs see follows the record. */
export function writeDevice(kernel: Kernel, device: NetDevice): void {
  const bytes = writeStructure(net_device, {
    name: latin1Bytes(device.name),
    ifindex: device.ifindex,
    flags: flagsOf(device),
    mtu: device.mtu,
    type: device.kind === 'loopback' ? ARPHRD_LOOPBACK : ARPHRD_ETHER,
    hard_header_len: ETH_HLEN,
    dev_addr: device.mac,
    addr_len: 6,
  });
  writeKernel(kernel, device.address, bytes);
}

/** dev_valid_name */
const isName = (name: string): boolean =>
  name.length > 0 &&
  name.length < IFNAMSIZ &&
  name !== '.' &&
  name !== '..' &&
  /^[\x21-\x7e]+$/.test(name) &&
  !/[/:]/.test(name);

/** A device that is down. EEXIST, EINVAL for a name or an MTU, ENOMEM, ENOSPC for the 65th. */
export function createDevice(kernel: Kernel, options: DeviceOptions): NetDevice {
  const { net } = kernel;
  const mtu = options.mtu ?? (options.kind === 'loopback' ? LOOPBACK_MTU : ETHERNET_MTU);
  if (!isName(options.name) || !Number.isInteger(mtu) || mtu < LEAST_MTU || mtu > LARGEST_MTU) fail('EINVAL');
  if (deviceNamed(kernel, options.name) !== undefined) fail('EEXIST');
  if (net.devices.size >= MAX_DEVICES) fail('ENOSPC');
  const address = kmalloc(kernel, net_device.size);
  const rxQueues = net.softnet.map((_, queue_index) => {
    const queue = kmalloc(kernel, xdp_rxq_info.size);
    writeKernel(kernel, queue, writeStructure(xdp_rxq_info, { dev: address, queue_index, reg_state: 1 }));
    return queue;
  });
  const device: NetDevice = {
    ifindex: net.next.ifindex++,
    name: options.name,
    kind: options.kind,
    address,
    rxQueues,
    mac: options.mac.slice(),
    mtu,
    up: false,
    ipv4: undefined,
    gateway: undefined,
    peer: options.peer,
    outside: [],
    outsideBytes: 0,
    capture: undefined,
    captureBytes: 0,
    xdp: undefined,
    clsact: false,
    filters: { ingress: [], egress: [] },
    neighbours: new Map(),
    unresolved: [],
    statistics: noStatistics(),
  };
  net.devices.set(device.ifindex, device);
  writeDevice(kernel, device);
  return device;
}

/** lo: 127.0.0.1/8, up. */
export function createLoopback(kernel: Kernel): NetDevice {
  const device = createDevice(kernel, { kind: 'loopback', name: 'lo', mac: new Uint8Array(6), peer: 0 });
  device.ipv4 = { address: 0x7f00_0001, prefix: 8 };
  setUp(kernel, device, true);
  return device;
}

export function setUp(kernel: Kernel, device: NetDevice, up: boolean): void {
  device.up = up;
  writeDevice(kernel, device);
}

export function deviceNamed(kernel: Kernel, name: string): NetDevice | undefined {
  for (const device of kernel.net.devices.values()) if (device.name === name) return device;
  return undefined;
}

/** Whether packets for `address` are this host's, on `device`. */
export function isLocalAddress(kernel: Kernel, address: number, device?: NetDevice): boolean {
  if (isLoopbackAddress(address)) return device === undefined || device.kind === 'loopback';
  for (const { ipv4 } of kernel.net.devices.values()) if (ipv4?.address === address) return true;
  return false;
}

export interface Route {
  readonly device: NetDevice;
  /** the preferred source address */
  readonly source: number;
  /** whose MAC address the packet goes to */
  readonly nextHop: number;
}

/** fib_lookup: local addresses by lo, then subnets, then gateways; undefined when there is no route. */
export function routeTo(kernel: Kernel, destination: number): Route | undefined {
  const devices = [...kernel.net.devices.values()];
  const loopback = devices.find(({ kind }) => kind === 'loopback');
  if (isLocalAddress(kernel, destination) && loopback !== undefined) {
    const source = isLoopbackAddress(destination) ? 0x7f00_0001 : destination;
    return { device: loopback, source, nextHop: destination };
  }
  for (const device of devices) {
    const { ipv4, kind, up } = device;
    if (!up || kind === 'loopback' || ipv4 === undefined) continue;
    if (sameSubnet(ipv4.address, destination, ipv4.prefix)) {
      return { device, source: ipv4.address, nextHop: destination };
    }
  }
  for (const device of devices) {
    if (!device.up || device.ipv4 === undefined || device.gateway === undefined) continue;
    return { device, source: device.ipv4.address, nextHop: device.gateway };
  }
  return undefined;
}

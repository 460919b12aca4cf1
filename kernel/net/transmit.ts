/** ndo_start_xmit of the devices, and packets that come from outside. */
import type { Cpu } from '../../cpu/cpu.ts';
import type { Kernel } from '../kernel.ts';
import { now } from '../kernel.ts';
import { ETH_HLEN } from './packet.ts';
import { allocSkb, flowHash, frameBytes, freeSkb, moveToDevice } from './skb.ts';
import { queueBacklog } from './softnet.ts';
import type { NetDevice, SkBuff } from './types.ts';

/** most frames that a capture keeps, and that wait outside for somebody to take them; what is more is lost */
const MAX_KEPT = 65536;
const MAX_OUTSIDE = 4096;
/** most bytes of either */
const MAX_BYTES = 32 << 20;

const timeOf = (kernel: Kernel, cpu: Cpu | undefined): bigint =>
  cpu === undefined ? kernel.roundStart : now(kernel, cpu);

/** What tcpdump would see. */
function captureFrame(device: NetDevice, time: bigint, bytes: Uint8Array, direction: 'in' | 'out'): void {
  const { capture } = device;
  if (capture === undefined || capture.length >= MAX_KEPT || device.captureBytes + bytes.length > MAX_BYTES) return;
  capture.push({ time: Number(time), bytes: bytes.slice(), direction });
  device.captureBytes += bytes.length;
}

/** dev_hard_start_xmit: to lo itself, the other end of a pair, or outside. The packet is consumed. */
export function transmit(kernel: Kernel, cpu: Cpu, skb: SkBuff): void {
  const device = kernel.net.devices.get(skb.device);
  const bytes = device && frameBytes(kernel, cpu, skb);
  if (device === undefined || bytes === undefined) return freeSkb(kernel, skb);
  const { statistics } = device;
  const target = device.kind === 'loopback' ? device : kernel.net.devices.get(device.peer);
  const peerUp = device.peer === 0 || target?.up === true;
  if (!device.up || !peerUp || bytes.length < ETH_HLEN || bytes.length > device.mtu + ETH_HLEN) {
    statistics.txDropped++;
    return freeSkb(kernel, skb);
  }
  statistics.txPackets++;
  statistics.txBytes += bytes.length;
  captureFrame(device, timeOf(kernel, cpu), bytes, 'out');
  if (target !== undefined) return arrive(kernel, cpu, target, skb, bytes);
  if (device.outside.length < MAX_OUTSIDE && device.outsideBytes + bytes.length <= MAX_BYTES) {
    device.outside.push(bytes);
    device.outsideBytes += bytes.length;
  } else statistics.txDropped++;
  freeSkb(kernel, skb);
}

/** netif_rx on this CPU; what went through no wire needs no checksum. */
function arrive(kernel: Kernel, cpu: Cpu, device: NetDevice, skb: SkBuff, bytes: Uint8Array): void {
  moveToDevice(kernel, skb, device, true);
  countArrival(device, timeOf(kernel, cpu), bytes);
  if (!queueBacklog(kernel, cpu.index, skb)) device.statistics.rxDropped++;
}

function countArrival(device: NetDevice, time: bigint, bytes: Uint8Array): void {
  device.statistics.rxPackets++;
  device.statistics.rxBytes += bytes.length;
  // lo shows a packet once, as it is sent
  if (device.kind !== 'loopback') captureFrame(device, time, bytes, 'in');
}

/**
 * A frame from outside, to be handled by `cpu` (default: by its flow's hash, as RPS does). Whether it was taken: false
 * for a device that is down, a frame of a wrong length, a full queue, no memory.
 */
export function receiveFrame(kernel: Kernel, device: NetDevice, frame: Uint8Array, cpu?: number): boolean {
  const { statistics } = device;
  const queue = cpu ?? flowHash(frame) % kernel.cpus.length;
  const fits = device.up && frame.length >= ETH_HLEN && frame.length <= device.mtu + ETH_HLEN;
  const skb = fits ? allocSkb(kernel, device, frame, { queue }) : undefined;
  if (skb === undefined) {
    statistics.rxDropped++;
    return false;
  }
  countArrival(device, kernel.roundStart, frame);
  if (queueBacklog(kernel, queue, skb, true)) return true;
  statistics.rxDropped++;
  return false;
}

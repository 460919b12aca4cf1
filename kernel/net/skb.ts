/**
 * Packets in guest memory: a struct sk_buff, and a buffer with headroom and tailroom whose frame begins 4-byte aligned.
 * The structure's fields are the guest's to change: whoever reads a packet checks them against the buffer.
 */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import type { Cpu } from '../../cpu/cpu.ts';
import { Errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { sk_buff } from '../layout/network.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import {
  readKernel,
  readKernelU32,
  readKernelU64,
  readKernelU8,
  writeKernel,
  writeKernelU16,
  writeKernelU32,
  writeKernelU64,
} from '../mm/kernel-memory.ts';
import { oops } from '../oops.ts';
import { ETH_HLEN, IP_HEADER } from './packet.ts';
import type { NetDevice, SkBuff } from './types.ts';

/** XDP_PACKET_HEADROOM: bytes before the frame */
export const HEADROOM = 256;
/** bytes of the buffer's end that no packet may use: SKB_DATA_ALIGN(sizeof(struct skb_shared_info)) */
export const SHARED_INFO = 320;
/** ip_summed: the checksums need no check */
export const CHECKSUM_UNNECESSARY = 1;
/** most bytes of a frame: IPv4's largest packet */
export const LARGEST_FRAME = ETH_HLEN + 65535;
/** most live packets of a box */
const MAX_SKBS = 16384;

export interface SkbOptions {
  /** sender's id, and the guest address of its struct sock */
  readonly socket?: number;
  readonly sk?: bigint;
  readonly trusted?: boolean;
  readonly queue?: number;
  /** of a clone */
  readonly generation?: number;
}

/** Bytes of a buffer for a frame of `length`: whole pages. */
const bufferSize = (length: number): number =>
  Math.ceil((HEADROOM + length + SHARED_INFO) / constants.PAGE_SIZE) * constants.PAGE_SIZE;

/** __skb_get_hash over addresses, protocol and ports (FNV-1a): what spreads flows over CPUs. */
export function flowHash(frame: Uint8Array): number {
  let hash = 0x811c_9dc5;
  const at = ETH_HLEN;
  const add = (byte: number | undefined): void => {
    if (byte !== undefined) hash = Math.imul(hash ^ byte, 0x0100_0193);
  };
  add(frame[at + 9]);
  for (let n = at + 12; n < at + IP_HEADER + 4; n++) add(frame[n]);
  return hash >>> 0;
}

/** A packet of `frame`, its Ethernet header included, for `device`; undefined when there is no memory. */
export function allocSkb(
  kernel: Kernel,
  device: NetDevice,
  frame: Uint8Array,
  options: SkbOptions = {},
): SkBuff | undefined {
  const { net } = kernel;
  if (net.skbs.size >= MAX_SKBS || frame.length > LARGEST_FRAME || frame.length < ETH_HLEN) return undefined;
  const size = bufferSize(frame.length);
  let head = 0n;
  try {
    head = kmalloc(kernel, size);
    const address = kmalloc(kernel, sk_buff.size);
    const { socket = 0, generation = 0 } = options;
    const skb: SkBuff = { address, head, size, device: device.ifindex, socket, generation };
    net.skbs.set(address, skb);
    net.skbHeads.set(head, address);
    writeKernel(kernel, head + BigInt(HEADROOM), frame);
    writeKernel(kernel, address, describe(skb, device, frame, options));
    return skb;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    kfree(kernel, head);
    return undefined;
  }
}

/** Linux's network-order fields, as the processor reads them. */
const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >> 8);

function describe(skb: SkBuff, device: NetDevice, frame: Uint8Array, options: SkbOptions): Uint8Array {
  return writeStructure(sk_buff, {
    dev: device.address,
    sk: options.sk ?? 0n,
    len: frame.length,
    mac_len: ETH_HLEN,
    queue_mapping: options.queue ?? 0,
    ip_summed: options.trusted === true ? CHECKSUM_UNNECESSARY : 0,
    skb_iif: device.ifindex,
    hash: flowHash(frame),
    protocol: swap16(viewOf(frame).getUint16(12)),
    mac_header: HEADROOM,
    network_header: HEADROOM + ETH_HLEN,
    transport_header: HEADROOM + ETH_HLEN + IP_HEADER,
    tail: HEADROOM + frame.length,
    end: skb.size - SHARED_INFO,
    head: skb.head,
    data: skb.head + BigInt(HEADROOM),
    truesize: skb.size + sk_buff.size,
    users: 1,
  });
}

/** kfree_skb */
export function freeSkb(kernel: Kernel, skb: SkBuff): void {
  if (!kernel.net.skbs.delete(skb.address)) return;
  kernel.net.skbHeads.delete(skb.head);
  kfree(kernel, skb.head);
  kfree(kernel, skb.address);
}

/** The packet at `address`; undefined, after an oops, for what is none. */
export function skbAt(kernel: Kernel, cpu: Cpu, address: bigint): SkBuff | undefined {
  const skb = kernel.net.skbs.get(address);
  if (skb === undefined) oops(kernel, cpu, `BUG: no sk_buff at 0x${address.toString(16)}`);
  return skb;
}

export interface Frame {
  /** guest address of its first byte */
  readonly data: bigint;
  readonly length: number;
  readonly trusted: boolean;
}

/** Where the frame lies now; undefined when the structure's fields do not fit the buffer. */
export function frameOf(kernel: Kernel, skb: SkBuff): Frame | undefined {
  const data = readKernelU64(kernel, skb.address, sk_buff.fields.data.offset);
  const length = readKernelU32(kernel, skb.address, sk_buff.fields.len.offset);
  if (data === undefined || length === undefined) return undefined;
  const end = skb.head + BigInt(skb.size - SHARED_INFO);
  if (data < skb.head || data + BigInt(length) > end) return undefined;
  return {
    data,
    length,
    trusted: readKernelU8(kernel, skb.address, sk_buff.fields.ip_summed.offset) === CHECKSUM_UNNECESSARY,
  };
}

/** The frame's bytes; undefined, after an oops, when the structure makes no sense. */
export function frameBytes(kernel: Kernel, cpu: Cpu, skb: SkBuff): Uint8Array | undefined {
  const frame = frameOf(kernel, skb);
  const bytes = frame && readKernel(kernel, frame.data, frame.length);
  if (bytes === undefined) oops(kernel, cpu, `BUG: sk_buff at 0x${skb.address.toString(16)} is damaged`);
  return bytes;
}

/** Sets where the frame lies, and what follows from it: `data` and `length` are inside the buffer. */
export function setFrame(kernel: Kernel, skb: SkBuff, data: bigint, length: number): void {
  const offset = Number(data - skb.head);
  const { fields } = sk_buff;
  writeKernelU64(kernel, skb.address, data, fields.data.offset);
  writeKernelU32(kernel, skb.address, length, fields.len.offset);
  writeKernelU32(kernel, skb.address, offset + length, fields.tail.offset);
  writeKernelU16(kernel, skb.address, offset, fields.mac_header.offset);
  writeKernelU16(kernel, skb.address, offset + ETH_HLEN, fields.network_header.offset);
  const protocol = length < ETH_HLEN ? undefined : readKernel(kernel, data + 12n, 2);
  if (protocol !== undefined) writeKernel(kernel, skb.address + BigInt(sk_buff.fields.protocol.offset), protocol);
}

/** Hands the packet to another device, as eth_type_trans does. */
export function moveToDevice(kernel: Kernel, skb: SkBuff, device: NetDevice, trusted: boolean): void {
  skb.device = device.ifindex;
  const patch = writeStructure(sk_buff, { dev: device.address, skb_iif: device.ifindex });
  const copy = (name: keyof typeof sk_buff.fields): void => {
    const { offset, size } = sk_buff.fields[name];
    writeKernel(kernel, skb.address + BigInt(offset), patch.subarray(offset, offset + size));
  };
  for (const name of ['dev', 'sk', 'skb_iif'] as const) copy(name);
  if (trusted) {
    writeKernel(kernel, skb.address + BigInt(sk_buff.fields.ip_summed.offset), Uint8Array.of(CHECKSUM_UNNECESSARY));
  }
}

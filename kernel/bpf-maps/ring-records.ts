/**
 * Records of a ring buffer: reserved by a program, busy until they are submitted or discarded, read by user space in its
 * own mapping. A record is a header (u32 length with two flag bits, u32 page), then the sample, together a multiple of 8
 * bytes. All positions lie in guest memory: user space writes the consumer's, and a program may have overwritten any.
 */
import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readKernelU32, readKernelU64, writeKernel, writeKernelU32, writeKernelU64 } from '../mm/kernel-memory.ts';
import { wake } from '../scheduler.ts';
import { dataOf, roundUp8 } from './map-type.ts';

/** Pages of the kernel's mapping. */
export const RingPage = { header: 0, consumer: 1, producer: 2, data: 3 } as const;
/** in the header page: where the oldest record is that was not submitted when somebody looked */
const PENDING_OFFSET = 8n;
const HEADER_SIZE = 8;
export const RecordBit = { busy: 0x8000_0000, discard: 0x4000_0000 } as const;
const LENGTH_MASK = 0x3fff_ffff;
/** RINGBUF_MAX_RECORD_SZ */
const MAX_RECORD = 0x3fff_ffff;
const NO_WAKEUP = BigInt(constants.BPF_RB_NO_WAKEUP);
const FORCE_WAKEUP = BigInt(constants.BPF_RB_FORCE_WAKEUP);

export const ringChannel = ({ id }: BpfMap): string => `ringbuf:${id}`;

const pageAddress = (map: BpfMap, page: number): bigint =>
  dataOf(map, 'ring').address + BigInt(page * constants.PAGE_SIZE);

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

const position = (kernel: Kernel, map: BpfMap, page: number): bigint =>
  readKernelU64(kernel, pageAddress(map, page)) ?? fail('EFAULT');

export const consumerPosition = (kernel: Kernel, map: BpfMap): bigint => position(kernel, map, RingPage.consumer);
export const producerPosition = (kernel: Kernel, map: BpfMap): bigint => position(kernel, map, RingPage.producer);

/** Bytes that user space has not consumed; more than the ring holds where somebody has damaged a position. */
export function available(kernel: Kernel, map: BpfMap): bigint {
  return u64(producerPosition(kernel, map) - consumerPosition(kernel, map));
}

const headerAt = (map: BpfMap, at: bigint): bigint =>
  pageAddress(map, RingPage.data) + (at & BigInt(map.maxEntries - 1));

/** Where the oldest busy record is, from `pending` on; at most one turn of the ring. */
function passCommitted(kernel: Kernel, map: BpfMap, pending: bigint, producer: bigint): bigint {
  let at = pending;
  while (at < producer) {
    const length = readKernelU32(kernel, headerAt(map, at)) ?? fail('EFAULT');
    if ((length & RecordBit.busy) !== 0) break;
    at += BigInt(roundUp8((length & LENGTH_MASK) + HEADER_SIZE));
  }
  return at;
}

/** __bpf_ringbuf_reserve: guest address of a sample of `size` bytes, 0n when there is no room for it. */
export function reserve(kernel: Kernel, map: BpfMap, size: bigint): bigint {
  if (size > MAX_RECORD) return 0n;
  const length = roundUp8(Number(size) + HEADER_SIZE);
  if (length > map.maxEntries) return 0n;
  const producer = producerPosition(kernel, map);
  const pendingAt = pageAddress(map, RingPage.header) + PENDING_OFFSET;
  const pending = readKernelU64(kernel, pendingAt) ?? fail('EFAULT');
  // only a program that has overwritten a position gets here
  if (u64(producer - pending) > map.maxEntries) return 0n;
  const oldest = passCommitted(kernel, map, pending, producer);
  writeKernelU64(kernel, pendingAt, oldest);
  const end = producer + BigInt(length);
  const mask = BigInt(map.maxEntries - 1);
  if (u64(end - consumerPosition(kernel, map)) > mask || u64(end - oldest) > mask) return 0n;
  const header = headerAt(map, producer);
  writeKernelU32(kernel, header, Number(size) | RecordBit.busy);
  writeKernelU32(kernel, header + 4n, Number((header - pageAddress(map, 0)) / BigInt(constants.PAGE_SIZE)));
  writeKernelU64(kernel, pageAddress(map, RingPage.producer), end);
  return header + BigInt(HEADER_SIZE);
}

/** The ring buffer that a sample, as `reserve` gave it, is in. */
export function ringOf(kernel: Kernel, sample: bigint): BpfMap | undefined {
  const header = sample - BigInt(HEADER_SIZE);
  for (const map of kernel.bpf.maps.values()) {
    if (map.data.kind !== 'ring') continue;
    const start = pageAddress(map, RingPage.data);
    if (header >= start && header < start + BigInt(map.maxEntries)) return map;
  }
  return undefined;
}

/** bpf_ringbuf_commit: the sample becomes readable, or is skipped; a consumer that waits for it is woken. */
export function commit(kernel: Kernel, map: BpfMap, sample: bigint, flags: bigint, discard: boolean): void {
  const header = sample - BigInt(HEADER_SIZE);
  const length = readKernelU32(kernel, header) ?? fail('EFAULT');
  writeKernelU32(kernel, header, ((length ^ RecordBit.busy) | (discard ? RecordBit.discard : 0)) >>> 0);
  const recordAt = header - pageAddress(map, RingPage.data);
  const consumerAt = consumerPosition(kernel, map) & BigInt(map.maxEntries - 1);
  const waited = consumerAt === recordAt && (flags & NO_WAKEUP) === 0n;
  if ((flags & FORCE_WAKEUP) !== 0n || waited) wake(kernel, ringChannel(map));
}

/** bpf_ringbuf_output: a record of `sample`. EAGAIN when there is no room. */
export function output(kernel: Kernel, map: BpfMap, sample: Uint8Array, flags: bigint): void {
  const address = reserve(kernel, map, BigInt(sample.length));
  if (address === 0n) fail('EAGAIN');
  writeKernel(kernel, address, sample);
  commit(kernel, map, address, flags, false);
}

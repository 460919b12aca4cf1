/** kernel/events/ring_buffer.c: records for user space in pages that it maps; it may write all it wants into them. */
import { forgetDecoded } from '../../cpu/memory.ts';
import { fail } from '../errno.ts';
import type { MmapRequest } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { perf_event_mmap_page } from '../layout/perf.ts';
import { allocatePage, releasePage } from '../mm/physical.ts';
import { wake } from '../scheduler.ts';
import { PerfRecord } from './constants.ts';
import type { PerfEvent, RingBuffer } from './types.ts';

const { PAGE_SIZE } = constants;
const PROT_WRITE = 2;
/** pages of data: 64 MiB */
const MAX_DATA_PAGES = 1 << 14;

export const ringChannel = (id: number): string => `perf:${id}`;

function control(kernel: Kernel, ring: RingBuffer, field: keyof typeof perf_event_mmap_page.fields): DataView {
  const { offset, size } = perf_event_mmap_page.fields[field];
  const { bytes } = kernel.memory;
  // some of those who ask write to it
  forgetDecoded(kernel.memory, ring.pages[0]!, PAGE_SIZE);
  return new DataView(bytes.buffer, bytes.byteOffset + ring.pages[0]! + offset, size);
}

const dataSize = (ring: RingBuffer): number => (ring.pages.length - 1) * PAGE_SIZE;

/** perf_mmap: the event's ring, made at the first mapping. EINVAL for a size that is not 1 + 2^n pages or another's; ENOMEM. */
export function mapRing(kernel: Kernel, event: PerfEvent, request: MmapRequest): RingBuffer {
  const count = request.length / PAGE_SIZE - 1;
  if (request.offset !== 0 || count < 0 || (count & (count - 1)) !== 0) fail('EINVAL');
  if (count > MAX_DATA_PAGES) fail('ENOMEM');
  const existing = event.ring === undefined ? undefined : kernel.perf.rings.get(event.ring);
  if (existing !== undefined) {
    if (existing.event !== event.id || existing.pages.length !== count + 1) fail('EINVAL');
    existing.mappings++;
    return existing;
  }
  const ring = createRing(kernel, event, count, (request.protection & PROT_WRITE) !== 0);
  event.ring = ring.id;
  ring.mappings = 1;
  return ring;
}

function createRing(kernel: Kernel, event: PerfEvent, count: number, writable: boolean): RingBuffer {
  const pages: number[] = [];
  try {
    for (let n = 0; n <= count; n++) pages.push(allocatePage(kernel));
  } catch (error) {
    for (const page of pages) releasePage(kernel, page);
    throw error;
  }
  const { perf } = kernel;
  const id = perf.nextRing++;
  const state = { head: 0, woken: 0, unreported: 0, lost: 0, paused: false };
  const ring: RingBuffer = { id, event: event.id, pages, writable, mappings: 0, ...state };
  perf.rings.set(id, ring);
  control(kernel, ring, 'data_offset').setBigUint64(0, BigInt(PAGE_SIZE), true);
  control(kernel, ring, 'data_size').setBigUint64(0, BigInt(dataSize(ring)), true);
  return ring;
}

/** perf_mmap_close: with its last mapping the ring leaves its events, and its pages go. */
export function unmapRing(kernel: Kernel, id: number): void {
  const ring = kernel.perf.rings.get(id);
  if (ring === undefined || --ring.mappings > 0) return;
  kernel.perf.rings.delete(id);
  for (const event of kernel.bpf.events.values()) if (event.ring === id) event.ring = undefined;
  for (const page of ring.pages) releasePage(kernel, page);
}

/** How far user space has read, as far as that makes sense. */
function tailOf(kernel: Kernel, ring: RingBuffer): number {
  const tail = Number(control(kernel, ring, 'data_tail').getBigUint64(0, true));
  return tail <= ring.head && tail >= ring.head - dataSize(ring) ? tail : ring.head - dataSize(ring);
}

/** Copies into the data pages from `at` on, wrapping. */
function store(kernel: Kernel, ring: RingBuffer, at: number, bytes: Uint8Array): void {
  const size = dataSize(ring);
  for (let done = 0; done < bytes.length;) {
    const offset = (at + done) % size;
    const room = PAGE_SIZE - (offset % PAGE_SIZE);
    const piece = bytes.subarray(done, done + room);
    const physical = ring.pages[1 + Math.floor(offset / PAGE_SIZE)]! + (offset % PAGE_SIZE);
    kernel.memory.bytes.set(piece, physical);
    forgetDecoded(kernel.memory, physical, piece.length);
    done += piece.length;
  }
}

function lostRecord(event: PerfEvent, lost: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, PerfRecord.lost, true);
  view.setUint16(6, 24, true);
  view.setBigUint64(8, BigInt(event.id), true);
  view.setBigUint64(16, BigInt(lost), true);
  return new Uint8Array(view.buffer);
}

/** Whether a record has brought the ring to where `event` wants its reader woken. */
function wantsWakeup(event: PerfEvent, ring: RingBuffer): boolean {
  const { wakeup, flags } = event.attributes;
  const inBytes = (flags & (1n << 14n)) !== 0n;
  if (inBytes) return ring.head - ring.woken >= (wakeup === 0 ? dataSize(ring) / 2 : Math.min(wakeup, dataSize(ring)));
  return wakeup === 0 ? ring.head - ring.woken >= dataSize(ring) / 2 : ring.unreported >= wakeup;
}

/** perf_output_begin to _end: one record, a multiple of 8 bytes. False when it is lost. */
export function writeRecord(kernel: Kernel, event: PerfEvent, record: Uint8Array): boolean {
  const ring = event.ring === undefined ? undefined : kernel.perf.rings.get(event.ring);
  if (ring === undefined || ring.paused || ring.pages.length === 1) return false;
  const lead = ring.lost > 0 ? lostRecord(event, ring.lost) : new Uint8Array(0);
  const needed = lead.length + record.length;
  const room = ring.writable ? dataSize(ring) - (ring.head - tailOf(kernel, ring)) : dataSize(ring);
  if (needed > room) {
    ring.lost++;
    event.lost++;
    return false;
  }
  store(kernel, ring, ring.head, lead);
  store(kernel, ring, ring.head + lead.length, record);
  ring.lost = 0;
  ring.head += needed;
  ring.unreported++;
  control(kernel, ring, 'data_head').setBigUint64(0, BigInt(ring.head), true);
  if (wantsWakeup(event, ring)) {
    ring.woken = ring.head;
    ring.unreported = 0;
    wake(kernel, ringChannel(ring.id));
  }
  return true;
}

/** Whether there is something to read that the reader has been woken for. */
export function isReadable(kernel: Kernel, ring: RingBuffer): boolean {
  return ring.woken > 0 && ring.woken > tailOf(kernel, ring);
}

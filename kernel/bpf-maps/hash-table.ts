/**
 * The elements of a hash in guest memory, kernel/bpf/hashtab.c: each is one block, a struct htab_elem with its links, the key
 * and the value behind it. A bucket is the first link of a chain. The table grows by one bucket at a time (linear hashing),
 * so that it takes memory in proportion to the elements and no insertion moves more than one chain.
 *
 * A program may have overwritten any link: what does not lead to a block of this size in use is EFAULT, and no walk is longer
 * than there are elements.
 */
import { forgetDecoded } from '../../cpu/memory.ts';
import { Errno, fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { PAGE_OFFSET } from '../layout/address-map.ts';
import { constants } from '../layout/constants.ts';
import { blockSizeAt, blockSizeFor, kfree, kmalloc } from '../mm/heap.ts';
import { directMap } from '../mm/physical.ts';
import { jhash } from './jhash.ts';
import type { HashData } from './types.ts';

/** struct htab_elem: offsets of its fields; links are addresses, 0 for none */
export const Field = { next: 0, older: 8, newer: 16, serial: 24, hash: 32, referenced: 36, key: 48 } as const;
const LINK_SIZE = 8;
/** buckets in one block */
const SEGMENT = constants.PAGE_SIZE / LINK_SIZE;
/** the upper half of the direct map's addresses, whose lower half is the physical address */
const LINK_HIGH = Number(PAGE_OFFSET >> 32n);

const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(value));

/** Buckets that a map never has more of. */
const mostBuckets = (maxEntries: number): number => Math.max(2, powerOfTwo(maxEntries));

/** An empty table for elements whose key and values take `size` bytes. ENOMEM. */
export function createTable(kernel: Kernel, size: number, maxEntries: number, seed: number): HashData {
  const buckets = Math.min(mostBuckets(maxEntries), SEGMENT);
  const first = Number(kmalloc(kernel, buckets * LINK_SIZE) - PAGE_OFFSET);
  return {
    kind: 'hash',
    blockSize: blockSizeFor(Field.key + size),
    seed,
    segments: [first],
    buckets: 2,
    mostBuckets: mostBuckets(maxEntries),
    count: 0,
    oldest: 0,
    newest: 0,
    nextSerial: 0,
    reached: 0,
    spare: 0,
  };
}

/** A link at a physical address: the physical address of a block, or 0. EFAULT. */
function link({ memory: { view }, heap }: Kernel, { blockSize }: HashData, at: number): number {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  if (low === 0 && high === 0) return 0;
  return high === LINK_HIGH && blockSizeAt(heap, low) === blockSize ? low : fail('EFAULT');
}

function setLink({ memory }: Kernel, at: number, element: number): void {
  memory.view.setUint32(at, element, true);
  memory.view.setUint32(at + 4, element === 0 ? 0 : LINK_HIGH, true);
  forgetDecoded(memory, at, LINK_SIZE);
}

/** Physical address of the link that begins a bucket. */
const bucketAt = ({ segments }: HashData, bucket: number): number =>
  segments[Math.floor(bucket / SEGMENT)]! + (bucket % SEGMENT) * LINK_SIZE;

/** The bucket of a hash while there are `buckets`, two or more. */
function bucketOf(hash: number, buckets: number): number {
  const mask = 0xffff_ffff >>> Math.clz32(buckets - 1);
  const bucket = (hash & mask) >>> 0;
  return bucket < buckets ? bucket : bucket & (mask >>> 1);
}

function hasKey({ memory: { bytes } }: Kernel, element: number, key: Uint8Array): boolean {
  const start = element + Field.key;
  for (let n = 0; n < key.length; n++) if (bytes[start + n] !== key[n]) return false;
  return true;
}

const hashOf = ({ memory: { view } }: Kernel, element: number): number => view.getUint32(element + Field.hash, true);

/** Physical address of the link in its chain that leads to the element with `key`, or to the end of the chain. EFAULT. */
function findLink(kernel: Kernel, data: HashData, key: Uint8Array, hash: number): number {
  let at = bucketAt(data, bucketOf(hash, data.buckets));
  for (let left = data.count; ; left--) {
    const element = link(kernel, data, at);
    if (element === 0 || (hashOf(kernel, element) === hash && hasKey(kernel, element, key))) return at;
    if (left === 0) fail('EFAULT');
    at = element + Field.next;
  }
}

/** Physical address of the element with `key`; 0 where there is none. EFAULT. */
export function findElement(kernel: Kernel, data: HashData, key: Uint8Array): number {
  return link(kernel, data, findLink(kernel, data, key, jhash(key, data.seed)));
}

export const keyOf = ({ memory: { bytes } }: Kernel, element: number, keySize: number): Uint8Array =>
  bytes.slice(element + Field.key, element + Field.key + keySize);

/** Whether the block at a physical address is an element of this table. */
export function isElement(kernel: Kernel, data: HashData, block: number, keySize: number): boolean {
  if (blockSizeAt(kernel.heap, block) !== data.blockSize) return false;
  try {
    return findElement(kernel, data, keyOf(kernel, block, keySize)) === block;
  } catch (error) {
    if (error instanceof Errno) return false;
    throw error;
  }
}

/** A program uses the element. */
export function setReferenced({ memory }: Kernel, element: number, referenced: boolean): void {
  memory.view.setUint32(element + Field.referenced, Number(referenced), true);
  forgetDecoded(memory, element, Field.key);
}

/** The element that came after this one; 0 after the newest. EFAULT. */
export const newerThan = (kernel: Kernel, data: HashData, element: number): number =>
  link(kernel, data, element + Field.newer);

/** The element is the newest. */
function addNewest(kernel: Kernel, data: HashData, element: number): void {
  const { newest } = data;
  const { view } = kernel.memory;
  const serial = data.nextSerial++;
  view.setUint32(element + Field.serial, serial % 2 ** 32, true);
  view.setUint32(element + Field.serial + 4, Math.floor(serial / 2 ** 32), true);
  setLink(kernel, element + Field.older, newest);
  setLink(kernel, element + Field.newer, 0);
  if (newest === 0) data.oldest = element;
  else setLink(kernel, newest + Field.newer, element);
  data.newest = element;
}

/** Out of the list by age. EFAULT. */
function removeFromAges(kernel: Kernel, data: HashData, element: number): void {
  const older = link(kernel, data, element + Field.older);
  const newer = link(kernel, data, element + Field.newer);
  if (data.reached === element) data.reached = older;
  if (older === 0) data.oldest = newer;
  else setLink(kernel, older + Field.newer, newer);
  if (newer === 0) data.newest = older;
  else setLink(kernel, newer + Field.older, older);
}

/** One bucket more, with what belongs there of the chain it was part of; not without memory. EFAULT. */
function addBucket(kernel: Kernel, data: HashData): void {
  const { buckets, segments } = data;
  if (buckets >= data.mostBuckets) return;
  if (buckets === segments.length * SEGMENT) {
    try {
      segments.push(Number(kmalloc(kernel, SEGMENT * LINK_SIZE) - PAGE_OFFSET));
    } catch (error) {
      if (error instanceof Errno) return;
      throw error;
    }
  }
  let from = bucketAt(data, buckets - 2 ** (31 - Math.clz32(buckets)));
  let to = bucketAt(data, buckets);
  setLink(kernel, to, 0);
  for (let left = data.count; ; left--) {
    const element = link(kernel, data, from);
    if (element === 0) break;
    if (left === 0) fail('EFAULT');
    if (bucketOf(hashOf(kernel, element), buckets + 1) !== buckets) {
      from = element + Field.next;
      continue;
    }
    setLink(kernel, from, link(kernel, data, element + Field.next));
    setLink(kernel, element + Field.next, 0);
    setLink(kernel, to, element);
    to = element + Field.next;
  }
  data.buckets++;
}

/** A block with `key` becomes the newest element; the table has none with that key. EFAULT. */
export function insertElement(kernel: Kernel, data: HashData, element: number, key: Uint8Array): void {
  if (data.count >= data.buckets) addBucket(kernel, data);
  const { memory } = kernel;
  const hash = jhash(key, data.seed);
  const bucket = bucketAt(data, bucketOf(hash, data.buckets));
  const first = link(kernel, data, bucket);
  memory.view.setUint32(element + Field.hash, hash, true);
  memory.view.setUint32(element + Field.referenced, 0, true);
  setLink(kernel, element + Field.next, first);
  addNewest(kernel, data, element);
  setLink(kernel, bucket, element);
  data.count++;
}

/** Takes an element out of the table; its block is the caller's again. EFAULT. */
export function removeElement(kernel: Kernel, data: HashData, element: number): void {
  let at = bucketAt(data, bucketOf(hashOf(kernel, element), data.buckets));
  for (let left = data.count; ; left--) {
    const other = link(kernel, data, at);
    if (other === element) break;
    if (other === 0 || left === 0) fail('EFAULT');
    at = other + Field.next;
  }
  const next = link(kernel, data, element + Field.next);
  removeFromAges(kernel, data, element);
  setLink(kernel, at, next);
  data.count--;
}

/** The oldest element that nothing has used since it was last passed over; one that was used becomes the newest. EFAULT. */
export function oldestUnused(kernel: Kernel, data: HashData): number {
  const { view } = kernel.memory;
  for (let left = data.count; ; left--) {
    const { oldest } = data;
    if (left === 0 || oldest === 0 || view.getUint32(oldest + Field.referenced, true) === 0) return oldest;
    setReferenced(kernel, oldest, false);
    removeFromAges(kernel, data, oldest);
    addNewest(kernel, data, oldest);
  }
}

function serialOf({ memory: { view } }: Kernel, element: number): number {
  const at = element + Field.serial;
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

/** Elements from the oldest on, or from the first whose serial number is not below `serial`. Ends where a link is damaged. */
export function* elementsByAge(
  kernel: Kernel,
  data: HashData,
  serial = 0,
): Generator<{ readonly element: number; readonly serial: number }> {
  const isPassed = data.reached !== 0 && serialOf(kernel, data.reached) < serial;
  let element = isPassed ? data.reached : data.oldest;
  for (let left = data.count; element !== 0 && left > 0; left--) {
    const own = serialOf(kernel, element);
    const after = newerThan(kernel, data, element);
    if (own >= serial) yield { element, serial: own };
    element = after;
  }
}

/** Keeps the block of an element that has left the table. */
export function keepSpare(kernel: Kernel, data: HashData, element: number): void {
  setLink(kernel, element + Field.next, data.spare);
  data.spare = element;
}

/** A block that was kept; 0 when there is none, or a program has damaged the list: then it is lost. */
export function takeSpare(kernel: Kernel, data: HashData): number {
  const { spare } = data;
  if (spare === 0) return 0;
  data.spare = 0;
  if (blockSizeAt(kernel.heap, spare) !== data.blockSize) return 0;
  try {
    data.spare = link(kernel, data, spare + Field.next);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
  return spare;
}

/** Frees what is reached of the elements, of the kept blocks, and the buckets. */
export function freeTable(kernel: Kernel, data: HashData): void {
  try {
    for (const { element } of elementsByAge(kernel, data)) kfree(kernel, directMap(element));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
  for (let spare = takeSpare(kernel, data); spare !== 0; spare = takeSpare(kernel, data)) {
    kfree(kernel, directMap(spare));
  }
  for (const segment of data.segments) kfree(kernel, directMap(segment));
  data.segments.length = 0;
  data.count = 0;
  data.oldest = data.newest = data.reached = 0;
}

/** BPF_MAP_TYPE_RINGBUF, kernel/bpf/ringbuf.c: its memory, and what system calls do with it. */
import { fail } from '../errno.ts';
import { Poll, POLL_READABLE } from '../fs/constants.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { allocatePage, freePages, releasePage } from '../mm/physical.ts';
import { vfree, vmap } from '../mm/vmalloc.ts';
import { available, RingPage, ringChannel } from './ring-records.ts';
import { accessFlags, checkMapFlags, dataOf, MapFlag, type MapType } from './map-type.ts';

const { PAGE_SIZE } = constants;
const PROT_READ = 1;
const PROT_WRITE = 2;

function allocatePages(kernel: Kernel, count: number): number[] {
  if (count > freePages(kernel)) fail('ENOMEM');
  return Array.from({ length: count }, () => allocatePage(kernel));
}

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));

export const ringbufMap: MapType = {
  number: constants.BPF_MAP_TYPE_RINGBUF,
  name: 'ringbuf',
  note: 'a program that looks up gets NULL, which the verifier would refuse',

  check({ keySize, valueSize, maxEntries, flags }) {
    checkMapFlags(flags, MapFlag.NUMA_NODE);
    if ((flags & accessFlags) !== 0 || keySize !== 0 || valueSize !== 0) fail('EINVAL');
    if (!isPowerOfTwo(maxEntries) || maxEntries % PAGE_SIZE !== 0) fail('EINVAL');
  },

  create(kernel, { maxEntries }) {
    const pages = allocatePages(kernel, RingPage.data + maxEntries / PAGE_SIZE);
    try {
      const address = vmap(kernel, [...pages, ...pages.slice(RingPage.data)]);
      return { kind: 'ring', address, pages };
    } finally {
      // the mapping has references of its own
      for (const page of pages) releasePage(kernel, page);
    }
  },

  lookup: () => 0n,
  read: () => fail('ENOTSUPP'),
  update: () => fail('ENOTSUPP'),
  delete: () => fail('ENOTSUPP'),
  nextKey: () => fail('ENOTSUPP'),
  free: (kernel, map) => vfree(kernel, dataOf(map, 'ring').address),

  mmap: {
    /** page 0 is the consumer's, alone writable; then the producer's, the data, the data again */
    open(_kernel, map, { offset, length, protection }) {
      const writes = (protection & PROT_WRITE) !== 0;
      if (writes && (offset !== 0 || length !== PAGE_SIZE)) fail('EPERM');
      if (offset + length > (RingPage.data - RingPage.consumer) * PAGE_SIZE + 2 * map.maxEntries) fail('EINVAL');
      return writes ? PROT_READ | PROT_WRITE : PROT_READ;
    },
    page(_kernel, map, offset) {
      const { pages } = dataOf(map, 'ring');
      const page = RingPage.consumer + offset / PAGE_SIZE;
      return pages[page < pages.length ? page : page - map.maxEntries / PAGE_SIZE];
    },
  },

  poll: (kernel, map) => ({
    events: available(kernel, map) === 0n ? 0 : POLL_READABLE,
    channels: [ringChannel(map)],
  }),
};

/** What poll says of a map without an operation of its own. */
export const NO_POLL = { events: Poll.error, channels: [] } as const;

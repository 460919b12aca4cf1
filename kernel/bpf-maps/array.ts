/** BPF_MAP_TYPE_ARRAY, kernel/bpf/arraymap.c. */
import { fail } from '../errno.ts';
import { constants } from '../layout/constants.ts';
import { touchLazyPage, vmallocLazy } from '../mm/vmalloc.ts';
import { allocateArea, freeArea } from './memory.ts';
import {
  checkMapFlags,
  checkUpdateFlags,
  dataOf,
  MapFlag,
  nextIndex,
  roundUp8,
  store,
  u32Of,
  type MapType,
} from './map-type.ts';
import type { MapAttributes } from './types.ts';

const INT_MAX = 0x7fffffff;
const READ_WRITE = 3;

/** array_map_alloc_check; `flags` are those the type has beside the access flags. */
export function checkArray({ keySize, valueSize, maxEntries, flags }: MapAttributes, allowed: number): void {
  if (maxEntries === 0 || keySize !== 4 || valueSize === 0) fail('EINVAL');
  checkMapFlags(flags, allowed);
  if (valueSize > INT_MAX) fail('E2BIG');
}

/** Update of an existing slot: EINVAL, E2BIG past the end, EEXIST. */
export function checkSlot(index: number, maxEntries: number, flags: bigint): void {
  checkUpdateFlags(flags);
  if (index >= maxEntries) fail('E2BIG');
  if (flags === BigInt(constants.BPF_NOEXIST)) fail('EEXIST');
}

export const arrayMap: MapType = {
  number: constants.BPF_MAP_TYPE_ARRAY,
  name: 'array',
  note: 'a page of more than 32 KiB of values is allocated when it is touched: without memory for it, an oops or ENOMEM',
  batch: 'index',

  check: (attributes) => checkArray(attributes, MapFlag.NUMA_NODE | MapFlag.MMAPABLE | MapFlag.INNER_MAP),

  create(kernel, { valueSize, maxEntries, flags }) {
    const stride = roundUp8(valueSize);
    const size = stride * maxEntries;
    const whole = (flags & MapFlag.MMAPABLE) !== 0;
    return { kind: 'array', values: whole ? vmallocLazy(kernel, size) : allocateArea(kernel, size), stride };
  },

  lookup(_kernel, map, key) {
    const { values, stride } = dataOf(map, 'array');
    const index = u32Of(key);
    return index < map.maxEntries ? values + BigInt(index) * BigInt(stride) : 0n;
  },

  update(kernel, map, key, value, flags) {
    const { values, stride } = dataOf(map, 'array');
    const index = u32Of(key);
    checkSlot(index, map.maxEntries, flags);
    store(kernel, values + BigInt(index) * BigInt(stride), value);
  },

  delete: () => fail('EINVAL'),
  nextKey: (_kernel, map, key) => nextIndex(key, map.maxEntries),
  free: (kernel, map) => freeArea(kernel, dataOf(map, 'array').values),

  mmap: {
    open(_kernel, map, { offset, length }) {
      if ((map.flags & MapFlag.MMAPABLE) === 0) fail('EINVAL');
      const size = Math.ceil((dataOf(map, 'array').stride * map.maxEntries) / constants.PAGE_SIZE);
      if (offset + length > size * constants.PAGE_SIZE) fail('EINVAL');
      return READ_WRITE;
    },
    page: (kernel, map, offset) => touchLazyPage(kernel, dataOf(map, 'array').values + BigInt(offset)),
  },
};

/** BPF_MAP_TYPE_ARRAY, kernel/bpf/arraymap.c. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { freePages } from '../mm/physical.ts';
import { vfree, vmalloc } from '../mm/vmalloc.ts';
import { checkMapFlags, dataOf, MapFlag, roundUp8, store, type MapType } from './map-type.ts';

const INT_MAX = 0x7fffffff;
/** PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER: bpf_map_area_alloc takes more from vmalloc */
const MAX_KMALLOC = constants.PAGE_SIZE << 3;

function allocate(kernel: Kernel, size: number): bigint {
  if (size > freePages(kernel) * constants.PAGE_SIZE) fail('ENOMEM');
  return size > MAX_KMALLOC ? vmalloc(kernel, 'vmalloc', size) : kmalloc(kernel, size);
}

const indexOf = (key: Uint8Array): number => new DataView(key.buffer, key.byteOffset).getUint32(0, true);

export const arrayMap: MapType = {
  number: constants.BPF_MAP_TYPE_ARRAY,
  name: 'array',
  note: 'BPF_F_MMAPABLE is accepted, mmap is not implemented',

  check({ keySize, valueSize, maxEntries, flags }) {
    if (maxEntries === 0 || keySize !== 4 || valueSize === 0) fail('EINVAL');
    checkMapFlags(flags, MapFlag.NUMA_NODE | MapFlag.MMAPABLE | MapFlag.INNER_MAP);
    if (valueSize > INT_MAX) fail('E2BIG');
  },

  create(kernel, { valueSize, maxEntries }) {
    const stride = roundUp8(valueSize);
    return { kind: 'array', values: allocate(kernel, stride * maxEntries), stride };
  },

  lookup(_kernel, map, key) {
    const { values, stride } = dataOf(map, 'array');
    const index = indexOf(key);
    return index < map.maxEntries ? values + BigInt(index) * BigInt(stride) : 0n;
  },

  update(kernel, map, key, value, flags) {
    const { values, stride } = dataOf(map, 'array');
    const index = indexOf(key);
    if (flags > BigInt(constants.BPF_EXIST)) fail('EINVAL');
    if (index >= map.maxEntries) fail('E2BIG');
    if (flags === BigInt(constants.BPF_NOEXIST)) fail('EEXIST');
    store(kernel, values + BigInt(index) * BigInt(stride), value);
  },

  delete: () => fail('EINVAL'),

  nextKey(_kernel, map, key) {
    const index = key === undefined ? map.maxEntries : indexOf(key);
    if (index === map.maxEntries - 1) fail('ENOENT');
    const next = new Uint8Array(4);
    new DataView(next.buffer).setUint32(0, index < map.maxEntries ? index + 1 : 0, true);
    return next;
  },

  free(kernel, map) {
    const { values, stride } = dataOf(map, 'array');
    if (stride * map.maxEntries > MAX_KMALLOC) vfree(kernel, values);
    else kfree(kernel, values);
  },
};

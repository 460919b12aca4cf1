/** BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK, kernel/bpf/queue_stack_maps.c. */
import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { allocateArea, freeArea } from './memory.ts';
import { checkMapFlags, dataOf, load, MapFlag, store, type MapType } from './map-type.ts';

/** KMALLOC_MAX_SIZE */
const MAX_VALUE = 0x400000;
const { BPF_EXIST } = constants;

/** The slot of the value that was pushed as number `n` of those there are. */
function slot(map: BpfMap, n: number): bigint {
  const { slots, first } = dataOf(map, 'queue');
  return slots + BigInt((first + n) % map.maxEntries) * BigInt(map.valueSize);
}

/** `next`: which of `count` values pop gives. */
function orderedType(number: number, name: string, next: (count: number) => number): MapType {
  const peek = (kernel: Kernel, map: BpfMap): Uint8Array => {
    const { count } = dataOf(map, 'queue');
    if (count === 0) fail('ENOENT');
    return load(kernel, slot(map, next(count)), map.valueSize);
  };
  const pop = (kernel: Kernel, map: BpfMap): Uint8Array => {
    const data = dataOf(map, 'queue');
    const value = peek(kernel, map);
    if (next(data.count) === 0) data.first = (data.first + 1) % map.maxEntries;
    data.count--;
    return value;
  };
  const push = (kernel: Kernel, map: BpfMap, value: Uint8Array, flags: bigint): void => {
    const data = dataOf(map, 'queue');
    const full = data.count === map.maxEntries;
    if (flags !== 0n && flags !== BigInt(BPF_EXIST)) fail('EINVAL');
    if (full && flags === 0n) fail('E2BIG');
    // the slot after the newest: of a full map, that of the oldest
    store(kernel, slot(map, data.count), value);
    if (full) data.first = (data.first + 1) % map.maxEntries;
    else data.count++;
  };
  return {
    number,
    name,
    note: '',

    check({ keySize, valueSize, maxEntries, flags }) {
      if (maxEntries === 0 || valueSize === 0 || keySize !== 0) fail('EINVAL');
      checkMapFlags(flags, MapFlag.NUMA_NODE);
      if (valueSize > MAX_VALUE) fail('E2BIG');
    },

    create: (kernel, { valueSize, maxEntries }) => ({
      kind: 'queue',
      slots: allocateArea(kernel, valueSize * maxEntries),
      first: 0,
      count: 0,
    }),

    lookup: () => 0n,
    read: peek,
    update: () => fail('EINVAL'),
    write: ({ kernel }, map, _key, value, flags) => push(kernel, map, value, flags),
    delete: () => fail('EINVAL'),
    nextKey: () => fail('EINVAL'),
    take: pop,
    push,
    pop,
    peek,
    free: (kernel, map) => freeArea(kernel, dataOf(map, 'queue').slots),
  };
}

export const queueMap = orderedType(constants.BPF_MAP_TYPE_QUEUE, 'queue', () => 0);
export const stackMap = orderedType(constants.BPF_MAP_TYPE_STACK, 'stack', (count) => count - 1);

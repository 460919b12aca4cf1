/** BPF_MAP_TYPE_PERCPU_ARRAY, kernel/bpf/arraymap.c. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { checkArray, checkSlot } from './array.ts';
import { allocateArea, freeArea } from './memory.ts';
import { dataOf, eachCpu, load, nextIndex, roundUp8, store, u32Of, type MapType } from './map-type.ts';
import type { BpfMap } from '../bpf/types.ts';

/** PCPU_MIN_UNIT_SIZE: bytes of one CPU's value */
export const MAX_PER_CPU_VALUE = 32768;

function slot(map: BpfMap, index: number, cpu: number): bigint {
  const { values, stride } = dataOf(map, 'per-cpu-array');
  return values[cpu]! + BigInt(index) * BigInt(stride);
}

/** What system calls see: a value a CPU, each rounded up to 8 bytes. */
export const perCpuValueSize = (kernel: Kernel, map: BpfMap): number => roundUp8(map.valueSize) * kernel.cpus.length;

export const perCpuArrayMap: MapType = {
  number: constants.BPF_MAP_TYPE_PERCPU_ARRAY,
  name: 'percpu_array',
  note: 'pages as of an array',
  batch: 'index',
  perCpu: true,
  userValueSize: perCpuValueSize,

  check(attributes) {
    checkArray(attributes, 0);
    if (roundUp8(attributes.valueSize) > MAX_PER_CPU_VALUE) fail('E2BIG');
  },

  create(kernel, { valueSize, maxEntries }) {
    const stride = roundUp8(valueSize);
    const values: bigint[] = [];
    try {
      while (values.length < kernel.cpus.length) values.push(allocateArea(kernel, stride * maxEntries));
    } catch (error) {
      for (const address of values) freeArea(kernel, address);
      throw error;
    }
    return { kind: 'per-cpu-array', values, stride };
  },

  lookup(_kernel, map, key, cpu = 0) {
    const index = u32Of(key);
    return index < map.maxEntries ? slot(map, index, cpu) : 0n;
  },

  update(kernel, map, key, value, flags, cpu = 0) {
    const index = u32Of(key);
    checkSlot(index, map.maxEntries, flags);
    store(kernel, slot(map, index, cpu), value);
  },

  read(kernel, map, key) {
    const index = u32Of(key);
    if (index >= map.maxEntries) fail('ENOENT');
    const bytes = new Uint8Array(perCpuValueSize(kernel, map));
    eachCpu(kernel, bytes, (cpu, part) => part.set(load(kernel, slot(map, index, cpu), part.length)));
    return bytes;
  },

  write({ kernel }, map, key, value, flags) {
    const index = u32Of(key);
    checkSlot(index, map.maxEntries, flags);
    eachCpu(kernel, value, (cpu, part) => store(kernel, slot(map, index, cpu), part));
  },

  delete: () => fail('EINVAL'),
  nextKey: (_kernel, map, key) => nextIndex(key, map.maxEntries),

  free(kernel, map) {
    for (const address of dataOf(map, 'per-cpu-array').values) freeArea(kernel, address);
  },
};

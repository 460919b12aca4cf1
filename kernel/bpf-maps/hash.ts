/** BPF_MAP_TYPE_HASH and its kinds, kernel/bpf/hashtab.c. Elements stay where they are until they are deleted. */
import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { append, keyBytes, keyString, oldestUnused, unlink } from './hash-list.ts';
import {
  checkMapFlags,
  checkUpdateFlags,
  dataOf,
  eachCpu,
  load,
  MapFlag,
  roundUp8,
  store,
  type MapType,
} from './map-type.ts';
import { MAX_PER_CPU_VALUE, perCpuValueSize } from './per-cpu-array.ts';

/** KMALLOC_MAX_SIZE less sizeof(struct htab_elem) */
const MAX_ELEMENT = 0x400000 - 48;
/** the bucket table of more entries does not fit 32 bits */
const MAX_ENTRIES = 1 << 28;

interface Variant {
  readonly number: number;
  readonly name: string;
  readonly note: string;
  /** full: an element that was not used for long makes room */
  readonly lru?: true;
  readonly perCpu?: true;
}

function valueAddress(map: BpfMap, element: bigint, cpu = 0): bigint {
  return element + BigInt(roundUp8(map.keySize) + cpu * roundUp8(map.valueSize));
}

/** Gives back the block of an element that has left the list: a preallocated map keeps it for itself. */
function freeBlock(kernel: Kernel, map: BpfMap, address: bigint): void {
  if ((map.flags & MapFlag.NO_PREALLOC) === 0) dataOf(map, 'hash').spare.push(address);
  else kfree(kernel, address);
}

function evict(kernel: Kernel, map: BpfMap): void {
  const data = dataOf(map, 'hash');
  const key = oldestUnused(data) ?? fail('ENOMEM');
  const { address } = data.elements.get(key)!;
  unlink(data, key);
  freeBlock(kernel, map, address);
}

/** A block with the key and zeros for a key that is absent. E2BIG, ENOMEM. */
function newBlock(kernel: Kernel, map: BpfMap, { lru }: Variant, key: Uint8Array): bigint {
  const { elements, spare, blockSize } = dataOf(map, 'hash');
  if (elements.size >= map.maxEntries) {
    if (lru !== true) fail('E2BIG');
    evict(kernel, map);
  }
  const address = spare.pop() ?? kmalloc(kernel, blockSize);
  const block = new Uint8Array(blockSize);
  block.set(key);
  store(kernel, address, block);
  return address;
}

/** The block of `key`'s element, made if the flags allow it; a new one is in the list when `fill` has filled it. */
function updateElement(
  kernel: Kernel,
  map: BpfMap,
  variant: Variant,
  key: Uint8Array,
  flags: bigint,
  fill: (element: bigint) => void,
): void {
  checkUpdateFlags(flags);
  const data = dataOf(map, 'hash');
  const text = keyString(key);
  const present = data.elements.get(text);
  if (present !== undefined) {
    if (flags === BigInt(constants.BPF_NOEXIST)) fail('EEXIST');
    present.referenced = true;
    return fill(present.address);
  }
  if (flags === BigInt(constants.BPF_EXIST)) fail('ENOENT');
  const address = newBlock(kernel, map, variant, key);
  try {
    fill(address);
  } catch (error) {
    freeBlock(kernel, map, address);
    throw error;
  }
  append(data, text, address);
}

function elementOf(map: BpfMap, key: Uint8Array): bigint {
  return dataOf(map, 'hash').elements.get(keyString(key))?.address ?? fail('ENOENT');
}

function checkHash(variant: Variant): MapType['check'] {
  const { lru = false, perCpu = false } = variant;
  return ({ keySize, valueSize, maxEntries, flags }) => {
    const ownLists = (flags & MapFlag.NO_COMMON_LRU) !== 0;
    checkMapFlags(flags, MapFlag.NO_PREALLOC | MapFlag.NO_COMMON_LRU | MapFlag.NUMA_NODE | MapFlag.ZERO_SEED);
    if (ownLists && !lru) fail('EINVAL');
    if (lru && (flags & MapFlag.NO_PREALLOC) !== 0) fail('ENOTSUPP');
    if ((flags & MapFlag.NUMA_NODE) !== 0 && (perCpu || ownLists)) fail('EINVAL');
    if (keySize === 0 || valueSize === 0 || maxEntries === 0) fail('EINVAL');
    if (keySize + valueSize >= MAX_ELEMENT || maxEntries > MAX_ENTRIES) fail('E2BIG');
    if (perCpu && roundUp8(valueSize) > MAX_PER_CPU_VALUE) fail('E2BIG');
  };
}

/** What system calls do to a map whose elements have a value a CPU. */
function perCpuOperations(variant: Variant): Pick<MapType, 'perCpu' | 'userValueSize' | 'read' | 'write'> {
  return {
    perCpu: true,
    userValueSize: perCpuValueSize,
    read: (kernel, map, key) => load(kernel, valueAddress(map, elementOf(map, key)), perCpuValueSize(kernel, map)),
    write: ({ kernel }, map, key, value, flags) =>
      updateElement(kernel, map, variant, key, flags, (element) =>
        eachCpu(kernel, value, (cpu, part) => store(kernel, valueAddress(map, element, cpu), part)),
      ),
  };
}

function hashType(variant: Variant): MapType {
  const { number, name, note, perCpu = false } = variant;
  const remove = (kernel: Kernel, map: BpfMap, key: Uint8Array): void => {
    const address = elementOf(map, key);
    unlink(dataOf(map, 'hash'), keyString(key));
    freeBlock(kernel, map, address);
  };
  const type: MapType = {
    number,
    name,
    note,
    batch: 'hash',
    check: checkHash(variant),

    create(kernel, { keySize, valueSize }) {
      const values = perCpu ? kernel.cpus.length : 1;
      const blockSize = roundUp8(keySize) + roundUp8(valueSize) * values;
      const list = { elements: new Map(), oldest: undefined, newest: undefined, nextSerial: 0 };
      return { kind: 'hash', ...list, spare: [], blockSize };
    },

    lookup(_kernel, map, key, cpu = 0) {
      const element = dataOf(map, 'hash').elements.get(keyString(key));
      if (element === undefined) return 0n;
      element.referenced = true;
      return valueAddress(map, element.address, perCpu ? cpu : 0);
    },

    // not `lookup`: what a system call looks at is no sign that a program uses it
    read: (kernel, map, key) => load(kernel, valueAddress(map, elementOf(map, key)), map.valueSize),

    update: (kernel, map, key, value, flags, cpu = 0) =>
      updateElement(kernel, map, variant, key, flags, (element) =>
        store(kernel, valueAddress(map, element, perCpu ? cpu : 0), value),
      ),

    delete: remove,

    take(kernel, map, key) {
      const value = type.read!(kernel, map, key);
      remove(kernel, map, key);
      return value;
    },

    nextKey(_kernel, map, key) {
      const { elements, oldest } = dataOf(map, 'hash');
      const element = key === undefined ? undefined : elements.get(keyString(key));
      const next = element === undefined ? oldest : element.newer;
      return next === undefined ? fail('ENOENT') : keyBytes(next);
    },

    free(kernel, map) {
      const { elements, spare } = dataOf(map, 'hash');
      for (const { address } of elements.values()) kfree(kernel, address);
      for (const address of spare) kfree(kernel, address);
      elements.clear();
      spare.length = 0;
    },
    ...(perCpu ? perCpuOperations(variant) : {}),
  };
  return type;
}

const order = 'elements are allocated when they are added, updated in place, and iterated oldest first';
const lru = `${order}; a full map evicts by one second-chance list, also with BPF_F_NO_COMMON_LRU`;

// prettier-ignore
export const hashMaps: readonly MapType[] = [
  hashType({ number: constants.BPF_MAP_TYPE_HASH,            name: 'hash',            note: order }),
  hashType({ number: constants.BPF_MAP_TYPE_PERCPU_HASH,     name: 'percpu_hash',     note: order, perCpu: true }),
  hashType({ number: constants.BPF_MAP_TYPE_LRU_HASH,        name: 'lru_hash',        note: lru, lru: true }),
  hashType({ number: constants.BPF_MAP_TYPE_LRU_PERCPU_HASH, name: 'lru_percpu_hash', note: lru, lru: true, perCpu: true }),
];

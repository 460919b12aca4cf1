/** BPF_MAP_TYPE_HASH and its kinds, kernel/bpf/hashtab.c. Elements stay where they are until they are deleted. */
import type { BpfMap } from '../bpf/types.ts';
import { forgetDecoded } from '../../cpu/memory.ts';
import { Errno, fail } from '../errno.ts';
import { xorshift, type Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { PAGE_OFFSET } from '../layout/address-map.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { directMap } from '../mm/physical.ts';
import {
  createTable,
  Field,
  findElement,
  freeTable,
  insertElement,
  keepSpare,
  keyOf,
  newerThan,
  oldestUnused,
  removeElement,
  setReferenced,
  takeSpare,
} from './hash-table.ts';
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

/** The guest address of an element's value, that of CPU `cpu` where each has one. */
export function valueAddress(map: BpfMap, element: number, cpu = 0): bigint {
  return directMap(element + Field.key + roundUp8(map.keySize) + cpu * roundUp8(map.valueSize));
}

/** Gives back the block of an element that has left the table: a preallocated map keeps it for itself. */
function freeBlock(kernel: Kernel, map: BpfMap, element: number): void {
  if ((map.flags & MapFlag.NO_PREALLOC) === 0) keepSpare(kernel, dataOf(map, 'hash'), element);
  else kfree(kernel, directMap(element));
}

function removeFrom(kernel: Kernel, map: BpfMap, element: number): void {
  removeElement(kernel, dataOf(map, 'hash'), element);
  freeBlock(kernel, map, element);
}

/** A block with the key and zeros for a key that is absent. E2BIG, ENOMEM. */
function newBlock(kernel: Kernel, map: BpfMap, { lru }: Variant, key: Uint8Array): number {
  const data = dataOf(map, 'hash');
  if (data.count >= map.maxEntries) {
    if (lru !== true) fail('E2BIG');
    removeFrom(kernel, map, oldestUnused(kernel, data));
  }
  const element = takeSpare(kernel, data) || Number(kmalloc(kernel, data.blockSize) - PAGE_OFFSET);
  const { memory } = kernel;
  memory.bytes.fill(0, element, element + data.blockSize);
  memory.bytes.set(key, element + Field.key);
  forgetDecoded(memory, element, data.blockSize);
  return element;
}

/** The element with `key`, made if the flags allow it; a new one is in the table when `fill` has filled it. */
function updateElement(
  kernel: Kernel,
  map: BpfMap,
  variant: Variant,
  key: Uint8Array,
  flags: bigint,
  fill: (element: number) => void,
): void {
  checkUpdateFlags(flags);
  const data = dataOf(map, 'hash');
  const present = findElement(kernel, data, key);
  if (present !== 0) {
    if (flags === BigInt(constants.BPF_NOEXIST)) fail('EEXIST');
    setReferenced(kernel, present, true);
    return fill(present);
  }
  if (flags === BigInt(constants.BPF_EXIST)) fail('ENOENT');
  const element = newBlock(kernel, map, variant, key);
  try {
    fill(element);
    insertElement(kernel, data, element, key);
  } catch (error) {
    freeBlock(kernel, map, element);
    throw error;
  }
}

/** ENOENT, EFAULT. */
function elementOf(kernel: Kernel, map: BpfMap, key: Uint8Array): number {
  const element = findElement(kernel, dataOf(map, 'hash'), key);
  return element === 0 ? fail('ENOENT') : element;
}

/** What the hashes of a new map's keys begin with: nobody else's random number is another for it. */
const newSeed = (kernel: Kernel): number =>
  Number(BigInt.asUintN(32, xorshift(kernel.random + BigInt(kernel.bpf.next.map)).bits));

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
    read: (kernel, map, key) =>
      load(kernel, valueAddress(map, elementOf(kernel, map, key)), perCpuValueSize(kernel, map)),
    write: ({ kernel }, map, key, value, flags) =>
      updateElement(kernel, map, variant, key, flags, (element) =>
        eachCpu(kernel, value, (cpu, part) => store(kernel, valueAddress(map, element, cpu), part)),
      ),
  };
}

function hashType(variant: Variant): MapType {
  const { number, name, note, perCpu = false } = variant;
  const remove = (kernel: Kernel, map: BpfMap, key: Uint8Array): void =>
    removeFrom(kernel, map, elementOf(kernel, map, key));
  const type: MapType = {
    number,
    name,
    note,
    batch: 'hash',
    check: checkHash(variant),

    create(kernel, { keySize, valueSize, maxEntries }) {
      const values = perCpu ? kernel.cpus.length : 1;
      return createTable(kernel, roundUp8(keySize) + roundUp8(valueSize) * values, maxEntries, newSeed(kernel));
    },

    lookup(kernel, map, key, cpu = 0) {
      try {
        const element = findElement(kernel, dataOf(map, 'hash'), key);
        if (element === 0) return 0n;
        setReferenced(kernel, element, true);
        return valueAddress(map, element, perCpu ? cpu : 0);
      } catch (error) {
        if (error instanceof Errno) return 0n; // a program has damaged the chain
        throw error;
      }
    },

    // not `lookup`: what a system call looks at is no sign that a program uses it
    read: (kernel, map, key) => load(kernel, valueAddress(map, elementOf(kernel, map, key)), map.valueSize),

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

    nextKey(kernel, map, key) {
      const data = dataOf(map, 'hash');
      const element = key === undefined ? 0 : findElement(kernel, data, key);
      const next = element === 0 ? data.oldest : newerThan(kernel, data, element);
      return next === 0 ? fail('ENOENT') : keyOf(kernel, next, map.keySize);
    },

    free: (kernel, map) => freeTable(kernel, dataOf(map, 'hash')),
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

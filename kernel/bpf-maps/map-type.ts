import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { MmapRequest, Readiness } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { readKernel, writeKernel } from '../mm/kernel-memory.ts';
import { isLazy } from '../mm/vmalloc.ts';
import type { Task } from '../task.ts';
import { constants } from '../layout/constants.ts';
import type { MapAttributes, MapData } from './types.ts';

/** `struct bpf_map_ops`. Failures are `Errno`; keys and values have the map's sizes. */
export interface MapType {
  /** BPF_MAP_TYPE_* */
  readonly number: number;
  readonly name: string;
  /** what differs from Linux; '' for nothing */
  readonly note: string;
  /** map_alloc_check: EINVAL, E2BIG */
  check(attributes: MapAttributes): void;
  /** map_alloc: ENOMEM */
  create(kernel: Kernel, attributes: MapAttributes): MapData;
  /** a program's lookup: guest address of the value it shares with system calls, that of CPU `cpu`; 0n if absent */
  lookup(kernel: Kernel, map: BpfMap, key: Uint8Array, cpu?: number): bigint;
  /** a program's update, of CPU `cpu`'s value where each has one */
  update(kernel: Kernel, map: BpfMap, key: Uint8Array, value: Uint8Array, flags: bigint, cpu?: number): void;
  delete(kernel: Kernel, map: BpfMap, key: Uint8Array): void;
  /** the key after `key`, the first for undefined or an unknown one; ENOENT after the last */
  nextKey(kernel: Kernel, map: BpfMap, key: Uint8Array | undefined): Uint8Array;
  /** gives all guest memory and all references back */
  free(kernel: Kernel, map: BpfMap): void;

  /** bytes of a value as system calls have it; default: the map's value size */
  userValueSize?(kernel: Kernel, map: BpfMap): number;
  /** a system call's lookup; default: the bytes at `lookup`, or ENOENT */
  read?(kernel: Kernel, map: BpfMap, key: Uint8Array): Uint8Array;
  /** a system call's update; default: `update` */
  write?(caller: MapCaller, map: BpfMap, key: Uint8Array, value: Uint8Array, flags: bigint): void;
  /** BPF_MAP_LOOKUP_AND_DELETE_ELEM; default: ENOTSUPP */
  take?(kernel: Kernel, map: BpfMap, key: Uint8Array): Uint8Array;
  /** bpf_map_push_elem; default: EINVAL, as of `pop` and `peek` */
  push?(kernel: Kernel, map: BpfMap, value: Uint8Array, flags: bigint): void;
  /** the value that goes; ENOENT */
  pop?(kernel: Kernel, map: BpfMap): Uint8Array;
  peek?(kernel: Kernel, map: BpfMap): Uint8Array;
  /** which batch commands there are; default: none */
  readonly batch?: 'index' | 'hash';
  /** bpf_map_lookup_percpu_elem: as `lookup`, of any CPU; default: 0n */
  readonly perCpu?: true;
  /** the last descriptor of one open file of the map is gone */
  fileReleased?(kernel: Kernel, map: BpfMap, file: number): void;
  /** default: EPERM of a writable mapping of a frozen map, ENOTSUPP for the rest */
  readonly mmap?: MapMemory;
  /** default: POLLERR */
  poll?(kernel: Kernel, map: BpfMap): Readiness;
}

/** Who updates a map by a system call. */
export interface MapCaller {
  readonly kernel: Kernel;
  /** whose descriptors the value may name; undefined: the host's call */
  readonly task: Task | undefined;
  /** the open file of the map; 0: none */
  readonly file: number;
}

/** Pages of a map in user memory, as `MmapOperations`. */
export interface MapMemory {
  /** EINVAL, EPERM; what mprotect may grant */
  open(kernel: Kernel, map: BpfMap, request: MmapRequest): number;
  page(kernel: Kernel, map: BpfMap, offset: number): number | undefined;
}

/** BPF_F_* of map_flags, include/uapi/linux/bpf.h. */
export const MapFlag = {
  NO_PREALLOC: 1,
  NO_COMMON_LRU: 2,
  NUMA_NODE: 4,
  RDONLY: 8,
  WRONLY: 0x10,
  STACK_BUILD_ID: 0x20,
  ZERO_SEED: 0x40,
  RDONLY_PROG: 0x80,
  WRONLY_PROG: 0x100,
  MMAPABLE: 0x400,
  PRESERVE_ELEMS: 0x800,
  INNER_MAP: 0x1000,
} as const;

/** BPF_F_ACCESS_MASK */
export const accessFlags = MapFlag.RDONLY | MapFlag.WRONLY | MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG;

/** EINVAL for a flag outside `allowed` and the access flags, or for no access at all. */
export function checkMapFlags(flags: number, allowed: number): void {
  const both = (pair: number): boolean => (flags & pair) === pair;
  if ((flags & ~(allowed | accessFlags)) !== 0) fail('EINVAL');
  if (both(MapFlag.RDONLY | MapFlag.WRONLY) || both(MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG)) fail('EINVAL');
}

/** The map's data, which its type has made. */
export function dataOf<Kind extends MapData['kind']>(map: BpfMap, kind: Kind): Extract<MapData, { kind: Kind }> {
  const { data } = map;
  if (data.kind !== kind) throw new Error(`map ${map.id}: got ${data.kind} data, expected ${kind}`);
  return data as Extract<MapData, { kind: Kind }>;
}

export const roundUp8 = (size: number): number => Math.ceil(size / 8) * 8;

/** Stores into memory that the map owns: ENOMEM when a lazy page cannot be had, EFAULT when an extension has unmapped it. */
export function store(kernel: Kernel, address: bigint, bytes: Uint8Array): void {
  if (!writeKernel(kernel, address, bytes)) fail(isLazy(kernel, address) ? 'ENOMEM' : 'EFAULT');
}

/** A copy of what lies in memory that the map owns; EFAULT when an extension has unmapped it. */
export function load(kernel: Kernel, address: bigint, size: number): Uint8Array {
  return readKernel(kernel, address, size) ?? fail('EFAULT');
}

/** Update flags of the types with a key: EINVAL above BPF_EXIST. */
export function checkUpdateFlags(flags: bigint): void {
  if (flags > BigInt(constants.BPF_EXIST)) fail('EINVAL');
}

/** The u32 that a key or a value holds. */
export const u32Of = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

export function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** get_next_key of maps whose keys are 0 … `entries` - 1; ENOENT after the last. */
export function nextIndex(key: Uint8Array | undefined, entries: number): Uint8Array {
  const index = key === undefined ? entries : u32Of(key);
  if (index === entries - 1) fail('ENOENT');
  return u32Bytes(index < entries ? index + 1 : 0);
}

/** A value per CPU in one array, in the order of the CPUs, as system calls have it. */
export function eachCpu(kernel: Kernel, value: Uint8Array, visit: (cpu: number, part: Uint8Array) => void): void {
  const stride = value.length / kernel.cpus.length;
  for (const { index } of kernel.cpus) visit(index, value.subarray(index * stride, (index + 1) * stride));
}

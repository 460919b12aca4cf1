import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { writeKernel } from '../mm/kernel-memory.ts';
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
  /** guest address of the value that programs and system calls share, 0n if absent */
  lookup(kernel: Kernel, map: BpfMap, key: Uint8Array): bigint;
  update(kernel: Kernel, map: BpfMap, key: Uint8Array, value: Uint8Array, flags: bigint): void;
  delete(kernel: Kernel, map: BpfMap, key: Uint8Array): void;
  /** the key after `key`, the first for undefined or an unknown one; ENOENT after the last */
  nextKey(kernel: Kernel, map: BpfMap, key: Uint8Array | undefined): Uint8Array;
  /** gives all guest memory back */
  free(kernel: Kernel, map: BpfMap): void;
}

/** BPF_F_* of map_flags, include/uapi/linux/bpf.h. */
export const MapFlag = {
  NO_PREALLOC: 1,
  NUMA_NODE: 4,
  RDONLY: 8,
  WRONLY: 0x10,
  ZERO_SEED: 0x40,
  RDONLY_PROG: 0x80,
  WRONLY_PROG: 0x100,
  MMAPABLE: 0x400,
  INNER_MAP: 0x1000,
} as const;

const accessFlags = MapFlag.RDONLY | MapFlag.WRONLY | MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG;

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

/** Stores into memory that the map owns; EFAULT only when an extension has unmapped it. */
export function store(kernel: Kernel, address: bigint, bytes: Uint8Array): void {
  if (!writeKernel(kernel, address, bytes)) fail('EFAULT');
}

/** BPF_MAP_TYPE_STACK_TRACE, kernel/bpf/stackmap.c: call chains in buckets by their hash. */
import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { chargeObject, unchargeObject } from '../mm/objects.ts';
import { insertSorted, removeSorted, valuesAbove } from '../sorted-list.ts';
import { jhash2 } from './jhash.ts';
import { accessFlags, checkMapFlags, dataOf, load, MapFlag, store, u32Bytes, u32Of, type MapType } from './map-type.ts';
import type { StackBucket } from './types.ts';

/** struct bpf_stack_build_id: s32 status, 20 bytes of build id, u64 offset or address */
const BUILD_ID_SIZE = 32;
const BPF_STACK_BUILD_ID_IP = 2;
const HIGHEST_TABLE = 2 ** 31;

const { BPF_F_SKIP_FIELD_MASK, BPF_F_USER_STACK, BPF_F_FAST_STACK_CMP, BPF_F_REUSE_STACKID } = constants;

const bucketCount = ({ maxEntries }: { readonly maxEntries: number }): number => 2 ** Math.ceil(Math.log2(maxEntries));

const entrySize = ({ flags }: { readonly flags: number }): number =>
  (flags & MapFlag.STACK_BUILD_ID) === 0 ? 8 : BUILD_ID_SIZE;

/** The most frames that a value of the map holds. */
export const stackDepth = (map: BpfMap): number => map.valueSize / entrySize(map);

function encode(map: BpfMap, frames: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(map.valueSize);
  const view = new DataView(bytes.buffer);
  const size = entrySize(map);
  frames.forEach((frame, n) => {
    view.setBigUint64(n * size + size - 8, BigInt.asUintN(64, frame), true);
    // no file of the box has a build id that the kernel reads: what is left is the address
    if (size === BUILD_ID_SIZE) view.setInt32(n * size, BPF_STACK_BUILD_ID_IP, true);
  });
  return bytes;
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, n) => byte === right[n]);
}

function drop(kernel: Kernel, map: BpfMap, id: number): void {
  const { buckets, ids } = dataOf(map, 'stacks');
  kfree(kernel, (buckets.get(id) ?? fail('ENOENT')).address);
  buckets.delete(id);
  removeSorted(ids, id);
  unchargeObject(kernel, 'stack-bucket');
}

/** ENOMEM */
function newValue(kernel: Kernel, map: BpfMap): bigint {
  const address = kmalloc(kernel, map.valueSize);
  try {
    chargeObject(kernel, 'stack-bucket');
  } catch (error) {
    kfree(kernel, address);
    throw error;
  }
  return address;
}

/**
 * __bpf_get_stackid: the id of the call chain `ips`, the innermost frame first, less the frames that `flags` skips; it is
 * in the map from now on. Errors: EINVAL flags, EFAULT when nothing is left, EEXIST for another stack in the bucket
 * without BPF_F_REUSE_STACKID, ENOMEM while every element is in use, with that flag too.
 */
export function storeStack(kernel: Kernel, map: BpfMap, ips: readonly bigint[], flags: number): number {
  const known = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID;
  if ((flags & ~known) !== 0) fail('EINVAL');
  const frames = ips.slice(flags & BPF_F_SKIP_FIELD_MASK).slice(0, stackDepth(map));
  if (frames.length === 0) fail('EFAULT');
  const { buckets, ids } = dataOf(map, 'stacks');
  const hash = jhash2(new Uint32Array(BigUint64Array.from(frames).buffer));
  const id = hash % bucketCount(map);
  const old = buckets.get(id);
  const value = encode(map, frames);
  if (old?.hash === hash) {
    if ((flags & BPF_F_FAST_STACK_CMP) !== 0) return id;
    if (old.count === frames.length && sameBytes(load(kernel, old.address, map.valueSize), value)) return id;
  }
  if (old !== undefined && (flags & BPF_F_REUSE_STACKID) === 0) fail('EEXIST');
  // the new one is taken from the free elements before the old one becomes free
  if (buckets.size >= map.maxEntries) fail('ENOMEM');
  const address = old?.address ?? newValue(kernel, map);
  const bucket: StackBucket = { address, hash, count: frames.length };
  store(kernel, bucket.address, value);
  buckets.set(id, bucket);
  if (old === undefined) insertSorted(ids, id);
  return id;
}

function read(kernel: Kernel, map: BpfMap, key: Uint8Array): Uint8Array {
  const bucket = dataOf(map, 'stacks').buckets.get(u32Of(key)) ?? fail('ENOENT');
  return load(kernel, bucket.address, map.valueSize);
}

export const stackTraceMap: MapType = {
  number: constants.BPF_MAP_TYPE_STACK_TRACE,
  name: 'stack_trace',
  note: 'entries of BPF_F_STACK_BUILD_ID hold addresses; a program that looks up gets NULL, which the verifier would refuse',

  check({ keySize, valueSize, maxEntries, flags }) {
    checkMapFlags(flags, MapFlag.NUMA_NODE | MapFlag.STACK_BUILD_ID);
    if ((flags & accessFlags & (MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG)) !== 0) fail('EINVAL');
    if (maxEntries === 0 || keySize !== 4 || valueSize < 8 || valueSize % 8 !== 0) fail('EINVAL');
    const size = entrySize({ flags });
    if (valueSize % size !== 0 || valueSize / size > constants.PERF_MAX_STACK_DEPTH) fail('EINVAL');
    if (maxEntries > HIGHEST_TABLE) fail('E2BIG');
  },

  create: () => ({ kind: 'stacks', buckets: new Map(), ids: [] }),
  lookup: () => 0n,
  read,
  update: () => fail('EINVAL'),

  delete(kernel, map, key) {
    if (u32Of(key) >= bucketCount(map)) fail('E2BIG');
    drop(kernel, map, u32Of(key));
  },

  take(kernel, map, key) {
    const value = read(kernel, map, key);
    drop(kernel, map, u32Of(key));
    return value;
  },

  /** unused and unknown ids are followed by the first used one */
  nextKey(_kernel, map, key) {
    const { buckets, ids } = dataOf(map, 'stacks');
    const after = key !== undefined && buckets.has(u32Of(key)) ? u32Of(key) : -1;
    const [next] = valuesAbove(ids, after);
    return next === undefined ? fail('ENOENT') : u32Bytes(next);
  },

  free(kernel, map) {
    for (const id of dataOf(map, 'stacks').buckets.keys()) drop(kernel, map, id);
  },
};

/** BPF_MAP_*_BATCH: many elements in one call; `count` says before how many at most, and after how many. */
import { operationsOf } from '../bpf-maps/index.ts';
import { dataOf, u32Bytes, u32Of, type MapType } from '../bpf-maps/map-type.ts';
import { elementsByAge, keyOf } from '../bpf-maps/hash-table.ts';
import { Errno, fail } from '../errno.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_map_batch } from '../layout/structures.ts';
import { copyFromUser, copyToUser, writeUserU32 } from '../mm/user-memory.ts';
import type { CommandCall, CommandHandler } from './command.ts';
import {
  accessMap,
  BPF_F_LOCK,
  readElement,
  userValueSize,
  writeElement,
  type Access,
  type MapFile,
} from './map-access.ts';
import type { BpfMap } from './types.ts';

const COUNT_OFFSET = BigInt(bpf_attr_map_batch.fields.count.offset);

interface Batch {
  readonly target: MapFile;
  readonly inBatch: bigint;
  readonly outBatch: bigint;
  readonly keys: bigint;
  readonly values: bigint;
  readonly count: number;
  /** Stores how many elements were done. */
  readonly done: (count: number) => void;
}

/** EBADF, EINVAL, EPERM, ENOTSUPP for a type without the command. */
function readBatch(call: CommandCall, access: readonly Access[], has: (batch: MapType['batch']) => boolean): Batch {
  const { kernel, task, attribute, address } = call;
  const request = readStructure(attribute, bpf_attr_map_batch);
  const target = accessMap(kernel, task, request.number('map_fd') | 0, access);
  if (!has(operationsOf(target.map).batch)) fail('ENOTSUPP');
  const elementFlags = request.wide('elem_flags');
  // BPF_F_LOCK: no map has a spin lock that the kernel knows of
  if ((elementFlags & ~BPF_F_LOCK) !== 0n || elementFlags !== 0n || request.wide('flags') !== 0n) fail('EINVAL');
  return {
    target,
    inBatch: request.wide('in_batch'),
    outBatch: request.wide('out_batch'),
    keys: request.wide('keys'),
    values: request.wide('values'),
    count: request.number('count'),
    done: (count) => writeUserU32(kernel, task, address + COUNT_OFFSET, count),
  };
}

const at = (base: bigint, n: number, size: number): bigint => base + BigInt(n) * BigInt(size);

/** Does `one` for each element until it fails; says how many were done, and fails as it did. */
function forEach(batch: Batch, one: (n: number) => void): number {
  let n = 0;
  try {
    for (; n < batch.count; n++) one(n);
  } catch (error) {
    if (error instanceof Errno) batch.done(n);
    throw error;
  }
  if (batch.count > 0) batch.done(n);
  return 0;
}

/** generic_map_update_batch */
export const mapUpdateBatch: CommandHandler = (call) => {
  const { kernel, task } = call;
  const batch = readBatch(call, ['write'], (kind) => kind !== undefined);
  const { map } = batch.target;
  const size = userValueSize(kernel, map);
  return forEach(batch, (n) => {
    const key = copyFromUser(kernel, task, at(batch.keys, n, map.keySize), map.keySize);
    const value = copyFromUser(kernel, task, at(batch.values, n, size), size);
    writeElement(kernel, task, batch.target, key, value, 0n);
  });
};

/** generic_map_delete_batch */
export const mapDeleteBatch: CommandHandler = (call) => {
  const { kernel, task } = call;
  const batch = readBatch(call, ['write'], (kind) => kind === 'hash');
  const { map } = batch.target;
  return forEach(batch, (n) => {
    const key = copyFromUser(kernel, task, at(batch.keys, n, map.keySize), map.keySize);
    operationsOf(map).delete(kernel, map, key);
  });
};

/** Where a batch goes on: keys, and what the cursor is after each. */
function* following(
  call: CommandCall,
  { target: { map }, inBatch }: Batch,
): Generator<[key: Uint8Array, cursor: Uint8Array]> {
  const { kernel, task } = call;
  const begin = inBatch === 0n ? undefined : copyFromUser(kernel, task, inBatch, 4);
  if (operationsOf(map).batch === 'index') {
    const first = begin === undefined ? 0 : u32Of(begin) + 1;
    for (let index = first; index < map.maxEntries; index++) yield [u32Bytes(index), u32Bytes(index)];
    return;
  }
  const data = dataOf(map, 'hash');
  const first = begin === undefined ? 0 : u32Of(begin);
  for (const { element, serial } of elementsByAge(kernel, data, first)) {
    yield [keyOf(kernel, element, map.keySize), u32Bytes(serial + 1)];
    // it is in the batch
    data.reached = element;
  }
}

/** generic_map_lookup_batch, __htab_map_lookup_and_delete_batch: ENOENT with the elements when there are no more. */
function lookupBatch(call: CommandCall, batch: Batch, remove: boolean): number {
  const { kernel, task } = call;
  const { map } = batch.target;
  if (batch.count === 0) return 0;
  batch.done(0);
  const size = userValueSize(kernel, map);
  const taken: Uint8Array[] = [];
  let cursor: Uint8Array | undefined;
  let more = false;
  for (const [key, after] of following(call, batch)) {
    if (taken.length === batch.count) {
      more = true;
      break;
    }
    copyToUser(kernel, task, at(batch.keys, taken.length, map.keySize), key);
    copyToUser(kernel, task, at(batch.values, taken.length, size), readElement(kernel, map, key));
    taken.push(key);
    cursor = after;
  }
  if (cursor !== undefined) copyToUser(kernel, task, batch.outBatch, cursor);
  batch.done(taken.length);
  if (remove) for (const key of taken) operationsOf(map).delete(kernel, map, key);
  return more ? 0 : endOf(map, taken.length, batch.count);
}

/** A full batch of an array that ends with it is a success; the hash says at once that nothing follows. */
function endOf(map: BpfMap, taken: number, count: number): number {
  return operationsOf(map).batch === 'index' && taken === count ? 0 : fail('ENOENT');
}

export const mapLookupBatch: CommandHandler = (call) =>
  lookupBatch(
    call,
    readBatch(call, ['read'], (kind) => kind !== undefined),
    false,
  );

export const mapLookupAndDeleteBatch: CommandHandler = (call) =>
  lookupBatch(
    call,
    readBatch(call, ['read', 'write'], (kind) => kind === 'hash'),
    true,
  );

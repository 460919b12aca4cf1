/** BPF_MAP_TYPE_HASH, kernel/bpf/hashtab.c. Elements stay where they are until deleted, and are listed by age. */
import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import { constants } from '../layout/constants.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { checkMapFlags, dataOf, MapFlag, roundUp8, store, type MapType } from './map-type.ts';

/** KMALLOC_MAX_SIZE less sizeof(struct htab_elem) */
const MAX_ELEMENT = 0x400000 - 48;
/** the bucket table of more entries does not fit 32 bits */
const MAX_ENTRIES = 1 << 28;

function keyString(key: Uint8Array): string {
  let text = '';
  for (let at = 0; at < key.length; at += 4096) text += String.fromCharCode(...key.subarray(at, at + 4096));
  return text;
}

const keyBytes = (key: string): Uint8Array => Uint8Array.from(key, (character) => character.charCodeAt(0));

const valueAddress = (map: BpfMap, element: bigint): bigint => element + BigInt(roundUp8(map.keySize));

function append(map: BpfMap, key: string, address: bigint): void {
  const data = dataOf(map, 'hash');
  const { newest } = data;
  data.elements.set(key, { address, older: newest, newer: undefined });
  if (newest === undefined) data.oldest = key;
  else data.elements.get(newest)!.newer = key;
  data.newest = key;
}

function unlink(map: BpfMap, key: string): void {
  const data = dataOf(map, 'hash');
  const { older, newer } = data.elements.get(key)!;
  if (older === undefined) data.oldest = newer;
  else data.elements.get(older)!.newer = newer;
  if (newer === undefined) data.newest = older;
  else data.elements.get(newer)!.older = older;
  data.elements.delete(key);
}

export const hashMap: MapType = {
  number: constants.BPF_MAP_TYPE_HASH,
  name: 'hash',
  note: 'elements are allocated when they are added, updated in place, and iterated oldest first',

  check({ keySize, valueSize, maxEntries, flags }) {
    checkMapFlags(flags, MapFlag.NO_PREALLOC | MapFlag.NUMA_NODE | MapFlag.ZERO_SEED);
    if (keySize === 0 || valueSize === 0 || maxEntries === 0) fail('EINVAL');
    if (keySize + valueSize >= MAX_ELEMENT || maxEntries > MAX_ENTRIES) fail('E2BIG');
  },

  create: () => ({ kind: 'hash', elements: new Map(), oldest: undefined, newest: undefined, spare: [] }),

  lookup(_kernel, map, key) {
    const element = dataOf(map, 'hash').elements.get(keyString(key));
    return element === undefined ? 0n : valueAddress(map, element.address);
  },

  update(kernel, map, key, value, flags) {
    if (flags > BigInt(constants.BPF_EXIST)) fail('EINVAL');
    const { elements, spare } = dataOf(map, 'hash');
    const text = keyString(key);
    const present = elements.get(text);
    if (present !== undefined) {
      if (flags === BigInt(constants.BPF_NOEXIST)) fail('EEXIST');
      return store(kernel, valueAddress(map, present.address), value);
    }
    if (flags === BigInt(constants.BPF_EXIST)) fail('ENOENT');
    if (elements.size >= map.maxEntries) fail('E2BIG');
    const address = spare.pop() ?? kmalloc(kernel, roundUp8(map.keySize) + roundUp8(map.valueSize));
    store(kernel, address, key);
    store(kernel, valueAddress(map, address), value);
    append(map, text, address);
  },

  delete(kernel, map, key) {
    const data = dataOf(map, 'hash');
    const text = keyString(key);
    const element = data.elements.get(text) ?? fail('ENOENT');
    unlink(map, text);
    if ((map.flags & MapFlag.NO_PREALLOC) === 0) data.spare.push(element.address);
    else kfree(kernel, element.address);
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
};

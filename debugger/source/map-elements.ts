/** Which element of which map an address lies in: values are in guest memory, where programs write them directly. */
import type { BpfMap } from '../../kernel/bpf/types.ts';
import type { MapData } from '../../kernel/bpf-maps/types.ts';
import { Field, isElement, keyOf } from '../../kernel/bpf-maps/hash-table.ts';
import { roundUp8 } from '../../kernel/bpf-maps/map-type.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { PAGE_OFFSET } from '../../kernel/layout/address-map.ts';
import { heapBlockAt } from './kernel-objects.ts';
import { withOffset } from './words.ts';

const KEY_SHOWN = 16;

/** A small key as a little-endian number, else its first bytes. */
function keyText(bytes: Uint8Array): string {
  if (bytes.length <= 8) return `${bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n)}`;
  const shown = Array.from(bytes.subarray(0, KEY_SHOWN), (byte) => byte.toString(16).padStart(2, '0'));
  return `${shown.join(' ')}${bytes.length > KEY_SHOWN ? ' …' : ''}`;
}

interface Search {
  readonly kernel: Kernel;
  readonly address: bigint;
  /** the address of the heap's block around it */
  readonly block: bigint | undefined;
}

type Finder<Kind extends MapData['kind']> = (
  map: BpfMap,
  data: Extract<MapData, { kind: Kind }>,
  search: Search,
) => string | undefined;

/** What is in the block of a hash's element from its key on: the key, then one value or one a CPU. */
function inElement(map: BpfMap, offset: number): string {
  if (offset < 0) return withOffset('htab_elem', offset + Field.key);
  const values = roundUp8(map.keySize);
  if (offset < values) return withOffset('key', offset);
  const stride = roundUp8(map.valueSize);
  const cpu = Math.floor((offset - values) / stride);
  const value = withOffset('value', (offset - values) % stride);
  return cpu === 0 ? value : `${value} of CPU ${cpu}`;
}

function inArray(map: BpfMap, start: bigint, stride: number, address: bigint): string | undefined {
  if (address < start || address >= start + BigInt(stride) * BigInt(map.maxEntries)) return undefined;
  const offset = address - start;
  return `element ${offset / BigInt(stride)}${withOffset('', offset % BigInt(stride))}`;
}

const finders: { readonly [Kind in MapData['kind']]: Finder<Kind> } = {
  hash(map, data, { kernel, address, block }) {
    if (block === undefined) return undefined;
    const element = Number(block - PAGE_OFFSET);
    if (!isElement(kernel, data, element, map.keySize)) return undefined;
    const text = inElement(map, Number(address - block) - Field.key);
    return `key ${keyText(keyOf(kernel, element, map.keySize))}: ${text}`;
  },
  array: (map, { values, stride }, { address }) => inArray(map, values, stride, address),
  'per-cpu-array'(map, { values, stride }, { address }) {
    for (const [cpu, start] of values.entries()) {
      const found = inArray(map, start, stride, address);
      if (found !== undefined) return `${found} of CPU ${cpu}`;
    }
    return undefined;
  },
  queue: (map, { slots }, { address }) => inArray(map, slots, map.valueSize, address)?.replace('element', 'slot'),
  ring(map, { address: start, pages }, { address }) {
    const size = BigInt(pages.length * 4096 + map.maxEntries);
    return address >= start && address < start + size ? withOffset('ring', address - start) : undefined;
  },
  stacks(_map, { buckets }, { block }) {
    for (const [id, bucket] of buckets) if (bucket.address === block) return `stack ${id}`;
    return undefined;
  },
  events: () => undefined,
};

/** `map pid_to_errno, key 2: value+0x4`, `map counts, element 3`. */
export function mapElementAt(kernel: Kernel, address: bigint): string | undefined {
  const block = heapBlockAt(kernel, address);
  const search: Search = { kernel, address, block: block?.address };
  for (const map of kernel.bpf.maps.values()) {
    const find = finders[map.data.kind] as Finder<MapData['kind']>;
    const found = find(map, map.data, search);
    if (found !== undefined) return `map ${map.name}, ${found}`;
  }
  return block === undefined ? undefined : withOffset(`kmalloc-${block.size}`, address - block.address);
}

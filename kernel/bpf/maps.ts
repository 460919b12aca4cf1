/** The life of maps: created with one reference, freed with the last. */
import { mapTypeOf, operationsOf } from '../bpf-maps/index.ts';
import type { MapAttributes } from '../bpf-maps/types.ts';
import type { Kernel } from '../kernel.ts';
import { bpf_map } from '../layout/structures.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { charging, unchargeObject } from '../mm/objects.ts';
import { writeKernel } from '../mm/kernel-memory.ts';
import { nameBytes } from './name.ts';
import type { BpfMap } from './types.ts';

export interface MapDescription extends MapAttributes {
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  /** at most 15 characters */
  readonly name: string;
}

function writeMap(kernel: Kernel, map: BpfMap): void {
  const bytes = writeStructure(bpf_map, {
    map_type: map.type,
    key_size: map.keySize,
    value_size: map.valueSize,
    max_entries: map.maxEntries,
    map_flags: map.flags,
    id: map.id,
    name: nameBytes(map.name),
  });
  writeKernel(kernel, map.address, bytes);
}

/** A new map, the caller's reference. Errors: EINVAL, E2BIG, ENOMEM. */
export function createMap(kernel: Kernel, description: MapDescription): BpfMap {
  const { bpf } = kernel;
  const type = mapTypeOf(description.type);
  type.check(description);
  const { address, data } = charging(kernel, 'map', () => {
    const at = kmalloc(kernel, bpf_map.size);
    try {
      return { address: at, data: type.create(kernel, description) };
    } catch (error) {
      kfree(kernel, at);
      throw error;
    }
  });
  const map: BpfMap = { ...description, id: bpf.next.map++, address, references: 1, frozen: false, data };
  bpf.maps.set(map.id, map);
  bpf.mapIds.set(address, map.id);
  writeMap(kernel, map);
  kernel.events.push({ type: 'map-create', id: map.id, name: map.name, mapType: map.type });
  return map;
}

/** bpf_map_inc */
export function holdMap(map: BpfMap): BpfMap {
  map.references++;
  return map;
}

/** bpf_map_put */
export function putMap(kernel: Kernel, id: number): void {
  const { bpf } = kernel;
  const map = bpf.maps.get(id);
  if (map === undefined || --map.references > 0) return;
  operationsOf(map).free(kernel, map);
  kfree(kernel, map.address);
  bpf.mapIds.delete(map.address);
  bpf.maps.delete(id);
  unchargeObject(kernel, 'map');
}

/** The map whose struct bpf_map is at `address`: what a program passes to a helper. */
export function mapAt(kernel: Kernel, address: bigint): BpfMap | undefined {
  const id = kernel.bpf.mapIds.get(address);
  return id === undefined ? undefined : kernel.bpf.maps.get(id);
}

import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import { arrayMap } from './array.ts';
import { hashMap } from './hash.ts';
import type { MapType } from './map-type.ts';

/** Every map type there is. */
export const mapTypes: readonly MapType[] = [hashMap, arrayMap];

const byNumber = new Map(mapTypes.map((type) => [type.number, type]));

/** The row of a BPF_MAP_TYPE_*; EINVAL for one that is not implemented. */
export function mapTypeOf(number: number): MapType {
  return byNumber.get(number) ?? fail('EINVAL');
}

/** The operations of an existing map. */
export const operationsOf = (map: BpfMap): MapType => mapTypeOf(map.type);

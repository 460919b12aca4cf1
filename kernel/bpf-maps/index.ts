import type { BpfMap } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import { arrayMap } from './array.ts';
import { hashMaps } from './hash.ts';
import type { MapType } from './map-type.ts';
import { perCpuArrayMap } from './per-cpu-array.ts';
import { perfEventArrayMap } from './perf-event-array.ts';
import { queueMap, stackMap } from './queue.ts';
import { ringbufMap } from './ringbuf.ts';
import { stackTraceMap } from './stack-trace.ts';

/** Every map type there is. */
export const mapTypes: readonly MapType[] = [
  ...hashMaps,
  arrayMap,
  perCpuArrayMap,
  perfEventArrayMap,
  stackTraceMap,
  queueMap,
  stackMap,
  ringbufMap,
].toSorted((left, right) => left.number - right.number);

const byNumber = new Map(mapTypes.map((type) => [type.number, type]));

/** The row of a BPF_MAP_TYPE_*; EINVAL for one that is not implemented. */
export function mapTypeOf(number: number): MapType {
  return byNumber.get(number) ?? fail('EINVAL');
}

/** The operations of an existing map. */
export const operationsOf = (map: BpfMap): MapType => mapTypeOf(map.type);

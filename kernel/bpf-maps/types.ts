import type { SortedList } from '../sorted-list.ts';

/** What BPF_MAP_CREATE says of a map's shape; sizes in bytes. */
export interface MapAttributes {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* */
  readonly flags: number;
}

/** Elements of a hash as hash-table.ts keeps them; what is called a block is the physical address of one. */
export interface HashData {
  readonly kind: 'hash';
  /** bytes of an element's block: its struct htab_elem, the key, one value or one a CPU */
  readonly blockSize: number;
  /** of the keys' hashes; no program can learn it */
  readonly seed: number;
  /** physical addresses of the parts of the table of buckets */
  readonly segments: number[];
  buckets: number;
  readonly mostBuckets: number;
  /** elements */
  count: number;
  /** blocks; 0 for none */
  oldest: number;
  newest: number;
  nextSerial: number;
  /** a block not newer than where the latest batch of a lookup ended; 0: the oldest */
  reached: number;
  /** the first of the deleted elements' blocks, which a preallocated map gives to nobody else; 0 for none */
  spare: number;
}

/** One record a map type. */
export type MapData =
  | HashData
  | {
      readonly kind: 'array';
      /** guest address of value 0; values are `stride` bytes apart */
      readonly values: bigint;
      readonly stride: number;
    }
  | {
      readonly kind: 'per-cpu-array';
      /** by CPU: as of an array */
      readonly values: readonly bigint[];
      readonly stride: number;
    }
  | {
      readonly kind: 'queue';
      /** guest address of slot 0; slots are the value's size apart */
      readonly slots: bigint;
      /** slot of the oldest value, and how many there are */
      first: number;
      count: number;
    }
  | {
      readonly kind: 'ring';
      /** guest address of the header page; then the consumer's, the producer's, the data, the data again */
      readonly address: bigint;
      /** physical pages: header, consumer, producer, data */
      readonly pages: readonly number[];
    }
  | {
      readonly kind: 'stacks';
      /** by the stack's id */
      readonly buckets: Map<number, StackBucket>;
      readonly ids: SortedList<number>;
    }
  | {
      readonly kind: 'events';
      /** by index: a perf event, a reference, and the open file of the map that put it there */
      readonly events: Map<number, { readonly event: number; readonly file: number }>;
    };

/** A stack of a stack trace map. */
export interface StackBucket {
  /** guest address of its value */
  readonly address: bigint;
  readonly hash: number;
  /** frames */
  readonly count: number;
}

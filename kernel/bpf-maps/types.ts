/** What BPF_MAP_CREATE says of a map's shape; sizes in bytes. */
export interface MapAttributes {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* */
  readonly flags: number;
}

/** An element of a hash, in the list of elements by age. */
export interface HashElement {
  /** guest address: the key, then at `round_up(keySize, 8)` the value */
  readonly address: bigint;
  /** grows with age's opposite: the cursor of batch commands */
  readonly serial: number;
  /** LRU: a program has used it since it was last passed over */
  referenced: boolean;
  /** neighbours' keys */
  older: string | undefined;
  newer: string | undefined;
}

/** One record a map type; a key is its guest bytes as a Latin-1 string. */
export type MapData =
  | {
      readonly kind: 'hash';
      readonly elements: Map<string, HashElement>;
      oldest: string | undefined;
      newest: string | undefined;
      nextSerial: number;
      /** bytes of a block: the key, then one value or one a CPU */
      readonly blockSize: number;
      /** guest addresses of deleted elements: a preallocated map gives them to nobody else */
      readonly spare: bigint[];
    }
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
      readonly buckets: Map<number, StackBucket>;
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

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
      /** guest addresses of deleted elements: a preallocated map gives them to nobody else */
      readonly spare: bigint[];
    }
  | {
      readonly kind: 'array';
      /** guest address of value 0; values are `stride` bytes apart */
      readonly values: bigint;
      readonly stride: number;
    };

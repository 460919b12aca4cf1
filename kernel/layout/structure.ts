export type Scalar = 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'i64' | 'pointer';

/** `bytes[n]` has the alignment of a byte, an array that of its element. */
export type FieldType = Scalar | `bytes[${number}]` | `${Scalar}[${number}]`;

export interface Field {
  readonly offset: number;
  readonly size: number;
  readonly type: FieldType;
}

export interface Structure {
  readonly size: number;
  readonly fields: Readonly<Record<string, Field>>;
  /** `__attribute__((packed))`: aligned like a byte */
  readonly packed?: true;
}

const scalarSizes: Readonly<Record<Scalar, number>> = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, i64: 8, pointer: 8 };

/** What a field's type is made of: `bytes[16]` is 16 of u8, `u64` one of u64. */
export function elementsOf(type: FieldType): { readonly element: Scalar; readonly count: number | undefined } {
  const [name, count] = type.split(/[[\]]/) as [Scalar | 'bytes', string | undefined];
  return { element: name === 'bytes' ? 'u8' : name, count: count === undefined ? undefined : Number(count) };
}

/** Lays `rows` out in the order given, each naturally aligned; a third element pins a field to an offset. */
export function structure<Name extends string>(
  size: number,
  rows: readonly (readonly [Name, FieldType, offset?: number])[],
): { readonly size: number; readonly fields: Readonly<Record<Name, Field>> } {
  const fields = {} as Record<Name, Field>;
  let end = 0;
  for (const [name, type, pinned] of rows) {
    const { element, count } = elementsOf(type);
    const alignment = scalarSizes[element];
    const fieldSize = alignment * (count ?? 1);
    const offset = pinned ?? Math.ceil(end / alignment) * alignment;
    if (offset % alignment !== 0) throw new RangeError(`${name}: offset ${offset} is not ${alignment}-byte aligned`);
    fields[name] = { offset, size: fieldSize, type };
    end = Math.max(end, offset + fieldSize);
  }
  if (end > size) throw new RangeError(`structure of ${size} bytes holds fields up to ${end}`);
  return { size, fields };
}

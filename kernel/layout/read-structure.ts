/** Structures of `structures.ts` out of bytes that a program handed in. */
import type { Field } from './structures.ts';

export interface StructureReader<Name extends string> {
  /** a field of at most 32 bits; `i32` is signed, the rest unsigned */
  number(name: Name): number;
  /** any integer field; `i32` and `i64` are signed */
  wide(name: Name): bigint;
  /** a `bytes[n]` field, copied */
  bytes(name: Name): Uint8Array;
}

const signed = (field: Field): boolean => field.type === 'i32' || field.type === 'i64';

/** An integer that lies within `bytes`. */
function readWhole(bytes: Uint8Array, field: Field): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (field.size === 8) {
    return signed(field) ? view.getBigInt64(field.offset, true) : view.getBigUint64(field.offset, true);
  }
  return BigInt(signed(field) ? view.getInt32(field.offset, true) : view.getUint32(field.offset, true));
}

function readInteger(bytes: Uint8Array, field: Field): bigint {
  const { size, offset } = field;
  if ((size === 8 || size === 4) && offset + size <= bytes.length) return readWhole(bytes, field);
  let value = 0n;
  for (let n = field.size - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[field.offset + n] ?? 0);
  return signed(field) ? BigInt.asIntN(field.size * 8, value) : value;
}

/** Reads `structure` at the start of `bytes`; what lies past their end reads as zero. */
export function readStructure<Name extends string>(
  bytes: Uint8Array,
  structure: { readonly fields: Readonly<Record<Name, Field>> },
): StructureReader<Name> {
  return {
    number: (name) => Number(readInteger(bytes, structure.fields[name])),
    wide: (name) => readInteger(bytes, structure.fields[name]),
    bytes: (name) => {
      const { offset, size } = structure.fields[name];
      const copy = new Uint8Array(size);
      copy.set(bytes.subarray(offset, offset + size));
      return copy;
    },
  };
}

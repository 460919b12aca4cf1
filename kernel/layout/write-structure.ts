/** Structures of `structures.ts` as bytes for guest memory. */
import type { Field } from './structures.ts';

/** The whole structure: the fields given, zero elsewhere. Integers wrap to the field's size; bytes are cut to it. */
export function writeStructure<Name extends string>(
  structure: { readonly size: number; readonly fields: Readonly<Record<Name, Field>> },
  values: Readonly<Partial<Record<Name, bigint | number | Uint8Array>>>,
): Uint8Array {
  const bytes = new Uint8Array(structure.size);
  for (const [name, value] of Object.entries(values) as [Name, bigint | number | Uint8Array][]) {
    const { offset, size } = structure.fields[name];
    if (value instanceof Uint8Array) bytes.set(value.subarray(0, size), offset);
    else for (let n = 0; n < size; n++) bytes[offset + n] = Number((BigInt(value) >> BigInt(n * 8)) & 0xffn);
  }
  return bytes;
}

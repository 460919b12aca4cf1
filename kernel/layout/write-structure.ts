/** Structures of `structures.ts` as bytes for guest memory. */
import type { Field } from './structures.ts';

/** At least the lower 32 bits. */
const low = (value: bigint | number): number => (typeof value === 'number' ? value : Number(BigInt.asUintN(32, value)));

/** The whole structure: the fields given, zero elsewhere. Integers wrap to the field's size; bytes are cut to it. */
export function writeStructure<Name extends string>(
  structure: { readonly size: number; readonly fields: Readonly<Record<Name, Field>> },
  values: Readonly<Partial<Record<Name, bigint | number | Uint8Array>>>,
): Uint8Array {
  const bytes = new Uint8Array(structure.size);
  const view = new DataView(bytes.buffer);
  for (const name in values) {
    const value = values[name]!;
    const { offset, size } = structure.fields[name];
    if (value instanceof Uint8Array) bytes.set(value.subarray(0, size), offset);
    else if (size === 8) view.setBigUint64(offset, BigInt(value), true);
    else if (size === 4) view.setUint32(offset, low(value), true);
    else if (size === 2) view.setUint16(offset, low(value), true);
    else if (size === 1) bytes[offset] = low(value);
    else for (let n = 0; n < size; n++) bytes[offset + n] = Number((BigInt(value) >> BigInt(n * 8)) & 0xffn);
  }
  return bytes;
}

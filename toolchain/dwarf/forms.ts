/** Attribute values: how long each form is, and what its bits mean. */
import {
  readAddress,
  readOffset,
  readSleb64,
  readU16,
  readU24,
  readU32,
  readU64,
  readU8,
  readUleb,
  readUleb64,
  skip,
  skipString,
  cursorAt,
  type Cursor,
  type OffsetSize,
} from './cursor.ts';
import * as dwarf from './constants.ts';
import { stringAt, type DebugFile } from './debug-file.ts';
import { DwarfError } from './error.ts';

/** What the sizes of a unit's forms depend on. */
export interface Encoding {
  readonly version: number;
  readonly offsetSize: OffsetSize;
  /** bytes */
  readonly addressSize: number;
}

export interface FormValue {
  /** DW_FORM_indirect resolved */
  readonly form: number;
  /** number, offset or index; where it begins, for DW_FORM_string; 0 for blocks, which are passed over */
  readonly value: bigint;
}

type Reader = (cursor: Cursor, encoding: Encoding) => number | bigint;

const block = (length: (cursor: Cursor) => number): Reader => {
  return (cursor) => {
    skip(cursor, length(cursor));
    return 0;
  };
};
const offset: Reader = (cursor, { offsetSize }) => readOffset(cursor, offsetSize);

const readers: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [dwarf.DW_FORM_addr, (cursor, { addressSize }) => readAddress(cursor, addressSize)],
  [dwarf.DW_FORM_block1, block(readU8)],
  [dwarf.DW_FORM_block2, block(readU16)],
  [dwarf.DW_FORM_block4, block(readU32)],
  [dwarf.DW_FORM_block, block(readUleb)],
  [dwarf.DW_FORM_exprloc, block(readUleb)],
  [dwarf.DW_FORM_data1, readU8],
  [dwarf.DW_FORM_data2, readU16],
  [dwarf.DW_FORM_data4, readU32],
  [dwarf.DW_FORM_data8, readU64],
  [dwarf.DW_FORM_data16, block(() => 16)],
  [dwarf.DW_FORM_sdata, readSleb64],
  [dwarf.DW_FORM_udata, readUleb64],
  [dwarf.DW_FORM_flag, readU8],
  [dwarf.DW_FORM_flag_present, () => 1],
  [dwarf.DW_FORM_string, skipString],
  [dwarf.DW_FORM_strp, offset],
  [dwarf.DW_FORM_line_strp, offset],
  [dwarf.DW_FORM_strp_sup, offset],
  [dwarf.DW_FORM_GNU_strp_alt, offset],
  [dwarf.DW_FORM_GNU_ref_alt, offset],
  [dwarf.DW_FORM_sec_offset, offset],
  [
    dwarf.DW_FORM_ref_addr,
    (cursor, { version, offsetSize, addressSize }) =>
      version === 2 ? readAddress(cursor, addressSize) : readOffset(cursor, offsetSize),
  ],
  [dwarf.DW_FORM_ref1, readU8],
  [dwarf.DW_FORM_ref2, readU16],
  [dwarf.DW_FORM_ref4, readU32],
  [dwarf.DW_FORM_ref8, readU64],
  [dwarf.DW_FORM_ref_udata, readUleb64],
  [dwarf.DW_FORM_ref_sig8, readU64],
  [dwarf.DW_FORM_ref_sup4, readU32],
  [dwarf.DW_FORM_ref_sup8, readU64],
  [dwarf.DW_FORM_strx, readUleb64],
  [dwarf.DW_FORM_strx1, readU8],
  [dwarf.DW_FORM_strx2, readU16],
  [dwarf.DW_FORM_strx3, readU24],
  [dwarf.DW_FORM_strx4, readU32],
  [dwarf.DW_FORM_addrx, readUleb64],
  [dwarf.DW_FORM_addrx1, readU8],
  [dwarf.DW_FORM_addrx2, readU16],
  [dwarf.DW_FORM_addrx3, readU24],
  [dwarf.DW_FORM_addrx4, readU32],
  [dwarf.DW_FORM_loclistx, readUleb64],
  [dwarf.DW_FORM_rnglistx, readUleb64],
]);

/** Reads a value of any form but DW_FORM_implicit_const. */
export function readForm(cursor: Cursor, form: number, encoding: Encoding): FormValue {
  const { at } = cursor;
  let actual = form;
  while (actual === dwarf.DW_FORM_indirect) actual = readUleb(cursor);
  const reader = readers.get(actual);
  if (reader === undefined) {
    throw new DwarfError('unsupported', cursor.section.name, at, `got DW_FORM 0x${actual.toString(16)}`);
  }
  return { form: actual, value: BigInt(reader(cursor, encoding)) };
}

/** A value that is used as an offset, an index or a line; one that is no such thing becomes -1. */
export function toNumber({ value }: FormValue): number {
  return value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : -1;
}

/** Where the units' tables of strings and addresses begin. */
export interface Bases {
  /** in .debug_str_offsets */
  readonly stringOffsets: number;
  /** in .debug_addr */
  readonly addresses: number;
}

const stringIndexes: ReadonlySet<number> = new Set([
  dwarf.DW_FORM_strx,
  dwarf.DW_FORM_strx1,
  dwarf.DW_FORM_strx2,
  dwarf.DW_FORM_strx3,
  dwarf.DW_FORM_strx4,
]);

/** The text of a string form; undefined for any other one, supplementary files included. `section`: where the form was. */
export function textOf(
  file: DebugFile,
  section: Cursor['section'],
  attribute: FormValue,
  encoding: Encoding,
  bases: Bases,
): string | undefined {
  const { sections } = file;
  const { form } = attribute;
  const value = Math.max(toNumber(attribute), 0);
  if (form === dwarf.DW_FORM_string) return stringAt(file, section, value);
  if (form === dwarf.DW_FORM_strp) return stringAt(file, sections.strings, value);
  if (form === dwarf.DW_FORM_line_strp) return stringAt(file, sections.lineStrings, value);
  if (!stringIndexes.has(form)) return undefined;
  const cursor = cursorAt(sections.stringOffsets, bases.stringOffsets + value * encoding.offsetSize);
  return stringAt(file, sections.strings, readOffset(cursor, encoding.offsetSize));
}

const addressIndexes: ReadonlySet<number> = new Set([
  dwarf.DW_FORM_addrx,
  dwarf.DW_FORM_addrx1,
  dwarf.DW_FORM_addrx2,
  dwarf.DW_FORM_addrx3,
  dwarf.DW_FORM_addrx4,
]);

/** Entry `index` of the unit's table in .debug_addr. */
export function indexedAddress(file: DebugFile, index: number, encoding: Encoding, bases: Bases): bigint {
  const { addresses } = file.sections;
  return readAddress(cursorAt(addresses, bases.addresses + index * encoding.addressSize), encoding.addressSize);
}

/** The address of an address form; undefined for any other one. */
export function addressOf(file: DebugFile, attribute: FormValue, encoding: Encoding, bases: Bases): bigint | undefined {
  if (attribute.form === dwarf.DW_FORM_addr) return attribute.value;
  if (!addressIndexes.has(attribute.form)) return undefined;
  return indexedAddress(file, Math.max(toNumber(attribute), 0), encoding, bases);
}

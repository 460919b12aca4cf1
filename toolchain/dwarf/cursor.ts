/** Reading a section from left to right; everything throws `DwarfError` past `end`. */
import { DwarfError } from './error.ts';

export interface DebugSection {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export interface Cursor {
  readonly section: DebugSection;
  /** offset in the section of the byte that is next */
  at: number;
  /** offset in the section */
  readonly end: number;
}

/** 64-bit DWARF has offsets of 8 bytes instead of 4. */
export type OffsetSize = 4 | 8;

export function debugSection(name: string, bytes: Uint8Array): DebugSection {
  return { name, bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** Throws `truncated` when `at` is not in the section. */
export function cursorAt(section: DebugSection, at: number, end: number = section.bytes.length): Cursor {
  if (at <= end && end <= section.bytes.length) return { section, at, end };
  throw new DwarfError('truncated', section.name, at, `expected an offset up to 0x${end.toString(16)}`);
}

/** Moves on by `size` bytes and returns the offset before. */
export function skip(cursor: Cursor, size: number): number {
  const { at, end, section } = cursor;
  if (size > end - at) {
    throw new DwarfError('truncated', section.name, at, `expected ${size} bytes, found ${end - at}`);
  }
  cursor.at = at + size;
  return at;
}

export const readU8 = (cursor: Cursor): number => cursor.section.view.getUint8(skip(cursor, 1));
export const readU16 = (cursor: Cursor): number => cursor.section.view.getUint16(skip(cursor, 2), true);
export const readU32 = (cursor: Cursor): number => cursor.section.view.getUint32(skip(cursor, 4), true);
export const readU64 = (cursor: Cursor): bigint => cursor.section.view.getBigUint64(skip(cursor, 8), true);

export function readU24(cursor: Cursor): number {
  return readU16(cursor) | (readU8(cursor) << 16);
}

function toSafe(cursor: Cursor, at: number, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new DwarfError('bad-value', cursor.section.name, at, `got ${value}, expected less than 2^53`);
}

/** An offset, a length, a count. */
export function readOffset(cursor: Cursor, size: OffsetSize): number {
  if (size === 4) return readU32(cursor);
  const { at } = cursor;
  return toSafe(cursor, at, readU64(cursor));
}

/** `size` is 1, 2, 4 or 8. */
export function readAddress(cursor: Cursor, size: number): bigint {
  if (size === 8) return readU64(cursor);
  if (size === 4) return BigInt(readU32(cursor));
  if (size === 2) return BigInt(readU16(cursor));
  if (size === 1) return BigInt(readU8(cursor));
  throw new DwarfError('unsupported', cursor.section.name, cursor.at, `got an address of ${size} bytes, expected 8`);
}

/** Bits, lowest first, and how many; at most 10 bytes. */
function readLeb(cursor: Cursor): { readonly value: bigint; readonly bits: number; readonly negative: boolean } {
  const start = cursor.at;
  let value = 0n;
  for (let bits = 7; bits <= 70; bits += 7) {
    const byte = readU8(cursor);
    value |= BigInt(byte & 0x7f) << BigInt(bits - 7);
    if (byte < 0x80) return { value, bits, negative: (byte & 0x40) !== 0 };
  }
  throw new DwarfError('bad-value', cursor.section.name, start, 'got a LEB128 number of more than 10 bytes');
}

/** Unsigned, 64 bits. */
export function readUleb64(cursor: Cursor): bigint {
  return BigInt.asUintN(64, readLeb(cursor).value);
}

/** Unsigned, below 2^53. */
export function readUleb(cursor: Cursor): number {
  const { at } = cursor;
  const byte = readU8(cursor);
  if (byte < 0x80) return byte;
  cursor.at = at;
  return toSafe(cursor, at, readUleb64(cursor));
}

/** Signed, 64 bits. */
export function readSleb64(cursor: Cursor): bigint {
  const { value, bits, negative } = readLeb(cursor);
  return BigInt.asIntN(64, negative ? value - (1n << BigInt(bits)) : value);
}

/** The offset of the byte behind a NUL-terminated string; returns where the string begins. */
export function skipString(cursor: Cursor): number {
  const { at, end, section } = cursor;
  const length = section.bytes.subarray(at, end).indexOf(0);
  if (length < 0) throw new DwarfError('truncated', section.name, at, 'expected a NUL at the end of a string');
  cursor.at = at + length + 1;
  return at;
}

export interface Contribution {
  /** what the length counts */
  readonly body: Cursor;
  readonly offsetSize: OffsetSize;
}

/** The length that heads every unit, and the unit's bytes; moves `cursor` behind them. */
export function readContribution(cursor: Cursor): Contribution {
  const { section, at: start } = cursor;
  const first = readU32(cursor);
  const offsetSize = first === 0xffff_ffff ? 8 : 4;
  if (first >= 0xffff_fff0 && offsetSize === 4) {
    throw new DwarfError('bad-value', section.name, start, `got the reserved length 0x${first.toString(16)}`);
  }
  const length = offsetSize === 8 ? readOffset(cursor, 8) : first;
  const at = skip(cursor, length);
  return { body: cursorAt(section, at, at + length), offsetSize };
}

/** DWARF 4 sections, written: the little of it that gdb needs to know of the kernel's structures and lines. */
import { joinBytes, utf8Bytes } from './text.ts';

export const DWARF_VERSION = 4;
export const ADDRESS_SIZE = 8;

export interface ByteWriter {
  readonly length: number;
  u8(...values: readonly number[]): void;
  u16(value: number): void;
  u32(value: number): void;
  u64(value: bigint): void;
  uleb(value: number): void;
  sleb(value: number): void;
  /** with its NUL */
  string(text: string): void;
  bytes(bytes: Uint8Array): void;
  result(): Uint8Array;
}

export function createByteWriter(): ByteWriter {
  const written: number[] = [];
  const little = (value: bigint, size: number): void => {
    for (let n = 0; n < size; n++) written.push(Number((value >> BigInt(8 * n)) & 0xffn));
  };
  const put = (bytes: Uint8Array): void => {
    for (const byte of bytes) written.push(byte);
  };
  return {
    get length() {
      return written.length;
    },
    u8: (...values) => void written.push(...values),
    u16: (value) => little(BigInt(value), 2),
    u32: (value) => little(BigInt(value), 4),
    u64: (value) => little(value, 8),
    uleb(value) {
      let rest = value;
      for (; rest >= 0x80; rest = Math.floor(rest / 128)) written.push((rest % 128) | 0x80);
      written.push(rest);
    },
    sleb(value) {
      let rest = value;
      for (; rest < -64 || rest > 63; rest >>= 7) written.push((rest & 0x7f) | 0x80);
      written.push(rest & 0x7f);
    },
    string(text) {
      put(utf8Bytes(text.replaceAll('\0', '')));
      written.push(0);
    },
    bytes: put,
    result: () => Uint8Array.from(written),
  };
}

/** One attribute of a DIE: its name, its form and how a value is written. */
export interface Attribute {
  readonly name: number;
  readonly form: number;
}

/** A kind of DIE; its code is its place in the table, from 1. */
export interface Abbreviation {
  readonly tag: number;
  readonly children: boolean;
  readonly attributes: readonly Attribute[];
}

export function abbreviationSection(abbreviations: readonly Abbreviation[]): Uint8Array {
  const out = createByteWriter();
  abbreviations.forEach(({ tag, children, attributes }, index) => {
    out.uleb(index + 1);
    out.uleb(tag);
    out.u8(children ? 1 : 0);
    for (const { name, form } of attributes) {
      out.uleb(name);
      out.uleb(form);
    }
    out.u8(0, 0);
  });
  out.u8(0);
  return out.result();
}

/** Puts the length of a unit, and of whatever else begins with one, before it. */
export function withLength(body: Uint8Array): Uint8Array {
  const length = createByteWriter();
  length.u32(body.length);
  return joinBytes(length.result(), body);
}

/** A unit of .debug_info, with its header; `abbreviations`: the offset of its table. */
export function debugUnit(abbreviations: number, write: (out: ByteWriter) => void): Uint8Array {
  const out = createByteWriter();
  out.u16(DWARF_VERSION);
  out.u32(abbreviations);
  out.u8(ADDRESS_SIZE);
  write(out);
  return withLength(out.result());
}

import { hex } from './bytes.ts';
import { ElfError } from './error.ts';

/** A string longer than this many bytes is refused. */
export const MAX_STRING = 65535;

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

export interface StringReader {
  /** string tables by section index, each with the strings already read from it by offset */
  readonly seen: Map<number, Map<number, string>>;
  /** bytes that may still be decoded: suffixes may overlap, so the file's size alone is no bound */
  budget: number;
}

export function createStringReader(fileSize: number): StringReader {
  return { seen: new Map(), budget: 8 * fileSize + 1024 * 1024 };
}

/**
 * The NUL-terminated string at `offset` of a string table; bytes that are not UTF-8 become U+FFFD.
 * @throws {ElfError} bad-string
 */
export function readString(reader: StringReader, key: number, table: Uint8Array, offset: number, what: string): string {
  let strings = reader.seen.get(key);
  if (strings === undefined) reader.seen.set(key, (strings = new Map()));
  const known = strings.get(offset);
  if (known !== undefined) return known;
  if (offset === 0 && table.length === 0) return '';
  const limit = Math.min(table.length, offset + MAX_STRING + 1, offset + reader.budget + 1);
  let end = offset;
  while (end < limit && table[end] !== 0) end++;
  if (end >= limit) {
    throw new ElfError(
      'bad-string',
      `${what}: expected a NUL-terminated string of at most ${MAX_STRING} bytes at ${hex(offset)} of a string table of ${hex(table.length)} bytes`,
    );
  }
  reader.budget -= end - offset;
  const text = utf8.decode(table.slice(offset, end));
  strings.set(offset, text);
  return text;
}

export interface StringTable {
  readonly offsets: Map<string, number>;
  readonly bytes: number[];
}

export function createStringTable(): StringTable {
  return { offsets: new Map([['', 0]]), bytes: [0] };
}

/** The offset of `text`, added when it is new. */
export function addString(table: StringTable, text: string): number {
  const known = table.offsets.get(text);
  if (known !== undefined) return known;
  const offset = table.bytes.length;
  for (const byte of new TextEncoder().encode(text)) table.bytes.push(byte);
  table.bytes.push(0);
  table.offsets.set(text, offset);
  return offset;
}

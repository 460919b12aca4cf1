/** .debug_abbrev: what an entry's code says of its tag and of the forms of its attributes. */
import { DW_FORM_implicit_const } from './constants.ts';
import { cursorAt, readSleb64, readU8, readUleb } from './cursor.ts';
import { spend, type DebugFile } from './debug-file.ts';

export interface AttributeSpecification {
  readonly name: number;
  readonly form: number;
  /** the value, of DW_FORM_implicit_const */
  readonly constant: bigint;
}

export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly AttributeSpecification[];
}

export type Abbreviations = ReadonlyMap<number, Abbreviation>;

/** The table that begins at `offset`. */
export function readAbbreviations(file: DebugFile, offset: number): Abbreviations {
  const section = file.sections.abbreviations;
  const cursor = cursorAt(section, offset);
  const table = new Map<number, Abbreviation>();
  for (let code = readUleb(cursor); code !== 0; code = readUleb(cursor)) {
    const tag = readUleb(cursor);
    const hasChildren = readU8(cursor) !== 0;
    const attributes: AttributeSpecification[] = [];
    for (;;) {
      const name = readUleb(cursor);
      const form = readUleb(cursor);
      const constant = form === DW_FORM_implicit_const ? readSleb64(cursor) : 0n;
      spend(file, 1, section, cursor.at);
      if (name === 0 && form === 0) break;
      attributes.push({ name, form, constant });
    }
    table.set(code, { tag, hasChildren, attributes });
  }
  return table;
}

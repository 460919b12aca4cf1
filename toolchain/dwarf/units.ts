/** The units of .debug_info: their headers and what their first entry says for all of them. */
import { readAbbreviations, type Abbreviation, type Abbreviations } from './abbreviations.ts';
import * as dwarf from './constants.ts';
import { cursorAt, readContribution, readOffset, readU16, readU8, readUleb, skip, type Cursor } from './cursor.ts';
import { spend, tolerate, type DebugFile } from './debug-file.ts';
import { DwarfError } from './error.ts';
import { addressOf, readForm, textOf, toNumber, type Bases, type Encoding, type FormValue } from './forms.ts';

/** DW_AT_* -> value. */
export type Attributes = ReadonlyMap<number, FormValue>;

export interface Unit {
  /** of the header, in .debug_info */
  readonly offset: number;
  /** of the first entry, in .debug_info */
  readonly first: number;
  /** behind the last byte, in .debug_info */
  readonly end: number;
  readonly encoding: Encoding;
  readonly abbreviations: Abbreviations;
  readonly bases: Bases;
  /** in .debug_rnglists */
  readonly rangeListsBase: number;
  /** what DW_AT_ranges counts from; 0 if the unit has several */
  readonly lowAddress: bigint;
  /** DW_LANG_*, 0 if it does not say */
  readonly language: number;
  readonly directory: string | undefined;
  /** in .debug_line */
  readonly lineTable: number | undefined;
}

interface Header extends Pick<Unit, 'offset' | 'first' | 'end' | 'encoding'> {
  readonly abbreviationsOffset: number;
}

/** bytes between the header's common part and the first entry: dwo_id, or type signature and type offset */
function headerTail(unitType: number, offsetSize: number): number {
  if (unitType === dwarf.DW_UT_skeleton || unitType === dwarf.DW_UT_split_compile) return 8;
  if (unitType === dwarf.DW_UT_type || unitType === dwarf.DW_UT_split_type) return 8 + offsetSize;
  return 0;
}

function readHeader(body: Cursor, offset: number, offsetSize: 4 | 8): Header {
  const at = body.at;
  const version = readU16(body);
  if (version < 2 || version > 5) {
    throw new DwarfError('unsupported', body.section.name, at, `got DWARF version ${version}, expected 2 to 5`);
  }
  const unitType = version === 5 ? readU8(body) : dwarf.DW_UT_compile;
  const early = version === 5 ? readU8(body) : 0;
  const abbreviationsOffset = readOffset(body, offsetSize);
  const addressSize = version === 5 ? early : readU8(body);
  skip(body, headerTail(unitType, offsetSize));
  const encoding = { version, offsetSize, addressSize };
  return { offset, first: body.at, end: body.end, encoding, abbreviationsOffset };
}

/** The entry's abbreviation, undefined for the null that ends a list of children; moves on to its attributes. */
export function readCode(cursor: Cursor, abbreviations: Abbreviations): Abbreviation | undefined {
  const { at } = cursor;
  const code = readUleb(cursor);
  if (code === 0) return undefined;
  const abbreviation = abbreviations.get(code);
  if (abbreviation !== undefined) return abbreviation;
  throw new DwarfError('bad-value', cursor.section.name, at, `got abbreviation ${code}, expected one of the unit's`);
}

/** Reads an entry's attributes to their end; keeps them when asked to. */
export function readAttributes(
  file: DebugFile,
  cursor: Cursor,
  abbreviation: Abbreviation,
  encoding: Encoding,
  keep: boolean,
): Attributes {
  const attributes = new Map<number, FormValue>();
  spend(file, 1 + abbreviation.attributes.length, cursor.section, cursor.at);
  for (const { name, form, constant } of abbreviation.attributes) {
    const value = form === dwarf.DW_FORM_implicit_const ? { form, value: constant } : readForm(cursor, form, encoding);
    if (keep) attributes.set(name, value);
  }
  return attributes;
}

function readUnit(file: DebugFile, header: Header, abbreviations: Abbreviations): Unit {
  const { encoding } = header;
  const { offsetSize } = encoding;
  const { info } = file.sections;
  const cursor = cursorAt(info, header.first, header.end);
  const root = readCode(cursor, abbreviations);
  const attributes: Attributes = root === undefined ? new Map() : readAttributes(file, cursor, root, encoding, true);
  const numberOf = (name: number): number | undefined => {
    const value = attributes.get(name);
    return value === undefined ? undefined : toNumber(value);
  };
  // without the attribute the tables begin behind the header of the section's first contribution
  const afterHeader = offsetSize === 8 ? 16 : 8;
  const bases = {
    stringOffsets: numberOf(dwarf.DW_AT_str_offsets_base) ?? afterHeader,
    addresses: numberOf(dwarf.DW_AT_addr_base) ?? afterHeader,
  };
  const low = attributes.get(dwarf.DW_AT_low_pc);
  const directory = attributes.get(dwarf.DW_AT_comp_dir);
  return {
    ...header,
    abbreviations,
    bases,
    rangeListsBase: numberOf(dwarf.DW_AT_rnglists_base) ?? afterHeader + 4,
    lowAddress: (low && addressOf(file, low, encoding, bases)) ?? 0n,
    language: numberOf(dwarf.DW_AT_language) ?? 0,
    directory: directory && textOf(file, info, directory, encoding, bases),
    lineTable: numberOf(dwarf.DW_AT_stmt_list),
  };
}

/** Every unit that can be read, by offset, ascending. Those behind a bad length are not found. */
export function readUnits(file: DebugFile): Unit[] {
  const { info } = file.sections;
  const cursor = cursorAt(info, 0);
  const tables = new Map<number, Abbreviations>();
  const units: Unit[] = [];
  tolerate(file, () => {
    while (cursor.at < cursor.end) {
      const offset = cursor.at;
      const { body, offsetSize } = readContribution(cursor);
      tolerate(file, () => {
        const header = readHeader(body, offset, offsetSize);
        const abbreviations =
          tables.get(header.abbreviationsOffset) ?? readAbbreviations(file, header.abbreviationsOffset);
        tables.set(header.abbreviationsOffset, abbreviations);
        units.push(readUnit(file, header, abbreviations));
      });
    }
  });
  return units;
}

/** The unit that an offset in .debug_info lies in. */
export function unitAt(units: readonly Unit[], offset: number): Unit | undefined {
  let low = 0;
  let high = units.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (units[middle]!.offset <= offset) low = middle + 1;
    else high = middle;
  }
  const unit = units[low - 1];
  return unit !== undefined && offset >= unit.first && offset < unit.end ? unit : undefined;
}

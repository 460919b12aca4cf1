/** Where an entry's code is: DW_AT_low_pc with DW_AT_high_pc, or DW_AT_ranges in .debug_ranges or .debug_rnglists. */
import * as dwarf from './constants.ts';
import { cursorAt, readAddress, readOffset, readU8, readUleb, readUleb64, type Cursor } from './cursor.ts';
import { isCode, spend, type DebugFile } from './debug-file.ts';
import { DwarfError } from './error.ts';
import { addressOf, indexedAddress, toNumber, type FormValue } from './forms.ts';
import type { Attributes, Unit } from './units.ts';

/** `[low, high)` */
export interface Range {
  readonly low: bigint;
  readonly high: bigint;
}

const wrap = (address: bigint): bigint => BigInt.asUintN(64, address);

/** .debug_ranges: pairs, up to a pair of zeros; a first half of all ones sets the base. */
function readPairs(file: DebugFile, unit: Unit, offset: number): Range[] {
  const { addressSize } = unit.encoding;
  const cursor = cursorAt(file.sections.ranges, offset);
  const ones = (1n << BigInt(8 * addressSize)) - 1n;
  const ranges: Range[] = [];
  let base = unit.lowAddress;
  for (;;) {
    spend(file, 1, cursor.section, cursor.at);
    const low = readAddress(cursor, addressSize);
    const high = readAddress(cursor, addressSize);
    if (low === 0n && high === 0n) return ranges;
    if (low === ones) base = high;
    else ranges.push({ low: wrap(base + low), high: wrap(base + high) });
  }
}

/** .debug_rnglists: entries of one kind each, up to DW_RLE_end_of_list. */
function readList(file: DebugFile, unit: Unit, offset: number): Range[] {
  const { encoding, bases } = unit;
  const cursor = cursorAt(file.sections.rangeLists, offset);
  const address = (): bigint => readAddress(cursor, encoding.addressSize);
  const indexed = (): bigint => indexedAddress(file, readUleb(cursor), encoding, bases);
  const ranges: Range[] = [];
  const from = (low: bigint, high: bigint): void => void ranges.push({ low: wrap(low), high: wrap(high) });
  let base = unit.lowAddress;
  for (;;) {
    const { at } = cursor;
    spend(file, 1, cursor.section, at);
    const kind = readU8(cursor);
    if (kind === dwarf.DW_RLE_end_of_list) return ranges;
    if (kind === dwarf.DW_RLE_base_addressx) base = indexed();
    else if (kind === dwarf.DW_RLE_base_address) base = address();
    else if (kind === dwarf.DW_RLE_startx_endx) from(indexed(), indexed());
    else if (kind === dwarf.DW_RLE_start_end) from(address(), address());
    else if (kind === dwarf.DW_RLE_offset_pair) from(base + readUleb64(cursor), base + readUleb64(cursor));
    else if (kind === dwarf.DW_RLE_startx_length || kind === dwarf.DW_RLE_start_length) {
      const low = kind === dwarf.DW_RLE_startx_length ? indexed() : address();
      from(low, low + readUleb64(cursor));
    } else throw new DwarfError('bad-value', cursor.section.name, at, `got DW_RLE 0x${kind.toString(16)}`);
  }
}

function listOffset(file: DebugFile, unit: Unit, attribute: FormValue): number {
  const value = toNumber(attribute);
  if (attribute.form !== dwarf.DW_FORM_rnglistx) return value;
  const { offsetSize } = unit.encoding;
  const cursor: Cursor = cursorAt(file.sections.rangeLists, unit.rangeListsBase + value * offsetSize);
  return unit.rangeListsBase + readOffset(cursor, offsetSize);
}

function allRanges(file: DebugFile, unit: Unit, attributes: Attributes): Range[] {
  const { encoding, bases } = unit;
  const list = attributes.get(dwarf.DW_AT_ranges);
  if (list !== undefined) {
    const offset = listOffset(file, unit, list);
    if (offset < 0) return [];
    return encoding.version >= 5 ? readList(file, unit, offset) : readPairs(file, unit, offset);
  }
  const first = attributes.get(dwarf.DW_AT_low_pc);
  const last = attributes.get(dwarf.DW_AT_high_pc);
  if (first === undefined || last === undefined) return [];
  const low = addressOf(file, first, encoding, bases);
  if (low === undefined) return [];
  // an address, or from version 4 on the length
  return [{ low, high: addressOf(file, last, encoding, bases) ?? wrap(low + last.value) }];
}

/** None for what has no code: declarations, abstract instances, what the linker dropped. */
export function rangesOf(file: DebugFile, unit: Unit, attributes: Attributes): Range[] {
  return allRanges(file, unit, attributes).filter(({ low, high }) => isCode(file, low, high));
}

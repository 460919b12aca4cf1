/** What a function is called: its own entry says so, or the one it is an instance or the definition of. */
import { demangle } from '../elf/index.ts';
import * as dwarf from './constants.ts';
import { cursorAt } from './cursor.ts';
import type { DebugFile } from './debug-file.ts';
import { textOf, toNumber, type FormValue } from './forms.ts';
import { readAttributes, readCode, unitAt, type Attributes, type Unit } from './units.ts';

/** entries on the way to a name: an inlined instance, its origin, its declaration; more is a circle */
const MAX_ORIGINS = 16;

export interface FunctionName {
  readonly text: string;
  /** whether the linker has the same name, demangled: it is the whole path */
  readonly isLinkage: boolean;
}

export interface NameReader {
  readonly file: DebugFile;
  readonly units: readonly Unit[];
  /** by offset in .debug_info; undefined for an entry without a name */
  readonly seen: Map<number, FunctionName | undefined>;
}

const unitReferences: ReadonlySet<number> = new Set([
  dwarf.DW_FORM_ref1,
  dwarf.DW_FORM_ref2,
  dwarf.DW_FORM_ref4,
  dwarf.DW_FORM_ref8,
  dwarf.DW_FORM_ref_udata,
]);

/** Offset in .debug_info; undefined for a reference into another file or to a type unit. */
function target(unit: Unit, reference: FormValue): number | undefined {
  if (unitReferences.has(reference.form)) return unit.offset + toNumber(reference);
  return reference.form === dwarf.DW_FORM_ref_addr ? toNumber(reference) : undefined;
}

function text(reader: NameReader, unit: Unit, attribute: FormValue | undefined): string | undefined {
  if (attribute === undefined) return undefined;
  return textOf(reader.file, reader.file.sections.info, attribute, unit.encoding, unit.bases);
}

function nameAt(reader: NameReader, offset: number, depth: number): FunctionName | undefined {
  if (reader.seen.has(offset)) return reader.seen.get(offset);
  reader.seen.set(offset, undefined);
  const unit = unitAt(reader.units, offset);
  if (unit === undefined) return undefined;
  const cursor = cursorAt(reader.file.sections.info, offset, unit.end);
  const abbreviation = readCode(cursor, unit.abbreviations);
  if (abbreviation === undefined) return undefined;
  const attributes = readAttributes(reader.file, cursor, abbreviation, unit.encoding, true);
  const name = functionName(reader, unit, attributes, depth);
  reader.seen.set(offset, name);
  return name;
}

/** The linkage name if there is one on the way, or else the plain name. */
export function functionName(
  reader: NameReader,
  unit: Unit,
  attributes: Attributes,
  depth: number = 0,
): FunctionName | undefined {
  const linkage = text(
    reader,
    unit,
    attributes.get(dwarf.DW_AT_linkage_name) ?? attributes.get(dwarf.DW_AT_MIPS_linkage_name),
  );
  if (linkage !== undefined) return { text: demangle(linkage), isLinkage: true };
  const origin = attributes.get(dwarf.DW_AT_abstract_origin) ?? attributes.get(dwarf.DW_AT_specification);
  const offset = origin && target(unit, origin);
  const inherited = offset === undefined || depth >= MAX_ORIGINS ? undefined : nameAt(reader, offset, depth + 1);
  if (inherited?.isLinkage === true) return inherited;
  const own = text(reader, unit, attributes.get(dwarf.DW_AT_name));
  if (own === undefined) return inherited;
  return { text: own, isLinkage: dwarf.unmangledLanguages.has(unit.language) };
}

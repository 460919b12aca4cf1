/**
 * Debug information of the kernel: its lines, from the listing of its `.S` files, and its structures, from the table of
 * their layouts, so that gdb shows the source and prints `*(struct pt_regs *)$rdi`.
 */
import type { KernelListing } from '../../kernel/entry/listing.ts';
import { elementsOf, type Scalar } from '../../kernel/layout/structure.ts';
import { structures } from '../../kernel/layout/structures.ts';
import {
  DW_AT_comp_dir,
  DW_AT_high_pc,
  DW_AT_language,
  DW_AT_low_pc,
  DW_AT_name,
  DW_AT_stmt_list,
  DW_FORM_addr,
  DW_FORM_data1,
  DW_FORM_data2,
  DW_FORM_ref4,
  DW_FORM_sec_offset,
  DW_FORM_string,
  DW_FORM_udata,
} from '../../toolchain/dwarf/constants.ts';
import { abbreviationSection, ADDRESS_SIZE, debugUnit, type Abbreviation } from './dwarf-writer.ts';
import { lineTable, type LineRow } from './line-writer.ts';
import { joinBytes } from './text.ts';

/** The part of the kernel that holds instructions. */
export interface TextRange {
  readonly low: bigint;
  readonly high: bigint;
}

const DW_TAG_array_type = 0x01;
const DW_TAG_member = 0x0d;
const DW_TAG_compile_unit = 0x11;
const DW_TAG_structure_type = 0x13;
const DW_TAG_subrange_type = 0x21;
const DW_TAG_base_type = 0x24;
const DW_TAG_pointer_type = 0x0f;
const DW_AT_byte_size = 0x0b;
const DW_AT_count = 0x37;
const DW_AT_data_member_location = 0x38;
const DW_AT_encoding = 0x3e;
const DW_AT_type = 0x49;
const DW_ATE_signed = 0x05;
const DW_ATE_unsigned = 0x07;
const DW_ATE_unsigned_char = 0x08;
const DW_LANG_C99 = 0x0c;
const DW_LANG_Mips_Assembler = 0x8001;

const attribute = (name: number, form: number) => ({ name, form });

/** Codes of the abbreviations, which are their places in the table. */
const Die = { assembly: 1, types: 2, base: 3, pointer: 4, structure: 5, member: 6, array: 7, range: 8 } as const;

const abbreviations: readonly Abbreviation[] = [
  {
    tag: DW_TAG_compile_unit,
    children: false,
    attributes: [
      attribute(DW_AT_name, DW_FORM_string),
      attribute(DW_AT_comp_dir, DW_FORM_string),
      attribute(DW_AT_language, DW_FORM_data2),
      attribute(DW_AT_low_pc, DW_FORM_addr),
      attribute(DW_AT_high_pc, DW_FORM_addr),
      attribute(DW_AT_stmt_list, DW_FORM_sec_offset),
    ],
  },
  {
    tag: DW_TAG_compile_unit,
    children: true,
    attributes: [attribute(DW_AT_name, DW_FORM_string), attribute(DW_AT_language, DW_FORM_data2)],
  },
  {
    tag: DW_TAG_base_type,
    children: false,
    attributes: [
      attribute(DW_AT_name, DW_FORM_string),
      attribute(DW_AT_byte_size, DW_FORM_data1),
      attribute(DW_AT_encoding, DW_FORM_data1),
    ],
  },
  { tag: DW_TAG_pointer_type, children: false, attributes: [attribute(DW_AT_byte_size, DW_FORM_data1)] },
  {
    tag: DW_TAG_structure_type,
    children: true,
    attributes: [attribute(DW_AT_name, DW_FORM_string), attribute(DW_AT_byte_size, DW_FORM_udata)],
  },
  {
    tag: DW_TAG_member,
    children: false,
    attributes: [
      attribute(DW_AT_name, DW_FORM_string),
      attribute(DW_AT_type, DW_FORM_ref4),
      attribute(DW_AT_data_member_location, DW_FORM_udata),
    ],
  },
  { tag: DW_TAG_array_type, children: true, attributes: [attribute(DW_AT_type, DW_FORM_ref4)] },
  { tag: DW_TAG_subrange_type, children: false, attributes: [attribute(DW_AT_count, DW_FORM_udata)] },
];

function lineSection({ files, addresses, places }: KernelListing, { low, high }: TextRange): Uint8Array {
  const rows: LineRow[] = [];
  addresses.forEach((address, n) => {
    if (address < low || address >= high) return;
    rows.push({ address, file: places[2 * n]!, line: places[2 * n + 1]! });
  });
  return lineTable(
    files.map(({ file }) => file),
    [{ rows, end: high }],
  );
}

/** what the compilers of extensions and programs are told that the package's folder is called */
const PACKAGE = '/rex';

const ABBREVIATIONS_AT = 0;
const LINES_AT = 0;

const assemblyUnit = ({ low, high }: TextRange): Uint8Array =>
  debugUnit(ABBREVIATIONS_AT, (out) => {
    out.uleb(Die.assembly);
    out.string('kernel');
    out.string(PACKAGE);
    out.u16(DW_LANG_Mips_Assembler);
    out.u64(low);
    out.u64(high);
    out.u32(LINES_AT);
  });

// prettier-ignore
const scalars: readonly (readonly [scalar: Exclude<Scalar, 'pointer'>, name: string, size: number, encoding: number])[] = [
  ['u8',  'u8',  1, DW_ATE_unsigned_char],
  ['u16', 'u16', 2, DW_ATE_unsigned],
  ['u32', 'u32', 4, DW_ATE_unsigned],
  ['i32', 's32', 4, DW_ATE_signed],
  ['u64', 'u64', 8, DW_ATE_unsigned],
  ['i64', 's64', 8, DW_ATE_signed],
];

function typesUnit(): Uint8Array {
  return debugUnit(ABBREVIATIONS_AT, (out) => {
    /** offset from the unit's first byte: its length's 4 bytes are put before `out` */
    const here = (): number => out.length + 4;
    const offsets = new Map<string, number>();
    out.uleb(Die.types);
    out.string('kernel/layout');
    out.u16(DW_LANG_C99);
    for (const [scalar, name, size, encoding] of scalars) {
      offsets.set(scalar, here());
      out.uleb(Die.base);
      out.string(name);
      out.u8(size, encoding);
    }
    offsets.set('pointer', here());
    out.uleb(Die.pointer);
    out.u8(ADDRESS_SIZE);
    for (const { fields } of Object.values(structures)) {
      for (const { type } of Object.values(fields)) {
        const { element, count } = elementsOf(type);
        if (count === undefined || offsets.has(type)) continue;
        offsets.set(type, here());
        out.uleb(Die.array);
        out.u32(offsets.get(element)!);
        out.uleb(Die.range);
        out.uleb(count);
        out.u8(0);
      }
    }
    for (const [name, { size, fields }] of Object.entries(structures)) {
      out.uleb(Die.structure);
      out.string(name);
      out.uleb(size);
      for (const [field, { offset, type }] of Object.entries(fields)) {
        out.uleb(Die.member);
        out.string(field);
        out.u32(offsets.get(type)!);
        out.uleb(offset);
      }
      out.u8(0);
    }
    out.u8(0);
  });
}

/** The sections by name. */
export const kernelDebugSections = (listing: KernelListing, text: TextRange): Readonly<Record<string, Uint8Array>> => ({
  '.debug_abbrev': abbreviationSection(abbreviations),
  '.debug_info': joinBytes(assemblyUnit(text), typesUnit()),
  '.debug_line': lineSection(listing, text),
});

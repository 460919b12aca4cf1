/**
 * An image or a program as gdb is given it: with the debug information of the file beside it, and with one unit more, by which
 * gdb finds lines that are nothing but inlined calls. (gdb looks for lines in line tables alone; there, such a line has no row.)
 */
import {
  DW_AT_comp_dir,
  DW_AT_language,
  DW_AT_name,
  DW_AT_stmt_list,
  DW_FORM_data2,
  DW_FORM_sec_offset,
  DW_FORM_string,
} from '../../toolchain/dwarf/constants.ts';
import type { LinePlace } from '../../toolchain/dwarf/index.ts';
import { SHT_NOBITS, SHT_PROGBITS } from '../../toolchain/elf/constants.ts';
import { assembleElf, ElfError, readElf, sectionData, type ElfFile } from '../../toolchain/elf/index.ts';
import type { CodeFile } from '../source/index.ts';
import { abbreviationSection, debugUnit, type Abbreviation } from './dwarf-writer.ts';
import { programFrames } from './program-frames.ts';
import { lineTable, type LineSequence } from './line-writer.ts';
import { joinBytes } from './text.ts';

type DebugSections = Map<string, Uint8Array>;

/** calls that get a row each */
const MOST_CALLS = 100_000;

const DW_TAG_compile_unit = 0x11;
const DW_LANG_C99 = 0x0c;

const abbreviations: readonly Abbreviation[] = [
  {
    tag: DW_TAG_compile_unit,
    children: false,
    attributes: [
      { name: DW_AT_name, form: DW_FORM_string },
      { name: DW_AT_comp_dir, form: DW_FORM_string },
      { name: DW_AT_language, form: DW_FORM_data2 },
      { name: DW_AT_stmt_list, form: DW_FORM_sec_offset },
    ],
  },
];

function debugSections(file: ElfFile): DebugSections {
  const sections = file.sections.filter(({ name, type }) => name.startsWith('.debug_') && type !== SHT_NOBITS);
  return new Map(sections.map((section) => [section.name, sectionData(file, section)]));
}

function sequencesOf(inlined: ReadonlyMap<string, readonly LinePlace[]>): LineSequence[] {
  const sequences = [...inlined.values()].flatMap((places, file) =>
    places.map(({ address, line }) => ({ rows: [{ address, file, line }], end: address + 1n })),
  );
  return sequences.slice(0, MOST_CALLS);
}

/** A unit without code of its own, and its line table, behind those that there are. */
function addInlinedLines(sections: DebugSections, inlined: ReadonlyMap<string, readonly LinePlace[]>): void {
  if (inlined.size === 0) return;
  const before = (name: string): Uint8Array => sections.get(name) ?? new Uint8Array(0);
  const [info, abbreviation, lines] = ['.debug_info', '.debug_abbrev', '.debug_line'].map(before);
  const unit = debugUnit(abbreviation!.length, (out) => {
    out.uleb(1);
    out.string('inlined calls');
    out.string('/');
    out.u16(DW_LANG_C99);
    out.u32(lines!.length);
  });
  sections.set('.debug_info', joinBytes(info!, unit));
  sections.set('.debug_abbrev', joinBytes(abbreviation!, abbreviationSection(abbreviations)));
  sections.set('.debug_line', joinBytes(lines!, lineTable([...inlined.keys()], sequencesOf(inlined))));
}

function withSections(program: ElfFile, debug: DebugSections): Uint8Array {
  const kept = program.sections.map((section) => {
    const data = debug.get(section.name);
    return data === undefined ? section : { ...section, data };
  });
  const own = new Set(program.sections.map(({ name }) => name));
  const added = [...debug].filter(([name]) => !own.has(name));
  const row = {
    type: SHT_PROGBITS,
    flags: 0,
    address: 0n,
    offset: 0,
    size: 0,
    link: 0,
    info: 0,
    addralign: 1,
    entsize: 0,
  };
  return assembleElf({
    header: program.header,
    programHeaders: program.programHeaders,
    programHeaderOffset: program.header.programHeaderOffset,
    contents: [{ offset: 0, data: program.bytes }],
    sections: [...kept, ...added.map(([name, data]) => ({ ...row, name, data }))],
  });
}

/** The bytes for gdb: the file's own where there is nothing to add, or what there is cannot be read. */
export function gdbFile(file: CodeFile): Uint8Array {
  const { elf, debugFile, debug } = file;
  if (elf === undefined || elf.sections.length === 0) return file.bytes;
  try {
    const sections = debugSections(debugFile === undefined || debugFile === file.bytes ? elf : readElf(debugFile));
    addInlinedLines(sections, debug?.inlinedLines ?? new Map());
    const frames = programFrames(elf);
    if (frames !== undefined) sections.set('.debug_frame', frames);
    return withSections(elf, sections);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return file.bytes;
  }
}

import { hex, readSafe, requireRange, viewOf } from './bytes.ts';
import { SHDR_SIZE, SHN_UNDEF, SHT_NOBITS, SHT_NULL } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfHeader } from './header.ts';
import { readString, type StringReader } from './string-table.ts';

/** Elf64_Shdr. */
export interface Section {
  readonly name: string;
  /** SHT_PROGBITS, … */
  readonly type: number;
  /** SHF_ALLOC | …; only the low 53 bits may be set */
  readonly flags: number;
  /** virtual address; 0 when not allocated */
  readonly address: bigint;
  /** file offset */
  readonly offset: number;
  /** bytes */
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly addralign: number;
  readonly entsize: number;
}

/**
 * Reads the section table; none when the file was stripped of it (e_shoff 0).
 * @throws {ElfError} truncated, bad-section, bad-string, too-large
 */
export function readSections(bytes: Uint8Array, header: ElfHeader, strings: StringReader): Section[] {
  if (header.sectionHeaderOffset === 0) return [];
  const count = header.sectionHeaderCount;
  if (count === 0) throw new ElfError('bad-section', 'e_shnum: extended numbering (65280 or more sections) is refused');
  if (header.sectionHeaderSize !== SHDR_SIZE) {
    throw new ElfError('bad-section', `e_shentsize: got ${header.sectionHeaderSize}, expected ${SHDR_SIZE}`);
  }
  requireRange(bytes, header.sectionHeaderOffset, count * SHDR_SIZE, 'section header table');
  const view = viewOf(bytes);
  const rows = Array.from({ length: count }, (_, index) =>
    readSection(bytes, view, header.sectionHeaderOffset + index * SHDR_SIZE, `section ${index}`),
  );
  const nameIndex = header.sectionNameIndex;
  if (nameIndex === SHN_UNDEF) return rows.map(({ rest }) => ({ name: '', ...rest }));
  const names = rows[nameIndex];
  if (names === undefined) {
    throw new ElfError('bad-section', `e_shstrndx: got ${nameIndex}, expected an index below ${count}`);
  }
  const table = sectionData({ bytes }, { name: '.shstrtab', ...names.rest });
  return rows.map(({ nameOffset, rest }, index) => ({
    name: readString(strings, nameIndex, table, nameOffset, `name of section ${index}`),
    ...rest,
  }));
}

interface UnnamedSection {
  readonly nameOffset: number;
  readonly rest: Omit<Section, 'name'>;
}

function readSection(bytes: Uint8Array, view: DataView, at: number, what: string): UnnamedSection {
  const rest = {
    type: view.getUint32(at + 4, true),
    flags: readSafe(view, at + 8, `${what}: sh_flags`),
    address: view.getBigUint64(at + 16, true),
    offset: readSafe(view, at + 24, `${what}: sh_offset`),
    size: readSafe(view, at + 32, `${what}: sh_size`),
    link: view.getUint32(at + 40, true),
    info: view.getUint32(at + 44, true),
    addralign: readSafe(view, at + 48, `${what}: sh_addralign`),
    entsize: readSafe(view, at + 56, `${what}: sh_entsize`),
  };
  if (hasFileBytes(rest)) requireRange(bytes, rest.offset, rest.size, what);
  return { nameOffset: view.getUint32(at, true), rest };
}

function hasFileBytes(section: { readonly type: number }): boolean {
  return section.type !== SHT_NOBITS && section.type !== SHT_NULL;
}

/**
 * The file bytes of a section, not copied; empty for SHT_NOBITS and SHT_NULL.
 * @throws {ElfError} truncated, for a section that was not read from this file
 */
export function sectionData(elf: { readonly bytes: Uint8Array }, section: Section): Uint8Array {
  if (!hasFileBytes(section)) return elf.bytes.subarray(0, 0);
  requireRange(elf.bytes, section.offset, section.size, `section '${section.name}'`);
  return elf.bytes.subarray(section.offset, section.offset + section.size);
}

/** The string table that `section` links to; its index is `section.link`. */
export function linkedStrings(bytes: Uint8Array, sections: readonly Section[], section: Section): Uint8Array {
  const linked = sections[section.link];
  if (linked !== undefined) return sectionData({ bytes }, linked);
  throw new ElfError(
    'bad-section',
    `section '${section.name}': got sh_link ${hex(section.link)}, expected a section index below ${sections.length}`,
  );
}

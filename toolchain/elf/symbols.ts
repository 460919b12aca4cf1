import { viewOf } from './bytes.ts';
import { SYM_SIZE } from './constants.ts';
import { ElfError } from './error.ts';
import { linkedStrings, sectionData, type Section } from './sections.ts';
import { readString, type StringReader } from './string-table.ts';

/** Elf64_Sym. */
export interface ElfSymbol {
  /** as in the file: mangled */
  readonly name: string;
  readonly value: bigint;
  /** bytes */
  readonly size: bigint;
  /** STT_FUNC, … */
  readonly type: number;
  /** STB_GLOBAL, … */
  readonly binding: number;
  /** st_other: STV_DEFAULT, STV_HIDDEN, … */
  readonly visibility: number;
  /** SHN_UNDEF, SHN_ABS or an index into the sections */
  readonly sectionIndex: number;
}

/**
 * The symbols of an SHT_SYMTAB or SHT_DYNSYM section, entry 0 included, so that relocations index it.
 * @throws {ElfError} bad-symbol-table, bad-section, bad-string
 */
export function readSymbols(
  bytes: Uint8Array,
  sections: readonly Section[],
  section: Section,
  strings: StringReader,
): ElfSymbol[] {
  const data = sectionData({ bytes }, section);
  if (section.entsize !== SYM_SIZE || data.length % SYM_SIZE !== 0) {
    throw new ElfError(
      'bad-symbol-table',
      `'${section.name}': got ${data.length} bytes in entries of ${section.entsize}, expected a multiple of ${SYM_SIZE} in entries of ${SYM_SIZE}`,
    );
  }
  const table = linkedStrings(bytes, sections, section);
  const view = viewOf(data);
  return Array.from({ length: data.length / SYM_SIZE }, (_, index) => {
    const at = index * SYM_SIZE;
    return {
      name: readString(
        strings,
        section.link,
        table,
        view.getUint32(at, true),
        `name of symbol ${index} of '${section.name}'`,
      ),
      value: view.getBigUint64(at + 8, true),
      size: view.getBigUint64(at + 16, true),
      type: data[at + 4]! & 15,
      binding: data[at + 4]! >> 4,
      visibility: data[at + 5]!,
      sectionIndex: view.getUint16(at + 6, true),
    };
  });
}

import { PHDR_SIZE, SHDR_SIZE } from './constants.ts';
import { encodeHeader, encodeProgramHeaders, encodeSections } from './encode.ts';
import type { ElfHeader, ProgramHeader } from './header.ts';
import type { Section } from './sections.ts';
import { createStringTable } from './string-table.ts';

export interface ElfParts {
  readonly header: Pick<
    ElfHeader,
    'type' | 'machine' | 'flags' | 'osAbi' | 'abiVersion' | 'entry' | 'sectionNameIndex'
  >;
  readonly programHeaders: readonly ProgramHeader[];
  /** where the program headers go; after everything else when absent */
  readonly programHeaderOffset?: number;
  /** bytes that stand at the file offset given: what the segments map */
  readonly contents: readonly { readonly offset: number; readonly data: Uint8Array }[];
  /**
   * Entry 0 included. A section with `data` is placed after the contents and its offset and size are filled in; the one
   * at `sectionNameIndex` gets the names.
   */
  readonly sections: readonly (Section & { readonly data?: Uint8Array })[];
}

/** File alignment of unmapped sections; they are not loaded, and a hostile sh_addralign must not blow up the file. */
const MAX_FILE_ALIGN = 64;

function alignUp(value: number, align: number): number {
  return align > 1 ? Math.ceil(value / align) * align : value;
}

/** Lays out a file from parts whose addresses are settled. The ELF header overwrites the contents at offset 0. */
export function assembleElf(parts: ElfParts): Uint8Array {
  const { programHeaders, sections } = parts;
  const names = createStringTable();
  encodeSections(sections, names);
  const nameBytes = Uint8Array.from(names.bytes);

  let end = Math.max(64, ...parts.contents.map(({ offset, data }) => offset + data.length));
  if (parts.programHeaderOffset !== undefined) {
    end = Math.max(end, parts.programHeaderOffset + programHeaders.length * PHDR_SIZE);
  }
  const placed: { readonly offset: number; readonly data: Uint8Array }[] = [];
  const place = (data: Uint8Array, align: number): number => {
    const offset = alignUp(end, align);
    placed.push({ offset, data });
    end = offset + data.length;
    return offset;
  };

  const rows = sections.map(({ data, ...section }, index): Section => {
    const content = index > 0 && index === parts.header.sectionNameIndex ? nameBytes : data;
    if (content === undefined) return section;
    return { ...section, offset: place(content, Math.min(section.addralign, MAX_FILE_ALIGN)), size: content.length };
  });
  const programHeaderOffset = parts.programHeaderOffset ?? alignUp(end, 8);
  end = Math.max(end, programHeaderOffset + programHeaders.length * PHDR_SIZE);
  const sectionHeaderOffset = alignUp(end, 8);

  const bytes = new Uint8Array(sectionHeaderOffset + rows.length * SHDR_SIZE);
  for (const { offset, data } of [...parts.contents, ...placed]) bytes.set(data, offset);
  bytes.set(encodeProgramHeaders(programHeaders), programHeaderOffset);
  bytes.set(encodeSections(rows, names), sectionHeaderOffset);
  bytes.set(
    encodeHeader({
      ...parts.header,
      programHeaderOffset: programHeaders.length > 0 ? programHeaderOffset : 0,
      programHeaderCount: programHeaders.length,
      sectionHeaderOffset: rows.length > 0 ? sectionHeaderOffset : 0,
      sectionHeaderSize: SHDR_SIZE,
      sectionHeaderCount: rows.length,
    }),
  );
  return bytes;
}

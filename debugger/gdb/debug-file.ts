/** A program together with the debug information of the file beside it, as one ELF file. */
import { assembleElf, readElf, sectionData, type ElfFile } from '../../toolchain/elf/index.ts';
import { SHT_NOBITS } from '../../toolchain/elf/constants.ts';

/** The program's bytes with the debug file's `.debug_*` sections behind them. ElfError. */
export function withDebugSections(program: ElfFile, debugBytes: Uint8Array): Uint8Array {
  const debug = readElf(debugBytes);
  const sections = debug.sections.filter(({ name, type }) => name.startsWith('.debug_') && type !== SHT_NOBITS);
  return assembleElf({
    header: program.header,
    programHeaders: program.programHeaders,
    programHeaderOffset: program.header.programHeaderOffset,
    contents: [{ offset: 0, data: program.bytes }],
    sections: [
      ...program.sections,
      // links of theirs would be to sections of the other file
      ...sections.map((section) => ({ ...section, link: 0, info: 0, data: sectionData(debug, section) })),
    ],
  });
}

export { ElfError, type ElfErrorCode } from './error.ts';
export {
  readHeader,
  readProgramHeaders,
  requireMachine,
  segmentData,
  type ElfHeader,
  type ProgramHeader,
} from './header.ts';
export { readElf, readVirtual, type ElfFile } from './read-elf.ts';
export { sectionData, type Section } from './sections.ts';
export type { ElfSymbol } from './symbols.ts';
export { readRelocations, type Relocation } from './relocations.ts';
export { writeElf, type ElfSource, type SectionSource, type SegmentSource, type SymbolSource } from './write-elf.ts';
export { assembleElf, type ElfParts } from './assemble-elf.ts';
export { encodeRelocations, encodeSymbols, firstGlobal } from './encode.ts';
export { addString, createStringTable, type StringTable } from './string-table.ts';
export { demangle } from './demangle.ts';

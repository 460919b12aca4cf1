import { hex } from './bytes.ts';
import { PT_LOAD, SHT_DYNSYM, SHT_RELA, SHT_SYMTAB } from './constants.ts';
import { ElfError } from './error.ts';
import { readHeader, readProgramHeaders, type ElfHeader, type ProgramHeader } from './header.ts';
import { readRelocations, type Relocation } from './relocations.ts';
import { readSections, type Section } from './sections.ts';
import { createStringReader } from './string-table.ts';
import { readSymbols, type ElfSymbol } from './symbols.ts';

export interface ElfFile {
  readonly bytes: Uint8Array;
  readonly header: ElfHeader;
  readonly programHeaders: readonly ProgramHeader[];
  /** entry 0 (SHT_NULL) included; empty when the section table was stripped */
  readonly sections: readonly Section[];
  /** .symtab, entry 0 included */
  readonly symbols: readonly ElfSymbol[];
  /** .dynsym, entry 0 included: what `Relocation.symbolIndex` counts in */
  readonly dynamicSymbols: readonly ElfSymbol[];
  /** the entries of .rela.dyn, then those of .rela.plt */
  readonly relocations: readonly Relocation[];
}

/**
 * Reads an ELF64 little-endian file of any machine; `bytes` is kept, not copied. Time and memory are linear in its length.
 * @throws {ElfError} on anything malformed, and nothing else
 */
export function readElf(bytes: Uint8Array): ElfFile {
  const header = readHeader(bytes);
  const strings = createStringReader(bytes.length);
  const programHeaders = readProgramHeaders(bytes, header);
  const sections = readSections(bytes, header, strings);
  const symbolsOf = (type: number) => {
    const section = sections.find((candidate) => candidate.type === type);
    return section === undefined ? [] : readSymbols(bytes, sections, section, strings);
  };
  const relocationsOf = (name: string) => {
    const section = sections.find((candidate) => candidate.type === SHT_RELA && candidate.name === name);
    return section === undefined ? [] : readRelocations({ bytes }, section);
  };
  return {
    bytes,
    header,
    programHeaders,
    sections,
    symbols: symbolsOf(SHT_SYMTAB),
    dynamicSymbols: symbolsOf(SHT_DYNSYM),
    relocations: [...relocationsOf('.rela.dyn'), ...relocationsOf('.rela.plt')],
  };
}

/**
 * `size` file bytes that a PT_LOAD maps at a virtual address, not copied.
 * @throws {ElfError} unmapped-address, also when the range leaves the segment or lies in its zeroed tail
 */
export function readVirtual(elf: Pick<ElfFile, 'bytes' | 'programHeaders'>, address: bigint, size: number): Uint8Array {
  for (const segment of elf.programHeaders) {
    if (segment.type !== PT_LOAD || address < segment.virtualAddress) continue;
    const within = address - segment.virtualAddress;
    if (within + BigInt(size) > BigInt(segment.fileSize)) continue;
    const start = segment.offset + Number(within);
    return elf.bytes.subarray(start, start + size);
  }
  throw new ElfError('unmapped-address', `got ${size} bytes at ${hex(address)}, expected file bytes of one PT_LOAD`);
}

import { assembleElf } from './assemble-elf.ts';
import { hex } from './bytes.ts';
import {
  EHDR_SIZE,
  EM_X86_64,
  PHDR_SIZE,
  PT_LOAD,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STB_LOCAL,
  STT_NOTYPE,
  STV_DEFAULT,
  SYM_SIZE,
} from './constants.ts';
import { encodeSymbols, firstGlobal } from './encode.ts';
import { ElfError } from './error.ts';
import type { ProgramHeader } from './header.ts';
import type { Section } from './sections.ts';
import { createStringTable } from './string-table.ts';
import type { ElfSymbol } from './symbols.ts';

export interface SegmentSource {
  /** PT_LOAD when absent; another type describes a range that a PT_LOAD of the list maps, or no bytes at all */
  readonly type?: number;
  readonly flags: number;
  readonly address: bigint;
  /** file bytes, of a PT_LOAD */
  readonly data?: Uint8Array;
  /** bytes; `data.length` when absent */
  readonly memorySize?: number;
  /** bytes, a power of two; 4096 when absent */
  readonly align?: number;
}

export interface SectionSource {
  readonly name: string;
  /** SHT_PROGBITS when absent */
  readonly type?: number;
  readonly flags?: number;
  readonly address?: bigint;
  /** bytes of a section that has no `data` */
  readonly size?: number;
  /** file bytes of a section outside all segments; without it the bytes at `address` are meant */
  readonly data?: Uint8Array;
  /** the section named here */
  readonly link?: string;
  readonly info?: number;
  readonly addralign?: number;
  readonly entsize?: number;
}

export interface SymbolSource {
  readonly name: string;
  readonly value?: bigint;
  readonly size?: bigint;
  /** STT_NOTYPE when absent */
  readonly type?: number;
  /** STB_GLOBAL when absent */
  readonly binding?: number;
  readonly visibility?: number;
  /** a section's name, or a number such as SHN_ABS; undefined when absent */
  readonly section?: string | number;
}

export interface ElfSource {
  /** ET_EXEC, ET_DYN, ET_REL */
  readonly type: number;
  /** EM_X86_64 when absent */
  readonly machine?: number;
  readonly entry?: bigint;
  readonly flags?: number;
  readonly segments?: readonly SegmentSource[];
  /** without entry 0; .symtab, .strtab and .shstrtab are added */
  readonly sections?: readonly SectionSource[];
  /** of .symtab, without entry 0, locals first */
  readonly symbols?: readonly SymbolSource[];
}

const nullSection: Section = {
  name: '',
  type: SHT_NULL,
  flags: 0,
  address: 0n,
  offset: 0,
  size: 0,
  link: 0,
  info: 0,
  addralign: 0,
  entsize: 0,
};

/**
 * Builds a whole small file: program headers behind the ELF header, then the segments, the other sections and the
 * section table. A file without sections and symbols has no section table.
 * @throws {ElfError} bad-section when a name or an address is not found
 */
export function writeElf(source: ElfSource): Uint8Array {
  const { programHeaders, contents } = placeSegments(source.segments ?? []);
  const header = {
    type: source.type,
    machine: source.machine ?? EM_X86_64,
    flags: source.flags ?? 0,
    osAbi: 0,
    abiVersion: 0,
    entry: source.entry ?? 0n,
  };
  const sources = source.sections ?? [];
  const parts = { programHeaders, programHeaderOffset: EHDR_SIZE, contents };
  if (sources.length === 0 && source.symbols === undefined) {
    return assembleElf({ ...parts, header: { ...header, sectionNameIndex: 0 }, sections: [] });
  }

  const symtab = source.symbols === undefined ? [] : [{ name: '.symtab' }, { name: '.strtab' }];
  const names = ['', ...sources.map(({ name }) => name), ...symtab.map(({ name }) => name), '.shstrtab'];
  const sections: (Section & { readonly data?: Uint8Array })[] = [
    nullSection,
    ...sources.map((section) => placeSection(section, programHeaders, names)),
    ...(source.symbols === undefined ? [] : symbolSections(source.symbols, names)),
    { ...nullSection, name: '.shstrtab', type: SHT_STRTAB, addralign: 1 },
  ];
  return assembleElf({ ...parts, header: { ...header, sectionNameIndex: sections.length - 1 }, sections });
}

function placeSegments(segments: readonly SegmentSource[]) {
  const contents: { readonly offset: number; readonly data: Uint8Array }[] = [];
  let end = EHDR_SIZE + segments.length * PHDR_SIZE;
  const loads = segments.map((segment): ProgramHeader => {
    const { type = PT_LOAD, flags, address, data = new Uint8Array(), align = 4096 } = segment;
    let offset = 0;
    if (type === PT_LOAD) {
      // file offset and address agree modulo the alignment (gABI "Program Header", p_align)
      const step = Math.max(align, 1);
      offset = end + ((((Number(address % BigInt(step)) - end) % step) + step) % step);
      contents.push({ offset, data });
      end = offset + data.length;
    }
    const size = { fileSize: data.length, memorySize: segment.memorySize ?? data.length };
    return { type, flags, offset, virtualAddress: address, physicalAddress: address, ...size, align };
  });
  const programHeaders = loads.map((row): ProgramHeader => {
    if (row.type === PT_LOAD || row.memorySize === 0) return row;
    return {
      ...row,
      offset: fileOffset(loads, row.virtualAddress, `segment type ${hex(row.type)}`),
      fileSize: row.memorySize,
    };
  });
  return { programHeaders, contents };
}

function fileOffset(segments: readonly ProgramHeader[], address: bigint, what: string): number {
  for (const { type, offset, virtualAddress, memorySize } of segments) {
    if (type !== PT_LOAD || address < virtualAddress || address >= virtualAddress + BigInt(memorySize)) continue;
    return offset + Number(address - virtualAddress);
  }
  throw new ElfError('bad-section', `${what}: got address ${hex(address)}, expected one inside a PT_LOAD`);
}

function indexOf(names: readonly string[], name: string, what: string): number {
  const index = names.indexOf(name);
  if (index !== -1) return index;
  throw new ElfError('bad-section', `${what}: got section '${name}', expected one of ${names.join(' ')}`);
}

function placeSection(
  source: SectionSource,
  segments: readonly ProgramHeader[],
  names: readonly string[],
): Section & { readonly data?: Uint8Array } {
  const { name, type = SHT_PROGBITS, flags = 0, address = 0n, size = 0, info = 0, addralign = 1, entsize = 0 } = source;
  const link = source.link === undefined ? 0 : indexOf(names, source.link, `sh_link of '${name}'`);
  const row = { name, type, flags, address, offset: 0, size, link, info, addralign, entsize };
  if (source.data !== undefined) return { ...row, data: source.data };
  if (type === SHT_NOBITS || size === 0) return row;
  return { ...row, offset: fileOffset(segments, address, `section '${name}'`) };
}

function symbolSections(symbols: readonly SymbolSource[], names: readonly string[]) {
  const rows = [{ name: '', binding: STB_LOCAL }, ...symbols].map((symbol: SymbolSource): ElfSymbol => ({
    name: symbol.name,
    value: symbol.value ?? 0n,
    size: symbol.size ?? 0n,
    type: symbol.type ?? STT_NOTYPE,
    binding: symbol.binding ?? STB_GLOBAL,
    visibility: symbol.visibility ?? STV_DEFAULT,
    sectionIndex:
      typeof symbol.section === 'string'
        ? indexOf(names, symbol.section, `symbol '${symbol.name}'`)
        : (symbol.section ?? SHN_UNDEF),
  }));
  const strings = createStringTable();
  const data = encodeSymbols(rows, strings);
  const link = names.lastIndexOf('.strtab');
  const symtab = { type: SHT_SYMTAB, link, info: firstGlobal(rows), addralign: 8, entsize: SYM_SIZE };
  return [
    { ...nullSection, name: '.symtab', ...symtab, data },
    { ...nullSection, name: '.strtab', type: SHT_STRTAB, addralign: 1, data: Uint8Array.from(strings.bytes) },
  ];
}

import { constants } from '../../kernel/layout/constants.ts';
import {
  EM_X86_64,
  PF_R,
  PF_X,
  PT_LOAD,
  PT_PHDR,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STT_FUNC,
  STV_DEFAULT,
} from '../elf/constants.ts';
import {
  assembleElf,
  createStringTable,
  encodeSymbols,
  firstGlobal,
  readElf,
  requireMachine,
  sectionData,
  type ElfFile,
  type ElfSymbol,
  type ProgramHeader,
  type Section,
} from '../elf/index.ts';
import { ENTRY_SIZE, ENTRY_SLOT, entryCode } from './entry-code.ts';
import { EntryInsertionError } from './error.ts';
import { globalEntries, holdsEntries, readGeneratedEntries, REX_SECTION_PREFIX } from './generated-entries.ts';
import { isExecutable, readProgramObjects, type ProgramObject } from './program-objects.ts';
import { entryFunctionName, type ProgramType } from './program-types.ts';
import { highestEnd, layoutProblems } from './rex-layout.ts';

/** One inserted entry function; addresses are virtual, relative to the image's base. */
export interface InsertedEntry {
  readonly name: string;
  /** of the entry function: the source section without `rex/` */
  readonly section: string;
  /** the Rust type: `kprobe`, `xdp`, … */
  readonly programType: string;
  /** undefined when the program's attribute wrote the entry itself */
  readonly objectAddress: bigint | undefined;
  readonly entryAddress: bigint;
}

export interface InsertedEntries {
  /** the new file */
  readonly bytes: Uint8Array;
  /** in the order of their addresses */
  readonly entries: readonly InsertedEntry[];
}

interface PlacedEntry {
  readonly object: ProgramObject;
  readonly address: bigint;
  readonly sectionIndex: number;
}

type NewSection = Section & { readonly data?: Uint8Array };

const PAGE = constants.PAGE_SIZE;

/**
 * Gives every program object of a linked Rex extension (ET_DYN with .symtab and .rela.dyn) the entry function the
 * kernel calls, and takes `rex/` off the sections of entries that the program's attribute wrote. Allocated bytes and addresses of the input stay; one R+X segment is appended, symbols and headers are
 * rewritten, PT_PHDR is dropped. The output passes the segment checks of the Rex loader.
 * @throws {EntryInsertionError}
 * @throws {ElfError} when `elfBytes` is not a well-formed x86-64 ELF file
 */
export function insertEntries(elfBytes: Uint8Array): InsertedEntries {
  const elf = readElf(elfBytes);
  requireMachine(elf.header, EM_X86_64);
  const objects = readProgramObjects(elf);
  const generated = readGeneratedEntries(elf);
  if (objects.length + generated.length === 0) {
    throw new EntryInsertionError(
      'no-program-objects',
      `found no program object in a section named ${REX_SECTION_PREFIX}*; is a function marked #[rex_kprobe] (or of another type), and the file not stripped of its section table?`,
    );
  }
  const symtabIndex = elf.sections.findIndex(({ type }) => type === SHT_SYMTAB);
  if (symtabIndex === -1) {
    throw new EntryInsertionError('no-symbol-table', 'got no .symtab, expected one; do not strip the input');
  }
  requireFreeNames(elf, objects);

  const mapped = mappedEnd(elf);
  // file offset and address agree modulo the page size, without padding the file to a page
  const codeOffset = alignUp(mapped, ENTRY_SLOT);
  const codeAddress = highestEnd(elf.programHeaders) + BigInt(codeOffset % PAGE);
  const entries = placeEntries(objects, codeAddress, elf.sections.length);
  const programHeaders = appendSegment(elf, codeOffset, codeAddress, entries.length * ENTRY_SLOT);
  const functions = entryFunctions(elf, new Set(objects.map(({ type }) => type)));
  const code = new Uint8Array(entries.length * ENTRY_SLOT);
  for (const [index, { object, address }] of entries.entries()) {
    code.set(entryCode(address, object.address, functions.get(object.type)!), index * ENTRY_SLOT);
  }
  const symbols = [...globalEntries(elf.symbols, generated), ...entries.map(entrySymbol)];
  const bytes = assembleElf({
    header: elf.header,
    programHeaders,
    contents: [
      { offset: 0, data: elfBytes.subarray(0, mapped) },
      ...(code.length > 0 ? [{ offset: codeOffset, data: code }] : []),
    ],
    sections: withSymbols(
      elf,
      [...movableSections(elf), ...entrySections(entries, codeAddress, codeOffset)],
      symtabIndex,
      symbols,
    ),
  });
  const inserted = entries.map(({ object, address }) => ({
    name: object.name,
    section: object.section,
    programType: object.type.rustType,
    objectAddress: object.address,
    entryAddress: address,
  }));
  const renamed = generated.map(({ name, section, type, address }) => ({
    name,
    section,
    programType: type.rustType,
    objectAddress: undefined,
    entryAddress: address,
  }));
  return { bytes, entries: [...renamed, ...inserted] };
}

export function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

/** The end of all file bytes that must keep their offset. */
export function mappedEnd(elf: ElfFile): number {
  let end = 0;
  for (const { type, offset, fileSize } of elf.programHeaders) {
    if (type === PT_LOAD) end = Math.max(end, offset + fileSize);
  }
  for (const section of elf.sections) {
    if ((section.flags & SHF_ALLOC) !== 0) end = Math.max(end, fileEnd(elf, section));
  }
  return end;
}

function fileEnd(elf: ElfFile, section: Section): number {
  const { length } = sectionData(elf, section);
  return length === 0 ? 0 : section.offset + length;
}

function requireFreeNames(elf: ElfFile, objects: readonly ProgramObject[]): void {
  const defined = new Set(
    elf.symbols.filter((symbol) => symbol.sectionIndex !== SHN_UNDEF).map((symbol) => symbol.name),
  );
  for (const { name } of objects) {
    if (!defined.has(name)) continue;
    throw new EntryInsertionError(
      'duplicate-name',
      `program '${name}': .symtab already defines '${name}'; were the entries inserted before?`,
    );
  }
}

/** The address of `__rex_entry_<type>` of each type. */
function entryFunctions(elf: ElfFile, types: ReadonlySet<ProgramType>): Map<ProgramType, bigint> {
  const addresses = new Map<ProgramType, bigint>();
  for (const type of types) {
    const name = entryFunctionName(type);
    const symbol = elf.symbols.find(
      (candidate) => candidate.name === name && candidate.type === STT_FUNC && candidate.sectionIndex !== SHN_UNDEF,
    );
    if (symbol === undefined || !isExecutable(elf, symbol.value)) {
      throw new EntryInsertionError(
        'missing-entry-function',
        `${type.name}: expected the function '${name}' of the rex crate in .symtab; is it kept by a #[used] pointer?`,
      );
    }
    addresses.set(type, symbol.value);
  }
  return addresses;
}

/** A slot for each object, and a section for each run of objects of one section. */
function placeEntries(objects: readonly ProgramObject[], codeAddress: bigint, firstSection: number): PlacedEntry[] {
  let sectionIndex = firstSection - 1;
  let section: string | undefined;
  return objects.map((object, index) => {
    if (object.section !== section) sectionIndex++;
    section = object.section;
    return { object, address: codeAddress + BigInt(index * ENTRY_SLOT), sectionIndex };
  });
}

function entrySymbol({ object, address, sectionIndex }: PlacedEntry): ElfSymbol {
  return {
    name: object.name,
    value: address,
    size: BigInt(ENTRY_SIZE),
    type: STT_FUNC,
    binding: STB_GLOBAL,
    visibility: STV_DEFAULT,
    sectionIndex,
  };
}

function entrySections(entries: readonly PlacedEntry[], codeAddress: bigint, codeOffset: number): Section[] {
  const sections = new Map<number, Section>();
  for (const { object, address, sectionIndex } of entries) {
    const known = sections.get(sectionIndex);
    sections.set(sectionIndex, {
      name: object.section,
      type: SHT_PROGBITS,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      address: known?.address ?? address,
      offset: known?.offset ?? codeOffset + Number(address - codeAddress),
      size: (known?.size ?? 0) + ENTRY_SLOT,
      link: 0,
      info: 0,
      addralign: ENTRY_SLOT,
      entsize: 0,
    });
  }
  return [...sections.values()];
}

export function appendSegment(elf: ElfFile, offset: number, address: bigint, size: number): ProgramHeader[] {
  const kept = elf.programHeaders.filter(({ type }) => type !== PT_PHDR);
  if (size === 0) return kept;
  const behind = kept.findLastIndex(({ type }) => type === PT_LOAD) + 1;
  const segment: ProgramHeader = {
    type: PT_LOAD,
    flags: PF_R | PF_X,
    offset,
    virtualAddress: address,
    physicalAddress: address,
    fileSize: size,
    memorySize: size,
    align: PAGE,
  };
  const programHeaders = [...kept.slice(0, behind), segment, ...kept.slice(behind)];
  const problems = layoutProblems(programHeaders);
  if (problems.length > 0) {
    throw new EntryInsertionError('not-loadable', `the Rex loader would refuse the image: ${problems.join('; ')}`);
  }
  return programHeaders;
}

/** The sections of the input; those that no segment maps carry their bytes, so that they can be placed anew. */
export function movableSections(elf: ElfFile): NewSection[] {
  let total = 0;
  return elf.sections.map((original) => {
    const section = holdsEntries(original)
      ? { ...original, name: original.name.slice(REX_SECTION_PREFIX.length) }
      : original;
    if ((section.flags & SHF_ALLOC) !== 0 || section.type === SHT_NULL || section.type === SHT_NOBITS) return section;
    const data = sectionData(elf, section);
    total += data.length;
    if (total > elf.bytes.length) {
      throw new EntryInsertionError('bad-section', `section '${section.name}' overlaps another one in the file`);
    }
    return { ...section, data };
  });
}

/** Replaces the symbols; their strings take the place of the old ones unless something else uses those too. */
export function withSymbols(
  elf: ElfFile,
  sections: readonly NewSection[],
  symtabIndex: number,
  symbols: readonly ElfSymbol[],
): NewSection[] {
  const strings = createStringTable();
  const data = encodeSymbols(symbols, strings);
  const stringBytes = Uint8Array.from(strings.bytes);
  const old = sections[symtabIndex]!;
  const oldStrings = sections[old.link]!;
  const reuse =
    oldStrings.type === SHT_STRTAB && (oldStrings.flags & SHF_ALLOC) === 0 && old.link !== elf.header.sectionNameIndex;
  const link = reuse ? old.link : sections.length;
  const rows = sections.map((section, index): NewSection => {
    if (index === symtabIndex) return { ...section, link, info: firstGlobal(symbols), data };
    return reuse && index === link ? { ...section, data: stringBytes } : section;
  });
  if (!reuse)
    rows.push({
      ...old,
      name: '.strtab',
      type: SHT_STRTAB,
      link: 0,
      info: 0,
      addralign: 1,
      entsize: 0,
      data: stringBytes,
    });
  if (rows.length < SHN_LORESERVE) return rows;
  throw new EntryInsertionError('too-large', `got ${rows.length} sections, expected fewer than ${SHN_LORESERVE}`);
}

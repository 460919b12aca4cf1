/** Programs whose attribute wrote the entry: functions in executable `rex/…` sections, without a program object. */
import { SHF_EXECINSTR, STB_GLOBAL, STT_FUNC, STV_DEFAULT } from '../elf/constants.ts';
import type { ElfFile, ElfSymbol, Section } from '../elf/index.ts';
import { EntryInsertionError } from './error.ts';
import { acceptsSection, programTypes, type ProgramType } from './program-types.ts';

export const REX_SECTION_PREFIX = 'rex/';

/** An entry function that is in its place; addresses are virtual, relative to the image's base. */
export interface GeneratedEntry {
  readonly name: string;
  /** the source section without `rex/` */
  readonly section: string;
  readonly type: ProgramType;
  readonly address: bigint;
  readonly symbol: ElfSymbol;
}

/** True for a section that holds entries, not program objects. */
export function holdsEntries({ name, flags }: Section): boolean {
  return name.startsWith(REX_SECTION_PREFIX) && (flags & SHF_EXECINSTR) !== 0;
}

/**
 * The entries of all executable `rex/…` sections in the order of their addresses.
 * @throws {EntryInsertionError} unknown-program-type, bad-section
 */
export function readGeneratedEntries(elf: ElfFile): GeneratedEntry[] {
  const entries: GeneratedEntry[] = [];
  for (const [index, section] of elf.sections.entries()) {
    if (!holdsEntries(section)) continue;
    const name = section.name.slice(REX_SECTION_PREFIX.length);
    const type = programTypes.find((row) => acceptsSection(row, name));
    if (type === undefined) {
      const known = programTypes.flatMap((row) => row.sections).join(', ');
      throw new EntryInsertionError(
        'unknown-program-type',
        `section '${section.name}': expected rex/ and one of ${known}`,
      );
    }
    const functions = elf.symbols.filter((symbol) => symbol.sectionIndex === index && symbol.type === STT_FUNC);
    if (functions.length === 0) {
      throw new EntryInsertionError('bad-section', `section '${section.name}': expected a function`);
    }
    entries.push(
      ...functions.map((symbol) => ({ name: symbol.name, section: name, type, address: symbol.value, symbol })),
    );
  }
  return entries.sort((a, b) => Number(a.address - b.address));
}

/** The symbols with those of `entries` global, which link-time optimization made local. */
export function globalEntries(symbols: readonly ElfSymbol[], entries: readonly GeneratedEntry[]): ElfSymbol[] {
  const own = new Set(entries.map(({ symbol }) => symbol));
  const exported = [...own].map((symbol) => ({ ...symbol, binding: STB_GLOBAL, visibility: STV_DEFAULT }));
  return [...symbols.filter((symbol) => !own.has(symbol)), ...exported];
}

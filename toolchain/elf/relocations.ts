import { viewOf } from './bytes.ts';
import { RELA_SIZE } from './constants.ts';
import { ElfError } from './error.ts';
import { sectionData, type Section } from './sections.ts';

/** Elf64_Rela. */
export interface Relocation {
  /** virtual address of the word to change */
  readonly offset: bigint;
  /** R_X86_64_RELATIVE, … */
  readonly type: number;
  /** index into the linked symbol table (.dynsym); 0 is none */
  readonly symbolIndex: number;
  /** signed */
  readonly addend: bigint;
}

/**
 * The entries of an SHT_RELA section.
 * @throws {ElfError} bad-relocation-table, truncated
 */
export function readRelocations(elf: { readonly bytes: Uint8Array }, section: Section): Relocation[] {
  const data = sectionData(elf, section);
  if (section.entsize !== RELA_SIZE || data.length % RELA_SIZE !== 0) {
    throw new ElfError(
      'bad-relocation-table',
      `'${section.name}': got ${data.length} bytes in entries of ${section.entsize}, expected a multiple of ${RELA_SIZE} in entries of ${RELA_SIZE}`,
    );
  }
  const view = viewOf(data);
  return Array.from({ length: data.length / RELA_SIZE }, (_, index) => ({
    offset: view.getBigUint64(index * RELA_SIZE, true),
    type: view.getUint32(index * RELA_SIZE + 8, true),
    symbolIndex: view.getUint32(index * RELA_SIZE + 12, true),
    addend: view.getBigInt64(index * RELA_SIZE + 16, true),
  }));
}

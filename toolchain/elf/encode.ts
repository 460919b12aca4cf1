import { viewOf } from './bytes.ts';
import {
  EHDR_SIZE,
  ELFCLASS64,
  ELFDATA2LSB,
  EV_CURRENT,
  PHDR_SIZE,
  RELA_SIZE,
  SHDR_SIZE,
  STB_LOCAL,
  SYM_SIZE,
} from './constants.ts';
import type { ElfHeader, ProgramHeader } from './header.ts';
import type { Relocation } from './relocations.ts';
import type { Section } from './sections.ts';
import { addString, type StringTable } from './string-table.ts';
import type { ElfSymbol } from './symbols.ts';

/** Elf64_Ehdr; row sizes are filled in for the tables that exist. */
export function encodeHeader(header: ElfHeader): Uint8Array {
  const bytes = new Uint8Array(EHDR_SIZE);
  const view = viewOf(bytes);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, header.osAbi, header.abiVersion]);
  view.setUint16(16, header.type, true);
  view.setUint16(18, header.machine, true);
  view.setUint32(20, EV_CURRENT, true);
  view.setBigUint64(24, header.entry, true);
  view.setBigUint64(32, BigInt(header.programHeaderOffset), true);
  view.setBigUint64(40, BigInt(header.sectionHeaderOffset), true);
  view.setUint32(48, header.flags, true);
  view.setUint16(52, EHDR_SIZE, true);
  view.setUint16(54, header.programHeaderCount > 0 ? PHDR_SIZE : 0, true);
  view.setUint16(56, header.programHeaderCount, true);
  view.setUint16(58, header.sectionHeaderCount > 0 ? SHDR_SIZE : 0, true);
  view.setUint16(60, header.sectionHeaderCount, true);
  view.setUint16(62, header.sectionNameIndex, true);
  return bytes;
}

/** Elf64_Phdr rows. */
export function encodeProgramHeaders(rows: readonly ProgramHeader[]): Uint8Array {
  const bytes = new Uint8Array(rows.length * PHDR_SIZE);
  const view = viewOf(bytes);
  for (const [index, row] of rows.entries()) {
    const at = index * PHDR_SIZE;
    view.setUint32(at, row.type, true);
    view.setUint32(at + 4, row.flags, true);
    view.setBigUint64(at + 8, BigInt(row.offset), true);
    view.setBigUint64(at + 16, row.virtualAddress, true);
    view.setBigUint64(at + 24, row.physicalAddress, true);
    view.setBigUint64(at + 32, BigInt(row.fileSize), true);
    view.setBigUint64(at + 40, BigInt(row.memorySize), true);
    view.setBigUint64(at + 48, BigInt(row.align), true);
  }
  return bytes;
}

/** Elf64_Shdr rows; the names are looked up in `names`, and added to it when new. */
export function encodeSections(rows: readonly Section[], names: StringTable): Uint8Array {
  const bytes = new Uint8Array(rows.length * SHDR_SIZE);
  const view = viewOf(bytes);
  for (const [index, row] of rows.entries()) {
    const at = index * SHDR_SIZE;
    view.setUint32(at, addString(names, row.name), true);
    view.setUint32(at + 4, row.type, true);
    view.setBigUint64(at + 8, BigInt(row.flags), true);
    view.setBigUint64(at + 16, row.address, true);
    view.setBigUint64(at + 24, BigInt(row.offset), true);
    view.setBigUint64(at + 32, BigInt(row.size), true);
    view.setUint32(at + 40, row.link, true);
    view.setUint32(at + 44, row.info, true);
    view.setBigUint64(at + 48, BigInt(row.addralign), true);
    view.setBigUint64(at + 56, BigInt(row.entsize), true);
  }
  return bytes;
}

/** Elf64_Sym rows, in the order given (entry 0 included, locals first); the names are added to `names`. */
export function encodeSymbols(rows: readonly ElfSymbol[], names: StringTable): Uint8Array {
  const bytes = new Uint8Array(rows.length * SYM_SIZE);
  const view = viewOf(bytes);
  for (const [index, row] of rows.entries()) {
    const at = index * SYM_SIZE;
    view.setUint32(at, addString(names, row.name), true);
    bytes[at + 4] = (row.binding << 4) | row.type;
    bytes[at + 5] = row.visibility;
    view.setUint16(at + 6, row.sectionIndex, true);
    view.setBigUint64(at + 8, row.value, true);
    view.setBigUint64(at + 16, row.size, true);
  }
  return bytes;
}

/** sh_info of a symbol table: the index of the first symbol that is not local. */
export function firstGlobal(rows: readonly ElfSymbol[]): number {
  const index = rows.findIndex((row) => row.binding !== STB_LOCAL);
  return index === -1 ? rows.length : index;
}

/** Elf64_Rela rows. */
export function encodeRelocations(rows: readonly Relocation[]): Uint8Array {
  const bytes = new Uint8Array(rows.length * RELA_SIZE);
  const view = viewOf(bytes);
  for (const [index, row] of rows.entries()) {
    const at = index * RELA_SIZE;
    view.setBigUint64(at, row.offset, true);
    view.setUint32(at + 8, row.type, true);
    view.setUint32(at + 12, row.symbolIndex, true);
    view.setBigInt64(at + 16, row.addend, true);
  }
  return bytes;
}

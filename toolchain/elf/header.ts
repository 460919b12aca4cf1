import { hex, readSafe, requireRange, viewOf } from './bytes.ts';
import { EHDR_SIZE, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, PHDR_SIZE, PT_LOAD } from './constants.ts';
import { ElfError, type ElfErrorCode } from './error.ts';

/** Elf64_Ehdr. Offsets and sizes are in bytes. */
export interface ElfHeader {
  /** ET_EXEC, ET_DYN, … */
  readonly type: number;
  /** EM_X86_64, … */
  readonly machine: number;
  readonly flags: number;
  /** EI_OSABI and EI_ABIVERSION; they say what OS-specific section flags mean */
  readonly osAbi: number;
  readonly abiVersion: number;
  /** virtual address */
  readonly entry: bigint;
  readonly programHeaderOffset: number;
  readonly programHeaderCount: number;
  readonly sectionHeaderOffset: number;
  /** bytes of one row of the section table */
  readonly sectionHeaderSize: number;
  readonly sectionHeaderCount: number;
  readonly sectionNameIndex: number;
}

/** Elf64_Phdr. */
export interface ProgramHeader {
  /** PT_LOAD, … */
  readonly type: number;
  /** PF_R | PF_W | PF_X */
  readonly flags: number;
  /** file offset */
  readonly offset: number;
  readonly virtualAddress: bigint;
  readonly physicalAddress: bigint;
  /** bytes in the file */
  readonly fileSize: number;
  /** bytes in memory; what exceeds `fileSize` is zero */
  readonly memorySize: number;
  /** bytes; 0 and 1 mean none */
  readonly align: number;
}

function expect(code: ElfErrorCode, what: string, offset: number, got: number, expected: number): void {
  if (got === expected) return;
  throw new ElfError(code, `${what} at file offset ${hex(offset)}: got ${hex(got)}, expected ${hex(expected)}`);
}

/**
 * Reads the 64 bytes every ELF file starts with (gABI "ELF Header"); any machine and type is accepted.
 * @throws {ElfError} truncated, bad-magic, not-elf64, not-little-endian, bad-version, bad-header, too-large
 */
export function readHeader(bytes: Uint8Array): ElfHeader {
  const magic = [0x7f, 0x45, 0x4c, 0x46];
  if (bytes.length >= 4 && magic.some((byte, index) => bytes[index] !== byte)) {
    const got = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new ElfError('bad-magic', `file offset 0x0: got ${got}, expected 7f 45 4c 46`);
  }
  requireRange(bytes, 0, EHDR_SIZE, 'header');
  const view = viewOf(bytes);
  expect('not-elf64', 'EI_CLASS', 4, bytes[4]!, ELFCLASS64);
  expect('not-little-endian', 'EI_DATA', 5, bytes[5]!, ELFDATA2LSB);
  expect('bad-version', 'EI_VERSION', 6, bytes[6]!, EV_CURRENT);
  expect('bad-version', 'e_version', 20, view.getUint32(20, true), EV_CURRENT);
  expect('bad-header', 'e_ehsize', 52, view.getUint16(52, true), EHDR_SIZE);
  return {
    type: view.getUint16(16, true),
    machine: view.getUint16(18, true),
    osAbi: bytes[7]!,
    abiVersion: bytes[8]!,
    entry: view.getBigUint64(24, true),
    programHeaderOffset: readSafe(view, 32, 'e_phoff'),
    sectionHeaderOffset: readSafe(view, 40, 'e_shoff'),
    flags: view.getUint32(48, true),
    programHeaderCount: programHeaderCount(view),
    sectionHeaderSize: view.getUint16(58, true),
    sectionHeaderCount: view.getUint16(60, true),
    sectionNameIndex: view.getUint16(62, true),
  };
}

/** Linux's limit on the table, `load_elf_phdrs` in fs/binfmt_elf.c; PN_XNUM is above it. */
const MAX_PROGRAM_HEADERS = Math.floor(65536 / PHDR_SIZE);

function programHeaderCount(view: DataView): number {
  const count = view.getUint16(56, true);
  if (count > MAX_PROGRAM_HEADERS) {
    throw new ElfError('bad-header', `e_phnum: got ${count}, expected at most ${MAX_PROGRAM_HEADERS}`);
  }
  if (count > 0) expect('bad-header', 'e_phentsize', 54, view.getUint16(54, true), PHDR_SIZE);
  return count;
}

/**
 * Reads the program headers alone: all that execve and the Rex loader need, whatever the section table holds.
 * The file bytes of every PT_LOAD are inside the file, which has `fileSize` bytes where `bytes` are only the part with the
 * table, and its memory size is not below its file size.
 * @throws {ElfError} as `readHeader`, and bad-program-header
 */
export function readProgramHeaders(
  bytes: Uint8Array,
  header: ElfHeader = readHeader(bytes),
  fileSize = bytes.length,
): ProgramHeader[] {
  const start = header.programHeaderOffset;
  if (header.programHeaderCount === 0) return [];
  requireRange(bytes, start, header.programHeaderCount * PHDR_SIZE, 'program header table');
  const view = viewOf(bytes);
  return Array.from({ length: header.programHeaderCount }, (_, index) =>
    readProgramHeader(view, start + index * PHDR_SIZE, `program header ${index}`, fileSize),
  );
}

function readProgramHeader(view: DataView, at: number, what: string, fileSize: number): ProgramHeader {
  const row = {
    type: view.getUint32(at, true),
    flags: view.getUint32(at + 4, true),
    offset: readSafe(view, at + 8, `${what}: p_offset`),
    virtualAddress: view.getBigUint64(at + 16, true),
    physicalAddress: view.getBigUint64(at + 24, true),
    fileSize: readSafe(view, at + 32, `${what}: p_filesz`),
    memorySize: readSafe(view, at + 40, `${what}: p_memsz`),
    align: readSafe(view, at + 48, `${what}: p_align`),
  };
  if (row.type !== PT_LOAD) return row;
  requireRange({ length: fileSize }, row.offset, row.fileSize, `${what} (PT_LOAD)`);
  if (row.memorySize < row.fileSize) {
    throw new ElfError(
      'bad-program-header',
      `${what}: got p_memsz ${hex(row.memorySize)}, expected at least p_filesz ${hex(row.fileSize)}`,
    );
  }
  if (row.virtualAddress + BigInt(row.memorySize) > 1n << 64n) {
    throw new ElfError(
      'bad-program-header',
      `${what}: ${hex(row.memorySize)} bytes at ${hex(row.virtualAddress)} pass the end of the address space`,
    );
  }
  return row;
}

/** Throws `bad-machine` unless the file is for `machine` (EM_X86_64, EM_BPF). */
export function requireMachine(header: ElfHeader, machine: number): void {
  expect('bad-machine', 'e_machine', 18, header.machine, machine);
}

/**
 * The file bytes of a segment, not copied.
 * @throws {ElfError} truncated
 */
export function segmentData(bytes: Uint8Array, segment: ProgramHeader): Uint8Array {
  requireRange(bytes, segment.offset, segment.fileSize, `segment at ${hex(segment.virtualAddress)}`);
  return bytes.subarray(segment.offset, segment.offset + segment.fileSize);
}

import { constants } from '../../kernel/layout/constants.ts';
import { rex_program_object } from '../../kernel/layout/structures.ts';
import { PF_X, PT_LOAD, R_X86_64_RELATIVE, SHF_ALLOC, SHT_PROGBITS } from '../elf/constants.ts';
import { ElfError, readVirtual, sectionData, type ElfFile, type Section } from '../elf/index.ts';
import { EntryInsertionError } from './error.ts';
import { holdsEntries, REX_SECTION_PREFIX } from './generated-entries.ts';
import { acceptsSection, programTypes, type ProgramType } from './program-types.ts';

/** What one `rex_program_object` says; addresses are virtual, relative to the image's base. */
export interface ProgramObject {
  readonly name: string;
  /** the source section without `rex/` */
  readonly section: string;
  readonly type: ProgramType;
  readonly address: bigint;
  /** the extension function */
  readonly prog: bigint;
}

const { size: OBJECT_SIZE, fields } = rex_program_object;
const MAX_OBJECTS = constants.MAX_PROG_SZ / OBJECT_SIZE;

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

/**
 * The program objects of all `rex/*` sections in the order of their addresses.
 * @throws {EntryInsertionError} bad-section, missing-relocation, unknown-program-type,
 * section-mismatch, bad-program, bad-name, duplicate-name, too-large
 */
export function readProgramObjects(elf: ElfFile): ProgramObject[] {
  const sections = elf.sections.filter(
    (section) => section.name.startsWith(REX_SECTION_PREFIX) && !holdsEntries(section),
  );
  const addends = new Map<bigint, bigint>();
  for (const { type, offset, addend } of elf.relocations) if (type === R_X86_64_RELATIVE) addends.set(offset, addend);

  const objects: ProgramObject[] = [];
  for (const section of sections.sort((a, b) => Number(a.address - b.address))) {
    checkSection(section);
    if (objects.length + section.size / OBJECT_SIZE > MAX_OBJECTS) {
      throw new EntryInsertionError(
        'too-large',
        `more than ${MAX_OBJECTS} program objects at section '${section.name}'`,
      );
    }
    for (let offset = 0; offset < section.size; offset += OBJECT_SIZE) {
      objects.push(readProgramObject(elf, section, offset, addends));
    }
  }
  requireUniqueNames(objects);
  return objects;
}

function checkSection(section: Section): void {
  if (section.type !== SHT_PROGBITS || (section.flags & SHF_ALLOC) === 0) {
    throw new EntryInsertionError(
      'bad-section',
      `section '${section.name}': got type ${section.type}, flags ${hex(section.flags)}, expected allocated SHT_PROGBITS`,
    );
  }
  if (section.size % OBJECT_SIZE !== 0) {
    throw new EntryInsertionError(
      'bad-section',
      `section '${section.name}': got ${section.size} bytes, expected a multiple of the ${OBJECT_SIZE} bytes of a program object`,
    );
  }
}

function readProgramObject(
  elf: ElfFile,
  section: Section,
  offset: number,
  addends: ReadonlyMap<bigint, bigint>,
): ProgramObject {
  const address = section.address + BigInt(offset);
  const what = `program object at ${hex(address)} in section '${section.name}'`;
  const bytes = sectionData(elf, section);
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, OBJECT_SIZE);
  const pointer = (field: 'prog' | 'name_pointer'): bigint => {
    const at = address + BigInt(fields[field].offset);
    const addend = addends.get(at);
    if (addend !== undefined) return addend;
    throw new EntryInsertionError(
      'missing-relocation',
      `${what}: expected R_X86_64_RELATIVE at ${hex(at)} for '${field}'; link with -Crelocation-model=pie`,
    );
  };

  const type = programType(view.getBigUint64(fields.rtti.offset, true), section, what);
  const prog = pointer('prog');
  if (!isExecutable(elf, prog)) {
    throw new EntryInsertionError(
      'bad-program',
      `${what}: got 'prog' ${hex(prog)}, expected an address of executable bytes`,
    );
  }
  const name = programName(elf, pointer('name_pointer'), view.getBigUint64(fields.name_length.offset, true), what);
  return { name, section: section.name.slice(REX_SECTION_PREFIX.length), type, address, prog };
}

function programType(rtti: bigint, section: Section, what: string): ProgramType {
  const type = programTypes.find((row) => BigInt(row.rtti) === rtti);
  if (type === undefined) {
    const known = programTypes.map((row) => `${row.rtti} (${row.name})`).join(', ');
    throw new EntryInsertionError('unknown-program-type', `${what}: got rtti ${rtti}, expected one of ${known}`);
  }
  if (acceptsSection(type, section.name.slice(REX_SECTION_PREFIX.length))) return type;
  const expected = type.sections.map((name) => `'${REX_SECTION_PREFIX}${name}'`).join(' or ');
  throw new EntryInsertionError(
    'section-mismatch',
    `${what}: rtti ${rtti} is ${type.name}, expected section ${expected}, alone or followed by '/…'`,
  );
}

export function isExecutable(elf: ElfFile, address: bigint): boolean {
  return elf.programHeaders.some(
    ({ type, flags, virtualAddress, fileSize }) =>
      type === PT_LOAD &&
      (flags & PF_X) !== 0 &&
      address >= virtualAddress &&
      address < virtualAddress + BigInt(fileSize),
  );
}

function programName(elf: ElfFile, pointer: bigint, length: bigint, what: string): string {
  const max = constants.KSYM_NAME_LEN - 1;
  if (length > BigInt(max)) {
    throw new EntryInsertionError('bad-name', `${what}: got a name of ${length} bytes, expected at most ${max}`);
  }
  const name = decodeName(elf, pointer, Number(length), what);
  if (/^[\p{XID_Start}_][\p{XID_Continue}]*$/u.test(name)) return name;
  throw new EntryInsertionError('bad-name', `${what}: got the name ${JSON.stringify(name)}, expected an identifier`);
}

function decodeName(elf: ElfFile, pointer: bigint, length: number, what: string): string {
  try {
    const bytes = readVirtual(elf, pointer, length);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.slice());
  } catch (error) {
    const reason = error instanceof ElfError ? error.message : 'expected UTF-8';
    throw new EntryInsertionError('bad-name', `${what}: name of ${length} bytes at ${hex(pointer)}: ${reason}`);
  }
}

function requireUniqueNames(objects: readonly ProgramObject[]): void {
  const seen = new Map<string, ProgramObject>();
  for (const object of objects) {
    const other = seen.get(object.name);
    if (other !== undefined) {
      throw new EntryInsertionError(
        'duplicate-name',
        `program '${object.name}' has objects at ${hex(other.address)} and ${hex(object.address)}, expected one`,
      );
    }
    seen.set(object.name, object);
  }
}

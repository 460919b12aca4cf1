/** What librex reads out of a Rex ELF file before it calls the kernel: maps, programs, relocations, names. */
import {
  R_X86_64_GLOB_DAT,
  R_X86_64_JUMP_SLOT,
  R_X86_64_RELATIVE,
  SHN_LORESERVE,
  SHN_UNDEF,
  STT_FUNC,
  STT_OBJECT,
} from '../../toolchain/elf/constants.ts';
import { readElf, readVirtual, type ElfFile, type ElfSymbol, type Relocation } from '../../toolchain/elf/index.ts';
import { constants } from '../layout/constants.ts';
import { readStructure } from '../layout/read-structure.ts';
import { rex_map_handle } from '../layout/structures.ts';
import type { RexFunction, RexImport, RexRelocation } from './request.ts';

export interface RexMapDefinition {
  /** at most 15 characters of [A-Za-z0-9_.] */
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** of the field that takes the descriptor: bytes from the start of the image, and of the file */
  readonly pointerOffset: bigint;
  readonly fileOffset: number;
}

export interface RexProgramDefinition {
  readonly name: string;
  /** as `kprobe/__x64_sys_dup` */
  readonly section: string;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** bytes from the start of the image */
  readonly offset: bigint;
}

export interface RexObject {
  readonly maps: readonly RexMapDefinition[];
  readonly programs: readonly RexProgramDefinition[];
  /** __rex_handle_timeout, bytes from the start of the image */
  readonly timeoutOffset: bigint;
  readonly relocations: readonly RexRelocation[];
  readonly imports: readonly RexImport[];
  readonly functions: readonly RexFunction[];
}

/** A file that is ELF, but not a Rex object. */
export class RexObjectError extends Error {
  override readonly name = 'RexObjectError';
}

const c = constants;

/** Program types by the first part of the section's name, as libbpf's section_defs. */
const sectionTypes: ReadonlyMap<string, number> = new Map([
  ['kprobe', c.BPF_PROG_TYPE_KPROBE],
  ['kretprobe', c.BPF_PROG_TYPE_KPROBE],
  ['uprobe', c.BPF_PROG_TYPE_KPROBE],
  ['uretprobe', c.BPF_PROG_TYPE_KPROBE],
  ['ksyscall', c.BPF_PROG_TYPE_KPROBE],
  ['kretsyscall', c.BPF_PROG_TYPE_KPROBE],
  ['tracepoint', c.BPF_PROG_TYPE_TRACEPOINT],
  ['tp', c.BPF_PROG_TYPE_TRACEPOINT],
  ['xdp', c.BPF_PROG_TYPE_XDP],
  ['tc', c.BPF_PROG_TYPE_SCHED_CLS],
  ['classifier', c.BPF_PROG_TYPE_SCHED_CLS],
  ['perf_event', c.BPF_PROG_TYPE_PERF_EVENT],
]);

const sectionOf = (elf: ElfFile, symbol: ElfSymbol): string =>
  symbol.sectionIndex === SHN_UNDEF || symbol.sectionIndex >= SHN_LORESERVE
    ? ''
    : (elf.sections[symbol.sectionIndex]?.name ?? '');

const objectNameOf = (name: string): string => name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, 15);

function readMap(elf: ElfFile, symbol: ElfSymbol): RexMapDefinition {
  const bytes = readVirtual(elf, symbol.value, rex_map_handle.size);
  const handle = readStructure(bytes, rex_map_handle);
  const { offset } = rex_map_handle.fields.kptr;
  return {
    name: objectNameOf(symbol.name),
    type: handle.number('map_type'),
    keySize: handle.number('key_size'),
    valueSize: handle.number('val_size'),
    maxEntries: handle.number('max_size'),
    flags: handle.number('map_flag'),
    pointerOffset: symbol.value + BigInt(offset),
    fileOffset: bytes.byteOffset - elf.bytes.byteOffset + offset,
  };
}

function readProgram(elf: ElfFile, symbol: ElfSymbol): RexProgramDefinition[] {
  const section = sectionOf(elf, symbol);
  const type = sectionTypes.get(section.split('/')[0]!);
  return type === undefined ? [] : [{ name: objectNameOf(symbol.name), section, type, offset: symbol.value }];
}

/** Bytes that a function's size is rounded up to. */
const FUNCTION_ALIGNMENT = 16n;

const readFunction = ({ name, value, size }: ElfSymbol): RexFunction => ({
  offset: value,
  size: ((size + FUNCTION_ALIGNMENT - 1n) / FUNCTION_ALIGNMENT) * FUNCTION_ALIGNMENT,
  name,
});

/** A slot for what the image defines itself becomes a RELATIVE relocation, the rest an import. */
function readSlot(elf: ElfFile, row: Relocation): RexRelocation | RexImport {
  const { offset, type, addend } = row;
  const relative = (value: bigint): RexRelocation => ({
    offset,
    info: BigInt(R_X86_64_RELATIVE),
    addend: BigInt.asUintN(64, value),
  });
  if (type === R_X86_64_RELATIVE) return relative(addend);
  const symbol = elf.dynamicSymbols[row.symbolIndex];
  if ((type !== R_X86_64_GLOB_DAT && type !== R_X86_64_JUMP_SLOT) || symbol === undefined) {
    throw new RexObjectError(`relocation at 0x${offset.toString(16)}: got type ${type}, expected RELATIVE or GLOB_DAT`);
  }
  return symbol.sectionIndex === SHN_UNDEF ? { offset, name: symbol.name } : relative(symbol.value);
}

/**
 * Reads a Rex object; the bytes are not changed.
 * @throws {ElfError} anything malformed
 * @throws {RexObjectError} no program, no __rex_handle_timeout, a relocation of another type
 */
export function readRexObject(file: Uint8Array): RexObject {
  const elf = readElf(file);
  const functions = elf.symbols.filter(({ type, value }) => type === STT_FUNC && value !== 0n);
  const isMap = (symbol: ElfSymbol): boolean =>
    symbol.type === STT_OBJECT && symbol.size === BigInt(rex_map_handle.size) && sectionOf(elf, symbol) === '.maps';
  const slots = elf.relocations.map((row) => readSlot(elf, row));
  const timeout = functions.find(({ name }) => name === '__rex_handle_timeout');
  if (timeout === undefined) throw new RexObjectError('no function __rex_handle_timeout');
  const programs = functions.flatMap((symbol) => readProgram(elf, symbol));
  if (programs.length === 0) throw new RexObjectError('no function in a section such as kprobe or tracepoint/…');
  return {
    maps: elf.symbols.filter(isMap).map((symbol) => readMap(elf, symbol)),
    programs,
    timeoutOffset: timeout.value,
    relocations: slots.filter((slot) => 'addend' in slot),
    imports: slots.filter((slot) => 'name' in slot),
    functions: functions.map(readFunction),
  };
}

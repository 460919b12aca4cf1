/**
 * What ELF files say of the code in them: symbols and debug information, read when they are first asked for. Files are known
 * by their bytes, so that a restored box, whose arrays are others, has nothing read again.
 */
import { readDebugInformation, type DebugInformation } from '../../toolchain/dwarf/index.ts';
import { demangle, ElfError, readElf, sectionData, type ElfFile } from '../../toolchain/elf/index.ts';
import { SHN_UNDEF, SHT_NOBITS, STT_FUNC, STT_NOTYPE, STT_OBJECT } from '../../toolchain/elf/constants.ts';
import { areEqual } from './code-bytes.ts';
import { createIntervals, smallestAt, type Intervals } from '../../toolchain/dwarf/intervals.ts';

/** A symbol of a file, by the file's own addresses. */
export interface FileSymbol {
  /** demangled */
  readonly name: string;
  readonly address: bigint;
  /** bytes */
  readonly size: bigint;
}

export interface CodeFile {
  readonly bytes: Uint8Array;
  /** undefined for bytes that are no ELF file */
  readonly elf: ElfFile | undefined;
  /** the function that an address lies in */
  functionAt(address: bigint): FileSymbol | undefined;
  /** the variable that an address lies in */
  objectAt(address: bigint): FileSymbol | undefined;
  /** the bytes with its debug information: its own, or those of the debug file beside it; undefined: there is none */
  readonly debugFile: Uint8Array | undefined;
  /** what `debugFile` says; undefined: there is none, or it cannot be read */
  readonly debug: DebugInformation | undefined;
  /** what of it could not be read */
  readonly problems: readonly string[];
}

/** Debug files that may belong to a program: candidates for one whose path ends in `name`. */
export type DebugFiles = (name: string) => Iterable<Uint8Array>;

/** debug sections of more bytes are not read: some seconds and 1 GiB */
const MAX_DEBUG = 32 << 20;
/** files that are remembered, and their bytes */
const MAX_FILES = 256;
const MAX_BYTES = 256 << 20;

const isDebug = (name: string): boolean => name.startsWith('.debug_');
const hasLines = ({ sections }: ElfFile): boolean => sections.some(({ name }) => name === '.debug_line');

function elfOf(bytes: Uint8Array): ElfFile | string {
  try {
    return readElf(bytes);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return error.message;
  }
}

/** Symbols of `types`; one without a size reaches to the next, at most to the end of its section. */
function symbolsOf({ symbols, sections }: ElfFile, types: readonly number[]): Intervals<FileSymbol> {
  const rows = symbols
    .filter(({ name, type, sectionIndex }) => name !== '' && sectionIndex !== SHN_UNDEF && types.includes(type))
    .sort((left, right) => (left.value < right.value ? -1 : left.value > right.value ? 1 : 0));
  let next: bigint | undefined;
  const found: { readonly low: bigint; readonly high: bigint; readonly value: FileSymbol }[] = [];
  for (let n = rows.length - 1; n >= 0; n--) {
    const { name, value: address, size, sectionIndex } = rows[n]!;
    const section = sections[sectionIndex];
    const sectionEnd = section === undefined ? address + 1n : section.address + BigInt(section.size);
    const reach = next === undefined || next > sectionEnd ? sectionEnd : next;
    const high = size > 0n ? address + size : reach;
    if (high > address)
      found.push({ low: address, high, value: { name: demangle(name), address, size: high - address } });
    if (n > 0 && rows[n - 1]!.value < address) next = address;
  }
  return createIntervals(found);
}

/** The NT_GNU_BUILD_ID note's bytes, as text. */
function buildId(elf: ElfFile): string | undefined {
  const note = elf.sections.find(({ name, type }) => name === '.note.gnu.build-id' && type !== SHT_NOBITS);
  return note === undefined ? undefined : [...sectionData(elf, note)].join(' ');
}

/** What a program and its debug file have in common: where its sections and functions are. */
function layoutOf({ sections, symbols }: ElfFile): string {
  const allocated = sections.filter(({ address }) => address !== 0n);
  const functions = symbols.filter(({ type }) => type === STT_FUNC);
  return [
    ...allocated.map(({ name, address, size }) => `${name} ${address} ${size}`),
    ...functions.map(({ name, value, size }) => `${name} ${value} ${size}`),
  ].join('\n');
}

function isDebugFileOf(program: ElfFile, candidate: ElfFile): boolean {
  const [ours, theirs] = [buildId(program), buildId(candidate)];
  if (ours !== undefined && theirs !== undefined) return ours === theirs;
  return layoutOf(program) === layoutOf(candidate);
}

/** The file with the debug information of `elf`: itself, or the first of the candidates that is its debug file. */
function findDebugFile(elf: ElfFile, candidates: () => Iterable<Uint8Array>): ElfFile | undefined {
  if (hasLines(elf)) return elf;
  for (const bytes of candidates()) {
    const candidate = elfOf(bytes);
    if (typeof candidate !== 'string' && hasLines(candidate) && isDebugFileOf(elf, candidate)) return candidate;
  }
  return undefined;
}

/** The debug information in `file`. */
function readDebug(file: ElfFile, problems: string[]): DebugInformation | undefined {
  const size = file.sections.reduce((sum, section) => sum + (isDebug(section.name) ? section.size : 0), 0);
  if (size > MAX_DEBUG) {
    problems.push(`${size} bytes of debug information: expected at most ${MAX_DEBUG}`);
    return undefined;
  }
  try {
    const debug = readDebugInformation(file.bytes);
    problems.push(...debug.problems.map(({ message }) => message));
    return debug;
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}

function createCodeFile(bytes: Uint8Array, name: string, debugFiles: DebugFiles): CodeFile {
  const read = elfOf(bytes);
  const elf = typeof read === 'string' ? undefined : read;
  const problems = typeof read === 'string' ? [read] : [];
  let functions: Intervals<FileSymbol> | undefined;
  let objects: Intervals<FileSymbol> | undefined;
  let from: { readonly file: ElfFile | undefined } | undefined;
  let debug: { readonly value: DebugInformation | undefined } | undefined;
  const debugFile = (): ElfFile | undefined => {
    if (elf === undefined) return undefined;
    from ??= { file: findDebugFile(elf, () => debugFiles(name)) };
    return from.file;
  };
  return {
    bytes,
    elf,
    problems,
    functionAt(address) {
      if (elf === undefined) return undefined;
      functions ??= symbolsOf(elf, [STT_FUNC, STT_NOTYPE]);
      return smallestAt(functions, address)?.value;
    },
    objectAt(address) {
      if (elf === undefined) return undefined;
      objects ??= symbolsOf(elf, [STT_OBJECT]);
      return smallestAt(objects, address)?.value;
    },
    get debugFile() {
      return debugFile()?.bytes;
    },
    get debug() {
      if (debug !== undefined) return debug.value;
      const file = debugFile();
      debug = { value: file === undefined ? undefined : readDebug(file, problems) };
      return debug.value;
    },
  };
}

export interface CodeFiles {
  /** `name`: the last part of its path, by which a debug file is looked for */
  of(bytes: Uint8Array, name: string): CodeFile;
  /** what could not be read of the files asked for so far, a line each, with the file's name */
  readonly problems: readonly string[];
}

/** Files by content, the latest kept. */
export function createCodeFiles(debugFiles: DebugFiles = () => []): CodeFiles {
  let byIdentity = new WeakMap<Uint8Array, CodeFile>();
  const known: { readonly name: string; readonly file: CodeFile }[] = [];
  const add = (bytes: Uint8Array, name: string): CodeFile => {
    const same = known.find(({ file }) => areEqual(file.bytes, bytes));
    if (same !== undefined) return same.file;
    // a copy: the guest may write where it has these bytes from
    const file = createCodeFile(bytes.slice(), name, debugFiles);
    known.push({ name, file });
    let size = known.reduce((sum, entry) => sum + entry.file.bytes.length, 0);
    while (known.length > 1 && (known.length > MAX_FILES || size > MAX_BYTES)) {
      size -= known.shift()!.file.bytes.length;
      byIdentity = new WeakMap();
    }
    return file;
  };
  return {
    of(bytes, name) {
      let file = byIdentity.get(bytes);
      if (file === undefined) byIdentity.set(bytes, (file = add(bytes, name)));
      return file;
    },
    get problems() {
      return known.flatMap(({ name, file }) => file.problems.map((problem) => `${name}: ${problem}`));
    },
  };
}

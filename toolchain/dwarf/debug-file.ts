/** The sections of one file, its strings, and the budget that bounds all reading. */
import { sectionData, type ElfFile } from '../elf/index.ts';
import { SHF_ALLOC, SHF_EXECINSTR } from '../elf/constants.ts';
import { cursorAt, debugSection, skipString, type DebugSection } from './cursor.ts';
import { DwarfError } from './error.ts';

const SHF_COMPRESSED = 0x800;

/** steps per byte of debug information: real files need about 2; and a floor for small ones */
const STEPS_PER_BYTE = 32;
const MIN_STEPS = 1 << 16;

/** A longer string is refused. */
const MAX_STRING = 65535;

const names = {
  info: '.debug_info',
  abbreviations: '.debug_abbrev',
  line: '.debug_line',
  lineStrings: '.debug_line_str',
  strings: '.debug_str',
  stringOffsets: '.debug_str_offsets',
  addresses: '.debug_addr',
  ranges: '.debug_ranges',
  rangeLists: '.debug_rnglists',
} as const;

export interface DebugFile {
  /** empty ones for those that the file does not have */
  readonly sections: Readonly<Record<keyof typeof names, DebugSection>>;
  /** where code is: `[low, high)` each */
  readonly code: readonly { readonly low: bigint; readonly high: bigint }[];
  /** by section and offset */
  readonly seenStrings: Map<DebugSection, Map<number, string>>;
  /** what may still be done: one step an attribute, an entry of a list, a character of a string */
  steps: number;
  /** what was wrong with the parts that are left out; the first 100 */
  readonly problems: Error[];
}

/** Keeps what is wrong with one part of the file; other parts are still read. */
export function tolerate(file: DebugFile, body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!(error instanceof DwarfError)) throw error;
    if (file.problems.length < 100) file.problems.push(error);
  }
}

export function openDebugFile(elf: ElfFile): DebugFile {
  const problems: Error[] = [];
  const sectionNamed = (name: string): DebugSection => {
    const section = elf.sections.find((candidate) => candidate.name === name);
    if (section === undefined) return debugSection(name, new Uint8Array());
    if ((section.flags & SHF_COMPRESSED) !== 0) {
      problems.push(
        new DwarfError('unsupported', name, 0, 'got a compressed section: objcopy --decompress-debug-sections'),
      );
      return debugSection(name, new Uint8Array());
    }
    return debugSection(name, sectionData(elf, section));
  };
  const sections = Object.fromEntries(
    Object.entries(names).map(([key, name]) => [key, sectionNamed(name)]),
  ) as DebugFile['sections'];
  const size = Object.values(sections).reduce((sum, { bytes }) => sum + bytes.length, 0);
  const executable = SHF_ALLOC | SHF_EXECINSTR;
  const code = elf.sections
    .filter(({ flags }) => (flags & executable) === executable)
    .map(({ address, size: length }) => ({ low: address, high: address + BigInt(length) }));
  return { sections, code, seenStrings: new Map(), steps: STEPS_PER_BYTE * size + MIN_STEPS, problems };
}

/** Whether code can lie there: what the linker dropped is left at 0, 1 or -1. */
export function isCode(file: DebugFile, low: bigint, high: bigint): boolean {
  return low < high && file.code.some((section) => section.low <= low && high <= section.high);
}

/** @throws {DwarfError} too-large when the file's budget is used up */
export function spend(file: DebugFile, steps: number, section: DebugSection, offset: number): void {
  file.steps -= steps;
  if (file.steps >= 0) return;
  throw new DwarfError('too-large', section.name, offset, 'more work than sections of this size are worth');
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** The NUL-terminated string at `offset`; bytes that are not UTF-8 become U+FFFD. */
export function stringAt(file: DebugFile, section: DebugSection, offset: number): string {
  let seen = file.seenStrings.get(section);
  if (seen === undefined) file.seenStrings.set(section, (seen = new Map()));
  const known = seen.get(offset);
  if (known !== undefined) return known;
  const cursor = cursorAt(section, offset, Math.max(offset, Math.min(section.bytes.length, offset + MAX_STRING + 1)));
  skipString(cursor);
  const length = cursor.at - 1 - offset;
  spend(file, length + 1, section, offset);
  const text = utf8.decode(section.bytes.subarray(offset, offset + length));
  seen.set(offset, text);
  return text;
}

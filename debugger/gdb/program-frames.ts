/**
 * .debug_frame of a program that has no unwind tables, from its instructions: the samples' C programs are built without, and
 * gdb alone loses its way in optimised code.
 */
import { SHN_UNDEF, STT_FUNC } from '../../toolchain/elf/constants.ts';
import { readVirtual, type ElfFile, type ElfSymbol } from '../../toolchain/elf/index.ts';
import { stackRules } from '../story/index.ts';
import { calledRow, isSameRow } from './frame-rows.ts';
import { DwarfRegister, frameSection, type FrameRow, type FrameStretch } from './frame-writer.ts';

const WORD = 8;
/** bytes of code that are followed, of all functions: about a second */
const MOST_CODE = 1 << 20;
/** an .eh_frame of no more bytes has nothing but its end */
const EMPTY = 4;
/** where a process begins: nothing has called it */
const STARTS: ReadonlySet<string> = new Set(['_start', '__clone']);

/** bytes of a start that has no size */
const LONGEST_START = 64n;

const isCode = ({ type, sectionIndex, size }: ElfSymbol): boolean =>
  type === STT_FUNC && sectionIndex !== SHN_UNDEF && size > 0n;

/** Written in assembler without a size: up to the next function. */
function withSize(start: ElfSymbol, functions: Iterable<ElfSymbol>): ElfSymbol {
  let end = start.value + LONGEST_START;
  for (const { value } of functions) if (value > start.value && value < end) end = value;
  return { ...start, size: end - start.value };
}

/** One of each address, the longest. */
function functionsOf({ symbols }: ElfFile): ElfSymbol[] {
  const found = new Map<bigint, ElfSymbol>();
  for (const symbol of symbols.filter(isCode)) {
    const known = found.get(symbol.value);
    if (known === undefined || known.size < symbol.size) found.set(symbol.value, symbol);
  }
  const starts = symbols.filter(({ name, sectionIndex }) => STARTS.has(name) && sectionIndex !== SHN_UNDEF);
  for (const start of starts) if (!found.has(start.value)) found.set(start.value, withSize(start, found.values()));
  return [...found.values()];
}

function stretchOf(elf: ElfFile, { name, value, size }: ElfSymbol): FrameStretch | undefined {
  const bytes = readVirtual(elf, value, Number(size));
  const { before } = stackRules(bytes, value, [{ address: value, depth: WORD }]);
  const rows: { at: number; row: FrameRow }[] = [];
  for (const [address, rule] of [...before].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const called = calledRow(rule);
    const row = STARTS.has(name) ? { ...called, saved: new Map([[DwarfRegister.rip, undefined]]) } : called;
    if (!isSameRow(rows.at(-1)?.row, row)) rows.push({ at: Number(address - value), row });
  }
  return rows.length === 0 || rows[0]!.at !== 0 ? undefined : { start: value, size: Number(size), signal: false, rows };
}

/** Undefined for a program that has tables of its own, or too much code. */
export function programFrames(elf: ElfFile): Uint8Array | undefined {
  const own = elf.sections.some(
    ({ name, size }) => (name === '.eh_frame' && size > EMPTY) || (name === '.debug_frame' && size > 0),
  );
  const functions = own ? [] : functionsOf(elf);
  const code = functions.reduce((sum, { size }) => sum + size, 0n);
  if (functions.length === 0 || code > BigInt(MOST_CODE)) return undefined;
  return frameSection(functions.flatMap((symbol) => stretchOf(elf, symbol) ?? []));
}

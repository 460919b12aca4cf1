/** Function symbols: what the linker calls the code, and all there is for code without debug information. */
import { demangle, type ElfFile } from '../elf/index.ts';
import { SHN_UNDEF, STT_FUNC } from '../elf/constants.ts';
import { createIntervals, type Intervals } from './intervals.ts';

/** Names, demangled. */
export function readFunctionSymbols({ symbols }: ElfFile): Intervals<string> {
  const functions = symbols.filter(
    ({ type, sectionIndex, size }) => type === STT_FUNC && sectionIndex !== SHN_UNDEF && size > 0n,
  );
  return createIntervals(
    functions.map(({ name, value, size }) => ({ low: value, high: value + size, value: demangle(name) })),
  );
}

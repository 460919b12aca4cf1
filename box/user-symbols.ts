/** Names of addresses in programs: from the .symtab of the file that a task executes. */
import { demangle, ElfError, readElf, type ElfFile } from '../toolchain/elf/index.ts';
import { ET_DYN, PT_LOAD, SHN_UNDEF, STT_FUNC, STT_NOTYPE } from '../toolchain/elf/constants.ts';
import { Errno } from '../kernel/errno.ts';
import { hostText } from '../kernel/fs/bytes.ts';
import { readFile } from '../kernel/fs/inodes.ts';
import { areasOf } from '../kernel/mm/areas.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/task.ts';
import type { Place } from './symbolizer.ts';

interface Program {
  /** address of the file's lowest byte in memory, as the file has it; undefined for one that is not moved */
  readonly lowest: bigint | undefined;
  /** by address, ascending */
  readonly symbols: readonly { readonly name: string; readonly value: bigint; readonly size: bigint }[];
}

const empty: Program = { lowest: undefined, symbols: [] };

function readProgram(elf: ElfFile): Program {
  const named = elf.symbols.filter(
    ({ name, type, sectionIndex }) =>
      name !== '' && sectionIndex !== SHN_UNDEF && (type === STT_FUNC || type === STT_NOTYPE),
  );
  const symbols = named
    .map(({ name, value, size }) => ({ name: demangle(name), value, size }))
    .sort((left, right) => (left.value < right.value ? -1 : left.value > right.value ? 1 : 0));
  const first = elf.programHeaders.find(({ type }) => type === PT_LOAD);
  return { lowest: elf.header.type === ET_DYN ? (first?.virtualAddress ?? 0n) & ~0xfffn : undefined, symbols };
}

/** `path` as the guest has it: a byte a character. */
function programAt(kernel: Kernel, path: string): Program {
  try {
    const bytes = readFile(kernel, hostText(path));
    return bytes === undefined ? empty : readProgram(readElf(bytes));
  } catch (error) {
    if (error instanceof ElfError || error instanceof Errno) return empty;
    throw error;
  }
}

/** The last symbol at or below `address`, when it reaches that far; one without a size reaches to the next. */
function nearest({ symbols }: Program, address: bigint): Program['symbols'][number] | undefined {
  let low = 0;
  let high = symbols.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (symbols[middle]!.value <= address) low = middle + 1;
    else high = middle;
  }
  const symbol = symbols[low - 1];
  return symbol !== undefined && (symbol.size === 0n || address < symbol.value + symbol.size) ? symbol : undefined;
}

/** The symbol that an address of a task's program lies in. Files are read once by path. */
export function createUserSymbols(kernel: Kernel): (task: Task, address: bigint) => Place | undefined {
  const programs = new Map<string, Program>();
  const programOf = (path: string): Program => {
    const known = programs.get(path) ?? programAt(kernel, path);
    programs.set(path, known);
    return known;
  };
  return (task, address) => {
    const program = programOf(task.executable);
    let inFile = address;
    if (program.lowest !== undefined) {
      const areas = areasOf(kernel, task);
      const first = areas.find(({ name }) => name === task.executable);
      inFile = address - (first?.start ?? 0n) + program.lowest;
    }
    const symbol = nearest(program, inFile);
    if (symbol === undefined) return undefined;
    return { symbol: symbol.name, offset: inFile - symbol.value };
  };
}

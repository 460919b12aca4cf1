/** The bytes of an ELF file -> what its code was written as. */
import { readElf } from '../elf/index.ts';
import { openDebugFile } from './debug-file.ts';
import { allFunctions, functionAt, readFunctions, type CodeFunction } from './functions.ts';
import { createIntervals, lastAtOrBelow, smallestAt } from './intervals.ts';
import { readLineTables, type Sequence } from './line-program.ts';
import { readFunctionSymbols } from './symbols.ts';
import { readUnits } from './units.ts';

export interface SourceLine {
  /** `/rex/samples/hello/main.rs`: as the compiler was told; undefined where it does not say */
  readonly file: string | undefined;
  /** from 1; 0: no line of the source */
  readonly line: number;
  /** from 1; 0: the whole line */
  readonly column: number;
}

export interface SourceFrame {
  /** a path for Rust functions that have one; undefined where nothing names the code */
  readonly function: string | undefined;
  readonly file: string | undefined;
  readonly line: number;
}

/** Where a line begins. */
export interface LinePlace {
  readonly address: bigint;
  readonly line: number;
}

export interface DebugInformation {
  /** The line that the instruction around `address` was compiled from. */
  lineAt(address: bigint): SourceLine | undefined;
  /**
   * The function at `address` and those it is inlined into, innermost first, as `addr2line -i -f` has them. A function
   * without debug information is one frame, from the symbol table; nothing known, none.
   */
  framesAt(address: bigint): readonly SourceFrame[];
  /**
   * Where the line begins (rows with is_stmt), ascending; an optimized line often begins several times. A line of which
   * nothing is left but inlined calls begins where these do. `file` is a path or its last parts, `main.rs`.
   */
  addressesOf(file: string, line: number): readonly bigint[];
  /** Lines of which nothing is left but inlined calls, and where those begin, by path. */
  readonly inlinedLines: ReadonlyMap<string, readonly LinePlace[]>;
  /** paths that have lines, sorted */
  readonly files: readonly string[];
  /** what is damaged or refused, and left out; the first 100 */
  readonly problems: readonly Error[];
}

function lineIn({ addresses, words, files }: Sequence, address: bigint): SourceLine | undefined {
  const row = lastAtOrBelow(addresses.length, (index) => addresses[index]!, address);
  if (row < 0) return undefined;
  const [file, line, column] = words.subarray(3 * row, 3 * row + 3) as unknown as [number, number, number];
  return { file: files[file], line, column: column >>> 1 };
}

/** path -> places */
type Places = Map<string, LinePlace[]>;

function addPlace(places: Places, path: string | undefined, place: LinePlace): void {
  if (path === undefined) return;
  const list = places.get(path);
  if (list === undefined) places.set(path, [place]);
  else list.push(place);
}

/** Rows with is_stmt. */
function rowPlaces(sequences: readonly Sequence[]): Places {
  const places: Places = new Map();
  for (const { addresses, words, files } of sequences) {
    for (const [row, address] of addresses.entries()) {
      if ((words[3 * row + 2]! & 1) === 0) continue;
      addPlace(places, files[words[3 * row]!], { address, line: words[3 * row + 1]! });
    }
  }
  return places;
}

/** Calls that were inlined. */
function callPlaces(functions: Iterable<CodeFunction>): Places {
  const places: Places = new Map();
  for (const { callFile, callLine, low } of functions) addPlace(places, callFile, { address: low, line: callLine });
  return places;
}

/** Those of lines that have no row. */
function withoutRows(calls: Places, rows: Places): Places {
  const rest: Places = new Map();
  for (const [path, places] of calls) {
    const lines = new Set(rows.get(path)?.map(({ line }) => line));
    for (const place of places) if (place.line > 0 && !lines.has(place.line)) addPlace(rest, path, place);
  }
  return rest;
}

function addressesIn(places: Places, path: string, line: number): bigint[] {
  const suffix = `/${path}`;
  const lists = [...places].filter(([name]) => name === path || name.endsWith(suffix)).map(([, list]) => list);
  const addresses = lists.flatMap((list) => list.filter((place) => place.line === line).map(({ address }) => address));
  return [...new Set(addresses)].sort(byAddress);
}

const byAddress = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Reads DWARF 2 to 5 of a linked ELF file: images, programs, and the `.debug` files beside them; addresses are the file's.
 * Time and memory are bounded by the file's size. Damaged debug information is left out and told in `problems`.
 * @throws {ElfError} on a malformed ELF file, and nothing else
 */
export function readDebugInformation(bytes: Uint8Array): DebugInformation {
  const elf = readElf(bytes);
  const file = openDebugFile(elf);
  const units = readUnits(file);
  const directories = new Map(units.map(({ lineTable, directory }) => [lineTable ?? -1, directory]));
  const { sequences, files } = readLineTables(file, directories);
  const functions = readFunctions(file, units, files);
  const symbols = readFunctionSymbols(elf);
  const lines = createIntervals(sequences.map((sequence) => ({ ...sequence, value: sequence })));
  const rows = rowPlaces(sequences);
  const calls = callPlaces(allFunctions(functions));

  const lineAt = (address: bigint): SourceLine | undefined => {
    const found = smallestAt(lines, address);
    return found === undefined ? undefined : lineIn(found.value, address);
  };
  const nameOf = ({ name, low, caller }: CodeFunction): string | undefined => {
    if (name?.isLinkage === true || caller !== undefined) return name?.text;
    const symbol = smallestAt(symbols, low);
    return symbol?.low === low ? symbol.value : name?.text;
  };
  return {
    lineAt,
    framesAt(address) {
      const at = lineAt(address);
      let inner = functionAt(functions, address);
      const symbol = inner === undefined ? smallestAt(symbols, address)?.value : nameOf(inner);
      if (at === undefined && symbol === undefined) return [];
      const frames: SourceFrame[] = [{ function: symbol, file: at?.file, line: at?.line ?? 0 }];
      for (; inner?.caller !== undefined; inner = inner.caller) {
        frames.push({ function: nameOf(inner.caller), file: inner.callFile, line: inner.callLine });
      }
      return frames;
    },
    addressesOf(path, line) {
      const found = addressesIn(rows, path, line);
      return found.length > 0 ? found : addressesIn(calls, path, line);
    },
    get inlinedLines() {
      return withoutRows(calls, rows);
    },
    files: [...rows.keys()].sort(),
    problems: file.problems,
  };
}

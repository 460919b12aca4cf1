/** Addresses and the source they were written as, in both directions, for everything that is loaded in a box. */
import type { Box } from '../../box/box.ts';
import { describePlace, spaceOf } from '../../box/symbolizer.ts';
import { listedAt } from '../../kernel/entry/listing.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { KERNEL_DATA, KERNEL_TEXT } from '../../kernel/layout/address-map.ts';
import { symbolAt } from '../../kernel/symbols.ts';
import type { Task } from '../../kernel/task.ts';
import { demangle } from '../../toolchain/elf/index.ts';
import type { PlaceDescription, SourcePlace } from '../types.ts';
import { createCodeFiles, type CodeFiles, type DebugFiles } from './code-files.ts';
import { allCode, codeAt, KERNEL_HALF } from './loaded-code.ts';
import { originalAddress, probeOfSlot } from './probe-slots.ts';

export interface SourceOptions {
  /** the text of a file by the path that DWARF has of it; undefined where it is not at hand */
  readonly readSource?: (path: string) => string | undefined;
  /** candidates for the debug file of a program, whose path ends in `name` */
  readonly debugFiles?: DebugFiles;
}

/** Code that has a name. */
export interface CodeSymbol {
  /** demangled */
  readonly name: string;
  /** of its first instruction */
  readonly address: bigint;
  /** bytes */
  readonly size: bigint;
}

export interface Sources {
  readonly files: CodeFiles;
  /** The function that code at `address` belongs to; a user address is `task`'s. */
  symbolAt(address: bigint, task: Task | undefined): CodeSymbol | undefined;
  /** `name+0x4`, or ''; `caller`: it is a return address, and the function is the call's */
  symbolText(address: bigint, task: Task | undefined, caller?: boolean): string;
  /** Innermost first; [] unknown. */
  placesAt(address: bigint, task: Task | undefined): readonly SourcePlace[];
  /** `caller`: it is a return address, and the call before it is meant. */
  describe(address: bigint, task: Task | undefined, caller?: boolean): PlaceDescription;
  /** Addresses at which the line begins, ascending; `file` is a path or its last parts. */
  addressesOf(file: string, line: number): readonly bigint[];
  /** Undefined where it is not at hand. */
  sourceText(file: string): string | undefined;
  /** paths of sources that something loaded now was made of, sorted */
  fileNames(): readonly string[];
  /** what of debug information could not be read, a line each */
  readonly problems: readonly string[];
}

function kernelPlaces(kernel: Kernel, address: bigint): SourcePlace[] {
  if (address < KERNEL_TEXT || address >= KERNEL_DATA) return [];
  const symbol = symbolAt(kernel.symbols, address);
  const listed = symbol === undefined ? undefined : listedAt(kernel.listing, address);
  return listed === undefined ? [] : [{ ...listed, column: 0, function: symbol!.name }];
}

const endsWith = (path: string, end: string): boolean => path === end || path.endsWith(`/${end}`);

function kernelAddressesOf({ listing }: Kernel, file: string, line: number): bigint[] {
  const wanted = new Set(listing.files.flatMap((row, index) => (endsWith(row.file, file) ? [index] : [])));
  const found: bigint[] = [];
  if (wanted.size === 0) return found;
  listing.addresses.forEach((address, n) => {
    if (listing.places[n * 2 + 1] !== line || !wanted.has(listing.places[n * 2]!)) return;
    if (address < KERNEL_DATA) found.push(address);
  });
  return found;
}

export function createSources({ kernel }: Pick<Box, 'kernel'>, options: SourceOptions = {}): Sources {
  const files = createCodeFiles(options.debugFiles);

  const symbolOf = (address: bigint, task: Task | undefined): CodeSymbol | undefined => {
    if (address < KERNEL_HALF) {
      const code = codeAt(kernel, files, address, task);
      const symbol = code?.file.functionAt(address - code.bias);
      return symbol === undefined ? undefined : { ...symbol, address: symbol.address + code!.bias };
    }
    const symbol = symbolAt(kernel.symbols, address);
    if (symbol === undefined) return undefined;
    return { name: demangle(symbol.name), address: symbol.address, size: BigInt(symbol.size) };
  };
  const symbolText = (address: bigint, task: Task | undefined, caller = false): string => {
    const probe = caller ? undefined : probeOfSlot(kernel, address);
    if (probe !== undefined) return describePlace({ symbol: `${probe.label}[slot]`, offset: address - probe.slot });
    const symbol = symbolOf(caller ? address - 1n : address, task);
    return symbol === undefined ? '' : describePlace({ symbol: symbol.name, offset: address - symbol.address });
  };
  const placesAt = (at: bigint, task: Task | undefined): SourcePlace[] => {
    const address = originalAddress(kernel, at);
    const code = codeAt(kernel, files, address, task);
    if (code === undefined) return kernelPlaces(kernel, address);
    const inFile = address - code.bias;
    const { debug } = code.file;
    const column = debug?.lineAt(inFile)?.column ?? 0;
    return (debug?.framesAt(inFile) ?? [])
      .map((frame, depth) => ({
        file: frame.file ?? '',
        line: frame.line,
        column: depth === 0 ? column : 0,
        function: frame.function ?? '',
      }))
      .filter(({ file }) => file !== '');
  };
  return {
    files,
    symbolAt: symbolOf,
    symbolText,
    placesAt,
    describe: (address, task, caller = false) => ({
      address,
      symbol: symbolText(address, task, caller),
      space: spaceOf(address),
      source: placesAt(caller ? address - 1n : address, task),
    }),
    addressesOf(file, line) {
      const found = new Set(kernelAddressesOf(kernel, file, line));
      for (const { file: code, bias } of allCode(kernel, files)) {
        for (const address of code.debug?.addressesOf(file, line) ?? []) found.add(address + bias);
      }
      return [...found].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
    },
    sourceText: (file) => kernel.listing.files.find((row) => row.file === file)?.source ?? options.readSource?.(file),
    fileNames() {
      const names = new Set(kernel.listing.files.map(({ file }) => file));
      for (const { file } of allCode(kernel, files)) for (const name of file.debug?.files ?? []) names.add(name);
      return [...names].sort();
    },
    get problems() {
      return files.problems;
    },
  };
}

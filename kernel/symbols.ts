/** kallsyms: every address that has a name, kernel text, data, per-CPU templates and extension programs. */
import { countWhile } from './sorted-list.ts';

export interface KernelSymbol {
  readonly name: string;
  readonly address: bigint;
  /** bytes; 0 where unknown */
  readonly size: number;
  /** nm's letter: T text, D data, A absolute (per-CPU template), t extension text */
  readonly kind: string;
}

export interface SymbolTable {
  /** the first of each name */
  readonly byName: Map<string, KernelSymbol>;
  /** names that more than one of `sorted` has, and how many others */
  readonly repeated: Map<string, number>;
  /** functions and data by address, ascending; per-CPU templates are not in it */
  readonly sorted: KernelSymbol[];
}

export function createSymbolTable(): SymbolTable {
  return { byName: new Map(), repeated: new Map(), sorted: [] };
}

/** How many of the first symbols are below `address`. */
const countBelow = (sorted: readonly KernelSymbol[], address: bigint): number =>
  countWhile(sorted, (symbol) => symbol.address < address);

/** Of two symbols with the same address, the one that is there stays before the new one. */
export function addSymbols({ byName, repeated, sorted }: SymbolTable, symbols: readonly KernelSymbol[]): void {
  for (const symbol of symbols) {
    const { name, kind } = symbol;
    const first = byName.get(name);
    if (first === undefined) byName.set(name, symbol);
    else if (kind !== 'A' && first.kind !== 'A') repeated.set(name, (repeated.get(name) ?? 0) + 1);
  }
  const added = symbols
    .filter(({ kind }) => kind !== 'A')
    .sort((left, right) => (left.address < right.address ? -1 : left.address > right.address ? 1 : 0));
  if (added.length === 0) return;
  const above = sorted.splice(countBelow(sorted, added[0]!.address));
  let next = 0;
  for (const symbol of above) {
    while (next < added.length && added[next]!.address < symbol.address) sorted.push(added[next++]!);
    sorted.push(symbol);
  }
  while (next < added.length) sorted.push(added[next++]!);
}

function forgetName({ byName, repeated, sorted }: SymbolTable, symbol: KernelSymbol): void {
  const { name } = symbol;
  const others = repeated.get(name) ?? 0;
  if (others > 1) repeated.set(name, others - 1);
  else repeated.delete(name);
  if (byName.get(name) !== symbol) return;
  const next = others === 0 ? undefined : sorted.find((other) => other.name === name);
  if (next === undefined) byName.delete(name);
  else byName.set(name, next);
}

/** Removes the symbols of [start, end), and returns them. */
export function removeSymbols(table: SymbolTable, start: bigint, end: bigint): KernelSymbol[] {
  const first = countBelow(table.sorted, start);
  const removed = table.sorted.splice(first, countBelow(table.sorted, end) - first);
  for (const symbol of removed) forgetName(table, symbol);
  return removed;
}

/** kallsyms_lookup_name: the address, or 0. */
export function lookupName(table: SymbolTable, name: string): bigint {
  return table.byName.get(name)?.address ?? 0n;
}

/** The symbol that `address` lies in. */
export function symbolAt(table: SymbolTable, address: bigint): KernelSymbol | undefined {
  const symbol = table.sorted[countWhile(table.sorted, (other) => other.address <= address) - 1];
  if (symbol === undefined || address < symbol.address) return undefined;
  const end = symbol.address + BigInt(symbol.size);
  return address < end || (symbol.size === 0 && address === symbol.address) ? symbol : undefined;
}

/** `name+0xoffset/0xsize` as in a stack trace; undefined outside every symbol. */
export function describeAddress(table: SymbolTable, address: bigint): string | undefined {
  const symbol = symbolAt(table, address);
  if (symbol === undefined) return undefined;
  return `${symbol.name}+0x${(address - symbol.address).toString(16)}/0x${symbol.size.toString(16)}`;
}

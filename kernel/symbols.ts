/** kallsyms: every address that has a name, kernel text, data, per-CPU templates and extension programs. */
export interface KernelSymbol {
  readonly name: string;
  readonly address: bigint;
  /** bytes; 0 where unknown */
  readonly size: number;
  /** nm's letter: T text, D data, A absolute (per-CPU template), t extension text */
  readonly kind: string;
}

export interface SymbolTable {
  readonly byName: Map<string, KernelSymbol>;
  /** functions and data by address, ascending; per-CPU templates are not in it */
  readonly sorted: KernelSymbol[];
}

export function createSymbolTable(): SymbolTable {
  return { byName: new Map(), sorted: [] };
}

/** Index of the first symbol above `address`. */
function upperBound(sorted: readonly KernelSymbol[], address: bigint): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.address <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function addSymbols(table: SymbolTable, symbols: readonly KernelSymbol[]): void {
  for (const symbol of symbols) {
    if (!table.byName.has(symbol.name)) table.byName.set(symbol.name, symbol);
    if (symbol.kind !== 'A') table.sorted.push(symbol);
  }
  table.sorted.sort((left, right) => (left.address < right.address ? -1 : left.address > right.address ? 1 : 0));
}

/** Removes what `addSymbols` added, by identity. */
export function removeSymbols(table: SymbolTable, symbols: ReadonlySet<KernelSymbol>): void {
  for (const symbol of symbols) if (table.byName.get(symbol.name) === symbol) table.byName.delete(symbol.name);
  const kept = table.sorted.filter((symbol) => !symbols.has(symbol));
  table.sorted.splice(0, table.sorted.length, ...kept);
}

/** kallsyms_lookup_name: the address, or 0. */
export function lookupName(table: SymbolTable, name: string): bigint {
  return table.byName.get(name)?.address ?? 0n;
}

/** The symbol that `address` lies in. */
export function symbolAt(table: SymbolTable, address: bigint): KernelSymbol | undefined {
  const symbol = table.sorted[upperBound(table.sorted, address) - 1];
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

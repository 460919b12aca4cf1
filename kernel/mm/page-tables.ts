/** Four-level page tables in guest memory, as the processor walks them. */
import { forgetDecoded } from '../../cpu/memory.ts';
import { flushPage } from '../../cpu/paging.ts';
import { Pte } from '../../cpu/paging.ts';
import type { Kernel } from '../kernel.ts';
import { allocatePage, releasePage } from './physical.ts';

const index = (address: bigint, level: number): number => Number((address >> BigInt(12 + 9 * level)) & 511n);
const INNER = Pte.present | Pte.write | Pte.user;

/** Physical address of the entry for `address` at `level` (0 is the 4 KiB page's); undefined where a table is missing. */
export function entryAddress(
  kernel: Kernel,
  root: number,
  address: bigint,
  create: boolean,
  level = 0,
): number | undefined {
  const { view } = kernel.memory;
  let table = root;
  for (let at = 3; at > level; at--) {
    const entry = table + index(address, at) * 8;
    let value = view.getBigUint64(entry, true);
    if ((value & Pte.present) === 0n) {
      if (!create) return undefined;
      value = BigInt(allocatePage(kernel)) | INNER;
      view.setBigUint64(entry, value, true);
      forgetDecoded(kernel.memory, entry, 8);
    } else if (at <= 2 && (value & Pte.large) !== 0n) return undefined;
    table = Number(value & Pte.address);
  }
  return table + index(address, level) * 8;
}

/** The page's entry; 0n where nothing is mapped. */
export function readEntry(kernel: Kernel, root: number, address: bigint): bigint {
  const at = entryAddress(kernel, root, address, false);
  return at === undefined ? 0n : kernel.memory.view.getBigUint64(at, true);
}

/** Writes the 4 KiB page's entry and forgets its translation on every CPU. ENOMEM. */
export function writeEntry(kernel: Kernel, root: number, address: bigint, value: bigint): void {
  const at = entryAddress(kernel, root, address, true)!;
  kernel.memory.view.setBigUint64(at, value, true);
  forgetDecoded(kernel.memory, at, 8);
  for (const cpu of kernel.cpus) flushPage(cpu, address);
}

/**
 * Visits the 4 KiB entries of the user half that hold a page, PROT_NONE ones (not present) included:
 * `visit(address, entry, physical address of the entry)`.
 */
export function forEachUserPage(
  kernel: Kernel,
  root: number,
  visit: (address: bigint, entry: bigint, at: number) => void,
): void {
  const { view } = kernel.memory;
  const descend = (table: number, level: number, base: bigint, entries: number): void => {
    for (let n = 0; n < entries; n++) {
      const at = table + n * 8;
      const value = view.getBigUint64(at, true);
      if (level === 0 ? value === 0n : (value & Pte.present) === 0n) continue;
      const address = base + (BigInt(n) << BigInt(12 + 9 * level));
      if (level === 0) visit(address, value, at);
      else descend(Number(value & Pte.address), level - 1, address, 512);
    }
  };
  descend(root, 3, 0n, 256);
}

/** Frees the tables of the user half, and the root; pages are the caller's to release first. */
export function freeUserTables(kernel: Kernel, root: number): void {
  const { view } = kernel.memory;
  const descend = (table: number, level: number, entries: number): void => {
    for (let n = 0; n < (level > 0 ? entries : 0); n++) {
      const value = view.getBigUint64(table + n * 8, true);
      if ((value & Pte.present) !== 0n) descend(Number(value & Pte.address), level - 1, 512);
    }
    releasePage(kernel, table);
  };
  descend(root, 3, 256);
}

/** Maps a 2 MiB page; for the direct map. */
export function mapLarge(kernel: Kernel, root: number, address: bigint, physical: number, flags: bigint): void {
  const at = entryAddress(kernel, root, address, true, 1)!;
  kernel.memory.view.setBigUint64(at, BigInt(physical) | flags | Pte.large, true);
  forgetDecoded(kernel.memory, at, 8);
}

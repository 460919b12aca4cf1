/** Which line of which `.S` file each address of the kernel was assembled from. */
import type { SourceFile } from './text.ts';

/** Plain data that nobody changes after boot. */
export interface KernelListing {
  /** the `.S` files by path, and the sources printed from tables, as `vectors` */
  readonly files: readonly SourceFile[];
  /** of each instruction and datum, ascending */
  readonly addresses: BigUint64Array;
  /** two words for each address: the index of its file, and its line from 1 */
  readonly places: Uint32Array;
}

export const emptyListing: KernelListing = {
  files: [],
  addresses: new BigUint64Array(0),
  places: new Uint32Array(0),
};

/** `lines` is the assembler's table. */
export function createListing(
  files: readonly SourceFile[],
  lines: ReadonlyMap<bigint, { readonly file: string; readonly line: number }>,
): KernelListing {
  const indexes = new Map(files.map(({ file }, index) => [file, index]));
  const rows = [...lines].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  const places = new Uint32Array(rows.length * 2);
  rows.forEach(([, { file, line }], n) => places.set([indexes.get(file) ?? 0, line], n * 2));
  return { files, addresses: BigUint64Array.from(rows, ([address]) => address), places };
}

/** The line of the last instruction or datum at or below `address`; undefined below the first. */
export function listedAt(
  { files, addresses, places }: KernelListing,
  address: bigint,
): { readonly file: string; readonly line: number } | undefined {
  let low = 0;
  let high = addresses.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (addresses[middle]! <= address) low = middle + 1;
    else high = middle;
  }
  const file = low === 0 ? undefined : files[places[low * 2 - 2]!]?.file;
  return file === undefined ? undefined : { file, line: places[low * 2 - 1]! };
}

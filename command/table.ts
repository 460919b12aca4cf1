import { printable } from '../lib/printable.ts';

type Row = readonly string[];

/** Aligned columns under a title, each line indented; the columns of `right` to the right. */
export function printTable(
  title: string,
  head: Row | undefined,
  rows: readonly Row[],
  right: readonly number[] = [],
): string {
  const all = (head === undefined ? rows : [head, ...rows]).map((row) => row.map(printable));
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => (right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
  return [`${title}:`, ...lines.map((line) => `  ${line}`), ''].join('\n');
}

/** A screen as cells: what a painter brings onto a terminal, and what a script prints. */
import { printable } from '../../lib/printable.ts';
import { styleNames, type Line, type StyleName } from './style.ts';
import { glyphsOf } from './text/width.ts';

export interface Grid {
  readonly columns: number;
  readonly rows: number;
  /** by row, then column: a character with its marks; '' is the second half of a wide one */
  readonly cells: string[];
  /** index into styleNames */
  readonly styles: Uint8Array;
}

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  readonly rows: number;
}

export function createGrid(columns: number, rows: number): Grid {
  return {
    columns,
    rows,
    cells: Array.from({ length: columns * rows }, () => ' '),
    styles: new Uint8Array(columns * rows),
  };
}

/** Half of a wide character has been overwritten: the other half is nothing. */
function mend(grid: Grid, row: number, x: number): void {
  const at = row * grid.columns + x;
  if (grid.cells[at] === '' && x > 0) grid.cells[at - 1] = ' ';
  if (x + 1 < grid.columns && grid.cells[at + 1] === '') grid.cells[at + 1] = ' ';
}

/** Puts text, made printable, at a place, cut off at `limit` cells and at the edge; the cells that it takes. */
export function putText(grid: Grid, x: number, y: number, text: string, style: StyleName, limit = Infinity): number {
  if (y < 0 || y >= grid.rows || x < 0) return 0;
  const end = Math.min(grid.columns, x + limit);
  const index = styleNames.indexOf(style);
  let column = x;
  for (const glyph of glyphsOf(printable(text))) {
    if (column + glyph.width > end) break;
    for (let n = 0; n < glyph.width; n++) {
      mend(grid, y, column + n);
      grid.cells[y * grid.columns + column + n] = n === 0 ? glyph.text : '';
      grid.styles[y * grid.columns + column + n] = index;
    }
    column += glyph.width;
  }
  return column - x;
}

/** Puts a line's pieces one behind the other. */
export function putLine(grid: Grid, x: number, y: number, spans: Line, limit: number): void {
  let used = 0;
  for (const { text, style } of spans) {
    if (used >= limit) return;
    used += putText(grid, x + used, y, text, style, limit - used);
  }
}

/** The lines as text, without spaces at their ends. */
export function gridText(grid: Grid): string[] {
  return Array.from({ length: grid.rows }, (_, row) =>
    grid.cells
      .slice(row * grid.columns, (row + 1) * grid.columns)
      .join('')
      .trimEnd(),
  );
}

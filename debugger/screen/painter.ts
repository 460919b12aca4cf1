/**
 * Brings a grid onto a terminal by ECMA-48 sequences that every terminal knows: position, rendition, erase. Only cells that
 * differ from what is there are written. A terminal may hold another opinion on how wide a character is: after one that is not
 * ASCII the cursor is positioned anew, and its neighbour written again, so that nothing is displaced.
 */
import { gridText, type Grid } from './grid.ts';
import { sequenceOf, styleNames, type Look } from './style.ts';

export interface PainterOptions {
  readonly look: Look;
  /** the terminal shows ASCII only */
  readonly ascii?: boolean;
}

/** alternate screen, cursor hidden, no wrapping at the edge */
export const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[0m\x1b[2J';
/** as it was; emptied first, for terminals that have been resized meanwhile and mix the two screens up */
export const LEAVE = '\x1b[0m\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l';

/** as wide in every terminal */
const ordinary = /^[ -~─│]$/;
const asciiTwins: Readonly<Record<string, string>> = { '─': '-', '│': '|' };

/** A cell as a terminal of ASCII has it. */
const asciiCell = (cell: string): string => (/^[ -~]?$/.test(cell) ? cell : (asciiTwins[cell] ?? '?'));

/** The lines for a terminal that knows no sequences. */
export function plainText(grid: Grid, ascii: boolean): string[] {
  if (!ascii) return gridText(grid);
  // a wide character takes two cells there too
  const cells = grid.cells.map((cell) => (cell === '' ? '?' : asciiCell(cell)));
  return gridText({ ...grid, cells });
}

const position = (row: number, column: number): string => `\x1b[${row + 1};${column + 1}H`;

/** Which cells of a row are to be written: changed ones, both halves of wide ones, and the right neighbours of what is not ASCII. */
function changedCells(before: Grid | undefined, now: Grid, row: number): boolean[] {
  const start = row * now.columns;
  const changed = Array.from(
    { length: now.columns },
    (_, x) =>
      before === undefined ||
      before.cells[start + x] !== now.cells[start + x] ||
      before.styles[start + x] !== now.styles[start + x],
  );
  for (let x = 0; x < now.columns; x++) {
    if (!changed[x]) continue;
    // the second half of a wide character is written with the first, also of one that was there
    if (x > 0 && now.cells[start + x] === '') changed[x - 1] = true;
    const odd =
      !ordinary.test(now.cells[start + x]!) || (before !== undefined && !ordinary.test(before.cells[start + x]!));
    if (odd && x + 1 < now.columns) changed[x + 1] = true;
  }
  for (let x = now.columns - 1; x > 0; x--) if (changed[x] && now.cells[start + x] === '') changed[x - 1] = true;
  return changed;
}

/** What to send to a terminal that shows `before` (undefined: unknown) for it to show `now`. */
export function paint(before: Grid | undefined, now: Grid, { look, ascii = false }: PainterOptions): string {
  const known = before?.columns === now.columns && before.rows === now.rows ? before : undefined;
  let output = known === undefined ? `${sequenceOf('plain', look)}\x1b[2J` : '';
  let style = -1;
  for (let row = 0; row < now.rows; row++) {
    const changed = changedCells(known, now, row);
    let cursor = -1;
    for (let x = 0; x < now.columns; x++) {
      const at = row * now.columns + x;
      const cell = now.cells[at]!;
      if (!changed[x] || cell === '') continue;
      const wide = x + 1 < now.columns && now.cells[at + 1] === '';
      if (cursor !== x) output += position(row, x);
      if (now.styles[at] !== style) {
        style = now.styles[at]!;
        output += sequenceOf(styleNames[style]!, look);
      }
      if (ordinary.test(cell)) output += ascii ? asciiCell(cell) : cell;
      else if (ascii) output += wide ? '??' : '?';
      else output += wide ? `  ${position(row, x)}${cell}` : cell;
      cursor = ascii || ordinary.test(cell) ? x + (wide ? 2 : 1) : -1;
    }
  }
  return output === '' ? '' : `${output}${sequenceOf('plain', look)}`;
}

/** Cells, the painter and keys: held against a terminal emulator. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createGrid, gridText, putLine, putText, type Grid } from '../debugger/screen/grid.ts';
import { createKeyDecoder, keyNames } from '../debugger/screen/keys.ts';
import { layoutFor, panelNames, SMALLEST } from '../debugger/screen/layout.ts';
import { ENTER, LEAVE, paint } from '../debugger/screen/painter.ts';
import { styleNames, type Look, type StyleName } from '../debugger/screen/style.ts';
import { bytesAsText, expandTabs } from '../debugger/screen/text/bytes.ts';
import { printable } from '../lib/printable.ts';
import { columnsOf, fit, glyphsOf, wrap } from '../debugger/screen/text/width.ts';
import { createHeadlessTerminal, type HeadlessTerminal } from './support/headless-terminal.ts';

const runs = process.env['TEST_TIER'] === 'slow' ? 2000 : 60;

/** texts as guests may write them: ASCII, wide, combining, controls, anything */
const guestText = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 30 }),
  fc.string({ unit: fc.constantFrom('a', 'é', 'e\u0301', '漢', '字', 'ü', '\u0301', ' ', '│'), maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

interface Put {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly style: StyleName;
}

const put = fc.record({
  x: fc.nat(25),
  y: fc.nat(6),
  text: guestText,
  style: fc.constantFrom(...styleNames),
});

const ascending = (grid: Grid, puts: readonly Put[]): Grid => {
  for (const { x, y, text, style } of puts) putText(grid, x, y, printable(text), style);
  return grid;
};

/**
 * Characters by cell, as the grid has them where the terminal only knows less of Unicode: it may take the second half of a wide
 * one for a space, and a new mark for a character, which the next cell then covers, but for the second half of a wide one.
 */
function cellsShown({ terminal }: HeadlessTerminal, { columns, cells }: Grid): string[] {
  return cells.map((cell, at) => {
    const shown =
      terminal.buffer.active
        .getLine(Math.floor(at / columns))
        ?.getCell(at % columns)
        ?.getChars() ?? '?';
    const blank = shown === '' || shown === ' ';
    if (blank) return cell === '' || cell.startsWith(' ') ? cell : ' ';
    if (cell === '' && cells[at - 1]!.includes(shown)) return cell;
    return cell.length > 1 && cell.includes(shown) ? cell : shown;
  });
}

test('a terminal shows what the grid holds, after any sequence of screens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(put, { maxLength: 8 }), { maxLength: 4 }), async (screens) => {
      const terminal = createHeadlessTerminal(24, 6);
      await terminal.write(ENTER);
      let before: Grid | undefined;
      for (const puts of screens) {
        const now = ascending(createGrid(24, 6), puts);
        // oxlint-disable-next-line no-await-in-loop
        await terminal.write(paint(before, now, { look: 'colour' }));
        assert.equal(cellsShown(terminal, now), now.cells);
        before = now;
      }
      terminal.terminal.dispose();
    }),
    { numRuns: runs },
  );
});

test('a screen that has not changed costs nothing, a changed cell little', () => {
  const grid = ascending(createGrid(80, 24), [{ x: 0, y: 0, text: 'one two', style: 'plain' }]);
  assert.is(paint(grid, grid, { look: 'colour' }), '');
  const other = ascending(createGrid(80, 24), [{ x: 0, y: 0, text: 'one twx', style: 'plain' }]);
  assert.is(paint(grid, other, { look: 'colour' }), '\x1b[1;7H\x1b[0mx\x1b[0m');
});

test('without colour there is no colour; without looks no rendition at all', () => {
  const grid = createGrid(40, styleNames.length);
  styleNames.forEach((style, y) => putText(grid, 0, y, style, style));
  // oxlint-disable-next-line no-control-regex
  const renditions = (look: Look): string[] => paint(undefined, grid, { look }).match(/\x1b\[[\d;]*m/g) ?? [];
  assert.ok(renditions('colour').some((sequence) => /;3[0-7][;m]/.test(sequence)));
  assert.not.ok(renditions('mono').some((sequence) => /;[34][0-7][;m]/.test(sequence)));
  assert.ok(renditions('mono').length > 0);
  assert.equal(renditions('none'), []);
});

test('a terminal of ASCII gets ASCII only', () => {
  fc.assert(
    fc.property(fc.array(put, { maxLength: 6 }), (puts) => {
      const grid = ascending(createGrid(24, 6), puts);
      // oxlint-disable-next-line no-control-regex
      assert.match(paint(undefined, grid, { look: 'mono', ascii: true }), /^[\x1b -~]*$/);
    }),
    { numRuns: runs },
  );
});

test('what a guest writes reaches the terminal as characters, never as controls', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      // oxlint-disable-next-line no-control-regex
      assert.not.match(bytesAsText(bytes), /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u);
    }),
    { numRuns: 500 },
  );
  assert.is(bytesAsText(new TextEncoder().encode('\x1b[2Jred\x07\u202eabc')), '\\x1b[2Jred\\x07\\u{202e}abc');
  assert.is(bytesAsText(Uint8Array.of(0x61, 0xe4, 0xff)), 'a\\xe4\\xff');
  assert.is(expandTabs('a\tb'), 'a       b');
});

test('widths: wide characters take two cells, marks none', () => {
  assert.is(columnsOf('漢字'), 4);
  assert.is(columnsOf('e\u0301'), 1);
  assert.equal(glyphsOf('\u0301').length, 1);
  assert.is(fit('漢字', 3), '漢 ');
  assert.is(fit('abc', 2), 'ab');
  assert.is(fit('a', 3), 'a  ');
});

test('fit and wrap keep to their columns', () => {
  fc.assert(
    fc.property(guestText, fc.integer({ min: 2, max: 30 }), (text, columns) => {
      const shown = printable(text);
      assert.is(columnsOf(fit(shown, columns)), columns);
      for (const part of wrap(shown, columns)) assert.ok(columnsOf(part) <= columns, JSON.stringify(part));
    }),
    { numRuns: 500 },
  );
  assert.equal(wrap('one two three', 7), ['one two', 'three']);
  assert.equal(wrap('abcdefgh', 3), ['abc', 'def', 'gh']);
});

test('a line is cut off at its limit and at the edge, also within a wide character', () => {
  const grid = createGrid(6, 1);
  putLine(
    grid,
    0,
    0,
    [
      { text: 'ab', style: 'plain' },
      { text: '漢字', style: 'name' },
    ],
    5,
  );
  assert.equal(gridText(grid), ['ab漢']);
  putText(grid, 3, 0, 'x', 'plain');
  assert.equal(gridText(grid), ['ab x']);
});

test('leaving undoes what entering did', async () => {
  const terminal = createHeadlessTerminal(20, 3);
  await terminal.write('before');
  await terminal.write(ENTER);
  assert.is(terminal.terminal.buffer.active.type, 'alternate');
  const grid = ascending(createGrid(20, 3), [{ x: 0, y: 0, text: 'inside', style: 'current' }]);
  await terminal.write(paint(undefined, grid, { look: 'colour' }));
  await terminal.write(LEAVE);
  assert.is(terminal.terminal.buffer.active.type, 'normal');
  assert.is(terminal.text()[0], 'before');
  assert.is(terminal.terminal.modes.wraparoundMode, true);
});

const keysOf = (...chunks: readonly string[]): string[] => {
  const decoder = createKeyDecoder();
  const encoder = new TextEncoder();
  return [...chunks.flatMap((chunk) => decoder.feed(encoder.encode(chunk))), ...decoder.flush()];
};

test('keys have names', () => {
  assert.equal(keysOf('sS?'), ['s', 'S', '?']);
  assert.equal(keysOf('\r\n\t\x7f \x03\x0c'), ['enter', 'enter', 'tab', 'backspace', 'space', 'ctrl-c', 'ctrl-l']);
  assert.equal(keysOf('\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[Z\x1b[1;5C'), [
    'up',
    'down',
    'page-up',
    'page-down',
    'shift-tab',
    'right',
  ]);
  assert.equal(keysOf('\x1b'), ['escape']);
  assert.equal(keysOf('\x1b', '[', 'A'), ['up']);
  assert.equal(keysOf('\x1bx'), ['escape', 'x']);
  assert.equal(keysOf('\x1b[200~ä'), ['ä']);
});

test('any bytes are keys or nothing, in whatever pieces they come', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 8 }), (chunks) => {
      const decoder = createKeyDecoder();
      const keys = [...chunks.flatMap((chunk) => decoder.feed(chunk)), ...decoder.flush()];
      for (const key of keys) assert.ok(keyNames.has(key) || /^[^\p{Cc}]$/u.test(key), JSON.stringify(key));
      const whole = createKeyDecoder();
      const joined = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
      assert.equal([...whole.feed(joined), ...whole.flush()], keys);
    }),
    { numRuns: 500 },
  );
});

test('a layout covers its screen without overlaps, at any size', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 260 }),
      fc.integer({ min: 1, max: 90 }),
      fc.boolean(),
      (columns, rows, tour) => {
        const shown = panelNames.filter((name) => tour || name !== 'tour');
        const layout = layoutFor(columns, rows, shown);
        if (columns < SMALLEST.columns || rows < SMALLEST.rows) {
          assert.is(layout, undefined);
          return;
        }
        const cells = new Uint8Array(columns * rows);
        const places = [...layout!.panels.map(({ place }) => place), ...layout!.lines, layout!.sentence];
        if (layout!.tabs !== undefined) places.push(layout!.tabs.place);
        for (const { x, y, columns: width, rows: height } of places) {
          for (let row = y; row < y + height; row++) {
            for (let column = x; column < x + width; column++) {
              assert.ok(row < rows && column < columns, 'outside of the screen');
              cells[row * columns + column]!++;
            }
          }
        }
        // the status above and the lowest line are no panel's
        assert.ok(cells.subarray(0, columns).every((times) => times === 0));
        assert.ok(
          cells.subarray(columns, columns * (rows - 1)).every((times) => times === 1),
          'a hole or an overlap',
        );
        const placed = [...layout!.panels.map(({ panel }) => panel), ...(layout!.tabs?.panels ?? [])];
        assert.equal([...placed].sort(), [...shown].sort());
      },
    ),
    { numRuns: 300 },
  );
});

test.run();

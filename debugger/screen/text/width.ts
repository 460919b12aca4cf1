/** How many cells a character takes: 0 (it joins the one before it), 1 or 2. */

const ordinary = /^[\u0020-\u007e]$/;
/** marks that join, and the vowels and finals of Hangul that do */
const joining = /^[\p{M}\u1160-\u11ff]$/u;

/** East Asian Wide and Fullwidth of UAX #11 in ranges that include what is not assigned; ascending. */
// prettier-ignore
const wideRanges: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f], [0x231a, 0x231b], [0x2329, 0x232a], [0x23e9, 0x23ec], [0x23f0, 0x23f0], [0x23f3, 0x23f3],
  [0x25fd, 0x25fe], [0x2614, 0x2615], [0x2648, 0x2653], [0x267f, 0x267f], [0x2693, 0x2693], [0x26a1, 0x26a1],
  [0x26aa, 0x26ab], [0x26bd, 0x26be], [0x26c4, 0x26c5], [0x26ce, 0x26ce], [0x26d4, 0x26d4], [0x26ea, 0x26ea],
  [0x26f2, 0x26f3], [0x26f5, 0x26f5], [0x26fa, 0x26fa], [0x26fd, 0x26fd], [0x2705, 0x2705], [0x270a, 0x270b],
  [0x2728, 0x2728], [0x274c, 0x274c], [0x274e, 0x274e], [0x2753, 0x2755], [0x2757, 0x2757], [0x2795, 0x2797],
  [0x27b0, 0x27b0], [0x27bf, 0x27bf], [0x2b1b, 0x2b1c], [0x2b50, 0x2b50], [0x2b55, 0x2b55], [0x2e80, 0x303e],
  [0x3041, 0xa4cf], [0xa960, 0xa97f], [0xac00, 0xd7a3], [0xf900, 0xfaff], [0xfe10, 0xfe19], [0xfe30, 0xfe6f],
  [0xff01, 0xff60], [0xffe0, 0xffe6], [0x16fe0, 0x18dff], [0x1b000, 0x1b2ff], [0x1f004, 0x1f004], [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f18e], [0x1f191, 0x1f19a], [0x1f200, 0x1f320], [0x1f32d, 0x1f335], [0x1f337, 0x1f37c],
  [0x1f37e, 0x1f393], [0x1f3a0, 0x1f3ca], [0x1f3cf, 0x1f3d3], [0x1f3e0, 0x1f3f0], [0x1f3f4, 0x1f3f4],
  [0x1f3f8, 0x1f43e], [0x1f440, 0x1f440], [0x1f442, 0x1f4fc], [0x1f4ff, 0x1f53d], [0x1f54b, 0x1f54e],
  [0x1f550, 0x1f567], [0x1f57a, 0x1f57a], [0x1f595, 0x1f596], [0x1f5a4, 0x1f5a4], [0x1f5fb, 0x1f64f],
  [0x1f680, 0x1f6c5], [0x1f6cc, 0x1f6cc], [0x1f6d0, 0x1f6d2], [0x1f6d5, 0x1f6df], [0x1f6eb, 0x1f6ec],
  [0x1f6f4, 0x1f6fc], [0x1f7e0, 0x1f7eb], [0x1f7f0, 0x1f7f0], [0x1f90c, 0x1f93a], [0x1f93c, 0x1f945],
  [0x1f947, 0x1f9ff], [0x1fa70, 0x1faff], [0x20000, 0x2fffd], [0x30000, 0x3fffd],
];

function isWide(code: number): boolean {
  let low = 0;
  let high = wideRanges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = wideRanges[middle]!;
    if (code < first) high = middle - 1;
    else if (code > last) low = middle + 1;
    else return true;
  }
  return false;
}

/** Of one character (code point) that is printable. */
export function widthOf(character: string): 0 | 1 | 2 {
  if (ordinary.test(character)) return 1;
  if (joining.test(character)) return 0;
  return isWide(character.codePointAt(0)!) ? 2 : 1;
}

/** Marks on one character: more are dropped, as terminals keep a few. */
const MOST_MARKS = 4;

export interface Glyph {
  /** a character with its marks */
  readonly text: string;
  readonly width: 1 | 2;
}

/** What goes into one cell or two, in order; marks without a character before them get a space to stand on. */
export function glyphsOf(text: string): Glyph[] {
  const glyphs: { text: string; width: 1 | 2; marks: number }[] = [];
  for (const character of text) {
    const width = widthOf(character);
    const last = glyphs.at(-1);
    if (width > 0) glyphs.push({ text: character, width: width as 1 | 2, marks: 0 });
    else if (last === undefined) glyphs.push({ text: ` ${character}`, width: 1, marks: 1 });
    else if (last.marks < MOST_MARKS) {
      last.text += character;
      last.marks++;
    }
  }
  return glyphs;
}

const plain = /^[ -~]*$/;

/** Cells that a line takes. */
export function columnsOf(text: string): number {
  return plain.test(text) ? text.length : glyphsOf(text).reduce((sum, { width }) => sum + width, 0);
}

/** The line in exactly `columns` cells: cut off, or spaces behind it. */
export function fit(text: string, columns: number): string {
  if (plain.test(text)) return text.length > columns ? text.slice(0, columns) : text.padEnd(columns);
  let used = 0;
  let result = '';
  for (const glyph of glyphsOf(text)) {
    if (used + glyph.width > columns) break;
    result += glyph.text;
    used += glyph.width;
  }
  return result + ' '.repeat(columns - used);
}

/** Lines of at most `columns` cells, broken at spaces where there are some. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (columnsOf(joined) <= columns) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    while (columnsOf(word) > columns) {
      const head = fit(word, columns).trimEnd();
      if (head === '') break; // a wide character and one column
      lines.push(head);
      word = word.slice(head.length);
    }
    line = word;
  }
  return [...lines, line];
}

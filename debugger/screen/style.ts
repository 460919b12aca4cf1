/** How pieces of text look: by meaning, one table. */

interface StyleRow {
  /** Select Graphic Rendition with colours, and without */
  readonly colour: string;
  readonly mono: string;
}

// prettier-ignore
const rows = {
  plain:     { colour: '',      mono: '' },
  dim:       { colour: '2',     mono: '' },
  title:     { colour: '1;36',  mono: '1' },
  tab:       { colour: '7;36',  mono: '7' },
  status:    { colour: '7',     mono: '7' },
  current:   { colour: '1;7',   mono: '1;7' },
  cursor:    { colour: '4',     mono: '4' },
  caret:     { colour: '7',     mono: '7' },
  changed:   { colour: '1;33',  mono: '1' },
  stop:      { colour: '1;31',  mono: '1' },
  user:      { colour: '32',    mono: '' },
  kernel:    { colour: '34',    mono: '' },
  extension: { colour: '35',    mono: '' },
  string:    { colour: '33',    mono: '' },
  name:      { colour: '36',    mono: '' },
  strong:    { colour: '1',     mono: '1' },
  error:     { colour: '1;31',  mono: '1' },
} as const satisfies Record<string, StyleRow>;

export type StyleName = keyof typeof rows;
export const styleNames = Object.keys(rows) as readonly StyleName[];

/** colours; bold, underlined and reversed only; nothing but characters */
export type Look = 'colour' | 'mono' | 'none';

/** The sequence that makes what follows look so, whatever it was before. */
export function sequenceOf(style: StyleName, look: Look): string {
  if (look === 'none') return '';
  const codes = rows[style][look];
  return codes === '' ? '\x1b[0m' : `\x1b[0;${codes}m`;
}

/** A piece of a line. */
export interface Span {
  readonly text: string;
  readonly style: StyleName;
}
export type Line = readonly Span[];

export const span = (text: string, style: StyleName = 'plain'): Span => ({ text, style });
export const line = (text: string, style: StyleName = 'plain'): Line => [{ text, style }];
export const textOf = (spans: Line): string => spans.map(({ text }) => text).join('');

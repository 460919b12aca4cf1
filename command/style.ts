import { randomUUID } from 'node:crypto';
import { styleText } from 'node:util';
import { printable, printableText } from '../lib/printable.ts';

type Format = Parameters<typeof styleText>[0];

/** Dresses a piece of text up, or leaves it: one line, made printable. */
export type Style = (format: Format, text: string) => string;

const CSI = '\x1b[';
/** in its place until it is printed: what no text of others can hold */
const OWN = `\ue000${randomUUID()}`;

/** Where `colours` are shown. */
export const createStyle =
  (colours: boolean): Style =>
  (format, text) =>
    colours ? styleText(format, printable(text), { validateStream: false }).replaceAll(CSI, OWN) : printable(text);

/** All that is printed but a guest's own output: lines, dressed up by a `Style` or not. */
export function presentable(text: string): string {
  const [first, ...dressed] = text.split(OWN);
  return `${printableText(first!)}${dressed.map((part) => `${CSI}${printableText(part)}`).join('')}`;
}

export const count = (number: number, what: string): string =>
  `${number.toLocaleString('en-US')} ${what}${number === 1 ? '' : 's'}`;

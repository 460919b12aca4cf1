import { isatty } from 'node:tty';
import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Dresses a piece of text up, or leaves it. */
export type Style = (format: Format, text: string) => string;

/** Colours for a terminal unless NO_COLOR is set (https://no-color.org). */
export function createStyle(): Style {
  const noColor = process.env['NO_COLOR'];
  const colours = isatty(1) && (noColor === undefined || noColor === '');
  return colours ? styleText : (_format, text) => text;
}

/** Text of a guest's making on one line: control characters cannot steer the terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

export const count = (number: number, what: string): string =>
  `${number.toLocaleString('en-US')} ${what}${number === 1 ? '' : 's'}`;

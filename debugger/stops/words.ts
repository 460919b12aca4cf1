/** The words of a stop's text: what is not plain is put in single quotes, in which a backslash keeps what follows. */
import { DebuggerError, quote } from '../error.ts';

/** characters */
const LONGEST = 4000;

export interface Word {
  readonly text: string;
  readonly quoted: boolean;
  /** where it begins and ends */
  readonly at: number;
  readonly end: number;
}

export interface Words {
  readonly words: readonly Word[];
  /** what is behind ` if ` */
  readonly condition: string | undefined;
}

export const stopSyntaxError = (text: string, expected: string): DebuggerError =>
  new DebuggerError('syntax', `stop ${quote(text)}: expected ${expected}`);

function quotedWord(text: string, from: number): { readonly text: string; readonly end: number } {
  let word = '';
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "'") return { text: word, end: at + 1 };
    if (text[at] === '\\') at++;
    word += text[at] ?? '';
  }
  throw stopSyntaxError(text, "a ' behind the name that one begins");
}

/**
 * Words are apart by blanks; what follows a quoted word at once, as `+0x10` or `:19`, is a word of its own. DebuggerError.
 */
export function wordsOf(text: string): Words {
  if (text.length > LONGEST) throw stopSyntaxError(text, `at most ${LONGEST} characters`);
  const words: Word[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at]!)) {
      at++;
      continue;
    }
    if (text[at] === "'") {
      const word = quotedWord(text, at);
      words.push({ text: word.text, quoted: true, at, end: word.end });
      at = word.end;
      continue;
    }
    const length = /^[^\s']+/.exec(text.slice(at))![0].length;
    const word = text.slice(at, at + length);
    // behind a target alone: a function may be called so
    if (word === 'if' && words.length > 0) return { words, condition: text.slice(at + length).trim() };
    words.push({ text: word, quoted: false, at, end: at + length });
    at += length;
  }
  return { words, condition: undefined };
}

/** As a word of a text; `plain` says what needs no quotes. */
export const asWord = (text: string, plain: (text: string) => boolean): string =>
  plain(text) ? text : `'${text.replace(/[\\']/g, (character) => `\\${character}`)}'`;

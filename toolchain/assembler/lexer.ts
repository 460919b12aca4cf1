/** Source text to statements: the tokens between two ends of line or semicolons. */
import { errorAt, type SourceFile } from './error.ts';
import { preprocessorLine } from './not-here.ts';

export type TokenKind = 'name' | 'number' | 'local' | 'string' | 'punctuation';

export interface Token {
  readonly kind: TokenKind;
  /** as written */
  readonly text: string;
  /** UTF-16 units from the start of the source */
  readonly at: number;
  /** of a number or character, modulo 2^64 */
  readonly value: bigint;
}

export interface Statement {
  readonly tokens: readonly Token[];
  /** from 1 */
  readonly line: number;
  /** where the statement ends, for "expected … here" */
  readonly end: number;
}

// groups: 1 name, 2 `1b` or `1f`, 3 number, 4 string, 5 character, 6 operator of two characters
const token = new RegExp(
  [
    String.raw`([A-Za-z_.][\w.$]*)`,
    String.raw`(?!0b[01])(\d+[bf])(?![\w.$])`,
    String.raw`(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)(?![\w.$])`,
    String.raw`("(?:[^"\\\n]|\\[^\n])*")`,
    String.raw`('(?:\\[^\n]|[^\\\n])'?)`,
    String.raw`(<<|>>)`,
    String.raw`[-+*/%&|^~!()$,:@=<>]`,
  ].join('|'),
  'y',
);
const blank = /[ \t\r\f\v]+/y;
const kindOfGroup: readonly TokenKind[] = ['name', 'local', 'number', 'string', 'number', 'punctuation'];

const MAX_STATEMENT_TOKENS = 100_000;
const MAX_NUMBER_DIGITS = 80;

const characterEscapes: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, b: 8, f: 12 };

function numberValue(text: string): bigint {
  const octal = /^0\d/.test(text);
  return BigInt(octal ? `0o${text.slice(1)}` : text);
}

function characterValue(text: string): number {
  if (text[1] !== '\\') return text.charCodeAt(1);
  return characterEscapes[text[2]!] ?? text.charCodeAt(2);
}

/** Splits a source into statements. Errors: unterminated strings and comments, characters and numbers that mean nothing. */
export function splitStatements(file: SourceFile): Statement[] {
  const { source } = file;
  const statements: Statement[] = [];
  let tokens: Token[] = [];
  let line = 1;
  let firstLine = 1;
  let at = 0;
  const finish = (): void => {
    if (tokens.length > 0) {
      statements.push({ tokens, line: firstLine, end: at });
      tokens = [];
    }
  };
  const endOfLine = (): number => {
    const end = source.indexOf('\n', at);
    return end === -1 ? source.length : end;
  };
  while (at < source.length) {
    blank.lastIndex = at;
    if (blank.test(source)) at = blank.lastIndex;
    const character = source[at];
    if (character === undefined) break;
    if (character === '\n' || character === ';') {
      finish();
      if (character === '\n') line++;
      at++;
      continue;
    }
    if (character === '#' || (character === '/' && source[at + 1] === '/')) {
      preprocessorLine.lastIndex = at;
      const [directive] = (tokens.length === 0 && preprocessorLine.exec(source)) || [];
      if (directive !== undefined) {
        throw errorAt(file, at, directive, `${directive}: there is no C preprocessor: write out what it would`);
      }
      const end = endOfLine();
      finish();
      at = end;
      continue;
    }
    if (character === '/' && source[at + 1] === '*') {
      const end = source.indexOf('*/', at + 2);
      if (end === -1) throw errorAt(file, at, '/*', 'unterminated comment: expected */');
      for (let n = at; n < end; n++) if (source[n] === '\n') line++;
      at = end + 2;
      continue;
    }
    token.lastIndex = at;
    const match = token.exec(source);
    if (match === null) {
      const rest = source.slice(at, Math.min(endOfLine(), at + 40));
      if (character === '"')
        throw errorAt(file, at, rest, 'unterminated string: expected " before the end of the line');
      if (character === "'") throw errorAt(file, at, rest, "expected a character after '");
      const word = /^[\w.$]+/.exec(rest)?.[0];
      if (word !== undefined && /^\d/.test(word)) throw errorAt(file, at, word, `${word} is no number`);
      throw errorAt(file, at, character, `unexpected character ${JSON.stringify(character)}`);
    }
    const text = match[0];
    let group = 1;
    while (group <= 6 && match[group] === undefined) group++;
    const kind = kindOfGroup[group - 1] ?? 'punctuation';
    let value = 0n;
    if (group === 3) {
      if (text.length > MAX_NUMBER_DIGITS || (/^0\d/.test(text) && /[89]/.test(text))) {
        throw errorAt(file, at, text.slice(0, 40), `${text.slice(0, 40)} is no number of at most 64 bits`);
      }
      value = numberValue(text);
      if (value >> 64n !== 0n) throw errorAt(file, at, text, `${text} is wider than 64 bits`);
    } else if (group === 5) value = BigInt(characterValue(text));
    if (tokens.length === 0) firstLine = line;
    if (tokens.length >= MAX_STATEMENT_TOKENS) throw errorAt(file, at, text, 'statement too long');
    tokens.push({ kind, text, at, value: BigInt.asIntN(64, value) });
    at += text.length;
  }
  finish();
  return statements;
}

const encoder = new TextEncoder();

/** The bytes that a string token stands for: UTF-8, with the escapes of GAS (\n \t \r \b \f \" \\ \ooo \xhh). */
export function stringBytes(text: string): number[] {
  const bytes: number[] = [];
  const part = /\\(?:([0-7]{1,3})|x([0-9a-fA-F]+)|([^]))|[^\\]+/g;
  const body = text.slice(1, -1);
  for (const [whole, octal, hex, plain] of body.matchAll(part)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
    else if (hex !== undefined) bytes.push(Number.parseInt(hex.slice(-2), 16));
    else if (plain !== undefined && plain in characterEscapes) bytes.push(characterEscapes[plain]!);
    else for (const byte of encoder.encode(plain ?? whole)) bytes.push(byte);
  }
  return bytes;
}

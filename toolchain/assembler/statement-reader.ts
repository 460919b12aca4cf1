/** A position in the tokens of one statement. */
import { errorAt, type AssemblerError, type SourceFile } from './error.ts';
import type { Statement, Token } from './lexer.ts';

export interface StatementReader {
  readonly file: SourceFile;
  readonly statement: Statement;
  next: number;
}

export const peek = (reader: StatementReader): Token | undefined => reader.statement.tokens[reader.next];

export const isNext = (reader: StatementReader, text: string): boolean => {
  const token = reader.statement.tokens[reader.next];
  return token !== undefined && token.kind === 'punctuation' && token.text === text;
};

/** Takes the next token if it is this punctuation. */
export function accept(reader: StatementReader, text: string): boolean {
  if (!isNext(reader, text)) return false;
  reader.next++;
  return true;
}

/** An error at the next token, or at the one given. */
export function fail(
  reader: StatementReader,
  message: string,
  token: Token | undefined = peek(reader),
): AssemblerError {
  return errorAt(reader.file, token?.at ?? reader.statement.end, token?.text ?? '', message);
}

const described = (token: Token | undefined): string => (token === undefined ? 'the end of the line' : token.text);

export function expected(reader: StatementReader, what: string): AssemblerError {
  return fail(reader, `expected ${what}, got ${described(peek(reader))}`);
}

export function expectPunctuation(reader: StatementReader, text: string): void {
  if (!accept(reader, text)) throw expected(reader, text);
}

export function takeName(reader: StatementReader, what: string): Token {
  const token = peek(reader);
  if (token?.kind !== 'name') throw expected(reader, what);
  reader.next++;
  return token;
}

export function expectEnd(reader: StatementReader): void {
  if (peek(reader) !== undefined) throw expected(reader, 'the end of the statement');
}

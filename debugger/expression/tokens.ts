/** The words of an expression. */
import { DebuggerError, quote } from '../error.ts';

export type Token =
  | { readonly kind: 'number'; readonly value: bigint; readonly at: number }
  | { readonly kind: 'text'; readonly value: string; readonly at: number }
  /** a register, a variable, a symbol; `quoted`: a symbol for sure */
  | { readonly kind: 'name'; readonly value: string; readonly at: number; readonly quoted: boolean }
  | { readonly kind: 'sign'; readonly value: string; readonly at: number }
  | { readonly kind: 'end'; readonly value: ''; readonly at: number };

/** characters */
export const LONGEST_EXPRESSION = 1000;

const signs = ['&&', '||', '==', '!=', '<=', '>=', '<<', '>>', ...'+-*/%&|^~!<>()[]'];
const number = /0[xX][0-9a-fA-F]{1,64}|0[bB][01]{1,256}|[0-9]{1,78}/y;
/** as symbols are written, those of Rust too */
const name = /\$?[A-Za-z_][A-Za-z0-9_.$]*(?:::[A-Za-z_][A-Za-z0-9_.$]*)*/y;
const text = /"([^"]*)"/y;
const quoted = /'([^']+)'/y;
const space = /\s+/y;

export const syntaxError = (expression: string, at: number, expected: string): DebuggerError =>
  new DebuggerError(
    'syntax',
    `expression ${quote(expression)}: got ${at >= expression.length ? 'its end' : quote(expression.slice(at, at + 20))}, expected ${expected}`,
  );

/** DebuggerError for a character that begins nothing. */
export function tokensOf(expression: string): Token[] {
  if (expression.length > LONGEST_EXPRESSION) {
    throw new DebuggerError(
      'syntax',
      `an expression of ${expression.length} characters: expected at most ${LONGEST_EXPRESSION}`,
    );
  }
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(expression) ?? undefined;
  };
  while (at < expression.length) {
    const blank = match(space);
    if (blank !== undefined) {
      at += blank[0].length;
      continue;
    }
    const token = nextToken(expression, at, match);
    tokens.push(token.token);
    at += token.length;
  }
  tokens.push({ kind: 'end', value: '', at });
  return tokens;
}

function nextToken(
  expression: string,
  at: number,
  match: (pattern: RegExp) => RegExpExecArray | undefined,
): { readonly token: Token; readonly length: number } {
  let found = match(number);
  if (found !== undefined) {
    const { length } = found[0];
    if (/[A-Za-z0-9_]/.test(expression[at + length] ?? '')) throw syntaxError(expression, at, 'a number');
    return { token: { kind: 'number', value: BigInt(found[0].toLowerCase()), at }, length };
  }
  found = match(name);
  if (found !== undefined) {
    const value = found[0].replace(/^\$/, '');
    return { token: { kind: 'name', value, at, quoted: false }, length: found[0].length };
  }
  found = match(text);
  if (found !== undefined) return { token: { kind: 'text', value: found[1]!, at }, length: found[0].length };
  found = match(quoted);
  if (found !== undefined) {
    return { token: { kind: 'name', value: found[1]!, at, quoted: true }, length: found[0].length };
  }
  const sign = signs.find((candidate) => expression.startsWith(candidate, at));
  if (sign !== undefined) return { token: { kind: 'sign', value: sign, at }, length: sign.length };
  throw syntaxError(expression, at, 'a number, a name or an operator');
}

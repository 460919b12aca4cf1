/** From text to a tree. Precedence and associativity are C's. */
import { didYouMean } from '../../toolchain/assembler/did-you-mean.ts';
import { DebuggerError, quote } from '../error.ts';
import { allRegisterNames, registerRow, type RegisterRow } from '../registers/index.ts';
import { syntaxError, tokensOf, type Token } from './tokens.ts';

/** What there is beside registers and symbols. */
export const variableNames = ['pid', 'cpu', 'comm', 'instruction'] as const;
export type VariableName = (typeof variableNames)[number];

/** A type of memory (`u32[rsp]`) and of a conversion (`i32(rax)`). */
export interface Type {
  readonly bits: 8 | 16 | 32 | 64;
  readonly signed: boolean;
}

export type UnaryOperator = '-' | '+' | '~' | '!';
export type BinaryOperator =
  | '||' | '&&' | '|' | '^' | '&' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '<<' | '>>' | '+' | '-' | '*' | '/' | '%'; // prettier-ignore

export type Node =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'register'; readonly row: RegisterRow }
  | { readonly kind: 'variable'; readonly name: VariableName }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'memory'; readonly type: Type; readonly address: Node }
  | { readonly kind: 'conversion'; readonly type: Type; readonly operand: Node }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Node }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Node; readonly right: Node };

const levels: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const unary = new Set(['-', '+', '~', '!']);
const types = /^([ui])(8|16|32|64)$/;

/** levels of parentheses, brackets and signs */
export const DEEPEST_EXPRESSION = 64;

export interface Names {
  /** whether something has this name; asked of what is neither register nor variable */
  isSymbol(name: string): boolean;
  /** for hints */
  readonly symbolNames: Iterable<string>;
}

function typeOf(name: string): Type | undefined {
  const found = types.exec(name);
  return found === null ? undefined : { bits: Number(found[2]) as 8, signed: found[1] === 'i' };
}

/** DebuggerError: no expression, or names that nothing has. */
export function parseExpression(text: string, names: Names): Node {
  const tokens = tokensOf(text);
  let next = 0;
  let depth = 0;
  const peek = (): Token => tokens[next]!;
  const isSign = (value: string): boolean => peek().kind === 'sign' && peek().value === value;
  const expect = (value: string): void => {
    if (!isSign(value)) throw syntaxError(text, peek().at, `"${value}"`);
    next++;
  };
  const deeper = <Result>(body: () => Result): Result => {
    if (++depth > DEEPEST_EXPRESSION) {
      throw new DebuggerError('syntax', `expression ${quote(text)}: more than ${DEEPEST_EXPRESSION} levels`);
    }
    const result = body();
    depth--;
    return result;
  };
  const inside = (open: string, close: string): Node =>
    deeper(() => {
      expect(open);
      const node = level(0);
      expect(close);
      return node;
    });

  function nameNode(name: string, quoted: boolean, at: number): Node {
    const type = quoted ? undefined : typeOf(name);
    if (type !== undefined && isSign('[')) return { kind: 'memory', type, address: inside('[', ']') };
    if (type !== undefined && isSign('(')) return { kind: 'conversion', type, operand: inside('(', ')') };
    if (!quoted) {
      const variable = variableNames.find((candidate) => candidate === name);
      if (variable !== undefined) return { kind: 'variable', name: variable };
      const row = registerRow(name.toLowerCase());
      if (row !== undefined) return { kind: 'register', row };
    }
    if (names.isSymbol(name)) return { kind: 'symbol', name };
    if (type !== undefined) throw syntaxError(text, at + name.length, `"[" or "(" behind ${name}`);
    const hint = didYouMean(name, [...variableNames, ...allRegisterNames]) || didYouMean(name, names.symbolNames) || '';
    throw new DebuggerError('unknown-name', `no register, variable or symbol is called ${quote(name)}${hint}`);
  }

  function primary(): Node {
    const token = peek();
    if (token.kind === 'sign' && token.value === '(') return inside('(', ')');
    next++;
    if (token.kind === 'number' || token.kind === 'text') return token;
    if (token.kind === 'name') return nameNode(token.value, token.quoted, token.at);
    throw syntaxError(text, token.at, 'a value');
  }

  function prefixed(): Node {
    const token = peek();
    if (token.kind !== 'sign' || !unary.has(token.value)) return primary();
    next++;
    return deeper(() => ({ kind: 'unary', operator: token.value as UnaryOperator, operand: prefixed() }));
  }

  function level(index: number): Node {
    const operators = levels[index];
    if (operators === undefined) return prefixed();
    let left = level(index + 1);
    for (;;) {
      const token = peek();
      const operator = operators.find((candidate) => token.kind === 'sign' && candidate === token.value);
      if (operator === undefined) return left;
      next++;
      left = { kind: 'binary', operator, left, right: level(index + 1) };
    }
  }

  const node = level(0);
  if (peek().kind !== 'end') throw syntaxError(text, peek().at, 'an operator or the end');
  return node;
}

/** Integer expressions over symbols, modulo 2^64, signed; with GAS's precedence (| & ^ bind tighter than + -). */
import { accept, expected, expectPunctuation, fail, isNext, peek, type StatementReader } from './statement-reader.ts';
import type { Fragment, SectionBuilder } from './sections.ts';
import type { Token } from './lexer.ts';

/** A place in a section: `offset` bytes after the start of a fragment. */
export interface Place {
  readonly kind: 'place';
  readonly section: SectionBuilder;
  readonly fragment: Fragment;
  readonly offset: bigint;
}

/** `value` is signed 64 bits. `named`: a symbol stood in it, so before (%rip) it is an address and not a displacement. */
export interface Constant {
  readonly kind: 'constant';
  readonly value: bigint;
  readonly named: boolean;
}

export type Expression =
  | Constant
  | Place
  | { readonly kind: 'symbol'; readonly symbol: SymbolEntry; readonly depth: 1 }
  | { readonly kind: 'unary'; readonly operator: string; readonly operand: Expression; readonly depth: number }
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
      readonly depth: number;
      readonly token: Token;
    };

/** A symbol of the sources; `value` is unknown until its definition has been read. */
export interface SymbolEntry {
  readonly name: string;
  value: Expression | undefined;
  /** file:line of a label; absent for what .set defines */
  definition?: string;
  /** the first use, for the error when no definition follows */
  readonly use: { readonly reader: StatementReader; readonly token: Token };
  /** layout's cache: the value in pass `stamp` */
  stamp: number;
  cached: bigint;
}

/** What an expression needs to know about the assembly it stands in. */
export interface Names {
  lookUp(reader: StatementReader, token: Token): Expression;
  localLabel(reader: StatementReader, token: Token): Expression;
  here(): Place;
  /** those of native functions */
  readonly natives: Names;
}

const MAX_DEPTH = 200;

const depthOf = (e: Expression): number => ('depth' in e ? e.depth : 0);

/** Signed 64-bit. */
const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

export const constant = (value: bigint, named = false): Constant => ({ kind: 'constant', value, named });

type Operation = (left: bigint, right: bigint) => bigint;
const divided =
  (operation: Operation): Operation =>
  (a, b) =>
    b === 0n ? 0n : operation(a, b);

interface Operator {
  readonly precedence: number;
  readonly apply: Operation;
}
// prettier-ignore
const operators: Readonly<Record<string, Operator>> = {
  '*':  { precedence: 3, apply: (a, b) => a * b },
  '/':  { precedence: 3, apply: divided((a, b) => a / b) },
  '%':  { precedence: 3, apply: divided((a, b) => a % b) },
  '<<': { precedence: 3, apply: (a, b) => (unsigned(b) > 63n ? 0n : a << b) },
  '>>': { precedence: 3, apply: (a, b) => (unsigned(b) > 63n ? 0n : unsigned(a) >> b) },
  '|':  { precedence: 2, apply: (a, b) => a | b },
  '&':  { precedence: 2, apply: (a, b) => a & b },
  '^':  { precedence: 2, apply: (a, b) => a ^ b },
  '+':  { precedence: 1, apply: (a, b) => a + b },
  '-':  { precedence: 1, apply: (a, b) => a - b },
};
const unaryOperators: Readonly<Record<string, (value: bigint) => bigint>> = {
  '-': (value) => -value,
  '~': (value) => ~value,
  '!': (value) => (value === 0n ? 1n : 0n),
  '+': (value) => value,
};

function combine(reader: StatementReader, token: Token, left: Expression, right: Expression): Expression {
  const operator = token.text;
  if ((operator === '/' || operator === '%') && right.kind === 'constant' && right.value === 0n) {
    throw fail(reader, 'division by zero', token);
  }
  if (left.kind === 'constant' && right.kind === 'constant') {
    return constant(wrap(operators[operator]!.apply(left.value, right.value)), left.named || right.named);
  }
  if (left.kind === 'place' && right.kind === 'constant' && (operator === '+' || operator === '-')) {
    return { ...left, offset: wrap(operators[operator]!.apply(left.offset, right.value)) };
  }
  if (left.kind === 'constant' && right.kind === 'place' && operator === '+') {
    return { ...right, offset: wrap(left.value + right.offset) };
  }
  if (left.kind === 'place' && right.kind === 'place' && operator === '-' && left.fragment === right.fragment) {
    return constant(wrap(left.offset - right.offset));
  }
  const depth = Math.max(depthOf(left), depthOf(right)) + 1;
  if (depth > MAX_DEPTH) throw fail(reader, `expression deeper than ${MAX_DEPTH} operators`, token);
  return { kind: 'binary', operator, left, right, depth, token };
}

function parsePrimary(reader: StatementReader, names: Names, nesting: number): Expression {
  if (nesting > MAX_DEPTH) throw fail(reader, `expression nested deeper than ${MAX_DEPTH} levels`);
  const token = peek(reader);
  if (token === undefined) throw expected(reader, 'a number, a symbol or (');
  if (token.kind === 'number') {
    reader.next++;
    return constant(token.value);
  }
  if (token.kind === 'local') {
    reader.next++;
    return names.localLabel(reader, token);
  }
  if (token.kind === 'name') {
    reader.next++;
    if (token.text === '.') return names.here();
    const value = names.lookUp(reader, token);
    if (isNext(reader, '@')) {
      reader.next++;
      const modifier = peek(reader);
      if (modifier?.text !== 'PLT') throw expected(reader, 'PLT, the one modifier supported');
      reader.next++;
    }
    return value;
  }
  if (token.kind === 'punctuation') {
    if (token.text === '(') {
      reader.next++;
      const inner = parseLevel(reader, names, 1, nesting + 1);
      expectPunctuation(reader, ')');
      return inner;
    }
    const unary = unaryOperators[token.text];
    if (unary !== undefined) {
      reader.next++;
      const operand = parsePrimary(reader, names, nesting + 1);
      if (operand.kind === 'constant') return constant(wrap(unary(operand.value)), operand.named);
      const depth = depthOf(operand) + 1;
      if (depth > MAX_DEPTH) throw fail(reader, `expression deeper than ${MAX_DEPTH} operators`, token);
      return { kind: 'unary', operator: token.text, operand, depth };
    }
  }
  throw expected(reader, 'a number, a symbol or (');
}

function parseLevel(reader: StatementReader, names: Names, level: number, nesting: number): Expression {
  let left = level === 3 ? parsePrimary(reader, names, nesting) : parseLevel(reader, names, level + 1, nesting);
  for (;;) {
    const token = peek(reader);
    if (token?.kind !== 'punctuation' || operators[token.text]?.precedence !== level) return left;
    reader.next++;
    const right = level === 3 ? parsePrimary(reader, names, nesting) : parseLevel(reader, names, level + 1, nesting);
    left = combine(reader, token, left, right);
  }
}

/**
 * Reads an expression. What can be computed already (numbers, symbols given by the caller, distances inside one fragment)
 * comes back as a `constant`.
 */
export const parseExpression = (reader: StatementReader, names: Names): Expression => parseLevel(reader, names, 1, 0);

/** The expression must be computable where it stands. */
export function parseConstant(reader: StatementReader, names: Names, what: string): bigint {
  const token = peek(reader);
  const value = parseExpression(reader, names);
  if (value.kind !== 'constant') throw fail(reader, `${what} must be known here: it depends on what follows`, token);
  return value.value;
}

/** A run of comma-separated items; nothing at all is none. */
export function parseList<T>(reader: StatementReader, item: () => T): T[] {
  const items: T[] = [];
  if (peek(reader) === undefined) return items;
  do items.push(item());
  while (accept(reader, ','));
  return items;
}

/** Symbols may be defined by symbols; a cycle or an absurd chain stops here. */
const MAX_EVALUATION_DEPTH = 2000;

/** Why an expression has no value. */
export type EvaluationFailure = 'cycle' | 'division by zero';

/**
 * The value with the addresses of layout pass `stamp`, signed 64 bits.
 */
export function evaluate(e: Expression, stamp: number, depth = 0): bigint | EvaluationFailure {
  if (depth > MAX_EVALUATION_DEPTH) return 'cycle';
  switch (e.kind) {
    case 'constant':
      return e.value;
    case 'place':
      return wrap(e.section.address + BigInt(e.fragment.offset) + e.offset);
    case 'symbol': {
      const { symbol } = e;
      if (symbol.stamp === stamp) return symbol.cached;
      if (symbol.value === undefined) return 'cycle';
      const value = evaluate(symbol.value, stamp, depth + 1);
      if (typeof value === 'string') return value;
      symbol.stamp = stamp;
      symbol.cached = value;
      return value;
    }
    case 'unary': {
      const value = evaluate(e.operand, stamp, depth + 1);
      return typeof value === 'string' ? value : wrap(unaryOperators[e.operator]!(value));
    }
    case 'binary': {
      const left = evaluate(e.left, stamp, depth + 1);
      if (typeof left === 'string') return left;
      const right = evaluate(e.right, stamp, depth + 1);
      if (typeof right === 'string') return right;
      if (right === 0n && (e.operator === '/' || e.operator === '%')) return 'division by zero';
      return wrap(operators[e.operator]!.apply(left, right));
    }
  }
}

/** The expression as a place in a section, where it is one: a label, or a label and a distance. */
export function asPlace(e: Expression, depth = 0): Place | undefined {
  if (depth > MAX_EVALUATION_DEPTH) return undefined;
  if (e.kind === 'place') return e;
  if (e.kind === 'symbol') return e.symbol.value === undefined ? undefined : asPlace(e.symbol.value, depth + 1);
  if (e.kind !== 'binary' || (e.operator !== '+' && e.operator !== '-') || e.right.kind !== 'constant')
    return undefined;
  const left = asPlace(e.left, depth + 1);
  if (left === undefined) return undefined;
  return { ...left, offset: wrap(operators[e.operator]!.apply(left.offset, e.right.value)) };
}

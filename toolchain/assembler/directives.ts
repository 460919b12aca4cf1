/** Directives by name. Each handler reads the rest of its statement. */
import {
  assignSymbol,
  emitFill,
  emitSpace,
  factsOf,
  here,
  namesOf,
  sectionNamed,
  type Assembly,
  type SymbolType,
} from './assembly.ts';
import { constant, parseConstant, parseExpression, parseList, type Expression, type Names } from './expressions.ts';
import { stringBytes, type Token } from './lexer.ts';
import { endFragment, fits, writeInteger, type SectionBuilder } from './sections.ts';
import {
  accept,
  expected,
  expectPunctuation,
  fail,
  isNext,
  peek,
  takeName,
  type StatementReader,
} from './statement-reader.ts';

/** `token` is the directive itself. */
export type Directive = (assembly: Assembly, reader: StatementReader, token: Token) => void;

function switchTo(assembly: Assembly, section: SectionBuilder): void {
  assembly.previous = assembly.section;
  assembly.section = section;
}

const fixedSection =
  (name: string): Directive =>
  (assembly, reader) =>
    switchTo(assembly, sectionNamed(assembly, reader, name));

function takeString(reader: StatementReader, what: string): Token {
  const token = peek(reader);
  if (token?.kind !== 'string') throw expected(reader, what);
  reader.next++;
  return token;
}

/** NAME[, "flags"[, @type[, …]]]; of the flags only x matters. Names may contain hyphens. */
function takeSection(assembly: Assembly, reader: StatementReader): SectionBuilder {
  let name = '';
  const token = peek(reader);
  if (peek(reader)?.kind === 'string') name = takeString(reader, 'a section name').text.slice(1, -1);
  else {
    while (peek(reader) !== undefined && !isNext(reader, ',')) {
      name += peek(reader)!.text;
      reader.next++;
    }
  }
  if (name === '') throw expected(reader, 'a section name');
  let executable = false;
  if (accept(reader, ',')) {
    executable = takeString(reader, 'section flags in quotes').text.includes('x');
    while (accept(reader, ',')) {
      if (!accept(reader, '@')) accept(reader, '%');
      if (peek(reader) === undefined) throw expected(reader, 'a section type');
      reader.next++;
    }
  }
  return sectionNamed(assembly, reader, name, token, executable);
}

const push: Directive = (assembly, reader) => {
  if (assembly.sectionStack.length >= 1000) throw fail(reader, 'sections pushed deeper than 1000');
  assembly.sectionStack.push([assembly.section, assembly.previous]);
  switchTo(assembly, takeSection(assembly, reader));
};

const pop: Directive = (assembly, reader, token) => {
  const saved = assembly.sectionStack.pop();
  if (saved === undefined) throw fail(reader, '.popsection without .pushsection', token);
  [assembly.section, assembly.previous] = saved;
};

function emitValue(assembly: Assembly, reader: StatementReader, size: 1 | 2 | 4 | 8, names: Names): void {
  const token = peek(reader);
  const expression = parseExpression(reader, names);
  const at = emitSpace(assembly, reader, size);
  const { section } = assembly;
  if (expression.kind !== 'constant') {
    section.fixups.push({
      fragment: section.current,
      at,
      size,
      kind: 'either',
      end: at + size,
      expression,
      origin: { file: reader.file, token: token! },
    });
    return;
  }
  if (!fits(expression.value, size * 8, 'either')) {
    throw fail(reader, `value ${expression.value} out of range: expected ${size * 8} bits`, token);
  }
  writeInteger(section.bytes, at, size, expression.value);
}

const integers =
  (size: 1 | 2 | 4 | 8): Directive =>
  (assembly, reader) => {
    const names = namesOf(assembly);
    parseList(reader, () => emitValue(assembly, reader, size, names));
  };

const strings =
  (terminated: boolean): Directive =>
  (assembly, reader) => {
    parseList(reader, () => {
      do {
        const bytes = stringBytes(takeString(reader, 'a string in quotes').text);
        const at = emitSpace(assembly, reader, bytes.length);
        assembly.section.bytes.set(bytes, at);
      } while (peek(reader)?.kind === 'string');
      if (terminated) assembly.section.bytes[emitSpace(assembly, reader, 1)] = 0;
    });
  };

function takeByte(reader: StatementReader, names: Names, what: string): number {
  const token = peek(reader);
  const value = parseConstant(reader, names, what);
  if (!fits(value, 8, 'either')) throw fail(reader, `${what} ${value} out of range: expected 8 bits`, token);
  return Number(BigInt.asUintN(8, value));
}

const MAX_ALIGNMENT_SHIFT = 20;

const align =
  (power: boolean): Directive =>
  (assembly, reader) => {
    const names = namesOf(assembly);
    const token = peek(reader);
    const stated = parseConstant(reader, names, 'an alignment');
    const known = power
      ? stated >= 0n && stated <= BigInt(MAX_ALIGNMENT_SHIFT)
      : stated >= 0n && stated <= 1n << BigInt(MAX_ALIGNMENT_SHIFT);
    const alignment = known ? (power ? 2 ** Number(stated) : Math.max(1, Number(stated))) : 0;
    if (alignment === 0 || !Number.isInteger(Math.log2(alignment))) {
      throw fail(
        reader,
        `alignment ${stated}: expected ${power ? `0 to ${MAX_ALIGNMENT_SHIFT}` : `a power of two up to ${2 ** MAX_ALIGNMENT_SHIFT}`}`,
        token,
      );
    }
    let fill: number | undefined;
    let maximum = alignment;
    if (accept(reader, ',')) {
      if (!isNext(reader, ',')) fill = takeByte(reader, names, 'a fill value');
      if (accept(reader, ',')) {
        const most = parseConstant(reader, names, 'the most bytes to skip');
        if (most > 0n && most < BigInt(alignment)) maximum = Number(most);
      }
    }
    if (alignment === 1) return;
    assembly.section.alignment = Math.max(assembly.section.alignment, alignment);
    endFragment(assembly.section, { kind: 'align', alignment, fill, maximum });
  };

const skip: Directive = (assembly, reader, token) => {
  const names = namesOf(assembly);
  const at = peek(reader) ?? token;
  const count = parseExpression(reader, names);
  const value = accept(reader, ',') ? takeByte(reader, names, 'a fill value') : 0;
  emitFill(assembly, reader, count, 1, BigInt(value), at);
};

/** .fill repeat[, size[, value]]: size up to 8 bytes, of which the value fills the low four. */
const fill: Directive = (assembly, reader, token) => {
  const names = namesOf(assembly);
  const at = peek(reader) ?? token;
  const count = parseExpression(reader, names);
  let unit = 1n;
  let value = 0n;
  if (accept(reader, ',')) {
    const sizeToken = peek(reader);
    unit = parseConstant(reader, names, 'a size');
    if (unit < 0n || unit > 8n) throw fail(reader, `fill size ${unit}: expected 0 to 8`, sizeToken);
    if (accept(reader, ',')) value = BigInt.asUintN(32, parseConstant(reader, names, 'a fill value'));
  }
  if (unit > 0n) emitFill(assembly, reader, count, Number(unit), value, at);
};

const set: Directive = (assembly, reader) => {
  const token = takeName(reader, 'a symbol name');
  expectPunctuation(reader, ',');
  assignSymbol(assembly, reader, token, parseExpression(reader, namesOf(assembly)));
};

const bindNames =
  (global: boolean): Directive =>
  (assembly, reader) => {
    for (const token of parseList(reader, () => takeName(reader, 'a symbol name'))) {
      if (global) factsOf(assembly, token.text).global = true;
    }
  };

const symbolTypes: Readonly<Record<string, SymbolType>> = {
  function: 'func',
  object: 'object',
  notype: 'notype',
  STT_FUNC: 'func',
  STT_OBJECT: 'object',
  STT_NOTYPE: 'notype',
};

const type: Directive = (assembly, reader) => {
  const name = takeName(reader, 'a symbol name');
  accept(reader, ',');
  let what: string;
  const token = peek(reader);
  if (token?.kind === 'string') {
    reader.next++;
    what = token.text.slice(1, -1);
  } else {
    if (!accept(reader, '@')) accept(reader, '%');
    what = takeName(reader, '@function, @object or @notype').text;
  }
  const known = Object.hasOwn(symbolTypes, what) ? symbolTypes[what] : undefined;
  if (known === undefined)
    throw fail(reader, `unknown symbol type ${what}: expected @function, @object or @notype`, token);
  factsOf(assembly, name.text).type = known;
};

const size: Directive = (assembly, reader) => {
  const name = takeName(reader, 'a symbol name');
  expectPunctuation(reader, ',');
  const token = peek(reader);
  const expression: Expression = parseExpression(reader, namesOf(assembly));
  factsOf(assembly, name.text).size = { expression, reader, token: token ?? name };
};

/** .org: forward to a place counted from the start of the section. */
const org: Directive = (assembly, reader, token) => {
  const names = namesOf(assembly);
  const at = peek(reader) ?? token;
  const target = parseExpression(reader, names);
  const { section } = assembly;
  const start: Expression = { kind: 'place', section, fragment: section.fragments[0]!, offset: 0n };
  const now = here(assembly);
  const minus = { ...at, text: '-' };
  const used: Expression =
    now.fragment === start.fragment
      ? constant(now.offset)
      : { kind: 'binary', operator: '-', left: now, right: start, depth: 1, token: minus };
  const wanted: Expression =
    target.kind === 'constant'
      ? target
      : { kind: 'binary', operator: '-', left: target, right: start, depth: 2, token: minus };
  const count: Expression =
    wanted.kind === 'constant' && used.kind === 'constant'
      ? constant(wanted.value - used.value)
      : { kind: 'binary', operator: '-', left: wanted, right: used, depth: 3, token: minus };
  emitFill(assembly, reader, count, 1, 0n, at);
};

const ignored: Directive = (_assembly, reader) => {
  reader.next = reader.statement.tokens.length;
};

const previous: Directive = (assembly) => switchTo(assembly, assembly.previous);

const section: Directive = (assembly, reader) => switchTo(assembly, takeSection(assembly, reader));

/** By name, with the dot. */
// prettier-ignore
export const directives: ReadonlyMap<string, Directive> = new Map<string, Directive>([
  ['.text', fixedSection('.text')], ['.data', fixedSection('.data')], ['.bss', fixedSection('.bss')], ['.rodata', fixedSection('.rodata')],
  ['.section', section], ['.pushsection', push], ['.popsection', pop], ['.previous', previous],
  ['.globl', bindNames(true)], ['.global', bindNames(true)], ['.weak', bindNames(true)], ['.local', bindNames(false)],
  ['.extern', bindNames(false)], ['.hidden', bindNames(false)],
  ['.align', align(false)], ['.balign', align(false)], ['.p2align', align(true)],
  ['.byte', integers(1)], ['.word', integers(2)], ['.short', integers(2)], ['.value', integers(2)], ['.2byte', integers(2)],
  ['.long', integers(4)], ['.int', integers(4)], ['.4byte', integers(4)], ['.quad', integers(8)], ['.8byte', integers(8)],
  ['.ascii', strings(false)], ['.asciz', strings(true)], ['.string', strings(true)],
  ['.zero', skip], ['.skip', skip], ['.space', skip], ['.fill', fill], ['.org', org],
  ['.set', set], ['.equ', set], ['.type', type], ['.size', size],
  ...['.code64', '.att_syntax', '.file', '.ident', '.loc', '.cfi_startproc', '.cfi_endproc', '.cfi_def_cfa', '.cfi_def_cfa_offset',
    '.cfi_def_cfa_register', '.cfi_adjust_cfa_offset', '.cfi_offset', '.cfi_rel_offset', '.cfi_restore', '.cfi_undefined', '.cfi_sections',
    '.cfi_remember_state', '.cfi_restore_state', '.cfi_signal_frame',
  ].map((name): [string, Directive] => [name, ignored]),
]);

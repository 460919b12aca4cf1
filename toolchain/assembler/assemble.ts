/** Sources to sections, symbols and lines. */
import {
  LEFT_OUT,
  defineLabel,
  defineLocalLabel,
  assignSymbol,
  factsOf,
  namesOf,
  type Assembly,
  type Scope,
  type SymbolType,
} from './assembly.ts';
import { didYouMean } from './did-you-mean.ts';
import { directives } from './directives.ts';
import { errorAt, type SourceFile } from './error.ts';
import { asPlace, parseExpression, type SymbolEntry } from './expressions.ts';
import { assembleInstruction } from './instructions.ts';
import { layOut, valueOf, type Layout } from './layout.ts';
import { splitStatements, type Statement } from './lexer.ts';
import { substituteFor } from './not-here.ts';
import { newSection } from './sections.ts';
import { expectEnd, fail, type StatementReader } from './statement-reader.ts';

export interface AssemblerOptions {
  /** for messages and the line table */
  readonly file?: string;
  /** virtual addresses; .text is at 0 otherwise, any other section after the one before it */
  readonly sections?: Readonly<Record<string, bigint>>;
  /** another section is an error, but for those that a linker leaves out, which are left out here too */
  readonly onlySections?: boolean;
  /** values of names that the sources do not define: addresses, offsets of structure members, numbers of native functions */
  readonly symbols?: ReadonlyMap<string, bigint> | Readonly<Record<string, bigint>>;
  /** what fills alignment in code without a fill value of its own; `nop` by default */
  readonly codePadding?: 'nop' | 'int3';
}

export interface AssembledSection {
  readonly name: string;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** bytes */
  readonly alignment: number;
}

export interface AssembledSymbol {
  /** undefined for a number */
  readonly section: string | undefined;
  readonly address: bigint;
  /** bytes, as .size says; else 0 */
  readonly size: bigint;
  readonly type: SymbolType;
  readonly global: boolean;
}

export interface SourceLine {
  readonly file: string;
  /** from 1 */
  readonly line: number;
}

export interface AssembledProgram {
  readonly sections: ReadonlyMap<string, AssembledSection>;
  /** without .L labels; where files have local symbols of one name, the first */
  readonly symbols: ReadonlyMap<string, AssembledSymbol>;
  /** by the address of each instruction and datum, in the order of the sources */
  readonly lines: ReadonlyMap<bigint, SourceLine>;
}

/** 1 Mi UTF-16 units in all: bounds the time and memory that hostile sources take (under 1 s, 400 MiB). */
const MAX_SOURCE = 1024 * 1024;

const isPunctuation = ({ tokens }: Statement, n: number, text: string): boolean =>
  tokens[n]?.kind === 'punctuation' && tokens[n]!.text === text;

/** The first pass: statements, and the names that the file defines and exports. */
function scan(file: SourceFile): Scope {
  const statements = splitStatements(file);
  const defined = new Set<string>();
  const declared = new Set<string>();
  for (const statement of statements) {
    const { tokens } = statement;
    let n = 0;
    while (isPunctuation(statement, n + 1, ':') && (tokens[n]!.kind === 'name' || tokens[n]!.kind === 'number')) {
      if (tokens[n]!.kind === 'name') defined.add(tokens[n]!.text);
      n += 2;
    }
    const first = tokens[n];
    if (first?.kind !== 'name') continue;
    if (isPunctuation(statement, n + 1, '=')) defined.add(first.text);
    else if (first.text === '.set' || first.text === '.equ') {
      if (tokens[n + 1]?.kind === 'name') defined.add(tokens[n + 1]!.text);
    } else if (first.text === '.globl' || first.text === '.global' || first.text === '.weak') {
      for (const token of tokens.slice(n + 1)) if (token.kind === 'name') declared.add(token.text);
    }
  }
  defined.delete('.');
  const global = new Set([...declared].filter((name) => defined.has(name)));
  return {
    file,
    statements,
    defined,
    global,
    symbols: new Map(),
    facts: new Map(),
    lastLocal: new Map(),
    nextLocal: new Map(),
  };
}

function assembleStatement(assembly: Assembly, statement: Statement): void {
  const reader: StatementReader = { file: assembly.scope.file, statement, next: 0 };
  const { tokens } = statement;
  while (isPunctuation(statement, reader.next + 1, ':')) {
    const label = tokens[reader.next]!;
    if (label.kind === 'number' && /^\d+$/.test(label.text)) defineLocalLabel(assembly, label.text);
    else if (label.kind === 'name' && label.text !== '.') defineLabel(assembly, reader, label);
    else throw fail(reader, 'expected a label: a name or a decimal number before the :', label);
    reader.next += 2;
  }
  const first = tokens[reader.next];
  if (first === undefined) return;
  if (first.kind !== 'name')
    throw fail(reader, `expected a label, a directive or an instruction, got ${first.text}`, first);
  if (isPunctuation(statement, reader.next + 1, '=') && first.text !== '.') {
    reader.next += 2;
    assignSymbol(assembly, reader, first, parseExpression(reader, namesOf(assembly)));
    expectEnd(reader);
    return;
  }
  const { section } = assembly;
  const line = { fragment: section.current, at: section.length, file: assembly.scope.file.file, line: statement.line };
  if (first.text.startsWith('.')) {
    const directive = directives.get(first.text);
    if (directive === undefined)
      throw fail(
        reader,
        `unknown directive ${first.text}${substituteFor(first.text) ?? didYouMean(first.text, directives.keys())}`,
        first,
      );
    reader.next++;
    directive(assembly, reader, first);
    expectEnd(reader);
  } else assembleInstruction(reader, section, namesOf(assembly));
  if (section.length > line.at || section.current !== line.fragment) section.lines.push(line);
}

function finishScope({ nextLocal }: Scope): void {
  for (const [number, { use }] of nextLocal) throw fail(use.reader, `no label ${number}: after this line`, use.token);
}

function symbolsOf(assembly: Assembly, scopes: readonly Scope[], { stamp }: Layout): Map<string, AssembledSymbol> {
  const symbols = new Map<string, AssembledSymbol>();
  for (const scope of scopes) {
    assembly.scope = scope;
    const add = (name: string, entry: SymbolEntry, global: boolean): void => {
      if (entry.value === undefined || (name.startsWith('.L') && !global)) return;
      if (symbols.has(name) && !global) return;
      const facts = factsOf(assembly, name);
      const origin = { file: scope.file, token: entry.use.token };
      const address = valueOf(entry.value, stamp, { ...origin, file: entry.use.reader.file });
      const size =
        facts.size === undefined
          ? 0n
          : valueOf(facts.size.expression, stamp, { file: scope.file, token: facts.size.token });
      const section = asPlace(entry.value)?.section.name;
      symbols.set(name, {
        section,
        address: BigInt.asUintN(64, address),
        size: BigInt.asUintN(64, size),
        type: facts.type,
        global,
      });
    };
    for (const [name, entry] of scope.symbols) add(name, entry, false);
    for (const name of scope.global) {
      const entry = assembly.globals.get(name);
      if (entry !== undefined) add(name, entry, true);
    }
  }
  return symbols;
}

function linesOf(assembly: Assembly): Map<bigint, SourceLine> {
  const lines = new Map<bigint, SourceLine>();
  for (const section of assembly.sections.values()) {
    for (const { fragment, at, file, line } of section.lines) {
      lines.set(section.address + BigInt(fragment.offset + at - fragment.start), { file, line });
    }
  }
  return lines;
}

function toMap(
  record: ReadonlyMap<string, bigint> | Readonly<Record<string, bigint>> | undefined,
): ReadonlyMap<string, bigint> {
  return record instanceof Map ? record : new Map(Object.entries(record ?? {}));
}

/**
 * Assembles several sources as one program: their sections are joined in order, .globl symbols of one are visible in all.
 * A symbol that a source defines wins over one the caller gave. Throws AssemblerError, and nothing else, for any source.
 */
export function assembleFiles(files: readonly SourceFile[], options: AssemblerOptions = {}): AssembledProgram {
  const nowhere: SourceFile = files[0] ?? { file: options.file ?? '<none>', source: '' };
  const length = files.reduce((sum, { source }) => sum + source.length, 0);
  if (length > MAX_SOURCE)
    throw errorAt(nowhere, 0, '', `sources of ${length} characters: expected at most ${MAX_SOURCE}`);
  const scopes = files.map((file) => scan(file));
  const text = newSection('.text', true);
  const assembly: Assembly = {
    sections: new Map([['.text', text]]),
    external: toMap(options.symbols),
    permitted: options.onlySections === true ? new Set(['.text', ...Object.keys(options.sections ?? {})]) : undefined,
    globals: new Map(),
    exported: new Set(scopes.flatMap(({ global }) => [...global])),
    scope: scopes[0]!,
    section: text,
    previous: text,
    sectionStack: [],
    names: undefined,
    emitted: 0,
  };
  for (const scope of scopes) {
    assembly.scope = scope;
    assembly.section = text;
    assembly.previous = text;
    assembly.sectionStack.length = 0;
    for (const statement of scope.statements) assembleStatement(assembly, statement);
    finishScope(scope);
  }
  const bases = new Map(
    [['.text', 0n], ...Object.entries(options.sections ?? {})].map(([name, base]) => [
      name as string,
      BigInt.asUintN(64, base as bigint),
    ]),
  );
  const kept = [...assembly.sections.values()].filter(
    ({ name }) => options.onlySections !== true || !LEFT_OUT.has(name),
  );
  const layout = layOut(nowhere, kept, bases, options.codePadding ?? 'nop');
  const sections = new Map<string, AssembledSection>();
  for (const [section, bytes] of layout.contents) {
    sections.set(section.name, { name: section.name, address: section.address, bytes, alignment: section.alignment });
  }
  return { sections, symbols: symbolsOf(assembly, scopes, layout), lines: linesOf(assembly) };
}

/** Assembles one source. Throws AssemblerError. */
export function assemble(source: string, options: AssemblerOptions = {}): AssembledProgram {
  return assembleFiles([{ file: options.file ?? '<assembly>', source }], options);
}

/** For tests: the bytes of .text alone, at `address` (0 by default). Throws AssemblerError. */
export function assembleCode(
  source: string,
  options: { readonly address?: bigint; readonly symbols?: AssemblerOptions['symbols'] } = {},
): Uint8Array {
  const { address = 0n, symbols = {} } = options;
  return assemble(source, { sections: { '.text': address }, symbols }).sections.get('.text')!.bytes;
}

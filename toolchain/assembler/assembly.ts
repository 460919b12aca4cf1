/** The state of one assembly: sections, and the symbols of each file with what the caller gave. */
import { didYouMean } from './did-you-mean.ts';
import { constant, type Expression, type Names, type Place, type SymbolEntry } from './expressions.ts';
import type { SourceFile } from './error.ts';
import type { Statement, Token } from './lexer.ts';
import { endFragment, MAX_OUTPUT, newSection, reserve, type SectionBuilder } from './sections.ts';
import { substituteFor } from './not-here.ts';
import { fail, type StatementReader } from './statement-reader.ts';

export type SymbolType = 'func' | 'object' | 'notype';

/** What .type, .size and .globl said of a name. */
export interface SymbolFacts {
  type: SymbolType;
  size: { readonly expression: Expression; readonly reader: StatementReader; readonly token: Token } | undefined;
  global: boolean;
}

/** One source file: its own names, found before its statements are assembled. */
export interface Scope {
  readonly file: SourceFile;
  readonly statements: readonly Statement[];
  readonly defined: ReadonlySet<string>;
  readonly global: ReadonlySet<string>;
  readonly symbols: Map<string, SymbolEntry>;
  readonly facts: Map<string, SymbolFacts>;
  /** numeric labels: the last definition of each, and the entry that the next one fills */
  readonly lastLocal: Map<string, Place>;
  readonly nextLocal: Map<string, SymbolEntry>;
}

export interface Assembly {
  readonly sections: Map<string, SectionBuilder>;
  readonly external: ReadonlyMap<string, bigint>;
  readonly globals: Map<string, SymbolEntry>;
  /** undefined: every section may be */
  readonly permitted: ReadonlySet<string> | undefined;
  /** names that some file defines and declares .globl */
  readonly exported: ReadonlySet<string>;
  scope: Scope;
  section: SectionBuilder;
  previous: SectionBuilder;
  readonly sectionStack: (readonly [SectionBuilder, SectionBuilder])[];
  /** how expressions find symbols; made at the first use */
  names: Names | undefined;
  /** bytes put out so far, without tails */
  emitted: number;
}

/** Fragments, fixups and statements are bounded by the sources; sections are bounded here. */
const MAX_SECTIONS = 1000;

/** What says something to a linker and is in no program. */
export const LEFT_OUT: ReadonlySet<string> = new Set(['.note.GNU-stack', '.comment']);

export function sectionNamed(
  assembly: Assembly,
  reader: StatementReader,
  name: string,
  token?: Token,
  executable = false,
): SectionBuilder {
  const known = assembly.sections.get(name);
  if (known !== undefined) return known;
  const { permitted } = assembly;
  if (permitted !== undefined && !permitted.has(name) && !LEFT_OUT.has(name)) {
    const hint = didYouMean(name, permitted) || `: expected one of ${[...permitted].join(', ')}`;
    throw fail(reader, `unknown section ${name}${hint}`, token);
  }
  if (assembly.sections.size >= MAX_SECTIONS) throw fail(reader, `more than ${MAX_SECTIONS} sections`);
  const section = newSection(name, executable || name === '.text' || name.startsWith('.text.'));
  assembly.sections.set(name, section);
  return section;
}

export function here({ section }: Assembly): Place {
  return { kind: 'place', section, fragment: section.current, offset: BigInt(section.length - section.current.start) };
}

/** Room for `count` bytes in the current section; returns where they start. */
export function emitSpace(assembly: Assembly, reader: StatementReader, count: number): number {
  assembly.emitted += count;
  if (assembly.emitted > MAX_OUTPUT)
    throw fail(reader, `the output may have at most ${MAX_OUTPUT} bytes`, reader.statement.tokens[0]);
  return reserve(assembly.section, count);
}

/** Fixed bytes up to this keep their fragment whole, so that distances across them are known at once. */
const MAX_INLINE_FILL = 4096;

export function emitFill(
  assembly: Assembly,
  reader: StatementReader,
  count: Expression,
  unit: number,
  value: bigint,
  token: Token,
): void {
  const { section } = assembly;
  if (count.kind === 'constant') {
    if (count.value < 0n) throw fail(reader, `a fill of ${count.value} units: expected 0 or more`, token);
    const size = count.value * BigInt(unit);
    if (size > BigInt(MAX_OUTPUT))
      throw fail(reader, `a fill of ${size} bytes: the output may have at most ${MAX_OUTPUT}`, token);
    if (size <= BigInt(MAX_INLINE_FILL) && value === 0n) {
      const at = emitSpace(assembly, reader, Number(size));
      section.bytes.fill(0, at, at + Number(size));
      return;
    }
  }
  endFragment(section, { kind: 'fill', count, unit, value, origin: { file: reader.file, token } });
}

const newEntry = (name: string, reader: StatementReader, token: Token): SymbolEntry => ({
  name,
  value: undefined,
  use: { reader: { ...reader }, token },
  stamp: -1,
  cached: 0n,
});

/** The entry of a name that this file or another defines; made when it is not there yet. */
function entryOf(assembly: Assembly, reader: StatementReader, token: Token): SymbolEntry | undefined {
  const { text: name } = token;
  const { scope } = assembly;
  const own = scope.defined.has(name);
  if (!own && !assembly.exported.has(name)) return undefined;
  const map = own && !scope.global.has(name) ? scope.symbols : assembly.globals;
  let entry = map.get(name);
  if (entry === undefined) {
    entry = newEntry(name, reader, token);
    map.set(name, entry);
  }
  return entry;
}

function referTo(entry: SymbolEntry): Expression {
  const { value } = entry;
  if (value === undefined) return { kind: 'symbol', symbol: entry, depth: 1 };
  if (value.kind === 'constant') return constant(value.value, true);
  return value.kind === 'place' ? value : { kind: 'symbol', symbol: entry, depth: 1 };
}

function undefinedSymbol(assembly: Assembly, reader: StatementReader, token: Token): Error {
  const candidates = [...assembly.scope.defined, ...assembly.exported, ...assembly.external.keys()];
  const nearest = didYouMean(token.text, candidates.length > 20_000 ? candidates.slice(0, 20_000) : candidates);
  return fail(reader, `undefined symbol ${token.text}${substituteFor(token.text) ?? nearest}`, token);
}

/** How expressions find symbols: this file's, then other files' global ones, then the caller's. */
export function namesOf(assembly: Assembly): Names {
  assembly.names ??= newNames(assembly);
  return assembly.names;
}

function newNames(assembly: Assembly): Names {
  const names: Omit<Names, 'natives'> = {
    lookUp(reader, token) {
      const entry = entryOf(assembly, reader, token);
      if (entry !== undefined) return referTo(entry);
      const value = assembly.external.get(token.text);
      if (value === undefined) throw undefinedSymbol(assembly, reader, token);
      return constant(BigInt.asIntN(64, value), true);
    },
    localLabel(reader, token) {
      const number = token.text.slice(0, -1);
      const { lastLocal, nextLocal } = assembly.scope;
      if (token.text.endsWith('b')) {
        const place = lastLocal.get(number);
        if (place === undefined) throw fail(reader, `no label ${number}: before this line`, token);
        return place;
      }
      let entry = nextLocal.get(number);
      if (entry === undefined) {
        entry = newEntry(number, reader, token);
        nextLocal.set(number, entry);
      }
      return { kind: 'symbol', symbol: entry, depth: 1 };
    },
    here: () => here(assembly),
  };
  return { ...names, natives: nativeNames(assembly, names) };
}

/** The caller's names of native functions begin so. */
const NATIVE = 'native.';

/** After `native`: where the caller names native functions, no other name is one. */
function nativeNames({ external }: Assembly, names: Omit<Names, 'natives'>): Names {
  const known = [...external.keys()].filter((name) => name.startsWith(NATIVE)).map((name) => name.slice(NATIVE.length));
  const natives: Names = {
    ...names,
    lookUp(reader, token) {
      if (known.length === 0) return names.lookUp(reader, token);
      const value = external.get(`${NATIVE}${token.text}`);
      if (value !== undefined) return constant(value);
      throw fail(reader, `no native function is called ${token.text}${didYouMean(token.text, known)}`, token);
    },
    get natives() {
      return natives;
    },
  };
  return natives;
}

/** `1:` */
export function defineLocalLabel(assembly: Assembly, number: string): void {
  const place = here(assembly);
  const { lastLocal, nextLocal } = assembly.scope;
  lastLocal.set(number, place);
  const waiting = nextLocal.get(number);
  if (waiting !== undefined) waiting.value = place;
  nextLocal.delete(number);
}

/** `name:`. Error: the name has a value already. */
export function defineLabel(assembly: Assembly, reader: StatementReader, token: Token): void {
  const entry = entryOf(assembly, reader, token)!;
  if (entry.value !== undefined) {
    const first = entry.definition;
    throw fail(reader, `duplicate label ${token.text}${first === undefined ? '' : `: defined at ${first}`}`, token);
  }
  entry.value = here(assembly);
  entry.definition = `${reader.file.file}:${reader.statement.line}`;
}

/** `name = expression`, .set and .equ: later ones replace the value for what follows. */
export function assignSymbol(assembly: Assembly, reader: StatementReader, token: Token, value: Expression): void {
  const { scope } = assembly;
  const map = scope.global.has(token.text) ? assembly.globals : scope.symbols;
  let entry = entryOf(assembly, reader, token)!;
  if (entry.definition !== undefined)
    throw fail(reader, `${token.text} is a label already, defined at ${entry.definition}`, token);
  if (entry.value !== undefined) {
    entry = newEntry(token.text, reader, token);
    map.set(token.text, entry);
  }
  entry.value = value;
}

export function factsOf({ scope }: Assembly, name: string): SymbolFacts {
  let facts = scope.facts.get(name);
  if (facts === undefined) {
    facts = { type: 'notype', size: undefined, global: false };
    scope.facts.set(name, facts);
  }
  return facts;
}

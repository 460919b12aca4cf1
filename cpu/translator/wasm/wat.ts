/** A module of ours as text, for people and golden tests: near to the .wat format, flat, an instruction a line. */
import type { ValueType } from './code.ts';
import { BRANCH_HINTS, ExternalKind, FUNCTION_REFERENCE, FUNCTION_TYPE, HEADER, Section } from './module.ts';
import type { FunctionType } from './module.ts';
import { Reader } from './reader.ts';
import { readInstruction, valueType } from './wat-instruction.ts';
import type { Instruction } from './wat-instruction.ts';

/** Deeper nesting is not indented further. */
const DEEPEST = 32;

/** What earlier sections said. */
interface Known {
  readonly types: FunctionType[];
  /** the type of each function, imported ones first */
  readonly functions: number[];
  /** by function index */
  readonly importedNames: string[];
  tables: number;
  globals: number;
  /** by function index: likely or not, by the offset in the function */
  readonly hints: Map<number, Map<number, boolean>>;
  readonly lines: string[];
}

const quoted = (text: string): string => JSON.stringify(text);

const list = (word: string, types: readonly ValueType[]): string =>
  types.length === 0 ? '' : ` (${word} ${types.join(' ')})`;

const signature = ({ params, results }: FunctionType): string => `${list('param', params)}${list('result', results)}`;

function expectByte(reader: Reader, expected: number, what: string): void {
  const start = reader.at;
  const got = reader.byte();
  if (got !== expected) reader.fail(`${what}: got 0x${got.toString(16)}, expected 0x${expected.toString(16)}`, start);
}

/** A byte of 0 or 1. */
function flag(reader: Reader, what: string): boolean {
  const start = reader.at;
  const got = reader.byte();
  return got < 2 ? got === 1 : reader.fail(`${what}: got ${got}, expected 0 or 1`, start);
}

function limits(reader: Reader): string {
  const bounded = flag(reader, 'limits');
  const initial = reader.u32();
  return bounded ? `${initial} ${reader.u32()}` : `${initial}`;
}

function table(reader: Reader): string {
  expectByte(reader, FUNCTION_REFERENCE, 'type of a table');
  return `${limits(reader)} funcref`;
}

/** A constant and its end. */
function constant(reader: Reader): string {
  const start = reader.at;
  const { name, immediates } = readInstruction(reader, { depth: 1, functionName: () => undefined });
  if (!name.endsWith('.const')) reader.fail(`got ${name}, expected a constant`, start);
  const end = reader.at;
  if (readInstruction(reader, { depth: 1, functionName: () => undefined }).name !== 'end')
    reader.fail('expected end', end);
  return `(${name} ${immediates})`;
}

function typeSection(reader: Reader, { types, lines }: Known): void {
  reader.vector(() => {
    expectByte(reader, FUNCTION_TYPE, 'type');
    const type = { params: reader.vector(() => valueType(reader)), results: reader.vector(() => valueType(reader)) };
    lines.push(`(type ${types.length} (func${signature(type)}))`);
    types.push(type);
  });
}

function importSection(reader: Reader, known: Known): void {
  reader.vector(() => {
    const module = reader.name();
    const name = reader.name();
    const start = reader.at;
    const kind = reader.byte();
    let what: string;
    if (kind === ExternalKind.function) {
      const type = reader.u32();
      what = `(func ${known.functions.length} (type ${type}))`;
      known.importedNames.push(`${module}.${name}`);
      known.functions.push(type);
    } else if (kind === ExternalKind.table) {
      what = `(table ${known.tables++} ${table(reader)})`;
    } else if (kind === ExternalKind.memory) {
      what = `(memory ${limits(reader)})`;
    } else {
      return reader.fail(`got an import of kind ${kind}, expected a function, table or memory`, start);
    }
    known.lines.push(`(import ${quoted(module)} ${quoted(name)} ${what})`);
  });
}

function globalSection(reader: Reader, known: Known): void {
  reader.vector(() => {
    const type = valueType(reader);
    const mutable = flag(reader, 'mutability');
    known.lines.push(`(global ${known.globals++} ${mutable ? `(mut ${type})` : type} ${constant(reader)})`);
  });
}

const exportKinds: Readonly<Record<number, string>> = { 0: 'func', 1: 'table', 2: 'memory', 3: 'global' };

function exportSection(reader: Reader, { lines }: Known): void {
  reader.vector(() => {
    const name = reader.name();
    const start = reader.at;
    const number = reader.byte();
    const kind = exportKinds[number] ?? reader.fail(`got an export of kind ${number}, expected 0 to 3`, start);
    lines.push(`(export ${quoted(name)} (${kind} ${reader.u32()}))`);
  });
}

function elementSection(reader: Reader, { lines }: Known): void {
  reader.vector(() => {
    expectByte(reader, 0, 'flags of elements');
    const offset = constant(reader);
    lines.push(`(elem ${[offset, ...reader.vector(() => reader.u32())].join(' ')})`);
  });
}

/** Other custom sections are passed over. */
function customSection(reader: Reader, { hints, lines }: Known): void {
  const name = reader.name();
  if (name !== BRANCH_HINTS) {
    lines.push(`;; custom section ${quoted(name)}, ${reader.end - reader.at} bytes`);
    reader.at = reader.end;
    return;
  }
  reader.vector(() => {
    const index = reader.u32();
    const entries = reader.vector((): [number, boolean] => {
      const offset = reader.u32();
      expectByte(reader, 1, 'size of a branch hint');
      return [offset, flag(reader, 'branch hint')];
    });
    hints.set(index, new Map(entries));
  });
}

function locals(reader: Reader, parameters: number, lines: string[]): void {
  let first = parameters;
  reader.vector(() => {
    const count = reader.u32();
    const type = valueType(reader);
    const last = first + count - 1;
    lines.push(`  (local ${last > first ? `$${first}..$${last}` : `$${first}`} ${type})`);
    first += count;
  });
}

function instructionLine({ name, immediates, comment }: Instruction, depth: number, hint: boolean | undefined): string {
  const text = immediates === '' ? name : `${name} ${immediates}`;
  const notes = [comment, hint === undefined ? '' : hint ? 'likely' : 'unlikely'].filter((note) => note !== '');
  return `${'  '.repeat(Math.min(depth, DEEPEST))}${text}${notes.length > 0 ? ` ;; ${notes.join(', ')}` : ''}`;
}

function body(reader: Reader, index: number, known: Known): void {
  const { lines, importedNames } = known;
  const start = reader.at;
  const type = known.functions[index];
  if (type === undefined) return reader.fail(`got a body of function ${index}, which has no type`);
  const full = known.types[type] ?? reader.fail(`function ${index} is of type ${type}, which there is not`);
  lines.push(`(func ${index} (type ${type})${signature(full)}`);
  locals(reader, full.params.length, lines);
  const hints = new Map(known.hints.get(index));
  const functionName = (at: number): string | undefined => importedNames[at];
  for (let depth = 1; depth > 0;) {
    const offset = reader.at - start;
    const instruction = readInstruction(reader, { depth, functionName });
    const { name } = instruction;
    if (name === 'end') depth--;
    if (depth === 0) break;
    const outwards = name === 'else' ? 1 : 0;
    lines.push(instructionLine(instruction, depth - outwards, hints.get(offset)));
    hints.delete(offset);
    if (name === 'block' || name === 'loop' || name === 'if') depth++;
  }
  for (const offset of hints.keys()) reader.fail('got a branch hint where no instruction begins', start + offset);
  lines.push(')');
}

function codeSection(reader: Reader, known: Known): void {
  const first = known.importedNames.length;
  reader.vector((n) => {
    const part = reader.part();
    body(part, first + n, known);
    part.finish(`function ${first + n}`);
  });
}

const sections = new Map<number, (reader: Reader, known: Known) => void>([
  [Section.custom, customSection],
  [Section.type, typeSection],
  [Section.import, importSection],
  [Section.function, (reader, { functions }) => reader.vector(() => functions.push(reader.u32()))],
  [
    Section.table,
    (reader, known) => reader.vector(() => known.lines.push(`(table ${known.tables++} ${table(reader)})`)),
  ],
  [Section.global, globalSection],
  [Section.export, exportSection],
  [Section.element, elementSection],
  [Section.code, codeSection],
]);

/**
 * The text of a module that encodeModule wrote. Parameters and locals are $0, $1…; `@n` is the block at nesting n, @0 the
 * function. A WasmFormatError for what encodeModule never writes.
 */
export function printModule(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  for (const expected of HEADER) expectByte(reader, expected, 'header');
  const known: Known = {
    types: [],
    functions: [],
    importedNames: [],
    tables: 0,
    globals: 0,
    hints: new Map(),
    lines: [],
  };
  while (!reader.done) {
    const start = reader.at;
    const id = reader.byte();
    const print = sections.get(id);
    if (print === undefined) return reader.fail(`got section ${id}, which encodeModule never writes`, start);
    const part = reader.part();
    print(part, known);
    part.finish(`section ${id}`);
  }
  return `(module\n${known.lines.map((line) => `  ${line}\n`).join('')})\n`;
}

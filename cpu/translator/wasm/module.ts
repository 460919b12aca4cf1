/** A module of its parts (5.5 "Modules"): the sections in the order the format wants, each present only where it is needed. */
import { Bytes, WasmEncodeError } from './bytes.ts';
import { typeCodes, type Code, type ValueType } from './code.ts';
import { operators } from './operators.ts';

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface FunctionImport {
  readonly kind: 'function';
  readonly module: string;
  readonly name: string;
  /** index of `types` */
  readonly type: number;
}

export interface MemoryImport {
  readonly kind: 'memory';
  readonly module: string;
  readonly name: string;
  /** pages of 64 KiB, 0 to 65,536 */
  readonly initial: number;
  readonly maximum?: number;
}

export interface TableImport {
  readonly kind: 'table';
  readonly module: string;
  readonly name: string;
  /** entries */
  readonly initial: number;
  readonly maximum?: number;
}

export type Import = FunctionImport | MemoryImport | TableImport;

/** Function indices count the imported functions first. */
export interface FunctionBody {
  /** index of `types` */
  readonly type: number;
  /** types of the locals behind the parameters */
  readonly locals: readonly ValueType[];
  readonly code: Code;
  readonly export?: string;
}

/** A table of functions. */
export interface Table {
  readonly size: number;
  readonly maximum?: number;
  readonly export?: string;
}

export interface Global {
  readonly type: 'i32' | 'i64' | 'f32' | 'f64';
  readonly mutable: boolean;
  /** a bigint for an i64, a number for the others */
  readonly initial: number | bigint;
  readonly export?: string;
}

/** An active segment of table 0. */
export interface Elements {
  readonly offset: number;
  readonly functions: readonly number[];
}

export interface ModuleParts {
  readonly types: readonly FunctionType[];
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionBody[];
  readonly table?: Table;
  readonly globals?: readonly Global[];
  readonly elements?: readonly Elements[];
}

export const Section = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
} as const;

export const ExternalKind = { function: 0, table: 1, memory: 2, global: 3 } as const;
export const FUNCTION_TYPE = 0x60;
export const FUNCTION_REFERENCE = 0x70;
export const BRANCH_HINTS = 'metadata.code.branch_hint';

/** "\0asm", version 1 */
export const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** bytes: enough for three numbers */
const SOME = 16;

const encoder = new TextEncoder();

function name(to: Bytes, text: string): void {
  const bytes = encoder.encode(text);
  to.reserve(SOME);
  to.u32(bytes.length);
  to.append(bytes);
}

function limits(to: Bytes, initial: number, maximum: number | undefined): void {
  to.reserve(SOME);
  to.byte(maximum === undefined ? 0 : 1);
  to.u32(initial);
  if (maximum !== undefined) to.u32(maximum);
}

/** A vector: how many, then each. */
function vector<Item>(to: Bytes, items: readonly Item[], write: (item: Item) => void): void {
  to.reserve(SOME);
  to.u32(items.length);
  for (const item of items) {
    to.reserve(SOME);
    write(item);
  }
}

function types(to: Bytes, list: readonly ValueType[]): void {
  vector(to, list, (type) => to.byte(typeCodes[type]));
}

/** Sized: the length in bytes, then what was written. */
function sized(to: Bytes, content: Bytes): void {
  to.reserve(SOME);
  to.u32(content.length);
  to.append(content.view());
}

function section(to: Bytes, id: number, write: (content: Bytes) => void): void {
  const content = new Bytes();
  write(content);
  to.reserve(SOME);
  to.byte(id);
  sized(to, content);
}

function writeImport(to: Bytes, item: Import): void {
  name(to, item.module);
  name(to, item.name);
  to.reserve(SOME);
  to.byte(ExternalKind[item.kind]);
  if (item.kind === 'function') {
    to.u32(item.type);
    return;
  }
  if (item.kind === 'table') to.byte(FUNCTION_REFERENCE);
  limits(to, item.initial, item.maximum);
}

/** Also what a constant expression is: a constant and an end. */
function constant(to: Bytes, type: Global['type'], value: number | bigint): void {
  to.reserve(SOME);
  to.byte(operators[`${type}.const`][0]);
  if (type === 'i64') to.s64(BigInt(value));
  else if (type === 'i32') to.s32(Number(value));
  else if (type === 'f32') to.f32(Number(value));
  else to.f64(Number(value));
  to.byte(operators.end[0]);
}

function writeGlobal(to: Bytes, global: Global): void {
  to.byte(typeCodes[global.type]);
  to.byte(global.mutable ? 1 : 0);
  constant(to, global.type, global.initial);
}

/** Table 0, functions by index: the short form (5.5.12, flags 0). */
function writeElements(to: Bytes, { offset, functions }: Elements): void {
  to.byte(0);
  constant(to, 'i32', offset);
  vector(to, functions, (index) => to.u32(index));
}

/** Neighbours of one type are one entry. */
function writeLocals(to: Bytes, locals: readonly ValueType[]): void {
  let groups = 0;
  for (let at = 0; at < locals.length; at++) if (at === 0 || locals[at] !== locals[at - 1]) groups++;
  to.reserve(SOME);
  to.u32(groups);
  for (let at = 0, next = 0; at < locals.length; at = next) {
    while (next < locals.length && locals[next] === locals[at]) next++;
    to.reserve(SOME);
    to.u32(next - at);
    to.byte(typeCodes[locals[at]!]);
  }
}

interface Export {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

/** How many imports of a kind there are: those have the first indices. */
const imported = (parts: ModuleParts, kind: Import['kind']): number =>
  parts.imports.filter((item) => item.kind === kind).length;

function exportsOf(parts: ModuleParts): Export[] {
  const list: Export[] = [];
  const add = (name: string | undefined, kind: number, index: number): void => {
    if (name !== undefined) list.push({ name, kind, index });
  };
  const firstFunction = imported(parts, 'function');
  parts.functions.forEach((body, n) => add(body.export, ExternalKind.function, firstFunction + n));
  add(parts.table?.export, ExternalKind.table, imported(parts, 'table'));
  parts.globals?.forEach((global, n) => add(global.export, ExternalKind.global, n));
  return list;
}

/** Hints of one function: offsets count from its first byte, that of the locals' declaration. */
interface Hinted {
  readonly index: number;
  readonly localsLength: number;
  readonly hints: readonly number[];
}

/** Branch hinting proposal, "Binary Representation"; a custom section, which hosts without it skip. */
function writeHints(to: Bytes, hinted: readonly Hinted[]): void {
  name(to, BRANCH_HINTS);
  vector(to, hinted, ({ index, localsLength, hints }) => {
    to.u32(index);
    vector(to, hints, (hint) => {
      to.u32(localsLength + (hint >>> 1));
      to.u32(1);
      to.byte(hint & 1);
    });
  });
}

/**
 * The module's bytes. Types, indices and alignments are the host's validator's business; a number that cannot be written
 * and a function with an open block are a WasmEncodeError.
 */
export function encodeModule(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const { table, globals = [], elements = [] } = parts;
  const to = new Bytes(4096);
  to.append(HEADER);

  section(to, Section.type, (content) =>
    vector(content, parts.types, ({ params, results }) => {
      content.byte(FUNCTION_TYPE);
      types(content, params);
      types(content, results);
    }),
  );
  if (parts.imports.length > 0) {
    section(to, Section.import, (content) => vector(content, parts.imports, (item) => writeImport(content, item)));
  }
  section(to, Section.function, (content) => vector(content, parts.functions, ({ type }) => content.u32(type)));
  if (table !== undefined) {
    section(to, Section.table, (content) =>
      vector(content, [table], ({ size, maximum }) => {
        content.byte(FUNCTION_REFERENCE);
        limits(content, size, maximum);
      }),
    );
  }
  if (globals.length > 0) {
    section(to, Section.global, (content) => vector(content, globals, (global) => writeGlobal(content, global)));
  }
  const exported = exportsOf(parts);
  if (exported.length > 0) {
    section(to, Section.export, (content) =>
      vector(content, exported, (item) => {
        name(content, item.name);
        content.reserve(SOME);
        content.byte(item.kind);
        content.u32(item.index);
      }),
    );
  }
  if (elements.length > 0) {
    section(to, Section.element, (content) => vector(content, elements, (item) => writeElements(content, item)));
  }

  const firstFunction = imported(parts, 'function');
  const hinted: Hinted[] = [];
  const bodies = parts.functions.map(({ locals, code }, n) => {
    const index = firstFunction + n;
    if (code.depth !== 0) throw new WasmEncodeError(`function ${index}: ${code.depth} open blocks, expected none`);
    const body = new Bytes(code.length + 64);
    writeLocals(body, locals);
    if (code.hints.length > 0) hinted.push({ index, localsLength: body.length, hints: code.hints });
    body.append(code.view());
    body.reserve(SOME);
    body.byte(operators.end[0]);
    return body;
  });
  if (hinted.length > 0) section(to, Section.custom, (content) => writeHints(content, hinted));
  section(to, Section.code, (content) => vector(content, bodies, (body) => sized(content, body)));
  return to.view().slice();
}

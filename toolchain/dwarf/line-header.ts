/** The header of a line-number program, versions 2 to 5: what its opcodes and its file numbers mean. */
import * as dwarf from './constants.ts';
import {
  cursorAt,
  readContribution,
  readOffset,
  readU16,
  readU8,
  readUleb,
  skip,
  skipString,
  type Cursor,
} from './cursor.ts';
import { spend, stringAt, type DebugFile } from './debug-file.ts';
import { DwarfError } from './error.ts';
import { readForm, textOf, toNumber, type Encoding } from './forms.ts';

export interface LineHeader {
  /** in .debug_line: what DW_AT_stmt_list says */
  readonly offset: number;
  readonly version: number;
  /** bytes an instruction's address is counted in; 1 on x86 */
  readonly minimumInstructionLength: number;
  /** above 1 on VLIW machines only */
  readonly maximumOperations: number;
  readonly defaultIsStatement: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** operands of the standard opcodes, by opcode */
  readonly operandCounts: readonly number[];
  /** by number */
  readonly directories: string[];
  /** paths, by number; before version 5 there is no number 0 */
  readonly files: (string | undefined)[];
  readonly program: Cursor;
}

const absolute = (path: string): boolean => path.startsWith('/');
const join = (directory: string | undefined, path: string): string =>
  directory === undefined || directory === '' || absolute(path) ? path : `${directory}/${path}`;

/** A file's path: relative ones count from their directory, and that one from the unit's. */
export function filePath(
  file: DebugFile,
  header: Pick<LineHeader, 'directories'>,
  name: string,
  directory: number,
): string {
  const path = join(header.directories[directory], name);
  spend(file, path.length, file.sections.line, 0);
  return path;
}

/** A v5 table of paths: formats, then entries. */
function readEntries(
  file: DebugFile,
  cursor: Cursor,
  encoding: Encoding,
): { readonly path: string; readonly directory: number }[] {
  const { section } = cursor;
  const formats = Array.from({ length: readU8(cursor) }, () => ({
    type: readUleb(cursor),
    form: readUleb(cursor),
  }));
  const at = cursor.at;
  const count = readUleb(cursor);
  // each entry takes a byte or more, or a count would be a loop without end
  const empty = formats.every(({ form }) => form === dwarf.DW_FORM_flag_present);
  if (count > 0 && empty) throw new DwarfError('bad-value', section.name, at, `got ${count} paths of no bytes`);
  const entries = [];
  for (let index = 0; index < count; index++) {
    spend(file, 1 + formats.length, section, cursor.at);
    let path = '';
    let directory = 0;
    for (const { type, form } of formats) {
      const value = readForm(cursor, form, encoding);
      const noBases = { stringOffsets: 8, addresses: 8 };
      if (type === dwarf.DW_LNCT_path) path = textOf(file, section, value, encoding, noBases) ?? '';
      if (type === dwarf.DW_LNCT_directory_index) directory = toNumber(value);
    }
    entries.push({ path, directory });
  }
  return entries;
}

/** A string in place, undefined for the empty one that ends a list. */
function readPath(file: DebugFile, cursor: Cursor): string | undefined {
  const at = skipString(cursor);
  return cursor.at === at + 1 ? undefined : stringAt(file, cursor.section, at);
}

/** Name, directory, time and length, as version 4's tables and DW_LNE_define_file have them. */
export function readFileEntry(
  file: DebugFile,
  cursor: Cursor,
  header: Pick<LineHeader, 'directories'>,
): string | undefined {
  const name = readPath(file, cursor);
  if (name === undefined) return undefined;
  const directory = readUleb(cursor);
  readUleb(cursor);
  readUleb(cursor);
  return filePath(file, header, name, directory);
}

type Tables = Pick<LineHeader, 'directories' | 'files'>;

function readTables(file: DebugFile, cursor: Cursor, encoding: Encoding, unitDirectory: string | undefined): Tables {
  if (encoding.version >= 5) {
    const paths = readEntries(file, cursor, encoding).map(({ path }) => path);
    const own = paths[0] === undefined || paths[0] === unitDirectory ? unitDirectory : join(unitDirectory, paths[0]);
    const directories = paths.map((path, index) => (index === 0 ? (own ?? path) : join(own, path)));
    const entries = readEntries(file, cursor, encoding);
    const files = entries.map(({ path, directory }) => filePath(file, { directories }, path, directory));
    return { directories, files };
  }
  const directories = [unitDirectory ?? ''];
  for (let path = readPath(file, cursor); path !== undefined; path = readPath(file, cursor)) {
    directories.push(join(unitDirectory, path));
  }
  const files: (string | undefined)[] = [undefined];
  for (;;) {
    const path = readFileEntry(file, cursor, { directories });
    if (path === undefined) return { directories, files };
    files.push(path);
  }
}

export interface LineContribution {
  readonly offset: number;
  readonly body: Cursor;
  readonly offsetSize: 4 | 8;
}

/** Cuts the next program off .debug_line. */
export function nextContribution(cursor: Cursor): LineContribution {
  const offset = cursor.at;
  return { offset, ...readContribution(cursor) };
}

/** `unitDirectory`: DW_AT_comp_dir of the unit that names this program. */
export function readLineHeader(
  file: DebugFile,
  { offset, body, offsetSize }: LineContribution,
  unitDirectory: string | undefined,
): LineHeader {
  const { section } = body;
  const version = readU16(body);
  if (version < 2 || version > 5) {
    throw new DwarfError('unsupported', section.name, offset, `got version ${version}, expected 2 to 5`);
  }
  const addressSize = version >= 5 ? readU8(body) : 8;
  if (version >= 5) readU8(body);
  const length = readOffset(body, offsetSize);
  const start = skip(body, length);
  const program = cursorAt(section, body.at, body.end);
  const cursor = cursorAt(section, start, body.at);
  const minimumInstructionLength = readU8(cursor);
  const maximumOperations = version >= 4 ? readU8(cursor) : 1;
  const defaultIsStatement = readU8(cursor) !== 0;
  const lineBase = (readU8(cursor) << 24) >> 24;
  const lineRange = readU8(cursor);
  const opcodeBase = readU8(cursor);
  if (lineRange === 0 || maximumOperations === 0 || opcodeBase === 0) {
    const got = `line_range ${lineRange}, maximum_operations ${maximumOperations}, opcode_base ${opcodeBase}`;
    throw new DwarfError('bad-value', section.name, offset, `got ${got}, expected none to be 0`);
  }
  const operandCounts = [0];
  for (let opcode = 1; opcode < opcodeBase; opcode++) operandCounts.push(readU8(cursor));
  const tables = readTables(file, cursor, { version, offsetSize, addressSize }, unitDirectory);
  return {
    offset,
    version,
    minimumInstructionLength,
    maximumOperations,
    defaultIsStatement,
    lineBase,
    lineRange,
    opcodeBase,
    operandCounts,
    ...tables,
    program,
  };
}

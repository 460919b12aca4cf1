/**
 * Bytes to an `Instruction`, by the opcode rows. The rows become one table of 4 x 256 lists at start; the first row of a
 * list whose prefix, REX.W, ModRM.reg and r/m conditions hold is the instruction.
 */
import type { Instruction, MemoryOperand, Operand, RegisterOperand, Repeat, Width } from './instruction.ts';
import type { Semantics } from './algebra.ts';
import { opcodeRows } from './opcodes/index.ts';
import type { OpcodeRow } from './opcodes/row.ts';

/** A row in the form that matching wants. */
export interface CompiledRow {
  readonly row: OpcodeRow;
  readonly map: 0 | 1 | 2 | 3;
  readonly opcode: number;
  readonly plusRegister: boolean;
  /** VEX-encoded; `mandatory` is then its pp field, and always given */
  readonly vex: boolean;
  /** VEX.L, undefined where it does not matter */
  readonly l: 0 | 1 | undefined;
  readonly mandatory: '' | 'NP' | 'NFx' | '66' | 'F3' | 'F2';
  readonly w: 0 | 1 | undefined;
  readonly modrm: boolean;
  readonly extension: number | undefined;
  readonly exactModrm: number | undefined;
  readonly form: 'mem' | 'reg' | undefined;
  /** mov of control and debug registers: r/m is a register whatever mod says */
  readonly ignoresMod: boolean;
  readonly operands: readonly string[];
  readonly d64: boolean;
  readonly f64: boolean;
  readonly lock: boolean;
  readonly rep: boolean;
  readonly w8: boolean;
  /** `row.semantics`, behind the check that the attribute `sse` asks for */
  readonly semantics: Semantics;
}

const wordMaps: Readonly<Record<string, string>> = { '0F': '0F', '0F38': '0F 38', '0F3A': '0F 3A' };

/** `VEX.L0.66.0F38.W0 op …` in the words of a legacy pattern: `66 W0 0F 38 op …`. */
function legacyWords(pattern: string): {
  readonly words: string[];
  readonly vex: boolean;
  readonly l: 0 | 1 | undefined;
} {
  if (!pattern.startsWith('VEX.')) return { words: pattern.split(' '), vex: false, l: undefined };
  const [prefix, ...rest] = pattern.split(' ');
  const [, length, pp, map, w] = prefix!.split('.');
  const words = [pp!, ...(w === undefined || w === 'WIG' ? [] : [w]), ...wordMaps[map!]!.split(' '), ...rest];
  return { words, vex: true, l: length === 'L1' ? 1 : length === 'LIG' ? undefined : 0 };
}

/** SSE instructions ask whether the system has turned SSE on; VEX-encoded ones, whether it has turned AVX on. */
function guarded(semantics: Semantics, vex: boolean): Semantics {
  return (a, i) => {
    if (vex) a.requireWideVectors();
    else a.requireVectors();
    semantics(a, i);
  };
}

function compile(row: OpcodeRow): CompiledRow {
  const { words, vex, l } = legacyWords(row.pattern);
  let mandatory: CompiledRow['mandatory'] = '';
  let w: 0 | 1 | undefined;
  while (words.length > 0) {
    const word = words[0]!;
    // F3 90 and its like: a mandatory prefix is a prefix only when an opcode follows it
    if (
      word === 'NP' ||
      word === 'NFx' ||
      (words.length > 1 && /^(66|F3|F2)$/.test(word) && !words[1]!.startsWith('/'))
    ) {
      mandatory = word as 'NP';
    } else if (word === 'W0' || word === 'W1') w = word === 'W1' ? 1 : 0;
    else break;
    words.shift();
  }
  let map: CompiledRow['map'] = 0;
  if (words[0] === '0F') {
    words.shift();
    map = 1;
    const escape: string | undefined = words[0];
    if (escape === '38' || escape === '3A') {
      words.shift();
      map = escape === '38' ? 2 : 3;
    }
  }
  const opcode = Number.parseInt(words.shift()!, 16);
  const attributes = row.attributes.split(' ');
  const extension = words.find((word) => /^\/[0-7]$/.test(word));
  const exact = words.find((word) => /^[0-9A-F]{2}$/.test(word));
  const operands = row.operands === '' ? [] : row.operands.split(' ');
  const sse = attributes.includes('sse') || operands.some((spec) => /^[VWUHLT]/.test(spec));
  return {
    row,
    vex,
    l,
    map,
    opcode,
    plusRegister: words.includes('+r'),
    mandatory,
    w,
    modrm: words.includes('/r') || extension !== undefined || exact !== undefined,
    extension: extension === undefined ? undefined : Number(extension[1]),
    exactModrm: exact === undefined ? undefined : Number.parseInt(exact, 16),
    form: words.includes('mem') ? 'mem' : words.includes('reg') ? 'reg' : undefined,
    ignoresMod: operands.some((spec) => spec[0] === 'C' || spec[0] === 'D'),
    operands,
    d64: attributes.includes('d64'),
    f64: attributes.includes('f64'),
    lock: attributes.includes('lock'),
    rep: attributes.includes('rep'),
    w8: attributes.includes('w8'),
    semantics: sse ? guarded(row.semantics, vex) : row.semantics,
  };
}

/** Every row, compiled, in table order: the assembler reads them backwards. */
export const compiledRows: readonly CompiledRow[] = opcodeRows.map(compile);

/** The lists of the VEX-encoded rows follow those of the others. */
const VEX_TABLE = 4 * 256;
const table: CompiledRow[][] = Array.from({ length: 2 * VEX_TABLE }, () => []);
for (const compiled of compiledRows) {
  const last = compiled.opcode + (compiled.plusRegister ? 7 : 0);
  for (let opcode = compiled.opcode; opcode <= last; opcode++) {
    table[(compiled.vex ? VEX_TABLE : 0) + compiled.map * 256 + opcode]!.push(compiled);
  }
}
// rows that ask for more come first, so that tables may list them in any order
const demands = (c: CompiledRow): number =>
  (c.exactModrm === undefined ? 0 : 8) +
  (c.mandatory === '' ? 0 : 4) +
  (c.w === undefined ? 0 : 2) +
  (c.plusRegister ? 0 : 1);
for (const list of table) list.sort((left, right) => demands(right) - demands(left));

/** Longest instruction, in bytes; one more raises #GP. */
export const MAX_INSTRUCTION_LENGTH = 15;

/** Why bytes are no instruction: `truncated` asks for more bytes, `undefined` is #UD, `too-long` is #GP. */
export type DecodeFailure = 'truncated' | 'undefined' | 'too-long';

const signExtend8 = (value: number): bigint => BigInt.asUintN(64, BigInt((value << 24) >> 24));
const signExtend32 = (value: number): bigint => BigInt.asUintN(64, BigInt(value | 0));

interface Cursor {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  at: number;
  failure: DecodeFailure | undefined;
}

function byte(cursor: Cursor): number {
  if (cursor.at < cursor.end) return cursor.bytes[cursor.at++]!;
  cursor.failure ??= cursor.end - cursor.start >= MAX_INSTRUCTION_LENGTH ? 'too-long' : 'truncated';
  cursor.at++;
  return 0;
}
const word = (cursor: Cursor): number => byte(cursor) | (byte(cursor) << 8);
const dword = (cursor: Cursor): number => (word(cursor) | (word(cursor) << 16)) >>> 0;
const qword = (cursor: Cursor): bigint => BigInt(dword(cursor)) | (BigInt(dword(cursor)) << 32n);

interface Prefixes {
  operandSize: boolean;
  addressSize: boolean;
  lock: boolean;
  /** the last of F2 and F3, which is the one that counts */
  repeat: 0 | 0xf2 | 0xf3;
  segment: number;
  /** that of a VEX prefix, as a REX prefix would say it */
  rex: number;
  /** VEX.vvvv and VEX.L; 0 without VEX */
  vvvv: number;
  l: 0 | 1;
}

const segmentPrefixes: Readonly<Record<number, number>> = { 0x26: -1, 0x2e: -1, 0x36: -1, 0x3e: -1, 0x64: 4, 0x65: 5 };

function readPrefixes(cursor: Cursor, prefixes: Prefixes): number {
  for (;;) {
    const value = byte(cursor);
    if (cursor.failure !== undefined) return 0;
    // a REX prefix counts only right before the opcode
    if (value === 0x66) prefixes.operandSize = true;
    else if (value === 0x67) prefixes.addressSize = true;
    else if (value === 0xf0) prefixes.lock = true;
    else if (value === 0xf2 || value === 0xf3) prefixes.repeat = value;
    else if (value in segmentPrefixes) {
      if (segmentPrefixes[value] !== -1) prefixes.segment = segmentPrefixes[value]!;
    } else if (value >= 0x40 && value <= 0x4f) {
      prefixes.rex = value;
      continue;
    } else return value;
    prefixes.rex = 0;
  }
}

/**
 * The fields of a VEX prefix after its first byte `C4` or `C5`, put into `prefixes`: the map, or undefined where it is no
 * prefix. 66, F2, F3, LOCK and REX may not stand before it.
 */
function readVex(cursor: Cursor, prefixes: Prefixes, first: number): number | undefined {
  if (prefixes.operandSize || prefixes.lock || prefixes.repeat !== 0 || prefixes.rex !== 0) return undefined;
  const head = byte(cursor);
  const tail = first === 0xc5 ? head & 0x7f : byte(cursor);
  const map = first === 0xc5 ? 1 : head & 31;
  // R, X and B are stored inverted; C5 has R alone
  const extension = first === 0xc5 ? ((~head >> 7) & 1) << 2 : (~head >> 5) & 7;
  prefixes.rex = 0x40 | ((tail >> 7) << 3) | extension;
  prefixes.vvvv = (~tail >> 3) & 15;
  prefixes.l = ((tail >> 2) & 1) as 0 | 1;
  prefixes.operandSize = (tail & 3) === 1;
  prefixes.repeat = (tail & 3) === 2 ? 0xf3 : (tail & 3) === 3 ? 0xf2 : 0;
  return map >= 1 && map <= 3 ? map : undefined;
}

function matches(c: CompiledRow, prefixes: Prefixes, modrm: number): boolean {
  if (c.mandatory !== '') {
    const present =
      prefixes.repeat === 0xf3 ? 'F3' : prefixes.repeat === 0xf2 ? 'F2' : prefixes.operandSize ? '66' : 'NP';
    if (c.mandatory === 'NFx' ? prefixes.repeat !== 0 : present !== c.mandatory) return false;
  }
  if (c.vex && ((c.l !== undefined && c.l !== prefixes.l) || (prefixes.vvvv !== 0 && !usesVvvv(c)))) return false;
  if (c.w !== undefined && c.w !== ((prefixes.rex >> 3) & 1)) return false;
  if (c.exactModrm !== undefined && c.exactModrm !== modrm) return false;
  if (c.extension !== undefined && c.extension !== ((modrm >> 3) & 7)) return false;
  if (c.form === 'mem' && modrm >= 0xc0) return false;
  if (c.form === 'reg' && modrm < 0xc0) return false;
  return true;
}

/** A VEX.vvvv that no operand names must be 1111, inverted 0. */
const usesVvvv = (c: CompiledRow): boolean => c.operands.some((spec) => spec[0] === 'B' || spec[0] === 'H');

function memoryOperand(cursor: Cursor, modrm: number, prefixes: Prefixes): MemoryOperand {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  let base = rm | ((prefixes.rex & 1) << 3);
  let index = -1;
  let scale: 1 | 2 | 4 | 8 = 1;
  let ripRelative = false;
  let displacement = 0n;
  let wide = mod === 2;
  if (rm === 4) {
    const sib = byte(cursor);
    scale = (1 << (sib >> 6)) as 1;
    index = ((sib >> 3) & 7) | ((prefixes.rex & 2) << 2);
    if (index === 4) index = -1;
    base = (sib & 7) | ((prefixes.rex & 1) << 3);
    if ((sib & 7) === 5 && mod === 0) {
      base = -1;
      wide = true;
    }
  } else if (rm === 5 && mod === 0) {
    base = -1;
    ripRelative = true;
    wide = true;
  }
  if (wide) displacement = signExtend32(dword(cursor));
  else if (mod === 1) displacement = signExtend8(byte(cursor));
  return {
    kind: 1,
    width: 0,
    base,
    index,
    scale,
    displacement,
    ripRelative,
    segment: prefixes.segment,
    addressWidth: prefixes.addressSize ? 32 : 64,
  };
}

function generalRegister(index: number, width: Width, rex: number): RegisterOperand {
  // without REX, byte registers 4-7 are ah, ch, dh, bh
  const high = width === 8 && rex === 0 && index >= 4 && index < 8;
  return { kind: 0, index: high ? index - 4 : index, width, high };
}

interface OperandContext {
  readonly cursor: Cursor;
  readonly prefixes: Prefixes;
  readonly opcode: number;
  readonly modrm: number;
  readonly memory: MemoryOperand | undefined;
  /** the byte behind ModRM */
  readonly sib: number;
  readonly width: Width;
}

type Size = MemoryOperand['width'];

function sizeOf(letter: string, width: Width, rex: number): Size {
  switch (letter) {
    case 'b':
      return 8;
    case 'w':
      return 16;
    case 'd':
      return 32;
    case 'q':
      return 64;
    case 'v':
      return width;
    case 'y':
      return (rex & 8) !== 0 ? 64 : 32;
    case 'z':
      return width === 16 ? 16 : 32;
    case 't':
      return 80;
    case 'x':
      return 128;
    case 'X':
      return 256;
    default:
      return 0;
  }
}

/** VSIB: SIB's index is a vector register, of which number 4 is one too; #UD unless destination, mask and it are three registers. */
function vectorIndexed(
  { modrm, memory, prefixes, sib }: OperandContext,
  size: Size,
  width: 128 | 256,
): Operand | undefined {
  if (memory === undefined || (modrm & 7) !== 4) return undefined;
  const index = ((sib >> 3) & 7) | ((prefixes.rex & 2) << 2);
  const destination = ((modrm >> 3) & 7) | ((prefixes.rex & 4) << 1);
  if (new Set([destination, prefixes.vvvv, index]).size < 3) return undefined;
  return { ...memory, width: size, index: -1, scale: (1 << (sib >> 6)) as 1, vector: { index, width } };
}

function immediate(cursor: Cursor, letter: string, width: Width): Operand {
  switch (letter) {
    case 'b':
      return { kind: 2, value: BigInt(byte(cursor)), width: 8 };
    case 'w':
      return { kind: 2, value: BigInt(word(cursor)), width: 16 };
    case 'd':
      return { kind: 2, value: BigInt(dword(cursor)), width: 32 };
    case 'z':
      return width === 16
        ? { kind: 2, value: BigInt(word(cursor)), width }
        : { kind: 2, value: signExtend32(dword(cursor)), width };
    default: // v: mov r64, imm64 alone has a whole one
      return width === 64 ? { kind: 2, value: qword(cursor), width } : immediate(cursor, 'z', width);
  }
}

function registerOrMemory(context: OperandContext, size: Size): Operand {
  const { modrm, memory, prefixes } = context;
  if (memory !== undefined) return { ...memory, width: size };
  return generalRegister((modrm & 7) | ((prefixes.rex & 1) << 3), size as Width, prefixes.rex);
}

const controlRegisters: ReadonlySet<number> = new Set([0, 2, 3, 4, 8]);
const MOV_TO_SEGMENT = 0x8e;

/** es cs ss ds fs gs; cs cannot be a destination. */
function segmentOperand(index: number, opcode: number): Operand | undefined {
  return index > 5 || (index === 1 && opcode === MOV_TO_SEGMENT) ? undefined : { kind: 4, index, width: 16 };
}

function operand(spec: string, context: OperandContext): Operand | undefined {
  const { cursor, prefixes, modrm, memory, width } = context;
  const { rex } = prefixes;
  const size = sizeOf(spec[1] ?? '', width, rex);
  const reg = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const rm = (modrm & 7) | ((rex & 1) << 3);
  switch (spec[0]) {
    case 'E':
    case 'M':
      return registerOrMemory(context, size);
    case 'R':
      return generalRegister(rm, size as Width, rex);
    case 'G':
      return generalRegister(reg, size as Width, rex);
    case 'B':
      return generalRegister(prefixes.vvvv, size as Width, rex);
    case 'H':
      return { kind: 3, index: prefixes.vvvv, width: xmmWidth(size) };
    case 'L':
      return { kind: 3, index: byte(cursor) >> 4, width: xmmWidth(size) };
    case 'T':
      return vectorIndexed(context, size, spec[2] === 'X' ? 256 : 128);
    case 'Z':
      return generalRegister((context.opcode & 7) | ((rex & 1) << 3), size as Width, rex);
    case 'A':
      return generalRegister(0, size as Width, 0x40);
    case 'I':
      return immediate(cursor, spec[1]!, width);
    case 'S':
      return { kind: 2, value: signExtend8(byte(cursor)), width };
    case 'J':
      return { kind: 2, value: spec === 'Jb' ? signExtend8(byte(cursor)) : signExtend32(dword(cursor)), width: 64 };
    case 'O':
      return {
        kind: 1,
        width: size,
        base: -1,
        index: -1,
        scale: 1,
        ripRelative: false,
        segment: prefixes.segment,
        displacement: prefixes.addressSize ? BigInt(dword(cursor)) : qword(cursor),
        addressWidth: prefixes.addressSize ? 32 : 64,
      };
    case 'V':
      return { kind: 3, index: reg, width: xmmWidth(size) };
    case 'U':
      return { kind: 3, index: rm, width: xmmWidth(size) };
    case 'W':
      return memory === undefined ? { kind: 3, index: rm, width: xmmWidth(size) } : { ...memory, width: size };
    case 'P':
      return { kind: 8, index: reg & 7, width: 64 };
    case 'N':
      return { kind: 8, index: rm & 7, width: 64 };
    case 'Q':
      return memory === undefined ? { kind: 8, index: rm & 7, width: 64 } : { ...memory, width: size };
    case 's':
      if (spec === 'st0') return { kind: 7, index: 0, width: 80 };
      if (spec === 'sti') return { kind: 7, index: modrm & 7, width: 80 };
      return segmentOperand((modrm >> 3) & 7, context.opcode);
    case 'C':
      return controlRegisters.has(reg) ? { kind: 5, index: reg, width: 64 } : undefined;
    case 'D':
      return reg < 8 ? { kind: 6, index: reg, width: 64 } : undefined;
    case 'c':
      return generalRegister(1, 8, 0x40);
    case 'd':
      return generalRegister(2, 16, 0x40);
    case 'f':
      return { kind: 4, index: 4, width: 16 };
    case 'g':
      return { kind: 4, index: 5, width: 16 };
    case '1':
      return { kind: 2, value: 1n, width: 8 };
    default:
      return undefined;
  }
}

const xmmWidth = (size: Size): 32 | 64 | 128 | 256 => (size === 32 || size === 64 || size === 256 ? size : 128);

function effectiveWidth(c: CompiledRow, prefixes: Prefixes): Width {
  if (c.w8) return 8;
  if (c.f64) return 64;
  if ((prefixes.rex & 8) !== 0) return 64;
  if (prefixes.operandSize && c.mandatory !== '66' && !c.vex) return 16;
  return c.d64 ? 64 : 32;
}

/**
 * Decodes the instruction at `bytes[start]`, looking at no more than `bytes[end - 1]`. `truncated` is returned only when
 * more bytes could make an instruction.
 */
export function decode(bytes: Uint8Array, start: number, end: number): Instruction | DecodeFailure {
  const cursor: Cursor = {
    bytes,
    start,
    end: Math.min(end, start + MAX_INSTRUCTION_LENGTH),
    at: start,
    failure: undefined,
  };
  const prefixes: Prefixes = {
    operandSize: false,
    addressSize: false,
    lock: false,
    repeat: 0,
    segment: -1,
    rex: 0,
    vvvv: 0,
    l: 0,
  };
  let opcode = readPrefixes(cursor, prefixes);
  let map: number | undefined = 0;
  const vex = opcode === 0xc4 || opcode === 0xc5;
  if (vex) {
    map = readVex(cursor, prefixes, opcode);
    if (map !== undefined) opcode = byte(cursor);
  } else if (opcode === 0x0f) {
    opcode = byte(cursor);
    map = 1;
    if (opcode === 0x38 || opcode === 0x3a) {
      map = opcode === 0x38 ? 2 : 3;
      opcode = byte(cursor);
    }
  }
  if (cursor.failure !== undefined) return cursor.failure;
  if (map === undefined) return 'undefined';
  const candidates = table[(vex ? VEX_TABLE : 0) + map * 256 + opcode]!;
  if (candidates.length === 0) return 'undefined';
  const wantsModrm = candidates.some((c) => c.modrm);
  const modrm = wantsModrm ? byte(cursor) : 0;
  if (cursor.failure !== undefined) return cursor.failure;
  let c = candidates.find((candidate) => matches(candidate, prefixes, modrm));
  if (c === undefined) return 'undefined';
  if (opcode === 0x90 && map === 0 && (prefixes.rex & 1) === 1) {
    c = candidates.find((candidate) => candidate.plusRegister)!; // xchg r8, rax
  }
  const sib = bytes[cursor.at] ?? 0;
  const memory =
    c.modrm && modrm < 0xc0 && c.exactModrm === undefined && !c.ignoresMod
      ? memoryOperand(cursor, modrm, prefixes)
      : undefined;
  const width = effectiveWidth(c, prefixes);
  const context: OperandContext = { cursor, prefixes, opcode, modrm, memory, sib, width };
  const operands: Operand[] = [];
  for (const spec of c.operands) {
    const decoded = operand(spec, context);
    if (decoded === undefined) return 'undefined';
    operands.push(decoded);
  }
  if (cursor.failure !== undefined) return cursor.failure;
  if (prefixes.lock && !(c.lock && operands[0]?.kind === 1)) return 'undefined';
  const first = operands[0];
  const operandWidth =
    first !== undefined &&
    (first.kind === 0 || (first.kind === 1 && first.width !== 0 && first.width !== 80 && first.width < 128))
      ? (first.width as Width)
      : width;
  const repeat: Repeat = c.rep && prefixes.repeat !== 0 ? (prefixes.repeat === 0xf3 ? 'rep' : 'repne') : '';
  return {
    mnemonic: c.row.mnemonic,
    operands,
    width: c.w8 ? 8 : operandWidth,
    addressWidth: prefixes.addressSize ? 32 : 64,
    repeat,
    lock: prefixes.lock,
    segment: prefixes.segment,
    fop: !vex && map === 0 && opcode >= 0xd8 && opcode <= 0xdf ? ((opcode & 7) << 8) | modrm : 0,
    length: cursor.at - start,
    semantics: c.semantics,
  };
}

/** One instruction as text: the operator's name and its immediates, by their kinds. */
import { EMPTY_BLOCK, typeCodes, type ValueType } from './code.ts';
import { operators, type Immediate, type Operator } from './operators.ts';
import type { Reader } from './reader.ts';

export interface Instruction {
  readonly name: Operator;
  readonly immediates: string;
  /** behind `;;` */
  readonly comment: string;
}

export interface InstructionContext {
  /** open blocks, the function's own among them */
  readonly depth: number;
  /** what an imported function is called; none for others */
  readonly functionName: (index: number) => string | undefined;
}

interface Text {
  readonly text: string;
  readonly comment?: string;
}

const names = new Map<number, Operator>(
  Object.entries(operators).map(([name, [opcode]]) => [opcode, name as Operator] as const),
);

const typeNames = new Map<number, ValueType>(
  Object.entries(typeCodes).map(([type, code]) => [code, type as ValueType] as const),
);

/** Where decimals end and addresses and masks begin. */
const SMALL = 0x10000;

const hex = (value: number | bigint, digits = 0): string => `0x${value.toString(16).padStart(digits, '0')}`;

const integerText = (value: number | bigint, bits: 32 | 64): string =>
  value > -SMALL && value < SMALL ? `${value}` : hex(BigInt.asUintN(bits, BigInt(value)));

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function floatText(value: number, bits: bigint, width: 32 | 64): string {
  const sign = bits >> BigInt(width - 1) === 1n ? '-' : '';
  if (Number.isNaN(value)) return `${sign}nan:${hex(BigInt.asUintN(width === 32 ? 23 : 52, bits))}`;
  if (!Number.isFinite(value)) return `${sign}inf`;
  return `${sign}${Math.abs(value)}`;
}

function f32Text(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  return floatText(view.getFloat32(0, true), BigInt(view.getUint32(0, true)), 32);
}

function f64Text(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  return floatText(view.getFloat64(0, true), view.getBigUint64(0, true), 64);
}

function v128Text(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  return `i32x4 ${[0, 4, 8, 12].map((at) => hex(view.getUint32(at, true), 8)).join(' ')}`;
}

export function valueType(reader: Reader): ValueType {
  const start = reader.at;
  const code = reader.byte();
  return typeNames.get(code) ?? reader.fail(`got type ${hex(code)}, expected i32, i64, f32, f64 or v128`, start);
}

function blockType(reader: Reader): string {
  const start = reader.at;
  if (reader.byte() === EMPTY_BLOCK) return '';
  reader.at = start;
  return `(result ${valueType(reader)})`;
}

/** Alignment is left out where it is that of a byte, which is all we write. */
function memoryText(reader: Reader): string {
  const start = reader.at;
  const alignment = reader.u32();
  if (alignment > 4) reader.fail(`got alignment 2^${alignment}, expected at most 2^4`, start);
  const offset = reader.u32();
  return [offset === 0 ? '' : `offset=${offset}`, alignment === 0 ? '' : `align=${1 << alignment}`]
    .filter((part) => part !== '')
    .join(' ');
}

function zeros(reader: Reader, count: number): Text {
  for (let n = 0; n < count; n++) {
    const start = reader.at;
    const index = reader.byte();
    if (index !== 0) reader.fail(`got memory ${index}, expected 0`, start);
  }
  return { text: '' };
}

const labelName = (label: number, { depth }: InstructionContext): string => `@${depth - 1 - label}`;

function label(reader: Reader, context: InstructionContext): number {
  const start = reader.at;
  const out = reader.u32();
  if (out >= context.depth) reader.fail(`got label ${out}, expected less than ${context.depth}`, start);
  return out;
}

const immediates: Readonly<Record<Immediate, (reader: Reader, context: InstructionContext) => Text>> = {
  none: () => ({ text: '' }),
  block: (reader, { depth }) => ({ text: blockType(reader), comment: `@${depth}` }),
  label: (reader, context) => {
    const out = label(reader, context);
    return { text: `${out}`, comment: labelName(out, context) };
  },
  labels: (reader, context) => {
    const all = reader.vector(() => label(reader, context));
    all.push(label(reader, context));
    return { text: all.join(' '), comment: all.map((out) => labelName(out, context)).join(' ') };
  },
  function: (reader, { functionName }) => {
    const index = reader.u32();
    return { text: `${index}`, comment: functionName(index) ?? '' };
  },
  type: (reader) => {
    const type = reader.u32();
    return { text: `${reader.u32()} (type ${type})` };
  },
  local: (reader) => ({ text: `$${reader.u32()}` }),
  global: (reader) => ({ text: `${reader.u32()}` }),
  memory: (reader) => ({ text: memoryText(reader) }),
  'memory and lane': (reader) => ({ text: `${memoryText(reader)} ${reader.byte()}`.trimStart() }),
  lane: (reader) => ({ text: `${reader.byte()}` }),
  picks: (reader) => ({ text: reader.bytes(16).join(' ') }),
  i32: (reader) => ({ text: integerText(reader.s32(), 32) }),
  i64: (reader) => ({ text: integerText(reader.s64(), 64) }),
  f32: (reader) => ({ text: f32Text(reader.bytes(4)) }),
  f64: (reader) => ({ text: f64Text(reader.bytes(8)) }),
  v128: (reader) => ({ text: v128Text(reader.bytes(16)) }),
  zero: (reader) => zeros(reader, 1),
  'two zeros': (reader) => zeros(reader, 2),
};

/** The operator at the reader; a WasmFormatError for one that is not in the table. */
function operator(reader: Reader): Operator {
  const start = reader.at;
  const first = reader.byte();
  const prefixed = first === 0xfc || first === 0xfd;
  const second = prefixed ? reader.u32() : 0;
  const name = second > 0xff ? undefined : names.get(prefixed ? (first << 8) | second : first);
  if (name !== undefined) return name;
  return reader.fail(`got opcode ${hex(first)}${prefixed ? ` ${hex(second)}` : ''}, which operators.ts has not`, start);
}

export function readInstruction(reader: Reader, context: InstructionContext): Instruction {
  const name = operator(reader);
  const { text, comment = '' } = immediates[operators[name][1]](reader, context);
  return { name, immediates: text, comment };
}

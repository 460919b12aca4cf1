/** One function's body, an instruction a call. Nothing is allocated for an instruction; blocks are counted, types not checked. */
import { Bytes, WasmEncodeError } from './bytes.ts';
import { operators, type Immediate, type Operator, type OperatorRow } from './operators.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** 5.3.1 to 5.3.4. */
export const typeCodes: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};
export const EMPTY_BLOCK = 0x40;

/** bytes: v128.const and i8x16.shuffle are the longest, 18 */
const LONGEST = 24;

const rows: Readonly<Record<Operator, OperatorRow>> = operators;

const mismatch = (name: Operator, expected: string): WasmEncodeError =>
  new WasmEncodeError(`${name} has the immediate "${rows[name]?.[1] ?? 'unknown operator'}", expected "${expected}"`);

/**
 * A writer of instructions. Numbers that do not fit and operators of another kind are a WasmEncodeError; what the types
 * forbid is left to the host's validator. The function's last `end` is encodeModule's.
 */
export class Code {
  /** Branch hints in the order of their instructions: twice the offset in this code, plus 1 where the branch is likely. */
  readonly hints: number[] = [];
  private readonly bytes = new Bytes();
  private open = 0;

  /** Open blocks, loops and ifs. */
  get depth(): number {
    return this.open;
  }

  /** bytes so far */
  get length(): number {
    return this.bytes.length;
  }

  /** What was written, a view that is good until the next instruction. */
  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.view();
  }

  private opcode(opcode: number): void {
    const { bytes } = this;
    bytes.reserve(LONGEST);
    if (opcode > 0xff) {
      bytes.byte(opcode >>> 8);
      bytes.u32(opcode & 0xff);
    } else {
      bytes.byte(opcode);
    }
  }

  private begin(name: Operator, immediate: Immediate): void {
    const row = rows[name];
    if (row === undefined || row[1] !== immediate) throw mismatch(name, immediate);
    this.opcode(row[0]);
  }

  private indexed(opcode: number, index: number): void {
    const { bytes } = this;
    bytes.reserve(LONGEST);
    bytes.byte(opcode);
    bytes.u32(index);
  }

  private hint(likely: boolean | undefined): void {
    if (likely !== undefined) this.hints.push(this.bytes.length * 2 + (likely ? 1 : 0));
  }

  /** An operator whose operands are all on the stack: 'i64.add', 'drop', 'select', 'return', 'memory.fill'. */
  op(name: Operator): void {
    const row = rows[name];
    if (row === undefined) throw mismatch(name, 'none');
    const immediate = row[1];
    if (immediate === 'none') {
      if (name === 'end' || name === 'else') throw new WasmEncodeError(`${name} is a method, which counts blocks`);
      this.opcode(row[0]);
    } else if (immediate === 'zero') {
      this.opcode(row[0]);
      this.bytes.byte(0);
    } else if (immediate === 'two zeros') {
      this.opcode(row[0]);
      this.bytes.byte(0);
      this.bytes.byte(0);
    } else {
      throw mismatch(name, 'none');
    }
  }

  /** i32.const, modulo 2^32. */
  i32(value: number): void {
    this.opcode(operators['i32.const'][0]);
    this.bytes.s32(value);
  }

  /** i64.const, modulo 2^64. */
  i64(value: bigint): void {
    this.opcode(operators['i64.const'][0]);
    this.bytes.s64(value);
  }

  /** f32.const; which NaN is the host's choice: for one of them, i32 and f32.reinterpret_i32. */
  f32(value: number): void {
    this.opcode(operators['f32.const'][0]);
    this.bytes.f32(value);
  }

  /** f64.const; which NaN is the host's choice: for one of them, i64 and f64.reinterpret_i64. */
  f64(value: number): void {
    this.opcode(operators['f64.const'][0]);
    this.bytes.f64(value);
  }

  /** v128.const: sixteen bytes, the lowest first. */
  v128(value: Uint8Array): void {
    if (value.length !== 16) throw new WasmEncodeError(`v128.const: got ${value.length} bytes, expected 16`);
    this.opcode(operators['v128.const'][0]);
    this.bytes.append(value);
  }

  get(local: number): void {
    this.indexed(operators['local.get'][0], local);
  }

  set(local: number): void {
    this.indexed(operators['local.set'][0], local);
  }

  tee(local: number): void {
    this.indexed(operators['local.tee'][0], local);
  }

  globalGet(index: number): void {
    this.indexed(operators['global.get'][0], index);
  }

  globalSet(index: number): void {
    this.indexed(operators['global.set'][0], index);
  }

  /** A load or store; `offset` in bytes, 0 to 2^32-1. No alignment is promised. */
  memory(name: Operator, offset: number): void {
    this.begin(name, 'memory');
    this.bytes.byte(0);
    this.bytes.u32(offset);
  }

  /** v128.load8_lane and its like. */
  memoryLane(name: Operator, offset: number, index: number): void {
    this.begin(name, 'memory and lane');
    this.bytes.byte(0);
    this.bytes.u32(offset);
    this.bytes.byte(index);
  }

  /** extract_lane and replace_lane. */
  lane(name: Operator, index: number): void {
    this.begin(name, 'lane');
    this.bytes.byte(index);
  }

  /** i8x16.shuffle: byte n of the result is byte `picks[n]` of the two operands behind each other. */
  shuffle(picks: readonly number[]): void {
    if (picks.length !== 16) throw new WasmEncodeError(`i8x16.shuffle: got ${picks.length} picks, expected 16`);
    this.opcode(operators['i8x16.shuffle'][0]);
    for (let index = 0; index < 16; index++) this.bytes.byte(picks[index]!);
  }

  private nest(opcode: number, type: ValueType | undefined): void {
    const { bytes } = this;
    bytes.reserve(LONGEST);
    bytes.byte(opcode);
    bytes.byte(type === undefined ? EMPTY_BLOCK : typeCodes[type]);
    this.open++;
  }

  block(type?: ValueType): void {
    this.nest(operators.block[0], type);
  }

  loop(type?: ValueType): void {
    this.nest(operators.loop[0], type);
  }

  /** `likely` is a hint that the condition is mostly true (or, `false`, mostly not). */
  if(type?: ValueType, likely?: boolean): void {
    this.hint(likely);
    this.nest(operators.if[0], type);
  }

  else(): void {
    this.opcode(operators.else[0]);
  }

  /** Closes the innermost block; the function's own `end` is written by encodeModule. */
  end(): void {
    if (this.open === 0)
      throw new WasmEncodeError('end: no block is open (encodeModule writes the end of the function)');
    this.opcode(operators.end[0]);
    this.open--;
  }

  br(depth: number): void {
    this.indexed(operators.br[0], depth);
  }

  /** `likely` is a hint that the branch is mostly taken (or, `false`, mostly not). */
  brIf(depth: number, likely?: boolean): void {
    this.hint(likely);
    this.indexed(operators.br_if[0], depth);
  }

  brTable(depths: readonly number[], otherwise: number): void {
    this.indexed(operators.br_table[0], depths.length);
    this.bytes.reserve((depths.length + 1) * 5);
    for (let index = 0; index < depths.length; index++) this.bytes.u32(depths[index]!);
    this.bytes.u32(otherwise);
  }

  call(index: number): void {
    this.indexed(operators.call[0], index);
  }

  callIndirect(type: number, table = 0): void {
    this.indexed(operators.call_indirect[0], type);
    this.bytes.u32(table);
  }

  returnCall(index: number): void {
    this.indexed(operators.return_call[0], index);
  }

  returnCallIndirect(type: number, table = 0): void {
    this.indexed(operators.return_call_indirect[0], type);
    this.bytes.u32(table);
  }
}

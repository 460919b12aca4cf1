/** The classic BPF machine over a struct seccomp_data: net/core/filter.c, kernel/seccomp.c. */
import { fail } from '../errno.ts';
import type { FilterInstruction, FilterProgram } from './types.ts';

/** BPF_MAXINSNS */
export const MAX_INSTRUCTIONS = 4096;
const MEMORY_WORDS = 16;
const SECCOMP_DATA_SIZE = 64;

interface Machine {
  a: number;
  x: number;
  readonly memory: Uint32Array;
  readonly data: DataView;
}

type Arithmetic = (a: number, operand: number) => number;

/** BPF_ALU, by the operation's bits; operands are unsigned, results wrap */
const arithmetic: Readonly<Record<number, Arithmetic>> = {
  0x00: (a, b) => a + b,
  0x10: (a, b) => a - b,
  0x20: (a, b) => Math.imul(a, b),
  0x30: (a, b) => (b === 0 ? 0 : Math.floor(a / b)),
  0x40: (a, b) => a | b,
  0x50: (a, b) => a & b,
  0x60: (a, b) => (b > 31 ? 0 : a << b),
  0x70: (a, b) => (b > 31 ? 0 : a >>> b),
  0xa0: (a, b) => a ^ b,
};
const NEGATE = 0x84;
const DIVIDE = 0x30;

/** BPF_JMP, by the operation's bits */
const conditions: Readonly<Record<number, (a: number, operand: number) => boolean>> = {
  0x10: (a, b) => a === b,
  0x20: (a, b) => a > b,
  0x30: (a, b) => a >= b,
  0x40: (a, b) => (a & b) !== 0,
};

type Step = (machine: Machine, k: number) => void;

/** Loads, stores and moves: what seccomp_check_filter lets through of them. */
const moves: ReadonlyMap<number, Step> = new Map<number, Step>([
  [0x20, (m, k) => void (m.a = m.data.getUint32(k, true))],
  [0x80, (m) => void (m.a = SECCOMP_DATA_SIZE)],
  [0x00, (m, k) => void (m.a = k)],
  [0x60, (m, k) => void (m.a = m.memory[k]!)],
  [0x81, (m) => void (m.x = SECCOMP_DATA_SIZE)],
  [0x01, (m, k) => void (m.x = k)],
  [0x61, (m, k) => void (m.x = m.memory[k]!)],
  [0x02, (m, k) => void (m.memory[k] = m.a)],
  [0x03, (m, k) => void (m.memory[k] = m.x)],
  [0x07, (m) => void (m.x = m.a)],
  [0x87, (m) => void (m.a = m.x)],
]);
const LOAD_ABSOLUTE = 0x20;
const memoryCodes: ReadonlySet<number> = new Set([0x60, 0x61, 0x02, 0x03]);
const RETURN_K = 0x06;
const RETURN_A = 0x16;
const JUMP = 0x05;

const classOf = (code: number): number => code & 7;
const CLASS_ALU = 4;
const CLASS_JMP = 5;
const fromX = (code: number): boolean => (code & 8) !== 0;

function checkInstruction({ code, jt, jf, k }: FilterInstruction, at: number, length: number): void {
  const left = length - at - 1;
  if (code === RETURN_K || code === RETURN_A) return;
  if (code === JUMP) return k < left ? undefined : fail('EINVAL');
  if (classOf(code) === CLASS_JMP) {
    if (conditions[code & 0xf0] === undefined || (code & ~0xfd) !== 0 || jt >= left || jf >= left) fail('EINVAL');
    return;
  }
  if (classOf(code) === CLASS_ALU) {
    if (code === NEGATE) return;
    if (arithmetic[code & 0xf0] === undefined || (code & ~0xfc) !== 0) fail('EINVAL');
    if (!fromX(code) && (code & 0xf0) === DIVIDE && k === 0) fail('EINVAL');
    return;
  }
  if (!moves.has(code)) fail('EINVAL');
  if (code === LOAD_ABSOLUTE && (k >= SECCOMP_DATA_SIZE || (k & 3) !== 0)) fail('EINVAL');
  if (memoryCodes.has(code) && k >= MEMORY_WORDS) fail('EINVAL');
}

/** bpf_check_classic and seccomp_check_filter: EINVAL for what could leave the program, loop or read elsewhere. */
export function checkFilter(filter: FilterProgram): void {
  if (filter.length === 0 || filter.length > MAX_INSTRUCTIONS) fail('EINVAL');
  filter.forEach((instruction, at) => checkInstruction(instruction, at, filter.length));
  const last = filter.at(-1)!.code;
  if (last !== RETURN_K && last !== RETURN_A) fail('EINVAL');
}

/** What a checked filter says of `data`, a struct seccomp_data: SECCOMP_RET_* and 16 bits of data. */
export function runFilter(filter: FilterProgram, data: Uint8Array): number {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const machine: Machine = { a: 0, x: 0, memory: new Uint32Array(MEMORY_WORDS), data: view };
  for (let at = 0; at < filter.length; at++) {
    const { code, jt, jf, k } = filter[at]!;
    if (code === RETURN_K) return k;
    if (code === RETURN_A) return machine.a;
    const operand = fromX(code) ? machine.x : k;
    if (code === JUMP) at += k;
    else if (classOf(code) === CLASS_JMP) at += conditions[code & 0xf0]!(machine.a, operand) ? jt : jf;
    else if (code === NEGATE) machine.a = -machine.a >>> 0;
    else if (classOf(code) === CLASS_ALU) {
      // as on Linux, a division by an X of zero returns 0
      if ((code & 0xf0) === DIVIDE && operand === 0) return 0;
      machine.a = arithmetic[code & 0xf0]!(machine.a, operand) >>> 0;
    } else moves.get(code)!(machine, k);
  }
  return 0;
}

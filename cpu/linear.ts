/** Loads and stores at linear addresses, with the faults and permissions of the current privilege. */
import type { Cpu } from './cpu.ts';
import type { Width } from './instruction.ts';
import { forgetDecoded } from './memory.ts';
import { Access, joinWords, translate, translateWords } from './paging.ts';

const MASK64 = 0xffff_ffff_ffff_ffffn;
const PAGE = 4096;

const scratch64 = new BigUint64Array(1);
const scratch32 = new Int32Array(scratch64.buffer);

/** Little-endian, zero-extended. */
export function load(cpu: Cpu, linear: bigint, width: Width): bigint {
  scratch64[0] = linear;
  return loadWords(cpu, scratch32[0]!, scratch32[1]!, width);
}

/** `load` from an address in two halves. */
export function loadWords(cpu: Cpu, low: number, high: number, width: Width): bigint {
  const at = translateWords(cpu, low, high, Access.read, width);
  const { memory } = cpu;
  if ((at & (PAGE - 1)) > PAGE - width / 8) return loadAcross(cpu, joinWords(low, high), at, width / 8);
  if (width === 64) return memory.view.getBigUint64(at, true);
  // cheaper than BigInt(number)
  scratch32[0] =
    width === 32 ? memory.view.getInt32(at, true) : width === 16 ? memory.view.getUint16(at, true) : memory.bytes[at]!;
  scratch32[1] = 0;
  return scratch64[0]!;
}

/** Bytes of the first page, then bytes of the page after it. */
function loadAcross(cpu: Cpu, linear: bigint, at: number, size: number): bigint {
  const head = PAGE - (at & (PAGE - 1));
  const second = translate(cpu, (linear + BigInt(head)) & MASK64, Access.read, (size - head) * 8);
  let value = 0n;
  for (let n = size - 1; n >= 0; n--) {
    value = (value << 8n) | BigInt(cpu.memory.bytes[n < head ? at + n : second + n - head]!);
  }
  return value;
}

/** Writes the low `width` bits of `value`, little-endian: all of them or, on a fault, none. */
export function store(cpu: Cpu, linear: bigint, width: Width, value: bigint): void {
  scratch64[0] = linear;
  storeWords(cpu, scratch32[0]!, scratch32[1]!, width, value);
}

/** `store` to an address in two halves. */
export function storeWords(cpu: Cpu, low: number, high: number, width: Width, value: bigint): void {
  const at = translateWords(cpu, low, high, Access.write, width);
  const { memory } = cpu;
  if ((at & (PAGE - 1)) > PAGE - width / 8) return storeAcross(cpu, joinWords(low, high), at, width / 8, value);
  if (memory.decoded[at >>> 12] !== undefined) forgetDecoded(memory, at, 1);
  if (width === 64) return memory.view.setBigUint64(at, value, true);
  scratch64[0] = value;
  if (width === 32) memory.view.setInt32(at, scratch32[0]!, true);
  else if (width === 16) memory.view.setInt16(at, scratch32[0]!, true);
  else memory.bytes[at] = scratch32[0]!;
}

function storeAcross(cpu: Cpu, linear: bigint, at: number, size: number, value: bigint): void {
  const head = PAGE - (at & (PAGE - 1));
  const second = translate(cpu, (linear + BigInt(head)) & MASK64, Access.write, (size - head) * 8);
  for (let n = 0, rest = value; n < size; n++, rest >>= 8n) {
    cpu.memory.bytes[n < head ? at + n : second + n - head] = Number(rest & 0xffn);
  }
  forgetDecoded(cpu.memory, at, 1);
  forgetDecoded(cpu.memory, second, 1);
}

export function load128(cpu: Cpu, linear: bigint): bigint {
  const at = translate(cpu, linear, Access.read, 128);
  if ((at & (PAGE - 1)) > PAGE - 16) return loadAcross(cpu, linear, at, 16);
  return cpu.memory.view.getBigUint64(at, true) | (cpu.memory.view.getBigUint64(at + 8, true) << 64n);
}

export function store128(cpu: Cpu, linear: bigint, value: bigint): void {
  const at = translate(cpu, linear, Access.write, 128);
  if ((at & (PAGE - 1)) > PAGE - 16) return storeAcross(cpu, linear, at, 16, value);
  if (cpu.memory.decoded[at >>> 12] !== undefined) forgetDecoded(cpu.memory, at, 1);
  cpu.memory.view.setBigUint64(at, value & MASK64, true);
  cpu.memory.view.setBigUint64(at + 8, value >> 64n, true);
}

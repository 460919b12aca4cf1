/** Bytes at an address: an expression's value, or what the instruction reads or writes. */
import { DebuggerError } from '../../error.ts';
import { line, span, type Line } from '../style.ts';
import { printable } from '../../../lib/printable.ts';
import type { View } from '../view.ts';
import { hex, withoutTag, type Panel } from './panel.ts';

const PER_LINE = 16;
/** bytes that are compared with those before the latest motion */
export const MEMORY_SHOWN = 1024;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** Address of memory that the instruction touches; else the stack pointer. */
function operandAddress({ debugger: session }: View): bigint {
  const instruction = session.instructionAt();
  const operands = [...(instruction?.writes ?? []), ...(instruction?.reads ?? [])];
  const address = operands.find((operand) => operand.address !== undefined)?.address;
  return address ?? session.registers().find(({ name }) => name === 'rsp')?.value ?? 0n;
}

/** Where the panel begins: a line of 16 bytes; an Error in words where the expression has no value here. */
export function memoryAddress(view: View): bigint | Error {
  if (view.memory === '') return operandAddress(view);
  try {
    return BigInt.asUintN(64, view.debugger.evaluate(view.memory));
  } catch (error) {
    if (error instanceof DebuggerError) return error;
    throw error;
  }
}

/** As many bytes as are mapped, at most `length`. */
export function readMapped(view: View, address: bigint, length: number): Uint8Array {
  const { debugger: session } = view;
  const whole = address + BigInt(length) - 1n > ALL_ONES ? undefined : session.readMemory(address, length);
  if (whole !== undefined) return whole;
  const parts: number[] = [];
  for (let n = 0; n < length && address + BigInt(n) <= ALL_ONES; n += PER_LINE) {
    const at = address + BigInt(n);
    const part = session.readMemory(at, Math.min(PER_LINE, length - n));
    if (part === undefined) break;
    parts.push(...part);
  }
  return Uint8Array.from(parts);
}

function byteBefore({ before }: View, address: bigint): number | undefined {
  if (before.memory === undefined) return undefined;
  const at = address - before.memory.address;
  return at < 0n || at >= BigInt(before.memory.bytes.length) ? undefined : before.memory.bytes[Number(at)];
}

const character = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.');

function dumpLine(view: View, address: bigint, bytes: Uint8Array, perLine: number): Line {
  const cells = [...bytes].flatMap((byte, n) => {
    const before = byteBefore(view, address + BigInt(n));
    const changed = before !== undefined && before !== byte;
    return [
      span(changed && !view.colours ? '*' : ' ', 'changed'),
      span(hex(BigInt(byte), 2), changed ? 'changed' : byte === 0 ? 'dim' : 'plain'),
    ];
  });
  return [
    span(hex(address, 16), 'name'),
    ...cells,
    span('   '.repeat(perLine - bytes.length)),
    span(` ${[...bytes].map(character).join('')}`, 'string'),
  ];
}

export const memoryPanel: Panel = {
  name: 'memory',
  title(view) {
    const address = memoryAddress(view);
    const what = view.memory === '' ? 'of the instruction' : printable(view.memory);
    if (typeof address !== 'bigint') return what;
    const { symbol } = view.debugger.describe(address);
    return symbol === '' ? what : `${what} <${withoutTag(printable(symbol))}>`;
  },
  lines(view, columns, rows) {
    const address = memoryAddress(view);
    if (typeof address !== 'bigint') return [line(printable(address.message), 'error')];
    const perLine = columns >= 82 ? PER_LINE : columns >= 50 ? PER_LINE / 2 : PER_LINE / 4;
    const scrolled = Math.max(rows, rows + (view.scroll.get('memory') ?? 0));
    const bytes = readMapped(view, address, scrolled * perLine);
    if (bytes.length === 0) return [line(`nothing is mapped at 0x${hex(address)}`, 'dim')];
    const lines: Line[] = [];
    for (let at = 0; at < bytes.length; at += perLine) {
      lines.push(dumpLine(view, address + BigInt(at), bytes.subarray(at, at + perLine), perLine));
    }
    return lines;
  },
};

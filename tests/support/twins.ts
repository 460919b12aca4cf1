/**
 * Two machines that begin alike: one interprets, the other translates. Whatever can be observed of them has to stay alike, after
 * every number of instructions.
 */
import type { Cpu } from '../../cpu/cpu.ts';
import { decode, MAX_INSTRUCTION_LENGTH } from '../../cpu/decoder.ts';
import { createEngine, interpreter, type Engine, type EngineName } from '../../cpu/engine.ts';
import { rememberDecoded, type Memory } from '../../cpu/memory.ts';
import { settleBlock } from '../../cpu/state.ts';
import { slotName } from '../../cpu/translator/both.ts';
import { defaultOptions, type TranslatorOptions } from '../../cpu/translator/options.ts';
import { uniform } from '../../cpu/uniform.ts';

/** Everything is translated when it is first come to, however often it is written. */
export const eager: TranslatorOptions = { ...defaultOptions, threshold: 1, price: 0, patience: Infinity };

export interface Machine {
  readonly cpu: Cpu;
  readonly memory: Memory;
}

/** An engine that translates for the CPUs of `memory`, and counts. */
export function translating(
  memory: Memory,
  options: Partial<TranslatorOptions> = {},
  name: EngineName = 'translator',
): Engine {
  return createEngine(memory, name, { ...eager, ...options });
}

export { interpreter };

/** As if the instructions in `length` bytes from `physical` on had been executed before: so they are translated at once. */
export function primeDecoded(memory: Memory, physical: number, length: number): void {
  for (let at = physical; at < physical + length;) {
    const pageEnd = (at & ~0xfff) + 4096;
    const instruction = decode(memory.bytes, at, Math.min(pageEnd, at + MAX_INSTRUCTION_LENGTH));
    if (typeof instruction !== 'object') return;
    rememberDecoded(memory, at, uniform(instruction));
    at += instruction.length;
  }
}

function settledSlots({ words }: Cpu): BigUint64Array {
  const copy = words.slice();
  settleBlock(copy);
  return new BigUint64Array(copy.buffer);
}

/** Registers that differ, each as a line. */
export function registerDifferences(expected: Cpu, got: Cpu): string[] {
  const lines: string[] = [];
  const [left, right] = [expected, got].map(settledSlots);
  left!.forEach((value, n) => {
    if (value !== right![n]) lines.push(`${slotName(n)}: ${value.toString(16)}, got ${right![n]!.toString(16)}`);
  });
  for (const name of ['mode', 'retired', 'leave'] as const) {
    if (expected[name] !== got[name]) lines.push(`${name}: ${expected[name]}, got ${got[name]}`);
  }
  const waiting = [expected, got].map(({ pendingInterrupts }) => pendingInterrupts.join());
  if (waiting[0] !== waiting[1]) lines.push(`pending interrupts: ${waiting[0]}, got ${waiting[1]}`);
  return lines;
}

const SHOWN = 8;

/** Bytes that differ in [from, to), each as a line: page tables are among them. */
export function memoryDifferences(expected: Memory, got: Memory, from: number, to: number): string[] {
  const [left, right] = [expected, got].map(({ bytes }) =>
    Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from),
  );
  if (left!.equals(right!)) return [];
  const lines: string[] = [];
  for (let n = 0; n < left!.length && lines.length < SHOWN; n++) {
    if (left![n] !== right![n])
      lines.push(`byte ${(from + n).toString(16)}: ${left![n]!.toString(16)}, got ${right![n]!.toString(16)}`);
  }
  return lines;
}

export const differencesOf = (expected: Machine, got: Machine, to: number): string[] => [
  ...registerDifferences(expected.cpu, got.cpu),
  ...memoryDifferences(expected.memory, got.memory, 0, to),
];

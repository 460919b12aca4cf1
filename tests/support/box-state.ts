/** All of a box at one moment, as far as anybody in it can tell, to be compared with another moment or another box. */
import { isDeepStrictEqual } from 'node:util';
// first: modules of the kernel know each other, and this is the order in which they begin
import '../../index.ts';
import type { Box } from '../../box/box.ts';
import { createFreezer, freeze, type Frozen } from '../../box/frozen.ts';
import { settleBlock } from '../../cpu/state.ts';
import { slotName } from '../../cpu/translator/both.ts';
import { nextDeadline } from '../../kernel/sleepers.ts';

export interface BoxState {
  readonly memory: Buffer;
  /** registers by CPU, without what is an engine's */
  readonly slots: readonly BigUint64Array[];
  readonly cpus: readonly unknown[];
  readonly kernel: Readonly<Record<string, Frozen>>;
}

/** views of the memory, and what is the host's */
const left = new Set(['memory', 'cpus', 'events']);

export function stateOf({ kernel }: Box): BoxState {
  // remembered where somebody has asked
  nextDeadline(kernel);
  const records: Record<string, unknown> = Object.fromEntries(Object.entries(kernel).filter(([key]) => !left.has(key)));
  const freezer = createFreezer(new Map());
  return {
    memory: Buffer.from(kernel.memory.bytes),
    slots: kernel.cpus.map(({ words }) => {
      const copy = words.slice();
      settleBlock(copy);
      return new BigUint64Array(copy.buffer);
    }),
    cpus: kernel.cpus.map(({ mode, retired, pendingInterrupts, unknownInstruction }) => ({
      mode,
      retired,
      pendingInterrupts: [...pendingInterrupts],
      unknownInstruction,
    })),
    kernel: Object.fromEntries(Object.entries(records).map(([key, value]) => [key, freeze(freezer, key, value)])),
  };
}

const PAGE = 4096;
const MOST = 8;

/** What is different, a line each. */
export function stateDifferences(expected: BoxState, got: BoxState): string[] {
  const lines: string[] = [];
  expected.slots.forEach((slots, cpu) =>
    slots.forEach((value, slot) => {
      const other = got.slots[cpu]![slot];
      if (value !== other)
        lines.push(`CPU ${cpu} ${slotName(slot)}: ${value.toString(16)}, got ${other?.toString(16)}`);
    }),
  );
  if (!isDeepStrictEqual(expected.cpus, got.cpus)) {
    lines.push(`CPUs: ${JSON.stringify(expected.cpus, text)}, got ${JSON.stringify(got.cpus, text)}`);
  }
  for (const key of Object.keys(expected.kernel)) {
    const [wanted, found] = [expected.kernel[key], got.kernel[key]];
    if (!isDeepStrictEqual(wanted, found)) lines.push(`kernel.${key}: ${firstDifference(wanted, found)}`);
  }
  if (!expected.memory.equals(got.memory)) {
    for (let at = 0; at < expected.memory.length && lines.length < MOST; at += PAGE) {
      const [wanted, found] = [expected.memory.subarray(at, at + PAGE), got.memory.subarray(at, at + PAGE)];
      if (wanted.equals(found)) continue;
      const byte = wanted.findIndex((value, n) => value !== found[n]);
      lines.push(
        `memory 0x${(at + byte).toString(16)}: ${wanted[byte]!.toString(16)}, got ${found[byte]!.toString(16)}`,
      );
    }
  }
  return lines.slice(0, MOST);
}

const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);

function firstDifference(expected: unknown, got: unknown, path = ''): string {
  if (typeof expected !== 'object' || typeof got !== 'object' || expected === null || got === null) {
    return `${path}: ${String(expected)}, got ${String(got)}`;
  }
  for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    const [left, right] = [expected, got].map((each) => (each as Record<string, unknown>)[key]);
    if (!isDeepStrictEqual(left, right)) return firstDifference(left, right, `${path}.${key}`);
  }
  return path;
}

/**
 * What led to a difference between the engines: the interpreter goes once more over the instructions of the region, one by one,
 * and it is noted which of them last changed what differs.
 */
import type { Cpu } from '../cpu.ts';
import { isFault } from '../fault.ts';
import { fetch } from '../interpreter.ts';
import { translate } from '../paging.ts';
import { Slot } from '../slots.ts';
import { Access } from '../tlb.ts';
import { flowOf } from './flow.ts';

/** Something that differs, and how to see it while the interpreter is at work. */
export interface Place {
  readonly name: string;
  read(): bigint;
}

interface Replayed {
  readonly rip: bigint;
  readonly mnemonic: string;
  /** bytes */
  readonly length: number;
  /** names of the places that it was the last to change */
  readonly changes: string[];
}

/** most instructions that are gone over again */
const MOST_REPLAYED = 100_000;
/** lines before and behind an instruction that matters, and at the end */
const AROUND = 6;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Undefined where it cannot be fetched, or does what must not be done twice. */
function instructionAt(cpu: Cpu): Replayed | undefined {
  const rip = cpu.slots[Slot.rip]!;
  try {
    const instruction = fetch(cpu);
    const { mnemonic, length } = instruction;
    if (mnemonic === 'native' || flowOf(instruction, rip).kind === 'away') return undefined;
    return { rip, mnemonic, length, changes: [] };
  } catch (fault) {
    if (!isFault(fault)) throw fault;
    return undefined;
  }
}

/** `step(n)` executes the n-th instruction, counted from 1. */
function replay(cpu: Cpu, count: number, places: readonly Place[], step: (n: number) => void): Replayed[] {
  const executed: Replayed[] = [];
  const values = places.map((place) => place.read());
  const last: (Replayed | undefined)[] = places.map(() => undefined);
  for (let n = 1; n <= Math.min(count, MOST_REPLAYED); n++) {
    const instruction = instructionAt(cpu);
    if (instruction === undefined) break;
    step(n);
    executed.push(instruction);
    for (const [k, place] of places.entries()) {
      const value = place.read();
      if (value === values[k]) continue;
      values[k] = value;
      last[k] = instruction;
    }
  }
  for (const [k, { name }] of places.entries()) last[k]?.changes.push(name);
  return executed;
}

function bytesOf(cpu: Cpu, { rip, length }: Replayed): string {
  try {
    return Array.from({ length }, (_, n) => {
      const physical = translate(cpu, BigInt.asUintN(64, rip + BigInt(n)), Access.fetch);
      return cpu.memory.bytes[physical]!.toString(16).padStart(2, '0');
    }).join('');
  } catch (fault) {
    if (!isFault(fault)) throw fault;
    return '?';
  }
}

/**
 * Lines about the `count` instructions from where `cpu` is: each with its number, address, bytes and mnemonic, and which of
 * `places` it was the last to change; far from those, and from the end, they are left out.
 */
export function describeReplay(cpu: Cpu, count: number, places: readonly Place[], step: (n: number) => void): string[] {
  const executed = replay(cpu, count, places, step);
  const matters = executed.flatMap(({ changes }, n) => (changes.length > 0 ? [n] : []));
  const isNear = (n: number): boolean =>
    n >= executed.length - AROUND || matters.some((other) => Math.abs(other - n) <= AROUND);
  const lines = [
    "the region's instructions, as the interpreter executes them; behind `<-` what they are the last to change:",
  ];
  let isLeftOut = false;
  for (const [n, instruction] of executed.entries()) {
    if (!isNear(n)) {
      if (!isLeftOut) lines.push('  …');
      isLeftOut = true;
      continue;
    }
    isLeftOut = false;
    const { rip, mnemonic, changes } = instruction;
    const marks = changes.length === 0 ? '' : ` <- ${changes.join(', ')}`;
    lines.push(`  ${n + 1}: ${hex(rip)}  ${bytesOf(cpu, instruction)}  ${mnemonic}${marks}`);
  }
  if (executed.length < count) lines.push(`  the other ${count - executed.length} are not gone over again`);
  const first = matters[0];
  lines.push(
    first === undefined
      ? 'none of them changes what differs: translated code has changed it, or gone another way'
      : `the first that the engines may differ after is number ${first + 1}, ${executed[first]!.mnemonic} at ${hex(executed[first]!.rip)}`,
  );
  return lines;
}

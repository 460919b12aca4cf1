/**
 * Both engines, region by region: a region is executed, what it has done is kept and taken back, the interpreter executes as
 * many instructions, and the two are compared.
 */
import type { Cpu } from '../cpu.ts';
import { settleWords } from '../flag-words.ts';
import { PAGE_SIZE } from '../memory.ts';
import { Slot } from '../slots.ts';
import { registerNames } from '../state.ts';
import { emptyWritable } from '../tlb.ts';
import type { Region } from './regions.ts';

/** Two engines have made different things of the same instructions. */
export class EngineDifferenceError extends Error {
  override readonly name = 'EngineDifferenceError';
  /** a line each: what, by the translator, by the interpreter */
  readonly differences: readonly string[];

  constructor(message: string, differences: readonly string[]) {
    super(message);
    this.differences = differences;
  }
}

/** Slots that no guest can see: the pending operation of the flags, which is settled first, and what engines note. */
export const bookkeeping: ReadonlySet<number> = new Set([
  Slot.flagsKind,
  Slot.flagsLeft,
  Slot.flagsRight,
  Slot.flagsResult,
  Slot.current,
  Slot.budget,
  Slot.regionKey,
]);
/** slots up to the last that means something */
const SLOTS = Slot.fds + 1;
/** lines of a report */
const MOST = 20;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** `rax`, `ymm3[2]`, or the name of the first of several slots. */
export function slotName(slot: number): string {
  if (slot < 16) return registerNames[slot]!;
  if (slot >= Slot.xmm && slot < Slot.x87) return `ymm${(slot - Slot.xmm) >> 2}[${(slot - Slot.xmm) & 3}]`;
  return Object.entries(Slot).findLast(([, first]) => first <= slot)?.[0] ?? `slot ${slot}`;
}

function compareSlots(translated: Int32Array<ArrayBuffer>, interpreted: Int32Array<ArrayBuffer>): string[] {
  settleWords(translated);
  settleWords(interpreted);
  const left = new BigUint64Array(translated.buffer);
  const right = new BigUint64Array(interpreted.buffer);
  const lines: string[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    if (left[slot] === right[slot] || bookkeeping.has(slot)) continue;
    lines.push(`${slotName(slot)}: translator ${hex(left[slot]!)}, interpreter ${hex(right[slot]!)}`);
  }
  return lines;
}

function comparePage(page: number, translated: Uint8Array, interpreted: Uint8Array): string[] {
  const at = translated.findIndex((byte, n) => byte !== interpreted[n]);
  if (at < 0) return [];
  const where = hex(page * PAGE_SIZE + at);
  return [`physical ${where}: translator ${hex(translated[at]!)}, interpreter ${hex(interpreted[at]!)}`];
}

/**
 * `translate` executes a region of `cpu`, which does not call the host but for addresses, and says how many instructions
 * that were; `interpret` executes as many. What it has done stays.
 * @throws {EngineDifferenceError}
 */
export function checkRegion(
  cpu: Cpu,
  region: Region,
  translate: () => number,
  interpret: (instructions: number) => void,
): void {
  const { memory, tlb, words } = cpu;
  const copyPage = (page: number): Uint8Array => memory.bytes.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  const before = words.slice();
  const journal = new Map<number, Uint8Array>();
  const translatedPages = new Map<number, Uint8Array>();
  let count;
  let translatedWords;
  tlb.journal = journal;
  try {
    emptyWritable(tlb);
    count = translate();
    translatedWords = words.slice();
    for (const [page, content] of journal) {
      translatedPages.set(page, copyPage(page));
      memory.bytes.set(content, page * PAGE_SIZE);
    }
    words.set(before);
    emptyWritable(tlb);
    interpret(count);
  } finally {
    tlb.journal = undefined;
  }
  const differences = compareSlots(translatedWords, words.slice());
  for (const [page, content] of journal) {
    differences.push(...comparePage(page, translatedPages.get(page) ?? content, copyPage(page)));
  }
  if (differences.length > 0) throw differenceError(cpu, region, count, differences);
}

function differenceError(
  cpu: Cpu,
  region: Region,
  count: number,
  differences: readonly string[],
): EngineDifferenceError {
  const pages = region.pages.map(({ low, frame }) => `${hex(low >>> 0)} at ${hex(frame)}`).join(', ');
  const lines = [
    `engines differ after ${count} instructions of the region at ${hex(region.rip)}`,
    ...differences.slice(0, MOST),
    ...(differences.length > MOST ? [`and ${differences.length - MOST} more`] : []),
    `CPU ${cpu.index}, mode ${region.mode}, ${region.instructions} instructions in the pages ${pages}`,
    `to replay: the same box with engine 'interpreter' up to instruction ${cpu.retired - count} of this CPU, then step`,
  ];
  return new EngineDifferenceError(lines.join('\n'), differences);
}

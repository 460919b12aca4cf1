/**
 * Both engines, region by region: a region is executed, what it has done is kept and taken back, the interpreter executes as
 * many instructions, and the two are compared. Where they differ, it is told which instructions that was in (replay.ts).
 */
import type { Cpu } from '../cpu.ts';
import { settleWords } from '../flag-words.ts';
import { PAGE_SIZE } from '../memory.ts';
import { Slot } from '../slots.ts';
import { registerNames, settleBlock } from '../state.ts';
import { emptyWritable } from '../tlb.ts';
import type { Region } from './regions.ts';
import { describeReplay, type Place } from './replay.ts';

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

interface Difference {
  readonly text: string;
  readonly place: Place;
  readonly isRip: boolean;
}

/** A slot as a guest would see it. */
function readSlot({ words, slots }: Cpu, slot: number): bigint {
  if (slot !== Slot.rflags) return slots[slot]!;
  const copy = words.slice();
  settleWords(copy);
  return new BigUint64Array(copy.buffer)[slot]!;
}

function compareSlots(
  cpu: Cpu,
  translated: Int32Array<ArrayBuffer>,
  interpreted: Int32Array<ArrayBuffer>,
): Difference[] {
  settleBlock(translated);
  settleBlock(interpreted);
  const left = new BigUint64Array(translated.buffer);
  const right = new BigUint64Array(interpreted.buffer);
  const differences: Difference[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    if (left[slot] === right[slot]) continue;
    const name = slotName(slot);
    differences.push({
      text: `${name}: translator ${hex(left[slot]!)}, interpreter ${hex(right[slot]!)}`,
      place: { name, read: () => readSlot(cpu, slot) },
      isRip: slot === Slot.rip,
    });
  }
  return differences;
}

function comparePage({ memory }: Cpu, page: number, translated: Uint8Array, interpreted: Uint8Array): Difference[] {
  const at = translated.findIndex((byte, n) => byte !== interpreted[n]);
  if (at < 0) return [];
  const physical = page * PAGE_SIZE + at;
  const name = `physical ${hex(physical)}`;
  return [
    {
      text: `${name}: translator ${hex(translated[at]!)}, interpreter ${hex(interpreted[at]!)}`,
      place: { name, read: () => BigInt(memory.bytes[physical]!) },
      isRip: false,
    },
  ];
}

/**
 * `translate` executes a region of `cpu`, which does not call the host but for addresses, and says how many instructions
 * that were; `interpret` executes the interpreter until so many have been since the beginning. What it has done stays.
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
  const { retired } = cpu;
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
  const differences = compareSlots(cpu, translatedWords, words.slice());
  for (const [page, content] of journal) {
    differences.push(...comparePage(cpu, page, translatedPages.get(page) ?? content, copyPage(page)));
  }
  if (differences.length === 0) return;
  const end = { words: words.slice(), retired: cpu.retired, pages: [...journal.keys()].map(copyPage) };
  words.set(before);
  cpu.retired = retired;
  for (const [page, content] of journal) memory.bytes.set(content, page * PAGE_SIZE);
  // every instruction changes rip
  const telling = differences.some(({ isRip }) => !isRip) ? differences.filter(({ isRip }) => !isRip) : differences;
  const replayed = describeReplay(
    cpu,
    count,
    telling.map(({ place }) => place),
    interpret,
  );
  words.set(end.words);
  cpu.retired = end.retired;
  [...journal.keys()].forEach((page, n) => memory.bytes.set(end.pages[n]!, page * PAGE_SIZE));
  throw differenceError(
    cpu,
    region,
    count,
    differences.map(({ text }) => text),
    replayed,
  );
}

function differenceError(
  cpu: Cpu,
  region: Region,
  count: number,
  differences: readonly string[],
  replayed: readonly string[],
): EngineDifferenceError {
  const pages = region.pages.map(({ low, frame }) => `${hex(low >>> 0)} at ${hex(frame)}`).join(', ');
  const lines = [
    `engines differ after ${count} instructions of the region at ${hex(region.rip)}`,
    ...differences.slice(0, MOST),
    ...(differences.length > MOST ? [`and ${differences.length - MOST} more`] : []),
    ...replayed,
    `CPU ${cpu.index}, mode ${region.mode}, ${region.instructions} instructions in the pages ${pages}`,
    `to replay: the same box with engine 'interpreter' up to instruction ${cpu.retired - count} of this CPU, then step`,
  ];
  return new EngineDifferenceError(lines.join('\n'), differences);
}

/**
 * Many iterations of REP MOVS and REP STOS at once: as many as lie in one page of each operand, where doing them together
 * gives what doing them one after the other does.
 */
import type { Bulk } from './algebra.ts';
import type { Cpu } from './cpu.ts';
import { forgetDecoded } from './memory.ts';
import { translateWords } from './paging.ts';
import { Slot } from './slots.ts';
import { hasWatches } from './stops.ts';
import { Access, MODES } from './tlb.ts';

const PAGE = 4096;
const RAX = 0;
const RCX = 2;
const RSI = 12;
const RDI = 14;
const DIRECTION = 0x400;

/** Elements from the one at `low` on that lie in its page; 0 where that one does not. */
function elementsInPage(low: number, size: number, backward: boolean): number {
  const offset = low & (PAGE - 1);
  if (offset + size > PAGE) return 0;
  return backward ? Math.floor(offset / size) + 1 : Math.floor((PAGE - offset) / size);
}

/** Adds to the 64 bits at words `at`. */
function advance(words: Int32Array, at: number, by: number): void {
  const low = words[at]!;
  const sum = (low >>> 0) + by;
  words[at] = sum;
  if (sum < 0) words[at + 1]!--;
  else if (sum >= 2 ** 32) words[at + 1]!++;
}

function fill({ memory, words }: Cpu, start: number, count: number, width: Bulk['width']): void {
  const { bytes, view } = memory;
  const low = words[RAX]!;
  if (width === 8) bytes.fill(low, start, start + count);
  else if (width === 16) for (let n = 0; n < count; n++) view.setInt16(start + n * 2, low, true);
  else if (width === 32) for (let n = 0; n < count; n++) view.setInt32(start + n * 4, low, true);
  else {
    const high = words[RAX + 1]!;
    for (let n = 0; n < count; n++) {
      view.setInt32(start + n * 8, low, true);
      view.setInt32(start + n * 8 + 4, high, true);
    }
  }
}

/**
 * Up to `most` iterations, registers included; how many. 0 where an iteration has to be done by itself: at the end of a page,
 * and where later elements are copies of earlier ones. Raises what the first iteration would.
 */
export function repeatBulk(cpu: Cpu, { kind, width }: Bulk, most: number): number {
  const { memory, words } = cpu;
  // with breakpoints, watches or alignment checks each access is looked at
  if (cpu.mode >= MODES || hasWatches(memory.stops)) return 0;
  const size = width >> 3;
  const backward = (words[Slot.rflags * 2]! & DIRECTION) !== 0;
  let count = Math.min(most, elementsInPage(words[RDI]!, size, backward));
  if (kind === 'copy') count = Math.min(count, elementsInPage(words[RSI]!, size, backward));
  if (count < 2) return 0;
  const source = kind === 'copy' ? translateWords(cpu, words[RSI]!, words[RSI + 1]!, Access.read, width) : 0;
  const target = translateWords(cpu, words[RDI]!, words[RDI + 1]!, Access.write, width);
  const length = count * size;
  const back = backward ? length - size : 0;
  if (kind === 'copy') {
    const distance = backward ? source - target : target - source;
    if (distance > 0 && distance < length) return 0;
    memory.bytes.copyWithin(target - back, source - back, source - back + length);
  } else fill(cpu, target - back, count, width);
  forgetDecoded(memory, target, 1);
  const step = backward ? -length : length;
  advance(words, RDI, step);
  if (kind === 'copy') advance(words, RSI, step);
  advance(words, RCX, -count);
  return count;
}

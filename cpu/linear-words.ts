/** Loads and stores of the reading in words: `linear.ts` for what lies in one page. */
import type { Cpu } from './cpu.ts';
import type { Width } from './instruction.ts';
import { loadWords, storeWords } from './linear.ts';
import { forgetDecoded } from './memory.ts';
import { translateWords, type Access } from './paging.ts';
import { put, putWhole, reserve, wholeAt, words as values, type Place } from './word-values.ts';

// local constants: see word-values.ts
const words = values;
const READ: Access = 0;
const WRITE: Access = 1;
const PAGE = 4096;

/** Zero-extended. */
export function loadPlace(cpu: Cpu, low: number, high: number, width: Width): Place {
  if ((low & (PAGE - 1)) > PAGE - (width >> 3)) return putWhole(loadWords(cpu, low, high, width));
  const at = translateWords(cpu, low, high, READ, width);
  const { view, bytes } = cpu.memory;
  if (width === 64) return put(view.getInt32(at, true), view.getInt32(at + 4, true));
  if (width === 32) return put(view.getInt32(at, true), 0);
  return put(width === 16 ? view.getUint16(at, true) : bytes[at]!, 0);
}

export function storePlace(cpu: Cpu, low: number, high: number, width: Width, value: Place): void {
  if ((low & (PAGE - 1)) > PAGE - (width >> 3)) return storeWords(cpu, low, high, width, wholeAt(value));
  const at = translateWords(cpu, low, high, WRITE, width);
  const { memory } = cpu;
  if (memory.decoded[at >>> 12] !== undefined) forgetDecoded(memory, at, 1);
  const part = words[value]!;
  if (width === 8) memory.bytes[at] = part;
  else if (width === 16) memory.view.setInt16(at, part, true);
  else {
    memory.view.setInt32(at, part, true);
    if (width === 64) memory.view.setInt32(at + 4, words[value + 1]!, true);
  }
}

/** 128 bits that lie in one page; undefined where they do not. */
export function loadVectorPlace(cpu: Cpu, low: number, high: number): Place | undefined {
  if ((low & (PAGE - 1)) > PAGE - 16) return undefined;
  const at = translateWords(cpu, low, high, READ, 128);
  const { view } = cpu.memory;
  const place = reserve(4);
  words[place] = view.getInt32(at, true);
  words[place + 1] = view.getInt32(at + 4, true);
  words[place + 2] = view.getInt32(at + 8, true);
  words[place + 3] = view.getInt32(at + 12, true);
  return place;
}

/** Whether it has been done: see `loadVectorPlace`. */
export function storeVectorPlace(cpu: Cpu, low: number, high: number, value: Place): boolean {
  if ((low & (PAGE - 1)) > PAGE - 16) return false;
  const at = translateWords(cpu, low, high, WRITE, 128);
  const { memory } = cpu;
  if (memory.decoded[at >>> 12] !== undefined) forgetDecoded(memory, at, 1);
  const { view } = memory;
  view.setInt32(at, words[value]!, true);
  view.setInt32(at + 4, words[value + 1]!, true);
  view.setInt32(at + 8, words[value + 2]!, true);
  view.setInt32(at + 12, words[value + 3]!, true);
  return true;
}

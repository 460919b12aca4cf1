/**
 * One `WebAssembly.Memory`: CPU blocks first, guest physical memory after them, then what is derived from both. It is
 * allocated whole and never grown (growing would detach every view); the host commits pages as they are touched.
 */
import type { Instruction } from './instruction.ts';
import { DERIVED_SIZE, STATE_SIZE } from './slots.ts';
import type { Stops } from './stops.ts';
import { emptyWritable, forgetWritable, type Tlb } from './tlb.ts';

export const PAGE_SIZE = 4096;
const WASM_PAGE = 65536;

export interface Memory {
  /** of guest physical memory, in bytes, a multiple of 64 KiB */
  readonly size: number;
  /** what translated code imports; `buffer` is its bytes */
  readonly wasm: WebAssembly.Memory;
  /** the CPU blocks, guest physical memory from byte `start` on, and from byte `derived` on what follows from both */
  readonly buffer: ArrayBuffer;
  readonly start: number;
  readonly derived: number;
  /** guest physical memory */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** decoded instructions by physical page and offset; derived from memory, dropped when a page is written */
  readonly decoded: ((Instruction | undefined)[] | undefined)[];
  /** by physical page: how many instructions of it `decoded` holds; and what all of them take of the host's memory, bytes */
  readonly decodedCounts: Uint16Array;
  decodedSize: number;
  /** the TLBs of all CPUs, which do not let translated code write to a page of `decoded` */
  readonly tlbs: Tlb[];
  /** by physical page: 1 where translated code follows from the page's instructions */
  readonly translated: Uint8Array;
  /** pages of `translated` that have been written since: their code is void */
  readonly forgotten: number[];
  /** by physical page: 1 where something may have been written since somebody has taken note of it: see `takeWritten` */
  readonly written: Uint8Array;
  /** where the processors are to stop: see stops.ts */
  stops: Stops | undefined;
}

export class MemorySizeError extends Error {
  override readonly name = 'MemorySizeError';
}

/** The host does not give as much memory as was asked for. */
export class HostMemoryError extends Error {
  override readonly name = 'HostMemoryError';
}

/** The memory and the tables of its pages. @throws {HostMemoryError} */
function reserve(pages: number, guestPages: number) {
  try {
    const wasm = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const table = (): Uint8Array => new Uint8Array((guestPages * WASM_PAGE) / PAGE_SIZE);
    return { wasm, translated: table(), written: table() };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const size = `${guestPages / 16} MiB`;
    throw new HostMemoryError(
      `memory: the host has no address space for ${size}: ask for less, or raise its limit (ulimit -v)`,
    );
  }
}

/** `size` in bytes of guest physical memory (16 MiB to 2 GiB). @throws {MemorySizeError | HostMemoryError} */
export function createMemory(size: number, cpus = 1): Memory {
  if (!Number.isSafeInteger(size) || size < 1 << 24 || size > 2 ** 31) {
    throw new MemorySizeError(`memory: got ${size} bytes, expected 16 MiB to 2 GiB`);
  }
  const statePages = Math.ceil((cpus * STATE_SIZE) / WASM_PAGE);
  const guestPages = Math.ceil(size / WASM_PAGE);
  const pages = statePages + guestPages + Math.ceil((cpus * DERIVED_SIZE) / WASM_PAGE);
  const { wasm, translated, written } = reserve(pages, guestPages);
  const { buffer } = wasm;
  const start = statePages * WASM_PAGE;
  const rounded = guestPages * WASM_PAGE;
  return {
    size: rounded,
    wasm,
    buffer,
    start,
    derived: start + rounded,
    bytes: new Uint8Array(buffer, start, rounded),
    view: new DataView(buffer, start, rounded),
    decoded: [],
    decodedCounts: new Uint16Array(rounded / PAGE_SIZE),
    decodedSize: 0,
    tlbs: [],
    translated,
    forgotten: [],
    written,
    stops: undefined,
  };
}

/** What a page of `decoded` takes of the host's memory, and an instruction, bytes; measured in V8 11.3. */
const DECODED_PAGE = 33 << 10;
const DECODED_INSTRUCTION = 280;
/** Most of that; then what is not translated is forgotten, and where that is little, everything. */
const MOST_DECODED = 48 << 20;

/** Makes `instruction` known at `physical`. The arrays have no holes, which would make the engine turn them into hash tables. */
export function rememberDecoded(memory: Memory, physical: number, instruction: Instruction): void {
  const page = physical >>> 12;
  if (memory.decodedSize > MOST_DECODED) makeRoom(memory);
  noteCode(memory, page);
  const instructions = memory.decoded[page]!;
  const at = physical & (PAGE_SIZE - 1);
  if (instructions[at] === undefined) {
    memory.decodedCounts[page]!++;
    memory.decodedSize += DECODED_INSTRUCTION;
  }
  instructions[at] = instruction;
}

function makeRoom(memory: Memory): void {
  const { decoded, translated } = memory;
  decoded.forEach((_, page) => {
    if (translated[page] === 0) dropDecoded(memory, page);
  });
  if (memory.decodedSize > MOST_DECODED / 2) decoded.forEach((_, page) => dropDecoded(memory, page));
}

/** Has writes to a physical page looked at, though no instruction begins in it. */
export function noteCode(memory: Memory, page: number): void {
  const { decoded } = memory;
  while (decoded.length <= page) decoded.push(undefined);
  decoded[page] ??= firstOfPage(memory, page);
}

/** copied: to fill one anew costs 100 us */
const NOTHING_DECODED = Array.from({ length: PAGE_SIZE }, () => undefined);

function firstOfPage(memory: Memory, page: number): undefined[] {
  for (const tlb of memory.tlbs) forgetWritable(tlb, page);
  memory.decodedSize += DECODED_PAGE;
  return NOTHING_DECODED.slice();
}

function dropDecoded(memory: Memory, page: number): void {
  if (memory.decoded[page] === undefined) return;
  memory.decoded[page] = undefined;
  memory.decodedSize -= DECODED_PAGE + memory.decodedCounts[page]! * DECODED_INSTRUCTION;
  memory.decodedCounts[page] = 0;
  if (memory.translated[page] === 0) return;
  memory.translated[page] = 0;
  memory.forgotten.push(page);
}

/** Must follow every write that does not go through a CPU. `physical` and `length` in bytes. */
export function forgetDecoded(memory: Memory, physical: number, length: number): void {
  const last = (physical + length - 1) >>> 12;
  for (let page = physical >>> 12; page <= last; page++) {
    memory.written[page] = 1;
    dropDecoded(memory, page);
  }
}

/** The physical pages that may have been written since the last time, by number, ascending. */
export function takeWritten({ written, tlbs }: Memory): number[] {
  const pages: number[] = [];
  for (let page = written.indexOf(1); page >= 0; page = written.indexOf(1, page + 1)) pages.push(page);
  written.fill(0);
  // a CPU that has an entry for a page writes to it unseen
  for (const tlb of tlbs) emptyWritable(tlb);
  return pages;
}

/** After memory as a whole has been written. */
export function forgetAllDecoded(memory: Memory): void {
  forgetDecoded(memory, 0, memory.size);
}

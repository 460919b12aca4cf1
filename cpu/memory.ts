/**
 * One `WebAssembly.Memory`: CPU blocks first, guest physical memory after them. It is allocated whole and never grown
 * (growing would detach every view); the host commits pages as they are touched.
 */
import type { Instruction } from './instruction.ts';

export const PAGE_SIZE = 4096;
const WASM_PAGE = 65536;

export interface Memory {
  /** of guest physical memory, in bytes, a multiple of 64 KiB */
  readonly size: number;
  /** the CPU blocks */
  readonly stateBuffer: ArrayBuffer;
  /** guest physical memory */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** decoded instructions by physical page and offset; derived from memory, dropped when a page is written */
  readonly decoded: ((Instruction | undefined)[] | undefined)[];
}

export class MemorySizeError extends Error {
  override readonly name = 'MemorySizeError';
}

/** `size` in bytes of guest physical memory (16 MiB to 2 GiB), `stateSize` of all CPU blocks. */
export function createMemory(size: number, stateSize: number): Memory {
  if (!Number.isSafeInteger(size) || size < 1 << 24 || size > 2 ** 31) {
    throw new MemorySizeError(`memory: got ${size} bytes, expected 16 MiB to 2 GiB`);
  }
  const statePages = Math.ceil(stateSize / WASM_PAGE);
  const pages = statePages + Math.ceil(size / WASM_PAGE);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const start = statePages * WASM_PAGE;
  const rounded = (pages - statePages) * WASM_PAGE;
  return {
    size: rounded,
    stateBuffer: buffer,
    bytes: new Uint8Array(buffer, start, rounded),
    view: new DataView(buffer, start, rounded),
    decoded: [],
  };
}

/** Makes `instruction` known at `physical`. The arrays have no holes, which would make the engine turn them into hash tables. */
export function rememberDecoded(memory: Memory, physical: number, instruction: Instruction): void {
  const { decoded } = memory;
  const page = physical >>> 12;
  while (decoded.length <= page) decoded.push(undefined);
  const instructions = (decoded[page] ??= Array.from({ length: PAGE_SIZE }, () => undefined));
  instructions[physical & (PAGE_SIZE - 1)] = instruction;
}

/** Must follow every write that does not go through a CPU. `physical` and `length` in bytes. */
export function forgetDecoded(memory: Memory, physical: number, length: number): void {
  const last = (physical + length - 1) >>> 12;
  for (let page = physical >>> 12; page <= last; page++) {
    if (memory.decoded[page] !== undefined) memory.decoded[page] = undefined;
  }
}

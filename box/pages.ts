/** Copies of a machine's memory that hold only the pieces with something in them. */
import { PAGE_SIZE } from '../cpu/memory.ts';

const PIECE = 65536;

export interface MemoryCopy {
  /** bytes of the whole */
  readonly length: number;
  /** by number of the piece; what is missing is zero */
  readonly pieces: ReadonlyMap<number, Uint8Array>;
}

/** Of the first `length` bytes, a multiple of a piece. */
export function copyMemory(buffer: ArrayBuffer, length: number): MemoryCopy {
  const pieces = new Map<number, Uint8Array>();
  for (let at = 0; at < length; at += PIECE) {
    const words = new Int32Array(buffer, at, PIECE / 4);
    if (hasContent(words)) pieces.set(at / PIECE, new Uint8Array(buffer.slice(at, at + PIECE)));
  }
  return { length, pieces };
}

function hasContent(words: Int32Array): boolean {
  for (let n = 0; n < words.length; n++) if (words[n] !== 0) return true;
  return false;
}

/** Puts a copy back into the memory it was taken of; `onChange` is told of every page whose content that changes. */
export function restoreMemory(buffer: ArrayBuffer, copy: MemoryCopy, onChange: (at: number) => void): void {
  const zero = new Int32Array(PIECE / 4);
  for (let at = 0; at < copy.length; at += PIECE) {
    const piece = copy.pieces.get(at / PIECE);
    const saved = piece === undefined ? zero : new Int32Array(piece.buffer, piece.byteOffset, PIECE / 4);
    const words = new Int32Array(buffer, at, PIECE / 4);
    for (let page = 0; page < PIECE; page += PAGE_SIZE) {
      const [from, to] = [page / 4, (page + PAGE_SIZE) / 4];
      if (areEqual(words, saved, from, to)) continue;
      words.set(saved.subarray(from, to), from);
      onChange(at + page);
    }
  }
}

function areEqual(left: Int32Array, right: Int32Array, from: number, to: number): boolean {
  for (let n = from; n < to; n++) if (left[n] !== right[n]) return false;
  return true;
}

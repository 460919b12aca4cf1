/** Copies of a machine's memory that hold only the pieces with something in them. */
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

/** Puts a copy back into the memory it was taken of. */
export function restoreMemory(buffer: ArrayBuffer, copy: MemoryCopy): void {
  const bytes = new Uint8Array(buffer);
  for (let at = 0; at < copy.length; at += PIECE) {
    const piece = copy.pieces.get(at / PIECE);
    if (piece !== undefined) bytes.set(piece, at);
    else if (hasContent(new Int32Array(buffer, at, PIECE / 4))) bytes.fill(0, at, at + PIECE);
  }
}

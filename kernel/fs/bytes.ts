/** Guest strings are bytes; as JavaScript strings they hold one byte a character (Latin-1). */

/** The bytes of a Latin-1 string; higher bits of its characters are dropped. */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
  return bytes;
}

/** Arguments of a function that are surely not too many. */
const PART = 4096;

/** `apply`, as V8 spreads a typed array seven times as slowly. */
const textOf = (bytes: Uint8Array): string => String.fromCharCode.apply(null, bytes as unknown as number[]);

export function latin1Text(bytes: Uint8Array): string {
  if (bytes.length <= PART) return textOf(bytes);
  let text = '';
  for (let n = 0; n < bytes.length; n += PART) text += textOf(bytes.subarray(n, n + PART));
  return text;
}

/** A host string as guest bytes: UTF-8, one byte a character. */
export function guestText(text: string): string {
  return latin1Text(new TextEncoder().encode(text));
}

/** Guest bytes, one a character, as a host string: what is no UTF-8 becomes U+FFFD. */
export function hostText(text: string): string {
  return new TextDecoder().decode(latin1Bytes(text));
}

/** One after the other. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** At most `length` bytes from the front of `chunks`, which stay as they are. */
export function peekChunks(chunks: readonly Uint8Array[], length: number): Uint8Array {
  let available = 0;
  for (const chunk of chunks) {
    available += chunk.length;
    if (available >= length) break;
  }
  const bytes = new Uint8Array(Math.min(length, available));
  let at = 0;
  for (const chunk of chunks) {
    if (at === bytes.length) break;
    const part = chunk.subarray(0, bytes.length - at);
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** `length` bytes at `offset` of `chunks`, zeros where those end. */
export function chunksAt(chunks: readonly Uint8Array[], offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let start = 0;
  for (const chunk of chunks) {
    const from = Math.max(0, offset - start);
    if (from < chunk.length && start + from < offset + length) {
      const part = chunk.subarray(from, Math.min(chunk.length, offset + length - start));
      bytes.set(part, start + from - offset);
    }
    start += chunk.length;
    if (start >= offset + length) break;
  }
  return bytes;
}

/** Takes `count` bytes off the front of `chunks`, which holds at least so many. */
export function dropChunks(chunks: Uint8Array[], count: number): void {
  let left = count;
  while (left > 0) {
    const first = chunks[0]!;
    if (first.length > left) chunks[0] = first.slice(left);
    else chunks.shift();
    left -= Math.min(left, first.length);
  }
}

/** Small writes share a chunk, so that their number stays in proportion to the bytes. */
const MERGED_CHUNK = 4096;

export function appendChunk(chunks: Uint8Array[], bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const last = chunks.at(-1);
  if (last === undefined || last.length + bytes.length > MERGED_CHUNK) {
    chunks.push(bytes.slice());
    return;
  }
  const merged = new Uint8Array(last.length + bytes.length);
  merged.set(last);
  merged.set(bytes, last.length);
  chunks[chunks.length - 1] = merged;
}

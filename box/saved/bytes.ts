/** Numbers, texts and bytes in a row: see docs/saved-box.md. */
import { crc32Of } from './checksum.ts';
import { SavedBoxError } from './error.ts';

const CHUNK = 1 << 16;
/** bytes from which on content is taken as it is, and not copied before the end */
const LARGE = 1024;

/** Pieces, so that memory is copied once: nobody may change what was given before `finish`. */
export class Writer {
  private readonly pieces: Uint8Array[] = [];
  private chunk = new Uint8Array(CHUNK);
  private used = 0;
  private before = 0;

  get length(): number {
    return this.before + this.used;
  }

  private flush(): void {
    if (this.used === 0) return;
    this.pieces.push(this.chunk.subarray(0, this.used));
    this.chunk = this.chunk.subarray(this.used);
    this.before += this.used;
    this.used = 0;
  }

  private room(count: number): number {
    if (this.used + count > this.chunk.length) {
      this.flush();
      this.chunk = new Uint8Array(CHUNK);
    }
    const at = this.used;
    this.used += count;
    return at;
  }

  byte(value: number): void {
    const at = this.room(1);
    this.chunk[at] = value;
  }

  raw(content: Uint8Array): void {
    if (content.length >= LARGE) {
      this.flush();
      this.pieces.push(content);
      this.before += content.length;
      return;
    }
    const at = this.room(content.length);
    this.chunk.set(content, at);
  }

  /** All that `other` has; it writes no more. */
  append(other: Writer): void {
    other.flush();
    this.flush();
    for (const piece of other.pieces) this.pieces.push(piece);
    this.before += other.before;
  }

  /** CRC-32 of what there is. */
  checksum(): number {
    this.flush();
    return crc32Of(this.pieces);
  }

  u32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.byte((value >>> shift) & 0xff);
  }

  /** 0 to 2^53 - 1, seven bits a byte, the lowest first */
  count(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  float(value: number): void {
    this.raw(new Uint8Array(new Float64Array([value]).buffer));
  }

  /** UTF-16 code units, so that each string comes back */
  text(value: string): void {
    this.count(value.length);
    for (let n = 0; n < value.length; n++) this.count(value.charCodeAt(n));
  }

  finish(): Uint8Array {
    this.flush();
    const bytes = new Uint8Array(this.before);
    let at = 0;
    for (const piece of this.pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
}

/** Every read is checked against the end of what there is. */
export class Reader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    // slices of Node's Buffers are no copies
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** A view, not a copy. */
  raw(count: number): Uint8Array {
    if (count > this.left) throw new SavedBoxError('truncated', `got ${this.left} bytes, expected ${count} more`);
    const from = this.at;
    this.at += count;
    return this.bytes.subarray(from, this.at);
  }

  byte(): number {
    return this.raw(1)[0]!;
  }

  u32(): number {
    const [a, b, c, d] = this.raw(4);
    return (a! | (b! << 8) | (c! << 16) | (d! << 24)) >>> 0;
  }

  /** At most `most`. */
  count(most: number, what: string): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (value > most || scale > 2 ** 49)
        throw new SavedBoxError('malformed', `${what}: got ${value} or more, expected at most ${most}`);
      if (byte < 128) return value;
    }
  }

  /** A number of things that take at least a byte each. */
  size(what: string): number {
    return this.count(this.left, what);
  }

  float(): number {
    return new Float64Array(this.raw(8).slice().buffer)[0]!;
  }

  text(): string {
    const length = this.size('characters');
    const parts: string[] = [];
    for (let n = 0; n < length; n++) parts.push(String.fromCharCode(this.count(0xffff, 'a character')));
    return parts.join('');
  }

  end(what: string): void {
    if (this.left > 0) throw new SavedBoxError('malformed', `${what}: ${this.left} bytes behind its end`);
  }
}

/** Numbers, texts and bytes in a row: see docs/saved-box.md. */
import { SavedBoxError } from './error.ts';

const FIRST = 1 << 16;

export class Writer {
  private bytes = new Uint8Array(FIRST);
  private length = 0;

  private room(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, at));
      this.bytes = larger;
    }
    return at;
  }

  byte(value: number): void {
    const at = this.room(1);
    this.bytes[at] = value;
  }

  raw(content: Uint8Array): void {
    const at = this.room(content.length);
    this.bytes.set(content, at);
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
    return this.bytes.slice(0, this.length);
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

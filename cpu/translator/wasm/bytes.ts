/** A growing buffer and the number formats of WebAssembly's binary form (5.2 "Values"). */

/** What cannot be encoded: a number out of range, an operator with other immediates, an open block. */
export class WasmEncodeError extends Error {
  constructor(message: string) {
    super(`wasm: ${message}`);
    this.name = 'WasmEncodeError';
  }
}

const floats = new DataView(new ArrayBuffer(8));

/** Before writing, `reserve`: the writers below it check no bounds. */
export class Bytes {
  buffer: Uint8Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
  }

  /** Room for `count` more bytes; the buffer doubles until there is. */
  reserve(count: number): void {
    if (this.length + count > this.buffer.length) this.grow(count);
  }

  private grow(count: number): void {
    let size = Math.max(this.buffer.length, 16);
    while (size < this.length + count) size *= 2;
    const larger = new Uint8Array(size);
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }

  byte(value: number): void {
    this.buffer[this.length++] = value;
  }

  /** At most 5 bytes; `value` 0 to 2^32-1. */
  u32(value: number): void {
    if (value >>> 0 !== value) throw new WasmEncodeError(`got ${value}, expected an integer from 0 to 2^32-1`);
    const { buffer } = this;
    let at = this.length;
    let rest = value;
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    this.length = at;
  }

  /** At most 5 bytes; `value` is taken modulo 2^32. */
  s32(value: number): void {
    const { buffer } = this;
    let at = this.length;
    let rest = value | 0;
    while (rest < -0x40 || rest > 0x3f) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    buffer[at++] = rest & 0x7f;
    this.length = at;
  }

  /** At most 10 bytes; `value` is taken modulo 2^64. */
  s64(value: bigint): void {
    let low = Number(BigInt.asIntN(32, value));
    let high = Number(BigInt.asIntN(32, value >> 32n));
    const { buffer } = this;
    let at = this.length;
    while (high !== low >> 31 || low < -0x40 || low > 0x3f) {
      buffer[at++] = (low & 0x7f) | 0x80;
      low = (low >>> 7) | (high << 25);
      high >>= 7;
    }
    buffer[at++] = low & 0x7f;
    this.length = at;
  }

  f32(value: number): void {
    floats.setFloat32(0, value, true);
    for (let index = 0; index < 4; index++) this.byte(floats.getUint8(index));
  }

  f64(value: number): void {
    floats.setFloat64(0, value, true);
    for (let index = 0; index < 8; index++) this.byte(floats.getUint8(index));
  }

  /** Reserves for itself. */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A view, good until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.length);
  }
}

/** Reads WebAssembly's binary form, with every read inside the bytes. */

/** Bytes that are no module of ours: where, what was got and what was expected. */
export class WasmFormatError extends Error {
  /** offset in the module, bytes */
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(`wasm: offset 0x${offset.toString(16)}: ${message}`);
    this.name = 'WasmFormatError';
    this.offset = offset;
  }
}

const decoder = new TextDecoder();

export class Reader {
  /** offset in the module, bytes */
  at: number;
  readonly end: number;
  private readonly data: Uint8Array;

  constructor(data: Uint8Array, at = 0, end = data.length) {
    this.data = data;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  fail(message: string, at = this.at): never {
    throw new WasmFormatError(at, message);
  }

  byte(): number {
    if (this.at >= this.end) this.fail('got the end, expected a byte');
    return this.data[this.at++]!;
  }

  bytes(count: number): Uint8Array {
    if (count > this.end - this.at) this.fail(`got ${this.end - this.at} bytes, expected ${count}`);
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }

  /** LEB128, at most `bits` of payload; modulo 2^bits. */
  private leb(bits: number): { value: bigint; read: number } {
    const start = this.at;
    let value = 0n;
    for (let read = 0; read < bits;) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << BigInt(read);
      read += 7;
      if (byte < 0x80) return { value, read };
    }
    return this.fail(`got a number longer than ${bits} bits`, start);
  }

  u32(): number {
    const start = this.at;
    const { value } = this.leb(32);
    if (value > 0xffff_ffffn) this.fail('got a number of more than 32 bits', start);
    return Number(value);
  }

  s32(): number {
    const { value, read } = this.leb(32);
    return Number(BigInt.asIntN(32, BigInt.asIntN(read, value)));
  }

  s64(): bigint {
    const { value, read } = this.leb(64);
    return BigInt.asIntN(64, BigInt.asIntN(read, value));
  }

  name(): string {
    return decoder.decode(this.bytes(this.u32()));
  }

  /** The next `u32` bytes, by a reader of their own. */
  part(): Reader {
    const size = this.u32();
    const start = this.at;
    this.bytes(size);
    return new Reader(this.data, start, start + size);
  }

  /** As many values as the number in front says. */
  vector<Item>(read: (n: number) => Item): Item[] {
    const count = this.u32();
    const items: Item[] = [];
    for (let n = 0; n < count; n++) {
      if (this.done) this.fail(`got ${n} items, expected ${count}`);
      items.push(read(n));
    }
    return items;
  }

  finish(what: string): void {
    if (!this.done) this.fail(`${what}: got ${this.end - this.at} bytes more, expected its end`);
  }
}

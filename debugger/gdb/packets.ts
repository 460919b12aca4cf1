/**
 * The packets of gdb's remote protocol, as bytes: `$data#checksum`, acknowledgements and the interrupt. Nothing here knows what a
 * packet means. Whatever bytes come in, memory stays bounded and nothing is thrown.
 */

/** Most bytes of a packet's data, before escapes are resolved; gdb is told of it (PacketSize). */
export const PACKET_SIZE = 0x4000;

const DOLLAR = 0x24;
const HASH = 0x23;
const ESCAPE = 0x7d;
const REPEAT = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const INTERRUPT = 0x03;
/** what an escaped byte is xored with */
const ESCAPED = 0x20;
/** a repeat count is a printable character: the count plus this */
const REPEAT_BASE = 29;

export type Incoming =
  | { readonly kind: 'packet'; readonly data: Uint8Array }
  /** a packet whose checksum is wrong, or that is longer than PACKET_SIZE */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack' }
  /** the byte of ^C, outside a packet */
  | { readonly kind: 'interrupt' };

export interface PacketReader {
  /** What these bytes complete; the rest is kept for the next ones. */
  read(bytes: Uint8Array): Incoming[];
}

/** The value of a hexadecimal digit; -1 for another character. */
export function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Resolves escapes and runs; undefined where the result would be too long or an escape or run is cut off. */
function unescape(raw: Uint8Array): Uint8Array | undefined {
  const data = new Uint8Array(PACKET_SIZE);
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    const byte = raw[at]!;
    if (byte === REPEAT) {
      const count = (raw[++at] ?? 0) - REPEAT_BASE;
      if (count < 3 || length === 0 || length + count > PACKET_SIZE) return undefined;
      data.fill(data[length - 1]!, length, length + count);
      length += count;
      continue;
    }
    if (byte === ESCAPE && ++at >= raw.length) return undefined;
    if (length === PACKET_SIZE) return undefined;
    data[length++] = byte === ESCAPE ? raw[at]! ^ ESCAPED : byte;
  }
  return data.slice(0, length);
}

export function createPacketReader(): PacketReader {
  const raw = new Uint8Array(PACKET_SIZE);
  let length = 0;
  let sum = 0;
  let checksum = 0;
  let state: 'outside' | 'data' | 'first digit' | 'second digit' = 'outside';

  const begin = (): void => {
    state = 'data';
    length = 0;
    sum = 0;
  };

  const finish = (): Incoming => {
    state = 'outside';
    // an overlong packet has been read to its end, but not kept
    const data = checksum === (sum & 0xff) && length <= PACKET_SIZE ? unescape(raw.subarray(0, length)) : undefined;
    return data === undefined ? { kind: 'damaged' } : { kind: 'packet', data };
  };

  const outside = (byte: number): Incoming | undefined => {
    if (byte === DOLLAR) begin();
    if (byte === PLUS) return { kind: 'ack' };
    if (byte === MINUS) return { kind: 'nack' };
    return byte === INTERRUPT ? { kind: 'interrupt' } : undefined;
  };

  const next = (byte: number): Incoming | undefined => {
    switch (state) {
      case 'outside':
        return outside(byte);
      case 'data':
        // a `$` inside begins anew: the end of what came before has been lost
        if (byte === DOLLAR) begin();
        else if (byte === HASH) state = 'first digit';
        else {
          if (length < PACKET_SIZE) raw[length] = byte;
          length = Math.min(length + 1, PACKET_SIZE + 1);
          sum += byte;
        }
        return undefined;
      case 'first digit':
        checksum = digit(byte) * 16;
        state = 'second digit';
        return undefined;
      case 'second digit':
        checksum = checksum < 0 || digit(byte) < 0 ? -1 : checksum + digit(byte);
        return finish();
    }
  };

  return {
    read(bytes) {
      const incoming: Incoming[] = [];
      for (const byte of bytes) {
        const event = next(byte);
        if (event !== undefined) incoming.push(event);
      }
      return incoming;
    },
  };
}

const mustEscape = (byte: number): boolean => byte === DOLLAR || byte === HASH || byte === ESCAPE || byte === REPEAT;

/** How many bytes of `bytes` fit into `room` bytes of a packet. */
export function fitting(bytes: Uint8Array, room: number): number {
  let used = 0;
  for (let at = 0; at < bytes.length; at++) {
    used += mustEscape(bytes[at]!) ? 2 : 1;
    if (used > room) return at;
  }
  return bytes.length;
}

/** A whole packet: `$`, the data with its special bytes escaped, `#` and the checksum. */
export function encodePacket(data: Uint8Array): Uint8Array {
  const packet: number[] = [DOLLAR];
  let sum = 0;
  const put = (byte: number): void => {
    packet.push(byte);
    sum += byte;
  };
  for (const byte of data) {
    if (mustEscape(byte)) put(ESCAPE);
    put(mustEscape(byte) ? byte ^ ESCAPED : byte);
  }
  const digits = (sum & 0xff).toString(16).padStart(2, '0');
  packet.push(HASH, digits.charCodeAt(0), digits.charCodeAt(1));
  return Uint8Array.from(packet);
}

export const ACK = Uint8Array.of(PLUS);
export const NACK = Uint8Array.of(MINUS);

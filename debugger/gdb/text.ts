/** Numbers and bytes as the remote protocol writes them. Readers give undefined for what is none. */
import { digit } from './packets.ts';

const utf8 = new TextEncoder();

/** One character a byte, as a packet's data is taken apart. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The other way; characters above 255 lose their upper bits. */
export const fromLatin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

export const utf8Bytes = (text: string): Uint8Array => utf8.encode(text);

export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function hexOfBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

export const hexOfText = (text: string): string => hexOfBytes(utf8Bytes(text));

export function bytesOfHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    const high = digit(text.charCodeAt(2 * at));
    const low = digit(text.charCodeAt(2 * at + 1));
    if (high < 0 || low < 0) return undefined;
    bytes[at] = high * 16 + low;
  }
  return bytes;
}

export function textOfHex(text: string): string | undefined {
  const bytes = bytesOfHex(text);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** Up to 16 hexadecimal digits. */
export function hexNumber(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

/** A number that fits a host integer: lengths, offsets, register and descriptor numbers. */
export function hexInteger(text: string | undefined): number | undefined {
  const value = hexNumber(text);
  return value === undefined || value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(value);
}

/** `address,length` */
export function hexRange(text: string | undefined): { readonly address: bigint; readonly length: number } | undefined {
  const [first, second, ...more] = text?.split(',') ?? [];
  const address = hexNumber(first);
  const length = hexInteger(second);
  return address === undefined || length === undefined || more.length > 0 ? undefined : { address, length };
}

/** A register's value in target byte order: little-endian, `bits` of it. */
export function hexOfValue(value: bigint, bits: number): string {
  let text = '';
  let rest = BigInt.asUintN(bits, value);
  for (let byte = 0; byte < bits / 8; byte++, rest >>= 8n)
    text += Number(rest & 0xffn)
      .toString(16)
      .padStart(2, '0');
  return text;
}

/** Undefined unless it has exactly `bits`. */
export function valueOfHex(text: string, bits: number): bigint | undefined {
  const bytes = bytesOfHex(text);
  if (bytes === undefined || bytes.length * 8 !== bits) return undefined;
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Whether XML 1.0 can hold it (2.2, Char). */
function isXmlCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x09 || code === 0x0a || code === 0x0d;
  return code !== 0xfffe && code !== 0xffff && !(code >= 0xd800 && code <= 0xdfff);
}

/** Text in XML: what it cannot hold becomes `?`. */
export const xmlText = (text: string): string =>
  Array.from(text, (character) =>
    isXmlCharacter(character.codePointAt(0)!) ? (entities[character] ?? character) : '?',
  ).join('');

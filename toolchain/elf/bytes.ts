import { ElfError } from './error.ts';

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** Throws `truncated` unless `size` bytes stand at file offset `offset`. */
export function requireRange(bytes: { readonly length: number }, offset: number, size: number, what: string): void {
  if (offset <= bytes.length && size <= bytes.length - offset) return;
  throw new ElfError(
    'truncated',
    `${what}: expected ${size} bytes at file offset ${hex(offset)}, but the file has ${bytes.length}`,
  );
}

/** A 64-bit file offset or size as a number; `too-large` from 2^53 on. */
export function readSafe(view: DataView, offset: number, what: string): number {
  const value = view.getBigUint64(offset, true);
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new ElfError('too-large', `${what} at file offset ${hex(offset)}: got ${hex(value)}, expected less than 2^53`);
}

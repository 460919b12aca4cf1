/** Numbers as the client shows them, and as it sends them. */
import { withoutTag } from '../source/words.ts';
import type { Debugger } from '../types.ts';
import { RequestError } from './errors.ts';

export const hex = (value: bigint): string => `0x${value.toString(16)}`;
const WORD = 64;
/** above, the decimal reading says less than the hexadecimal one */
const LARGEST_DECIMAL = 1n << 32n;
const LEAST_DECIMAL = -65_536n;
/** below it a number is taken for a number */
const SMALLEST_ADDRESS = 0x1000n;

/** `0x16 (22)`, `0xffffffffffffffea (-22)`, `0xffffffff81001234 <dup+0x4>` */
export function numberText(host: Debugger, value: bigint, bits = WORD): string {
  if (value < 10n) return `${value}`;
  const signed = BigInt.asIntN(bits, value);
  if (signed < 0n && signed > LEAST_DECIMAL) return `${hex(value)} (${signed})`;
  const symbol = bits === WORD && value >= SMALLEST_ADDRESS ? host.describe(value).symbol : '';
  if (symbol !== '') return `${hex(value)} <${withoutTag(symbol)}>`;
  return value < LARGEST_DECIMAL ? `${hex(value)} (${value})` : hex(value);
}

/** What was shown, edited: without what stands behind the number. */
export const withoutRemark = (text: string): string => text.replace(/\s+(?:\(-?\d+\)|<.*>)\s*$/, '');

/** An address of 64 bits as `0x…` or decimal. @throws {RequestError} */
export function readAddress(text: string, offset = 0): bigint {
  if (!/^\s*(?:0x[0-9a-f]{1,16}|\d{1,20})\s*$/i.test(text)) {
    throw new RequestError(`got ${JSON.stringify(text.slice(0, 60))}, expected an address, as 0xffffffff81000000`);
  }
  const address = BigInt(text.trim()) + BigInt(offset);
  if (address >= 0n && address < 1n << 64n) return address;
  throw new RequestError(
    `got an address of ${hex(BigInt.asUintN(64, address))}${offset === 0 ? '' : ` with offset ${offset}`}, expected 64 bits`,
  );
}

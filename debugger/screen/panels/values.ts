/** What a 64-bit value may mean: a place with a name, or a text that it points to. */
import type { Debugger } from '../../types.ts';
import { withoutTag } from './panel.ts';
import { span, type Line } from '../style.ts';
import { printable } from '../../../lib/printable.ts';

const LONGEST_STRING = 40;
const SHORTEST_STRING = 3;
/** below it a number is taken for a number */
const SMALLEST_ADDRESS = 0x1000n;
const PAGE = 0x1000n;

/** The text at an address, if it begins with enough characters and ends with NUL (or is long). */
function stringAt(session: Debugger, address: bigint): string | undefined {
  const rest = Number(PAGE - (address & (PAGE - 1n)));
  const bytes =
    session.readMemory(address, LONGEST_STRING) ?? session.readMemory(address, Math.min(rest, LONGEST_STRING));
  if (bytes === undefined) return undefined;
  const end = bytes.findIndex((byte) => byte !== 9 && byte !== 10 && (byte < 0x20 || byte >= 0x7f));
  const length = end < 0 ? bytes.length : end;
  if (length < SHORTEST_STRING || (end >= 0 && bytes[end] !== 0)) return undefined;
  const text = String.fromCharCode(...bytes.subarray(0, length))
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t');
  return `"${printable(text)}${end < 0 ? '…' : ''}"`;
}

/** `<main+0x4>`, `"./userapp"` or nothing. */
export function meaningOf(session: Debugger, value: bigint): Line {
  if (value < SMALLEST_ADDRESS) return [];
  const { symbol, space } = session.describe(value);
  if (symbol !== '') return [span(`<${withoutTag(printable(symbol))}>`, space)];
  const text = stringAt(session, value);
  return text === undefined ? [] : [span(text, 'string')];
}

/** Names and numbers as a sentence shows them. */
import { registerNames } from '../state.ts';
import type { Location } from './node.ts';

const lowBytes = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const words = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const suffixes: Readonly<Record<number, string>> = { 8: 'b', 16: 'w', 32: 'd', 64: '' };
export const segmentNames: readonly string[] = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

const range = (low: number, width: number): string => `[${low + width - 1}:${low}]`;

/** `width` bits of a general register from bit `low`. */
export function registerName(index: number, low: number, width: number): string {
  const whole = registerNames[index] ?? `r${index}`;
  const suffix = suffixes[width];
  if (low === 8 && width === 8 && index < 4) return `${'acdb'[index]}h`;
  if (low !== 0 || suffix === undefined) return whole + range(low, width);
  if (index >= 8) return whole + suffix;
  if (width === 8) return lowBytes[index]!;
  return width === 64 ? whole : width === 32 ? `e${words[index]}` : words[index]!;
}

export const xmmName = (index: number, low: number, width: number): string =>
  low >= 128 ? `ymm${index}${range(low, width)}` : width === 128 ? `xmm${index}` : `xmm${index}${range(low, width)}`;

/** A place that needs no expression. */
export function placeName(at: Exclude<Location, { kind: 'memory' | 'msr' }>): string {
  switch (at.kind) {
    case 'register':
      return registerName(at.index, at.low, at.width);
    case 'xmm':
      return xmmName(at.index, at.low, at.width);
    case 'mmx':
      return at.width === 64 ? `mm${at.index}` : `mm${at.index}${range(at.low, at.width)}`;
    case 'flag':
      return at.name;
    case 'system':
      return at.name.toLowerCase();
    case 'segment':
      return segmentNames[at.index] ?? `segment ${at.index}`;
    case 'debug':
      return `dr${at.index}`;
    case 'x87':
      return `st${at.index}`;
    default:
      return at.kind;
  }
}

/** Decimal below ten. */
export const hex = (value: bigint): string => (value < 10n ? `${value}` : `0x${value.toString(16)}`);

/** 64-bit values a little below 2^64 as negative numbers. */
export function signedHex(value: bigint): string {
  const signed = BigInt.asIntN(64, value);
  return signed < 0n && signed >= -0x10000n ? `-${hex(-signed)}` : hex(value);
}

const vectorNames: Readonly<Record<number, string>> = {
  0: 'DE',
  1: 'DB',
  2: 'NMI',
  3: 'BP',
  4: 'OF',
  5: 'BR',
  6: 'UD',
  7: 'NM',
  8: 'DF',
  10: 'TS',
  11: 'NP',
  12: 'SS',
  13: 'GP',
  14: 'PF',
  16: 'MF',
  17: 'AC',
  19: 'XM',
};
/** `#GP`; a vector without an exception by its number. */
export const vectorName = (vector: number): string =>
  vectorNames[vector] === undefined ? `vector ${vector}` : `#${vectorNames[vector]}`;

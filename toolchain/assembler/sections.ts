/** The output while it is written: sections made of fragments, and the fixups that wait for final addresses. */
import type { Expression } from './expressions.ts';
import type { SourceFile } from './error.ts';
import type { Token } from './lexer.ts';

/** Where in which source something stands, for errors found after the statement was read. */
export interface Origin {
  readonly file: SourceFile;
  readonly token: Token;
}

/** What follows a fragment's fixed bytes, with a size that layout decides. */
export type Tail =
  | {
      kind: 'branch';
      target: Expression;
      short: readonly number[];
      long: readonly number[];
      wide: boolean;
      origin: Origin;
    }
  | { kind: 'align'; alignment: number; fill: number | undefined; maximum: number }
  | { kind: 'fill'; count: Expression; unit: number; value: bigint; origin: Origin };

/** `start` and `end` bound the fixed bytes in the section's buffer; `offset` and `tailSize` are layout's. */
export interface Fragment {
  readonly start: number;
  end: number;
  tail: Tail | undefined;
  /** bytes from the start of the section */
  offset: number;
  tailSize: number;
  index: number;
  /** how many alignments stand before it */
  region: number;
}

export type FixupKind =
  /** two's complement, sign-extended by the processor */
  | 'signed'
  /** signed or unsigned, both fit */
  | 'either'
  /** relative to the end of the instruction */
  | 'relative';

export interface Fixup {
  readonly fragment: Fragment;
  /** from the section buffer's start */
  readonly at: number;
  /** bytes */
  readonly size: 1 | 2 | 4 | 8;
  readonly kind: FixupKind;
  /** where the instruction ends, from the section buffer's start; for `relative` */
  readonly end: number;
  readonly expression: Expression;
  readonly origin: Origin;
}

export interface SourceLine {
  readonly fragment: Fragment;
  readonly at: number;
  readonly file: string;
  readonly line: number;
}

export interface SectionBuilder {
  readonly name: string;
  readonly code: boolean;
  bytes: Uint8Array;
  length: number;
  readonly fragments: Fragment[];
  current: Fragment;
  readonly fixups: Fixup[];
  readonly lines: SourceLine[];
  /** largest alignment asked for, bytes */
  alignment: number;
  address: bigint;
  /** bytes, after layout */
  size: number;
}

/** 16 MiB: the most that one assembly may put out, all sections together. */
export const MAX_OUTPUT = 16 * 1024 * 1024;

const newFragment = (start: number): Fragment => ({
  start,
  end: start,
  tail: undefined,
  offset: 0,
  tailSize: 0,
  index: 0,
  region: 0,
});

export function newSection(name: string, code: boolean): SectionBuilder {
  const first = newFragment(0);
  return {
    name,
    code,
    bytes: new Uint8Array(256),
    length: 0,
    fragments: [first],
    current: first,
    fixups: [],
    lines: [],
    alignment: 1,
    address: 0n,
    size: 0,
  };
}

/** Makes room for `count` more bytes and returns where they start. The caller has checked MAX_OUTPUT. */
export function reserve(section: SectionBuilder, count: number): number {
  const at = section.length;
  const needed = at + count;
  if (needed > section.bytes.length) {
    const larger = new Uint8Array(Math.max(needed, section.bytes.length * 2));
    larger.set(section.bytes);
    section.bytes = larger;
  }
  section.length = needed;
  section.current.end = needed;
  return at;
}

/** Ends the current fragment with a tail. */
export function endFragment(section: SectionBuilder, tail: Tail): void {
  section.current.tail = tail;
  section.current = newFragment(section.length);
  section.fragments.push(section.current);
}

/** `size` bytes of `value`, little-endian. */
export function writeInteger(bytes: Uint8Array, at: number, size: number, value: bigint): void {
  if (size <= 4) {
    let rest = Number(BigInt.asIntN(32, value));
    for (let i = 0; i < size; i++) {
      bytes[at + i] = rest;
      rest >>= 8;
    }
    return;
  }
  let rest = BigInt.asUintN(size * 8, value);
  for (let i = 0; i < size; i++) {
    bytes[at + i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/** Does `value`, signed 64 bits, fit a field of so many bits? */
export function fits(value: bigint, bits: number, kind: FixupKind): boolean {
  if (bits >= 64) return true;
  const half = 1n << BigInt(bits - 1);
  return value >= -half && value < (kind === 'either' ? half * 2n : half);
}

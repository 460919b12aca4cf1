/** Fragments to addresses: branches grow until all reach, then alignments, fills and fixups get their bytes. */
import { errorAt, type AssemblerError, type SourceFile } from './error.ts';
import { asPlace, evaluate, type Expression, type Place } from './expressions.ts';
import {
  fits,
  MAX_OUTPUT,
  writeInteger,
  type Fixup,
  type Fragment,
  type Origin,
  type SectionBuilder,
  type Tail,
} from './sections.ts';

/** After this many passes every branch that is still short becomes long. */
const RELAXATION_PASSES = 64;
/** Fills whose size depends on what they move have no solution; they stop here. */
const MAX_PASSES = 96;

const originError = ({ file, token }: Origin, message: string): AssemblerError =>
  errorAt(file, token.at, token.text, message);

/** The value of an expression in this pass, or an error at its origin. */
export function valueOf(e: Expression, stamp: number, origin: Origin): bigint {
  const value = evaluate(e, stamp);
  if (value === 'cycle')
    throw originError(origin, 'symbols are defined by each other in a cycle, or in a chain of more than 1000');
  if (value === 'division by zero') throw originError(origin, 'division by zero');
  return value;
}

/** Multi-byte nops of 1-11 bytes: Intel's manual, volume 2, NOP, with operand-size prefixes before the longest. */
const nops: readonly (readonly number[])[] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

function writeNops(bytes: Uint8Array, from: number, count: number): void {
  let at = from;
  while (at < from + count) {
    const nop = nops[Math.min(nops.length, from + count - at) - 1]!;
    bytes.set(nop, at);
    at += nop.length;
  }
}

const fixedSize = (fragment: Fragment): number => fragment.end - fragment.start;

interface LayoutState {
  readonly file: SourceFile;
  readonly sections: readonly SectionBuilder[];
  readonly bases: ReadonlyMap<string, bigint>;
  /** targets of branches that may stay short, by tail */
  readonly targets: ReadonlyMap<Tail, Place | undefined>;
  stamp: number;
}

function tailSize(tail: Tail, address: number, stamp: number): number {
  switch (tail.kind) {
    case 'branch':
      return tail.wide ? tail.long.length + 4 : tail.short.length + 1;
    case 'align': {
      const padding = (tail.alignment - (address % tail.alignment)) % tail.alignment;
      return padding > tail.maximum ? 0 : padding;
    }
    case 'fill': {
      const count = valueOf(tail.count, stamp, tail.origin);
      const size = count * BigInt(tail.unit);
      // the distance may be negative only while branches still grow
      if (count < 0n) return 0;
      if (size > BigInt(MAX_OUTPUT))
        throw originError(tail.origin, `fill of ${size} bytes: the output may have ${MAX_OUTPUT}`);
      return Number(size);
    }
  }
}

/** Gives every section its address; true if one moved. */
function placeSections({ file, sections, bases }: LayoutState): boolean {
  let moved = false;
  let next = 0n;
  let total = 0;
  for (const section of sections) {
    const alignment = BigInt(section.alignment);
    const address = bases.get(section.name) ?? ((next + alignment - 1n) / alignment) * alignment;
    if (address !== section.address) moved = true;
    section.address = address;
    total += section.size;
    next = address + BigInt(section.size);
  }
  if (total > MAX_OUTPUT) throw errorAt(file, 0, '', `the output has ${total} bytes, more than ${MAX_OUTPUT}`);
  return moved;
}

/**
 * One pass over a section, in GAS's order of events: a branch sees the moves of what stands before it, and expects what
 * stands after it, up to the next alignment, to have moved as far. True if anything moved.
 */
function relax(section: SectionBuilder, { targets, stamp }: LayoutState): boolean {
  const all = stamp >= RELAXATION_PASSES;
  // alignments are at most 2^20
  const low = Number(BigInt.asUintN(20, section.address));
  let moved = false;
  let stretch = 0;
  for (const fragment of section.fragments) {
    const { tail } = fragment;
    fragment.offset += stretch;
    if (tail === undefined) continue;
    const at = fragment.offset + fixedSize(fragment);
    if (tail.kind === 'branch' && !tail.wide)
      tail.wide = all || !reaches(fragment, at + tail.short.length + 1, targets.get(tail), stretch);
    const size = tailSize(tail, low + at, stamp);
    if (size !== fragment.tailSize) {
      moved = true;
      stretch += size - fragment.tailSize;
      fragment.tailSize = size;
    }
  }
  const last = section.fragments.at(-1)!;
  section.size = last.offset + fixedSize(last);
  return moved;
}

function reaches(fragment: Fragment, from: number, target: Place | undefined, stretch: number): boolean {
  if (target === undefined) return false;
  let to = BigInt(target.fragment.offset) + target.offset;
  if (target.fragment.index > fragment.index && stretch !== 0) {
    if (stretch < 0 || target.fragment.region === fragment.region) to += BigInt(stretch);
    // the target has not moved yet: whether it is reached, the next pass tells
    else if (to < BigInt(from)) return true;
  }
  const distance = to - BigInt(from);
  return distance >= -128n && distance <= 127n;
}

/** Offsets with every branch short: where relaxation starts. */
function placeFragments({ sections, targets, stamp }: LayoutState): void {
  for (const section of sections) {
    let offset = 0;
    let region = 0;
    section.fragments.forEach((fragment, index) => {
      const { tail } = fragment;
      fragment.index = index;
      fragment.region = region;
      fragment.offset = offset;
      offset += fixedSize(fragment);
      if (tail === undefined) return;
      if (tail.kind === 'align') region++;
      if (tail.kind === 'branch') tail.wide = targets.get(tail) === undefined;
      // what depends on addresses follows in the first pass
      fragment.tailSize = tail.kind === 'fill' && tail.count.kind !== 'constant' ? 0 : tailSize(tail, offset, stamp);
      offset += fragment.tailSize;
    });
    section.size = offset;
  }
}

function settle(state: LayoutState): void {
  placeFragments(state);
  placeSections(state);
  for (let pass = 1; pass <= MAX_PASSES; pass++) {
    state.stamp = pass;
    let moved = false;
    for (const section of state.sections) if (relax(section, state)) moved = true;
    if (placeSections(state)) moved = true;
    if (!moved) return;
  }
  throw errorAt(state.file, 0, '', `sizes do not settle in ${MAX_PASSES} passes: a fill depends on what it moves`);
}

function checkOverlaps({ file, sections }: LayoutState): void {
  const filled = sections.filter(({ size }) => size > 0).toSorted((a, b) => (a.address < b.address ? -1 : 1));
  filled.forEach((section, n) => {
    const end = section.address + BigInt(section.size);
    const next = filled[n + 1];
    if (next !== undefined && end > next.address) {
      throw errorAt(
        file,
        0,
        '',
        `section ${section.name} ends at ${hex(end)}, after the start of ${next.name} at ${hex(next.address)}`,
      );
    }
    if (end > 1n << 64n)
      throw errorAt(
        file,
        0,
        '',
        `section ${section.name} at ${hex(section.address)} passes the end of the address space`,
      );
  });
}

const hex = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16)}`;

function writeTail(
  section: SectionBuilder,
  bytes: Uint8Array,
  fragment: Fragment,
  state: LayoutState,
  padding: 'nop' | 'int3',
): void {
  const { tail, tailSize: size } = fragment;
  if (tail === undefined) return;
  const at = fragment.offset + fixedSize(fragment);
  if (tail.kind === 'align') {
    if (tail.fill !== undefined) bytes.fill(tail.fill, at, at + size);
    else if (section.code && padding === 'int3') bytes.fill(0xcc, at, at + size);
    else if (section.code) writeNops(bytes, at, size);
  } else if (tail.kind === 'fill') {
    const count = valueOf(tail.count, state.stamp, tail.origin);
    if (count < 0n) throw originError(tail.origin, `a fill of ${count} units: expected 0 or more`);
    if (tail.value !== 0n) for (let i = 0; i < size; i += tail.unit) writeInteger(bytes, at + i, tail.unit, tail.value);
  } else {
    const opcode = tail.wide ? tail.long : tail.short;
    bytes.set(opcode, at);
    const field = size - opcode.length;
    const target = valueOf(tail.target, state.stamp, tail.origin);
    const distance = BigInt.asIntN(64, target - (section.address + BigInt(at + size)));
    if (!fits(distance, field * 8, 'signed')) throw tooFar(tail.origin, target, distance, 32);
    writeInteger(bytes, at + opcode.length, field, distance);
  }
}

const tooFar = (origin: Origin, target: bigint, distance: bigint, bits: number): AssemblerError =>
  originError(origin, `${hex(target)} is ${distance} bytes away: expected a distance that fits ${bits} signed bits`);

function applyFixup(section: SectionBuilder, bytes: Uint8Array, fixup: Fixup, stamp: number): void {
  const { fragment, size, kind, origin } = fixup;
  const value = valueOf(fixup.expression, stamp, origin);
  const at = fragment.offset + fixup.at - fragment.start;
  const end = BigInt(fragment.offset + fixup.end - fragment.start);
  const written = kind === 'relative' ? BigInt.asIntN(64, value - (section.address + end)) : value;
  if (!fits(written, size * 8, kind)) {
    if (kind === 'relative') throw tooFar(origin, value, written, size * 8);
    const range = kind === 'signed' ? `${size * 8} signed bits` : `${size * 8} bits`;
    throw originError(origin, `value ${hex(value)} out of range: expected ${range}`);
  }
  writeInteger(bytes, at, size, written);
}

/** Addresses are settled: each section's bytes, and the pass whose addresses stand. */
export interface Layout {
  readonly contents: ReadonlyMap<SectionBuilder, Uint8Array>;
  readonly stamp: number;
}

/**
 * Places the sections (those without a base follow the one before) and fills every fixup in. Errors: overlapping
 * sections, values and distances that do not fit, more than 16 MiB.
 */
export function layOut(
  file: SourceFile,
  sections: readonly SectionBuilder[],
  bases: ReadonlyMap<string, bigint>,
  padding: 'nop' | 'int3',
): Layout {
  const targets = new Map<Tail, Place | undefined>();
  for (const section of sections) {
    for (const { tail } of section.fragments) {
      if (tail?.kind !== 'branch') continue;
      const target = asPlace(tail.target);
      targets.set(tail, target?.section === section ? target : undefined);
    }
  }
  const state: LayoutState = { file, sections, bases, targets, stamp: 0 };
  settle(state);
  checkOverlaps(state);
  const contents = new Map<SectionBuilder, Uint8Array>();
  for (const section of sections) {
    const bytes = new Uint8Array(section.size);
    for (const fragment of section.fragments) {
      bytes.set(section.bytes.subarray(fragment.start, fragment.end), fragment.offset);
      writeTail(section, bytes, fragment, state, padding);
    }
    for (const fixup of section.fixups) applyFixup(section, bytes, fixup, state.stamp);
    contents.set(section, bytes);
  }
  return { contents, stamp: state.stamp };
}

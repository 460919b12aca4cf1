/** The x87: control and status words, the environment and the whole state. */
import type { Algebra, Semantics } from '../algebra.ts';
import { loadControl } from '../fxsave.ts';
import type { Instruction, MemoryOperand } from '../instruction.ts';
import { INITIAL_FCW } from '../x87.ts';
import { extendedOf } from './x87-common.ts';

const ALL_MASKED = 0x3fn;

// WAIT, FWAIT: CR0.TS counts only with CR0.MP, CR0.EM does not
const CR0_MP_TS = 0xan;
const NM = 7;
const MF = 16;
export const fwait: Semantics = (a) => {
  const both = a.constant(CR0_MP_TS);
  a.when(a.equal(a.and(a.readSystem('cr0'), both), both), () => a.raise(NM));
  a.when(a.bit(a.readSystem('fsw'), 7), () => a.raise(MF));
};

function initialize<V, C, X>(a: Algebra<V, C, X>): void {
  a.writeSystem('fcw', a.constant(INITIAL_FCW));
  for (const name of ['fsw', 'ftw', 'fop', 'fip', 'fdp', 'fcs', 'fds'] as const) a.writeSystem(name, a.constant(0n));
}

// FNINIT: the registers keep their contents, as empty ones
export const fninit: Semantics = (a) => {
  a.beginX87(false);
  initialize(a);
};

// FNCLEX: flags, SF, ES and B
export const fnclex: Semantics = (a) => {
  a.beginX87(false);
  a.writeSystem('fsw', a.and(a.readSystem('fsw'), a.constant(0x7f00n)));
};

// FLDCW: may unmask what has been raised
export const fldcw: Semantics = (a, i) => {
  a.beginX87(true);
  loadControl(a, a.read(i.operands[0]!), a.readSystem('fsw'));
};

// FNSTCW, FNSTSW
export const fnstcw: Semantics = (a, i) => {
  a.beginX87(false);
  a.write(i.operands[0]!, a.readSystem('fcw'));
};
export const fnstsw: Semantics = (a, i) => {
  a.beginX87(false);
  a.write(i.operands[0]!, a.readSystem('fsw'));
};

/** Where st(n) stands in the tag word, in bits. */
function tagPosition<V, C, X>(a: Algebra<V, C, X>, n: number): V {
  const top = a.shr(a.readSystem('fsw'), a.constant(11n), 64);
  const physical = a.and(a.add(top, a.constant(BigInt(n)), 64), a.constant(7n));
  return a.shl(physical, a.constant(1n), 64);
}

/** Two bits a physical register: 0 valid, 1 zero, 2 special, 3 empty. */
function tagWord<V, C, X>(a: Algebra<V, C, X>): V {
  let word = a.constant(0n);
  for (let n = 0; n < 8; n++) {
    const value = a.readX87(n);
    const exponent = a.and(a.lane(value, 16, 4), a.constant(0x7fffn));
    const significand = a.lane(value, 64, 0);
    const extreme = a.either(a.isZero(exponent), a.equal(exponent, a.constant(0x7fffn)));
    const special = a.either(extreme, a.negate(a.bit(significand, 63)));
    const isZero = a.both(a.isZero(exponent), a.isZero(significand));
    const inUse = a.select(isZero, a.constant(1n), a.select(special, a.constant(2n), a.constant(0n)));
    const tag = a.select(a.isEmptyX87(n), a.constant(3n), inUse);
    word = a.or(word, a.shl(tag, tagPosition(a, n), 64));
  }
  return word;
}

/** The inverse, as far as `Slot.ftw` tells. */
function inUseOf<V, C, X>(a: Algebra<V, C, X>, tags: V): V {
  let inUse = a.constant(0n);
  for (let n = 0; n < 8; n++) {
    const empty = a.both(a.bit(tags, 2 * n), a.bit(tags, 2 * n + 1));
    inUse = a.or(inUse, a.select(empty, a.constant(0n), a.constant(1n << BigInt(n))));
  }
  return inUse;
}

/**
 * The environment has seven fields: FCW, FSW, FTW, FIP, FCS and FOP, FDP, FDS. With a 66 prefix they have 16 bits, without
 * FOP; else 32, where the reserved upper halves are stored as ones.
 */
const fieldWidth = (i: Instruction): 16 | 32 => (i.width === 16 ? 16 : 32);
const FIELDS = 7;
const sizeOf = (i: Instruction): bigint => BigInt((FIELDS * fieldWidth(i)) / 8);

function environment<V, C, X>(a: Algebra<V, C, X>, i: Instruction): V[] {
  const wide = fieldWidth(i) === 32;
  const reserved = (value: V): V => (wide ? a.or(value, a.constant(0xffff_0000n)) : value);
  return [
    reserved(a.readSystem('fcw')),
    reserved(a.readSystem('fsw')),
    reserved(tagWord(a)),
    a.readSystem('fip'),
    wide ? a.or(a.readSystem('fcs'), a.shl(a.readSystem('fop'), a.constant(16n), 64)) : a.readSystem('fcs'),
    a.readSystem('fdp'),
    reserved(a.readSystem('fds')),
  ].map((value) => a.truncate(value, fieldWidth(i)));
}

function fieldAddress<V, C, X>(a: Algebra<V, C, X>, i: Instruction, n: number): V {
  const start = a.linearAddress(i.operands[0] as MemoryOperand);
  return a.add(start, a.constant(BigInt((n * fieldWidth(i)) / 8)), 64);
}

function storeEnvironment<V, C, X>(a: Algebra<V, C, X>, i: Instruction): void {
  environment(a, i).forEach((value, n) => a.store(fieldAddress(a, i, n), fieldWidth(i), value));
}

/** Processors look at the first field and then at the last byte, before all others. */
function probeArea<V, C, X>(a: Algebra<V, C, X>, i: Instruction, end: V): void {
  a.probeStore(fieldAddress(a, i, 0), fieldWidth(i));
  a.probeStore(a.sub(end, a.constant(1n), 64), 8);
}

/** The same of what is read. */
function loadEnvironment<V, C, X>(a: Algebra<V, C, X>, i: Instruction, end: V): readonly V[] {
  a.load(fieldAddress(a, i, 0), fieldWidth(i));
  a.load(a.sub(end, a.constant(1n), 64), 8);
  return Array.from({ length: FIELDS }, (_, n) => a.load(fieldAddress(a, i, n), fieldWidth(i)));
}

function applyEnvironment<V, C, X>(a: Algebra<V, C, X>, i: Instruction, fields: readonly V[]): void {
  const [fcw, fsw, ftw, fip, opcode, fdp, fds] = fields as [V, V, V, V, V, V, V];
  loadControl(a, fcw, fsw);
  a.writeSystem('ftw', inUseOf(a, ftw));
  a.writeSystem('fip', fip);
  a.writeSystem('fdp', fdp);
  a.writeSystem('fcs', a.truncate(opcode, 16));
  a.writeSystem('fds', a.truncate(fds, 16));
  // 16-bit environments have no opcode
  const wide = fieldWidth(i) === 32;
  a.writeSystem('fop', wide ? a.and(a.shr(opcode, a.constant(16n), 64), a.constant(0x7ffn)) : a.constant(0n));
}

// FNSTENV: then masks everything
export const fnstenv: Semantics = (a, i) => {
  a.beginX87(false);
  probeArea(a, i, registerAddress(a, i, 0));
  for (let n = 0; n < FIELDS; n++) a.probeStore(fieldAddress(a, i, n), fieldWidth(i));
  storeEnvironment(a, i);
  loadControl(a, a.or(a.readSystem('fcw'), a.constant(ALL_MASKED)), a.readSystem('fsw'));
};

// FLDENV
export const fldenv: Semantics = (a, i) => {
  a.beginX87(true);
  applyEnvironment(a, i, loadEnvironment(a, i, registerAddress(a, i, 0)));
};

/** Where st(n) stands behind an environment. */
function registerAddress<V, C, X>(a: Algebra<V, C, X>, i: Instruction, n: number): V {
  const start = a.linearAddress(i.operands[0] as MemoryOperand);
  return a.add(start, a.constant(sizeOf(i) + BigInt(n * 10)), 64);
}
const registers = Array.from({ length: 8 }, (_, n) => n);

/** A register of an image lies at a multiple of two bytes, and with alignment checks that is enough for it. */
const places = [0, 1, 2, 3, 4] as const;
const placeOf = <V, C, X>(a: Algebra<V, C, X>, linear: V, n: number): V => a.add(linear, a.constant(BigInt(n * 2)), 64);

function loadImage<V, C, X>(a: Algebra<V, C, X>, linear: V): X {
  const [first, second, third, fourth, last] = places.map((n) => a.load(placeOf(a, linear, n), 16)) as [V, V, V, V, V];
  const low = a.or(first, a.shl(second, a.constant(16n), 64));
  const high = a.or(a.shl(third, a.constant(32n), 64), a.shl(fourth, a.constant(48n), 64));
  return extendedOf(a, a.or(low, high), last);
}

function storeImage<V, C, X>(a: Algebra<V, C, X>, linear: V, value: X): void {
  for (const n of places) a.store(placeOf(a, linear, n), 16, a.lane(value, 16, n));
}

// FNSAVE: then as FNINIT
export const fnsave: Semantics = (a, i) => {
  a.beginX87(false);
  probeArea(a, i, registerAddress(a, i, 8));
  for (let n = 0; n < FIELDS; n++) a.probeStore(fieldAddress(a, i, n), fieldWidth(i));
  for (const n of registers) for (const m of places) a.probeStore(placeOf(a, registerAddress(a, i, n), m), 16);
  storeEnvironment(a, i);
  for (const n of registers) storeImage(a, registerAddress(a, i, n), a.readX87(n));
  initialize(a);
};

// FRSTOR
export const frstor: Semantics = (a, i) => {
  a.beginX87(true);
  const fields = loadEnvironment(a, i, registerAddress(a, i, 8));
  const values = registers.map((n) => loadImage(a, registerAddress(a, i, n)));
  loadControl(a, fields[0]!, fields[1]!);
  for (const n of registers) a.writeX87(n, values[n]!);
  applyEnvironment(a, i, fields);
};

/**
 * The algebra in which each instruction is defined, once. A *reading* is an implementation of it: `evaluate.ts`
 * computes (the interpreter); a translator emits; an explainer writes sentences.
 *
 * `V` is a 64-bit value, always zero-extended from the width an operation names. `C` is a condition. `X` is a 128-bit
 * vector. What depends on the instruction alone (widths, operand kinds, prefixes) is decided by ordinary TypeScript in
 * the definitions; what depends on machine state goes through the algebra, `select` and `when` included.
 *
 * Ordering rule, which keeps faults precise: a definition performs everything that can fault (loads, then stores)
 * before it writes a register or a flag.
 */
import type { Instruction, MemoryOperand, Operand, Width } from './instruction.ts';

export type FlagName = 'CF' | 'PF' | 'AF' | 'ZF' | 'SF' | 'OF';

/** How the six arithmetic flags follow from an operation: a row of `flags.ts`. */
export type FlagsKind = 'add' | 'sub' | 'logic' | 'inc' | 'dec' | 'shl' | 'shr' | 'sar';

/** Lane-wise operations on two vectors; comparisons give all-ones or all-zeros lanes. */
export type VectorOperation =
  | 'add'
  | 'sub'
  | 'mulLow'
  | 'mulHighSigned'
  | 'mulHighUnsigned'
  | 'addSaturateSigned'
  | 'addSaturateUnsigned'
  | 'subSaturateSigned'
  | 'subSaturateUnsigned'
  | 'and'
  | 'or'
  | 'xor'
  | 'andNot'
  | 'equal'
  | 'greaterSigned'
  | 'minSigned'
  | 'minUnsigned'
  | 'maxSigned'
  | 'maxUnsigned'
  | 'averageUnsigned'
  /** 64-bit products of the even 32-bit lanes, unsigned (`lane` 64) */
  | 'mulEvenUnsigned'
  /** signed lanes narrowed to half their width with saturation, those of `left` first (`lane` is the wider one) */
  | 'packSigned'
  | 'packUnsigned'
  /** sums of neighbouring products of signed 16-bit lanes (`lane` 16) */
  | 'mulAddPairs'
  /** in each half, the sum of the absolute differences of its unsigned bytes (`lane` 8) */
  | 'sumDifferences';

/** Lane-wise shifts by one count for all lanes; a count of the lane's width or more gives zeros (or signs). */
export type VectorShift = 'shl' | 'shr' | 'sar';

/** IEEE operations on bit patterns. `min`/`max` return the second operand when either is a NaN or both are zero (Intel). */
export type FloatOperation = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

/** What `compareFloat` found: exactly one is true. */
export interface FloatOrder<C> {
  readonly unordered: C;
  readonly less: C;
  readonly equal: C;
}

/** The registers that have one value and no width: read and written whole. */
export type SystemRegister =
  | 'fsBase'
  | 'gsBase'
  | 'kernelGsBase'
  | 'cr0'
  | 'cr2'
  | 'cr3'
  | 'cr4'
  | 'cr8'
  | 'efer'
  | 'star'
  | 'lstar'
  | 'cstar'
  | 'sfmask'
  | 'gdtrBase'
  | 'gdtrLimit'
  | 'idtrBase'
  | 'idtrLimit'
  | 'mxcsr'
  | 'tscAux';

export interface Algebra<V, C, X> {
  constant(value: bigint): V;

  // operands
  /** The operand's value: registers and memory at the operand's width, immediates whole. */
  read(operand: Operand): V;
  /** The same of an operand that the instruction writes back: memory faults as a store does. */
  readForWrite(operand: Operand): V;
  /** Writes a register (a 32-bit write zero-extends, 8 and 16 bits merge) or stores to memory. */
  write(operand: Operand, value: V): void;
  readRegister(index: number, width: Width): V;
  writeRegister(index: number, width: Width, value: V): void;
  /** Effective address without the segment base, modulo the address size: what lea gives. */
  effectiveAddress(operand: MemoryOperand): V;
  /** Linear address: with the segment base. */
  linearAddress(operand: MemoryOperand): V;
  load(linear: V, width: Width): V;
  store(linear: V, width: Width, value: V): void;
  /** Faults as a store of `width` bits would, and changes nothing. */
  probeStore(linear: V, width: Width): void;
  /** The address of the next instruction; to be asked before any `jump`. */
  nextRip(): V;

  // arithmetic, modulo 2^width
  add(left: V, right: V, width: Width): V;
  sub(left: V, right: V, width: Width): V;
  multiply(left: V, right: V, width: Width): V;
  /** The upper `width` bits of the double-width product. */
  multiplyHigh(left: V, right: V, width: Width, signed: boolean): V;
  /** high:low / divisor; raises #DE on zero and on a quotient that does not fit. */
  divide(high: V, low: V, divisor: V, width: Width, signed: boolean): { readonly quotient: V; readonly remainder: V };
  and(left: V, right: V): V;
  or(left: V, right: V): V;
  xor(left: V, right: V): V;
  not(value: V, width: Width): V;
  /** Shifts take any count; at the width or above they give 0 (`shr`, `shl`) or copies of the sign (`sar`). */
  shl(value: V, count: V, width: Width): V;
  shr(value: V, count: V, width: Width): V;
  sar(value: V, count: V, width: Width): V;
  /** From `from` bits to 64, then truncated to `to`. */
  signExtend(value: V, from: Width, to: Width): V;
  truncate(value: V, width: Width): V;
  popcount(value: V): V;
  /** Trailing (leading) zeros of `width` bits; `width` for 0. */
  trailingZeros(value: V, width: Width): V;
  leadingZeros(value: V, width: Width): V;
  byteSwap(value: V, width: Width): V;

  // conditions
  always: C;
  never: C;
  isZero(value: V): C;
  equal(left: V, right: V): C;
  lessUnsigned(left: V, right: V): C;
  lessSigned(left: V, right: V, width: Width): C;
  /** Bit `index` (0 = least significant) of `value`. */
  bit(value: V, index: number): C;
  both(left: C, right: C): C;
  either(left: C, right: C): C;
  differ(left: C, right: C): C;
  negate(condition: C): C;
  /** 1 or 0. */
  toValue(condition: C): V;
  select(condition: C, yes: V, no: V): V;
  when(condition: C, yes: () => void, no?: () => void): void;

  // flags
  /** All six arithmetic flags, by the row `kind` of `flags.ts`; computed when read. */
  setFlags(kind: FlagsKind, width: Width, left: V, right: V, result: V): void;
  setFlag(name: FlagName, value: C): void;
  flag(name: FlagName): C;
  /** Condition code 0-15 in the encoding of Jcc. */
  conditionCode(code: number): C;
  /** rflags as a whole, and its non-arithmetic bits. */
  readRflags(): V;
  writeRflags(value: V): void;
  directionStep(width: Width): V;

  // control
  jump(target: V): void;
  /**
   * A rep-prefixed string instruction: runs `body` while the count register is not zero and, for `zf`, while ZF equals
   * it afterwards. Interruptible: after at most `REPEAT_CHUNK` iterations the same instruction is executed again.
   */
  repeat(addressWidth: 32 | 64, zf: boolean | undefined, body: () => void): void;
  raise(vector: number, errorCode?: number): void;
  /** #GP(0) unless CPL is 0. */
  requireKernel(): void;
  /** #UD unless CPL is 0. */
  requireKernelElseUndefined(): void;

  // system
  readSystem(register: SystemRegister): V;
  writeSystem(register: SystemRegister, value: V): void;
  readSegment(index: number): V;
  loadSegment(index: number, selector: V): void;
  loadTaskRegister(selector: V): void;
  readMsr(index: V): V;
  writeMsr(index: V, value: V): void;
  cpuid(leaf: V, subleaf: V): { readonly eax: V; readonly ebx: V; readonly ecx: V; readonly edx: V };
  /** Retired instructions of this CPU. */
  timestamp(): V;
  invalidatePage(linear: V): void;
  syscall(): void;
  sysret(): void;
  interruptReturn(): void;
  swapgs(): void;
  setInterruptFlag(value: boolean): void;
  halt(): void;
  /** int3 and int n: a trap through the IDT, with the gate's privilege checked. */
  softwareInterrupt(vector: number): void;
  /** The native-call trap: the host's function `id`, #UD outside kernel mode. */
  native(id: number): void;
  undefinedInstruction(): void;

  // vectors
  /** An XMM register, or 128 bits of memory; `aligned` raises #GP(0) unless 16-byte aligned. */
  readVector(operand: Operand, aligned: boolean): X;
  writeVector(operand: Operand, value: X, aligned: boolean): void;
  zeroVector(): X;
  vector(operation: VectorOperation, lane: Width, left: X, right: X): X;
  vectorShift(operation: VectorShift, lane: Width, value: X, count: V): X;
  /** The lane at `index`, zero-extended. */
  lane(value: X, lane: Width, index: number): V;
  withLane(value: X, lane: Width, index: number, part: V): X;
  /** Bytes picked from left (0-15) and right (16-31); -1 gives zero. */
  shuffleBytes(left: X, right: X, picks: readonly number[]): X;
  /** Bit n is the sign of lane n, other bits 0. */
  signMask(lane: Width, value: X): V;

  // floating point, on bit patterns of 32 or 64 bits, rounding by MXCSR; exceptions are collected
  float(operation: FloatOperation, width: 32 | 64, left: V, right: V): V;
  squareRoot(width: 32 | 64, value: V): V;
  compareFloat(width: 32 | 64, left: V, right: V, quiet: boolean): FloatOrder<C>;
  convertFloat(from: 32 | 64, to: 32 | 64, value: V): V;
  /** Out-of-range and NaN give the integer indefinite (1 << width - 1). */
  floatToInteger(from: 32 | 64, to: 32 | 64, value: V, truncate: boolean): V;
  integerToFloat(from: 32 | 64, to: 32 | 64, value: V): V;
  /**
   * Sets MXCSR's sticky flags from the operations since the instruction began and raises #XM for an unmasked one: after
   * the last of them, before the first write.
   */
  settleFloatExceptions(): void;
}

/** An instruction's meaning, in any reading. */
export type Semantics = <V, C, X>(algebra: Algebra<V, C, X>, instruction: Instruction) => void;

/** Iterations after which a rep-prefixed instruction gives way to interrupts. */
export const REPEAT_CHUNK = 4096;

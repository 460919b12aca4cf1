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
import type { Instruction, MemoryOperand, Operand, Width, XmmOperand } from './instruction.ts';

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
  | 'sumDifferences'
  /** bytes of `left` picked by the low four bits of those of `right`, zero where bit 7 is set (`lane` 8) */
  | 'shuffle'
  /** saturated sums of neighbouring products of unsigned bytes of `left` and signed bytes of `right` (`lane` 8) */
  | 'mulAddPairsUnsignedSigned'
  /** bits 15-30 of the signed product, rounded by bit 14 (`lane` 16) */
  | 'mulHighRounded'
  /** lanes of `left`, negated where `right` is negative and zero where it is zero */
  | 'applySign'
  /** 64-bit products of the even 32-bit lanes, signed (`lane` 64) */
  | 'mulEvenSigned'
  /** the smallest unsigned 16-bit lane of `left` in lane 0, its index in lane 1, zeros above (`lane` 16) */
  | 'minimumPosition'
  /** AES rounds of the state `left` with the round key `right`; FIPS 197, section 5 (`lane` 8) */
  | 'aesEncrypt'
  | 'aesEncryptLast'
  | 'aesDecrypt'
  | 'aesDecryptLast'
  /** InvMixColumns, and the key schedule's SubWord and RotWord of lanes 1 and 3, of `left` (`lane` 8) */
  | 'aesInverseMix'
  | 'aesKeyWords';

/** Steps of the SHA hashes on four 32-bit lanes, as the instructions of these names; FIPS 180-4. */
export type HashOperation =
  | 'sha1Rounds0'
  | 'sha1Rounds1'
  | 'sha1Rounds2'
  | 'sha1Rounds3'
  | 'sha1NextE'
  | 'sha1Message1'
  | 'sha1Message2'
  | 'sha256Rounds'
  | 'sha256Message1'
  | 'sha256Message2';

/** What LAR, LSL, VERR and VERW ask of a segment selector. */
export type SegmentQuestion = 'accessRights' | 'limit' | 'readable' | 'writable';

/** Lane-wise shifts by one count for all lanes; a count of the lane's width or more gives zeros (or signs). */
export type VectorShift = 'shl' | 'shr' | 'sar';

/** IEEE operations on bit patterns. `min`/`max` return the second operand when either is a NaN or both are zero (Intel). */
export type FloatOperation = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

/** Operations on 80-bit extended numbers; all but the first four ignore the precision control. */
export type ExtendedOperation =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  /** left * 2^trunc(right) */
  | 'scale'
  /** FPREM and FPREM1: collect C0 to C3 */
  | 'remainder'
  | 'remainderNearest'
  /** the angle of the point (left, right) */
  | 'atan'
  /** right * log2 left, right * log2(left + 1) */
  | 'log2'
  | 'log2p1';
export type ExtendedUnary =
  | 'sqrt'
  /** to an integer by the rounding control */
  | 'round'
  /** FXTRACT's two results */
  | 'exponent'
  | 'significand'
  /** collect C2: 1 for an angle out of range, which is the result then */
  | 'sin'
  | 'cos'
  | 'tan'
  /** 2^x - 1 */
  | 'exp2m1';

/** What becomes of an x87 instruction's result: see `settleX87`. */
export type X87Destination = 'register' | 'memory' | 'flags' | 'load';

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
  | 'fcw'
  | 'fsw'
  /** bit n is 1 where physical register n of the x87 is in use */
  | 'ftw'
  | 'fop'
  | 'fip'
  | 'fdp'
  | 'fcs'
  | 'fds'
  | 'tscAux'
  | 'trSelector'
  | 'xcr0';

/** What a repeated string instruction does to memory: copies from rsi to rdi, or fills from rdi with rAX; both without a segment's base. */
export interface Bulk {
  readonly kind: 'copy' | 'fill';
  readonly width: Width;
}

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
  /** What is loaded where the condition holds, else 0: then nothing is accessed. These two are never misaligned (no #AC). */
  loadWhere(condition: C, linear: V, width: Width): V;
  store(linear: V, width: Width, value: V): void;
  storeWhere(condition: C, linear: V, width: Width, value: V): void;
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
  /** The bits of `value` under the ones of `mask`, moved together at the low end; and the inverse. */
  extractBits(value: V, mask: V): V;
  depositBits(value: V, mask: V): V;
  /** CRC-32C (polynomial 11EDC6F41h, reflected) of `width` more bits. */
  crc32c(crc: V, value: V, width: Width): V;

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
   * it afterwards. Interruptible: after at most `REPEAT_CHUNK` iterations the same instruction is executed again. `bulk`
   * says what many iterations come to, for a reading that can do them at once.
   */
  repeat(addressWidth: 32 | 64, zf: boolean | undefined, body: () => void, bulk?: Bulk): void;
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
  /** IRET: five words of `width` bits. */
  interruptReturn(width: 16 | 32 | 64): void;
  /** CS, which must name a 64-bit code segment of the current privilege. */
  loadCodeSegment(selector: V): void;
  /** `valid` says that the selector can be asked about; `value` is 1 for `readable` and `writable`. */
  inspectSegment(question: SegmentQuestion, selector: V): { readonly valid: C; readonly value: V };
  /** DR0-DR3, DR6 and DR7 (4 and 5 are 6 and 7, or #UD with CR4.DE). */
  readDebug(index: number): V;
  writeDebug(index: number, value: V): void;
  /** 64 bits of the box's seed. */
  random(): V;
  swapgs(): void;
  setInterruptFlag(value: boolean): void;
  halt(): void;
  /** int3 and int n: a trap through the IDT; `checked`: the gate's privilege must admit the caller. */
  softwareInterrupt(vector: number, checked: boolean): void;
  /** The native-call trap: the host's function `id`, #UD outside kernel mode. */
  native(id: number): void;
  undefinedInstruction(): void;

  // vectors
  /** #UD where CR0.EM or the lack of CR4.OSFXSR forbids SSE, #NM where CR0.TS postpones it: see the attribute `sse`. */
  requireVectors(): void;
  /** An XMM register, or 128 bits of memory; `aligned` raises #GP(0) unless 16-byte aligned. */
  readVector(operand: Operand, aligned: boolean): X;
  writeVector(operand: Operand, value: X, aligned: boolean): void;
  /** #UD unless CR4.OSXSAVE and XCR0 turn AVX on, #NM where CR0.TS postpones it: before every VEX-encoded vector instruction. */
  requireWideVectors(): void;
  /** Bits 0-127 or 128-255 of a YMM register, or of 256 bits of memory at any address. */
  readHalf(operand: XmmOperand | MemoryOperand, half: 0 | 1): X;
  writeHalf(operand: XmmOperand | MemoryOperand, half: 0 | 1, value: X): void;
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
  /** The 127-bit product of polynomials over GF(2). */
  carrylessMultiply(left: V, right: V): X;
  hash(operation: HashOperation, first: X, second: X, third: X): X;
  /** PCMPxSTRx's IntRes2, bit n for element n of `right`; `control` is the immediate, lengths are 0 to 8 or 16. */
  compareStrings(control: number, left: X, leftLength: V, right: X, rightLength: V): V;

  // floating point, on bit patterns of 32 or 64 bits, rounding by MXCSR; exceptions are collected
  float(operation: FloatOperation, width: 32 | 64, left: V, right: V): V;
  /** `float` of every lane, for a reading that can do that at once. */
  floatLanes?(operation: FloatOperation, width: 32 | 64, left: X, right: X): X;
  squareRoot(width: 32 | 64, value: V): V;
  compareFloat(width: 32 | 64, left: V, right: V, quiet: boolean): FloatOrder<C>;
  convertFloat(from: 32 | 64, to: 32 | 64, value: V): V;
  /** Out-of-range and NaN give the integer indefinite (1 << width - 1). */
  floatToInteger(from: 32 | 64, to: 32 | 64, value: V, truncate: boolean): V;
  integerToFloat(from: 32 | 64, to: 32 | 64, value: V): V;
  /** To an integral value; `rounding` as in MXCSR.RC, which counts where it is undefined. PE is raised unless `quiet`. */
  roundFloat(width: 32 | 64, value: V, rounding: number | undefined, quiet: boolean): V;
  /** 1 / x and 1 / sqrt(x) of a single, to 12 bits; no exceptions. */
  approximate(operation: 'reciprocal' | 'reciprocalRoot', value: V): V;
  /**
   * Sets MXCSR's sticky flags from the operations since the instruction began and raises #XM for an unmasked one: after
   * the last of them, before the first write.
   */
  settleFloatExceptions(): void;

  // x87: 80-bit values are the low bits of a vector; exceptions, C1 and some condition bits are collected
  /** Begins an instruction: #NM by CR0.EM and CR0.TS and, if it `waits`, #MF for an exception that is pending. */
  beginX87(waits: boolean): void;
  /** Begins an instruction on MMX registers: #UD by CR0.EM, #NM by CR0.TS, #MF for an exception that is pending. */
  beginMmx(): void;
  /** Once nothing can fault any more: TOP is 0, and all registers of the x87 are in use, or none. */
  endMmx(inUse: boolean): void;
  /** st(index), in use or not. */
  readX87(index: number): X;
  /** It is in use then. */
  writeX87(index: number, value: X): void;
  freeX87(index: number): void;
  isEmptyX87(index: number): C;
  /** TOP += step. */
  rotateX87(step: 1 | -1): void;
  /** Where `fault`: collects IE and SF, for an overflow C1; every operation then gives the indefinite. */
  stackFaultX87(fault: C, overflow: boolean): void;
  /**
   * What has been collected to FSW, ES and B included; `flags` leaves C1 unless there was a stack fault. Whether the result
   * may be written and the stack popped: not with an unmasked IE, DE (but `load`) or ZE, nor with an unmasked OE or UE to
   * `memory`.
   */
  settleX87(destination: X87Destination): C;
  extended(operation: ExtendedOperation, left: X, right: X): X;
  extendedUnary(operation: ExtendedUnary, value: X): X;
  compareExtended(left: X, right: X, quiet: boolean): FloatOrder<C>;
  /** A signalling NaN stays one, for the operation to find, or `quiets`, raising IE. */
  extendedFromFloat(width: 32 | 64, value: V, quiets: boolean): X;
  extendedToFloat(width: 32 | 64, value: X): V;
  extendedFromInteger(width: 16 | 32 | 64, value: V): X;
  /** Out-of-range and NaN give the integer indefinite (1 << width - 1). */
  extendedToInteger(width: 16 | 32 | 64, value: X, truncate: boolean): V;
  /** Eighteen packed digits in bits 0-71, the sign in bit 79. */
  extendedFromDecimal(value: X): X;
  extendedToDecimal(value: X): X;
}

/** An instruction's meaning, in any reading. */
export type Semantics = <V, C, X>(algebra: Algebra<V, C, X>, instruction: Instruction) => void;

/** Iterations after which a rep-prefixed instruction gives way to interrupts. */
export const REPEAT_CHUNK = 4096;

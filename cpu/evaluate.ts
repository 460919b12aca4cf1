/**
 * The evaluating reading of the algebra: the interpreter. Values are unsigned 64-bit BigInts, vectors unsigned 128-bit
 * BigInts, conditions booleans. Operations mask their result once, at the width they name.
 */
import type {
  Algebra,
  ExtendedOperation,
  ExtendedUnary,
  FlagName,
  FlagsKind,
  FloatOperation,
  HashOperation,
  SegmentQuestion,
  SystemRegister,
  VectorOperation,
  VectorShift,
  X87Destination,
} from './algebra.ts';
import { REPEAT_CHUNK } from './algebra.ts';
import type { Cpu, Host } from './cpu.ts';
import { cpuidLeaf } from './cpuid.ts';
import { readDebug, writeDebug } from './debug-registers.ts';
import {
  inspectSegment,
  interruptReturn,
  loadCodeSegment,
  loadSegment,
  loadTaskRegister,
  softwareInterrupt,
  swapgs,
  syscall,
  sysret,
} from './exceptions.ts';
import { binaryOperations, compare as compareExtended, unaryOperations } from './extended.ts';
import * as extendedConvert from './extended-convert.ts';
import { Fsw } from './extended-format.ts';
import { transcendentalBinary, transcendentalUnary } from './extended-transcendental.ts';
import { raise, Vector } from './fault.ts';
import { conditionOf, flagOf, settleWords } from './flag-words.ts';
import { flagBits, flagsKindNumbers } from './flags.ts';
import * as floats from './float.ts';
import { reportedExceptions, unmaskedExceptions, type FloatStatus } from './float-format.ts';
import type { MemoryOperand, Operand, Width, XmmOperand } from './instruction.ts';
import { load, load128, loadWords, store, store128, storeWords } from './linear.ts';
import { readMsr, writeMsr } from './msr.ts';
import {
  Access,
  flushPage,
  flushTlb,
  isCanonical,
  joinWords,
  refreshMode,
  translate,
  translateWords,
} from './paging.ts';
import { hash } from './sha.ts';
import { Flag, settleFlags, Slot } from './state.ts';
import { compareStrings } from './string-comparison.ts';
import * as vectors from './vector.ts';
import * as x87 from './x87.ts';

const IF = 0x200;

const MASK64 = 0xffff_ffff_ffff_ffffn;
// the engine keeps asUintN with a literal width out of the heap, but not `& MASK64`
const mask = (value: bigint, width: Width): bigint =>
  width === 64
    ? BigInt.asUintN(64, value)
    : width === 32
      ? BigInt.asUintN(32, value)
      : width === 16
        ? BigInt.asUintN(16, value)
        : BigInt.asUintN(8, value);

const CR0_EM = 1 << 2;
const CR0_TS = 1 << 3;
const CR4_OSFXSR = 1 << 9;
const CR4_OSXMMEXCPT = 1 << 10;
const CR4_OSXSAVE = 1 << 18;
/** CRC-32C's polynomial, reflected */
const CASTAGNOLI = 0x82f6_3b78n;

const scratch64 = new BigUint64Array(1);
const scratch32 = new Int32Array(scratch64.buffer);

/** A count, of which all above 63 are alike. */
function shiftCount(count: bigint): number {
  scratch64[0] = count;
  return scratch32[1] === 0 ? Math.min(scratch32[0]! >>> 0, 64) : 64;
}

/** The value of two halves, at the width. */
function settleScratch(low: number, high: number, width: Width): bigint {
  scratch32[0] = width >= 32 ? low : width === 16 ? low & 0xffff : low & 0xff;
  scratch32[1] = width === 64 ? high : 0;
  return scratch64[0]!;
}

const extendedOperations = { ...binaryOperations, ...transcendentalBinary };
const extendedUnaries = { ...unaryOperations, ...transcendentalUnary };

class Evaluate implements Algebra<bigint, boolean, bigint> {
  readonly cpu: Cpu;
  readonly slots: BigUint64Array;
  readonly words: Int32Array;
  readonly always = true;
  readonly never = false;
  host: Host | undefined;
  /** nothing is raised between instructions */
  readonly floating: FloatStatus = { mxcsr: 0, raised: 0 };
  readonly extendedStatus = x87.createExtendedStatus();

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.slots = cpu.slots;
    this.words = cpu.words;
  }

  constant(value: bigint): bigint {
    return value;
  }

  read(operand: Operand): bigint {
    switch (operand.kind) {
      case 0: {
        if (operand.high) return (this.slots[operand.index]! >> 8n) & 0xffn;
        return this.readRegister(operand.index, operand.width);
      }
      case 1:
        this.locate(operand);
        return loadWords(this.cpu, scratch32[0]!, scratch32[1]!, operand.width as Width);
      case 2:
        return operand.value;
      case 3: {
        const low = this.slots[Slot.xmm + operand.index * 4]!;
        return operand.width === 32 ? low & 0xffff_ffffn : low;
      }
      case 4:
        return this.readSegment(operand.index);
      case 8:
        return this.slots[Slot.x87 + operand.index * 2]!;
      default:
        return raise(Vector.UD);
    }
  }

  readForWrite(operand: Operand): bigint {
    if (operand.kind !== 1) return this.read(operand);
    this.locate(operand);
    const low = scratch32[0]!;
    const high = scratch32[1]!;
    const width = operand.width as Width;
    const at = translateWords(this.cpu, low, high, Access.write, width);
    if ((at & 4095) > 4096 - width / 8) this.probeStore(joinWords(low, high), width);
    return loadWords(this.cpu, low, high, width);
  }

  write(operand: Operand, value: bigint): void {
    switch (operand.kind) {
      case 0:
        if (operand.high) this.slots[operand.index] = (this.slots[operand.index]! & ~0xff00n) | ((value & 0xffn) << 8n);
        else this.writeRegister(operand.index, operand.width, value);
        return;
      case 1:
        this.locate(operand);
        storeWords(this.cpu, scratch32[0]!, scratch32[1]!, operand.width as Width, value);
        return;
      case 3: {
        const at = Slot.xmm + operand.index * 4;
        this.slots[at] = operand.width === 32 ? (this.slots[at]! & ~0xffff_ffffn) | (value & 0xffff_ffffn) : value;
        return;
      }
      case 8:
        x87.writeMmx(this.cpu, operand.index, value);
        return;
      default:
        raise(Vector.UD);
    }
  }

  readRegister(index: number, width: Width): bigint {
    if (width === 64) return this.slots[index]!;
    const low = this.words[index * 2]!;
    scratch32[0] = width === 32 ? low : width === 16 ? low & 0xffff : low & 0xff;
    scratch32[1] = 0;
    return scratch64[0]!;
  }

  writeRegister(index: number, width: Width, value: bigint): void {
    if (width === 64) {
      this.slots[index] = value;
      return;
    }
    scratch64[0] = value;
    const low = scratch32[0]!;
    const before = this.words[index * 2]!;
    this.words[index * 2] =
      width === 32 ? low : width === 16 ? (before & ~0xffff) | (low & 0xffff) : (before & ~0xff) | (low & 0xff);
    if (width === 32) this.words[index * 2 + 1] = 0;
  }

  effectiveAddress(operand: MemoryOperand): bigint {
    this.locateEffective(operand);
    return scratch64[0]!;
  }

  linearAddress(operand: MemoryOperand): bigint {
    this.locate(operand);
    return scratch64[0]!;
  }

  /** The effective address, into the scratch slot. */
  private locateEffective(operand: MemoryOperand): void {
    const { words } = this;
    const { base, index, scale } = operand;
    scratch64[0] = operand.displacement;
    // sums of a few halves are exact
    let low = scratch32[0]! >>> 0;
    let high = scratch32[1]!;
    if (base >= 0) {
      low += words[base * 2]! >>> 0;
      high += words[base * 2 + 1]!;
    } else if (operand.ripRelative) {
      low += words[Slot.rip * 2]! >>> 0;
      high += words[Slot.rip * 2 + 1]!;
    }
    if (index >= 0) {
      low += (words[index * 2]! >>> 0) * scale;
      high += words[index * 2 + 1]! * scale;
    }
    scratch32[0] = low;
    scratch32[1] = operand.addressWidth === 32 ? 0 : high + Math.floor(low / 2 ** 32);
  }

  /** The linear address, into the scratch slot. */
  private locate(operand: MemoryOperand): void {
    this.locateEffective(operand);
    if (operand.segment < 0) return;
    const slot = operand.segment === 4 ? Slot.fsBase : Slot.gsBase;
    const low = (scratch32[0]! >>> 0) + (this.words[slot * 2]! >>> 0);
    scratch32[1] = scratch32[1]! + this.words[slot * 2 + 1]! + (low >= 2 ** 32 ? 1 : 0);
    scratch32[0] = low;
  }

  load(linear: bigint, width: Width): bigint {
    return load(this.cpu, linear, width);
  }
  loadWhere(condition: boolean, linear: bigint, width: Width): bigint {
    if (!condition) return 0n;
    if ((linear & BigInt(width / 8 - 1)) === 0n) return load(this.cpu, linear, width);
    let value = 0n;
    for (let n = 0n; n < width; n += 8n) value |= load(this.cpu, (linear + n / 8n) & MASK64, 8) << n;
    return value;
  }
  storeWhere(condition: boolean, linear: bigint, width: Width, value: bigint): void {
    if (!condition) return;
    if ((linear & BigInt(width / 8 - 1)) === 0n) return this.store(linear, width, value);
    for (let n = 0n; n < width; n += 8n) this.store((linear + n / 8n) & MASK64, 8, (value >> n) & 0xffn);
  }
  store(linear: bigint, width: Width, value: bigint): void {
    store(this.cpu, linear, width, value);
  }
  probeStore(linear: bigint, width: Width): void {
    const at = translate(this.cpu, linear, Access.write, width);
    if ((at & 4095) > 4096 - width / 8) translate(this.cpu, ((linear | 0xfffn) + 1n) & MASK64, Access.write);
  }
  /** Before any jump, that is what rip holds. */
  nextRip(): bigint {
    return this.slots[Slot.rip]!;
  }

  add(left: bigint, right: bigint, width: Width): bigint {
    return mask(left + right, width);
  }
  sub(left: bigint, right: bigint, width: Width): bigint {
    return mask(left - right, width);
  }
  multiply(left: bigint, right: bigint, width: Width): bigint {
    return mask(left * right, width);
  }
  multiplyHigh(left: bigint, right: bigint, width: Width, signed: boolean): bigint {
    const product = signed ? BigInt.asIntN(width, left) * BigInt.asIntN(width, right) : left * right;
    scratch64[0] = product;
    if (width === 32) return settleScratch(scratch32[1]!, 0, 32);
    return mask(product >> BigInt(width), width);
  }
  divide(
    high: bigint,
    low: bigint,
    divisor: bigint,
    width: Width,
    signed: boolean,
  ): { quotient: bigint; remainder: bigint } {
    if (divisor === 0n) raise(Vector.DE);
    const whole = (high << BigInt(width)) | low;
    const dividend = signed ? BigInt.asIntN(width * 2, whole) : whole;
    const by = signed ? BigInt.asIntN(width, divisor) : divisor;
    const quotient = dividend / by;
    const fits = signed ? BigInt.asIntN(width, quotient) === quotient : BigInt.asUintN(width, quotient) === quotient;
    if (!fits) raise(Vector.DE);
    return { quotient: mask(quotient, width), remainder: mask(dividend % by, width) };
  }
  and(left: bigint, right: bigint): bigint {
    return BigInt.asUintN(64, left & right);
  }
  or(left: bigint, right: bigint): bigint {
    return BigInt.asUintN(64, left | right);
  }
  xor(left: bigint, right: bigint): bigint {
    return BigInt.asUintN(64, left ^ right);
  }
  not(value: bigint, width: Width): bigint {
    return mask(~value, width);
  }
  shl(value: bigint, count: bigint, width: Width): bigint {
    const by = shiftCount(count);
    if (by >= width) return 0n;
    scratch64[0] = value;
    const low = scratch32[0]!;
    if (by >= 32) return settleScratch(0, low << (by - 32), width);
    return settleScratch(low << by, by === 0 ? scratch32[1]! : (scratch32[1]! << by) | (low >>> (32 - by)), width);
  }
  shr(value: bigint, count: bigint, width: Width): bigint {
    const by = shiftCount(count);
    if (by >= width) return 0n;
    scratch64[0] = value;
    const high = scratch32[1]!;
    if (by >= 32) return settleScratch(high >>> (by - 32), 0, 64);
    return settleScratch(by === 0 ? scratch32[0]! : (scratch32[0]! >>> by) | (high << (32 - by)), high >>> by, 64);
  }
  sar(value: bigint, count: bigint, width: Width): bigint {
    const by = Math.min(shiftCount(count), width - 1);
    scratch64[0] = value;
    const low = scratch32[0]!;
    const high = scratch32[1]!;
    if (width < 64) return settleScratch(((low << (32 - width)) >> (32 - width)) >> by, 0, width);
    if (by >= 32) return settleScratch(high >> (by - 32), high >> 31, 64);
    return settleScratch(by === 0 ? low : (low >>> by) | (high << (32 - by)), high >> by, 64);
  }
  signExtend(value: bigint, from: Width, to: Width): bigint {
    return mask(BigInt.asIntN(from, value), to);
  }
  truncate(value: bigint, width: Width): bigint {
    return mask(value, width);
  }
  popcount(value: bigint): bigint {
    let count = 0n;
    for (let rest = value; rest !== 0n; rest &= rest - 1n) count++;
    return count;
  }
  trailingZeros(value: bigint, width: Width): bigint {
    if (value === 0n) return BigInt(width);
    const low = Number(value & 0xffff_ffffn);
    if (low !== 0) return BigInt(31 - Math.clz32(low & -low));
    const high = Number(value >> 32n);
    return BigInt(63 - Math.clz32(high & -high));
  }
  leadingZeros(value: bigint, width: Width): bigint {
    const high = Number(value >> 32n);
    const zeros = high === 0 ? 32 + Math.clz32(Number(value & 0xffff_ffffn)) : Math.clz32(high);
    return BigInt(zeros - (64 - width));
  }
  byteSwap(value: bigint, width: Width): bigint {
    let swapped = 0n;
    for (let rest = value, n = 0; n < width; n += 8, rest >>= 8n) swapped = (swapped << 8n) | (rest & 0xffn);
    return swapped;
  }
  extractBits(value: bigint, selected: bigint): bigint {
    let result = 0n;
    let at = 0n;
    for (let rest = selected, from = value; rest !== 0n; rest >>= 1n, from >>= 1n) {
      if ((rest & 1n) === 1n) result |= (from & 1n) << at++;
    }
    return result;
  }
  depositBits(value: bigint, selected: bigint): bigint {
    let result = 0n;
    for (let rest = selected, from = value, at = 0n; rest !== 0n; rest >>= 1n, at++) {
      if ((rest & 1n) === 0n) continue;
      result |= (from & 1n) << at;
      from >>= 1n;
    }
    return result;
  }
  crc32c(crc: bigint, value: bigint, width: Width): bigint {
    let rest = crc ^ value;
    for (let n = 0; n < width; n++) rest = (rest & 1n) === 1n ? (rest >> 1n) ^ CASTAGNOLI : rest >> 1n;
    return rest;
  }

  isZero(value: bigint): boolean {
    return value === 0n;
  }
  equal(left: bigint, right: bigint): boolean {
    return left === right;
  }
  lessUnsigned(left: bigint, right: bigint): boolean {
    return left < right;
  }
  lessSigned(left: bigint, right: bigint, width: Width): boolean {
    return BigInt.asIntN(width, left) < BigInt.asIntN(width, right);
  }
  bit(value: bigint, index: number): boolean {
    scratch64[0] = value;
    return ((scratch32[index >> 5]! >>> (index & 31)) & 1) === 1;
  }
  both(left: boolean, right: boolean): boolean {
    return left && right;
  }
  either(left: boolean, right: boolean): boolean {
    return left || right;
  }
  differ(left: boolean, right: boolean): boolean {
    return left !== right;
  }
  negate(condition: boolean): boolean {
    return !condition;
  }
  toValue(condition: boolean): bigint {
    return condition ? 1n : 0n;
  }
  select(condition: boolean, yes: bigint, no: bigint): bigint {
    return condition ? yes : no;
  }
  when(condition: boolean, yes: () => void, no?: () => void): void {
    if (condition) yes();
    else no?.();
  }

  setFlags(kind: FlagsKind, width: Width, left: bigint, right: bigint, result: bigint): void {
    const { sub, logic, add } = flagsKindNumbers;
    // the commonest first: a look-up by a name that varies is slower
    const number = kind === 'sub' ? sub : kind === 'logic' ? logic : kind === 'add' ? add : flagsKindNumbers[kind];
    this.words[Slot.flagsKind * 2] = number | (width << 8);
    this.slots[Slot.flagsLeft] = left;
    this.slots[Slot.flagsRight] = right;
    this.slots[Slot.flagsResult] = result;
  }
  setFlag(name: FlagName, value: boolean): void {
    const { words } = this;
    settleWords(words);
    const bit = 1 << flagBits[name];
    words[Slot.rflags * 2] = value ? words[Slot.rflags * 2]! | bit : words[Slot.rflags * 2]! & ~bit;
  }
  flag(name: FlagName): boolean {
    return flagOf(this.words, name);
  }
  conditionCode(code: number): boolean {
    return conditionOf(this.words, code);
  }
  readRflags(): bigint {
    settleFlags(this.cpu);
    return this.slots[Slot.rflags]!;
  }
  writeRflags(value: bigint): void {
    settleFlags(this.cpu);
    const before = this.slots[Slot.rflags]!;
    const user = this.words[Slot.cpl * 2] === 3;
    // IOPL and IF are the kernel's (IOPL is always 0 here); VM and RF cannot be set this way
    const kept = user ? Flag.IOPL | Flag.IF : 0n;
    const writable = 0x247fd5n & ~kept;
    this.slots[Slot.rflags] = (value & writable) | (before & kept) | 2n;
    refreshMode(this.cpu);
  }
  directionStep(width: Width): bigint {
    const step = BigInt(width / 8);
    return (this.words[Slot.rflags * 2]! & 0x400) === 0 ? step : BigInt.asUintN(64, -step);
  }

  jump(target: bigint): void {
    if (!isCanonical(target)) raise(Vector.GP, 0);
    this.slots[Slot.rip] = target;
  }
  repeat(addressWidth: 32 | 64, zf: boolean | undefined, body: () => void): void {
    const RCX = 1;
    for (let n = 0; ; n++) {
      const count = this.readRegister(RCX, addressWidth);
      if (count === 0n) return;
      if (n === REPEAT_CHUNK) {
        this.slots[Slot.rip] = this.cpu.current;
        return;
      }
      body();
      this.writeRegister(RCX, addressWidth, count - 1n);
      if (zf !== undefined && this.flag('ZF') !== zf) return;
    }
  }
  raise(vector: number, errorCode?: number): void {
    raise(vector, errorCode);
  }
  requireKernel(): void {
    if (this.words[Slot.cpl * 2] !== 0) raise(Vector.GP, 0);
  }
  requireKernelElseUndefined(): void {
    if (this.words[Slot.cpl * 2] !== 0) raise(Vector.UD);
  }

  readSystem(register: SystemRegister): bigint {
    return this.slots[Slot[register]]!;
  }
  writeSystem(register: SystemRegister, value: bigint): void {
    if ((register === 'fsBase' || register === 'gsBase') && !isCanonical(value)) raise(Vector.GP, 0);
    const saves = register === 'cr4' && (value & BigInt(CR4_OSXSAVE)) !== 0n;
    if (saves && this.words[Slot.avx * 2] === 0) raise(Vector.GP, 0);
    this.slots[Slot[register]] = value;
    if (register === 'cr3' || register === 'cr0' || register === 'cr4' || register === 'efer') flushTlb(this.cpu);
    if (register === 'cr0') refreshMode(this.cpu);
  }
  readSegment(index: number): bigint {
    if (index > 5) raise(Vector.UD);
    return this.slots[Slot.selectors + index]!;
  }
  loadSegment(index: number, selector: bigint): void {
    loadSegment(this.cpu, index, selector);
  }
  loadTaskRegister(selector: bigint): void {
    loadTaskRegister(this.cpu, selector);
  }
  readMsr(index: bigint): bigint {
    return readMsr(this.cpu, Number(index));
  }
  writeMsr(index: bigint, value: bigint): void {
    writeMsr(this.cpu, Number(index), value);
  }
  cpuid(leaf: bigint, subleaf: bigint): { eax: bigint; ebx: bigint; ecx: bigint; edx: bigint } {
    return cpuidLeaf(this.cpu, Number(leaf), Number(subleaf));
  }
  timestamp(): bigint {
    return BigInt(this.cpu.retired);
  }
  invalidatePage(linear: bigint): void {
    flushPage(this.cpu, linear);
  }
  syscall(): void {
    syscall(this.cpu);
  }
  sysret(): void {
    sysret(this.cpu);
  }
  interruptReturn(width: 16 | 32 | 64): void {
    interruptReturn(this.cpu, width);
  }
  loadCodeSegment(selector: bigint): void {
    loadCodeSegment(this.cpu, selector);
  }
  inspectSegment(question: SegmentQuestion, selector: bigint): { valid: boolean; value: bigint } {
    return inspectSegment(this.cpu, question, selector);
  }
  readDebug(index: number): bigint {
    return readDebug(this.cpu, index);
  }
  writeDebug(index: number, value: bigint): void {
    writeDebug(this.cpu, index, value);
  }
  random(): bigint {
    return this.host === undefined ? 0n : mask(this.host.random(), 64);
  }
  swapgs(): void {
    swapgs(this.cpu);
  }
  setInterruptFlag(value: boolean): void {
    const { words } = this;
    const before = words[Slot.rflags * 2]!;
    if (value && (before & IF) === 0) words[Slot.interruptShadow * 2] = 1;
    words[Slot.rflags * 2] = value ? before | IF : before & ~IF;
  }
  halt(): void {
    this.words[Slot.halted * 2] = 1;
    this.cpu.leave = true;
  }
  softwareInterrupt(vector: number, checked: boolean): void {
    softwareInterrupt(this.cpu, vector, this.nextRip(), checked);
  }
  native(id: number): void {
    if (this.words[Slot.cpl * 2] !== 0 || this.host === undefined) raise(Vector.UD);
    if (this.host.native(this.cpu, id) === 'again') this.slots[Slot.rip] = this.cpu.current;
  }
  undefinedInstruction(): void {
    raise(Vector.UD);
  }

  requireVectors(): void {
    const cr0 = this.words[Slot.cr0 * 2]!;
    if ((cr0 & CR0_EM) !== 0 || (this.words[Slot.cr4 * 2]! & CR4_OSFXSR) === 0) raise(Vector.UD);
    if ((cr0 & CR0_TS) !== 0) raise(Vector.NM);
  }
  readVector(operand: Operand, aligned: boolean): bigint {
    if (operand.kind === 3) {
      const at = Slot.xmm + operand.index * 4;
      return this.slots[at]! | (this.slots[at + 1]! << 64n);
    }
    if (operand.width === 64 || operand.width === 32) return this.read(operand);
    const linear = this.linearAddress(operand as MemoryOperand);
    if (aligned && (linear & 15n) !== 0n) raise(Vector.GP, 0);
    return load128(this.cpu, linear);
  }
  writeVector(operand: Operand, value: bigint, aligned: boolean): void {
    if (operand.kind === 3) {
      const at = Slot.xmm + operand.index * 4;
      this.slots[at] = value; // the array keeps 64 bits
      this.slots[at + 1] = value >> 64n;
      return;
    }
    if (operand.width === 64) return this.write(operand, value);
    const linear = this.linearAddress(operand as MemoryOperand);
    if (aligned && (linear & 15n) !== 0n) raise(Vector.GP, 0);
    store128(this.cpu, linear, value);
  }
  requireWideVectors(): void {
    const on = (this.words[Slot.cr4 * 2]! & CR4_OSXSAVE) !== 0 && (this.words[Slot.xcr0 * 2]! & 6) === 6;
    if (!on) raise(Vector.UD);
    if ((this.words[Slot.cr0 * 2]! & CR0_TS) !== 0) raise(Vector.NM);
  }
  readHalf(operand: XmmOperand | MemoryOperand, half: 0 | 1): bigint {
    if (operand.kind === 3) {
      const at = Slot.xmm + operand.index * 4 + half * 2;
      return this.slots[at]! | (this.slots[at + 1]! << 64n);
    }
    return load128(this.cpu, BigInt.asUintN(64, this.linearAddress(operand) + BigInt(16 * half)));
  }
  writeHalf(operand: XmmOperand | MemoryOperand, half: 0 | 1, value: bigint): void {
    if (operand.kind === 3) {
      const at = Slot.xmm + operand.index * 4 + half * 2;
      this.slots[at] = value; // the array keeps 64 bits
      this.slots[at + 1] = value >> 64n;
      return;
    }
    store128(this.cpu, BigInt.asUintN(64, this.linearAddress(operand) + BigInt(16 * half)), value);
  }
  zeroVector(): bigint {
    return 0n;
  }
  vector(operation: VectorOperation, lane: Width, left: bigint, right: bigint): bigint {
    return vectors.combine(operation, lane, left, right);
  }
  vectorShift(operation: VectorShift, lane: Width, value: bigint, count: bigint): bigint {
    return vectors.shift(operation, lane, value, count);
  }
  lane(value: bigint, lane: Width, index: number): bigint {
    return mask(value >> BigInt(lane * index), lane);
  }
  withLane(value: bigint, lane: Width, index: number, part: bigint): bigint {
    const at = BigInt(lane * index);
    return (value & ~(mask(MASK64, lane) << at)) | (mask(part, lane) << at);
  }
  shuffleBytes(left: bigint, right: bigint, picks: readonly number[]): bigint {
    return vectors.shuffleBytes(left, right, picks);
  }

  signMask(lane: Width, value: bigint): bigint {
    return vectors.signMask(lane, value);
  }
  carrylessMultiply(left: bigint, right: bigint): bigint {
    let product = 0n;
    for (let rest = right, at = left; rest !== 0n; rest >>= 1n, at <<= 1n) if ((rest & 1n) === 1n) product ^= at;
    return product;
  }
  hash(operation: HashOperation, first: bigint, second: bigint, third: bigint): bigint {
    return hash(operation, first, second, third);
  }
  compareStrings(control: number, left: bigint, leftLength: bigint, right: bigint, rightLength: bigint): bigint {
    return BigInt(compareStrings(control, left, Number(leftLength), right, Number(rightLength)));
  }

  float(operation: FloatOperation, width: 32 | 64, left: bigint, right: bigint): bigint {
    return floats.arithmetic(this.floatStatus(), operation, width, left, right);
  }
  squareRoot(width: 32 | 64, value: bigint): bigint {
    return floats.squareRoot(this.floatStatus(), width, value);
  }
  compareFloat(
    width: 32 | 64,
    left: bigint,
    right: bigint,
    quiet: boolean,
  ): { unordered: boolean; less: boolean; equal: boolean } {
    return floats.compare(this.floatStatus(), width, left, right, quiet);
  }
  convertFloat(from: 32 | 64, to: 32 | 64, value: bigint): bigint {
    return floats.convert(this.floatStatus(), from, to, value);
  }
  floatToInteger(from: 32 | 64, to: 32 | 64, value: bigint, truncate: boolean): bigint {
    return floats.toInteger(this.floatStatus(), from, to, value, truncate);
  }
  integerToFloat(from: 32 | 64, to: 32 | 64, value: bigint): bigint {
    return floats.fromInteger(this.floatStatus(), from, to, value);
  }
  roundFloat(width: 32 | 64, value: bigint, rounding: number | undefined, quiet: boolean): bigint {
    return floats.toIntegral(this.floatStatus(), width, value, rounding, quiet);
  }
  approximate(operation: 'reciprocal' | 'reciprocalRoot', value: bigint): bigint {
    return floats.approximate(operation, value);
  }
  settleFloatExceptions(): void {
    const { floating } = this;
    if (floating.raised === 0) return;
    const raised = floating.raised;
    floating.raised = 0;
    const unmasked = unmaskedExceptions(floating.mxcsr, raised);
    this.slots[Slot.mxcsr] = BigInt(floating.mxcsr | (unmasked === 0 ? raised : reportedExceptions(raised, unmasked)));
    if (unmasked !== 0) raise((this.words[Slot.cr4 * 2]! & CR4_OSXMMEXCPT) === 0 ? Vector.UD : Vector.XM);
  }
  private floatStatus(): FloatStatus {
    this.floating.mxcsr = this.words[Slot.mxcsr * 2]!;
    return this.floating;
  }

  beginX87(waits: boolean): void {
    if (x87.isX87Disabled(this.cpu)) raise(Vector.NM);
    if (waits && x87.isX87ExceptionPending(this.cpu)) raise(Vector.MF);
    x87.clearExtendedStatus(this.extendedStatus, this.words[Slot.fcw * 2]!);
  }
  beginMmx(): void {
    if ((this.words[Slot.cr0 * 2]! & CR0_EM) !== 0) raise(Vector.UD);
    this.beginX87(true);
  }
  endMmx(inUse: boolean): void {
    this.words[Slot.fsw * 2] = this.words[Slot.fsw * 2]! & ~(7 << Fsw.topShift);
    this.words[Slot.ftw * 2] = inUse ? 0xff : 0;
  }
  readX87(index: number): bigint {
    return x87.readX87(this.cpu, index);
  }
  writeX87(index: number, value: bigint): void {
    x87.writeX87(this.cpu, index, value);
  }
  freeX87(index: number): void {
    x87.freeX87(this.cpu, index);
  }
  isEmptyX87(index: number): boolean {
    return x87.isEmptyX87(this.cpu, index);
  }
  rotateX87(step: 1 | -1): void {
    x87.rotateX87(this.cpu, step);
  }
  stackFaultX87(fault: boolean, overflow: boolean): void {
    const status = this.extendedStatus;
    // of an underflow and an overflow, the underflow is told
    if (!fault || (status.raised & Fsw.SF) !== 0) return;
    status.raised |= Fsw.IE | Fsw.SF;
    status.c1 = overflow;
  }
  settleX87(destination: X87Destination): boolean {
    return x87.settleX87(this.cpu, this.extendedStatus, destination);
  }
  extended(operation: ExtendedOperation, left: bigint, right: bigint): bigint {
    return extendedOperations[operation](this.extendedStatus, left, right);
  }
  extendedUnary(operation: ExtendedUnary, value: bigint): bigint {
    return extendedUnaries[operation](this.extendedStatus, value);
  }
  compareExtended(left: bigint, right: bigint, quiet: boolean): { unordered: boolean; less: boolean; equal: boolean } {
    return compareExtended(this.extendedStatus, left, right, quiet);
  }
  extendedFromFloat(width: 32 | 64, value: bigint, quiets: boolean): bigint {
    return extendedConvert.fromFloat(this.extendedStatus, width, value, quiets);
  }
  extendedToFloat(width: 32 | 64, value: bigint): bigint {
    return extendedConvert.toFloat(this.extendedStatus, width, value);
  }
  extendedFromInteger(width: 16 | 32 | 64, value: bigint): bigint {
    return extendedConvert.fromInteger(this.extendedStatus, width, value);
  }
  extendedToInteger(width: 16 | 32 | 64, value: bigint, truncate: boolean): bigint {
    return extendedConvert.toInteger(this.extendedStatus, width, value, truncate);
  }
  extendedFromDecimal(value: bigint): bigint {
    return extendedConvert.fromDecimal(this.extendedStatus, value);
  }
  extendedToDecimal(value: bigint): bigint {
    return extendedConvert.toDecimal(this.extendedStatus, value);
  }
}

const algebras = new WeakMap<Cpu, Evaluate>();

/** The reading bound to `cpu`; one each. */
export function evaluate(cpu: Cpu): Evaluate {
  let algebra = algebras.get(cpu);
  if (algebra === undefined) algebras.set(cpu, (algebra = new Evaluate(cpu)));
  return algebra;
}

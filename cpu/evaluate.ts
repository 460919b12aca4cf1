/**
 * The evaluating reading of the algebra: the interpreter. Values are unsigned 64-bit BigInts, vectors unsigned 128-bit
 * BigInts, conditions booleans. Operations mask their result once, at the width they name.
 */
import type {
  Algebra,
  FlagName,
  FlagsKind,
  FloatOperation,
  SystemRegister,
  VectorOperation,
  VectorShift,
} from './algebra.ts';
import { REPEAT_CHUNK } from './algebra.ts';
import type { Cpu, Host } from './cpu.ts';
import { cpuidLeaf } from './cpuid.ts';
import {
  interruptReturn,
  loadSegment,
  loadTaskRegister,
  softwareInterrupt,
  swapgs,
  syscall,
  sysret,
} from './exceptions.ts';
import { raise, Vector } from './fault.ts';
import { conditionCodes, flagBits, flagsKindNumbers, flagsRowByNumber, type Operation } from './flags.ts';
import * as floats from './float.ts';
import { reportedExceptions, unmaskedExceptions, type FloatStatus } from './float-format.ts';
import type { MemoryOperand, Operand, Width } from './instruction.ts';
import { load, load128, store, store128 } from './linear.ts';
import { readMsr, writeMsr } from './msr.ts';
import { Access, flushPage, flushTlb, isCanonical, refreshMode, translate } from './paging.ts';
import { Flag, settleFlags, Slot } from './state.ts';
import * as vectors from './vector.ts';

const MASK64 = 0xffff_ffff_ffff_ffffn;
// the engine keeps asUintN of 64 bits out of the heap, but not `& MASK64`
const mask = (value: bigint, width: Width): bigint =>
  width === 64
    ? BigInt.asUintN(64, value)
    : width === 32
      ? value & 0xffff_ffffn
      : width === 16
        ? value & 0xffffn
        : value & 0xffn;

const scratch64 = new BigUint64Array(1);
const scratch32 = new Int32Array(scratch64.buffer);

/** The operation behind the flags that are not settled, read from the state block when a flag asks for it. */
class PendingOperation implements Operation<bigint> {
  private readonly slots: BigUint64Array;
  private readonly words: Int32Array;
  constructor(cpu: Cpu) {
    this.slots = cpu.slots;
    this.words = cpu.words;
  }
  get width(): Width {
    return (this.words[Slot.flagsKind * 2]! >> 8) as Width;
  }
  get left(): bigint {
    return this.slots[Slot.flagsLeft]!;
  }
  get right(): bigint {
    return this.slots[Slot.flagsRight]!;
  }
  get result(): bigint {
    return this.slots[Slot.flagsResult]!;
  }
}

class Evaluate implements Algebra<bigint, boolean, bigint> {
  readonly cpu: Cpu;
  readonly slots: BigUint64Array;
  readonly words: Int32Array;
  readonly always = true;
  readonly never = false;
  readonly pending: Operation<bigint>;
  host: Host | undefined;
  /** nothing is raised between instructions */
  readonly floating: FloatStatus = { mxcsr: 0, raised: 0 };

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.slots = cpu.slots;
    this.words = cpu.words;
    this.pending = new PendingOperation(cpu);
  }

  constant(value: bigint): bigint {
    return value;
  }

  read(operand: Operand): bigint {
    switch (operand.kind) {
      case 0: {
        const value = this.slots[operand.index]!;
        if (operand.width === 64) return value;
        return operand.high ? (value >> 8n) & 0xffn : mask(value, operand.width);
      }
      case 1:
        return load(this.cpu, this.linearAddress(operand), operand.width as Width);
      case 2:
        return operand.value;
      case 3: {
        const low = this.slots[Slot.xmm + operand.index * 4]!;
        return operand.width === 32 ? low & 0xffff_ffffn : low;
      }
      case 4:
        return this.readSegment(operand.index);
      default:
        return raise(Vector.UD);
    }
  }

  readForWrite(operand: Operand): bigint {
    if (operand.kind !== 1) return this.read(operand);
    const linear = this.linearAddress(operand);
    this.probeStore(linear, operand.width as Width);
    return load(this.cpu, linear, operand.width as Width);
  }

  write(operand: Operand, value: bigint): void {
    switch (operand.kind) {
      case 0:
        if (operand.high) this.slots[operand.index] = (this.slots[operand.index]! & ~0xff00n) | ((value & 0xffn) << 8n);
        else this.writeRegister(operand.index, operand.width, value);
        return;
      case 1:
        store(this.cpu, this.linearAddress(operand), operand.width as Width, value);
        return;
      case 3: {
        const at = Slot.xmm + operand.index * 4;
        this.slots[at] = operand.width === 32 ? (this.slots[at]! & ~0xffff_ffffn) | (value & 0xffff_ffffn) : value;
        return;
      }
      default:
        raise(Vector.UD);
    }
  }

  readRegister(index: number, width: Width): bigint {
    const value = this.slots[index]!;
    return width === 64 ? value : mask(value, width);
  }

  writeRegister(index: number, width: Width, value: bigint): void {
    if (width === 64) this.slots[index] = value;
    else if (width === 32) this.slots[index] = value & 0xffff_ffffn;
    else if (width === 16) this.slots[index] = (this.slots[index]! & ~0xffffn) | (value & 0xffffn);
    else this.slots[index] = (this.slots[index]! & ~0xffn) | (value & 0xffn);
  }

  effectiveAddress(operand: MemoryOperand): bigint {
    let address = operand.displacement;
    if (operand.base >= 0) address += this.slots[operand.base]!;
    else if (operand.ripRelative) address += this.nextRip();
    if (operand.index >= 0) address += this.slots[operand.index]! * BigInt(operand.scale);
    return operand.addressWidth === 32 ? address & 0xffff_ffffn : address & MASK64;
  }

  linearAddress(operand: MemoryOperand): bigint {
    const address = this.effectiveAddress(operand);
    if (operand.segment < 0) return address;
    return (address + this.slots[operand.segment === 4 ? Slot.fsBase : Slot.gsBase]!) & MASK64;
  }

  load(linear: bigint, width: Width): bigint {
    return load(this.cpu, linear, width);
  }
  store(linear: bigint, width: Width, value: bigint): void {
    store(this.cpu, linear, width, value);
  }
  probeStore(linear: bigint, width: Width): void {
    const at = translate(this.cpu, linear, Access.write);
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
    return left & right;
  }
  or(left: bigint, right: bigint): bigint {
    return left | right;
  }
  xor(left: bigint, right: bigint): bigint {
    return left ^ right;
  }
  not(value: bigint, width: Width): bigint {
    return mask(~value, width);
  }
  shl(value: bigint, count: bigint, width: Width): bigint {
    return count >= BigInt(width) ? 0n : mask(value << count, width);
  }
  shr(value: bigint, count: bigint, width: Width): bigint {
    return count >= BigInt(width) ? 0n : value >> count;
  }
  sar(value: bigint, count: bigint, width: Width): bigint {
    return mask(BigInt.asIntN(width, value) >> (count >= BigInt(width) ? BigInt(width - 1) : count), width);
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
    this.words[Slot.flagsKind * 2] = flagsKindNumbers[kind] | (width << 8);
    this.slots[Slot.flagsLeft] = left;
    this.slots[Slot.flagsRight] = right;
    this.slots[Slot.flagsResult] = result;
  }
  setFlag(name: FlagName, value: boolean): void {
    settleFlags(this.cpu);
    const bit = 1n << BigInt(flagBits[name]);
    this.slots[Slot.rflags] = value ? this.slots[Slot.rflags]! | bit : this.slots[Slot.rflags]! & ~bit;
  }
  flag(name: FlagName): boolean {
    const kind = this.words[Slot.flagsKind * 2]!;
    const rules = flagsRowByNumber[kind & 0xff];
    if (rules === undefined) return (this.words[Slot.rflags * 2]! & (1 << flagBits[name])) !== 0;
    return rules[name](this, this.pending);
  }
  conditionCode(code: number): boolean {
    return conditionCodes[code >> 1]!(this) !== ((code & 1) === 1);
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
    this.slots[Slot[register]] = value;
    if (register === 'cr3' || register === 'cr0' || register === 'cr4' || register === 'efer') flushTlb(this.cpu);
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
    syscall(this.cpu, this.nextRip());
  }
  sysret(): void {
    sysret(this.cpu);
  }
  interruptReturn(): void {
    interruptReturn(this.cpu);
  }
  swapgs(): void {
    swapgs(this.cpu);
  }
  setInterruptFlag(value: boolean): void {
    if (value) {
      if ((this.slots[Slot.rflags]! & Flag.IF) === 0n) this.words[Slot.interruptShadow * 2] = 1;
      this.slots[Slot.rflags] = this.slots[Slot.rflags]! | Flag.IF;
    } else this.slots[Slot.rflags] = this.slots[Slot.rflags]! & ~Flag.IF;
  }
  halt(): void {
    this.words[Slot.halted * 2] = 1;
    this.cpu.leave = true;
  }
  softwareInterrupt(vector: number): void {
    softwareInterrupt(this.cpu, vector, this.nextRip());
  }
  native(id: number): void {
    if (this.words[Slot.cpl * 2] !== 0 || this.host === undefined) raise(Vector.UD);
    if (this.host.native(this.cpu, id) === 'again') this.slots[Slot.rip] = this.cpu.current;
  }
  undefinedInstruction(): void {
    raise(Vector.UD);
  }

  readVector(operand: Operand, aligned: boolean): bigint {
    if (operand.kind === 3) {
      const at = Slot.xmm + operand.index * 4;
      return this.slots[at]! | (this.slots[at + 1]! << 64n);
    }
    const linear = this.linearAddress(operand as MemoryOperand);
    if (aligned && (linear & 15n) !== 0n) raise(Vector.GP, 0);
    return load128(this.cpu, linear);
  }
  writeVector(operand: Operand, value: bigint, aligned: boolean): void {
    if (operand.kind === 3) {
      const at = Slot.xmm + operand.index * 4;
      this.slots[at] = value & MASK64;
      this.slots[at + 1] = value >> 64n;
      return;
    }
    const linear = this.linearAddress(operand as MemoryOperand);
    if (aligned && (linear & 15n) !== 0n) raise(Vector.GP, 0);
    store128(this.cpu, linear, value);
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
  settleFloatExceptions(): void {
    const { floating } = this;
    if (floating.raised === 0) return;
    const raised = floating.raised;
    floating.raised = 0;
    const unmasked = unmaskedExceptions(floating.mxcsr, raised);
    this.slots[Slot.mxcsr] = BigInt(floating.mxcsr | (unmasked === 0 ? raised : reportedExceptions(raised, unmasked)));
    if (unmasked !== 0) raise(Vector.XM);
  }
  private floatStatus(): FloatStatus {
    this.floating.mxcsr = this.words[Slot.mxcsr * 2]!;
    return this.floating;
  }
}

const algebras = new WeakMap<Cpu, Evaluate>();

/** The reading bound to `cpu`; one each. */
export function evaluate(cpu: Cpu): Evaluate {
  let algebra = algebras.get(cpu);
  if (algebra === undefined) algebras.set(cpu, (algebra = new Evaluate(cpu)));
  return algebra;
}

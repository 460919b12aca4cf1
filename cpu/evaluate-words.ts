/**
 * The reading that the interpreter runs: what `evaluate.ts` computes in BigInts, in 32-bit words, which never leave one
 * array (word-values.ts), and floats on the host's doubles (float-host.ts). Rare operations are borrowed from there
 * (borrowed.ts). tests/evaluate-words.test.ts holds the two readings against each other.
 */
import type { Algebra, Bulk, FlagName, FlagsKind } from './algebra.ts';
import { REPEAT_CHUNK } from './algebra.ts';
import type { Cpu, Host } from './cpu.ts';
import { cpuidLeaf } from './cpuid.ts';
import { evaluate } from './evaluate.ts';
import { LanesInWords } from './evaluate-words-lanes.ts';
import { inspectSegment } from './exceptions.ts';
import { raise, Vector } from './fault.ts';
import { conditionOf, flagOf, settleWords } from './flag-words.ts';
import { flagBits as bitNumbers, flagsKindNumbers as kindNumbers } from './flags.ts';
import type { MemoryOperand, Operand, Width } from './instruction.ts';
import { repeatBulk } from './bulk.ts';
import { loadPlace, loadVectorPlace, storePlace, storeVectorPlace } from './linear-words.ts';
import { translateWords, type Access } from './paging.ts';
import { Slot as slotNumbers } from './state.ts';
import { countAt, highOfProduct, highOfProduct64, numberAt, product64, quotientOf, settle } from './word-arithmetic.ts';
import {
  mark,
  put,
  putVector,
  putWhole,
  release,
  reserve,
  vectorAt,
  wholeAt,
  words,
  type Place,
} from './word-values.ts';

// local constants: see word-values.ts
const Slot = slotNumbers;
const flagBits = bitNumbers;
const flagsKindNumbers = kindNumbers;
const values = words;
const WRITE: Access = 1;

const CR0_EM_TS = 0xc;
const CR4_OSFXSR = 1 << 9;
const RIP = Slot.rip * 2;
const RCX = 1;
const PAGE = 4096;

const scratch64 = new BigUint64Array(1);
const scratch32 = new Int32Array(scratch64.buffer);
/** the address that was located last */
const address = new Int32Array(2);

function rarerKind(kind: FlagsKind): number {
  const { shl, shr, sar, inc } = flagsKindNumbers;
  if (kind === 'shl') return shl;
  if (kind === 'shr') return shr;
  if (kind === 'sar') return sar;
  return kind === 'inc' ? inc : flagsKindNumbers[kind];
}

class EvaluateWords extends LanesInWords implements Algebra<Place, boolean, Place> {
  readonly cpu: Cpu;
  readonly always = true;
  readonly never = false;

  constructor(cpu: Cpu) {
    super(evaluate(cpu), cpu.words);
    this.cpu = cpu;
  }

  constant(value: bigint): Place {
    return putWhole(value);
  }

  read(operand: Operand): Place {
    switch (operand.kind) {
      case 0:
        if (operand.high) return put((this.words[operand.index * 2]! >>> 8) & 0xff, 0);
        return this.readRegister(operand.index, operand.width);
      case 1:
        this.locate(operand);
        return loadPlace(this.cpu, address[0]!, address[1]!, operand.width as Width);
      case 2:
        return putWhole(operand.value);
      case 3: {
        const at = (Slot.xmm + operand.index * 4) * 2;
        return put(this.words[at]!, operand.width === 32 ? 0 : this.words[at + 1]!);
      }
      default:
        return putWhole(this.whole.read(operand));
    }
  }

  readForWrite(operand: Operand): Place {
    if (operand.kind !== 1) return this.read(operand);
    this.locate(operand);
    const low = address[0]!;
    const high = address[1]!;
    const width = operand.width as Width;
    this.probe(low, high, width);
    return loadPlace(this.cpu, low, high, width);
  }

  write(operand: Operand, value: Place): void {
    switch (operand.kind) {
      case 0:
        if (operand.high) {
          const at = operand.index * 2;
          this.words[at] = (this.words[at]! & ~0xff00) | ((values[value]! & 0xff) << 8);
        } else this.writeRegister(operand.index, operand.width, value);
        return;
      case 1:
        this.locate(operand);
        storePlace(this.cpu, address[0]!, address[1]!, operand.width as Width, value);
        return;
      case 3: {
        const at = (Slot.xmm + operand.index * 4) * 2;
        this.words[at] = values[value]!;
        if (operand.width !== 32) this.words[at + 1] = values[value + 1]!;
        return;
      }
      default:
        this.whole.write(operand, wholeAt(value));
    }
  }

  readRegister(index: number, width: Width): Place {
    const low = this.words[index * 2]!;
    if (width === 64) return put(low, this.words[index * 2 + 1]!);
    return put(width === 32 ? low : width === 16 ? low & 0xffff : low & 0xff, 0);
  }

  writeRegister(index: number, width: Width, value: Place): void {
    const at = index * 2;
    const low = values[value]!;
    if (width >= 32) {
      this.words[at] = low;
      this.words[at + 1] = width === 64 ? values[value + 1]! : 0;
      return;
    }
    const before = this.words[at]!;
    this.words[at] = width === 16 ? (before & ~0xffff) | (low & 0xffff) : (before & ~0xff) | (low & 0xff);
  }

  effectiveAddress(operand: MemoryOperand): Place {
    this.locateEffective(operand);
    return put(address[0]!, address[1]!);
  }
  linearAddress(operand: MemoryOperand): Place {
    this.locate(operand);
    return put(address[0]!, address[1]!);
  }

  private locateEffective(operand: MemoryOperand): void {
    const { words } = this;
    const { base, index } = operand;
    scratch64[0] = operand.displacement;
    let low = scratch32[0]!;
    let high = scratch32[1]!;
    const from = base >= 0 ? base * 2 : operand.ripRelative ? RIP : -1;
    if (from >= 0) {
      const part = words[from]!;
      low = (low + part) | 0;
      high = (high + words[from + 1]! + (low >>> 0 < part >>> 0 ? 1 : 0)) | 0;
    }
    if (index >= 0) {
      const part = words[index * 2]!;
      const by = 31 - Math.clz32(operand.scale);
      const scaled = part << by;
      low = (low + scaled) | 0;
      // what the shift moves out of the lower half
      const moved = (part >>> 1) >>> (31 - by);
      high = (high + ((words[index * 2 + 1]! << by) | moved) + (low >>> 0 < scaled >>> 0 ? 1 : 0)) | 0;
    }
    address[0] = low;
    address[1] = operand.addressWidth === 32 ? 0 : high;
  }

  private locate(operand: MemoryOperand): void {
    this.locateEffective(operand);
    if (operand.segment < 0) return;
    const base = (operand.segment === 4 ? Slot.fsBase : Slot.gsBase) * 2;
    const part = this.words[base]!;
    const low = (address[0]! + part) | 0;
    address[0] = low;
    address[1] = address[1]! + this.words[base + 1]! + (low >>> 0 < part >>> 0 ? 1 : 0);
  }

  load(linear: Place, width: Width): Place {
    return loadPlace(this.cpu, values[linear]!, values[linear + 1]!, width);
  }
  loadWhere(condition: boolean, linear: Place, width: Width): Place {
    if (!condition) return put(0, 0);
    if ((values[linear]! & ((width >> 3) - 1)) === 0) return this.load(linear, width);
    return putWhole(this.whole.loadWhere(true, wholeAt(linear), width));
  }
  storeWhere(condition: boolean, linear: Place, width: Width, value: Place): void {
    if (!condition) return;
    if ((values[linear]! & ((width >> 3) - 1)) === 0) this.store(linear, width, value);
    else this.whole.storeWhere(true, wholeAt(linear), width, wholeAt(value));
  }
  store(linear: Place, width: Width, value: Place): void {
    storePlace(this.cpu, values[linear]!, values[linear + 1]!, width, value);
  }
  probeStore(linear: Place, width: Width): void {
    this.probe(values[linear]!, values[linear + 1]!, width);
  }
  private probe(low: number, high: number, width: Width): void {
    translateWords(this.cpu, low, high, WRITE, width);
    if ((low & (PAGE - 1)) <= PAGE - (width >> 3)) return;
    const next = ((low | (PAGE - 1)) + 1) | 0;
    translateWords(this.cpu, next, next === 0 ? (high + 1) | 0 : high, WRITE, 8);
  }
  nextRip(): Place {
    return put(this.words[RIP]!, this.words[RIP + 1]!);
  }

  add(left: Place, right: Place, width: Width): Place {
    const part = values[right]!;
    const low = (values[left]! + part) | 0;
    if (width !== 64) return settle(low, 0, width);
    return put(low, (values[left + 1]! + values[right + 1]! + (low >>> 0 < part >>> 0 ? 1 : 0)) | 0);
  }
  sub(left: Place, right: Place, width: Width): Place {
    const whole = values[left]!;
    const part = values[right]!;
    const low = (whole - part) | 0;
    if (width !== 64) return settle(low, 0, width);
    return put(low, (values[left + 1]! - values[right + 1]! - (whole >>> 0 < part >>> 0 ? 1 : 0)) | 0);
  }
  multiply(left: Place, right: Place, width: Width): Place {
    if (width === 64) return product64(left, right);
    return settle(Math.imul(values[left]!, values[right]!), 0, width);
  }
  multiplyHigh(left: Place, right: Place, width: Width, signed: boolean): Place {
    if (width === 64) return highOfProduct64(left, right, signed);
    const l = values[left]!;
    const r = values[right]!;
    if (width === 32) {
      const high = highOfProduct(l, r);
      return put(signed ? (high - (l < 0 ? r : 0) - (r < 0 ? l : 0)) | 0 : high, 0);
    }
    const product = Math.imul(numberAt(left, width, signed), numberAt(right, width, signed));
    return settle(product >>> width, 0, width);
  }
  divide(
    high: Place,
    low: Place,
    divisor: Place,
    width: Width,
    signed: boolean,
  ): { readonly quotient: Place; readonly remainder: Place } {
    const quick = quotientOf(high, low, divisor, width, signed);
    if (quick !== undefined) return quick;
    const exact = this.whole.divide(wholeAt(high), wholeAt(low), wholeAt(divisor), width, signed);
    return { quotient: putWhole(exact.quotient), remainder: putWhole(exact.remainder) };
  }
  and(left: Place, right: Place): Place {
    return put(values[left]! & values[right]!, values[left + 1]! & values[right + 1]!);
  }
  or(left: Place, right: Place): Place {
    return put(values[left]! | values[right]!, values[left + 1]! | values[right + 1]!);
  }
  xor(left: Place, right: Place): Place {
    return put(values[left]! ^ values[right]!, values[left + 1]! ^ values[right + 1]!);
  }
  not(value: Place, width: Width): Place {
    return settle(~values[value]!, ~values[value + 1]!, width);
  }
  shl(value: Place, count: Place, width: Width): Place {
    const by = countAt(count);
    if (by >= width) return put(0, 0);
    const low = values[value]!;
    if (by >= 32) return settle(0, low << (by - 32), width);
    return settle(low << by, (values[value + 1]! << by) | ((low >>> 1) >>> (31 - by)), width);
  }
  shr(value: Place, count: Place, width: Width): Place {
    const by = countAt(count);
    if (by >= width) return put(0, 0);
    const high = values[value + 1]!;
    if (by >= 32) return put(high >>> (by - 32), 0);
    return put((values[value]! >>> by) | ((high << 1) << (31 - by)), high >>> by);
  }
  sar(value: Place, count: Place, width: Width): Place {
    const by = Math.min(countAt(count), width - 1);
    const low = values[value]!;
    if (width < 64) return settle(((low << (32 - width)) >> (32 - width)) >> by, 0, width);
    const high = values[value + 1]!;
    if (by >= 32) return put(high >> (by - 32), high >> 31);
    return put((low >>> by) | ((high << 1) << (31 - by)), high >> by);
  }
  signExtend(value: Place, from: Width, to: Width): Place {
    const low = values[value]!;
    if (from === 64) return settle(low, values[value + 1]!, to);
    const extended = (low << (32 - from)) >> (32 - from);
    return settle(extended, extended >> 31, to);
  }
  truncate(value: Place, width: Width): Place {
    return settle(values[value]!, values[value + 1]!, width);
  }
  popcount(value: Place): Place {
    let count = 0;
    for (let rest = values[value]!; rest !== 0; rest &= rest - 1) count++;
    for (let rest = values[value + 1]!; rest !== 0; rest &= rest - 1) count++;
    return put(count, 0);
  }
  trailingZeros(value: Place, width: Width): Place {
    const low = values[value]!;
    const high = values[value + 1]!;
    if (low !== 0) return put(31 - Math.clz32(low & -low), 0);
    return put(high === 0 ? width : 63 - Math.clz32(high & -high), 0);
  }
  leadingZeros(value: Place, width: Width): Place {
    const high = values[value + 1]!;
    return put((high === 0 ? 32 + Math.clz32(values[value]!) : Math.clz32(high)) - (64 - width), 0);
  }
  byteSwap(value: Place, width: Width): Place {
    const swapped = (word: number): number =>
      (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
    const low = swapped(values[value]!);
    if (width === 64) return put(swapped(values[value + 1]!), low);
    return put(low >>> (32 - width), 0);
  }

  isZero(value: Place): boolean {
    return (values[value]! | values[value + 1]!) === 0;
  }
  equal(left: Place, right: Place): boolean {
    return values[left] === values[right] && values[left + 1] === values[right + 1];
  }
  lessUnsigned(left: Place, right: Place): boolean {
    const l = values[left + 1]! >>> 0;
    const r = values[right + 1]! >>> 0;
    return l < r || (l === r && values[left]! >>> 0 < values[right]! >>> 0);
  }
  lessSigned(left: Place, right: Place, width: Width): boolean {
    if (width < 64) return numberAt(left, width, true) < numberAt(right, width, true);
    const l = values[left + 1]!;
    const r = values[right + 1]!;
    return l < r || (l === r && values[left]! >>> 0 < values[right]! >>> 0);
  }
  bit(value: Place, index: number): boolean {
    return ((values[value + (index >> 5)]! >>> (index & 31)) & 1) === 1;
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
  toValue(condition: boolean): Place {
    return put(condition ? 1 : 0, 0);
  }
  select(condition: boolean, yes: Place, no: Place): Place {
    return condition ? yes : no;
  }
  when(condition: boolean, yes: () => void, no?: () => void): void {
    if (condition) yes();
    else no?.();
  }

  setFlags(kind: FlagsKind, width: Width, left: Place, right: Place, result: Place): void {
    const { sub, logic, add } = flagsKindNumbers;
    const { words } = this;
    // the commonest first: a look-up by a name that varies is slower
    const number = kind === 'sub' ? sub : kind === 'logic' ? logic : kind === 'add' ? add : rarerKind(kind);
    words[Slot.flagsKind * 2] = number | (width << 8);
    words[Slot.flagsLeft * 2] = values[left]!;
    words[Slot.flagsLeft * 2 + 1] = values[left + 1]!;
    words[Slot.flagsRight * 2] = values[right]!;
    words[Slot.flagsRight * 2 + 1] = values[right + 1]!;
    words[Slot.flagsResult * 2] = values[result]!;
    words[Slot.flagsResult * 2 + 1] = values[result + 1]!;
  }
  setFlag(name: FlagName, value: boolean): void {
    const { words } = this;
    settleWords(words);
    // a look-up by a name that varies is slower
    const bit =
      name === 'CF' ? 1 : name === 'OF' ? 1 << flagBits.OF : name === 'ZF' ? 1 << flagBits.ZF : 1 << flagBits[name];
    words[Slot.rflags * 2] = value ? words[Slot.rflags * 2]! | bit : words[Slot.rflags * 2]! & ~bit;
  }
  flag(name: FlagName): boolean {
    return flagOf(this.words, name);
  }
  conditionCode(code: number): boolean {
    return conditionOf(this.words, code);
  }
  directionStep(width: Width): Place {
    const step = width >> 3;
    return (this.words[Slot.rflags * 2]! & 0x400) === 0 ? put(step, 0) : put(-step, -1);
  }

  jump(target: Place): void {
    const high = values[target + 1]!;
    // canonical: bits 47 to 63 are alike
    const top = high >> 15;
    if (top !== 0 && top !== -1) raise(Vector.GP, 0);
    this.words[RIP] = values[target]!;
    this.words[RIP + 1] = high;
  }
  repeat(addressWidth: 32 | 64, zf: boolean | undefined, body: () => void, bulk?: Bulk): void {
    const { words } = this;
    const start = mark();
    for (let n = 0; ;) {
      release(start);
      const low = words[RCX * 2]!;
      const high = addressWidth === 64 ? words[RCX * 2 + 1]! : 0;
      if ((low | high) === 0) return;
      if (n === REPEAT_CHUNK) {
        words[RIP] = words[Slot.current * 2]!;
        words[RIP + 1] = words[Slot.current * 2 + 1]!;
        return;
      }
      if (bulk !== undefined && addressWidth === 64) {
        const left = REPEAT_CHUNK - n;
        const done = repeatBulk(this.cpu, bulk, high === 0 ? Math.min(low >>> 0, left) : left);
        n += done;
        if (done > 0) continue;
      }
      n++;
      body();
      words[RCX * 2] = low - 1;
      words[RCX * 2 + 1] = low === 0 ? high - 1 : high;
      if (zf !== undefined && this.flag('ZF') !== zf) return;
    }
  }

  // frequent on a kernel's paths: asked without a look-up by name
  requireKernel(): void {
    this.whole.requireKernel();
  }
  syscall(): void {
    this.whole.syscall();
  }
  sysret(): void {
    this.whole.sysret();
  }
  interruptReturn(width: 16 | 32 | 64): void {
    this.whole.interruptReturn(width);
  }
  softwareInterrupt(vector: number, checked: boolean): void {
    this.whole.softwareInterrupt(vector, checked);
  }
  swapgs(): void {
    this.whole.swapgs();
  }
  setInterruptFlag(value: boolean): void {
    this.whole.setInterruptFlag(value);
  }
  native(id: number): void {
    this.whole.native(id);
  }

  cpuid(leaf: Place, subleaf: Place): { eax: Place; ebx: Place; ecx: Place; edx: Place } {
    const { eax, ebx, ecx, edx } = cpuidLeaf(this.cpu, values[leaf]! >>> 0, values[subleaf]! >>> 0);
    return { eax: putWhole(eax), ebx: putWhole(ebx), ecx: putWhole(ecx), edx: putWhole(edx) };
  }
  inspectSegment(
    question: Parameters<typeof inspectSegment>[1],
    selector: Place,
  ): { readonly valid: boolean; readonly value: Place } {
    const { valid, value } = inspectSegment(this.cpu, question, wholeAt(selector));
    return { valid, value: putWhole(value) };
  }

  requireVectors(): void {
    const { words } = this;
    if ((words[Slot.cr0 * 2]! & CR0_EM_TS) !== 0 || (words[Slot.cr4 * 2]! & CR4_OSFXSR) === 0) {
      this.whole.requireVectors();
    }
  }
  readVector(operand: Operand, aligned: boolean): Place {
    if (operand.kind === 3) {
      const { words } = this;
      const at = (Slot.xmm + operand.index * 4) * 2;
      const place = reserve(4);
      values[place] = words[at]!;
      values[place + 1] = words[at + 1]!;
      values[place + 2] = words[at + 2]!;
      values[place + 3] = words[at + 3]!;
      return place;
    }
    if (operand.width < 128) return putVector(this.whole.readVector(operand, aligned));
    this.locate(operand as MemoryOperand);
    if (aligned && (address[0]! & 15) !== 0) raise(Vector.GP, 0);
    return loadVectorPlace(this.cpu, address[0]!, address[1]!) ?? putVector(this.whole.readVector(operand, aligned));
  }
  writeVector(operand: Operand, value: Place, aligned: boolean): void {
    if (operand.kind === 3) {
      const { words } = this;
      const at = (Slot.xmm + operand.index * 4) * 2;
      words[at] = values[value]!;
      words[at + 1] = values[value + 1]!;
      words[at + 2] = values[value + 2]!;
      words[at + 3] = values[value + 3]!;
      return;
    }
    if (operand.width < 128) return this.whole.writeVector(operand, vectorAt(value), aligned);
    this.locate(operand as MemoryOperand);
    if (aligned && (address[0]! & 15) !== 0) raise(Vector.GP, 0);
    if (!storeVectorPlace(this.cpu, address[0]!, address[1]!, value)) {
      this.whole.writeVector(operand, vectorAt(value), aligned);
    }
  }
  zeroVector(): Place {
    const place = put(0, 0);
    put(0, 0);
    return place;
  }
}

const readings = new WeakMap<Cpu, EvaluateWords>();

/** The reading bound to `cpu`, one each; `host` answers native calls. Each instruction is to follow `beginInstruction()`. */
export function evaluateWords(cpu: Cpu, answers?: Host): EvaluateWords {
  let reading = readings.get(cpu);
  if (reading === undefined) readings.set(cpu, (reading = new EvaluateWords(cpu)));
  if (answers !== undefined) reading.whole.host = answers;
  return reading;
}

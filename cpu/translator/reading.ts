/**
 * The emitting reading: what a definition does becomes nodes and statements of a block. Registers are nodes too: within a
 * block nothing is written back.
 */
import type { Algebra, Bulk, FlagName, FlagsKind } from '../algebra.ts';
import { arithmeticFlags, conditionCodes, flagsKindNumbers } from '../flags.ts';
import type { MemoryOperand, Operand, Width } from '../instruction.ts';
import { Slot } from '../slots.ts';
import type { End, Exit, FlagState, Legacy, Load, Registers, Statement, Translate } from './block.ts';
import { flagNode, fusedCondition, selectedFlags, settledFlags } from './flags.ts';
import { constantOf, createNode, isConstant, type Node } from './node.ts';
import { FloatReading } from './reading-floats.ts';
import { Unemitted } from './unemitted.ts';

/** By a definition, where its exception is sure. */
class Raised extends Unemitted {}

/** Offsets that go with an address instead of being added to it: from minus this to less than this. */
const OFFSETS = 1n << 31n;
const DIRECTION = 0x400n;
const PAGE = 4096;
const RAX = 0;
const RCX = 1;
const RSI = 6;
const RDI = 7;
/** bytes that one translation of an address may cover */
const SPAN = 256;

/** What a block is translated for. */
export interface ReadingOptions {
  /** byte of the CPU's block in the WebAssembly memory */
  readonly state: number;
  /** CPL 0 */
  readonly kernel: boolean;
  /** whether SSE instructions are allowed as CR0 and CR4 are now */
  readonly vectors: boolean;
  /** neighbouring accesses share a translation */
  readonly merges: boolean;
  readonly entry: Registers;
  readonly legacy?: Legacy | undefined;
}

/** A translation as the block sees it: `base` lies `delta` bytes behind its own. */
interface Known {
  readonly base: Node;
  readonly delta: number;
  readonly translate: Translate;
  /** of an earlier block */
  readonly inherited: boolean;
}

export class Reading extends FloatReading implements Algebra<Node, Node, Node> {
  protected readonly state: number;
  private readonly options: ReadingOptions;
  readonly statements: Statement[] = [];
  private general: Node[];
  private xmm: Node[];
  private flags: FlagState;
  private changedGeneral = 0;
  private changedXmm = 0;
  /** where the instruction goes, and under what condition; undefined: to the next */
  private target: Node | undefined = undefined;
  private condition: Node | undefined = undefined;
  /** another end of the block that the instruction makes */
  private special: End | undefined = undefined;
  /** translations that the instruction has made */
  private readonly newest = new Set<Translate>();
  /** statements before the jump, and before the last store */
  private jumped = 0;
  private stored = 0;
  private rip = 0n;
  private next = 0n;
  private executed = 0;
  /** as they were before the instruction; made when an exit needs them */
  private before: Registers | undefined = undefined;
  /** the first instruction behind the last store, and the way out to it, once there is one */
  private start: { readonly rip: bigint; readonly executed: number; readonly before: Registers } | undefined =
    undefined;
  private segment: Exit | undefined = undefined;
  private segmentStored = 0;
  private readonly unions = new Map<FlagState, FlagState>();
  private translations: Known[] = [];
  /** by the integers that they load */
  private readonly loads = new Map<Node, Load>();
  /** bodies of `when` that are being read */
  private conditional = 0;

  constructor(options: ReadingOptions) {
    super();
    this.options = options;
    this.state = options.state;
    this.general = [...options.entry.general];
    this.xmm = [...options.entry.xmm];
    this.flags = options.entry.flags;
    for (const { register, delta, translate } of options.legacy?.translations ?? []) {
      this.translations.push({ base: this.general[register]!, delta, translate, inherited: true });
    }
  }

  /** An instruction begins. */
  begin(rip: bigint, length: number): void {
    this.rip = rip;
    this.next = BigInt.asUintN(64, rip + BigInt(length));
    this.before = this.now();
    this.newest.clear();
    if (this.stored !== this.segmentStored) {
      this.segmentStored = this.stored;
      this.start = undefined;
      this.segment = undefined;
    }
    this.start ??= { rip, executed: this.executed, before: this.before };
    this.target = undefined;
    this.condition = undefined;
    this.special = undefined;
    this.beginFloats();
  }

  /** It has been read: where it goes if not to the next one. */
  finish(): End | undefined {
    const end = this.endOf();
    // the host counts the instruction that it executes
    if (end?.kind !== 'native') this.executed++;
    return end;
  }
  private endOf(): End | undefined {
    const exit = this.target === undefined ? undefined : this.exit();
    const { target, condition, next } = this;
    if (this.special !== undefined) return this.special;
    if (target === undefined) return undefined;
    const known = constantOf(target);
    if (known === undefined) {
      if (condition !== undefined) throw new Unemitted('a conditional jump to a computed address', true);
      if (this.stored > this.jumped) this.guardTarget(this.nodes.wide(target), exit!);
      return { kind: 'indirect', target: this.nodes.wide(target), exit: exit! };
    }
    // a block of which two edges lead to one other would have that emitted twice
    if (condition === undefined || isConstant(condition) || known === next) {
      return { kind: 'jump', target: condition?.value === 0 ? next : known };
    }
    return { kind: 'branch', condition, target: known, next };
  }

  /** In front of the store that follows a jump: one that is not canonical, which the end would find, stores nothing. */
  private guardTarget(target: Node, exit: Exit): void {
    const { nodes } = this;
    const by = nodes.i64(16n);
    const extended = nodes.binary('i64.shr_s', nodes.binary('i64.shl', target, by), by);
    const bad = nodes.binary('i64.ne', extended, target);
    this.statements.splice(this.jumped, 0, { kind: 'guard', bad, exit });
    this.stored++;
  }

  /** What has been read of an instruction that cannot be emitted is void. */
  abandon(statements: number): void {
    this.statements.length = statements;
    const { general, xmm, flags, changed } = this.before!;
    this.general = [...general];
    this.xmm = [...xmm];
    this.flags = flags;
    this.changedGeneral = changed.general;
    this.changedXmm = changed.xmm;
    this.conditional = 0;
    this.abandonFloats();
    this.translations = this.translations.filter(({ translate }) => !this.newest.has(translate));
    this.newest.clear();
  }

  /** As they are now, the flags as one operation. */
  get registers(): Registers {
    const now = this.now();
    return { ...now, flags: this.united(now.flags) };
  }
  private now(): Registers {
    const { changedGeneral: general, changedXmm: xmm, flags } = this;
    const changed = { general, xmm, flags: flags !== this.options.entry.flags };
    return { general: this.general.slice(), xmm: this.xmm.slice(), flags, changed };
  }
  get instructions(): number {
    return this.executed;
  }

  /**
   * Back to where nothing has been stored since: what lies between changes registers only, and is executed again. So that one
   * way out serves many instructions.
   */
  private exit(): Exit {
    if (this.segment === undefined) {
      const { rip, executed, before } = this.start!;
      this.segment = { rip, executed, registers: { ...before, flags: this.united(before.flags) } };
    }
    return this.segment;
  }

  /** Flags that have been set on their own join those of the operation. */
  private united(flags: FlagState): FlagState {
    if (Object.keys(flags.own).length === 0) return flags;
    let united = this.unions.get(flags);
    if (united === undefined) {
      const zero = this.nodes.i64(0n);
      const settled = settledFlags(this.nodes, flags);
      united = { kind: this.nodes.i32(0), left: zero, right: zero, result: zero, settled, own: {} };
      this.unions.set(flags, united);
    }
    return united;
  }

  protected guard(bad: Node): void {
    if (constantOf(bad) === 0n) return;
    if (isConstant(bad)) throw new Unemitted('what always leaves', false);
    this.requireUnconditional();
    this.statements.push({ kind: 'guard', bad, exit: this.exit() });
  }
  protected check(when: Node, bad: Node, shared: readonly Node[]): void {
    if (constantOf(when) === 0n) return;
    this.requireUnconditional();
    this.statements.push({ kind: 'check', when, bad, shared, exit: this.exit() });
  }
  protected pinned(node: Node): Node {
    this.requireUnconditional();
    const result = createNode('result', node.type, []);
    this.statements.push({ kind: 'compute', node, result });
    return result;
  }
  protected requireUnconditional(): void {
    if (this.conditional > 0) throw new Unemitted('an effect under a condition', false);
  }

  // operands

  read(operand: Operand): Node {
    switch (operand.kind) {
      case 0:
        if (operand.high) {
          const register = this.nodes.low(this.general[operand.index]!);
          return this.truncate(this.nodes.binary('i32.shr_u', register, this.nodes.i32(8)), 8);
        }
        return this.readRegister(operand.index, operand.width);
      case 1:
        return this.load(this.linearAddress(operand), operand.width as Width);
      case 2:
        return this.constant(operand.value);
      case 3:
        return this.lane(this.xmm[operand.index]!, operand.width as Width, 0);
      default:
        throw new Unemitted('an operand', false);
    }
  }
  readForWrite(operand: Operand): Node {
    if (operand.kind !== 1) return this.read(operand);
    const linear = this.linearAddress(operand);
    this.probeStore(linear, operand.width as Width);
    return this.load(linear, operand.width as Width);
  }
  write(operand: Operand, value: Node): void {
    switch (operand.kind) {
      case 0:
        if (operand.high) {
          const shifted = this.shl(this.truncate(value, 8), this.constant(8n), 64);
          this.setGeneral(operand.index, this.merged(this.general[operand.index]!, 0xff00, shifted));
        } else this.writeRegister(operand.index, operand.width, value);
        return;
      case 1:
        this.store(this.linearAddress(operand), operand.width as Width, value);
        return;
      case 3:
        this.setXmm(operand.index, this.withLane(this.xmm[operand.index]!, operand.width as Width, 0, value));
        return;
      default:
        throw new Unemitted('an operand', false);
    }
  }
  readRegister(index: number, width: Width): Node {
    return this.truncate(this.general[index]!, width);
  }
  writeRegister(index: number, width: Width, value: Node): void {
    const part = this.truncate(value, width);
    this.setGeneral(index, width >= 32 ? part : this.merged(this.general[index]!, width === 16 ? 0xffff : 0xff, part));
  }
  private setGeneral(index: number, value: Node): void {
    this.general[index] = value;
    this.changedGeneral |= 1 << index;
  }
  private setXmm(index: number, value: Node): void {
    this.xmm[index] = value;
    this.changedXmm |= 1 << index;
  }
  /** `part` in place of the bits of `mask`. */
  private merged(value: Node, mask: number, part: Node): Node {
    const { nodes } = this;
    if (value.type === 'i32') {
      return nodes.binary('i32.or', nodes.binary('i32.and', value, nodes.i32(~mask)), nodes.low(part));
    }
    const kept = nodes.binary('i64.and', nodes.wide(value), nodes.i64(BigInt(~mask)));
    return nodes.binary('i64.or', kept, nodes.wide(part));
  }

  effectiveAddress(operand: MemoryOperand): Node {
    const { nodes, general } = this;
    if (operand.vector !== undefined) throw new Unemitted('an index in a vector', false);
    let address = operand.ripRelative ? nodes.i64(this.next) : nodes.i64(0n);
    if (operand.base >= 0) address = nodes.wide(general[operand.base]!);
    if (operand.index >= 0) {
      const scale = nodes.i64(BigInt(Math.log2(operand.scale)));
      address = nodes.binary('i64.add', address, nodes.binary('i64.shl', nodes.wide(general[operand.index]!), scale));
    }
    address = nodes.binary('i64.add', address, nodes.i64(operand.displacement));
    return operand.addressWidth === 32 ? nodes.wide(this.truncate(address, 32)) : address;
  }
  linearAddress(operand: MemoryOperand): Node {
    const effective = this.effectiveAddress(operand);
    if (operand.segment < 0) return effective;
    const base = this.slot('i64', operand.segment === 4 ? Slot.fsBase : Slot.gsBase);
    return this.nodes.binary('i64.add', effective, base);
  }
  nextRip(): Node {
    return this.nodes.i64(this.next);
  }
  readSystem(register: string): Node {
    if (register !== 'fsBase' && register !== 'gsBase') throw new Unemitted(`readSystem ${register}`, false);
    return this.slot('i64', Slot[register]);
  }

  // memory

  /** What makes `size` bytes at `linear` accessible, and where they lie in what it covers. */
  private translation(linear: Node, access: 0 | 1, size: number): readonly [Translate, number] {
    this.requireUnconditional();
    const { base, offset } = splitAddress(this.nodes, linear);
    const found = this.translations.find(({ base: known, delta, translate }) => {
      if (known !== base || translate.access < access) return false;
      const span = Math.max(translate.high, offset + delta + size) - Math.min(translate.low, offset + delta);
      return span <= (this.options.merges ? SPAN : translate.high - translate.low);
    });
    if (found !== undefined) {
      const { translate, delta } = found;
      translate.low = Math.min(translate.low, offset + delta);
      translate.high = Math.max(translate.high, offset + delta + size);
      if (found.inherited) {
        translate.outlives = true;
        translate.copies = false;
      }
      return [translate, offset + delta];
    }
    const host = createNode('result', 'i32', []);
    const made: Translate = {
      kind: 'translate',
      base,
      access,
      low: offset,
      high: offset + size,
      copies: true,
      outlives: false,
      host,
      exit: this.exit(),
    };
    this.statements.push(made);
    this.translations.push({ base, delta: 0, translate: made, inherited: false });
    this.newest.add(made);
    return [made, offset];
  }

  /** For a block that only this one leads to. */
  legacy(): Legacy {
    const translations = this.general.flatMap((node, register) => {
      const { base, offset } = splitAddress(this.nodes, node);
      return this.translations
        .filter((known) => known.base === base)
        .map(({ delta, translate }) => ({ register, delta: offset + delta, translate }));
    });
    const kind = constantOf(this.united(this.flags).kind);
    return { translations, flagsKind: kind === undefined ? undefined : Number(kind) };
  }

  load(linear: Node, width: Width): Node {
    const [from, offset] = this.translation(linear, 0, width / 8);
    this.noteLoad(from);
    const integer = createNode('result', width === 64 ? 'i64' : 'i32', [], 0, width);
    const load: Load = { kind: 'load', from, offset, width, integer, float: undefined };
    this.statements.push(load);
    this.loads.set(integer, load);
    return integer;
  }
  protected floatOf(width: 32 | 64, value: Node): Node {
    const load = this.loads.get(value);
    if (load === undefined || load.width !== width) return this.nodes.asFloat(width, value);
    load.float ??= createNode('result', width === 64 ? 'f64' : 'f32', []);
    return load.float;
  }
  store(linear: Node, width: Width, value: Node): void {
    const [to, offset] = this.translation(linear, 1, width / 8);
    this.settleChecks();
    this.stored = this.statements.push({ kind: 'store', to, offset, width, value });
  }
  private noteLoad(from: Translate): void {
    if (this.stored > this.statements.indexOf(from)) from.copies = false;
  }
  probeStore(linear: Node, width: Width): void {
    this.translation(linear, 1, width / 8);
  }

  /** What many iterations come to, where all of their bytes lie in one page; else it is the interpreter's. */
  repeat(addressWidth: 32 | 64, _zf: boolean | undefined, _body: () => void, bulk?: Bulk): void {
    if (bulk === undefined || addressWidth === 32) throw new Unemitted('repeat', false);
    const { nodes } = this;
    const { kind, width } = bulk;
    const size = width / 8;
    const count = nodes.wide(this.readRegister(RCX, 64));
    const shift = nodes.i64(BigInt(Math.log2(size)));
    const whole = nodes.binary('i64.shl', count, shift);
    const backward = this.bit(this.slot('i32', Slot.rflags), 10);
    // from the lowest element to the one that the registers point at
    const back = nodes.select(backward, nodes.binary('i64.sub', whole, nodes.i64(BigInt(size))), nodes.i64(0n));
    this.guard(nodes.binary('i64.lt_u', nodes.i64(BigInt(PAGE / size)), count));
    const bytes = nodes.low(whole);
    const source = kind === 'copy' ? this.bulkOperand(RSI, back, 0, bytes) : this.readRegister(RAX, width);
    const to = this.bulkOperand(RDI, back, 1, bytes);
    const exit = this.exit();
    this.settleChecks();
    this.stored = this.statements.push({
      kind: 'bulk',
      width,
      count: nodes.low(count),
      bytes,
      to,
      source,
      backward,
      exit,
    });
    for (const register of kind === 'copy' ? [RSI, RDI] : [RDI]) {
      const before = nodes.wide(this.readRegister(register, 64));
      const after = nodes.select(
        backward,
        nodes.binary('i64.sub', before, whole),
        nodes.binary('i64.add', before, whole),
      );
      this.writeRegister(register, 64, after);
    }
    this.writeRegister(RCX, 64, this.constant(0n));
  }
  /** What `register` points at, `back` bytes before, which must lie in one page. */
  private bulkOperand(register: number, back: Node, access: 0 | 1, bytes: Node): Translate {
    const { nodes } = this;
    const base = nodes.binary('i64.sub', nodes.wide(this.readRegister(register, 64)), back);
    const offset = nodes.binary('i32.and', nodes.low(base), nodes.i32(PAGE - 1));
    this.guard(nodes.binary('i32.lt_u', nodes.i32(PAGE), nodes.binary('i32.add', offset, bytes)));
    const host = createNode('result', 'i32', []);
    return {
      kind: 'translate',
      base,
      access,
      low: 0,
      high: 1,
      copies: false,
      outlives: false,
      host,
      exit: this.exit(),
    };
  }

  // flags

  setFlags(kind: FlagsKind, width: Width, left: Node, right: Node, result: Node): void {
    const number = this.nodes.i32(flagsKindNumbers[kind] | (width << 8));
    this.flags = { kind: number, left, right, result, settled: this.flags.settled, own: {} };
  }
  setFlag(name: FlagName, value: Node): void {
    this.flags = { ...this.flags, own: { ...this.flags.own, [name]: value } };
  }
  flag(name: FlagName): Node {
    return flagNode(this, this.nodes, this.flags, name);
  }
  conditionCode(code: number): Node {
    const half = code >> 1;
    const holds = fusedCondition(this, this.nodes, this.flags, half) ?? conditionCodes[half]!(this);
    return (code & 1) === 0 ? holds : this.negate(holds);
  }

  private nonArithmeticFlags(): Node {
    return this.nodes.binary('i32.and', this.slot('i32', Slot.rflags), this.nodes.i32(~arithmeticFlags));
  }
  readRflags(): Node {
    return this.nodes.binary('i32.or', this.nonArithmeticFlags(), settledFlags(this.nodes, this.flags));
  }
  /** Only DF may differ, which is how CLD and STD write it. */
  writeRflags(value: Node): void {
    const [before, change] = value.args;
    const bits = change === undefined ? undefined : constantOf(change);
    if (before !== this.readRflags() || bits === undefined) throw new Unemitted('writeRflags', false);
    const clears = value.op === 'i32.and' && bits === (0xffff_ffffn & ~DIRECTION);
    const sets = value.op === 'i32.or' && bits === DIRECTION;
    if (!clears && !sets) throw new Unemitted('writeRflags', false);
    this.special = { kind: 'direction', backward: sets, next: this.next };
  }
  directionStep(width: Width): Node {
    const backward = this.bit(this.slot('i32', Slot.rflags), 10);
    return this.nodes.select(backward, this.nodes.i64(BigInt(-width / 8)), this.nodes.i64(BigInt(width / 8)));
  }

  // of the kernel

  requireKernel(): void {
    if (!this.options.kernel) throw new Unemitted('requireKernel', false);
  }
  setInterruptFlag(value: boolean): void {
    // an interrupt may wait for IF
    if (value) throw new Unemitted('setInterruptFlag', false);
    this.special = { kind: 'cli', next: this.next };
  }
  swapgs(): void {
    this.special = { kind: 'swapgs', next: this.next };
  }
  native(id: number): void {
    this.requireKernel();
    const length = Number(this.next - this.rip);
    this.special = { kind: 'native', id, length, rip: this.rip, next: this.next };
  }

  // control

  jump(target: Node): void {
    const known = constantOf(target);
    if (known !== undefined && BigInt.asUintN(64, BigInt.asIntN(48, known)) !== known)
      throw new Unemitted('a jump out of the address space', true);
    this.target = target;
    this.jumped = this.statements.length;
  }
  raise(): void {
    throw new Raised('raise', true);
  }
  when(condition: Node, yes: () => void, no?: () => void): void {
    if (isConstant(condition)) {
      if (condition.value !== 0) yes();
      else no?.();
      return;
    }
    const before = { general: [...this.general], xmm: [...this.xmm], flags: this.flags, target: this.target };
    const taken = this.branchOf(yes, condition, false);
    Object.assign(this, { ...before, general: [...before.general], xmm: [...before.xmm] });
    const other = this.branchOf(no ?? (() => {}), condition, true);
    if (taken.leaves) return;
    this.general = taken.general.map((node, n) => this.select(condition, node, other.general[n]!));
    this.xmm = taken.xmm.map((node, n) => this.select(condition, node, other.xmm[n]!));
    this.flags = selectedFlags(this, this.nodes, condition, taken.flags, other.flags);
    if (taken.target === other.target) return;
    if (other.target !== before.target || this.condition !== undefined) throw new Unemitted('two jumps', true);
    this.target = taken.target;
    this.condition = condition;
  }
  /** Registers at the end of a body; where all it does is to raise an exception, the interpreter raises it. */
  private branchOf(body: () => void, condition: Node, negated: boolean) {
    this.conditional++;
    let leaves = false;
    try {
      body();
    } catch (error) {
      if (!(error instanceof Raised) || negated || this.conditional !== 1) throw error;
      leaves = true;
    }
    this.conditional--;
    if (leaves) this.guard(condition);
    return { general: this.general, xmm: this.xmm, flags: this.flags, target: this.target, leaves };
  }

  // vectors

  requireVectors(): void {
    if (!this.options.vectors) throw new Unemitted('SSE while it is off', false);
  }
  readVector(operand: Operand, aligned: boolean): Node {
    if (operand.kind === 3) return this.xmm[operand.index]!;
    if (operand.kind !== 1 || operand.width !== 128) throw new Unemitted('a vector operand', false);
    const linear = this.linearAddress(operand);
    this.requireAlignment(linear, aligned);
    const [from, offset] = this.translation(linear, 0, 16);
    this.noteLoad(from);
    const integer = createNode('result', 'v128', []);
    this.statements.push({ kind: 'load', from, offset, width: 128, integer, float: undefined });
    return integer;
  }
  writeVector(operand: Operand, value: Node, aligned: boolean): void {
    if (operand.kind === 3) {
      this.setXmm(operand.index, value);
      return;
    }
    if (operand.kind !== 1 || operand.width !== 128) throw new Unemitted('a vector operand', false);
    const linear = this.linearAddress(operand);
    this.requireAlignment(linear, aligned);
    const [to, offset] = this.translation(linear, 1, 16);
    this.settleChecks();
    this.stored = this.statements.push({ kind: 'store', to, offset, width: 128, value });
  }
  private requireAlignment(linear: Node, aligned: boolean): void {
    if (!aligned) return;
    const rest = this.nodes.binary('i32.and', this.nodes.low(linear), this.nodes.i32(15));
    this.guard(this.negate(this.nodes.isZero(rest)));
  }
}

/** A linear address as a node and a constant that a WebAssembly offset can hold. */
function splitAddress(nodes: Reading['nodes'], linear: Node): { readonly base: Node; readonly offset: number } {
  const wide = nodes.wide(linear);
  if (wide.op === 'i64.add' && isConstant(wide.args[1]!)) {
    const offset = BigInt.asIntN(64, wide.args[1]!.value as bigint);
    if (offset >= -OFFSETS && offset < OFFSETS) return { base: wide.args[0]!, offset: Number(offset) };
  }
  return { base: wide, offset: 0 };
}

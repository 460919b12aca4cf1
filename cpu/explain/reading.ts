/**
 * The explaining reading of the algebra: state is what was written so far, in expressions of the state before the
 * instruction; what happens becomes statements. `when` explores both branches and joins what they leave; `repeat` gives
 * one iteration, in expressions of the state before it, and must be the whole of its definition.
 */
import type { Algebra, FlagName, FlagsKind, SegmentQuestion, SystemRegister } from '../algebra.ts';
import { Vector } from '../fault.ts';
import { conditionCodes, flagBits, flagNames, flagsRows } from '../flags.ts';
import type { MemoryOperand, Operand, Width, XmmOperand } from '../instruction.ts';
import {
  namedFlagBits,
  registerAt,
  xmmAt,
  RIP,
  type Condition,
  type Expression,
  type Location,
  type NamedFlag,
  type Node,
  type Sort,
  type Statement,
  type StatusFlag,
  type VectorExpression,
} from './node.ts';
import { Extended, usesFcw } from './extended.ts';
import { copyOf, freshState, type State } from './explored-state.ts';
import { rflagsBit, statusConditions } from './status-bits.ts';
import { isItself } from './view.ts';
import { usesMxcsr } from './vectors.ts';

/** A load or a store. */
export interface Access {
  readonly kind: 'read' | 'write';
  readonly address: Expression;
  readonly width: number;
  /** only under a condition, or in a loop that may not be entered */
  readonly sometimes: boolean;
}

const R_CX = 1;
const R_11 = 11;
const RSP = 4;
const EFER_SCE = 0;
/** Upper halves of the ymm registers count from here. */
const UPPER = 16;

export class Reading extends Extended implements Algebra<Expression, Condition, VectorExpression> {
  statements: Statement[] = [];
  readonly accesses: Access[] = [];
  /** vectors of exceptions that the definition can raise, besides those of `raise` statements */
  readonly faults = new Set<number>();
  private readonly next: Expression;
  private state = freshState();
  private depth = 0;
  /** operations whose exceptions MXCSR or FSW collects, whether or not their result is used */
  private readonly rounded: Node[] = [];
  private settlements = 0;
  private readonly stackFaults: Condition[] = [];

  /** `next` is the address of the next instruction, where it is known. */
  constructor(next: bigint | undefined) {
    super();
    this.next = next === undefined ? this.value('nextRip', []) : this.address(next);
  }

  override node<S extends Sort>(sort: S, op: string, args: Node['args'], bits: number, field = ''): Node<S> {
    const made = super.node(sort, op, args, bits, field);
    const collected = usesMxcsr(made) || usesFcw(made) || made.op === 'compareExtended';
    if (collected && !this.rounded.includes(made)) this.rounded.push(made);
    return made;
  }
  private emit(statement: Statement): void {
    this.statements.push(statement);
  }
  private put(to: Location, value: Node, width = 64): void {
    this.emit({ kind: 'write', to, value, width });
  }
  private act(name: string, args: readonly Node['args'][number][], writes: readonly Location[] = []): void {
    this.emit({ kind: 'action', name, args, writes });
  }

  // operands
  read(operand: Operand): Expression {
    switch (operand.kind) {
      case 0:
        return operand.high ? this.part(operand.index, 8, 8) : this.readRegister(operand.index, operand.width);
      case 1:
        return this.load(this.linearAddress(operand), operand.width as Width);
      case 2:
        return this.constant(operand.value);
      case 3:
        return this.lane(this.xmm(operand.index), operand.width === 32 ? 32 : 64, 0);
      case 4:
        return this.readSegment(operand.index);
      case 8:
        return this.lane(this.mmx(operand.index), 64, 0);
      default:
        this.undefinedInstruction();
        return this.constant(0n);
    }
  }
  readForWrite(operand: Operand): Expression {
    return this.read(operand);
  }
  write(operand: Operand, value: Expression): void {
    switch (operand.kind) {
      case 0:
        this.writePart(operand.index, operand.high ? 8 : 0, operand.width, value);
        return;
      case 1:
        this.store(this.linearAddress(operand), operand.width as Width, value);
        return;
      case 3: {
        const width = operand.width === 32 ? 32 : 64;
        const { index } = operand;
        this.put({ kind: 'xmm', index, low: 0, width }, this.truncate(value, width), width);
        this.state.vectors.set(index, this.withLane(this.xmm(index), width, 0, value));
        return;
      }
      case 8:
        this.putMmx(operand.index, this.withLane(this.zeroVector(), 64, 0, value), value);
        return;
      default:
        this.undefinedInstruction();
    }
  }
  /** A slice of a general register as it is now. */
  private part(index: number, low: number, width: number): Expression {
    const written = this.state.registers.get(index);
    if (written === undefined) return this.register(index, width, low);
    if (written.op === 'insert') {
      const [before, at, bits, part] = written.args as [Expression, number, number, Expression];
      if (at === low && bits === width) return part;
      const apart = at >= low + width || low >= at + bits;
      if (apart && before.op === 'register') return this.register(index, width, low);
    }
    return this.truncate(this.shr(written, this.constant(BigInt(low)), 64), width as Width);
  }
  readRegister(index: number, width: Width): Expression {
    return this.part(index, 0, width);
  }
  writeRegister(index: number, width: Width, value: Expression): void {
    this.writePart(index, 0, width, value);
  }
  private writePart(index: number, low: number, width: Width, value: Expression): void {
    const short = this.truncate(value, width);
    if (width !== 32 && this.writeSometimes(registerAt(index, width, low), short, width)) {
      this.state.registers.set(index, width === 64 ? short : this.insert(this.part(index, 0, 64), low, width, short));
      return;
    }
    if (width >= 32) {
      this.put(registerAt(index, 64), short, width);
      this.state.registers.set(index, short);
      return;
    }
    if (short.op === 'concat' && width === 16 && short.args[2] === 8) {
      this.put(registerAt(index, 8), short.args[1] as Expression, 8);
      this.put(registerAt(index, 8, 8), short.args[0] as Expression, 8);
    } else this.put(registerAt(index, width, low), short, width);
    const before = this.part(index, 0, 64);
    this.state.registers.set(index, this.insert(before, low, width, short));
  }
  /** `register <- value if condition else register` as a write under a condition. */
  private writeSometimes(to: Location, value: Expression, width: number): boolean {
    if (value.op !== 'select') return false;
    const [condition, yes, no] = value.args as [Condition, Expression, Expression];
    const holds = isItself(no, to) ? condition : isItself(yes, to) ? this.negate(condition) : undefined;
    if (holds === undefined) return false;
    const write: Statement = { kind: 'write', to, value: holds === condition ? yes : no, width };
    this.emit({ kind: 'if', condition: holds, yes: [write], no: [], after: [{ at: to, value }] });
    return true;
  }
  effectiveAddress(operand: MemoryOperand): Expression {
    const { base, index, scale, displacement, addressWidth: width } = operand;
    let address: Expression | undefined;
    if (base >= 0) address = this.readRegister(base, width);
    else if (operand.ripRelative) address = this.truncate(this.nextRip(), width);
    if (index >= 0) {
      const scaled = this.multiply(this.readRegister(index, width), this.constant(BigInt(scale)), width);
      address = address === undefined ? scaled : this.add(address, scaled, width);
    }
    if (address === undefined) return this.address(BigInt.asUintN(width, displacement));
    return width === 64
      ? this.offset(address, displacement)
      : this.add(address, this.constant(BigInt.asUintN(32, displacement)), 32);
  }
  linearAddress(operand: MemoryOperand): Expression {
    const address = this.effectiveAddress(operand);
    if (operand.segment < 0) return address;
    const base = this.readSystem(operand.segment === 4 ? 'fsBase' : 'gsBase');
    return address.op === 'constant' ? this.offset(base, address.args[0] as bigint) : this.add(base, address, 64);
  }
  load(linear: Expression, width: Width): Expression {
    this.access('read', linear, width);
    return this.value('load', [linear, width], width);
  }
  loadWhere(condition: Condition, linear: Expression, width: Width): Expression {
    if (condition === this.never) return this.constant(0n);
    this.depth++;
    this.access('read', linear, width);
    this.depth--;
    return this.value('loadWhere', [condition, linear, width], width);
  }
  storeWhere(condition: Condition, linear: Expression, width: Width, value: Expression): void {
    this.when(condition, () => this.store(linear, width, value));
  }
  store(linear: Expression, width: Width, value: Expression): void {
    this.access('write', linear, width);
    this.put({ kind: 'memory', address: linear, width }, this.truncate(value, width), width);
  }
  private access(kind: Access['kind'], address: Expression, width: number): void {
    this.addressFaults(address);
    const known = this.accesses.some((a) => a.kind === kind && a.address === address && a.width === width);
    if (!known) this.accesses.push({ kind, address, width, sometimes: this.depth > 0 });
  }
  private addressFaults(address: Node): void {
    this.faults.add(Vector.PF).add(Vector.GP);
    const throughStack = (node: Node): boolean =>
      node.op === 'register'
        ? node.args[0] === RSP || node.args[0] === RSP + 1
        : (node.op === 'add' || node.op === 'sub') && (node.args.slice(0, 2) as Node[]).some(throughStack);
    if (throughStack(address)) this.faults.add(Vector.SS);
  }
  probeStore(linear: Expression): void {
    this.addressFaults(linear);
  }
  nextRip(): Expression {
    return this.next;
  }
  override divide(high: Expression, low: Expression, divisor: Expression, width: Width, signed: boolean) {
    this.faults.add(Vector.DE);
    return super.divide(high, low, divisor, width, signed);
  }

  // conditions
  when(condition: Condition, yes: () => void, no?: () => void): void {
    if (condition === this.always) return yes();
    if (condition === this.never) return no?.();
    const outer = this.statements;
    const before = this.state;
    const explore = (body: (() => void) | undefined): { state: State; statements: Statement[] } => {
      this.state = copyOf(before);
      this.statements = [];
      body?.();
      return { state: this.state, statements: this.statements };
    };
    this.depth++;
    const first = explore(yes);
    const second = explore(no);
    this.depth--;
    this.statements = outer;
    this.state = this.join(condition, first.state, second.state);
    const after = [...first.statements, ...second.statements].flatMap((statement) => this.left(statement));
    this.emit({ kind: 'if', condition, yes: first.statements, no: second.statements, after });
  }
  /** What the places hold that a statement of a branch wrote, after both. */
  private left(statement: Statement): { at: Location; value: Node | undefined }[] {
    switch (statement.kind) {
      case 'write':
        return [{ at: statement.to, value: this.now(statement.to) }];
      case 'flags':
        return [...statement.values.keys()].map((name) => ({ at: { kind: 'flag', name }, value: this.flag(name) }));
      case 'if':
        return statement.after.map(({ at }) => ({ at, value: this.now(at) }));
      case 'action':
        return statement.writes.map((at) => ({ at, value: undefined }));
      default:
        return [];
    }
  }
  private now(at: Location): Node | undefined {
    if (at.kind === 'register') return this.part(at.index, at.low, at.width);
    if (at.kind === 'flag' && at.name in flagBits) return this.flag(at.name as FlagName);
    return undefined;
  }
  private join(condition: Condition, yes: State, no: State): State {
    if (yes.abandoned) return no;
    if (no.abandoned) return yes;
    const merge = <K, N>(one: Map<K, N>, two: Map<K, N>, old: (key: K) => N, pick: (y: N, n: N) => N): Map<K, N> =>
      new Map(
        [...one.keys(), ...two.keys()].map((key) => [key, pick(one.get(key) ?? old(key), two.get(key) ?? old(key))]),
      );
    return {
      registers: merge(
        yes.registers,
        no.registers,
        (index) => this.register(index, 64),
        (y, n) => this.select(condition, y, n),
      ),
      vectors: merge(
        yes.vectors,
        no.vectors,
        (index) => this.vectorNode('xmm', [index]),
        (y, n) => this.selectVector(condition, y, n),
      ),
      mmx: merge(
        yes.mmx,
        no.mmx,
        (index) => this.mmx(index),
        (y, n) => this.selectVector(condition, y, n),
      ),
      flags: merge(
        yes.flags,
        no.flags,
        (name) => this.condition('flag', [name]),
        (y, n) => this.choose(condition, y, n),
      ),
      system: merge(
        yes.system,
        no.system,
        (name) => this.value('readSystem', [name]),
        (y, n) => this.select(condition, y, n),
      ),
      x87: merge(
        yes.x87,
        no.x87,
        (index) => this.x87At(index),
        (y, n) => ({
          value: this.selectVector(condition, y.value, n.value),
          empty: this.choose(condition, y.empty, n.empty),
        }),
      ),
      // a stack that moves under a condition does so at the end of a definition
      turned: yes.turned,
      rflags: yes.rflags === no.rflags ? yes.rflags : undefined,
      abandoned: false,
    };
  }

  // flags
  setFlags(kind: FlagsKind, width: Width, left: Expression, right: Expression, result: Expression): void {
    const operation = { width, left, right, result };
    const values = new Map<FlagName, Condition>();
    const constants: [FlagName, Condition][] = [];
    for (const name of flagNames) {
      const value = flagsRows[kind][name](this, operation);
      if (value === this.flag(name)) continue;
      if (value === this.always || value === this.never) constants.push([name, value]);
      else values.set(name, value);
    }
    if (values.size > 0) this.emit({ kind: 'flags', result, values });
    for (const [name, value] of values) this.state.flags.set(name, value);
    for (const [name, value] of constants) this.setFlag(name, value);
  }
  setFlag(name: FlagName, value: Condition): void {
    this.put({ kind: 'flag', name }, value, 1);
    this.state.flags.set(name, value);
  }
  flag(name: FlagName): Condition {
    return this.state.flags.get(name) ?? this.condition('flag', [name]);
  }
  conditionCode(code: number): Condition {
    const condition = conditionCodes[code >> 1]!(this);
    return (code & 1) === 1 ? this.negate(condition) : condition;
  }
  readRflags(): Expression {
    let value = this.state.rflags ?? this.value('readRflags', []);
    for (const [name, condition] of this.state.flags) {
      const bit = this.shl(this.toValue(condition), this.constant(BigInt(flagBits[name])), 64);
      value = this.or(this.and(value, this.constant(~(1n << BigInt(flagBits[name])))), bit);
    }
    return value;
  }
  /** Flags that become 0 or 1 are written one by one where nothing else changes. */
  writeRflags(value: Expression): void {
    const changes: [NamedFlag, Condition][] = [];
    const named = Object.entries(namedFlagBits) as [keyof typeof namedFlagBits, number][];
    const plain = Array.from({ length: 22 }, (_, n) => n).every((position) => {
      const bit = rflagsBit(value, position);
      if (bit === 'same') return true;
      const name = named.find(([, at]) => at === position)?.[0];
      if (bit === 'other' || name === undefined) return false;
      changes.push([name, bit === 1 ? this.always : this.never]);
      return true;
    });
    if (plain) for (const [name, condition] of changes) this.put({ kind: 'flag', name }, condition, 1);
    else this.put({ kind: 'rflags' }, value);
    this.state.rflags = value;
    this.state.flags.clear();
    for (const name of flagNames) {
      const bit = rflagsBit(value, flagBits[name]);
      if (bit !== 'same') this.state.flags.set(name, this.bit(value, flagBits[name]));
    }
  }
  directionStep(width: Width): Expression {
    return this.value('directionStep', [width]);
  }

  // control
  jump(target: Expression): void {
    this.faults.add(Vector.GP);
    this.put(RIP, target);
  }
  repeat(addressWidth: 32 | 64, zf: boolean | undefined, body: () => void): void {
    const outer = this.statements;
    this.statements = [];
    this.depth++;
    body();
    this.depth--;
    this.writeRegister(
      R_CX,
      addressWidth,
      this.sub(this.readRegister(R_CX, addressWidth), this.constant(1n), addressWidth),
    );
    const zero = this.flag('ZF');
    const until = zf === undefined ? undefined : zf ? this.negate(zero) : zero;
    const inner = this.statements;
    this.statements = outer;
    this.emit({ kind: 'while', counter: registerAt(R_CX, addressWidth), body: inner, until });
  }
  raise(vector: number, errorCode?: number): void {
    this.emit({ kind: 'raise', vector, errorCode });
    this.state.abandoned = true;
  }
  requireKernel(): void {
    this.when(this.condition('user', []), () => this.raise(Vector.GP, 0));
  }
  requireKernelElseUndefined(): void {
    this.when(this.condition('user', []), () => this.raise(Vector.UD));
  }

  // system
  readSystem(register: SystemRegister): Expression {
    return this.state.system.get(register) ?? this.value('readSystem', [register]);
  }
  writeSystem(register: SystemRegister, value: Expression): void {
    if (register === 'fsBase' || register === 'gsBase') this.faults.add(Vector.GP);
    if (register === 'fsw' && this.writeStatusFlags(value)) this.state.system.set(register, value);
    else this.setSystem(register, value);
  }
  /** FSW with other condition bits: written one by one. */
  private writeStatusFlags(value: Expression): boolean {
    const conditions = statusConditions(value, this.readSystem('fsw'), this.never);
    if (conditions === undefined) return false;
    for (const [name, condition] of conditions) this.put({ kind: 'flag', name }, condition, 1);
    return true;
  }
  private setSystem(register: SystemRegister, value: Expression): void {
    this.put({ kind: 'system', name: register }, value);
    this.state.system.set(register, value);
  }
  readSegment(index: number): Expression {
    return this.value('readSegment', [index], 16);
  }
  /** FS and GS lose their bases. */
  loadSegment(index: number, selector: Expression): void {
    this.faults.add(Vector.GP).add(Vector.NP);
    this.put({ kind: 'segment', index }, selector, 16);
    if (index === 4) this.setSystem('fsBase', this.constant(0n));
    if (index === 5) this.setSystem('gsBase', this.constant(0n));
  }
  loadCodeSegment(selector: Expression): void {
    this.faults.add(Vector.GP).add(Vector.NP);
    this.put({ kind: 'segment', index: 1 }, selector, 16);
  }
  loadTaskRegister(selector: Expression): void {
    this.faults.add(Vector.GP);
    this.setSystem('trSelector', selector);
    this.put({ kind: 'system', name: 'trBase' }, this.value('descriptorBase', [selector]));
  }
  inspectSegment(question: SegmentQuestion, selector: Expression): { valid: Condition; value: Expression } {
    return {
      valid: this.condition('inspectSegment', [question, selector], 'valid'),
      value: this.value('inspectSegment', [question, selector], 32, 'value'),
    };
  }
  readMsr(index: Expression): Expression {
    this.faults.add(Vector.GP);
    return this.value('readMsr', [index]);
  }
  writeMsr(index: Expression, value: Expression): void {
    this.faults.add(Vector.GP);
    this.put({ kind: 'msr', index }, value);
  }
  readDebug(index: number): Expression {
    this.faults.add(Vector.UD);
    return this.value('readDebug', [index]);
  }
  writeDebug(index: number, value: Expression): void {
    this.faults.add(Vector.UD).add(Vector.GP);
    this.put({ kind: 'debug', index }, value);
  }
  cpuid(leaf: Expression, subleaf: Expression) {
    const of = (field: string): Expression => this.value('cpuid', [leaf, subleaf], 32, field);
    return { eax: of('eax'), ebx: of('ebx'), ecx: of('ecx'), edx: of('edx') };
  }
  timestamp(): Expression {
    return this.value('timestamp', []);
  }
  random(): Expression {
    return this.value('random', []);
  }
  invalidatePage(linear: Expression): void {
    this.act('invalidatePage', [linear]);
  }
  syscall(): void {
    this.when(this.negate(this.bit(this.readSystem('efer'), EFER_SCE)), () => this.raise(Vector.UD));
    const rflags = this.readRflags();
    this.writeRegister(R_CX, 64, this.nextRip());
    this.writeRegister(R_11, 64, rflags);
    this.put(RIP, this.readSystem('lstar'));
    this.put({ kind: 'rflags' }, this.and(rflags, this.not(this.readSystem('sfmask'), 64)));
    const selector = this.and(this.shr(this.readSystem('star'), this.constant(32n), 64), this.constant(0xfffcn));
    this.enter(selector, this.add(selector, this.constant(8n), 16), this.constant(0n));
  }
  sysret(): void {
    this.when(this.negate(this.bit(this.readSystem('efer'), EFER_SCE)), () => this.raise(Vector.UD));
    this.requireKernel();
    this.faults.add(Vector.GP);
    this.put(RIP, this.readRegister(R_CX, 64));
    this.put({ kind: 'rflags' }, this.readRegister(R_11, 64));
    const selector = this.shr(this.readSystem('star'), this.constant(48n), 64);
    const user = (distance: bigint): Expression =>
      this.or(this.add(selector, this.constant(distance), 16), this.constant(3n));
    this.enter(user(16n), user(8n), this.constant(3n));
  }
  /** The segments and the privilege of the other side. */
  private enter(cs: Expression, ss: Expression, cpl: Expression): void {
    this.put({ kind: 'segment', index: 1 }, cs, 16);
    this.put({ kind: 'segment', index: 2 }, ss, 16);
    this.put({ kind: 'system', name: 'cpl' }, cpl);
  }
  interruptReturn(width: 16 | 32 | 64): void {
    const top = this.readRegister(RSP, 64);
    const [rip, cs, rflags, rsp, ss] = [0, 1, 2, 3, 4].map((n) =>
      this.load(this.offset(top, BigInt((n * width) / 8)), width),
    ) as [Expression, Expression, Expression, Expression, Expression];
    const whole =
      width === 64
        ? rflags
        : this.or(this.and(this.readRflags(), this.constant(~((1n << BigInt(width)) - 1n))), rflags);
    this.put(RIP, rip);
    this.put({ kind: 'rflags' }, whole);
    this.put(registerAt(RSP, 64), rsp);
    this.enter(this.truncate(cs, 16), this.truncate(ss, 16), this.and(cs, this.constant(3n)));
  }
  swapgs(): void {
    const [outer, inner] = [this.readSystem('gsBase'), this.readSystem('kernelGsBase')];
    this.setSystem('gsBase', inner);
    this.setSystem('kernelGsBase', outer);
  }
  setInterruptFlag(value: boolean): void {
    this.put({ kind: 'flag', name: 'IF' }, value ? this.always : this.never, 1);
  }
  halt(): void {
    this.act('halt', []);
  }
  softwareInterrupt(vector: number): void {
    this.faults.add(Vector.GP).add(Vector.NP).add(Vector.PF);
    const segments = [1, 2].map((index): Location => ({ kind: 'segment', index }));
    const cpl: Location = { kind: 'system', name: 'cpl' };
    this.act('softwareInterrupt', [vector], [RIP, registerAt(RSP, 64), { kind: 'rflags' }, ...segments, cpl]);
  }
  native(id: number): void {
    this.when(this.condition('user', []), () => this.raise(Vector.UD));
    this.act('native', [id]);
  }
  // x87
  beginX87(waits: boolean): void {
    this.faults.add(Vector.NM);
    if (waits) this.faults.add(Vector.MF);
  }
  beginMmx(): void {
    this.faults.add(Vector.UD);
    this.beginX87(true);
  }
  endMmx(inUse: boolean): void {
    this.act(
      'endMmx',
      [inUse],
      [
        { kind: 'system', name: 'fsw' },
        { kind: 'system', name: 'ftw' },
      ],
    );
  }
  private placeOf(index: number): number {
    return (index + this.state.turned) & 7;
  }
  private x87At(place: number): { readonly value: VectorExpression; readonly empty: Condition } {
    return (
      this.state.x87.get(place) ?? {
        value: this.vectorNode('readX87', [place]),
        empty: this.condition('isEmptyX87', [place]),
      }
    );
  }
  readX87(index: number): VectorExpression {
    return this.x87At(this.placeOf(index)).value;
  }
  isEmptyX87(index: number): Condition {
    return this.x87At(this.placeOf(index)).empty;
  }
  writeX87(index: number, value: VectorExpression): void {
    const place = this.placeOf(index);
    this.put({ kind: 'x87', index: place }, value, 80);
    this.state.x87.set(place, { value, empty: this.never });
  }
  freeX87(index: number): void {
    const place = this.placeOf(index);
    this.act('freeX87', [place], [{ kind: 'system', name: 'ftw' }]);
    this.state.x87.set(place, { value: this.x87At(place).value, empty: this.always });
  }
  rotateX87(step: 1 | -1): void {
    this.act('rotateX87', [step], [{ kind: 'system', name: 'fsw' }]);
    this.state.turned = (this.state.turned + step) & 7;
    this.state.system.set('fsw', this.value('settled', [this.settlements], 16, 'fsw'));
  }
  stackFaultX87(fault: Condition): void {
    this.stackFaults.push(fault);
  }
  settleX87(): Condition {
    this.settlements++;
    const args = [this.settlements, ...this.stackFaults];
    const written: Location[] = this.conditionBits().map((name) => ({ kind: 'flag', name }));
    this.act('settleX87', [...this.stackFaults, ...this.rounded], [{ kind: 'system', name: 'fsw' }, ...written]);
    this.state.system.set('fsw', this.value('settled', args, 16, 'fsw'));
    return this.condition('settled', args, 'proceeds');
  }
  /** Those that settling writes: C1, and what remainders and angles say of themselves. */
  private conditionBits(): StatusFlag[] {
    const operations = this.rounded.map(({ args }) => String(args[0]));
    if (operations.some((name) => name.startsWith('remainder'))) return ['C0', 'C1', 'C2', 'C3'];
    return operations.some((name) => /^(sin|cos|tan)$/.test(name)) ? ['C1', 'C2'] : ['C1'];
  }
  undefinedInstruction(): void {
    this.raise(Vector.UD);
  }

  // vectors
  requireVectors(): void {
    this.faults.add(Vector.UD).add(Vector.NM);
  }
  requireWideVectors(): void {
    this.requireVectors();
  }
  readHalf(operand: XmmOperand | MemoryOperand, half: 0 | 1): VectorExpression {
    if (operand.kind === 3) return this.xmm(operand.index + UPPER * half);
    const linear = this.halfAddress(operand, half);
    this.access('read', linear, 128);
    return this.vectorNode('loadVector', [linear]);
  }
  writeHalf(operand: XmmOperand | MemoryOperand, half: 0 | 1, value: VectorExpression): void {
    if (operand.kind === 3) {
      const { index } = operand;
      const whole = (): void => this.put({ kind: 'xmm', index, low: 128 * half, width: 128 }, value, 128);
      if (!this.writeChangedLane(index + UPPER * half, value) && !this.writeLanes(index + UPPER * half, value)) whole();
      this.state.vectors.set(index + UPPER * half, value);
      return;
    }
    const linear = this.halfAddress(operand, half);
    this.access('write', linear, 128);
    this.put({ kind: 'memory', address: linear, width: 128 }, value, 128);
  }
  /** The one lane in which the value is not what the register holds, where it was made by replacing lanes. */
  private writeChangedLane(index: number, value: VectorExpression): boolean {
    const width = value.op === 'withLane' ? value.args[1] : value.op === 'pack' ? value.args[0] : undefined;
    if (width === undefined || !this.state.vectors.has(index)) return false;
    const now = this.xmm(index);
    const changed = Array.from({ length: 128 / (width as Width) }, (_, n) => n).filter(
      (n) => this.lane(value, width as Width, n) !== this.lane(now, width as Width, n),
    );
    if (changed.length !== 1) return false;
    const part = this.lane(value, width as Width, changed[0]!);
    this.put(xmmAt(index, (width as Width) * changed[0]!, width as Width), part, width as Width);
    return true;
  }
  private halfAddress(operand: MemoryOperand, half: 0 | 1): Expression {
    return this.offset(this.linearAddress(operand), BigInt(16 * half));
  }
  private mmx(index: number): VectorExpression {
    return this.state.mmx.get(index) ?? this.node('vector', 'mmx', [index], 64);
  }
  /** `shown` has the low half of `whole`, and what is above does not matter. */
  private putMmx(index: number, whole: VectorExpression, shown: Node): void {
    this.put({ kind: 'mmx', index, low: 0, width: 64 }, shown, 64);
    this.state.mmx.set(index, whole);
  }
  private xmm(index: number): VectorExpression {
    return this.state.vectors.get(index) ?? this.vectorNode('xmm', [index]);
  }
  readVector(operand: Operand, aligned: boolean): VectorExpression {
    if (operand.kind === 3) return this.xmm(operand.index);
    if (operand.kind === 8) return this.mmx(operand.index);
    if (operand.width < 128) return this.withLane(this.zeroVector(), operand.width as Width, 0, this.read(operand));
    const linear = this.linearAddress(operand as MemoryOperand);
    if (aligned) this.faults.add(Vector.GP);
    this.access('read', linear, 128);
    return this.vectorNode('loadVector', [linear]);
  }
  writeVector(operand: Operand, value: VectorExpression, aligned: boolean): void {
    if (operand.kind === 3) {
      const { index } = operand;
      if (!this.writeLanes(index, value)) this.put({ kind: 'xmm', index, low: 0, width: 128 }, value, 128);
      this.state.vectors.set(index, value);
      return;
    }
    if (operand.kind === 8) {
      const { op, args } = value;
      const single = op === 'pack' && args[0] === 64 ? (args[1] as Expression) : value;
      this.putMmx(operand.index, value, op === 'zeroVector' ? this.constant(0n) : single);
      return;
    }
    const linear = this.linearAddress(operand as MemoryOperand);
    if (aligned) this.faults.add(Vector.GP);
    this.access('write', linear, 128);
    this.put({ kind: 'memory', address: linear, width: 128 }, value, 128);
  }
  /** Only the lanes that change, where the rest is the register itself. */
  private writeLanes(index: number, value: VectorExpression): boolean {
    const lanes: [VectorExpression, Width, number, Expression][] = [];
    let base = value;
    while (base.op === 'withLane') {
      lanes.unshift(base.args as [VectorExpression, Width, number, Expression]);
      base = base.args[0] as VectorExpression;
    }
    if (base !== this.xmm(index) || lanes.length === 0) return false;
    for (const [, width, at, part] of lanes) {
      this.put(xmmAt(index, width * at, width), part, width);
    }
    return true;
  }
  settleFloatExceptions(): void {
    this.faults.add(Vector.XM).add(Vector.UD);
    this.act('settleFloatExceptions', this.rounded, [{ kind: 'system', name: 'mxcsr' }]);
  }
}

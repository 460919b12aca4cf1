/** Registers between locals and the CPU's block: what a region loads when it begins and stores when it is left. */
import { arithmeticFlags } from '../flags.ts';
import { Slot } from '../slots.ts';
import type { Exit, FlagState, Registers, RegisterSet } from './block.ts';
import type { ValueEmitter } from './emit-values.ts';
import { Local } from './locals.ts';
import { slotAt, xmmAt } from './machine.ts';
import { constantOf, type Node } from './node.ts';
import { has, lowLaneOf, none, registersIn } from './register-set.ts';

const DIRECTION = 0x400;
const INTERRUPT = 0x200;

type StoreOperator = 'i32.store' | 'i64.store' | 'f32.store' | 'f64.store' | 'v128.store';

export class RegisterEmitter {
  private readonly values: ValueEmitter;
  private readonly state: number;

  constructor(values: ValueEmitter, state: number) {
    this.values = values;
    this.state = state;
  }

  /** From the CPU's block into locals. */
  load(used: RegisterSet): void {
    const { code } = this.values;
    for (const n of registersIn(used.general)) this.loadSlot('i64.load', n, Local.general + n);
    for (const n of registersIn(used.xmm)) {
      code.i32(0);
      code.memory('v128.load', xmmAt(this.state, n));
      code.set(Local.xmm + n);
    }
    if (!used.flags) return;
    this.loadSlot('i32.load', Slot.flagsKind, Local.flagsKind);
    this.loadSlot('i64.load', Slot.flagsLeft, Local.flagsLeft);
    this.loadSlot('i64.load', Slot.flagsRight, Local.flagsRight);
    this.loadSlot('i64.load', Slot.flagsResult, Local.flagsResult);
    this.loadSlot('i32.load', Slot.rflags, Local.flagsSettled);
    code.get(Local.flagsSettled);
    code.i32(arithmeticFlags);
    code.op('i32.and');
    code.set(Local.flagsSettled);
  }
  private loadSlot(op: 'i32.load' | 'i64.load', slot: number, local: number): void {
    const { code } = this.values;
    code.i32(0);
    code.memory(op, slotAt(this.state, slot));
    code.set(local);
  }
  loadBudget(): void {
    this.loadSlot('i32.load', Slot.budget, Local.budget);
  }

  /** Stores what `value` leaves on the stack. */
  private store(op: StoreOperator, at: number, value: () => void): void {
    const { code } = this.values;
    code.i32(0);
    value();
    code.memory(op, at);
  }

  /** At the border of a block: locals are what counts. */
  spill(dirty: RegisterSet): void {
    const { code } = this.values;
    for (const n of registersIn(dirty.general))
      this.store('i64.store', slotAt(this.state, n), () => code.get(Local.general + n));
    for (const n of registersIn(dirty.xmm))
      this.store('v128.store', xmmAt(this.state, n), () => code.get(Local.xmm + n));
    if (!dirty.flags) return;
    const slots = [
      ['i32.store', Slot.flagsKind, Local.flagsKind],
      ['i64.store', Slot.flagsLeft, Local.flagsLeft],
      ['i64.store', Slot.flagsRight, Local.flagsRight],
      ['i64.store', Slot.flagsResult, Local.flagsResult],
    ] as const;
    for (const [op, slot, local] of slots) this.store(op, slotAt(this.state, slot), () => code.get(local));
    this.storeSettled(() => code.get(Local.flagsSettled));
  }

  /** In the middle of a block, `unexecuted` instructions before its end: what it has changed is nodes still. */
  spillExit({ registers, rip }: Exit, dirty: RegisterSet, unexecuted: number): void {
    const { code } = this.values;
    const { general, xmm, flags, changed } = registers;
    for (const n of registersIn(dirty.general | changed.general)) {
      this.store('i64.store', slotAt(this.state, n), () => {
        if (has(changed.general, n)) this.values.wide(general[n]!);
        else code.get(Local.general + n);
      });
    }
    for (const n of registersIn(dirty.xmm & ~changed.xmm)) {
      this.store('v128.store', xmmAt(this.state, n), () => code.get(Local.xmm + n));
    }
    for (const n of registersIn(changed.xmm)) this.spillXmm(n, xmm[n]!, has(dirty.xmm, n));
    if (changed.flags) this.spillFlags(flags);
    else if (dirty.flags) this.spill({ ...none, flags: true });
    this.storeRip(rip);
    this.storeBudget(() => {
      code.get(Local.budget);
      code.i32(unexecuted);
      code.op('i32.add');
    });
  }
  private spillXmm(n: number, value: Node, dirty: boolean): void {
    const at = xmmAt(this.state, n);
    const parts = lowLaneOf(value);
    const whole = parts?.rest ?? value;
    const inMemory = whole.op === 'local' && whole.value === Local.xmm + n && !dirty;
    if (!inMemory) this.store('v128.store', at, () => this.values.value(whole));
    if (parts === undefined) return;
    const { low, width } = parts;
    const op =
      low.type === 'f64' || low.type === 'f32'
        ? (`${low.type}.store` as const)
        : width === 64
          ? 'i64.store'
          : 'i32.store';
    this.store(op, at, () => (width === 64 && low.type === 'i32' ? this.values.wide(low) : this.values.value(low)));
  }
  private spillFlags({ kind, left, right, result, settled }: FlagState): void {
    const { values, state } = this;
    this.store('i32.store', slotAt(state, Slot.flagsKind), () => values.value(kind));
    const known = constantOf(kind);
    if (known !== 0n) {
      this.store('i64.store', slotAt(state, Slot.flagsLeft), () => values.wide(left));
      this.store('i64.store', slotAt(state, Slot.flagsRight), () => values.wide(right));
      this.store('i64.store', slotAt(state, Slot.flagsResult), () => values.wide(result));
    }
    if (known === undefined || known === 0n) this.storeSettled(() => values.value(settled));
  }
  private storeSettled(settled: () => void): void {
    const { code } = this.values;
    const at = slotAt(this.state, Slot.rflags);
    this.store('i32.store', at, () => {
      code.i32(0);
      code.memory('i32.load', at);
      code.i32(~arithmeticFlags);
      code.op('i32.and');
      settled();
      code.op('i32.or');
    });
  }

  storeDirection(backward: boolean): void {
    this.changeRflags(backward ? 'i32.or' : 'i32.and', backward ? DIRECTION : ~DIRECTION);
  }
  clearInterruptFlag(): void {
    this.changeRflags('i32.and', ~INTERRUPT);
  }
  private changeRflags(op: 'i32.or' | 'i32.and', bits: number): void {
    const { code } = this.values;
    const at = slotAt(this.state, Slot.rflags);
    this.store('i32.store', at, () => {
      code.i32(0);
      code.memory('i32.load', at);
      code.i32(bits);
      code.op(op);
    });
  }

  /** Of two slots, each gets the other's value. */
  exchange(one: number, other: number): void {
    const { code, locals } = this.values;
    const before = locals.take('i64');
    this.loadSlot('i64.load', one, before);
    this.store('i64.store', slotAt(this.state, one), () => {
      code.i32(0);
      code.memory('i64.load', slotAt(this.state, other));
    });
    this.store('i64.store', slotAt(this.state, other), () => code.get(before));
  }

  storeRip(rip: bigint): void {
    this.storeRipOf(() => this.values.code.i64(rip));
  }
  storeRipOf(value: () => void): void {
    this.store('i64.store', slotAt(this.state, Slot.rip), value);
  }
  storeBudget(value: () => void): void {
    this.store('i32.store', slotAt(this.state, Slot.budget), value);
  }

  /** What a block has changed goes into the locals of registers: all values first, since they are made of the same locals. */
  writeBack(now: Registers, flagsLive: boolean): void {
    const { values } = this;
    const { changed } = now;
    const written: [local: number, node: Node][] = [];
    for (const n of registersIn(changed.general)) written.push([Local.general + n, now.general[n]!]);
    for (const n of registersIn(changed.xmm)) written.push([Local.xmm + n, now.xmm[n]!]);
    if (changed.flags && flagsLive) {
      const { kind, left, right, result, settled } = now.flags;
      written.push([Local.flagsKind, kind], [Local.flagsLeft, left], [Local.flagsRight, right]);
      written.push([Local.flagsResult, result], [Local.flagsSettled, settled]);
    }
    for (const [, node] of written) values.prepare(node);
    for (const [local, node] of written) {
      if (isWide(local)) values.wide(node);
      else values.value(node);
    }
    for (const [local] of written.toReversed()) values.code.set(local);
  }
}

/** Whether a register's local is an i64, which a narrower node fills with zeros. */
const isWide = (local: number): boolean =>
  local < Local.xmm || (local >= Local.flagsLeft && local <= Local.flagsResult);

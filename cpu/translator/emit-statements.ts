/** Statements of a block as WebAssembly code, and the ways out of its middle. */
import type { Width } from '../instruction.ts';
import type { BulkStatement, Check, Exit, Load, Statement, Store, Translate } from './block.ts';
import type { ValueEmitter } from './emit-values.ts';
import { Imported, TLB_MASK } from './machine.ts';
import type { Node } from './node.ts';
import { lowLaneOf, registersIn } from './register-set.ts';
import type { Operator } from './wasm/operators.ts';

const PAGE = 4096;

const integerLoads: Readonly<Record<Width | 128, Operator>> = {
  8: 'i32.load8_u',
  16: 'i32.load16_u',
  32: 'i32.load',
  64: 'i64.load',
  128: 'v128.load',
};
const narrowStores: Readonly<Record<8 | 16 | 32, readonly [i32: Operator, i64: Operator]>> = {
  8: ['i32.store8', 'i64.store8'],
  16: ['i32.store16', 'i64.store16'],
  32: ['i32.store', 'i64.store32'],
};

/** The tables of the TLB that a region looks addresses up in, by kind of access. */
export type Tables = readonly [read: number, write: number];

export class StatementEmitter {
  private readonly values: ValueEmitter;
  private readonly tables: Tables;
  /** nesting of the block that an exit's code follows */
  private labels = new Map<Exit, number>();

  constructor(values: ValueEmitter, tables: Tables) {
    this.values = values;
    this.tables = tables;
  }

  /** `exits` and where branches to them lead. */
  openExits(exits: readonly Exit[]): void {
    this.labels = new Map();
    for (const exit of exits.toReversed()) {
      this.values.code.block();
      this.labels.set(exit, this.values.code.depth);
    }
  }
  leaveFor(exit: Exit): void {
    const { code } = this.values;
    code.brIf(code.depth - this.labels.get(exit)!, false);
  }

  emit(statement: Statement): void {
    switch (statement.kind) {
      case 'translate':
        this.translate(statement);
        return;
      case 'load':
        this.load(statement);
        return;
      case 'store':
        this.store(statement);
        return;
      case 'guard':
        this.guard(statement.bad, statement.exit);
        return;
      case 'bulk':
        this.bulk(statement);
        return;
      case 'check':
        this.check(statement);
        return;
      case 'compute': {
        const { node, result } = statement;
        if (result.uses === 0) return;
        this.values.prepare(node);
        this.values.keep(result, () => this.values.value(node));
      }
    }
  }

  /** What an exit stores must be there when it is taken. */
  prepareExit({ registers: { general, xmm, flags, changed } }: Exit): void {
    for (const n of registersIn(changed.general)) this.values.prepare(general[n]!);
    for (const n of registersIn(changed.xmm)) {
      const parts = lowLaneOf(xmm[n]!);
      this.values.prepare(parts?.low ?? xmm[n]!);
      if (parts !== undefined) this.values.prepare(parts.rest);
    }
    if (!changed.flags) return;
    this.values.prepare(flags.kind);
    this.values.prepare(flags.left);
    this.values.prepare(flags.right);
    this.values.prepare(flags.result);
    this.values.prepare(flags.settled);
  }

  guard(bad: Node, exit: Exit): void {
    this.values.prepare(bad);
    this.prepareExit(exit);
    this.values.value(bad);
    this.leaveFor(exit);
  }

  private check({ when, bad, shared, exit }: Check): void {
    const { values } = this;
    values.prepare(when);
    for (const node of shared) values.prepare(node);
    this.prepareExit(exit);
    values.value(when);
    values.code.if(undefined, false);
    values.prepare(bad);
    values.value(bad);
    this.leaveFor(exit);
    values.code.end();
  }

  /** By the TLB; after a miss by a function of the host. */
  private translate({ base, access, low, high, copies, outlives, host, exit }: Translate): void {
    const { values } = this;
    const { code, locals } = values;
    values.prepare(base);
    this.prepareExit(exit);
    const linear = locals.take('i64');
    const index = locals.take('i32');
    host.local = outlives ? locals.keep('i32') : locals.take('i32');
    values.wide(base);
    if (low !== 0) {
      code.i64(BigInt(low));
      code.op('i64.add');
    }
    code.tee(linear);
    code.i64(8n);
    code.op('i64.shr_u');
    code.op('i32.wrap_i64');
    code.i32(TLB_MASK);
    code.op('i32.and');
    code.tee(index);
    code.memory('i64.load', this.tables[access]);
    code.get(linear);
    code.op('i64.xor');
    code.i64(BigInt(PAGE - (high - low)));
    code.op('i64.gt_u');
    code.if(undefined, false);
    code.get(linear);
    code.i32(access | (copies ? 2 : 0) | ((high - low) << 2));
    code.call(Imported.locate);
    code.tee(host.local);
    code.i32(-1);
    code.op('i32.eq');
    this.leaveFor(exit);
    code.else();
    code.get(linear);
    code.op('i32.wrap_i64');
    code.get(index);
    code.memory('i32.load', this.tables[access] + 8);
    code.op('i32.add');
    code.set(host.local);
    code.end();
  }

  private bulk({ width, count, bytes, to, source, backward, exit }: BulkStatement): void {
    const { values } = this;
    const { code } = values;
    for (const node of [count, bytes, backward, to.base, 'base' in source ? source.base : source]) values.prepare(node);
    this.prepareExit(exit);
    values.value(count);
    code.if();
    if ('base' in source) {
      this.translate(source);
      this.translate(to);
      this.distance(to, source);
      this.distance(source, to);
      values.value(backward);
      code.op('i32.eqz');
      code.op('select');
      values.value(bytes);
      code.op('i32.lt_u');
      this.leaveFor(exit);
      code.get(to.host.local);
      code.get(source.host.local);
      values.value(bytes);
      code.op('memory.copy');
    } else {
      this.translate(to);
      this.fill(to, count, width, source);
    }
    code.end();
  }

  private distance(from: Translate, to: Translate): void {
    const { code } = this.values;
    code.get(from.host.local);
    code.get(to.host.local);
    code.op('i32.sub');
  }

  private fill(to: Translate, count: Node, width: Width, value: Node): void {
    const { values } = this;
    const { code, locals } = values;
    if (width === 8) {
      code.get(to.host.local);
      values.value(value);
      values.value(count);
      code.op('memory.fill');
      return;
    }
    const element = locals.take(width === 64 ? 'i64' : 'i32');
    const at = locals.take('i32');
    const left = locals.take('i32');
    if (width === 64) values.wide(value);
    else values.value(value);
    code.set(element);
    code.get(to.host.local);
    code.set(at);
    values.value(count);
    code.set(left);
    code.loop();
    code.get(at);
    code.get(element);
    code.memory(width === 64 ? 'i64.store' : narrowStores[width][0], 0);
    code.get(at);
    code.i32(width / 8);
    code.op('i32.add');
    code.set(at);
    code.get(left);
    code.i32(1);
    code.op('i32.sub');
    code.tee(left);
    code.brIf(0);
    code.end();
  }

  private load({ from, offset, width, integer, float }: Load): void {
    const { values } = this;
    const read = (node: Node, op: Operator): void => {
      if (node.uses === 0) return;
      values.keep(node, () => {
        values.code.get(from.host.local);
        values.code.memory(op, offset - from.low);
      });
    };
    read(integer, integerLoads[width]);
    if (float !== undefined) read(float, width === 64 ? 'f64.load' : 'f32.load');
  }

  private store({ to, offset, width, value }: Store): void {
    const { values } = this;
    const { code } = values;
    values.prepare(value);
    code.get(to.host.local);
    code.memory(this.storeOperator(value, width), offset - to.low);
  }
  /** Leaves the value on the stack, as the operator wants it. */
  private storeOperator(value: Node, width: Width | 128): Operator {
    const { values } = this;
    if (width === 128) {
      values.value(value);
      return 'v128.store';
    }
    if (width === 64) {
      if (value.type === 'f64') {
        values.value(value);
        return 'f64.store';
      }
      values.wide(value);
      return 'i64.store';
    }
    if (value.type === 'f32' && width === 32) {
      values.value(value);
      return 'f32.store';
    }
    if (value.type === 'i32') values.value(value);
    else values.wide(value);
    return narrowStores[width][value.type === 'i32' ? 0 : 1];
  }
}

/** Nodes as WebAssembly code. */
import { Imported } from './machine.ts';
import type { Locals } from './locals.ts';
import type { Node } from './node.ts';
import type { Code } from './wasm/code.ts';
import type { Operator } from './wasm/operators.ts';

export class ValueEmitter {
  readonly code: Code;
  readonly locals: Locals;

  constructor(code: Code, locals: Locals) {
    this.code = code;
    this.locals = locals;
  }

  /** Puts what is needed more than once, here or later, into locals. */
  prepare(node: Node): void {
    if (node.local >= 0 || node.op === 'constant' || node.op === 'local' || node.op === 'result') return;
    for (const part of node.args) this.prepare(part);
    if (node.uses < 2) return;
    this.value(node);
    node.local = this.locals.take(node.type);
    this.code.set(node.local);
  }

  /** Leaves the value on the stack. */
  value(node: Node): void {
    const { code } = this;
    if (node.local >= 0) {
      code.get(node.local);
      return;
    }
    for (const part of node.args) this.value(part);
    switch (node.op) {
      case 'constant':
        this.constant(node);
        return;
      case 'local':
        code.get(node.value as number);
        return;
      case 'result':
        throw new Error('a value is used before the statement that computes it');
      case 'call':
        code.call(Imported.settle);
        return;
      case 'i8x16.shuffle':
        code.shuffle(node.value as readonly number[]);
        return;
      default:
        this.operator(node.op, node.value);
    }
  }

  private operator(op: Operator, value: Node['value']): void {
    if (op.includes('_lane')) this.code.lane(op, value as number);
    else if (op === 'i32.load' || op === 'i64.load') this.code.memory(op, value as number);
    else this.code.op(op);
  }

  private constant({ type, value }: Node): void {
    const { code } = this;
    if (type === 'i32') code.i32(value as number);
    else if (type === 'i64') code.i64(value as bigint);
    else if (type === 'f32') code.f32(value as number);
    else if (type === 'f64') code.f64(value as number);
    else code.v128(value as Uint8Array);
  }

  /** As 64 bits, zero-extended. */
  wide(node: Node): void {
    const { code } = this;
    if (node.type === 'i32' && node.op === 'constant') {
      code.i64(BigInt((node.value as number) >>> 0));
      return;
    }
    this.value(node);
    if (node.type === 'f32') code.op('i32.reinterpret_f32');
    if (node.type === 'i32' || node.type === 'f32') code.op('i64.extend_i32_u');
    if (node.type === 'f64') code.op('i64.reinterpret_f64');
  }

  /** The value goes into a local of its own. */
  keep(node: Node, value: () => void): void {
    value();
    node.local = this.locals.take(node.type);
    this.code.set(node.local);
  }
}

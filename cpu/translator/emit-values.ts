/** Nodes as WebAssembly code. */
import { Imported } from './machine.ts';
import type { Locals } from './locals.ts';
import type { Node } from './node.ts';
import type { Code } from './wasm/code.ts';
import type { Operator } from './wasm/operators.ts';

/** operations in one piece: what is higher is cut by a local */
const HIGHEST = 64;

const isReady = ({ height, op }: Node): boolean => height > 0 || op === 'constant' || op === 'local' || op === 'result';

export class ValueEmitter {
  readonly code: Code;
  readonly locals: Locals;

  constructor(code: Code, locals: Locals) {
    this.code = code;
    this.locals = locals;
  }

  /**
   * Puts what is needed more than once, here or later, into locals, so that each operation is emitted once. Without recursion:
   * values depend on each other in chains as long as a block.
   */
  prepare(node: Node): void {
    const waiting = [node];
    for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
      const part = isReady(next) ? undefined : next.args.find((one) => !isReady(one));
      if (part !== undefined) {
        waiting.push(part);
        continue;
      }
      waiting.pop();
      if (!isReady(next)) this.settle(next);
    }
  }

  /** Of a node whose arguments are ready. */
  private settle(node: Node): void {
    node.height = 1 + Math.max(0, ...node.args.map(({ local, height }) => (local >= 0 ? 0 : height)));
    if (node.uses < 2 && node.height < HIGHEST) return;
    this.operation(node);
    node.local = this.locals.take(node.type);
    this.code.set(node.local);
  }

  /** Leaves the value of a node that is prepared on the stack. */
  value(node: Node): void {
    if (node.local >= 0) this.code.get(node.local);
    else if (isReady(node)) this.operation(node);
    else throw new Error(`${node.op} is emitted before it is prepared`);
  }

  private operation(node: Node): void {
    const { code } = this;
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

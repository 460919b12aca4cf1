/**
 * The module that every region leans on: the table of regions, the loop that goes from one to the next without the host, and
 * the flags of an operation that only the running code knows. Only this module has the table: each further module that
 * imported it would keep a copy (V8 before 13).
 */
import { flagBits, flagNames, flagsKindNumbers, flagsRows } from '../flags.ts';
import type { Width } from '../instruction.ts';
import { Slot } from '../slots.ts';
import { ValueEmitter } from './emit-values.ts';
import { Locals } from './locals.ts';
import { CACHE_MASK, functionTypes, slotAt, Status, Type } from './machine.ts';
import { createNode, type Node } from './node.ts';
import { Reading } from './reading.ts';
import { none } from './register-set.ts';
import { need } from './count-uses.ts';
import { Code } from './wasm/code.ts';
import { encodeModule, type FunctionBody } from './wasm/module.ts';

export interface Core {
  /** Runs regions from rip on; `state` and `cache` are bytes of the memory. Gives a Status, which is not `go`. */
  enter(state: number, cache: number): number;
  readonly settle: unknown;
  readonly table: WebAssembly.Table;
}

/** Parameters of `enter`, then its locals. */
const Enter = { state: 0, cache: 1, rip: 2, at: 3, status: 4 } as const;

function enterFunction(): FunctionBody {
  const code = new Code();
  code.loop();
  code.get(Enter.state);
  code.memory('i64.load', slotAt(0, Slot.rip));
  code.tee(Enter.rip);
  code.get(Enter.rip);
  code.i64(12n);
  code.op('i64.shr_u');
  code.op('i64.xor');
  code.op('i32.wrap_i64');
  code.i32(4);
  code.op('i32.shl');
  code.i32(CACHE_MASK);
  code.op('i32.and');
  code.get(Enter.cache);
  code.op('i32.add');
  code.tee(Enter.at);
  code.memory('i64.load', 0);
  code.get(Enter.rip);
  code.get(Enter.state);
  code.memory('i64.load', slotAt(0, Slot.regionKey));
  code.op('i64.xor');
  code.op('i64.ne');
  code.if(undefined, false);
  code.i32(Status.missing);
  code.op('return');
  code.end();
  code.get(Enter.at);
  code.memory('i32.load', 8);
  code.callIndirect(Type.region);
  code.tee(Enter.status);
  code.op('i32.eqz');
  code.brIf(0);
  code.end();
  code.get(Enter.status);
  return { type: ENTER_TYPE, locals: ['i64', 'i32', 'i32'], code, export: 'enter' };
}

/** The place in an entry's address, as `enter` computes it. */
export const cacheIndex = (low: number, high: number): number =>
  ((low ^ ((low >>> 12) | (high << 20))) << 4) & CACHE_MASK;

const ENTER_TYPE = functionTypes.length;
const widths: readonly Width[] = [8, 16, 32, 64];

function settleFunction(): FunctionBody {
  const code = new Code();
  const locals = new Locals(functionTypes[Type.settle]!.params);
  const kinds = Object.entries(flagsKindNumbers).toSorted(([, left], [, right]) => left - right);
  const cases = kinds.flatMap(([kind]) => widths.map((width) => ({ kind: kind as keyof typeof flagsRows, width })));
  code.block();
  code.get(0);
  code.op('i32.eqz');
  code.brIf(0);
  // the row of (kind - 1) and of the width's logarithm, which begins at 3
  for (const _ of cases) code.block();
  code.get(0);
  code.i32(0xff);
  code.op('i32.and');
  code.i32(4);
  code.op('i32.mul');
  code.get(0);
  code.i32(8);
  code.op('i32.shr_u');
  code.op('i32.ctz');
  code.op('i32.add');
  code.i32(4 + 3);
  code.op('i32.sub');
  code.brTable(
    cases.map((_, n) => n),
    cases.length,
  );
  for (const { kind, width } of cases) {
    code.end();
    settleCase(new ValueEmitter(code, locals), kind, width);
    code.op('return');
  }
  code.end();
  // settled already
  code.get(4);
  return { type: Type.settle, locals: locals.types.slice(5), code, export: 'settle' };
}

function settleCase(values: ValueEmitter, kind: keyof typeof flagsRows, width: Width): void {
  values.locals.reset();
  const local = (n: number): Node => createNode('local', 'i64', [], n);
  const flags = {
    kind: createNode('local', 'i32', [], 0),
    left: local(1),
    right: local(2),
    result: local(3),
    settled: createNode('local', 'i32', [], 4),
    own: {},
  };
  const a = new Reading({
    state: 0,
    kernel: false,
    vectors: false,
    merges: false,
    entry: { general: [], xmm: [], flags, changed: none },
  });
  const operand = (node: Node): Node => a.truncate(node, width);
  const operation = { width, left: operand(flags.left), right: flags.right, result: operand(flags.result) };
  let bits = a.nodes.i32(0);
  for (const name of flagNames) {
    const flag = flagsRows[kind][name](a, operation);
    bits = a.nodes.binary('i32.or', bits, a.nodes.binary('i32.shl', flag, a.nodes.i32(flagBits[name])));
  }
  need(bits);
  values.prepare(bits);
  values.value(bits);
}

export function createCore(memory: WebAssembly.Memory, regions: number): Core {
  const pages = memory.buffer.byteLength / 65536;
  const bytes = encodeModule({
    types: [...functionTypes, { params: ['i32', 'i32'], results: ['i32'] }],
    imports: [{ kind: 'memory', module: 'box', name: 'memory', initial: pages, maximum: pages }],
    functions: [enterFunction(), settleFunction()],
    table: { size: regions, maximum: regions, export: 'table' },
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { box: { memory } });
  return exports as unknown as Core;
}

/** Graphs of values that are used time and again, as code: each operation once, however deep they are, and the right result. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { need } from '../cpu/translator/count-uses.ts';
import { ValueEmitter } from '../cpu/translator/emit-values.ts';
import { Locals } from '../cpu/translator/locals.ts';
import { createNode, Nodes, type Node } from '../cpu/translator/node.ts';
import { Code } from '../cpu/translator/wasm/code.ts';
import { encodeModule } from '../cpu/translator/wasm/module.ts';
import { createRandom, type Random } from './native/random.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 2000 : 40));
const DEEPEST = 10_000;
/** of WebAssembly an operation, with the locals that its value goes through */
const BYTES = 14;
const PARAMETERS = 4;

const operations = {
  'i32.add': (left: number, right: number) => (left + right) | 0,
  'i32.sub': (left: number, right: number) => (left - right) | 0,
  'i32.mul': Math.imul,
  'i32.xor': (left: number, right: number) => left ^ right,
  'i32.or': (left: number, right: number) => left | right,
  'i32.shl': (left: number, right: number) => left << right,
  'i32.shr_u': (left: number, right: number) => (left >>> right) | 0,
} as const;
const names = Object.keys(operations) as (keyof typeof operations)[];

/** Which two of the values so far the next is made of. */
const shapes: Readonly<Record<string, (count: number, random: Random) => readonly [number, number]>> = {
  'of the last, twice': (count) => [count - 1, count - 1],
  'of the last two': (count) => [count - 1, count - 2],
  'of the last few': (count, random) => [count - 1 - random.below(4), count - 1 - random.below(4)],
  'of the last and any': (count, random) => [count - 1, random.below(count)],
  'of any two': (count, random) => [random.below(count), random.below(count)],
};

interface Graph {
  readonly nodes: Nodes;
  /** the last one depends on most of the others */
  readonly values: readonly Node[];
  readonly results: readonly number[];
}

function graphOf(size: number, shape: string, seed: number): Graph {
  const random = createRandom(seed);
  const nodes = new Nodes();
  const results = Array.from({ length: PARAMETERS }, () => random.next() | 0);
  const values = results.map((_, n) => createNode('local', 'i32', [], n));
  while (values.length < size) {
    const [one, other] = shapes[shape]!(values.length, random);
    const name = random.pick(names);
    values.push(nodes.binary(name, values[one]!, values[other]!));
    results.push(operations[name](results[one]!, results[other]!));
  }
  return { nodes, values, results };
}

type Run = (...parameters: readonly number[]) => number;
interface Host {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: Readonly<Record<string, Run>> };
}
const { Module, Instance } = (globalThis as unknown as { WebAssembly: Host }).WebAssembly;

/** The exclusive or of `roots`, of which each is needed once more: what a block leaves in registers. */
function moduleOf({ nodes }: Graph, roots: readonly Node[]): Uint8Array<ArrayBuffer> {
  const parameters = Array.from({ length: PARAMETERS }, () => 'i32' as const);
  const code = new Code();
  const locals = new Locals(parameters);
  const emitter = new ValueEmitter(code, locals);
  const all = roots.reduce((left, right) => nodes.binary('i32.xor', left, right));
  for (const node of [...roots, all]) need(node);
  for (const node of [...roots, all]) emitter.prepare(node);
  emitter.value(all);
  return encodeModule({
    types: [{ params: parameters, results: ['i32'] }],
    imports: [],
    functions: [{ type: 0, locals: locals.types.slice(PARAMETERS), code, export: 'run' }],
  });
}

function check(size: number, shape: string, seed: number): void {
  const graph = graphOf(size, shape, seed);
  const ends = [graph.values.length - 1, graph.values.length >> 1, (graph.values.length * 3) >> 2];
  const bytes = moduleOf(
    graph,
    ends.map((n) => graph.values[n]!),
  );
  assert.ok(bytes.length <= 100 + size * BYTES, `${bytes.length} bytes of ${size} operations`);
  const { run } = new Instance(new Module(bytes)).exports;
  const expected = ends.reduce((sum, n) => sum ^ graph.results[n]!, 0);
  assert.is(run!(...graph.results.slice(0, PARAMETERS)), expected);
}

for (const shape of Object.keys(shapes)) {
  test(`${DEEPEST} operations, each ${shape}`, () => check(DEEPEST, shape, 1));
}

test(`${RUNS} graphs`, () => {
  fc.assert(
    fc.property(
      fc.integer({ min: PARAMETERS + 1, max: 2000 }),
      fc.constantFrom(...Object.keys(shapes)),
      fc.integer(),
      check,
    ),
    { numRuns: RUNS },
  );
});

test('a value that was not prepared is not emitted as a tree', () => {
  const { values } = graphOf(20, 'of the last two', 1);
  const emitter = new ValueEmitter(new Code(), new Locals(['i32', 'i32', 'i32', 'i32']));
  assert.throws(() => emitter.value(values.at(-1)!), /before it is prepared/);
});

test.run();

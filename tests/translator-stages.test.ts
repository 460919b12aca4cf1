/** The stages of translation, each by itself: the order of blocks, nodes, conditions after a known operation, the bounds. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpu } from '../cpu/cpu.ts';
import { evaluate } from '../cpu/evaluate.ts';
import { conditionCodes } from '../cpu/flags.ts';
import type { Width } from '../cpu/instruction.ts';
import { createMemory } from '../cpu/memory.ts';
import { need } from '../cpu/translator/count-uses.ts';
import { ValueEmitter } from '../cpu/translator/emit-values.ts';
import { analyse, longestWays } from '../cpu/translator/graph.ts';
import { Locals } from '../cpu/translator/locals.ts';
import { createNode, Nodes, type Node } from '../cpu/translator/node.ts';
import { Reading } from '../cpu/translator/reading.ts';
import { none } from '../cpu/translator/register-set.ts';
import { Code } from '../cpu/translator/wasm/code.ts';
import { encodeModule } from '../cpu/translator/wasm/module.ts';
import type { Operator } from '../cpu/translator/wasm/operators.ts';

const RUNS = process.env['TEST_TIER'] === 'slow' ? 20_000 : 400;

// graph.ts

const graphs = fc.integer({ min: 1, max: 9 }).chain((count) =>
  fc.array(fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { maxLength: 3 }), {
    minLength: count,
    maxLength: count,
  }),
);

/** What can be reached from the first block without going through `without`. */
function reached(successors: readonly (readonly number[])[], without = -1): Set<number> {
  const seen = new Set<number>();
  const waiting = without === 0 ? [] : [0];
  for (let block = waiting.pop(); block !== undefined; block = waiting.pop()) {
    if (seen.has(block)) continue;
    seen.add(block);
    waiting.push(...successors[block]!.filter((to) => to !== without));
  }
  return seen;
}

test('dominators are what every way goes through, and the order has loops only where edges go back', () => {
  fc.assert(
    fc.property(graphs, (successors) => {
      const { order, place, dominator, headers, merges } = analyse(successors);
      const all = reached(successors);
      assert.equal([...order].toSorted(), [...all].toSorted());
      for (const block of order.slice(1)) {
        const strict = order.filter((other) => other !== block && !reached(successors, other).has(block));
        // the immediate one is dominated by all others
        const immediate = strict.find((one) =>
          strict.every((other) => other === one || !reached(successors, other).has(one)),
        );
        assert.is(dominator[block], immediate);
      }
      for (const from of order) {
        for (const to of successors[from]!)
          assert.is(place[to]! <= place[from]!, place[to]! <= place[from]! && headers.has(to));
      }
      for (const block of order) {
        const forward = order.filter((from) => successors[from]!.includes(block) && place[from]! < place[block]!);
        assert.is(merges.has(block), forward.length > 1);
      }
    }),
    { numRuns: RUNS },
  );
});

test('a graph is reducible just when its back edges lead to what dominates them', () => {
  assert.ok(analyse([[1], [2, 3], [1], []]).reducible);
  assert.not.ok(analyse([[1, 2], [2], [1]]).reducible);
});

test('the longest way to the next question is the longest of all ways', () => {
  fc.assert(
    fc.property(graphs, (successors) => {
      const graph = analyse(successors);
      const starts = new Set([0, ...graph.headers]);
      const longest = longestWays(graph, successors, starts, (block) => block + 1);
      const walk = (block: number): number =>
        block + 1 + Math.max(0, ...successors[block]!.filter((to) => !starts.has(to)).map(walk));
      for (const start of graph.order) assert.is(longest[start], walk(start));
    }),
    { numRuns: RUNS },
  );
});

// node.ts: what is folded is what would have been computed

/** What WebAssembly computes of a node whose locals are parameters; bigint of an i64. */
function compute(node: Node, parameters: readonly ('i32' | 'i64')[], values: readonly (number | bigint)[]): unknown {
  const code = new Code();
  const locals = new Locals(parameters);
  const emitter = new ValueEmitter(code, locals);
  need(node);
  emitter.prepare(node);
  emitter.value(node);
  const bytes = encodeModule({
    types: [{ params: parameters, results: [node.type] }],
    imports: [],
    functions: [{ type: 0, locals: locals.types.slice(parameters.length), code, export: 'f' }],
  });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return (exports['f'] as (...args: unknown[]) => unknown)(...values);
}

const binaries = [
  'add',
  'sub',
  'mul',
  'and',
  'or',
  'xor',
  'shl',
  'shr_u',
  'shr_s',
  'eq',
  'ne',
  'lt_u',
  'lt_s',
  'le_u',
] as const;
const interesting = fc.oneof(
  fc.constantFrom(0n, 1n, 31n, 63n, 255n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 1n << 63n, (1n << 64n) - 1n),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
);

test('operations on constants, on themselves and on one constant give what they give unfolded', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('i32', 'i64'),
      fc.array(
        fc.tuple(fc.constantFrom(...binaries), fc.constantFrom('left', 'right', 'same', 'constant'), interesting),
        {
          minLength: 1,
          maxLength: 5,
        },
      ),
      interesting,
      (type, steps, start) => {
        const nodes = new Nodes();
        const constant = (value: bigint): Node =>
          type === 'i32' ? nodes.i32(Number(BigInt.asIntN(32, value))) : nodes.i64(value);
        // the same twice: of a parameter and unshared, of a constant and folded
        let plain = createNode('local', type, [], 0);
        let folded = constant(start);
        let shared = createNode('local', type, [], 0);
        for (const [name, how, value] of steps) {
          const op = `${type}.${name}` as Operator;
          const unfolded =
            type === 'i32'
              ? createNode('constant', 'i32', [], Number(BigInt.asIntN(32, value)))
              : createNode('constant', 'i64', [], value);
          const pair = <T>(before: T, other: T): readonly [T, T] =>
            how === 'same' ? [before, before] : how === 'left' ? [other, before] : [before, other];
          const result = /^(eq|ne|l[te]_[su])$/.test(name) ? 'i32' : type;
          plain = createNode(op, result, pair(plain, unfolded));
          folded = nodes.binary(op, ...pair(folded, constant(value)));
          shared = nodes.binary(op, ...pair(shared, constant(value)));
          if (result !== type) break;
        }
        const value = type === 'i32' ? Number(BigInt.asIntN(32, start)) : start;
        const expected = compute(plain, [type], [value]);
        assert.is(compute(folded, [], []), expected);
        assert.is(compute(shared, [type], [value]), expected);
      },
    ),
    {
      numRuns: RUNS,
      // counts beyond the width, which WebAssembly takes modulo it
      examples: [
        [
          'i32',
          [
            ['shr_u', 'constant', 1n << 31n],
            ['and', 'left', 31n],
          ],
          0x7fff_ffffn,
        ],
        [
          'i64',
          [
            ['shr_u', 'constant', 65n],
            ['and', 'left', 31n],
          ],
          1n << 62n,
        ],
      ],
    },
  );
});

// flags.ts: a condition is the row's, however it is put

const widths: readonly Width[] = [8, 16, 32, 64];

test('conditions after a known operation are those of the rows of cpu/flags.ts', () => {
  const reference = evaluate(createCpu(createMemory(1 << 24), 0));
  fc.assert(
    fc.property(
      fc.constantFrom('add', 'sub', 'logic'),
      fc.constantFrom(...widths),
      interesting,
      interesting,
      fc.integer({ min: 0, max: 15 }),
      (kind, width, l, r, code) => {
        const [left, right] = [BigInt.asUintN(width, l), BigInt.asUintN(width, r)];
        const flags = {
          kind: createNode('constant', 'i32', [], 0),
          left: createNode('constant', 'i64', [], 0n),
          own: {},
        };
        const a = new Reading({
          state: 0,
          kernel: false,
          vectors: false,
          merges: false,
          entry: {
            general: [],
            xmm: [],
            flags: { ...flags, right: flags.left, result: flags.left, settled: flags.kind },
            changed: none,
          },
        });
        const [first, second] = [0, 1].map((n) => a.truncate(createNode('local', 'i64', [], n), width)) as [Node, Node];
        const result =
          kind === 'add'
            ? a.add(first, second, width)
            : kind === 'sub'
              ? a.sub(first, second, width)
              : a.and(first, second);
        a.setFlags(kind, width, first, second, result);
        const whole = kind === 'add' ? left + right : kind === 'sub' ? left - right : left & right;
        reference.setFlags(kind, width, left, right, BigInt.asUintN(width, whole));
        const row = conditionCodes[code >> 1]!(reference);
        const expected = (code & 1) === 0 ? row : !row;
        assert.is(compute(a.conditionCode(code), ['i64', 'i64'], [left, right]), expected ? 1 : 0);
      },
    ),
    { numRuns: RUNS * 2 },
  );
});

test.run();

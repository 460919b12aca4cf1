/** runBack: the latest point before now is the one that a trace of every instruction names. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunStops } from '../box/stops.ts';
import type { Box } from '../index.ts';
import { stateDifferences, stateOf } from './support/box-state.ts';
import { bootSample } from './support/samples.ts';
import { scenarios, subjects } from './support/subjects.ts';

const slow = process.env['TEST_TIER'] === 'slow';

const byteAt = (box: Box, address: bigint, pid: number): number | undefined =>
  box.readMemory(address, 1, address < 1n << 47n ? { pid } : {})?.[0];

/** Where a run forwards from the beginning would stop before `end`, in order. */
function forwardStops(box: Box, stops: RunStops, end: number): number[] {
  const points: number[] = [];
  for (;;) {
    const { reason } = box.run({ stops, budget: end - box.instructions });
    if (reason !== 'stopped' || box.instructions >= end) return points;
    points.push(box.instructions);
  }
}

test('the last write of a byte: the instruction that a full trace names', async () => {
  const hello = subjects.find(({ name }) => name === 'hello')!;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('interpreter' as const, 'translator' as const),
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 200, max: 3700 }),
      fc.nat(10_000),
      fc.nat(63),
      async (engine, cpus, now, where, offset) => {
        const options = { memory: 16 << 20, engine, cpus, history: true };
        const { box, process } = await hello.boot(options);
        // a byte near the stack that is in use at some time
        box.run({ budget: 1 + (where % now) });
        const address = box.registers().rsp - BigInt(offset);
        box.goTo(0);
        let changed = 0;
        for (let before = byteAt(box, address, process.pid); box.instructions < now;) {
          box.step();
          const value = byteAt(box, address, process.pid);
          if (value !== before) changed = box.instructions;
          before = value;
        }
        const here = stateOf(box);
        const value = byteAt(box, address, process.pid);
        // the byte as it was before it changed: by looking at it before every instruction
        const looked = box.runBack({ until: () => byteAt(box, address, process.pid) !== value });
        assert.equal([looked.reason, looked.instruction], changed === 0 ? ['beginning', 0] : ['found', changed - 1]);
        assert.is(box.goTo(now).reason, 'reached');
        assert.equal(stateDifferences(here, stateOf(box)), []);
        // the last write, which may have left it as it was: at full speed
        const watch = { address, length: 1, access: 'write', pid: process.pid } as const;
        const found = box.runBack({ stops: { watches: [watch] } });
        const other = (await hello.boot({ memory: 16 << 20, engine: 'interpreter', cpus })).box;
        const expected = forwardStops(other, { watches: [watch] }, now).at(-1);
        assert.equal(
          [found.reason, found.instruction],
          expected === undefined ? ['beginning', 0] : ['found', expected],
        );
        if (expected !== undefined) assert.is(found.stop?.kind, 'memory');
      },
    ),
    { numRuns: slow ? 200 : 6, endOnFailure: true },
  );
});

test('the last time at an address, again and again, until the beginning', async () => {
  await fc.assert(
    fc.asyncProperty(
      scenarios,
      fc.constantFrom('do_syscall_64', 'entry_SYSCALL_64', 'asm_exc_page_fault', 'rex_dispatcher_func'),
      fc.integer({ min: 1000, max: 120_000 }),
      async ({ subject, options }, symbol, end) => {
        const { box } = await subject.boot({ ...options, history: { marks: 10 } });
        const stops = { addresses: [box.symbols.lookup(symbol)!] };
        const expected = forwardStops((await subject.boot(options)).box, stops, end);
        box.run({ budget: end });
        const counted = expected.slice(-20);
        for (const instruction of counted.toReversed()) {
          const { reason, instruction: got, stop } = box.runBack({ stops });
          assert.equal([reason, got, stop?.kind], ['found', instruction, 'address']);
          assert.is(box.instructions, instruction);
        }
        if (expected.length > counted.length) return;
        assert.equal(box.runBack({ stops }), { reason: 'beginning', instruction: 0, stop: undefined });
      },
    ),
    { numRuns: slow ? 200 : 6, endOnFailure: true },
  );
});

test('conditions, stretches and budgets', async () => {
  const { box } = await bootSample('error_injector', [], { memory: 16 << 20, history: true });
  const address = box.symbols.lookup('do_syscall_64')!;
  const stops = { addresses: [address] };
  box.run({ budget: 100_000 });
  const all: number[] = [];
  const orders: number[][] = [];
  const result = box.runBack({
    stops,
    until: () => {
      all.push(box.instructions);
      orders.at(-1)!.push(box.instructions);
      return false;
    },
    onStretch: () => orders.push([]),
  });
  assert.equal([result.reason, result.instruction], ['beginning', 0]);
  for (const order of orders)
    assert.equal(
      order,
      order.toSorted((left, right) => left - right),
    );
  const forwards = forwardStops((await bootSample('error_injector', [], { memory: 16 << 20 })).box, stops, 100_000);
  assert.equal(
    all.toSorted((left, right) => left - right),
    forwards,
    'each is asked about once',
  );
  // the third before the last
  box.goTo(100_000);
  const third = forwards.at(-3)!;
  assert.is(box.runBack({ stops, until: () => box.instructions <= third }).instruction, third);
  // not far enough
  box.goTo(100_000);
  const short = box.runBack({ stops, until: () => false, budget: 700 });
  assert.equal(short, { reason: 'budget', instruction: 99_300, stop: undefined });
  assert.is(box.history?.last, 100_000);
});

test.run();

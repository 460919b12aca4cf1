/** A campaign notices whatever an input does to its process, names it, and goes on. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seeded } from '../random-instructions.ts';
import { campaign, type Failure } from './campaign.ts';
import { trouble, type Trouble } from './trouble.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const MIB = 1 << 20;

const troubleOf = (seed: number): Trouble => trouble.make(seeded(seed));

/** The first seed of so many in a row that are these, in any order. */
function seedOf(...wanted: readonly Trouble[]): number {
  const sorted = wanted.toSorted().join();
  for (let first = 1; ; first++) {
    const got = wanted.map((_, n) => troubleOf(first + n));
    if (got.toSorted().join() === sorted) return first;
  }
}

const runAll = (patience: number, memory: number, ...wanted: readonly Trouble[]) =>
  campaign('trouble', { first: seedOf(...wanted), count: wanted.length, patience, memory });

const found = (failures: readonly Failure[]): Record<string, string> =>
  Object.fromEntries(failures.map(({ seed, what }) => [troubleOf(seed), what.split('\n')[0]!]));

test('inputs that throw, hang or end the process are named, and the others are run', async () => {
  const { failures, outcomes } = await runAll(
    1500,
    700 * MIB,
    'fine',
    'hangs',
    'throws',
    'throws no Error',
    'ends the process',
  );
  assert.equal(found(failures), {
    hangs: 'hangs: not at its end after 1500 ms',
    throws: 'RangeError: a number',
    'throws no Error': 'not an Error: a text',
    'ends the process': 'ends the process: 3',
  });
  assert.equal([...outcomes], [['fine', 1]]);
});

const slowTest = slow ? test : test.skip;

slowTest('inputs that exhaust memory are named', async () => {
  const { failures } = await runAll(60_000, 700 * MIB, 'takes buffers');
  assert.match(found(failures)['takes buffers']!, /^takes 1[2-9]\d\d MiB, expected at most 700 MiB$/);
});

slowTest('inputs that make V8 abort the process are named', async () => {
  const { failures } = await runAll(60_000, 4096 * MIB, 'takes the heap');
  assert.match(found(failures)['takes the heap']!, /^ends the process: (SIGABRT|134)/);
  assert.match(failures[0]!.what, /heap out of memory/);
});

test.run();

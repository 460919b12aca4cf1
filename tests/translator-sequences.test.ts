/**
 * Random programs, interpreted and as translated code: registers, memory, faults and numbers of instructions are the same,
 * also where they are cut short after any number of instructions.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRandom } from './native/random.ts';
import { generateSequences } from './native/sequences.ts';
import { parseCase, type Case } from './native/state.ts';
import { createCasePair, explainCase, type CasePair } from './support/translated-cases.ts';

const FILE = 'tests/translator-sequences.test.ts';
const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 20_000 : 400));
const SEED = Number(process.env['SEED'] ?? 1);
const SHOWN = 6;
/** instructions of the longest program that is stopped after each */
const LONGEST = 300;

/** Fails with those of `cases` that differ, as small as they get. */
function sameAlways(cases: readonly Case[], compare: (test: Case) => string[]): void {
  const failures = cases.filter((one) => compare(one).length > 0);
  if (failures.length === 0) return;
  const shown = failures.slice(0, SHOWN).map((one) => explainCase(FILE, one, compare));
  throw new Error(`SEED=${SEED}: ${failures.length} of ${cases.length} differ\n${shown.join('\n')}`);
}

/** To the end, then again and again up to every instruction before it. */
const afterEach =
  (pair: CasePair) =>
  (one: Case): string[] => {
    const found = pair.compare(one);
    const count = pair.retired();
    if (found.length > 0 || count > LONGEST) return found;
    for (let n = 1; n < count; n++) {
      const differences = pair.compare(one, [n]);
      if (differences.length > 0) return [`after ${n} of ${count} instructions:`, ...differences];
    }
    return [];
  };

/** In pieces of sizes that the seed makes. */
const inPieces =
  (pair: CasePair) =>
  (one: Case): string[] => {
    const random = createRandom(one.seed);
    const most = random.pick([2, 5, 20]);
    return pair.compare(
      one,
      Array.from({ length: 400 }, () => 1 + random.below(most)),
    );
  };

const single = process.env['CASE'];
if (single === undefined) {
  test(`${RUNS} programs`, () => {
    const pair = createCasePair();
    sameAlways(generateSequences(RUNS, SEED), (one) => pair.compare(one));
    assert.ok(pair.engine.stats!.translations > RUNS / 2, 'most of them have been translated');
  });
  const fewer = Math.ceil(RUNS / 30);
  test(`${fewer} programs, stopped after every number of instructions`, () => {
    sameAlways(generateSequences(fewer, SEED + 1), afterEach(createCasePair()));
  });
  test(`${RUNS >> 1} programs in pieces`, () => {
    sameAlways(generateSequences(RUNS >> 1, SEED + 2), inPieces(createCasePair()));
  });
  for (const options of [{ instructions: 5 }, { depth: 0 }, { quantum: 7 }, { threshold: 3 }]) {
    test(`${RUNS >> 2} programs with ${JSON.stringify(options)}`, () => {
      const pair = createCasePair(options);
      sameAlways(generateSequences(RUNS >> 2, SEED + 3), (one) => pair.compare(one));
    });
  }
  test(`${RUNS >> 1} programs by both engines at once`, () => {
    const pair = createCasePair({}, 'both');
    sameAlways(generateSequences(RUNS >> 1, SEED + 4), (one) => pair.compare(one));
    assert.ok(pair.engine.stats!.translated > RUNS, 'most of them have been translated');
  });
} else {
  test(single, () => {
    const pair = createCasePair();
    for (const compare of [pair.compare, afterEach(pair), inPieces(pair)]) {
      assert.equal(
        compare(parseCase(single)).filter((line) => line !== ''),
        [],
      );
    }
  });
}

test.run();

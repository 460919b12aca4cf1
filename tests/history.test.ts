/** Going back is exact: the state at an instruction is the one that was there first, whatever way one came. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stateDifferences, stateOf } from './support/box-state.ts';
import { scenarios } from './support/subjects.ts';

const slow = process.env['TEST_TIER'] === 'slow';
/** short distances, so that many marks are taken and forgotten */
const few = { marks: 6 };

test('goTo in any order gives the states of a box that has never gone back', async () => {
  await fc.assert(
    fc.asyncProperty(
      scenarios,
      fc.array(fc.nat(9999), { minLength: 2, maxLength: 5 }),
      async ({ subject, options }, parts) => {
        const one = await subject.boot({ ...options, history: few });
        const end = one.box.run({ until: one.process, budget: 400_000 });
        const last = one.box.instructions;
        const final = stateOf(one.box);
        for (const part of parts) {
          const target = Math.floor((last * part) / 10_000);
          const { reason, instruction } = one.box.goTo(target);
          assert.equal([reason, instruction, one.box.instructions], ['reached', target, target]);
          // oxlint-disable-next-line no-await-in-loop
          const other = await subject.boot(options);
          other.box.run({ budget: target });
          assert.is(other.box.instructions, target);
          assert.equal(stateDifferences(stateOf(other.box), stateOf(one.box)), [], `at ${target} of ${last}`);
          assert.equal(one.box.events.length, other.box.events.length);
        }
        assert.is(one.box.history?.last, last);
        const again = one.box.run({ until: one.process, budget: 400_000 - one.box.instructions });
        assert.equal([again.reason, again.exitCode, one.box.instructions], [end.reason, end.exitCode, last]);
        assert.equal(stateDifferences(final, stateOf(one.box)), [], 'forwards again');
      },
    ),
    { numRuns: slow ? 300 : 5, endOnFailure: true },
  );
});

test('run n, go back k, forward k: the same state', async () => {
  await fc.assert(
    fc.asyncProperty(
      scenarios,
      fc.nat(120_000),
      fc.array(fc.oneof(fc.integer({ min: 1, max: 30 }), fc.nat(50_000)), { minLength: 1, maxLength: 6 }),
      async ({ subject, options }, n, distances) => {
        const { box } = await subject.boot({ ...options, history: few });
        box.run({ budget: n });
        const now = box.instructions;
        const here = stateOf(box);
        for (const k of distances) {
          const back = box.stepBack(k);
          assert.equal(
            back,
            k > now ? { reason: 'beginning', instruction: 0 } : { reason: 'reached', instruction: now - k },
          );
          const { instructions } = box.step(now - box.instructions);
          assert.is(instructions, Math.min(k, now));
          assert.equal(stateDifferences(here, stateOf(box)), [], `${k} back from ${now}`);
        }
      },
    ),
    { numRuns: slow ? 300 : 5, endOnFailure: true },
  );
});

test.run();

// Programs that make more of one thing for ever: the host needs at most twice the box's memory and 300 MB, and the run ends
// by its budget, or because everybody sleeps. EXHAUST_BUDGET: instructions a program.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exhaust, rows, type Exhaustion } from './support/exhaust.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const SMALL = 32 << 20;
const USUAL = 128 << 20;
const budget = Number(process.env['EXHAUST_BUDGET'] ?? (slow ? 100_000_000 : 2_000_000));
/** seconds of processor time: something hangs */
const PATIENCE = slow ? 600 : 60;
const usual = ['unix-bytes', 'hash', 'output', 'watches'];

const campaign: Exhaustion[] = slow
  ? [SMALL, USUAL].flatMap((memory) => rows.map((what) => ({ what, memory, budget })))
  : usual.map((what) => ({ what, memory: SMALL, budget }));
const saved: Exhaustion[] = (slow ? rows : ['files']).map((what) => ({
  what,
  memory: SMALL,
  budget: Math.min(budget, 20_000_000),
  save: true,
}));

const MB = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

if (process.platform !== 'linux') test.skip('skipped: no /proc', () => {});
else {
  for (const one of [...campaign, ...saved]) {
    const { what, memory, save } = one;
    test(`${what} in ${MB(memory)}${save === true ? ', saved' : ''}`, async () => {
      const { outcome, peak, bound, seconds, words, replay } = await exhaust(one, PATIENCE);
      const said = `${MB(peak)} of ${MB(bound)} after ${seconds.toFixed(0)} s\n${words}\nto replay: ${replay}`;
      assert.ok(peak <= bound, `more memory than it may take: ${said}`);
      assert.ok(outcome !== undefined, `it did not end by itself: ${said}`);
      assert.ok(['budget', 'idle'].includes(outcome.reason), `${outcome.reason} ${outcome.death ?? ''}: ${said}`);
    });
  }
}

test.run();

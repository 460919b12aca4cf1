// Programs that make more of one thing for ever: the host needs at most twice the box's memory and 300 MB, and so many
// instructions cost it no more than so much of its processor; the run ends by its budget, or because everybody sleeps.
// EXHAUST_BUDGET: instructions a program.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CAMPAIGN, describeWatched, exhaust, rows, type Exhaustion } from './support/exhaust.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const MiB = 1 << 20;
const budget = Number(process.env['EXHAUST_BUDGET'] ?? (slow ? 100_000_000 : 2_000_000));
const usual = ['unix-bytes', 'hash', 'output'];
/** of which several processors make more at once */
const together = ['forks', 'threads', 'areas', 'touch', 'growth', 'unix-bytes', 'events', 'code', 'output', 'mix'];

const row = (what: string, memory: number, rest: Partial<Exhaustion> = {}): Exhaustion => ({
  program: CAMPAIGN,
  args: [what],
  memory,
  budget,
  ...rest,
});

const campaign: readonly Exhaustion[] = slow
  ? [
      ...[32 * MiB, 128 * MiB].flatMap((memory) => rows.map((what) => row(what, memory))),
      ...together.map((what) => row(what, 64 * MiB, { cpus: 8 })),
      ...rows.map((what) => row(what, 32 * MiB, { save: true, budget: Math.min(budget, 20_000_000) })),
    ]
  : [...usual.map((what) => row(what, 32 * MiB)), row('files', 32 * MiB, { save: true })];

if (process.platform !== 'linux') test.skip('skipped: no /proc', () => {});
else {
  for (const one of campaign) {
    const { args, memory, cpus = 1, save = false } = one;
    test(`${args[0]} in ${memory / MiB} MiB${cpus > 1 ? ` on ${cpus} CPUs` : ''}${save ? ', saved' : ''}`, async () => {
      const watched = await exhaust(one);
      const { outcome, peak, bound, seconds, patience } = watched;
      const said = describeWatched(watched);
      assert.ok(peak <= bound, `more memory than it may take: ${said}`);
      assert.ok(seconds <= patience, `more time than it may take: ${said}`);
      assert.ok(outcome !== undefined, `it did not end by itself: ${said}`);
      assert.ok(['budget', 'idle'].includes(outcome.reason), `${outcome.reason} ${outcome.death ?? ''}: ${said}`);
    });
  }
}

test.run();

// A program that takes all it can get of one kind of memory gets an errno, and the host keeps within its bound; what is given back can
// be taken again, to the last piece.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeWatched, exhaust, GIVING_BACK } from './support/exhaust.ts';

const slow = process.env['TEST_TIER'] === 'slow';

interface Exhaustion {
  readonly mode: string;
  /** at most so many */
  readonly count: number;
  readonly mebibytes: number;
  readonly least: number;
  /** what refuses one more */
  readonly error: RegExp;
}

// a name, the open file or its descriptor: whichever is the first that does not fit
const quick: readonly Exhaustion[] = [
  { mode: 'maps', count: 10_000, mebibytes: 16, least: 10_000, error: /^enough$/ },
  { mode: 'execs', count: 3000, mebibytes: 16, least: 100, error: /^Out of memory$/ },
  { mode: 'areas', count: 4000, mebibytes: 16, least: 4, error: /^Out of memory$/ },
  { mode: 'files', count: 10_000, mebibytes: 16, least: 150, error: /^No space left on device$/ },
  {
    mode: 'names',
    count: 100_000,
    mebibytes: 16,
    least: 5000,
    error: /^(No space left on device|Too many open files in system|Out of memory)$/,
  },
  { mode: 'tables', count: 3000, mebibytes: 16, least: 3000, error: /^enough$/ },
];
const long: readonly Exhaustion[] = [
  // 13 MiB of 288 bytes an area, and vm.max_map_count
  { mode: 'maps', count: 70_000, mebibytes: 16, least: 30_000, error: /^Out of memory$/ },
  { mode: 'maps', count: 70_000, mebibytes: 64, least: 65_500, error: /^Out of memory$/ },
  { mode: 'areas', count: 32_000, mebibytes: 64, least: 3, error: /^Out of memory$/ },
  { mode: 'execs', count: 4000, mebibytes: 256, least: 1000, error: /^Out of memory$/ },
  { mode: 'files', count: 100_000, mebibytes: 256, least: 3500, error: /^No space left on device$/ },
];

for (const { mode, count, mebibytes, least, error } of slow ? [...quick, ...long] : quick) {
  test(`${mode} in a box of ${mebibytes} MiB`, async () => {
    const args = [mode, `${count}`];
    const watched = await exhaust({ program: GIVING_BACK, args, memory: mebibytes << 20, budget: 400_000_000 });
    const { outcome, peak, bound } = watched;
    const said = describeWatched(watched);
    assert.ok(peak <= bound, said);
    assert.ok(outcome !== undefined, said);
    assert.is(outcome.stderr, '');
    assert.is(outcome.reason, 'exited');
    assert.is(outcome.ending, 0);
    const lines = outcome.stdout.trimEnd().split('\n');
    assert.is(lines.length, 2, outcome.stdout);
    assert.is(lines[1], lines[0], 'all of it has come back');
    const [, got, refused] = /^\w+: (\d+), then (.*)$/.exec(lines[0]!)!;
    assert.match(refused!, error);
    assert.ok(Number(got) >= least, lines[0]);
  });
}

test.run();

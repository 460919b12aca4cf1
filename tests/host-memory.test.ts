// A program that takes all it can get of one kind of memory gets an errno, and the host keeps within its bound; what is given back can
// be taken again, to the last piece.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
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

/** MiB that the host may need for a box: twice its memory, and what Node.js and the box's own code are. */
const bound = (mebibytes: number): number => 2 * mebibytes + 300;

for (const { mode, count, mebibytes, least, error } of slow ? [...quick, ...long] : quick) {
  test(`${mode} in a box of ${mebibytes} MiB`, () => {
    const child = ['--import', 'tsx', 'tests/support/exhausting-child.ts', `${mebibytes}`, mode, `${count}`];
    const { stdout, stderr } = spawnSync(process.execPath, child, { cwd: root, encoding: 'utf8', timeout: 240_000 });
    assert.is(stderr, '');
    const result = JSON.parse(stdout) as {
      readonly reason: string;
      readonly exitCode: number;
      readonly stdout: string;
      readonly stderr: string;
      readonly peak: number;
    };
    assert.is(result.stderr, '');
    assert.is(result.reason, 'exited');
    assert.is(result.exitCode, 0);
    const lines = result.stdout.trimEnd().split('\n');
    assert.is(lines.length, 2, result.stdout);
    assert.is(lines[1], lines[0], 'all of it has come back');
    const [, got, refused] = /^\w+: (\d+), then (.*)$/.exec(lines[0]!)!;
    assert.match(refused!, error);
    assert.ok(Number(got) >= least, lines[0]);
    assert.ok(result.peak <= bound(mebibytes), `${result.peak} MiB of ${bound(mebibytes)}`);
  });
}

test.run();

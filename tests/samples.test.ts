// Every sample, held against its sample.json; the sanity checks of Rex's own test suite; and that runs are repeatable.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sampleNames } from '../box/host-files.ts';
import { runAllSamples } from '../command/all-samples.ts';
import { createStyle } from '../command/style.ts';
import { gradeJob } from '../command/grade.ts';
import { readCommandLine } from '../command/options.ts';
import { runSampleJob, sampleJob, type SampleRun } from './support/sample-runs.ts';

/** of the default arguments, each run once */
const runs = new Map<string, SampleRun>();

async function runOf(name: string): Promise<SampleRun> {
  const known = runs.get(name);
  if (known !== undefined) return known;
  const run = await runSampleJob(sampleJob(name));
  runs.set(name, run);
  return run;
}

for (const name of sampleNames()) {
  test(`${name} meets its expectation`, async () => {
    const { summary, stderr, log } = await runOf(name);
    assert.is(summary.exitCode, 0, `${summary.verdict}\n${stderr}\n${log.slice(-2000)}`);
    assert.ok(summary.counts.programRuns > 0, 'no program ran');
    const grade = await gradeJob(sampleJob(name), readCommandLine([name]).options);
    assert.is(grade?.passed ?? true, true, grade?.lines.join('\n'));
  });
}

/** Numbers and spaces, which a change of the kernel changes, make no difference. */
const shapeOf = (line: string): string =>
  line
    .replaceAll(/0x[0-9a-f]+|[0-9a-f]{16}|\d+/g, 'N')
    .replaceAll(/ +/g, ' ')
    .trim();

for (const name of sampleNames()) {
  test(`${name}: its README shows what a run prints`, async () => {
    const readme = readFileSync(new URL(`../samples/${name}/README.md`, import.meta.url), 'utf8');
    const shown = /```text\n([^]*?)\n```/.exec(readme)?.[1]?.split('\n') ?? [];
    assert.ok(shown.length > 1, 'no output');
    const { screen, summary } = await runOf(name);
    const grade = await gradeJob(sampleJob(name), readCommandLine([name]).options);
    const printed = [...screen.split('\n'), 'grade:', ...(grade?.lines ?? [])].map(shapeOf);
    assert.is(summary.exitCode, 0);
    let at = 0;
    // an ellipsis is what is left out, lines or the end of one
    for (const line of shown.filter((each) => each !== '…').map(shapeOf)) {
      const start = line.replace(/…$/, '');
      const found = printed.findIndex(
        (each, n) => n >= at && (start === line ? each === line : each.startsWith(start)),
      );
      assert.ok(found >= 0, `not printed, or not in this place: ${line}`);
      at = found + 1;
    }
  });
}

type Source = 'stdout' | 'stderr' | 'trace';

/** What meson's six tests look for in the output, and how often; at least once without a number. */
// prettier-ignore
const sanityChecks: readonly (readonly [sample: string, source: Source, pattern: RegExp, count?: number])[] = [
  ['hello',          'stdout', /Rust triggered from PID \d+ on CPU .+/g,                  2],
  ['map_test',       'stdout', /Map Testing 1 Start with key 0/g,                         1],
  ['map_test',       'stdout', /Rust program triggered from PID \d+/g,                    2],
  ['map_test',       'stdout', /Found Val=\d+\./g,                                        2],
  ['map_test_2',     'stdout', /Map Testing 1 Start with key 0/g,                         1],
  ['map_test_2',     'stdout', /Rust program triggered from PID \d+/g,                    5],
  ['map_test_2',     'stdout', /Found Val=\d+/g,                                          2],
  ['map_test_2',     'stdout', /Top of stack: \d+\./g,                                    1],
  ['map_test_2',     'stdout', /Next top of stack: \d+\./g,                               1],
  ['map_test_2',     'stdout', /Front of queue: \d+\./g,                                  1],
  ['map_test_2',     'stdout', /Next front of queue: \d+\./g,                             1],
  ['map_test_2',     'stdout', /Available bytes in ringbuf: \d+/g,                        2],
  ['error_injector', 'stderr', /dup: Invalid argument/g,                                  1],
  ['syscall_tp',     'stdout', /prog #0: map ids \d \d\n/g,                               1],
  ['syscall_tp',     'stdout', /verify map:\d val: \d\n/g,                                2],
  ['xdp_test',       'trace',  /IP saddr|IP daddr|TCP packet|UDP packet/g],
];

for (const [sample, source, pattern, count] of sanityChecks) {
  test(`sanity: ${sample}: ${pattern.source}`, async () => {
    const text = (await runOf(sample))[source];
    const found = [...text.matchAll(pattern)].length;
    if (count === undefined) assert.ok(found > 0, text);
    else assert.is(found, count, text);
  });
}

for (const name of ['hello', 'xdp_test', 'electrode', 'panic']) {
  test(`${name}: a second run has the same events`, async () => {
    const first = await runOf(name);
    const second = await runSampleJob(sampleJob(name));
    assert.is(second.summary.instructions, first.summary.instructions);
    assert.is(second.trace, first.trace);
    assert.equal(second.events, first.events);
  });
}

for (const name of ['error_injector', 'xdp_test', 'electrode']) {
  test(`${name} on four processors`, async () => {
    const { summary, stderr } = await runSampleJob(sampleJob(name), ['--cpus', '4']);
    assert.is(summary.exitCode, 0, `${summary.verdict}\n${stderr}`);
  });
}

test('electrode: without the program at tc a broadcast goes to its first receiver, as it is', async () => {
  const job = sampleJob('electrode');
  const steps = job.steps.filter((step) => !('run' in step && step.run.includes('filter')));
  assert.is(steps.length, job.steps.length - 1);
  const { stdout, stderr, summary } = await runSampleJob({ ...job, steps });
  assert.is(summary.exitCode, 1);
  assert.match(stdout, 'replica 1: got an unaddressed copy of 1: put x=1');
  assert.not.match(stdout, 'prepared');
  assert.match(stderr, 'client: request 1: no reply');
});

test('spinlock_cleanup_benchmark: a device that is not there', async () => {
  const { summary, stderr } = await runSampleJob(sampleJob('spinlock_cleanup_benchmark', '9'));
  assert.is(summary.exitCode, 1);
  assert.match(stderr, 'ERROR: bpf_xdp_attach failed on device 9: ');
});

test('--all prints a line for each sample', async () => {
  let text = '';
  const out = (data: string | Uint8Array): void => void (text += data.toString());
  const output = { out, error() {}, flush() {}, style: createStyle(false) };
  const { options } = readCommandLine(['--all']);
  assert.is(await runAllSamples(options, output, ['error_injector', 'hello']), 0);
  assert.match(text, /^ {2}error_injector +ok +kprobe +hash +2 +0 +[\d,]+ +[\d.]+ s$/m);
  assert.match(text, /^2 passed, 0 failed\n$/m);
});

test.run();

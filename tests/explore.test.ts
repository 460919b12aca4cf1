/** Schedules: the seed alone decides how processors take turns, and some turns show what even ones hide. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ExitCode } from '../command/exit-codes.ts';
import { exploreSchedules } from '../command/explore.ts';
import { readJob } from '../command/job.ts';
import { readCommandLine } from '../command/options.ts';
import type { CommandOutput } from '../command/output.ts';
import { Box, MachineError } from '../index.ts';
import { createStyle } from '../command/style.ts';
import { bootSample } from './support/samples.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const SCHEDULES = slow ? 300 : 15;

async function explore(...args: readonly string[]): Promise<{ readonly status: number; readonly text: string }> {
  const line = readCommandLine(args);
  let text = '';
  const write = (data: string | Uint8Array): void => {
    text += typeof data === 'string' ? data : new TextDecoder().decode(data);
  };
  const output: CommandOutput = { out: write, error: write, flush() {}, style: createStyle(false) };
  const job = readJob(line.name!, line);
  const status = await exploreSchedules(job, line.options.explore!, line.options, output);
  return { status, text };
}

test('without a lock an update is lost in some schedule, which is printed to be run again', async () => {
  const { status, text } = await explore('contention', 'nolock', '--explore', '100');
  assert.is(status, ExitCode.unexpected);
  const replay = /^replay: npx tsx run-sample (contention nolock 50 --schedule \d+)$/m.exec(text);
  assert.ok(replay, text);
  const line = readCommandLine(replay[1]!.split(' '));
  const { box, process } = await bootSample('contention', line.args, { cpus: 2, schedule: line.options.schedule! });
  const { exitCode, stdout } = box.run({ until: process });
  assert.is(exitCode, 1, stdout.text);
  assert.match(stdout.text, /^\d\d of 100 calls counted$/m);
});

test(`with a lock none is lost in ${SCHEDULES} schedules`, async () => {
  const { status, text } = await explore('contention', 'lock', '--explore', `${SCHEDULES}`);
  assert.is(text, `${SCHEDULES} schedules, every one as expected\n`);
  assert.is(status, ExitCode.ok);
});

test('the same schedule is the same run; others differ', async () => {
  const run = async (schedule: number): Promise<readonly [number, string]> => {
    const { box, process } = await bootSample('contention', ['nolock'], { cpus: 2, schedule });
    const { stdout } = box.run({ until: process });
    return [box.instructions, stdout.text];
  };
  assert.equal(await run(7), await run(7));
  const instructions = new Set<number>();
  for (let schedule = 8; schedule < 14; schedule++) instructions.add((await run(schedule))[0]);
  assert.ok(instructions.size > 1, `six schedules, ${instructions.size} ways to run`);
});

test('a schedule that is no whole number is refused', async () => {
  for (const schedule of [-1, 0.5, NaN]) {
    try {
      await Box.boot({ schedule });
      assert.unreachable();
    } catch (error) {
      assert.instance(error, MachineError);
    }
  }
});

test.run();

// A sample in the debugger: its further steps are taken when it is their turn, so that it runs as it does without.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasEnded } from '../box/spawn.ts';
import { Box } from '../index.ts';
import { readJob } from '../command/job.ts';
import { boxOptions } from '../command/run-job.ts';
import { createStepDriver } from '../command/step-driver.ts';
import { openDebugger } from '../debugger/index.ts';
import { runCommand } from './support/command.ts';

/** with programs that are run, signals, and time that has to go by */
const samples = ['syscount', 'hello', 'map_test', 'recursive', 'spinlock_test'];

/** Instructions until the first process has ended. */
async function inDebugger(name: string): Promise<number> {
  const job = readJob(name, { args: [] });
  const box = await Box.boot(boxOptions(job, { avx: false } as Parameters<typeof boxOptions>[1]));
  for (const [path, bytes] of job.files) box.files.write(path, bytes);
  const process = box.spawn(job.program, job.args, { argv0: job.argv0 });
  const { onIdle, onQuiet } = createStepDriver(box, process, job.steps);
  const session = await openDebugger(box, { process, onQuiet });
  do session.continue({ budget: 20_000_000 });
  while (['idle', 'exited'].includes(session.rest.reason) && onIdle());
  assert.ok(hasEnded(box.kernel, process));
  return box.instructions;
}

for (const name of samples) {
  test(`${name} ends as without a debugger`, async () => {
    const { stdout } = await runCommand('--json', name);
    const { instructions } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { instructions: number };
    assert.is(await inDebugger(name), instructions);
  });
}

test.run();

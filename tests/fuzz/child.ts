/** The process that runs inputs for a campaign: `child.ts NAME`, then a message with the first seed and how many. */
import { ppid, resourceUsage } from 'node:process';
import { Worker } from 'node:worker_threads';
import { seeded } from '../random-instructions.ts';
import type { Report } from './fuzzer.ts';
import { fuzzerOf } from './fuzzers.ts';

/** Waits until the report is on its way: what follows may never come back. */
const report = (message: Report): Promise<void> =>
  new Promise((resolve) => void process.send!(message, () => resolve()));

/** most of this process so far, bytes */
const memory = (): number => resourceUsage().maxRSS * 1024;

async function runInputs(name: string, first: number, count: number): Promise<void> {
  const fuzzer = await fuzzerOf(name);
  for (let seed = first; seed < first + count; seed++) {
    // one after the other, so that each can be blamed
    // oxlint-disable-next-line no-await-in-loop
    await report({ kind: 'begin', seed });
    try {
      // oxlint-disable-next-line no-await-in-loop
      const outcome = await fuzzer.run(fuzzer.make(seeded(seed)));
      // oxlint-disable-next-line no-await-in-loop
      await report({ kind: 'end', seed, outcome, memory: memory() });
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? String(error)) : `not an Error: ${String(error)}`;
      // oxlint-disable-next-line no-await-in-loop
      await report({ kind: 'fail', seed, error: text, memory: memory() });
    }
  }
  process.disconnect();
}

/** Ends this process when the campaign has ended, also in the middle of an input that hangs. */
const guard = `
  const { workerData } = require('node:worker_threads');
  setInterval(() => process.ppid === workerData || process.kill(process.pid, 'SIGKILL'), 500);
`;
new Worker(guard, { eval: true, workerData: ppid }).unref();

process.once('message', ({ first, count }: { first: number; count: number }) => {
  void runInputs(process.argv[2]!, first, count);
});

/**
 * One program of the campaign in a process of its own: `tsx tests/support/exhaust-run.ts WHAT MEMORY BUDGET [save]`, bytes
 * and instructions. Prints an `ExhaustOutcome` as JSON. With `save`, the exhausted box is saved, copied, and run on from a
 * snapshot.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Box } from '../../index.ts';

export interface ExhaustOutcome {
  readonly reason: string;
  /** exit status, or the signal's name */
  readonly ending: number | string | undefined;
  readonly instructions: number;
  readonly death: string | undefined;
  /** bytes that the box is charged for records */
  readonly charged: number;
  /** bytes of V8's heap and of buffers outside it, at the end */
  readonly heap: number;
}

const binaries = fileURLToPath(new URL('../programs/loaders/bin/', import.meta.url));
const [what = '', memory, budget, extra] = process.argv.slice(2);
const box = await Box.boot({ memory: Number(memory) });
for (const name of ['exhaust', 'streams.rex']) box.files.write(`/${name}`, readFileSync(binaries + name));
const until = box.spawn('/exhaust', [what]);
const result = box.run({ until, budget: Number(budget) });
if (extra === 'save') {
  const mark = box.snapshot();
  box.save();
  box.run({ until, budget: 1_000_000 });
  box.restore(mark);
}
const { heapUsed, external } = process.memoryUsage();
const outcome: ExhaustOutcome = {
  reason: result.reason,
  ending: result.exitCode ?? result.signal,
  instructions: result.instructions,
  death: box.death,
  charged: box.kernel.pages.charged,
  heap: heapUsed + external,
};
console.log(JSON.stringify(outcome));

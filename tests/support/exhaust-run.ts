/**
 * One exhausting program in a process of its own: `tsx tests/support/exhaust-run.ts MEMORY BUDGET CPUS run|save PROGRAM
 * ARGUMENT…`, bytes and instructions. Prints an `ExhaustOutcome` as JSON. With `save`, the exhausted box is saved, copied, and
 * run on from a snapshot.
 */
import { Box } from '../../index.ts';
import { placeExhaust, type ExhaustOutcome } from './exhaust.ts';

/** characters of the program's output that are kept */
const KEPT = 1000;

const [memory, budget, cpus, extra, program = '', ...args] = process.argv.slice(2);
const box = await Box.boot({ memory: Number(memory), cpus: Number(cpus) });
placeExhaust(box, program);
const until = box.spawn('/exhaust', args);
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
  stdout: result.stdout.text.slice(0, KEPT),
  stderr: result.stderr.text.slice(0, KEPT),
};
console.log(JSON.stringify(outcome));

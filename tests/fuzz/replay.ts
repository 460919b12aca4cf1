/**
 * Runs one input of a campaign once more: `npx tsx tests/fuzz/replay.ts NAME SEED [FILE]`. Prints the input and its outcome, and
 * writes the input to FILE where it is a file. Exits with 1 when the outcome is none that is allowed.
 */
import { writeFileSync } from 'node:fs';
import { seeded } from '../random-instructions.ts';
import { fuzzerOf } from './fuzzers.ts';

const [name = '', seed = '', file] = process.argv.slice(2);
const fuzzer = await fuzzerOf(name);
const input = fuzzer.make(seeded(Number(seed)));
console.log(fuzzer.text(input));
if (file !== undefined && fuzzer.bytes !== undefined) writeFileSync(file, fuzzer.bytes(input));
const start = performance.now();
try {
  console.log(`outcome: ${await fuzzer.run(input)}`);
} catch (error) {
  console.log(error);
  process.exitCode = 1;
}
const { maxRSS } = process.resourceUsage();
console.log(`${Math.round(performance.now() - start)} ms, ${Math.round(maxRSS / 1024)} MiB`);

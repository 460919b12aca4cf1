// Damaged executables: whatever their bytes, the host never throws, the kernel never dies, the run ends.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Kernel } from '../kernel/kernel.ts';
import { bootForPrograms, readRepositoryFile, runProgram } from './support/user-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 10_000 : 200));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const images = [
  'samples/error_injector/loader',
  'samples/error_injector/userapp',
  'samples/panic/loader',
  'samples/panic/userapp',
];
/** a damaged program may loop for ever */
const BUDGET = 20_000;
/** processes a kernel runs before a fresh one takes over */
const PER_KERNEL = 40;

interface Damage {
  readonly flips: readonly (readonly [where: number, bit: number])[];
  readonly headerFlips: readonly (readonly [where: number, bit: number])[];
  readonly length: number | null;
}

/** Bits anywhere, bits in the headers (where they matter most), and a cut. */
const damage: fc.Arbitrary<Damage> = fc.record(
  {
    flips: fc.array(fc.tuple(fc.nat(), fc.nat(7)), { maxLength: 8 }),
    headerFlips: fc.array(fc.tuple(fc.nat(64 + 56 * 6 - 1), fc.nat(7)), { maxLength: 3 }),
    length: fc.option(fc.nat(), { freq: 4 }),
  },
  { noNullPrototype: true },
);

function damaged(image: Uint8Array, { flips, headerFlips, length }: Damage): Uint8Array {
  const bytes = image.slice(0, length === null ? image.length : length % (image.length + 1));
  for (const [where, bit] of [...flips, ...headerFlips]) if (bytes.length > 0) bytes[where % bytes.length]! ^= 1 << bit;
  return bytes;
}

for (const path of images) {
  test(`${RUNS} mutants of ${path}`, () => {
    const image = readRepositoryFile(path);
    let kernel: Kernel;
    let processes = PER_KERNEL;
    const property = fc.property(damage, (how) => {
      if (++processes > PER_KERNEL) {
        kernel = bootForPrograms({ memory: 32 << 20 });
        processes = 0;
      }
      const { outcome } = runProgram(kernel, damaged(image, how), ['mutant', 'dup', '22'], BUDGET);
      if (outcome === 'budget' || outcome === 'dead') processes = PER_KERNEL;
      assert.is.not(outcome, 'dead', kernel.log.map(({ text }) => text).join('\n'));
    });
    const result = fc.check(property, { numRuns: RUNS, ...seed });
    assert.not.ok(
      result.failed,
      `replay: SEED=${result.seed} RUNS=${RUNS} npx tsx tests/program-mutants.test.ts\n${fc.defaultReportMessage(result)}\n${String((result.errorInstance as Error | null)?.stack)}`,
    );
  });
}

test.run();

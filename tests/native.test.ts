/** CASES: how many; SEQUENCES: how many; SEED: which; ROWS: of the mnemonics that match; CASE: one line of an earlier failure. */
import { test } from 'uvu';
import { compare, explain, generateCases, type Difference } from './native/differential.ts';
import { comparableRows } from './native/cases.ts';
import { missingPart } from './native/real-cpu.ts';
import { generateSequences } from './native/sequences.ts';
import { explainSequence } from './native/shrink.ts';
import { parseCase, type Case } from './native/state.ts';

const CASES = Number(process.env['CASES'] ?? 4000);
const SEQUENCES = Number(process.env['SEQUENCES'] ?? 1000);
const SEED = Number(process.env['SEED'] ?? 1);
const SHOWN = Number(process.env['SHOWN'] ?? 10);
const ROWS = new RegExp(process.env['ROWS'] ?? '.');
const rows = comparableRows.filter(({ row }) => ROWS.test(row.mnemonic));
const single = process.env['CASE'];

const missing = missingPart();
if (missing !== undefined) {
  test.skip(`skipped: ${missing}`, () => {});
} else {
  const same = (cases: readonly Case[], describe: (difference: Difference) => string): void => {
    const differences = compare(cases);
    if (differences.length === 0) return;
    throw new Error(
      `SEED=${SEED}: ${differences.length} of ${cases.length} differ\n${shown(differences).map(describe).join('\n\n')}`,
    );
  };
  if (single !== undefined) test(single, () => same([parseCase(single)], explainSequence));
  else {
    test(`${CASES} instructions end as on this processor`, () => same(generateCases(CASES, SEED, rows), explain));
    test(`${SEQUENCES} sequences end as on this processor`, () => {
      same(generateSequences(SEQUENCES, SEED), explainSequence);
    });
  }
}

/** One of each first byte of difference: a fault that shows in a hundred cases is printed once. */
function shown(differences: readonly Difference[]): readonly Difference[] {
  const kinds = new Map(differences.map((difference) => [kindOf(difference), difference]));
  return [...kinds.values()].slice(0, SHOWN);
}
function kindOf({ test }: Difference): string {
  const opcode = test.code.filter((value) => !(value >= 0x40 && value <= 0x4f) && value !== 0x67 && value !== 0x65);
  return opcode.slice(0, 3).join(' ');
}

test.run();

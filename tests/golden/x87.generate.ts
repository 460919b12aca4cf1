/**
 * Writes x87.txt: for each row of D8 to DF some cases and what this processor makes of them, `CODE SEED | changes` a line.
 * The state that a seed means is made by tests/x87/cases.ts. Needs gcc. Run: npx tsx tests/golden/x87.generate.ts
 */
import { writeFileSync } from 'node:fs';
import { caseOf, x87Rows, type X87Case } from '../x87/cases.ts';
import { outcomeText } from '../x87/compare.ts';
import { runOnReal } from '../x87/machines.ts';

const CASES_PER_ROW = 14;

const cases: X87Case[] = x87Rows.flatMap((row, n) =>
  Array.from({ length: CASES_PER_ROW }, (_, k) => caseOf(row, 0x1000_0000 + n * 1000 + k)),
);
const outcomes = runOnReal(cases);
const lines = cases.map(
  (test, n) =>
    `${Buffer.from(test.code).toString('hex')} ${test.seed.toString(16)} | ${outcomeText(test, outcomes[n]!)}`,
);
writeFileSync(new URL('x87.txt', import.meta.url), `${lines.join('\n')}\n`);

/**
 * Writes cpu.txt: what a real x86-64 processor does with a few cases of each row of the opcode table. Run as
 * `npx tsx tests/golden/cpu.generate.ts` where gcc is; where the results of processors differ, the cases are left out.
 *
 * A line is `CASE | UNDEFINED | OUTCOME`: the case as `caseText` writes it, the mask of the flags that it leaves
 * undefined, and what it changes, as `outcomeText` writes it. The state before it follows from its seed (native/state.ts).
 */
import { writeFileSync } from 'node:fs';
import { undefinedFlags } from '../native/disassemble.ts';
import { generateCasesByRow, padded } from '../native/differential.ts';
import { runOnRealCpu } from '../native/real-cpu.ts';
import { caseText, outcomeText } from '../native/state.ts';

const CASES_A_ROW = 5;
const SEED = 2026;

const cases = generateCasesByRow(CASES_A_ROW, SEED);
const outcomes = runOnRealCpu(cases);
const lines = cases.map((test, n) => {
  const mask = undefinedFlags(padded(test.code));
  return `${caseText(test)} | ${mask.toString(16)} | ${outcomeText(test, outcomes[n]!, mask)}\n`;
});
writeFileSync(new URL('cpu.txt', import.meta.url), lines.join(''));

/**
 * Writes cpu-*.txt, a file a family: what a real x86-64 processor does with some cases of each row of the opcode tables.
 * Run as `npx tsx tests/golden/cpu.generate.ts` where gcc is, on a processor that has every feature of the tables; where
 * the results of processors differ, the cases are left out.
 *
 * A line is `CODE SEED REGISTERS|UNDEFINED|OUTCOME`, all hexadecimal: the registers that are set besides what follows from
 * the seed (native/state.ts), the mask of the flags that the case leaves undefined, and what it changes (`outcomeText`).
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { undefinedFlags } from '../native/disassemble.ts';
import { generateCasesByRow, padded } from '../native/differential.ts';
import { runOnRealCpu } from '../native/real-cpu.ts';
import { goldenLine, outcomeText } from '../native/state.ts';

const CASES_A_ROW = 85;
const SEED = 0x1000;

const folder = new URL('./', import.meta.url);
for (const name of readdirSync(folder)) if (/^cpu-.*\.txt$/.test(name)) rmSync(new URL(name, folder));
for (const [family, cases] of generateCasesByRow(CASES_A_ROW, SEED)) {
  const outcomes = runOnRealCpu(cases);
  const lines = cases.map((test, n) => {
    const mask = undefinedFlags(padded(test.code));
    return `${goldenLine(test, mask, outcomeText(test, outcomes[n]!, mask))}\n`;
  });
  writeFileSync(new URL(`cpu-${family}.txt`, folder), lines.join(''));
}

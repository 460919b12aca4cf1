/**
 * Writes cpu-*.txt, a file a family: what a real x86-64 processor does with some cases of each row of the opcode tables.
 * Run as `npx tsx tests/golden/cpu.generate.ts` where gcc is, on a processor that has every feature of the tables; where
 * the results of processors differ, the cases are left out. FAMILIES: only the files whose family matches.
 *
 * A line is `CODE SEED REGISTERS|UNDEFINED|OUTCOME`, all hexadecimal: the registers that are set besides what follows from
 * the seed (native/state.ts), the mask of the flags that the case leaves undefined, and what it changes (`outcomeText`).
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { CompiledRow } from '../../cpu/decoder.ts';
import { comparableRows } from '../native/cases.ts';
import { undefinedFlags } from '../native/disassemble.ts';
import { familyOf, generateCasesByRow, judge, padded } from '../native/differential.ts';
import { runOnOurCpu } from '../native/our-cpu.ts';
import { runOnRealCpu } from '../native/real-cpu.ts';
import { goldenLine, outcomeText } from '../native/state.ts';

/** Many rows of AVX and MMX share their definitions with SSE's; x87.txt has more of the x87. */
const casesARow = (family: string): number => ({ avx: 20, avx2: 20, mmx: 26, x87: 10 })[family] ?? 85;
const SEED = 0x1000;

const FAMILIES = new RegExp(process.env['FAMILIES'] ?? '.');

const byCount = new Map<number, CompiledRow[]>();
for (const row of comparableRows.filter((one) => FAMILIES.test(familyOf(one)))) {
  const count = casesARow(familyOf(row));
  byCount.set(count, [...(byCount.get(count) ?? []), row]);
}
const families = [...byCount].flatMap(([count, rows]) => [...generateCasesByRow(count, SEED, rows)]);

const folder = new URL('./', import.meta.url);
for (const name of readdirSync(folder)) {
  const family = /^cpu-(.*)\.txt$/.exec(name)?.[1];
  if (family !== undefined && FAMILIES.test(family)) rmSync(new URL(name, folder));
}
for (const [family, cases] of families) {
  const outcomes = runOnRealCpu(cases);
  const lines = cases.flatMap((test, n) => {
    const verdict = judge(test, runOnOurCpu(test), outcomes[n]!);
    if (verdict !== undefined && 'excuse' in verdict) return [];
    const mask = undefinedFlags(padded(test.code));
    return `${goldenLine(test, mask, outcomeText(test, outcomes[n]!, mask))}\n`;
  });
  writeFileSync(new URL(`cpu-${family}.txt`, folder), lines.join(''));
}

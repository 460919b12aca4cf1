/**
 * `npm run test:native`: our processor against the one under us, at length, with a line a family.
 * CASES single instructions (2,000,000), SEQUENCES of 1 to 50 (200,000), SEED (1). Exit code 1 when any case differs.
 */
import { compare, explain, familyOf, generateCases, type Difference } from './differential.ts';
import { comparableRows } from './cases.ts';
import { missingPart } from './real-cpu.ts';
import { generateSequences } from './sequences.ts';
import { explainSequence } from './shrink.ts';
import type { Case } from './state.ts';

const CASES = Number(process.env['CASES'] ?? 2_000_000);
const SEQUENCES = Number(process.env['SEQUENCES'] ?? 200_000);
const SEED = Number(process.env['SEED'] ?? 1);
/** Cases that are made, run and forgotten together. */
const BATCH = 20_000;
const SHOWN = 5;

interface Line {
  rows: number;
  cases: number;
  differences: Difference[];
  seconds: number;
}

/** `count` cases of `generate`, which takes a count and a seed. */
function compareAll(count: number, generate: (size: number, seed: number) => Case[]): Line {
  const line: Line = { rows: 0, cases: 0, differences: [], seconds: 0 };
  const start = performance.now();
  for (let batch = 0; line.cases < count; batch++) {
    const cases = generate(Math.min(BATCH, count - line.cases), SEED * 1000 + batch);
    if (cases.length === 0) break;
    line.differences.push(...compare(cases));
    line.cases += cases.length;
  }
  line.seconds = (performance.now() - start) / 1000;
  return line;
}

function print(name: string, { rows, cases, differences, seconds }: Line, describe = explain): void {
  const columns = [rows === 0 ? '' : `${rows}`, `${cases}`, `${differences.length}`, seconds.toFixed(0)];
  console.log(name.padEnd(16) + columns.map((text) => text.padStart(12)).join(''));
  for (const difference of differences.slice(0, SHOWN)) console.log(`\n${describe(difference)}\n`);
}

function main(): number {
  const missing = missingPart();
  if (missing !== undefined) {
    console.log(`nothing to compare with: ${missing}`);
    return 0;
  }
  console.log(
    `${'family'.padEnd(16)}${['rows', 'cases', 'different', 'seconds'].map((name) => name.padStart(12)).join('')}`,
  );
  const families = new Map<string, typeof comparableRows>();
  for (const row of comparableRows) families.set(familyOf(row), [...(families.get(familyOf(row)) ?? []), row]);
  const lines: Line[] = [];
  for (const [family, rows] of families) {
    const share = Math.ceil((CASES * rows.length) / comparableRows.length);
    const line = compareAll(share, (size, seed) => generateCases(size, seed, rows));
    line.rows = rows.length;
    lines.push(line);
    print(family, line);
  }
  const sequences = compareAll(SEQUENCES, generateSequences);
  lines.push(sequences);
  print('sequences', sequences, explainSequence);
  const total = (pick: (line: Line) => number): number => lines.reduce((sum, line) => sum + pick(line), 0);
  const seconds = total((line) => line.seconds);
  const cases = total((line) => line.cases);
  const different = total(({ differences }) => differences.length);
  console.log(`${cases} cases, ${different} different, ${Math.round(cases / seconds)} a second`);
  return different === 0 ? 0 : 1;
}

process.exitCode = main();

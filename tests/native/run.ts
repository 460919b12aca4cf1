/**
 * `npm run test:native`: our processor against the one under us, at length. Of single instructions a line for each family of
 * the opcode tables, of sequences one for each kind of program and one for each family that they have instructions of: cases,
 * how many each named deviation excuses (deviations.ts), differences.
 * CASES single instructions (2,000,000), SEQUENCES of 1 to 50 (200,000), SEED (1). Exit code 1 when any case differs. With
 * FAMILIES, a regular expression, those families' part of the single instructions: a run can be split over processes.
 */
import { compiledRows, decode, type CompiledRow } from '../../cpu/decoder.ts';
import { comparableRows } from './cases.ts';
import { deviations } from './deviations.ts';
import { compareEach, explain, familyOf, generateCases, padded, type Difference } from './differential.ts';
import { missingPart } from './real-cpu.ts';
import { generateSequences, kindOf, kinds } from './sequences.ts';
import { explainSequence } from './shrink.ts';
import type { Case, Outcome } from './state.ts';

const CASES = Number(process.env['CASES'] ?? 2_000_000);
const SEQUENCES = Number(process.env['SEQUENCES'] ?? 200_000);
const SEED = Number(process.env['SEED'] ?? 1);
const FAMILIES = new RegExp(process.env['FAMILIES'] ?? '.');
/** Cases that are made, run and forgotten together. */
const BATCH = 20_000;
const SHOWN = 5;

interface Line {
  cases: number;
  /** by the number of the deviation */
  readonly excused: number[];
  readonly differences: Difference[];
}
const emptyLine = (): Line => ({ cases: 0, excused: deviations.map(() => 0), differences: [] });

/** Compares `count` cases of `generate`, which takes a count and a seed; `linesOf` says where each counts. */
function compareAll(
  count: number,
  generate: (size: number, seed: number) => Case[],
  linesOf: (test: Case, real: Outcome) => readonly Line[],
): number {
  let done = 0;
  for (let batch = 0; done < count; batch++) {
    const cases = generate(Math.min(BATCH, count - done), SEED * 1000 + batch);
    if (cases.length === 0) break;
    done += cases.length;
    for (const { test, real, verdict } of compareEach(cases)) {
      for (const line of linesOf(test, real)) {
        line.cases++;
        if (verdict === undefined) continue;
        if ('difference' in verdict) line.differences.push(verdict.difference);
        else line.excused[deviations.indexOf(verdict.excuse)]!++;
      }
    }
  }
  return done;
}

const column = (text: string): string => text.padStart(10);
function print(name: string, { cases, excused, differences }: Line): void {
  const numbers = [cases, ...excused, differences.length].map((number) => column(`${number}`));
  console.log(name.padEnd(22) + numbers.join(''));
}
function printHead(title: string): void {
  console.log(
    `\n${title.padEnd(22)}${['cases', ...deviations.map((_, n) => `(${n + 1})`), 'different'].map(column).join('')}`,
  );
}
function show(line: Line, describe: (difference: Difference) => string): void {
  for (const difference of line.differences.slice(0, SHOWN)) console.log(`\n${describe(difference)}\n`);
}

const familyOfSemantics = new Map(compiledRows.map((row): [unknown, string] => [row.semantics, familyOf(row)]));
/** Of all instructions of a program. */
function familiesOf({ code }: Case): Set<string> {
  const families = new Set<string>();
  for (let at = 0; at < code.length;) {
    const i = decode(padded(code.slice(at, at + 15)), 0, 15);
    if (typeof i !== 'object') break;
    families.add(familyOfSemantics.get(i.semantics) ?? 'one-byte');
    at += i.length;
  }
  return families;
}

function singles(): Line {
  printHead('single instructions');
  const families = new Map<string, CompiledRow[]>();
  for (const row of comparableRows) families.set(familyOf(row), [...(families.get(familyOf(row)) ?? []), row]);
  const all = emptyLine();
  for (const [family, rows] of families) {
    if (!FAMILIES.test(family)) continue;
    const line = emptyLine();
    const share = Math.ceil((CASES * rows.length) / comparableRows.length);
    compareAll(
      share,
      (size, seed) => generateCases(size, seed, rows),
      () => [line, all],
    );
    print(`${family} (${rows.length} rows)`, line);
    show(line, explain);
  }
  print('all', all);
  return all;
}

function programs(): Line {
  const all = emptyLine();
  const ofKind = new Map<string, Line>(kinds.map((kind) => [kind, emptyLine()]));
  const ofFamily = new Map<string, Line>();
  compareAll(SEQUENCES, generateSequences, (test, real) => {
    const families = [...familiesOf(test)].map((family) => {
      if (!ofFamily.has(family)) ofFamily.set(family, emptyLine());
      return ofFamily.get(family)!;
    });
    return [ofKind.get(kindOf(test, real.trap))!, ...families, all];
  });
  printHead('sequences, by kind');
  for (const [kind, line] of ofKind) print(kind, line);
  print('all', all);
  printHead('sequences, by family');
  for (const [family, line] of ofFamily) print(`with ${family}`, line);
  show(all, explainSequence);
  return all;
}

function main(): number {
  const missing = missingPart();
  if (missing !== undefined) {
    console.log(`nothing to compare with: ${missing}`);
    return 0;
  }
  const start = performance.now();
  console.log(`SEED=${SEED}. Excused, each by a deviation that has a name:`);
  deviations.forEach(({ name, why }, n) => console.log(`(${n + 1}) ${name}: ${why}`));
  const lines = [singles(), programs()];
  const seconds = (performance.now() - start) / 1000;
  const cases = lines.reduce((sum, line) => sum + line.cases, 0);
  const different = lines.reduce((sum, { differences }) => sum + differences.length, 0);
  console.log(`\n${cases} cases, ${different} different, ${Math.round(cases / seconds)} a second`);
  return different === 0 ? 0 : 1;
}

process.exitCode = main();

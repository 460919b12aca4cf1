/** The same cases on both processors. */
import { Layout, caseText, outcomeText, startOf, type Case, type Outcome } from './state.ts';
import { caseOf, comparableRows, isX87 } from './cases.ts';
import { contextSwitch, deviationOf, padded, type Deviation } from './deviations.ts';
import { disassembly } from './disassemble.ts';
import { runOnOurCpu } from './our-cpu.ts';
import { runOnRealCpu } from './real-cpu.ts';
import { undefinedAtEnd } from './undefined.ts';
import { decode, type CompiledRow } from '../../cpu/decoder.ts';

/** The int3 behind the code. */
const BREAKPOINT = 3;

export interface Difference {
  readonly test: Case;
  readonly ours: string;
  readonly real: string;
}

/** The part of the tables that a row is counted with. */
export function familyOf(compiled: CompiledRow): string {
  const { row, map, operands } = compiled;
  const { feature } = row;
  if (isX87(compiled)) return 'x87';
  if (feature === 'MMX' || operands.some((spec) => /^[PQN]/.test(spec))) return 'mmx';
  if (feature === 'AVX' || feature === 'AVX2') return feature.toLowerCase();
  if (feature.startsWith('SSE')) return feature.toLowerCase().replace(/^sse4.*/, 'sse4');
  if (feature === 'SSSE3') return 'sse3';
  if (/^(AES|PCLMULQDQ|SHA)$/.test(feature)) return 'cryptography';
  if (/^(BMI.|ADX|MOVBE|LZCNT|POPCNT)$/.test(feature)) return 'bits';
  return map === 0 ? 'one-byte' : 'two-byte';
}

export { padded };

/** Results that the manuals leave open, beyond flags. */
function isUndefinedResult(test: Case): boolean {
  const i = decode(padded(test.code), 0, 15);
  if (typeof i !== 'object') return false;
  if ((i.mnemonic === 'shld' || i.mnemonic === 'shrd') && i.width === 16) {
    const count = i.operands[2]!;
    const value = count.kind === 2 ? count.value : startOf(test).gpr[1]!;
    return (value & 31n) > 16n;
  }
  // Intel's processors read 16 bits, AMD's 32
  return i.mnemonic === 'movsxd' && i.width === 16 && i.operands[1]!.kind === 1;
}

/** `count` cases, from `seed`, of the rows in turn. */
export function generateCases(count: number, seed: number, rows: readonly CompiledRow[]): Case[] {
  const cases: Case[] = [];
  // not every attempt makes a case that can be compared
  for (let n = 0; cases.length < count && n < count * 20; n++) {
    const test = caseOf(rows[n % rows.length]!, (seed * 1_000_003 + n) >>> 0);
    if (test !== undefined && !isUndefinedResult(test)) cases.push(test);
  }
  return cases;
}

/** Up to `count` cases of every row, no more than an eighth of which end in a fault where the row allows that; by family. */
export function generateCasesByRow(
  count: number,
  seed: number,
  rows: readonly CompiledRow[] = comparableRows,
): Map<string, Case[]> {
  const families = new Map<string, Case[]>();
  rows.forEach((row, index) => {
    const cases: Case[] = [];
    let faults = 0;
    for (let n = 0; n < count * 10 && cases.length < count; n++) {
      const test = caseOf(row, seed + index * 1009 + n);
      if (test === undefined || isUndefinedResult(test)) continue;
      const faulted = runOnOurCpu(test).trap !== BREAKPOINT;
      if (faulted && faults > count / 8 && n < count * 5) continue;
      if (faulted) faults++;
      cases.push(test);
    }
    const family = families.get(familyOf(row));
    if (family === undefined) families.set(familyOf(row), cases);
    else family.push(...cases);
  });
  return families;
}

/** What a comparison has found: the named deviation that it is, or a difference. */
export type Verdict = { readonly excuse: Deviation } | { readonly difference: Difference };

/** How two outcomes of `test` differ, of which the second is a real processor's, or undefined. */
export function judge(test: Case, ours: Outcome, real: Outcome): Verdict | undefined {
  if (outcomeText(test, ours, 0n) === outcomeText(test, real, 0n)) return undefined;
  const undefinedFlags = (outcome: Outcome): bigint => undefinedAtEnd(test.code, outcome);
  const got = outcomeText(test, ours, undefinedFlags(ours));
  const expected = outcomeText(test, real, undefinedFlags(real));
  if (got === expected) return undefined;
  const excuse = deviationOf(test, ours, real, undefinedFlags);
  return excuse === undefined ? { difference: { test, ours: got, real: expected } } : { excuse };
}

/** The difference that no deviation names, if there is one. */
export function differenceOf(test: Case, ours: Outcome, real: Outcome): Difference | undefined {
  const verdict = judge(test, ours, real);
  return verdict !== undefined && 'difference' in verdict ? verdict.difference : undefined;
}

/** Both outcomes of every case, and the verdict. */
export function compareEach(
  cases: readonly Case[],
): { readonly test: Case; readonly real: Outcome; readonly verdict: Verdict | undefined }[] {
  const outcomes = runOnRealCpu(cases);
  const compared = cases.map((test, n) => {
    const real = outcomes[n]!;
    return { test, real, verdict: judge(test, runOnOurCpu(test), real) };
  });
  return compared.map((one) =>
    isDifference(one.verdict) && agreesAgain(one.test) ? { ...one, verdict: switched } : one,
  );
}

const isDifference = (verdict: Verdict | undefined): boolean => verdict !== undefined && 'difference' in verdict;
const switched: Verdict = { excuse: contextSwitch };
/** how often a case that differs is run again */
const AGAIN = 3;

/** Whether the real processor, asked again, says what ours does. */
function agreesAgain(test: Case): boolean {
  const ours = runOnOurCpu(test);
  for (let n = 0; n < AGAIN; n++) {
    const [real] = runOnRealCpu([test]);
    if (!isDifference(judge(test, ours, real!))) return true;
  }
  return false;
}

/** Where cases differ between us and the processor under us. */
export function compare(cases: readonly Case[]): Difference[] {
  return compareEach(cases).flatMap(({ verdict }) =>
    verdict !== undefined && 'difference' in verdict ? [verdict.difference] : [],
  );
}

function inputs(test: Case): string {
  const start = startOf(test);
  const hex = (values: readonly bigint[]): string => values.map((value) => value.toString(16)).join(' ');
  return `gpr ${hex(start.gpr)}\n  rflags ${start.rflags.toString(16)} mxcsr ${start.mxcsr.toString(16)}\n  xmm ${hex(start.xmm)}`;
}

/** What to print about it, with the command that runs it again. */
export function explain({ test, ours, real }: Difference): string {
  const text = caseText(test);
  return [
    `${disassembly(padded(test.code))}   at ${Layout.codeStart.toString(16)}`,
    `  ours ${ours}`,
    `  real ${real}`,
    `  ${inputs(test)}`,
    `  CASE='${text}' npx tsx tests/native.test.ts`,
  ].join('\n');
}

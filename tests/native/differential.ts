/** The same cases on both processors. */
import { Layout, caseText, outcomeText, startOf, type Case, type Outcome } from './state.ts';
import { caseOf, comparableRows } from './cases.ts';
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
export function familyOf({ row, map }: CompiledRow): string {
  const { feature } = row;
  if (feature.startsWith('SSE')) return feature.toLowerCase().replace(/^sse4.*/, 'sse4');
  if (feature === 'SSSE3') return 'sse3';
  if (/^(AES|PCLMULQDQ|SHA)$/.test(feature)) return 'cryptography';
  if (/^(BMI.|ADX|MOVBE|LZCNT|POPCNT)$/.test(feature)) return 'bits';
  return map === 0 ? 'one-byte' : 'two-byte';
}

export const padded = (code: readonly number[]): Uint8Array =>
  Uint8Array.from([...code, ...Array.from({ length: 16 }, () => 0xcc)]);

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
  if (i.mnemonic === 'movsxd' && i.width === 16) return true;
  // a real one has pushed already when it faults
  return i.mnemonic === 'enter' && runOnOurCpu(test).trap !== BREAKPOINT;
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
export function generateCasesByRow(count: number, seed: number): Map<string, Case[]> {
  const families = new Map<string, Case[]>();
  comparableRows.forEach((row, index) => {
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

/** An access that begins at the end of the lower half of the address space: #GP before #PF there, which we do not model. */
function crossesIntoHole(real: Outcome, ours: string): boolean {
  return (real.trap === 12 || real.trap === 13) && /^trap=14 .*cr2=7fffffffff[ef]/.test(ours);
}

/** AMD's MXCSR has a bit of its own: MM, misaligned exception mask. */
const setsMisalignedMask = (real: Outcome, ours: string): boolean =>
  (real.mxcsr & 0x20000n) !== 0n && ours.startsWith('trap=13 ');

/** Misaligned, and not mapped: Intel's table of priorities leaves the order to the processor, and AMD's checks alignment first. */
function checksAlignmentFirst(real: Outcome, ours: string, expected: string): boolean {
  const state = (text: string): string => text.replace(/(trap|error|cr2)=\S+ ?/g, '').trimEnd();
  return real.trap === 17 && ours.startsWith('trap=14 ') && state(ours) === state(expected);
}

/** The difference between two outcomes of `test`, of which the second is a real processor's, or undefined. */
export function differenceOf(test: Case, ours: Outcome, real: Outcome): Difference | undefined {
  if (outcomeText(test, ours, 0n) === outcomeText(test, real, 0n)) return undefined;
  const got = outcomeText(test, ours, undefinedAtEnd(test.code, ours));
  const expected = outcomeText(test, real, undefinedAtEnd(test.code, real));
  const excuses = [crossesIntoHole, setsMisalignedMask, checksAlignmentFirst];
  const same = got === expected || excuses.some((excuse) => excuse(real, got, expected));
  return same ? undefined : { test, ours: got, real: expected };
}

/** Where `test` differs between us and the processor under us; `ours` may be another than our CPU. */
export function compare(
  cases: readonly Case[],
  ours: (test: Case) => Outcome = (test) => runOnOurCpu(test),
): Difference[] {
  const real = runOnRealCpu(cases);
  return cases.flatMap((test, n) => differenceOf(test, ours(test), real[n]!) ?? []);
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

/** The same cases on both processors. */
import { Layout, caseText, outcomeText, startOf, type Case, type Outcome } from './state.ts';
import { caseOf, comparableRows } from './cases.ts';
import { disassembly, undefinedFlags } from './disassemble.ts';
import { runOnOurCpu } from './our-cpu.ts';
import { runOnRealCpu } from './real-cpu.ts';
import { decode } from '../../cpu/decoder.ts';

export interface Difference {
  readonly test: Case;
  readonly ours: string;
  readonly real: string;
}

export const padded = (code: readonly number[]): Uint8Array => Uint8Array.from([...code, ...Array.from({ length: 16 }, () => 0xcc)]);

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
  // here the real processor has features that ours has not: tzcnt, lzcnt
  return (i.mnemonic === 'bsf' || i.mnemonic === 'bsr') && test.code.includes(0xf3);
}

/** `count` cases, from `seed`, of the rows whose mnemonic matches, in turn. */
export function generateCases(count: number, seed: number, mnemonics = /./): Case[] {
  const rows = comparableRows.filter(({ row }) => mnemonics.test(row.mnemonic));
  const cases: Case[] = [];
  // not every attempt makes a case that can be compared
  for (let n = 0; cases.length < count && n < count * 20; n++) {
    const test = caseOf(rows[n % rows.length]!, (seed * 1_000_003 + n) >>> 0);
    if (test !== undefined && !isUndefinedResult(test)) cases.push(test);
  }
  return cases;
}

/** An access that begins at the end of the lower half of the address space: #GP before #PF there, which we do not model. */
function crossesIntoHole(real: Outcome, ours: string): boolean {
  return (real.trap === 12 || real.trap === 13) && /^trap=14 .*cr2=7fffffffff[ef]/.test(ours);
}

export function compare(cases: readonly Case[]): Difference[] {
  const real = runOnRealCpu(cases);
  return cases.flatMap((test, n) => {
    const undefinedBits = undefinedFlags(padded(test.code));
    const expected = outcomeText(test, real[n]!, undefinedBits);
    const got = outcomeText(test, runOnOurCpu(test), undefinedBits);
    const same = got === expected || crossesIntoHole(real[n]!, got);
    return same ? [] : [{ test, ours: got, real: expected }];
  });
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

export type { Outcome };

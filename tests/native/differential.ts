/** The same cases on both processors. */
import { Layout, caseText, outcomeText, startOf, type Case, type Outcome } from './state.ts';
import { caseOf, comparableRows } from './cases.ts';
import { disassembly, undefinedFlags } from './disassemble.ts';
import { createRandom } from './random.ts';
import { runOnOurCpu } from './our-cpu.ts';
import { runOnRealCpu } from './real-cpu.ts';
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

const SEQUENCE_LENGTH = 6;
/** No branches, no traps, and not cmps, of whose two faults the processor reports either. */
const straightLine = /^(?!j|call|ret|loop|hlt|popf|ud|cmpsb?$)/;

/**
 * `count` sequences of instructions that leave no flag undefined and have no explicit memory operand: what one leaves
 * pending, another reads.
 */
export function generateSequences(count: number, seed: number): Case[] {
  const random = createRandom(seed);
  const rows = comparableRows.filter(({ row }) => straightLine.test(row.mnemonic));
  const part = (): readonly number[] => {
    for (;;) {
      const { code } = caseOf(random.pick(rows), random.next()) ?? { code: [] };
      const i = decode(padded(code), 0, 15);
      if (code.length === 0 || typeof i !== 'object' || i.operands.some(({ kind }) => kind === 1)) continue;
      if (undefinedFlags(padded(code)) === 0n && !isUndefinedResult({ code, seed: 0, set: new Map() })) return code;
    }
  };
  return Array.from({ length: count }, (_, n) => ({
    code: Array.from({ length: SEQUENCE_LENGTH }, part).flat(),
    seed: (seed * 1_000_003 + n) >>> 0,
    set: new Map([['rsp', BigInt(Layout.dataBase + 2048)]]),
  }));
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

export function compare(cases: readonly Case[]): Difference[] {
  const real = runOnRealCpu(cases);
  return cases.flatMap((test, n) => {
    const undefinedBits = undefinedFlags(padded(test.code));
    const expected = outcomeText(test, real[n]!, undefinedBits);
    const got = outcomeText(test, runOnOurCpu(test), undefinedBits);
    const same = got === expected || crossesIntoHole(real[n]!, got) || setsMisalignedMask(real[n]!, got);
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

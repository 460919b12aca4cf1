/**
 * A fault changes nothing: every row with a memory operand (and those that imply one), with the page it touches absent,
 * read-only or the supervisor's, and with its own page not executable.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OperandKind, type Instruction } from '../cpu/instruction.ts';
import { compiledRows, decode } from '../cpu/decoder.ts';
import { caseOf } from './native/cases.ts';
import { padded } from './native/differential.ts';
import { disassembly } from './native/disassemble.ts';
import { pageProtections, runOnOurCpu, type PageProtection } from './native/our-cpu.ts';
import { caseText, Layout, outcomeText, type Case, type Outcome } from './native/state.ts';

const CASES_A_ROW = process.env['TEST_TIER'] === 'slow' ? 200 : 8;
const PAGE_FAULT = 14;

/** Instructions that touch memory without an operand that says so. */
const implied = /^(movs|cmps|stos|lods|scas)b?$|^(push|pop|pushf|popf|call|ret|leave|enter|xlatb|v?maskmov(dqu|q))/;
const touches = (i: Instruction): boolean =>
  implied.test(i.mnemonic) ||
  (i.operands.some(({ kind }) => kind === OperandKind.memory) && !/^(lea|nop|prefetch|invlpg)/.test(i.mnemonic));

/** Elements of a repeated instruction before the fault stay done: rcx, rsi and rdi say how many; of a gather, its mask. */
const mayBePartial = (i: Instruction): boolean => i.repeat !== '' || /^vp?gather/.test(i.mnemonic);

/** What the fault has changed. */
function trace(test: Case, outcome: Outcome): string {
  const words = outcomeText(test, outcome, 0n).split(' ');
  return words.filter((word) => !/^(trap|rip|error|cr2)=/.test(word)).join(' ');
}

/** The least part of the rows that must have met the fault: stores for `read-only`, everything for the code page. */
const leastFaulting: Readonly<Record<PageProtection, number>> = {
  absent: 0.96,
  'read-only': 0.15,
  supervisor: 0.96,
  'not executable': 1,
};

for (const protection of pageProtections) {
  test(`data page ${protection}: no fault of any row leaves a trace`, () => {
    const failures: string[] = [];
    const faulted = new Set<string>();
    const tried = new Set<string>();
    for (const [index, row] of compiledRows.entries()) {
      // most rows of AVX share a definition with one of SSE
      const cases = row.row.feature.startsWith('AVX') ? CASES_A_ROW / 2 : CASES_A_ROW;
      for (let n = 0; n < cases; n++) {
        const made = caseOf(row, 0x4000_0000 + index * 1009 + n);
        if (made === undefined) continue;
        const i = decode(padded(made.code), 0, 15);
        if (typeof i !== 'object' || !touches(i)) continue;
        const name = `${row.row.mnemonic} ${row.row.pattern}`;
        tried.add(name);
        const outcome = runOnOurCpu(made, protection);
        if (outcome.trap === PAGE_FAULT) faulted.add(name);
        const own = outcome.trap === PAGE_FAULT && outcome.rip === BigInt(Layout.codeStart);
        const found = !own || mayBePartial(i) ? '' : trace(made, outcome);
        if (found !== '') failures.push(`${disassembly(padded(made.code))}: ${found}\n  ${caseText(made)}`);
      }
    }
    if (failures.length > 0)
      throw new Error(`${failures.length} changed something\n${failures.slice(0, 10).join('\n')}`);
    const untouched = [...tried].filter((name) => !faulted.has(name));
    const enough = faulted.size >= tried.size * leastFaulting[protection];
    if (!enough) throw new Error(`${untouched.length} of ${tried.size} rows never faulted: ${untouched.join(', ')}`);
  });
}

/** As AMD's processors do: tests/native.test.ts compares. */
test('with alignment checks, each quadword of maskmovdqu and maskmovq is aligned, whatever the mask; #AC is ahead of #PF', () => {
  const ALIGNMENT_CHECK = 17;
  const AC = 0x40202n;
  const end = (code: readonly number[], offset: number, mask: bigint): number =>
    runOnOurCpu({
      code,
      seed: 1,
      set: new Map([
        ['rdi', BigInt(Layout.dataBase + offset)],
        ['rflags', AC],
        ['fcw', 0x37fn],
        ['fsw', 0n],
        ['xmm1l', mask],
        ['xmm1h', mask],
      ]),
    }).trap;
  const BREAKPOINT = 3;
  for (const mask of [0n, 0x80n, 0x8080_8080_8080_8080n]) {
    // maskmovdqu xmm0, xmm1; maskmovq mm0, mm1
    for (const code of [
      [0x66, 0x0f, 0xf7, 0xc1],
      [0x0f, 0xf7, 0xc1],
    ]) {
      for (const offset of [0x100, 0x108, 0x110]) assert.is(end(code, offset, mask), BREAKPOINT);
      for (const offset of [0x101, 0x104, 0x10f, Layout.page + 1]) assert.is(end(code, offset, mask), ALIGNMENT_CHECK);
      assert.is(end(code, Layout.page, mask), PAGE_FAULT);
    }
  }
});

test.run();

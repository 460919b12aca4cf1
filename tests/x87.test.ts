/** CASES: how many on the processor under us; SEED: which; ROWS: of the mnemonics that match. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import type { Cpu } from '../cpu/cpu.ts';
import { decode } from '../cpu/decoder.ts';
import { evaluate } from '../cpu/evaluate.ts';
import { isFault } from '../cpu/fault.ts';
import { Slot } from '../cpu/state.ts';
import { INITIAL_FCW, readX87 } from '../cpu/x87.ts';
import { assembleCode } from '../toolchain/assembler/index.ts';
import { disassembly, icedText, ourText } from './native/disassemble.ts';
import { bootForPrograms, readRepositoryFile, runProgram } from './support/user-machine.ts';
import { caseOf, padded, stateOf, x87Rows, type X87Case } from './x87/cases.ts';
import { agree, outcomeText } from './x87/compare.ts';
import { missingPart, runOnOurs, runOnReal, x87Cpu } from './x87/machines.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const CASES = Number(process.env['CASES'] ?? (slow ? 500_000 : 12_000));
const SEED = Number(process.env['SEED'] ?? 1);
const ROWS = new RegExp(process.env['ROWS'] ?? '.');
const SHOWN = 8;

const hex = (values: readonly (bigint | number)[]): string => values.map((value) => value.toString(16)).join(' ');

/** Throws when any differ, with the first of each instruction. */
function requireAgreement(cases: readonly X87Case[], expected: readonly string[]): void {
  const different = new Map<string, string>();
  cases.forEach((one, n) => {
    const ours = outcomeText(one, runOnOurs(one));
    if (agree(one, ours, expected[n]!)) return;
    const { fcw, fsw, ftw, st, memory } = stateOf(one);
    const name = disassembly(padded(one));
    different.set(
      name.split(' ')[0]!,
      [
        `${name} seed ${one.seed.toString(16)}`,
        `  ours ${ours}`,
        `  real ${expected[n]}`,
        `  fcw fsw ftw ${hex([fcw, fsw, ftw])} st ${hex(st.slice(0, 3))} memory ${hex(memory.slice(0, 2))}`,
      ].join('\n'),
    );
  });
  if (different.size === 0) return;
  throw new Error(
    `SEED=${SEED}: ${different.size} instructions\n${[...different.values()].slice(0, SHOWN).join('\n')}`,
  );
}

const missing = missingPart();
if (missing !== undefined) test.skip(`skipped: ${missing}`, () => {});
else {
  test(`${CASES} instructions end as on this processor`, () => {
    const rows = x87Rows.filter(({ row }) => ROWS.test(row.mnemonic));
    const cases = Array.from({ length: CASES }, (_, n) => caseOf(rows[n % rows.length]!, (SEED * 1_000_003 + n) >>> 0));
    const real = runOnReal(cases);
    requireAgreement(
      cases,
      cases.map((one, n) => outcomeText(one, real[n]!)),
    );
  });
}

test('instructions end as recorded', () => {
  const lines = readFileSync(new URL('golden/x87.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  const parts = lines.map((line) => /^(\w+) (\w+) \| (.*)$/.exec(line)!);
  const cases = parts.map(([, code, seed]) => ({
    code: [...Buffer.from(code!, 'hex')],
    seed: Number.parseInt(seed!, 16),
  }));
  requireAgreement(
    cases,
    parts.map(([, , , expected]) => expected!),
  );
  assert.ok(lines.length > 1500);
});

test('D8 to DF and 9B mean what iced-x86 says, whatever the ModRM byte', () => {
  const rest = [0x24, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xa0, 0xb0];
  for (const prefixes of [[], [0x66], [0x48], [0xf3], [0x41], [0x67], [0xf0]]) {
    for (const opcode of [0x9b, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf]) {
      for (let modrm = 0; modrm < 256; modrm++) {
        const bytes = Uint8Array.from([...prefixes, opcode, modrm, ...rest]);
        const ours = decode(bytes, 0, bytes.length);
        const text = typeof ours === 'object' ? ourText(ours) : 'undefined';
        let iced = icedText(bytes) ?? 'undefined';
        // FRSTPM has been undefined since the 387; environments have a size of the instruction's own
        if (iced.startsWith('frstpm')) iced = 'undefined';
        if (text.includes(' m0 ')) iced = iced.replace(/ m\d+ /, ' m0 ');
        assert.is(text, iced, Buffer.from(bytes).toString('hex'));
      }
    }
  }
});

/** Executes `source` in kernel mode until a fault, whose vector is the result; 0 without one. rdi points at memory. */
function execute(cpu: Cpu, source: string): number {
  const bytes = assembleCode(source);
  cpu.slots[RDI] = MEMORY;
  for (let at = 0; at < bytes.length;) {
    const i = decode(bytes, at, bytes.length);
    if (typeof i !== 'object') throw new Error(`${source}: ${i} at ${at}`);
    at += i.length;
    cpu.slots[Slot.rip] = BigInt(CODE + at);
    try {
      i.semantics(evaluate(cpu), i);
    } catch (error) {
      if (!isFault(error)) throw error;
      return error.vector;
    }
  }
  return 0;
}
const RDI = 7;
const MEMORY = 0x10000n;
const CODE = 0x8000;
const NM = 7;
const PF = 14;
const MF = 16;
const ONE = 0x3fff_8000_0000_0000_0000n;

function unmaskedDivision(): Cpu {
  const cpu = x87Cpu();
  cpu.slots[Slot.fcw] = 0x37bn; // all but ZE masked
  assert.is(execute(cpu, 'fld1; fldz; fdivrp'), 0);
  return cpu;
}

test('an unmasked exception keeps its operands and is #MF at the next instruction that waits', () => {
  const cpu = unmaskedDivision();
  assert.is(cpu.slots[Slot.fsw]! & 0x80ffn, 0x8084n);
  assert.is(readX87(cpu, 0), 0n);
  assert.is(readX87(cpu, 1), ONE);
  assert.is(execute(cpu, 'fnstsw %ax; fnstcw (%rdi); fnop'), MF);
  assert.is(cpu.slots[0]! & 0xffffn, cpu.slots[Slot.fsw]!);
  for (const waiting of ['fwait', 'fadd %st', 'fldcw (%rdi)', 'fstcw (%rdi)'])
    assert.is(execute(cpu, waiting), MF, waiting);
  assert.is(execute(cpu, 'fnclex; fwait; fdivp'), 0);
});

test('FNSAVE, FNINIT and FNSTENV let nothing be pending', () => {
  for (const source of ['fnsave (%rdi)', 'fninit', 'fnstenv (%rdi)']) {
    assert.is(execute(unmaskedDivision(), `${source}; fwait`), 0, source);
  }
});

test('FLDCW reports what it unmasks', () => {
  const cpu = x87Cpu();
  cpu.memory.view.setUint16(Number(MEMORY), 0x37b, true);
  assert.is(execute(cpu, 'fld1; fldz; fdivrp; fwait; fldcw (%rdi)'), 0);
  assert.is(execute(cpu, 'fwait'), MF);
});

test('CR0.TS and CR0.EM are #NM; FWAIT asks for TS with MP', () => {
  for (const [bits, instructions] of [
    [0x8n, ['fld1', 'fnop', 'fninit', 'fnstsw %ax', 'fwait', 'fxsave (%rdi)']],
    [0x4n, ['fld1', 'fnop', 'fninit', 'fnstsw %ax', 'fxrstor (%rdi)']],
  ] as const) {
    for (const source of instructions) {
      const cpu = x87Cpu();
      cpu.slots[Slot.cr0]! |= bits;
      assert.is(execute(cpu, source), NM, `${source} with CR0 bit ${bits}`);
      assert.is(cpu.slots[Slot.fcw], INITIAL_FCW);
    }
  }
  const cpu = x87Cpu();
  cpu.slots[Slot.cr0]! |= 4n;
  assert.is(execute(cpu, 'fwait'), 0);
});

test('a store that faults changes nothing', () => {
  // of its last byte alone, nothing is mapped
  const stores = [
    ['fstps', 4],
    ['fstpl', 8],
    ['fstpt', 10],
    ['fistps', 2],
    ['fistpll', 8],
    ['fisttps', 2],
    ['fbstp', 10],
    ['fnsave', 108],
    ['fnstenv', 28],
    ['fxsave64', 512],
  ] as const;
  const end = 0x20_0000;
  for (const [store, size] of stores) {
    const cpu = x87Cpu();
    execute(cpu, 'fldpi');
    const before = [...cpu.slots.subarray(Slot.x87, Slot.fdp + 1)];
    const offset = store === 'fxsave64' ? 16 - size : 1 - size;
    assert.is(execute(cpu, `${store} ${end + offset - Number(MEMORY)}(%rdi)`), PF, store);
    assert.equal([...cpu.slots.subarray(Slot.x87, Slot.fdp + 1)], before, store);
    assert.ok(
      cpu.memory.bytes.subarray(end - 512, end).every((byte) => byte === 0),
      store,
    );
  }
});

test('FIP and FDP are those of the last instruction that computed', () => {
  const cpu = x87Cpu();
  execute(cpu, 'fld1; fadds 16(%rdi); fnstcw (%rdi); fnstenv 64(%rdi)');
  assert.is(cpu.memory.view.getUint32(Number(MEMORY) + 64 + 12, true), CODE + 2);
  assert.is(cpu.memory.view.getUint32(Number(MEMORY) + 64 + 20, true), Number(MEMORY) + 16);
});

test('FXRSTOR brings back what FXSAVE wrote, FRSTOR what FNSAVE wrote', () => {
  for (const [save, restore] of [
    ['fxsave64', 'fxrstor64'],
    ['fnsave', 'frstor'],
  ] as const) {
    const cpu = x87Cpu();
    execute(cpu, 'fldpi; fldln2; fld1; fldl2t; fchs; ffree %st(1); fincstp; fxam');
    const before = [...cpu.slots.subarray(Slot.x87, Slot.ftw + 1)];
    assert.is(execute(cpu, `${save} (%rdi); fninit; fldz; fldz; ${restore} (%rdi)`), 0);
    assert.equal([...cpu.slots.subarray(Slot.x87, Slot.ftw + 1)], before, save);
  }
});

/** Correctly rounded values to 64 bits, from published expansions. */
const functions: readonly (readonly [source: string, expected: bigint])[] = [
  ['fld1; fld1; fpatan', 0x3ffe_c90f_daa2_2168_c235n], // pi / 4
  ['fldz; fld1; fchs; fpatan', 0x4000_c90f_daa2_2168_c235n], // pi
  ['fld1; fld1; fadd %st; fsqrt', 0x3fff_b504_f333_f9de_6484n],
  ['fldln2; fldl2e; fmulp', ONE],
  ['fldln2; fld1; fadd %st; fyl2x', 0x3ffe_b172_17f7_d1cf_79acn],
  ['fld1; fsin', 0x3ffe_d76a_a478_4867_7021n],
  ['fld1; fcos', 0x3ffe_8a51_407d_a834_5c92n],
  ['fld1; fptan; fstp %st', 0x3fff_c759_22e5_f71d_2dc5n],
  ['fldpi; fsin', 0xbfbf_8000_0000_0000_0000n], // by the pi of 66 bits
  ['fld1; fchs; f2xm1', 0xbffe_8000_0000_0000_0000n],
];
for (const [source, expected] of functions) {
  test(source, () => {
    const cpu = x87Cpu();
    assert.is(execute(cpu, source), 0);
    assert.is(readX87(cpu, 0).toString(16), expected.toString(16));
  });
}

test('libc prints, parses and computes floats as on a real processor', () => {
  const result = runProgram(bootForPrograms(), readRepositoryFile('tests/programs/bin/floats'), ['floats'], 8_000_000);
  const expected = readFileSync(new URL('programs/floats.expected', import.meta.url), 'utf8');
  assert.is(result.stderr, '');
  result.stdout.split('\n').forEach((line, n) => assert.is(line, expected.split('\n')[n]));
  assert.is(result.stdout, expected);
  assert.is(result.status, 0);
});

test.run();

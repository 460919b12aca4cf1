/** AVX, AVX2 and XSAVE behind their switch: what the native tests, in which it is always on, cannot see. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { cpuidLeaf } from '../cpu/cpuid.ts';
import { decode } from '../cpu/decoder.ts';
import { evaluate } from '../cpu/evaluate.ts';
import { Vector, isFault } from '../cpu/fault.ts';
import { Slot } from '../cpu/state.ts';
import type { BareCpu } from './support/bare-cpu.ts';
import { avxMachine } from './support/avx-machine.ts';
import { compiledRows, encodeRow } from './native/encode.ts';
import { createRandom } from './native/random.ts';
import { buildAll, compilers, pathOf, runNatively, type Build } from './support/native-programs.ts';
import { bootForPrograms, readRepositoryFile, runProgram } from './support/user-machine.ts';

const OSXSAVE = 1n << 18n;

/** The exception in which each VEX-encoded vector instruction ends, by mnemonic; memory operands are at 0. */
function endings({ cpu }: BareCpu): Map<string, number | undefined> {
  const random = createRandom(1);
  const found = new Map<string, number | undefined>();
  for (const row of compiledRows) {
    if (!row.vex || !row.row.feature.startsWith('AVX')) continue;
    const bytes = Uint8Array.from([
      ...encodeRow(row, random, { redundant: false, displacement: () => 0 }),
      ...Array.from({ length: 15 }, () => 0),
    ]);
    const instruction = decode(bytes, 0, 15);
    // two registers of a gather may be one
    if (typeof instruction !== 'object') continue;
    cpu.slots.fill(0n, 0, 16);
    try {
      instruction.semantics(evaluate(cpu), instruction);
      found.set(instruction.mnemonic, undefined);
    } catch (error) {
      if (!isFault(error)) throw error;
      found.set(instruction.mnemonic, error.vector);
    }
  }
  return found;
}
const refusals = (bare: BareCpu, vector: number): string[] =>
  [...endings(bare)].filter(([, got]) => got !== vector).map(([mnemonic]) => mnemonic);

test('off: no instruction, no CR4.OSXSAVE, no word of it in CPUID', () => {
  const bare = avxMachine();
  assert.equal(refusals(bare, Vector.UD), []);
  assert.is(avxMachine().execute('mov %cr4, %rax; or $0x40000, %rax; mov %rax, %cr4').vector, Vector.GP);
  for (const code of ['xgetbv', 'xsetbv', 'xsave (%rbx)', 'xrstor (%rbx)', 'xsavec (%rbx)', 'xsaveopt (%rbx)']) {
    assert.is(avxMachine().execute(code).vector, Vector.UD, code);
  }
  const { cpu } = bare;
  assert.is(cpuidLeaf(cpu, 1, 0).ecx & ((1n << 26n) | (1n << 27n) | (1n << 28n)), 0n);
  assert.is(cpuidLeaf(cpu, 7, 0).ebx & (1n << 5n), 0n);
  assert.is(cpuidLeaf(cpu, 0, 0).eax, 7n);
  assert.equal(cpuidLeaf(cpu, 0xd, 0), { eax: 0n, ebx: 0n, ecx: 0n, edx: 0n });
});

test('on: all, where the system has turned it on in CR4 and XCR0', () => {
  assert.equal(refusals(avxMachine(3n), Vector.UD), []);
  const withoutCr4 = avxMachine(7n);
  withoutCr4.cpu.slots[Slot.cr4] = withoutCr4.cpu.slots[Slot.cr4]! & ~OSXSAVE;
  assert.equal(refusals(withoutCr4, Vector.UD), []);
  const postponed = avxMachine(7n);
  postponed.cpu.slots[Slot.cr0] = postponed.cpu.slots[Slot.cr0]! | 8n;
  assert.equal(refusals(postponed, Vector.NM), []);
  const stopped = [...endings(avxMachine(7n))].filter(([, vector]) => vector === Vector.UD || vector === Vector.NM);
  assert.equal(stopped, []);
});

test('on: CPUID tells of it, and of the XSAVE area', () => {
  const { cpu } = avxMachine(7n);
  const ecx = (1n << 26n) | (1n << 27n) | (1n << 28n);
  assert.is(cpuidLeaf(cpu, 1, 0).ecx & ecx, ecx);
  assert.is(cpuidLeaf(cpu, 7, 0).ebx & (1n << 5n), 1n << 5n);
  assert.equal(cpuidLeaf(cpu, 0xd, 0), { eax: 7n, ebx: 832n, ecx: 832n, edx: 0n });
  assert.equal(cpuidLeaf(cpu, 0xd, 1), { eax: 7n, ebx: 832n, ecx: 0n, edx: 0n });
  assert.equal(cpuidLeaf(cpu, 0xd, 2), { eax: 256n, ebx: 576n, ecx: 0n, edx: 0n });
  assert.is(cpuidLeaf(avxMachine(3n).cpu, 0xd, 0).ebx, 576n);
});

const expected = Buffer.from(readRepositoryFile('tests/programs/avx.expected')).toString('latin1');
for (const cpus of [1, 2]) {
  test(`a program's ymm registers over signals, fork and switches on ${cpus} CPU${cpus === 1 ? '' : 's'}`, () => {
    const bytes = readRepositoryFile('tests/programs/bin/avx');
    const { stdout, stderr, status } = runProgram(bootForPrograms({ avx: true, cpus }), bytes, ['avx']);
    assert.equal([stderr, stdout, status], ['', expected, 0]);
  });
}
test('off: the same program finds no AVX2', () => {
  const { stdout } = runProgram(bootForPrograms(), readRepositoryFile('tests/programs/bin/avx'), ['avx']);
  assert.is(stdout, 'no AVX2\n');
});

/** What compilers make of loops with 256 bits, and glibc, whose functions choose AVX2 by CPUID. */
const slow = process.env['TEST_TIER'] === 'slow';
const names = [
  'avx',
  'matmul',
  'sha256',
  ...(slow ? ['deflate', 'mandelbrot', 'crc32c', 'aes', 'qsort', 'malloc'] : []),
];
const builds: readonly Build[] = compilers.includes('gcc')
  ? names.map((program) => ({ program, compiler: 'gcc', flags: ['-O3', '-mavx2', '-ffp-contract=off'] }))
  : [];
if (builds.length === 0) test.skip('skipped: no gcc', () => {});
const errors = await buildAll(builds);
for (const build of builds) {
  test(['gcc', ...build.flags, build.program].join(' '), () => {
    const path = pathOf(build);
    assert.is(errors.get(path), undefined);
    const bytes = new Uint8Array(readFileSync(path));
    const { stdout, stderr, status } = runProgram(bootForPrograms({ avx: true }), bytes, [build.program], 60_000_000);
    assert.is(stderr, '');
    assert.is(stdout, build.program === 'avx' ? expected : runNatively(path, []).stdout);
    assert.is(status, 0);
  });
}

test.run();

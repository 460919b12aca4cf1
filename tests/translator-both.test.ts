/** The engine that runs both: it finds no difference where there is none, and says where there is one. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../cpu/engine.ts';
import { run } from '../cpu/interpreter.ts';
import { store } from '../cpu/linear.ts';
import { forgetDecoded } from '../cpu/memory.ts';
import { checkRegion, EngineDifferenceError } from '../cpu/translator/both.ts';
import type { Region } from '../cpu/translator/regions.ts';
import { assemble } from '../toolchain/assembler/index.ts';
import { At, createBareCpu } from './support/bare-cpu.ts';

const host = {
  native: (): never => {
    throw new Error('a native call of a processor without host');
  },
  random: () => 1n,
};

const PROGRAM = `
  movl $2000, %ecx
  movq $0x20000, %rdi
again:
  movq %rcx, %rax
  mulq %rcx
  addq %rax, (%rdi)
  addq $8, %rdi
  andl $0x20fff, %edi
  push %rax
  pop %rdx
  subl $1, %ecx
  jnz again
  hlt
`;

function load(program = PROGRAM): ReturnType<typeof createBareCpu> {
  const bare = createBareCpu();
  const { bytes } = assemble(program, { sections: { '.text': BigInt(At.code) } }).sections.get('.text')!;
  bare.memory.bytes.set(bytes, At.code);
  forgetDecoded(bare.memory, At.code, bytes.length);
  bare.registers.rip = BigInt(At.code);
  return bare;
}

test('a loop is executed by both, with the result of the interpreter', () => {
  const [one, two] = [load(), load()];
  const both = createEngine(one.memory, 'both', { threshold: 2, price: 0 });
  both.run(one.cpu, host, 100_000);
  createEngine(two.memory, 'interpreter').run(two.cpu, host, 100_000);
  assert.ok(both.stats!.translated > 10_000, `${both.stats!.translated} instructions by translated code`);
  assert.is(one.cpu.retired, two.cpu.retired);
  assert.equal({ ...one.registers }, { ...two.registers });
  assert.equal(one.memory.bytes.subarray(0, 0x30000), two.memory.bytes.subarray(0, 0x30000));
});

const region = (rip: bigint): Region => ({
  rip,
  cpu: 0,
  mode: 1,
  physical: Number(rip),
  pages: [{ low: At.code, high: 0, frame: At.code }],
  place: 0,
  bytes: 0,
  instructions: 3,
  unknown: new Set(),
});

test("a register and a byte that differ are named, and the interpreter's stay", () => {
  const { cpu, registers, memory } = load();
  const act = (rax: bigint, byte: bigint) => (): number => {
    registers.rax = rax;
    store(cpu, BigInt(At.data + 5), 8, byte);
    return 3;
  };
  let error: unknown;
  try {
    checkRegion(cpu, region(BigInt(At.code)), act(7n, 1n), act(8n, 2n));
  } catch (thrown) {
    error = thrown;
  }
  assert.instance(error, EngineDifferenceError);
  const { message, differences } = error as EngineDifferenceError;
  assert.equal(differences, [
    'rax: translator 0x7, interpreter 0x8',
    'physical 0x20005: translator 0x1, interpreter 0x2',
  ]);
  assert.match(message, /after 3 instructions of the region at 0x10000/);
  assert.is(registers.rax, 8n);
  assert.is(memory.bytes[At.data + 5], 2);
});

test('what only one of them writes is found', () => {
  const { cpu } = load();
  const write = (): number => {
    store(cpu, BigInt(At.data), 64, 0x1234n);
    return 1;
  };
  const nothing = (): number => 1;
  assert.throws(() => checkRegion(cpu, region(0n), write, nothing), /0x20000: translator 0x34, interpreter 0x0/);
  cpu.memory.bytes.fill(0, At.data, At.data + 8);
  assert.throws(() => checkRegion(cpu, region(0n), nothing, write), /translator 0x0, interpreter 0x34/);
});

/** Both as the interpreter has them, but for what `harm` does after the first `harmed` of `count` instructions. */
function reportOf(bare: ReturnType<typeof createBareCpu>, count: number, harmed: number, harm: () => void): string {
  const { cpu } = bare;
  const start = cpu.retired;
  const interpret = (end: number): void => {
    run(cpu, host, start + end - cpu.retired);
  };
  const translate = (): number => {
    interpret(harmed);
    harm();
    interpret(count);
    // translated code does not count by itself
    cpu.retired = start;
    return count;
  };
  try {
    checkRegion(cpu, region(BigInt(At.code)), translate, interpret);
  } catch (error) {
    assert.instance(error, EngineDifferenceError);
    return (error as Error).message;
  }
  throw new Error('no difference was found');
}

test('instructions are listed with the one that last changed what differs, and the state stays that of the interpreter', () => {
  const bare = load();
  const { registers, cpu, memory } = bare;
  const report = reportOf(bare, 6, 4, () => (registers.rax += 0x100n));
  assert.match(
    report,
    [
      '  1: 0x10000  b9d0070000  mov',
      '  2: 0x10005  48c7c700000200  mov',
      '  3: 0x1000c  4889c8  mov',
      '  4: 0x1000f  48f7e1  mul <- rax',
      '  5: 0x10012  480107  add <- physical 0x20001',
      '  6: 0x10015  4883c708  add',
      'the first that the engines may differ after is number 4, mul at 0x1000f',
    ].join('\n'),
  );
  assert.is(registers.rax, 4_000_000n);
  assert.is(registers.rip, 0x10019n);
  assert.is(cpu.retired, 6);
  assert.is(memory.view.getBigUint64(At.data, true), 4_000_000n);
});

test('of a long way only what matters is listed', () => {
  const bare = load();
  // rbx is changed by none of them
  const report = reportOf(bare, 5000, 2500, () => (bare.registers.rbx = 1n));
  assert.match(report, /none of them changes what differs/);
  assert.match(report, /\n {2}…\n/);
  assert.match(report, /\n {2}5000: /);
  assert.ok(report.split('\n').length < 30, report);
});

test('what the kernel or another privilege would do is not done again', () => {
  const bare = load('movl $7, %eax\nhlt\n');
  const report = reportOf(bare, 3, 1, () => (bare.registers.rax = 9n));
  assert.match(report, '  1: 0x10000  b807000000  mov <- rax');
  assert.match(report, 'the other 2 are not gone over again');
});

test('whichever instruction is wrong, it is the one that is named', () => {
  const names = ['rax', 'rcx', 'rdx', 'rbx', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12'] as const;
  const program = `${names.map((name, n) => `movq $${n + 1}, %${name}`).join('\n')}\nhlt\n`;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: names.length }), fc.integer({ min: 0, max: names.length }), (wrong, more) => {
      const bare = load(program);
      const count = Math.min(names.length, wrong + more);
      const report = reportOf(bare, count, wrong, () => (bare.registers[names[wrong - 1]!] ^= 0x100n));
      assert.match(report, new RegExp(`differ after is number ${wrong}, mov`));
      assert.match(report, `mov <- ${names[wrong - 1]}\n`);
    }),
    { numRuns: 60 },
  );
});

test.run();

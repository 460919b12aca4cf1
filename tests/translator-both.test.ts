/** The engine that runs both: it finds no difference where there is none, and says where there is one. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../cpu/engine.ts';
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

function load(): ReturnType<typeof createBareCpu> {
  const bare = createBareCpu();
  const { bytes } = assemble(PROGRAM, { sections: { '.text': BigInt(At.code) } }).sections.get('.text')!;
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

test.run();

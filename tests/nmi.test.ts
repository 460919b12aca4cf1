/** The non-maskable interrupt: what the processor does, and that the kernel's entry code works from any instruction. */
import { test } from 'uvu';
import { forgetAllDecoded } from '../cpu/memory.ts';
import * as assert from 'uvu/assert';
import { run } from '../cpu/interpreter.ts';
import { Slot } from '../cpu/state.ts';
import type { Box } from '../index.ts';
import { raiseWatchdog } from '../kernel/rex-dispatcher/watchdog.ts';
import { assemble } from '../toolchain/assembler/index.ts';
import { At, createBareCpu, type BareCpu } from './support/bare-cpu.ts';
import { bootSample } from './support/samples.ts';

const NMI = 2;
const OTHER = 20;
const IF = 0x200n;
const host = {
  native: (): never => {
    throw new Error('a native call');
  },
  random: () => 0n,
};

/** Puts `source` at `At.code` and makes it the next to run. */
function place(bare: BareCpu, source: string, handler: string): void {
  bare.execute('hlt');
  const { cpu, memory, registers } = bare;
  const bytes = (text: string, address: number): Uint8Array =>
    assemble(`${text}\n`, { sections: { '.text': BigInt(address) } }).sections.get('.text')!.bytes;
  memory.bytes.set(bytes(source, At.code), At.code);
  memory.bytes.set(bytes(handler, At.handlers + NMI * 16), At.handlers + NMI * 16);
  forgetAllDecoded(memory);
  cpu.words[Slot.halted * 2] = 0;
  registers.rip = BigInt(At.code);
  registers.rsp = BigInt(At.stackTop);
}

test('an NMI comes with interrupts off, and at the instruction after sti', () => {
  for (const program of ['cli; nop; nop; hlt', 'cli; sti; nop; hlt']) {
    const bare = createBareCpu();
    place(bare, program, 'inc %rbx; iretq');
    run(bare.cpu, host, program.startsWith('cli; sti') ? 2 : 1);
    bare.cpu.pendingInterrupts.push(NMI);
    run(bare.cpu, host, 1);
    assert.is(bare.registers.rbx, 1n);
    assert.equal(bare.cpu.pendingInterrupts, []);
  }
});

test('a second NMI waits for the iret, other interrupts for IF; the NMI goes first', () => {
  const bare = createBareCpu();
  place(bare, 'nop; nop; hlt', 'inc %rbx; nop; iretq');
  const { cpu, registers } = bare;
  registers.rflags |= IF;
  cpu.pendingInterrupts.push(OTHER, NMI);
  run(cpu, host, 1);
  assert.is(registers.rbx, 1n, 'the NMI before the other');
  assert.equal(cpu.pendingInterrupts, [OTHER], 'whose gate cleared IF');
  cpu.pendingInterrupts.push(NMI);
  run(cpu, host, 1);
  assert.is(registers.rbx, 1n, 'blocked in its handler');
  run(cpu, host, 2);
  assert.is(registers.rbx, 2n, 'and delivered right after the iret');
  run(cpu, host, 2);
  run(cpu, host, 1);
  assert.is(registers.rip, BigInt(At.handlers + OTHER * 16 + 1), 'then the other');
});

test('an NMI wakes from hlt', () => {
  const bare = createBareCpu();
  place(bare, 'cli; hlt; mov $7, %ecx; hlt', 'iretq');
  assert.is(run(bare.cpu, host, 10), 'left');
  bare.cpu.pendingInterrupts.push(NMI);
  run(bare.cpu, host, 10);
  assert.is(bare.registers.rcx, 7n);
});

/** Runs to the end with an NMI after every `distance` instructions, its handler's among them; how many there were. */
function runWithNmis(box: Box, distance: number): number {
  for (let count = 0; count < MOST_NMIS; count++) {
    if (box.run({ budget: distance }).reason !== 'budget') return count;
    for (const cpu of box.kernel.cpus) raiseWatchdog(box.kernel, cpu);
  }
  throw new Error(`not finished after ${MOST_NMIS} NMIs`);
}

const kinds = ['write', 'exit', 'syscall', 'kprobe'];

/** Process by process: handlers take time, so that another may have its turn between two events. */
const seen = (box: Box): unknown => ({
  log: box.kernel.log.filter(({ time }) => time > 0).map(({ text }) => text),
  events: box.events
    .filter(({ type }) => kinds.includes(type))
    .map((event) => ({ pid: 0, ...event }))
    .toSorted((left, right) => left.pid - right.pid),
});

/** Instructions of an NMI's delivery and return. */
const HANDLER = 48;
const MOST_NMIS = 200_000;

for (const [name, args] of [
  ['error_injector', ['dup', '22']],
  ['panic', ['lock']],
] as const) {
  test(`${name}: an NMI between any two instructions, in user code, at entry and exit, in programs, is not seen`, async () => {
    const plain = (await bootSample(name, args, { memory: 32 << 20 })).box;
    plain.run();
    for (const cpus of [1, 2]) {
      const { box, process } = await bootSample(name, args, { memory: 32 << 20, cpus });
      const reference = cpus === 1 ? plain : (await bootSample(name, args, { memory: 32 << 20, cpus })).box;
      if (cpus > 1) reference.run();
      const count = runWithNmis(box, cpus === 1 ? HANDLER + 1 : HANDLER * 4);
      assert.ok(count > 500, `${count} NMIs`);
      assert.is(box.death, undefined);
      assert.ok(process.pid > 0);
      if (cpus === 1) assert.equal(seen(box), seen(reference));
    }
  });
}

test.run();

// What a native function does costs the CPU what machine code would: a run of n instructions takes the host as long as n
// instructions can, whatever one system call is asked to do.
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box, type BoxOptions } from '../index.ts';
import { BYTES_PER_INSTRUCTION, FREE_WORK } from '../kernel/work.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const MIB = 1 << 20;

/** `vector` iovecs of the same `length` bytes; then `body` for ever. %rbx: /dev/null, %rbp: /dev/zero, %r12: the bytes */
const program = (vector: number, length: number, body: string): string => `
	mov $9, %eax
	xor %edi, %edi
	mov $${length + 16 * 1024}, %esi
	mov $3, %edx
	mov $0x22, %r10d
	mov $-1, %r8
	xor %r9d, %r9d
	syscall
	mov %rax, %r12
	lea ${length}(%rax), %r13
	xor %ecx, %ecx
1:	mov %rcx, %rdx
	shl $4, %rdx
	mov %r12, (%r13,%rdx)
	movq $${length}, 8(%r13,%rdx)
	inc %ecx
	cmp $${vector}, %ecx
	jne 1b
	mov $2, %eax
	mov $null, %edi
	mov $2, %esi
	syscall
	mov %rax, %rbx
	mov $2, %eax
	mov $zero, %edi
	mov $2, %esi
	syscall
	mov %rax, %rbp
again:
${body}
	jmp again
null:	.asciz "/dev/null"
zero:	.asciz "/dev/zero"
`;
const readv = '\tmov $19, %eax\n\tmov %rbp, %rdi\n\tmov %r13, %rsi\n\tmov $1024, %edx\n\tsyscall\n';
const writev = '\tmov $20, %eax\n\tmov %rbx, %rdi\n\tmov %r13, %rsi\n\tmov $1024, %edx\n\tsyscall\n';

async function boot(source: string, options: BoxOptions = {}): Promise<Box> {
  const box = await Box.boot({ memory: 32 * MIB, ...options });
  box.files.write('/program', tinyProgram(source));
  box.spawn('/program');
  return box;
}

const calls: Readonly<Record<string, string>> = {
  'readv of 1,024 times the same MiB': program(1024, MIB, readv),
  'writev of 1,024 times the same MiB': program(1024, MIB, writev),
  'getrandom of a MiB': program(
    1,
    MIB,
    '\tmov $318, %eax\n\tmov %r12, %rdi\n\tmov $0x100000, %esi\n\txor %edx, %edx\n\tsyscall\n',
  ),
  'read of a MiB of /dev/urandom, which is /dev/zero here': program(
    1,
    MIB,
    '\txor %eax, %eax\n\tmov %rbp, %rdi\n\tmov %r12, %rsi\n\tmov $0x100000, %edx\n\tsyscall\n',
  ).replace('"/dev/zero"', '"/dev/urandom"'),
};

for (const [name, source] of Object.entries(calls)) {
  test(`${name}, for ever: the budget ends it`, async () => {
    const box = await boot(source);
    const before = box.instructions;
    let entered = 0;
    box.on((event) => {
      if (event.type === 'syscall') entered++;
    });
    const { reason } = box.run({ budget: 3_000_000 });
    assert.is(reason, 'budget');
    assert.is(box.instructions - before, 3_000_000);
    const bytes = name.includes('1,024') ? 1024 * MIB : MIB;
    // all of them but the last have been paid for
    const most = 3_000_000 / ((bytes - FREE_WORK) / BYTES_PER_INSTRUCTION) + 6;
    assert.ok(entered >= 3 && entered <= most, `${entered} calls`);
    // a nanosecond an instruction, as ever
    assert.ok(Number(box.kernel.roundStart) >= 2_900_000);
  });
}

test('what is owed does not depend on the engine or on how the run is divided', async () => {
  const source = program(4, 300_000, `${readv.replace('1024', '4')}${writev.replace('1024', '4')}`);
  const states = [];
  for (const [engine, pieces] of [
    ['interpreter', [200_000]],
    ['translator', [200_000]],
    ['interpreter', Array.from({ length: 200 }, () => 1000)],
    ['translator', [1, 77_777, 22_222, 99_999, 1]],
  ] as const) {
    const box = await boot(source, { engine });
    for (const budget of pieces) assert.is(box.run({ budget }).reason, 'budget');
    const { kernel } = box;
    states.push({
      instructions: box.instructions,
      time: kernel.roundStart,
      owed: kernel.perCpu[0]!.owed,
      rip: box.registers().rip,
      memory: createHash('sha256').update(kernel.memory.bytes).digest('hex'),
      rcx: box.registers().rcx,
    });
  }
  for (const state of states.slice(1)) assert.equal(state, states[0]);
});

test('a step over a system call that moves a megabyte is one step', async () => {
  const once = program(1, MIB, `${readv.replace('1024', '1')}${exit(0)}`);
  const box = await boot(once, { engine: 'interpreter' });
  let longest = 0;
  for (let n = 0; n < 30_000; n++) {
    const { reason, instructions } = box.step();
    if (reason !== 'stepped') break;
    longest = Math.max(longest, instructions);
    assert.is(box.kernel.perCpu[0]!.owed, 0);
  }
  assert.is(longest, 1 + (MIB + 16 - FREE_WORK) / BYTES_PER_INSTRUCTION + 0.5);
});

test.run();

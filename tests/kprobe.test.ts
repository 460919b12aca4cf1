/** Kprobes on a booted kernel: a probe changes nothing but what its programs change. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decode } from '../cpu/decoder.ts';
import { Slot } from '../cpu/state.ts';
import { Errno } from '../kernel/errno.ts';
import { registerKprobe, unregisterKprobe } from '../kernel/kprobe/index.ts';
import { readKernel, readKernelU64, writeKernel } from '../kernel/mm/kernel-memory.ts';
import { readPerCpu } from '../kernel/per-cpu.ts';
import {
  attach,
  call,
  createKernelMachine,
  createTestProgram,
  enter,
  finish,
  type KernelMachine,
} from './support/kernel-machine.ts';

/** Functions whose every instruction is probed; what they compute ends in registers and in test_data. */
const functions: Readonly<Record<string, string>> = {
  stack: 'push %rbp; mov %rsp, %rbp; push $-5; pop %rax; push test_data(%rip); pop test_data+8(%rip); leave; ret',
  relative_call: 'call 1f; lea 1(%rax), %rax; ret; 1: mov (%rsp), %rdx; mov $3, %eax; ret',
  indirect_call: 'lea 1f(%rip), %rcx; call *%rcx; ret; 1: mov (%rsp), %rdx; ret',
  memory_call: 'call *test_pointer(%rip); ret',
  tail_jump: 'jmp *test_pointer(%rip)',
  jumps: `jmp 1f; nop; 1: xor %eax, %eax; jz 2f; nop; 2: jnz 1b; mov $3, %ecx; 3: inc %eax; loop 3b; jrcxz 4f; nop
    4: lea 5f(%rip), %rdx; jmp *%rdx; nop; 5: ret`,
  rip_relative: `mov test_data(%rip), %rax; addq $7, test_data(%rip); cmpl $5, test_data+4(%rip); sete %bl
    lea test_data(%rip), %rsi; movb $1, test_data+9(%rip); movw $0x1234, test_data+10(%rip); imul $3, test_data(%rip), %r9
    btsl $5, test_data(%rip); lock xadd %r9, test_data(%rip); movsbl test_data(%rip), %r10d; ret`,
  vectors: 'movups test_data(%rip), %xmm3; movq %xmm3, %rax; movups %xmm3, test_data+16(%rip); ret',
  flags: `stc; pushf; pop %rax; cli; pushf; pop %rbx; sti; pushf; pop %rcx; push $2; popf; pushf; pop %rdx
    push $0x246; popf; std; pushf; pop %rsi; cld; ret`,
  strings: `lea test_data(%rip), %rdi; mov $10000, %ecx; mov $0x5a, %al; rep stosb; lea test_data(%rip), %rdi
    mov $20000, %ecx; repne scasb; lea test_data(%rip), %rdi; mov $20000, %ecx; repe scasb; ret`,
  percpu: 'mov %gs:this_cpu_off, %rax; mov %gs:cpu_number, %ebx; incl %gs:numa_node; decl %gs:numa_node; ret',
  return_and_pop: 'push $7; call 1f; ret; 1: mov 8(%rsp), %rax; ret $8',
};

const testText = Object.entries(functions)
  .map(
    ([name, body]) =>
      `.globl test_${name}\n.type test_${name}, @function\ntest_${name}: ${body}\n.size test_${name}, . - test_${name}\n`,
  )
  .join('');

/** Programs and probed functions of the other tests. */
const text = `
	.text
	${testText}
	.globl target
	.type target, @function
target:
	push %rbp
	mov %rsp, %rbp
	mov $1, %eax
	pop %rbp
	ret
	.size target, . - target

	.globl bad_load
	.type bad_load, @function
bad_load:
	mov 16, %rax
	ret
	.size bad_load, . - bad_load

	.globl halting
	.type halting, @function
halting:
	hlt
	swapgs
	sysretq
	iretq
	native do_debug
	ret
	.size halting, . - halting

	.globl caller
	.type caller, @function
caller:
	push %rbp
	mov %rsp, %rbp
	call target
	pop %rbp
	ret
	.size caller, . - caller

	# what programs do
	.globl note_ip
note_ip:
	mov pt_regs_ip(%rdi), %rax
	mov %rax, test_data(%rip)
	mov pt_regs_ax(%rdi), %rax
	mov %rax, test_data+8(%rip)
	mov %rsi, test_data+16(%rip)
	mov $5, %eax
	ret

	.globl override
override:
	movq $-22, pt_regs_ax(%rdi)
	lea just_return_func(%rip), %rax
	mov %rax, pt_regs_ip(%rdi)
	incq test_data+24(%rip)
	xor %eax, %eax
	ret

	.globl clobber
clobber:
	mov $-1, %rax
	movq %rax, %xmm0
	movq %rax, %xmm15
	push $0x9fc0
	ldmxcsr (%rsp)
	pop %rax
	mov %rax, %rbx
	mov %rax, %rbp
	mov %rax, %r12
	mov %rax, %r13
	mov %rax, %r14
	mov %rax, %r15
	ret

	.globl calls_target
calls_target:
	call target
	mov %rax, test_data+32(%rip)
	ret

	.globl panics
	.type panics, @function
panics:
	push %rbp
	mov %rsp, %rbp
	movabs $0x6d6f6f62, %rax
	mov %rax, %gs:rex_log_buf
	call rex_landingpad
	.size panics, . - panics

	.data
	.globl test_pointer
test_pointer: .quad target
	.globl test_data
test_data: .skip 32768
`;

const DATA_SIZE = 32768;
const target = (symbol: string, offset = 0n) => ({ symbol, offset, address: 0n });

function fillData(machine: KernelMachine): void {
  const bytes = Uint8Array.from({ length: DATA_SIZE }, (_, n) => (n * 7 + 1) & 0xff);
  writeKernel(machine.kernel, machine.address('test_data'), bytes);
}

function data(machine: KernelMachine, offset: number): bigint {
  return readKernelU64(machine.kernel, machine.address('test_data') + BigInt(offset))!;
}

/** Everything a function leaves behind that a caller may look at. */
function outcome(machine: KernelMachine, symbol: string): string {
  fillData(machine);
  const cpu = machine.kernel.cpus[0]!;
  for (let n = 0; n < 64; n++) cpu.slots[Slot.xmm + n] = n % 4 < 2 ? BigInt(n) : 0n;
  call(machine, symbol);
  const memory = readKernel(machine.kernel, machine.address('test_data'), DATA_SIZE)!;
  let sum = 0;
  for (const byte of memory) sum = (Math.imul(sum, 31) + byte) | 0;
  const registers = Object.entries(cpu.registers).map(([name, value]) => `${name}=${value.toString(16)}`);
  return [...registers, `xmm3=${cpu.slots[Slot.xmm + 12]}`, `data=${sum}`].join(' ');
}

function boundaries(machine: KernelMachine, symbol: string): number[] {
  const { address, size } = machine.kernel.symbols.byName.get(symbol)!;
  const bytes = readKernel(machine.kernel, address, size)!;
  const found: number[] = [];
  for (let at = 0; at < size;) {
    const instruction = decode(bytes, at, size);
    assert.type(instruction, 'object');
    found.push(at);
    at += (instruction as { length: number }).length;
  }
  return found;
}

const errorOf = (action: () => unknown): string => {
  try {
    action();
    return 'none';
  } catch (error) {
    assert.instance(error, Errno);
    return (error as Errno).code;
  }
};

const stepping = createKernelMachine(text);
for (const name of Object.keys(functions)) {
  const symbol = `test_${name}`;
  test(`stepped out of line, each instruction of ${name} does what it does in place`, () => {
    const { kernel } = stepping;
    const expected = outcome(stepping, symbol);
    for (const offset of boundaries(stepping, symbol)) {
      const address = registerKprobe(kernel, target(symbol, BigInt(offset)), 1000);
      assert.is(outcome(stepping, symbol), expected, `probed at ${symbol}+${offset}`);
      assert.equal(kernel.kprobes.hits.get(0) ?? [], []);
      unregisterKprobe(kernel, address, 1000);
    }
    assert.is(outcome(stepping, symbol), expected, 'without probes again');
    for (const offset of boundaries(stepping, symbol)) registerKprobe(kernel, target(symbol, BigInt(offset)), 1001);
    assert.is(outcome(stepping, symbol), expected, 'probed everywhere');
    for (const probe of kernel.kprobes.probes.values()) unregisterKprobe(kernel, probe.address, 1001);
    assert.is(kernel.kprobes.probes.size, 0);
  });
}

test('every slot comes back', () => {
  const { slotPages, freeSlots } = stepping.kernel.kprobes;
  assert.is(freeSlots.length, slotPages.length * 256);
  assert.is(new Set(freeSlots).size, freeSlots.length);
});

test('what cannot be probed says why', () => {
  const machine = createKernelMachine(text);
  const { kernel } = machine;
  const at = (symbol: string, offset = 0n) => errorOf(() => registerKprobe(kernel, target(symbol, offset), 1));
  assert.is(at('no_such_function'), 'ENOENT');
  assert.is(at('target', 1n), 'none');
  assert.is(at('target', 2n), 'EILSEQ');
  assert.is(at('test_data'), 'EINVAL');
  assert.is(at('rex_curr_prog'), 'EINVAL');
  assert.is(at('target', 1n << 63n), 'EINVAL');
  for (const blacklisted of [
    'exc_int3',
    'asm_exc_debug',
    'entry_SYSCALL_64',
    'rex_dispatcher_func',
    'rex_exit',
    'just_return_func',
    'trace_call_bpf',
  ]) {
    assert.is(at(blacklisted), 'EINVAL', blacklisted);
  }
  for (const offset of boundaries(machine, 'halting').slice(0, -1))
    assert.is(at('halting', BigInt(offset)), 'EINVAL', `halting+${offset}`);
  assert.is(
    errorOf(() => registerKprobe(kernel, { symbol: '', offset: 0n, address: 0n }, 1)),
    'EINVAL',
  );
  assert.is(
    errorOf(() => registerKprobe(kernel, { symbol: '', offset: 0n, address: 0x1000n }, 1)),
    'EINVAL',
  );
  assert.is(
    errorOf(() => registerKprobe(kernel, { symbol: 'target', offset: 0n, address: 1n }, 1)),
    'EINVAL',
  );
  assert.is(
    errorOf(() => registerKprobe(kernel, { symbol: '', offset: 1n, address: machine.address('target') }, 1)),
    'none',
  );
  assert.is(kernel.kprobes.probes.size, 1);
  assert.is(kernel.kprobes.probes.get(machine.address('target') + 1n)!.name, 'target+0x1');
});

test('events share a probe; the last one takes the int3 away', () => {
  const machine = createKernelMachine(text);
  const { kernel } = machine;
  const before = readKernel(kernel, machine.address('target'), 8);
  const address = registerKprobe(kernel, target('target'), 1);
  registerKprobe(kernel, target('target'), 2);
  assert.is(readKernel(kernel, address, 1)![0], 0xcc);
  unregisterKprobe(kernel, address, 1);
  unregisterKprobe(kernel, address, 1);
  assert.is(readKernel(kernel, address, 1)![0], 0xcc);
  unregisterKprobe(kernel, address, 2);
  assert.equal(readKernel(kernel, address, 8), before);
  assert.is(call(machine, 'target'), 1n);
});

test('a program sees the registers at the probe, ip behind the int3, and the function goes on', () => {
  const machine = createKernelMachine(text);
  const program = createTestProgram(machine, 'note_ip');
  attach(machine, program, 'target');
  machine.kernel.events.length = 0;
  assert.is(call(machine, 'target', { rax: 77n }), 1n);
  assert.is(data(machine, 0), machine.address('target') + 1n);
  assert.is(data(machine, 8), 77n);
  assert.is(data(machine, 16), program.address);
  assert.is(program.runs, 1);
  const pid = machine.tasks[0]!.pid;
  assert.equal(machine.kernel.events, [{ type: 'kprobe', pid, symbol: 'target', overridden: false }]);
});

test('an override returns from the function in its place, and ends the chain of programs', () => {
  const machine = createKernelMachine(text);
  const [first, second, third] = ['note_ip', 'override', 'note_ip'].map((name) => createTestProgram(machine, name));
  for (const program of [first!, second!, third!]) attach(machine, program, 'target');
  const task = machine.tasks[0]!;
  task.syscall = { number: 32, args: [], overridden: false, texts: [] };
  fillData(machine);
  machine.kernel.events.length = 0;
  assert.is(BigInt.asIntN(64, call(machine, 'target')), -22n);
  assert.is(machine.kernel.cpus[0]!.registers.rsp, machine.tasks[0]!.stack + 16384n - 512n);
  assert.equal([first!.runs, second!.runs, third!.runs], [1, 1, 0]);
  assert.is(task.syscall.overridden, true);
  assert.equal(machine.kernel.events, [{ type: 'kprobe', pid: task.pid, symbol: 'target', overridden: true }]);
  assert.equal(machine.kernel.kprobes.hits.get(0), []);
  assert.is(call(machine, 'caller'), BigInt.asUintN(64, -22n));
});

test('the interrupted code keeps its vector registers and MXCSR, whatever a program does', () => {
  const machine = createKernelMachine(text);
  attach(machine, createTestProgram(machine, 'clobber'), 'test_vectors');
  const cpu = machine.kernel.cpus[0]!;
  for (let n = 0; n < 16; n++) cpu.slots[Slot.xmm + n * 4] = BigInt(1000 + n);
  cpu.slots[Slot.mxcsr] = 0x3f80n;
  call(machine, 'test_vectors', { rbx: 3n });
  assert.is(cpu.slots[Slot.xmm], 1000n);
  assert.is(cpu.slots[Slot.xmm + 15 * 4], 1015n);
  assert.is(cpu.slots[Slot.mxcsr], 0x3f80n);
  assert.is(cpu.registers.rbx, 3n);
  assert.is(machine.kernel.perCpu[0]!.savedFpu, undefined);
});

test('a probe hit by a program is stepped without its handlers and counted as missed', () => {
  const machine = createKernelMachine(text);
  const outer = createTestProgram(machine, 'calls_target');
  const inner = createTestProgram(machine, 'override');
  attach(machine, outer, 'caller');
  attach(machine, inner, 'target');
  assert.is(BigInt.asIntN(64, call(machine, 'caller')), -22n);
  assert.is(data(machine, 32), 1n);
  assert.equal([outer.runs, inner.runs], [1, 1]);
  const probe = machine.kernel.kprobes.probes.get(machine.address('target'))!;
  assert.equal([probe.hits, probe.missed], [1, 1]);
});

test('while a program is active on the CPU, a probe skips its programs and counts misses', () => {
  const machine = createKernelMachine(text);
  const program = createTestProgram(machine, 'override');
  attach(machine, program, 'target');
  const active = machine.kernel.perCpu[0]!.area + BigInt(machine.kernel.symbols.byName.get('bpf_prog_active')!.address);
  writeKernel(machine.kernel, active, Uint8Array.of(1, 0, 0, 0));
  assert.is(call(machine, 'target'), 1n);
  assert.equal([program.runs, program.misses], [0, 1]);
  assert.is(readKernel(machine.kernel, active, 1)![0], 1);
});

test('a panic in a program: the trace leads from the Rex stack through the probe to the probed function', () => {
  const machine = createKernelMachine(text);
  const { kernel } = machine;
  const loader = machine.tasks[0]!;
  attach(machine, createTestProgram(machine, 'panics', loader.pid), 'target');
  kernel.log.length = 0;
  assert.is(call(machine, 'caller'), 1n);
  const names = kernel.log.map(({ text }) => text.trim().replace(/\+0x.*/, ''));
  assert.equal(names, [
    'rex: boom',
    `CPU: 0 UID: 0 PID: ${loader.pid} Comm: test Not tainted 7.1.0-rex #1`,
    'Hardware name: kernel-in-a-box',
    'Call Trace:',
    '<REX>',
    'dump_stack_lvl',
    'rex_landingpad',
    'panics',
    'rex_dispatcher_func',
    '</REX>',
    '<TASK>',
    'trace_call_bpf',
    'kprobe_perf_func',
    'kprobe_int3_handler',
    'exc_int3',
    'asm_exc_int3',
    'target',
    'caller',
    kernel.log
      .at(-2)!
      .text.trim()
      .replace(/\+0x.*/, ''),
    '</TASK>',
  ]);
  const [pending] = loader.signals.pending;
  assert.equal(pending, { number: 31, code: 1, pid: 0, address: 0n });
  assert.is(readPerCpu(kernel, 0, 'rex_curr_prog'), 0n);
});

test('a landing pad without a program is an oops', () => {
  const machine = createKernelMachine(text);
  assert.throws(() => call(machine, 'panics'), /rex_curr_prog is 0x0, which is no program/);
});

test("a fault of the stepped instruction is the original instruction's", () => {
  const machine = createKernelMachine(text);
  registerKprobe(machine.kernel, target('bad_load'), 1);
  assert.throws(() => call(machine, 'bad_load'), /NULL pointer dereference/);
  assert.equal(machine.kernel.kprobes.hits.get(0), []);
});

test("an int3 of nobody's is an oops in the kernel and SIGTRAP for a program", () => {
  const machine = createKernelMachine(text);
  const { kernel } = machine;
  const regs = machine.address('test_data');
  writeKernel(kernel, regs, new Uint8Array(168).fill(0x33));
  enter(machine, 'exc_int3', { rdi: regs });
  finish(machine);
  assert.equal(machine.tasks[0]!.signals.pending, [{ number: 5, code: 0x80, pid: 0, address: 0n }]);
  machine.tasks[0]!.signals.pending.length = 0;
  const DR6 = 4;
  const SINGLE_STEP = 0x4000n;
  kernel.cpus[0]!.slots[Slot.debug + DR6] = SINGLE_STEP;
  enter(machine, 'exc_debug', { rdi: regs });
  finish(machine);
  const address = 0x3333_3333_3333_3333n;
  assert.equal(machine.tasks[0]!.signals.pending, [{ number: 5, code: 2, pid: 0, address }], 'a single step');
  writeKernel(kernel, machine.address('target'), Uint8Array.of(0xcc));
  assert.throws(() => call(machine, 'target'), /int3: 0000/);
});

test('a slot outlives its probe while a CPU is about to step in it', () => {
  const machine = createKernelMachine(text, 2);
  const { kernel } = machine;
  const address = registerKprobe(kernel, target('target'), 1);
  const { slot } = kernel.kprobes.probes.get(address)!;
  enter(machine, 'target');
  const cpu = kernel.cpus[0]!;
  for (let n = 0; cpu.registers.rip !== slot && n < 1000; n++)
    assert.throws(() => finish(machine, 0, 1), /not finished/);
  unregisterKprobe(kernel, address, 1);
  assert.not(kernel.kprobes.freeSlots.includes(slot));
  assert.is(call(machine, 'target', {}, 1), 1n);
  finish(machine);
  assert.is(cpu.registers.rax, 1n);
  assert.ok(kernel.kprobes.freeSlots.includes(slot));
});

test.run();

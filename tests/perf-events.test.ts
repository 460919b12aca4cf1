/** Counters, samples and the programs they run, and the ring buffers that records go to. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { constants } from '../kernel/layout/constants.ts';
import { bpf_attr_map_create, bpf_attr_map_elem } from '../kernel/layout/structures.ts';
import { writeStructure } from '../kernel/layout/write-structure.ts';
import { createHost } from '../kernel/host.ts';
import { kernelPhysical } from '../kernel/mm/kernel-memory.ts';
import { copyFromUser, copyToUser, readUserU64, writeUserU64 } from '../kernel/mm/user-memory.ts';
import { readiness } from '../kernel/fs/file-kinds.ts';
import { fileOf } from '../kernel/fs/files.ts';
import { attachProgram } from '../kernel/perf/events.ts';
import { runKernel } from '../kernel/run.ts';
import { makeRunnable } from '../kernel/scheduler.ts';
import type { Task } from '../kernel/task.ts';
import {
  BUFFER,
  createTracingMachine,
  eventOf,
  openEvent,
  systemCall,
  type AttributeFields,
  type TracingMachine,
} from './support/tracing-machine.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';
import { bootForPrograms, readRepositoryFile, runProgram } from './support/user-machine.ts';

const HARDWARE = { type: 0 };
const SOFTWARE = { type: 1 };
const CYCLES = { ...HARDWARE, config: 0 };
const INSTRUCTIONS = { ...HARDWARE, config: 1 };
const CPU_CLOCK = { ...SOFTWARE, config: 0 };
const TASK_CLOCK = { ...SOFTWARE, config: 1 };
const PAGE_FAULTS = { ...SOFTWARE, config: 2 };
const BPF_OUTPUT = { ...SOFTWARE, config: 10, sample_type: 0x400, sample_period: 1, wakeup_events: 1 };
const FREQUENCY = 1n << 10n;
const EXCLUDE_USER = 1n << 4n;

/** Two instructions a round. */
const loop = (rounds: number): string => `\tmov $${rounds}, %ecx\n1:\tdec %ecx\n\tjnz 1b\n`;
const dup = '\tmov $1, %edi\n\tmov $32, %eax\n\tsyscall\n';
const pause = '\tmov $34, %eax\n\tsyscall\n';
const repeatedDup = (count: number): string => `\tmov $${count}, %ebp\n1:\n${dup}\tdec %ebp\n\tjnz 1b\n`;
/** `count` times dup, then for ever asleep */
const dups = (count: number): string => repeatedDup(count) + pause;

/** `sample`: notes regs, period, addr, ip, event, and the interrupted task. */
const samplePrograms = `
	.text
	.globl sample
	.type sample, @function
sample:
	push %rbp
	mov %rsp, %rbp
	sub $64, %rsp
	mov bpf_perf_event_data_kern_regs(%rdi), %rax
	mov %rax, (%rsp)
	mov bpf_perf_event_data_kern_data(%rdi), %rcx
	mov perf_sample_data_period(%rcx), %rdx
	mov %rdx, 8(%rsp)
	mov perf_sample_data_addr(%rcx), %rdx
	mov %rdx, 16(%rsp)
	mov pt_regs_cx(%rax), %rdx
	mov %rdx, 24(%rsp)
	mov %rsp, %rdi
	call note
	leave
	ret
	.size sample, . - sample

	# a program of 40000 instructions
	.globl slow
	.type slow, @function
slow:
	mov $20000, %ecx
1:	dec %ecx
	jnz 1b
	mov $1, %eax
	ret
	.size slow, . - slow

	# eight bytes of the record to user space
	.globl emit
	.type emit, @function
emit:
	push %rbp
	mov %rsp, %rbp
	sub $16, %rsp
	lea 16(%rdi), %rcx
	mov emit_map(%rip), %rsi
	mov $0xffffffff, %edx
	mov $8, %r8d
	call bpf_perf_event_output_tp
	mov %rax, emit_result(%rip)
	mov $1, %eax
	leave
	ret
	.size emit, . - emit
	.data
	.globl emit_map
emit_map: .quad 0
	.globl emit_result
emit_result: .quad 0
`;

const machineWith = (cpus = 1): TracingMachine => createTracingMachine(samplePrograms, cpus);

function counted(attribute: AttributeFields, source: string, format = 0): bigint[] {
  const machine = machineWith();
  const task = machine.task(tinyProgram(source + exit(0)));
  const descriptor = openEvent(machine, task, { ...attribute, read_format: format });
  const file = fileOf(machine.kernel, task, Number(descriptor));
  const event = eventOf(machine, task, descriptor);
  event.references++;
  assert.is(machine.run(task), 'done');
  assert.is(file.kind, 'perf-event');
  return [BigInt(event.count), BigInt(event.timeEnabled)];
}

test('instructions, cycles and the task clock count what the task executes, to the instruction', () => {
  const [base] = counted(INSTRUCTIONS, loop(100));
  const [more] = counted(INSTRUCTIONS, loop(600));
  assert.is(more! - base!, 1000n);
  assert.equal(counted(INSTRUCTIONS, loop(600)), [more, more], 'again the same, and a nanosecond each');
  assert.equal(counted(CYCLES, loop(600)), [more, more]);
  assert.equal(counted(TASK_CLOCK, loop(600)), [more, more]);
});

test('page faults count the pages that a program touches', () => {
  const touch = (pages: number): string =>
    `	mov $9, %eax\n	xor %edi, %edi\n	mov $${pages * 4096}, %esi\n	mov $3, %edx\n	mov $0x22, %r10d\n	mov $-1, %r8\n	xor %r9d, %r9d
	syscall\n	mov $${pages}, %ecx\n1:	movb $1, (%rax)\n	add $4096, %rax\n	dec %ecx\n	jnz 1b\n`;
  assert.is(counted(PAGE_FAULTS, touch(12))[0]! - counted(PAGE_FAULTS, touch(5))[0]!, 7n);
});

test('read(2) gives what read_format asks for', () => {
  const machine = machineWith();
  const task = machine.task(tinyProgram(exit(0)));
  const descriptor = openEvent(machine, task, { ...INSTRUCTIONS, read_format: 31, flags: 1 });
  const event = eventOf(machine, task, descriptor);
  assert.is(systemCall(machine, task, 'read', descriptor as number, BUFFER, 47), 'ENOSPC');
  assert.is(systemCall(machine, task, 'read', descriptor as number, BUFFER, 100), 48);
  const words = [...new BigUint64Array(copyFromUser(machine.kernel, task, BUFFER, 48).buffer)];
  assert.equal(words, [1n, 0n, 0n, 0n, BigInt(event.id), 0n], 'nr, enabled, running, value, id, lost');
  assert.is(systemCall(machine, task, 'ioctl', descriptor as number, constants.PERF_EVENT_IOC_ID, BUFFER), 0);
  assert.is(readUserU64(machine.kernel, task, BUFFER), BigInt(event.id));
  event.count = 5n;
  assert.is(systemCall(machine, task, 'ioctl', descriptor as number, constants.PERF_EVENT_IOC_RESET, 0), 0);
  assert.is(event.count, 0n);
});

test('what cannot be opened says why', () => {
  const machine = machineWith(2);
  const task = machine.task(tinyProgram(exit(0)));
  const open = (fields: AttributeFields, pid = 0, cpu = -1): unknown => openEvent(machine, task, fields, pid, cpu);
  assert.is(open({ ...HARDWARE, config: 5 }), 'ENOENT');
  assert.is(open({ type: 3, config: 0 }), 'ENOENT');
  assert.is(open({ type: 4, config: 0xc0 }), 'ENOENT');
  assert.is(open({ type: 77 }), 'ENOENT');
  assert.is(open({ ...SOFTWARE, config: 99 }), 'ENOENT');
  assert.is(open({ type: 2, config: 0 }), 'EINVAL');
  assert.is(open({ type: 2, config: 1n << 40n }), 'EINVAL');
  assert.is(open({ ...CYCLES, flags: EXCLUDE_USER }), 'EOPNOTSUPP');
  assert.is(open({ ...CYCLES, flags: 1n << 8n }), 'EOPNOTSUPP');
  assert.is(open({ ...CYCLES, sample_type: 1 << 11 }), 'EOPNOTSUPP');
  assert.is(open({ ...CYCLES, sample_period: 1n << 63n }), 'EINVAL');
  assert.is(open({ ...CYCLES, sample_period: 100_001, flags: FREQUENCY }), 'EINVAL');
  assert.is(open(CYCLES, -1, -1), 'EINVAL');
  assert.is(open(CYCLES, -1, 2), 'EINVAL');
  assert.is(open(CYCLES, 4242), 'ESRCH');
  const counter = open(CPU_CLOCK, -1, 1);
  assert.type(counter, 'number');
  const event = eventOf(machine, task, counter as number);
  for (const type of [constants.BPF_PROG_TYPE_KPROBE, constants.BPF_PROG_TYPE_TRACEPOINT]) {
    assert.throws(() => attachProgram(machine.kernel, event, machine.program('note', type)), /EINVAL/);
  }
});

interface Taken {
  readonly period: bigint;
  readonly cx: bigint;
  readonly ip: bigint;
  readonly address: bigint;
  readonly cpu: number;
  readonly pid: number;
}

/** The samples of one run; `step`: instructions the box is given at a time. */
function sampled(attribute: AttributeFields, source: string, step = 1_000_000, cpus = 1, cpu = -1): Taken[] {
  const machine = machineWith(cpus);
  const { kernel } = machine;
  const task = machine.task(tinyProgram(source + exit(0)));
  const event = eventOf(machine, task, openEvent(machine, task, attribute, cpu === -1 ? 0 : -1, cpu));
  attachProgram(kernel, event, machine.program('sample', constants.BPF_PROG_TYPE_PERF_EVENT));
  makeRunnable(kernel, task);
  for (let n = 0; n < 5000 && task.state !== 'zombie'; n++) {
    runKernel(kernel, createHost(kernel), step, () => task.state === 'zombie');
  }
  assert.is(task.state, 'zombie');
  return machine.notes().map(({ words, ip, cpu: where, pid }) => {
    const [, period, address, cx] = words as [bigint, bigint, bigint, bigint];
    return { period, cx, ip, address, cpu: where, pid };
  });
}

test('a program at every 10007th instruction: the same samples however the box is stepped', () => {
  const attribute = { ...INSTRUCTIONS, sample_period: 10_007 };
  const samples = sampled(attribute, loop(40_000));
  assert.ok(samples.length >= 7, `${samples.length} samples`);
  assert.equal(new Set(samples.map(({ period }) => period)), new Set([10_007n]));
  assert.equal(sampled(attribute, loop(40_000), 313), samples);
  assert.equal(sampled(attribute, loop(40_000), 7001), samples);
  for (const { ip } of samples.slice(1, -1)) assert.is(ip >> 12n, 0x401n, 'in the loop');
  const distances = samples.slice(2, -1).map(({ cx }, n) => Number(samples[n + 1]!.cx - cx));
  // the ways into the handler and out of it count too, and it does not
  for (const distance of distances) assert.ok(distance > 4950 && distance < 5004, `${distance} rounds between samples`);
});

for (const [name, attribute] of Object.entries({ CYCLES, INSTRUCTIONS, CPU_CLOCK, TASK_CLOCK })) {
  test(`${name}: a program that is longer than its period does not hold up what it interrupts`, () => {
    const outcomes = [undefined, 997, 20_011].map((step) => {
      const machine = machineWith();
      const { kernel } = machine;
      const task = machine.task(tinyProgram(loop(40_000) + exit(0)));
      const event = eventOf(machine, task, openEvent(machine, task, { ...attribute, sample_period: 10_000 }));
      event.references++;
      const program = machine.program('slow', constants.BPF_PROG_TYPE_PERF_EVENT);
      attachProgram(kernel, event, program);
      makeRunnable(kernel, task);
      for (let n = 0; n < 2000 && task.state !== 'zombie'; n++) {
        runKernel(kernel, createHost(kernel), step ?? 2_000_000, () => task.state === 'zombie');
      }
      assert.is(task.state, 'zombie');
      assert.is(kernel.perf.pmus[0]!.since, undefined);
      return { runs: program.runs, misses: program.misses, count: event.count };
    });
    const [{ runs, misses, count }] = outcomes as [(typeof outcomes)[0]];
    // 80,000 instructions of the loop; clocks go on in the handler, and the end of the period that follows is at once
    assert.ok(runs >= 8 && runs <= 12, `${runs} runs`);
    assert.is(misses, 0);
    const handlers = attribute.type === HARDWARE.type ? 0 : runs * 40_000;
    assert.ok(count > 80_000 + handlers && count < 90_000 + handlers * 1.1, `${count} counted`);
    assert.equal(outcomes, [outcomes[0], outcomes[0], outcomes[0]], 'however the box is stepped');
  });
}

test('an event that its own task enables: the same samples however the box is stepped', () => {
  // PERF_EVENT_IOC_ENABLE of whichever descriptor it is
  const enable = (fd: number): string =>
    `\tmov $${fd}, %edi\n\tmov $0x2400, %esi\n\txor %edx, %edx\n\tmov $16, %eax\n\tsyscall\n`;
  const source = [0, 1, 2, 3].map(enable).join('') + loop(40_000);
  const attribute = { ...INSTRUCTIONS, sample_period: 10_007, flags: 1n };
  const samples = sampled(attribute, source);
  assert.ok(samples.length >= 7, `${samples.length} samples`);
  assert.equal(sampled(attribute, source, 313), samples);
  assert.equal(sampled(attribute, source, 7001), samples);
});

test('a frequency is a period, and a clock is sampled no faster than every 10 us', () => {
  const frequency = { flags: FREQUENCY, sample_period: 40_000 };
  assert.is(sampled({ ...CYCLES, ...frequency }, loop(40_000))[0]!.period, 25_000n);
  assert.is(sampled({ ...CPU_CLOCK, sample_period: 7 }, loop(40_000))[0]!.period, 10_000n);
});

test('too many samples: an event that overflows at every instruction leaves the CPU to others', () => {
  const samples = sampled({ ...CYCLES, sample_period: 1 }, loop(40_000));
  assert.ok(samples.length <= 200, `${samples.length} samples`);
});

test('a page fault tells its address', () => {
  const source = `\tmov $9, %eax\n\tmov $0x10000000, %edi\n\tmov $4096, %esi\n\tmov $3, %edx\n\tmov $0x32, %r10d
	mov $-1, %r8\n\txor %r9d, %r9d\n\tsyscall\n\tmovb $1, 0x123(%rax)\n`;
  const faults = sampled({ ...PAGE_FAULTS, sample_period: 1 }, source);
  assert.ok(faults.some(({ address }) => address === 0x1000_0123n));
});

test('an event of one CPU sees that CPU alone', () => {
  const samples = sampled({ ...CYCLES, sample_period: 10_000 }, loop(60_000), 1_000_000, 2, 1);
  for (const { cpu } of samples) assert.is(cpu, 1);
  const other = sampled({ ...CYCLES, sample_period: 10_000 }, loop(60_000), 1_000_000, 2, 0);
  for (const { cpu } of other) assert.is(cpu, 0);
  assert.ok(samples.length + other.length > 5);
});

test('exclude_user: no samples of the program, whose kernel side is still seen', () => {
  const samples = sampled({ ...TASK_CLOCK, sample_period: 10_000, flags: EXCLUDE_USER }, loop(60_000));
  for (const { ip } of samples) assert.ok(ip >= 0xffff_ffff_8000_0000n);
});

test('a sample that falls into a program is missed', () => {
  const machine = machineWith();
  const task = machine.task(tinyProgram(dup + exit(0)));
  machine.trace('syscalls:sys_enter_dup', machine.program('slow'));
  const event = eventOf(machine, task, openEvent(machine, task, { ...CYCLES, sample_period: 10_000 }));
  const program = machine.program('sample', constants.BPF_PROG_TYPE_PERF_EVENT);
  attachProgram(machine.kernel, event, program);
  assert.is(machine.run(task), 'done');
  assert.ok(program.misses >= 3, `${program.misses} misses`);
});

test('inherit: what the child executes counts as well', () => {
  const source = `\tmov $57, %eax\n\tsyscall\n\ttest %eax, %eax\n\tje 2f\n\tmov %eax, %edi\n\txor %esi, %esi\n\txor %edx, %edx
	xor %r10d, %r10d\n\tmov $61, %eax\n\tsyscall\n${exit(0)}2:\n${loop(5000)}`;
  const [alone] = counted(INSTRUCTIONS, source);
  const [family] = counted({ ...INSTRUCTIONS, flags: 2 }, source);
  assert.ok(family! - alone! >= 10_000n, `${alone} and ${family}`);
});

const MAP = 0x500n;

/** A perf event array with the BPF output event of CPU 0 in it, mapped with `pages` of data. */
function outputRing(machine: TracingMachine, task: Task, pages: number): { descriptor: number; address: bigint } {
  const { kernel } = machine;
  const descriptor = Number(openEvent(machine, task, BPF_OUTPUT, -1, 0));
  const bpf = (command: number, bytes: Uint8Array): unknown => {
    copyToUser(kernel, task, BUFFER, bytes);
    return systemCall(machine, task, 'bpf', command, BUFFER, bytes.length);
  };
  const map = bpf(
    0,
    writeStructure(bpf_attr_map_create, { map_type: 4, key_size: 4, value_size: 4, max_entries: 1 }),
  ) as number;
  const [key, value] = [BUFFER + MAP, BUFFER + MAP + 8n];
  writeUserU64(kernel, task, key, 0n);
  writeUserU64(kernel, task, value, BigInt(descriptor));
  assert.is(bpf(2, writeStructure(bpf_attr_map_elem, { map_fd: map, key, value })), 0);
  const object = kernel.bpf.maps.get(fileOf(kernel, task, map).object)!;
  const at = kernel.symbols.byName.get('emit_map')!.address;
  kernel.memory.view.setBigUint64(physical(machine, at), object.address, true);
  const address = systemCall(machine, task, 'mmap', 0, (pages + 1) * 4096, 3, 1, descriptor, 0);
  assert.is(typeof address, 'bigint');
  return { descriptor, address: address as bigint };
}

/** Where a symbol of kernel data lies. */
function physical({ kernel }: TracingMachine, address: bigint): number {
  return kernelPhysical(kernel, address)!;
}

const HEAD = 1024n;
const TAIL = 1032n;

test('bpf_perf_event_output_tp: records in the ring that user space maps, and a wake-up', () => {
  const machine = machineWith();
  const { kernel } = machine;
  const task = machine.task(tinyProgram(dups(3)));
  const { descriptor, address } = outputRing(machine, task, 1);
  const file = fileOf(kernel, task, descriptor);
  file.references++;
  machine.trace('syscalls:sys_enter_dup', machine.program('emit'));
  assert.is(readiness(kernel, file).events, 0);
  makeRunnable(kernel, task);
  assert.is(
    runKernel(kernel, createHost(kernel), 1_000_000, () => false),
    'idle',
  );
  assert.is(readUserU64(kernel, task, address + HEAD), 72n);
  assert.is(readUserU64(kernel, task, address + 1040n), 4096n, 'data_offset');
  assert.is(readUserU64(kernel, task, address + 1048n), 4096n, 'data_size');
  const words = [...new BigUint64Array(copyFromUser(kernel, task, address + 4096n, 24).buffer)];
  // PERF_RECORD_SAMPLE of user mode, 24 bytes; 12 bytes follow the length: dup's argument and padding
  assert.equal(words, [9n | (2n << 32n) | (24n << 48n), 12n | (1n << 32n), 0n]);
  assert.ok((readiness(kernel, file).events & 1) !== 0);
  writeUserU64(kernel, task, address + TAIL, 72n);
  assert.is(readiness(kernel, file).events, 0);
});

test('a full ring loses records and says how many; what user space writes into it hurts nobody', () => {
  const machine = machineWith();
  const { kernel } = machine;
  const task = machine.task(tinyProgram(repeatedDup(200) + (loop(100_000) + dup).repeat(6) + pause));
  const { descriptor, address } = outputRing(machine, task, 1);
  const event = eventOf(machine, task, descriptor);
  machine.trace('syscalls:sys_enter_dup', machine.program('emit'));
  makeRunnable(kernel, task);
  const host = createHost(kernel);
  for (let n = 0; n < 100 && event.lost < 30; n++) runKernel(kernel, host, 10_000, () => false);
  assert.is(event.lost, 30);
  assert.is(readUserU64(kernel, task, address + HEAD), 4080n, '170 records of 24 bytes');
  // the reader catches up: the next record follows one that counts the losses, over the end of the buffer
  writeUserU64(kernel, task, address + TAIL, 4080n);
  /** until the kernel has written another head */
  const again = (): void => {
    const before = readUserU64(kernel, task, address + HEAD);
    for (let n = 0; n < 100 && readUserU64(kernel, task, address + HEAD) === before; n++) {
      runKernel(kernel, host, 10_000, () => false);
    }
    assert.is.not(readUserU64(kernel, task, address + HEAD), before);
  };
  again();
  const lost = [
    ...new BigUint64Array(copyFromUser(kernel, task, address + 4096n + 4080n, 16).buffer),
    readUserU64(kernel, task, address + 4096n),
  ];
  assert.equal(lost, [2n | (24n << 48n), BigInt(event.id), 30n]);
  for (const tail of [0n, 1n << 63n, 0xffff_ffff_ffff_ffffn, 12345678n]) {
    writeUserU64(kernel, task, address + TAIL, tail);
    writeUserU64(kernel, task, address + HEAD, tail);
    const { lost } = event;
    // a tail that makes no sense is a reader that has read nothing
    for (let n = 0; n < 100 && event.lost === lost; n++) runKernel(kernel, host, 10_000, () => false);
    assert.is(event.lost, lost + 1);
  }
  assert.is(kernel.dead, undefined);
});

test('a ring is 1 + 2^n pages, of one size, and its pages come back', () => {
  const machine = machineWith();
  const { kernel } = machine;
  const task = machine.task(tinyProgram(exit(0)));
  const descriptor = Number(openEvent(machine, task, BPF_OUTPUT, -1, 0));
  const map = (pages: number, offset = 0): unknown =>
    systemCall(machine, task, 'mmap', 0, pages * 4096, 3, 1, descriptor, offset);
  assert.is(map(4), 'EINVAL');
  assert.is(map(3, 4096), 'EINVAL');
  const first = map(3) as bigint;
  assert.is(typeof first, 'bigint');
  assert.is(map(5), 'EINVAL');
  const second = map(3) as bigint;
  assert.is(kernel.perf.rings.size, 1);
  assert.is(systemCall(machine, task, 'munmap', first, 3 * 4096), 0);
  assert.is(kernel.perf.rings.size, 1);
  assert.is(systemCall(machine, task, 'close', descriptor), 0);
  assert.is(kernel.bpf.events.size, 1, 'the mapping holds the event');
  assert.is(systemCall(machine, task, 'munmap', second, 3 * 4096), 0);
  assert.is(kernel.perf.rings.size + kernel.bpf.events.size, 0);
});

test('a tracepoint event writes its record, whose header is whole again', () => {
  const machine = machineWith();
  const { kernel } = machine;
  const task = machine.task(tinyProgram(dups(1)));
  const { id } = machine.tracepoint('syscalls:sys_enter_dup');
  const attribute = { type: 2, config: id, sample_period: 1, sample_type: 0x402, wakeup_events: 1 };
  const descriptor = openEvent(machine, task, attribute);
  machine.trace('syscalls:sys_enter_dup', machine.program('note'));
  const address = systemCall(machine, task, 'mmap', 0, 2 * 4096, 3, 1, descriptor as number, 0) as bigint;
  makeRunnable(kernel, task);
  assert.is(
    runKernel(kernel, createHost(kernel), 1_000_000, () => false),
    'idle',
  );
  const bytes = copyFromUser(kernel, task, address + 4096n, 48);
  const view = new DataView(bytes.buffer);
  assert.equal([view.getUint32(0, true), view.getUint16(6, true)], [9, 48]);
  assert.equal([view.getUint32(8, true), view.getUint32(12, true)], [task.tgid, task.pid]);
  assert.is(view.getUint32(16, true), 28, 'bytes of raw data: 24, and 4 to make it even');
  assert.equal([view.getUint16(20, true), view.getInt32(24, true)], [id, task.pid]);
  assert.equal([view.getBigInt64(28, true), view.getBigInt64(36, true)], [32n, 1n]);
});

test('a C program counts, samples a tracepoint by mmap and poll, and calls /proc/kprobe_target', () => {
  const kernel = bootForPrograms({ cpus: 2 });
  const result = runProgram(kernel, readRepositoryFile('tests/programs/bin/perf-events'), ['perf-events'], 10_000_000);
  assert.is(result.stderr, '');
  assert.match(result.stdout, /ok \d+ checks\n$/);
  assert.is(result.status, 0);
  assert.is(kernel.bpf.events.size + kernel.perf.rings.size + kernel.sharedMemory.size, 0);
});

const RUNS = process.env['TEST_TIER'] === 'slow' ? 5000 : 150;
const word = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, 10n, 0x400n, 1n << 63n),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
);

test('any attribute, request, mapping and read is a result or an errno, and closing leaves nothing', () => {
  const machine = machineWith(2);
  const { kernel } = machine;
  const task = machine.task(tinyProgram(exit(0)));
  const attribute = fc.record({
    type: fc.oneof(fc.nat(7), fc.nat()),
    config: fc.oneof(fc.bigInt({ min: 0n, max: 12n }), fc.constantFrom(21n, 576n, 577n), word),
    sample_period: word,
    sample_type: fc.oneof(fc.constantFrom(0n, 0x7ffn, 0x1_0000n), word),
    read_format: fc.bigInt({ min: 0n, max: 40n }),
    flags: fc.oneof(fc.constantFrom(0n, 1n, 2n, FREQUENCY, 1n << 14n), word),
    wakeup_events: fc.nat(),
  });
  const request = fc.constantFrom(0x2400, 0x2401, 0x2403, 0x40082404, 0x2405, 0x80082407, 0x40042408, 0x40042409);
  const actions = fc.array(fc.tuple(fc.constantFrom('ioctl', 'mmap', 'read', 'poll'), request, word), { maxLength: 8 });
  fc.assert(
    fc.property(
      attribute,
      fc.integer({ min: -2, max: 2 }),
      fc.integer({ min: -2, max: 2 }),
      actions,
      (fields, pid, cpu, steps) => {
        const descriptor = openEvent(machine, task, fields, pid, cpu);
        if (typeof descriptor !== 'number') return;
        const mapped: bigint[] = [];
        for (const [name, number, argument] of steps) {
          if (name === 'ioctl') systemCall(machine, task, name, descriptor, number, argument);
          else if (name === 'read') systemCall(machine, task, name, descriptor, BUFFER, argument & 0xffn);
          else if (name === 'poll') readiness(kernel, fileOf(kernel, task, descriptor));
          else {
            const address = systemCall(machine, task, 'mmap', 0, (argument & 7n) * 4096n, 3, 1, descriptor, 0);
            if (typeof address === 'bigint') mapped.push(address, (argument & 7n) * 4096n);
          }
        }
        assert.is(systemCall(machine, task, 'close', descriptor), 0);
        for (let n = 0; n < mapped.length; n += 2) systemCall(machine, task, 'munmap', mapped[n]!, mapped[n + 1]!);
        assert.is(kernel.bpf.events.size + kernel.perf.rings.size + kernel.perf.counters, 0);
      },
    ),
    { numRuns: RUNS },
  );
});

test.run();

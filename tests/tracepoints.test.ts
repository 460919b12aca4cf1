/** Tracepoints of system calls and of the scheduler: what programs see, who sees it, and that it ends. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFile, writeFile } from '../kernel/fs/inodes.ts';
import { tracepointContexts } from '../kernel/layout/tracing.ts';
import { task_struct } from '../kernel/layout/structures.ts';
import { readKernelU32 } from '../kernel/mm/kernel-memory.ts';
import { perCpuAddress } from '../kernel/per-cpu.ts';
import { putEvent } from '../kernel/perf/events.ts';
import { retired } from '../kernel/run.ts';
import { createTracingMachine, type Note, type TracingMachine } from './support/tracing-machine.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';
import { Box, BoxError } from '../index.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const call = (number: number, ...args: readonly (number | string)[]): string => {
  const registers = ['edi', 'esi', 'edx', 'r10d', 'r8d', 'r9d'];
  return [
    ...args.map((value, n) => `\tmov $${value}, %${registers[n]}\n`),
    `\tmov $${number}, %eax\n`,
    '\tsyscall\n',
  ].join('');
};

const DUP = 32;
const OPEN = 2;
const OPENAT = 257;
const GETPID = 39;

function traced(machine: TracingMachine, names: readonly string[], source: string): Note[] {
  const program = machine.program('note');
  for (const name of names) machine.trace(name, program);
  const task = machine.task(tinyProgram(source));
  assert.is(machine.run(task), 'done');
  return machine.notes();
}

/** words 1 to `count` of a record: word 0 is the pt_regs pointer */
const record = (note: Note, count: number): bigint[] => note.words.slice(1, count + 1);
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

test("sys_enter_dup: the number and the descriptor, with the program's registers", () => {
  const machine = createTracingMachine();
  const notes = traced(machine, ['syscalls:sys_enter_dup'], call(DUP, 1) + call(GETPID) + call(DUP, 77) + exit(0));
  assert.equal(
    notes.map((note) => record(note, 2)),
    [
      [32n, 1n],
      [32n, 77n],
    ],
  );
  for (const note of notes) {
    assert.ok(note.user, 'the registers are of user mode');
    assert.is(note.ip >> 12n, 0x401n, 'in the text of the program');
  }
});

test('sys_exit_dup: the number and the result', () => {
  const notes = traced(createTracingMachine(), ['syscalls:sys_exit_dup'], call(DUP, 1) + call(DUP, 77) + exit(0));
  assert.equal(
    notes.map((note) => record(note, 2).map(signed)),
    [
      [32n, 3n],
      [32n, -9n],
    ],
  );
});

test("open and openat, entry and exit, as the crate's contexts have them", () => {
  const events = ['sys_enter_open', 'sys_exit_open', 'sys_enter_openat', 'sys_exit_openat'];
  const notes = traced(
    createTracingMachine(),
    events.map((name) => `syscalls:${name}`),
    call(OPEN, 'buffer', 0x41, 0o640) + call(OPENAT, -100, 'buffer', 0x42, 0o600) + exit(0),
  );
  assert.equal(
    notes.map((note, n) => record(note, [4, 2, 5, 2][n]!).map(signed)),
    [
      [2n, 0x402000n, 0x41n, 0o640n],
      [2n, -2n],
      // a 32-bit register's -100, as the program wrote it
      [257n, 0xffff_ff9cn, 0x402000n, 0x42n, 0o600n],
      [257n, -2n],
    ],
  );
});

test('raw_syscalls: every call with six arguments, and every result', () => {
  const machine = createTracingMachine();
  const notes = traced(
    machine,
    ['raw_syscalls:sys_enter', 'raw_syscalls:sys_exit'],
    call(GETPID, 1, 2, 3, 4, 5, 6) + call(999) + exit(0),
  );
  const pid = BigInt(notes[0]!.pid);
  assert.equal(record(notes[0]!, 7), [39n, 1n, 2n, 3n, 4n, 5n, 6n]);
  assert.equal(record(notes[1]!, 2), [39n, pid]);
  assert.is(notes[2]!.words[1], 999n, 'a number that is no call');
  assert.equal(record(notes[3]!, 2).map(signed), [999n, -38n]);
  assert.is(notes[4]!.words[1], 231n);
  assert.is(notes.length, 5, 'exit_group does not return');
});

test('tracefs describes every tracepoint, and the records are as long as it says', () => {
  const { kernel, tracepoint } = createTracingMachine();
  const text = (path: string): string => new TextDecoder().decode(readFile(kernel, path));
  const available = text('/sys/kernel/tracing/available_events');
  const ids = new Set<number>();
  for (const { category, name, id, format } of kernel.perf.tracepoints.values()) {
    const folder = `/sys/kernel/debug/tracing/events/${category}/${name}`;
    assert.is(text(`${folder}/id`), `${id}\n`);
    assert.is(text(`${folder}/format`), format);
    assert.ok(available.includes(`${category}:${name}\n`));
    ids.add(id);
  }
  assert.is(ids.size, kernel.perf.tracepoints.size, 'ids are different');
  for (const { category, event, record: layout } of tracepointContexts) {
    assert.is(tracepoint(`${category}:${event}`).size, layout.size, event);
  }
  assert.is(
    text('/sys/kernel/tracing/events/syscalls/sys_enter_dup/format'),
    `name: sys_enter_dup
ID: ${tracepoint('syscalls:sys_enter_dup').id}
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:unsigned int fildes;	offset:16;	size:8;	signed:0;

print fmt: "fildes: 0x%08lx", ((unsigned long)(REC->fildes))
`,
  );
});

test('without an event a system call takes the short way: the same instructions as before the first', () => {
  const measure = (prepare: (machine: TracingMachine) => void): number => {
    const machine = createTracingMachine();
    prepare(machine);
    const task = machine.task(tinyProgram(call(DUP, 1).repeat(20) + exit(0)));
    const flags = task.address + BigInt(task_struct.fields.syscall_work.offset);
    assert.is(readKernelU32(machine.kernel, flags), 0);
    const before = retired(machine.kernel);
    machine.run(task);
    return retired(machine.kernel) - before;
  };
  const never = measure(() => undefined);
  const opened = measure((machine) => {
    const event = machine.trace('syscalls:sys_enter_dup', machine.program('note'));
    putEvent(machine.kernel, event.id);
  });
  assert.is(opened, never);
});

test('several programs of one tracepoint run in order; one that returns 0 does not stop the next', () => {
  const machine = createTracingMachine();
  const [first, second] = [machine.program('note_and_drop'), machine.program('note')];
  const event = machine.trace('syscalls:sys_enter_dup', first);
  machine.trace('syscalls:sys_enter_dup', second);
  const other = machine.trace('syscalls:sys_exit_dup', second);
  const run = (): void => {
    machine.run(machine.task(tinyProgram(call(DUP, 1) + exit(0))));
  };
  run();
  assert.equal([first.runs, second.runs], [1, 2]);
  // the first program's 0 drops the record of both events; nobody drops the other's
  assert.equal([event.count, other.count], [0n, 1n]);
  putEvent(machine.kernel, event.id);
  run();
  assert.equal([first.runs, second.runs], [1, 4]);
  assert.is(first.references, 1, 'detached');
});

test('while a program is active on the CPU, the programs of a tracepoint are skipped and counted as missed', () => {
  const machine = createTracingMachine();
  const program = machine.program('note');
  machine.trace('syscalls:sys_enter_dup', program);
  const task = machine.task(tinyProgram(call(DUP, 1) + exit(0)));
  const active = perCpuAddress(machine.kernel, 0, 'bpf_prog_active');
  machine.kernel.memory.view.setUint32(Number(active - 0xffff_8880_0000_0000n), 1, true);
  machine.run(task);
  assert.equal([program.runs, program.misses], [0, 1]);
  assert.equal(machine.notes(), []);
});

/** Little-endian text of `size` bytes at `offset`. */
const text = (note: Note, offset: number, size: number): string =>
  new TextDecoder().decode(note.bytes.subarray(offset, offset + size)).replace(/\0.*$/s, '');
const int = (note: Note, offset: number): number => new DataView(note.bytes.buffer).getInt32(offset, true);

/** fork; the child exits with 3, the parent waits for it and exits with 0 */
const forkAndWait = `
	mov $57, %eax
	syscall
	test %eax, %eax
	je 1f
	mov %eax, %edi
	xor %esi, %esi
	xor %edx, %edx
	xor %r10d, %r10d
	mov $61, %eax
	syscall
${exit(0)}
1:
${exit(3)}`;

test('fork and exit: the parent sees the fork, each task its own end', () => {
  const machine = createTracingMachine();
  const program = machine.program('note');
  for (const name of ['sched_process_fork', 'sched_process_exit']) machine.trace(`sched:${name}`, program);
  const task = machine.task(tinyProgram(forkAndWait), 'forker');
  assert.is(machine.run(task), 'done');
  const [fork, first, second, ...rest] = machine.notes();
  assert.equal(rest, []);
  assert.equal([text(fork!, 8, 16), int(fork!, 24), text(fork!, 28, 16)], ['forker', task.pid, 'forker']);
  const child = int(fork!, 44);
  assert.is(fork!.pid, task.pid, 'in the context of the parent');
  assert.equal([text(first!, 8, 16), int(first!, 24), int(first!, 28)], ['forker', child, 120]);
  assert.is(first!.pid, child, 'in the context of the one that exits');
  assert.equal([int(second!, 24), second!.pid], [task.pid, task.pid]);
});

test('a fatal signal is an exit too, shown by whoever runs next on the CPU', () => {
  const machine = createTracingMachine();
  machine.trace('sched:sched_process_exit', machine.program('note'));
  // the child loads from address 0
  const source = forkAndWait.replace('1:\n', '1:\n\tmov 0, %rax\n');
  const task = machine.task(tinyProgram(source));
  assert.is(machine.run(task), 'done');
  const notes = machine.notes();
  assert.is(notes.length, 2);
  assert.is(int(notes[0]!, 24), task.pid + 1);
  assert.is(notes[0]!.pid, task.pid);
});

test('sched_switch: from the one that sleeps to the next, and what it was doing', () => {
  const machine = createTracingMachine();
  machine.trace('sched:sched_switch', machine.program('note'));
  const task = machine.task(tinyProgram(forkAndWait), 'switcher');
  assert.is(machine.run(task), 'done');
  const switches = machine.notes().map((note) => ({
    prev: [text(note, 8, 16), int(note, 24), Number(note.words[4])],
    next: [text(note, 40, 16), int(note, 56)],
  }));
  const child = task.pid + 1;
  assert.equal(switches, [
    { prev: ['swapper/0', 0, 0], next: ['switcher', task.pid] },
    { prev: ['switcher', task.pid, 1], next: ['switcher', child] },
    { prev: ['switcher', child, 16], next: ['switcher', task.pid] },
  ]);
});

test("sched_wakeup: the parent that waits is woken by its child's end", () => {
  const machine = createTracingMachine();
  machine.trace('sched:sched_wakeup', machine.program('note'));
  const task = machine.task(tinyProgram(forkAndWait), 'waiter');
  assert.is(machine.run(task), 'done');
  const woken = machine.notes().map((note) => [text(note, 8, 16), int(note, 24), int(note, 28), int(note, 32)]);
  assert.equal(woken, [['waiter', task.pid, 120, 0]]);
});

/** execve of the path in the buffer, with neither arguments nor environment */
const execSource = `
	movabs $0x7365742f6e69622f, %rax
	mov %rax, buffer
	movw $0x74, buffer+8
	mov $buffer, %edi
	xor %esi, %esi
	xor %edx, %edx
	mov $59, %eax
	syscall
${exit(9)}`;

test('sched_process_exec: the path, and sys_exit_execve in the new program', () => {
  const machine = createTracingMachine();
  const program = machine.program('note');
  for (const name of ['sched:sched_process_exec', 'syscalls:sys_exit_execve']) machine.trace(name, program);
  writeFile(machine.kernel, '/bin/test', tinyProgram(exit(4)), 0o755);
  const task = machine.task(tinyProgram(execSource), 'before');
  assert.is(machine.run(task), 'done');
  assert.is(task.exitStatus, 4 << 8);
  const [exec, left, ...rest] = machine.notes();
  assert.equal(rest, []);
  assert.equal([int(exec!, 8) & 0xffff, int(exec!, 8) >> 16, int(exec!, 12)], [20, 10, task.pid]);
  assert.is(text(exec!, 20, 10), '/bin/test');
  assert.equal(record(left!, 2), [59n, 0n]);
});

test('every event closed: nothing is left behind', () => {
  const machine = createTracingMachine();
  const { kernel } = machine;
  const program = machine.program('note');
  const blocks = kernel.heap.blocks;
  const events = [...kernel.perf.tracepoints.values()].map(({ category, name }) =>
    machine.trace(`${category}:${name}`, program),
  );
  for (const { id } of events) putEvent(kernel, id);
  assert.is(kernel.perf.calls.size + kernel.bpf.events.size, 0);
  assert.is(program.references, 1);
  assert.is(kernel.heap.blocks, blocks);
  machine.run(machine.task(tinyProgram(call(DUP, 1) + exit(0))));
  assert.is(program.runs, 0);
});

test('a Rust program on a tracepoint, attached by the host, until it is detached; a restored snapshot goes on the same', async () => {
  const box = await Box.boot({ memory: 32 << 20 });
  box.files.write('/bin/dup', tinyProgram(call(DUP, 1) + exit(0)));
  const program = box.rex.load(readRepositoryFile('samples/hello/hello.rex')).program('rex_prog1');
  assert.throws(
    () => program.attachTracepoint('syscalls/sys_enter_dupp'),
    (error: unknown) =>
      error instanceof BoxError && /ENOENT/.test(error.message) && /sys_enter_dup/.test(error.message),
  );
  const link = program.attachTracepoint('syscalls/sys_enter_dup');
  const run = (): number => {
    box.run({ until: box.spawn('/bin/dup') });
    return box.tracePipe.length;
  };
  assert.is(run(), 1);
  assert.match(box.tracePipe[0]!, /dup-\d+ .*\[hello::rex_prog1\] Rust triggered from PID \d+ on CPU 0\./);
  assert.is(run(), 2);
  const second = box.tracePipe[1];
  const snapshot = box.snapshot();
  assert.is(run(), 3);
  const third = box.tracePipe[2];
  box.restore(snapshot);
  assert.equal([run(), box.tracePipe[1], box.tracePipe[2]], [3, second, third]);
  link.detach();
  assert.is(run(), 3);
});

test.run();

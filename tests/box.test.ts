/** The public API: what a test of an extension is written with. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createFreezer, createThawer, freeze, thaw } from '../box/frozen.ts';
import { readHostFile } from '../box/host-files.ts';
import { registerNames } from '../cpu/state.ts';
import { Box, BoxError, CloneError, MachineError, MemorySizeError, type KernelEvent } from '../index.ts';
import { bootSample } from './support/samples.ts';
import { catSource, exit, tinyProgram } from './support/tiny-program.ts';

const program = (name: string): Uint8Array => readHostFile(new URL(`programs/bin/${name}`, import.meta.url));
const sampleFile = (path: string): Uint8Array => readHostFile(new URL(`../samples/${path}`, import.meta.url));

/** smallest machine: copying and hashing it is quick */
const SMALL = 16 << 20;

const isRefusal =
  (...words: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof BoxError && words.every((word) => error.message.includes(word));

const registersOf = (box: Box): string =>
  box.kernel.cpus
    .map((_, cpu) => {
      const registers = box.registers(cpu);
      return [...registerNames, 'rip', 'rflags', 'fsBase', 'gsBase']
        .map((name) => registers[name as 'rip'].toString(16))
        .join(' ');
    })
    .join('\n');

const memoryHash = (box: Box): string => createHash('sha256').update(box.kernel.memory.bytes).digest('hex');

const lines = (events: readonly KernelEvent[]): string[] =>
  events.map((event) =>
    JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
  );

test('a program runs to its end', async () => {
  const box = await Box.boot();
  box.files.write('/bin/hello', program('hello'));
  const process = box.spawn('/bin/hello');
  const result = box.run({ until: process });
  assert.is(result.reason, 'exited');
  assert.is(result.exitCode, 0);
  assert.is(result.signal, undefined);
  assert.is(result.stdout.text, 'hello, world: -42 0xbeef\n');
  assert.is(result.stderr.text, '');
  assert.is(result.instructions, box.instructions);
});

test('arguments and environment arrive as bytes', async () => {
  const box = await Box.boot();
  box.files.write('/bin/args', program('args'));
  const process = box.spawn('/bin/args', ['ä', ''], { env: { A: '1' }, argv0: 'me' });
  const { stdout } = box.run({ until: process });
  assert.match(stdout.text, 'argv[0] = me\nargv[1] = ä\nargv[2] = \nenvp[0] = A=1\n');
});

test('files are written, replaced and read', async () => {
  const box = await Box.boot({ memory: SMALL });
  box.files.write('/a/b/c', 'one');
  box.files.write('/a/b/c', Uint8Array.of(1, 2));
  assert.equal(box.files.read('/a/b/c'), Uint8Array.of(1, 2));
  assert.is(box.files.read('/a/b/d'), undefined);
  assert.throws(() => box.files.write('/a/b', 'x'), isRefusal('write /a/b', 'EISDIR'));
  assert.match(new TextDecoder().decode(box.files.read('/proc/cpuinfo') ?? new Uint8Array(0)), 'processor');
});

test('what cannot be spawned is refused with its errno, and leaves no task', async () => {
  const box = await Box.boot({ memory: SMALL });
  box.files.write('/text', 'not a program');
  assert.throws(() => box.spawn('/none'), isRefusal('spawn /none', 'ENOENT'));
  assert.throws(() => box.spawn('/text'), isRefusal('spawn /text', 'ENOEXEC'));
  assert.is(box.kernel.tasks.size, 0);
  assert.is(box.run().reason, 'idle');
});

test('options out of range are typed errors', async () => {
  const refused: readonly (readonly [Parameters<typeof Box.boot>[0], new () => Error])[] = [
    [{ cpus: 0 }, MachineError as never],
    [{ cpus: 1.5 }, MachineError as never],
    [{ cpus: 65 }, MachineError as never],
    [{ seed: 0.5 }, MachineError as never],
    [{ memory: 1 }, MemorySizeError as never],
    [{ memory: NaN }, MemorySizeError as never],
  ];
  for (const [options, kind] of refused) {
    // oxlint-disable-next-line no-await-in-loop
    const error: unknown = await Box.boot(options).catch((reason: unknown) => reason);
    assert.instance(error, kind);
  }
  const box = await Box.boot({ memory: SMALL });
  assert.throws(() => box.run({ budget: -1 }), isRefusal('budget', '-1'));
  assert.throws(() => box.step(0.5), isRefusal('step', '0.5'));
  assert.throws(() => box.registers(1), isRefusal('registers', '1'));
  assert.throws(() => box.readMemory(0n, -1), isRefusal('readMemory', '-1'));
});

test('a run stops at its budget and goes on', async () => {
  const { box, process } = await bootSample('error_injector');
  const first = box.run({ until: process, budget: 1234 });
  assert.is(first.reason, 'budget');
  assert.is(first.instructions, 1234);
  assert.is(first.exitCode, undefined);
  assert.is(box.run({ until: process }).reason, 'exited');
});

test('step executes one instruction', async () => {
  const { box } = await bootSample('error_injector');
  const first = box.step();
  assert.equal(first, { reason: 'stepped', instructions: 1, cpu: 0, pid: 1 });
  assert.match(box.symbols.describe(box.registers().rip) ?? '', 'ret_from_fork_asm+0x2/');
  assert.is(box.step(99).instructions, 99);
  assert.is(box.instructions, 100);
});

test('the first injected error: events, output, log', async () => {
  const { box, process } = await bootSample('error_injector');
  const seen: KernelEvent[] = [];
  const stop = box.on((event) => seen.push(event));
  const result = box.run({ until: process });
  stop();
  assert.is(result.exitCode, 0);
  assert.is(result.stderr.text, 'dup: Invalid argument\n');
  assert.is(result.stdout.text, 'dup: success\n');
  const injected = seen.filter((event) => event.type === 'syscall').filter((event) => event.injected);
  assert.equal(
    injected.map(({ text }) => text),
    ['dup(0) = -1 EINVAL (Invalid argument)'],
  );
  const hits = seen.filter((event) => event.type === 'kprobe');
  assert.equal(
    hits.map(({ symbol, overridden }) => [symbol, overridden]),
    [
      ['__x64_sys_dup', true],
      ['__x64_sys_dup', false],
    ],
  );
  assert.match(box.kernelLog[0] ?? '', /^\[ {4}0\.000000\]\[ {4}T0\] Linux version /);
  assert.equal(lines(box.events.slice(-seen.length)), lines(seen));
});

test('the same box twice is the same, event by event and byte by byte', async () => {
  for (const options of [{ memory: SMALL }, { memory: SMALL, cpus: 3, seed: 7 }]) {
    const runs = [];
    for (let n = 0; n < 2; n++) {
      // oxlint-disable-next-line no-await-in-loop
      const { box, process } = await bootSample('panic', [], options);
      const { instructions } = box.run({ until: process });
      runs.push({ instructions, events: lines(box.events), registers: registersOf(box), memory: memoryHash(box) });
    }
    assert.equal(runs[0], runs[1]);
  }
});

test('observing system calls changes nothing', async () => {
  const runs = [];
  for (const recordSyscalls of [true, false]) {
    // oxlint-disable-next-line no-await-in-loop
    const { box, process } = await bootSample('error_injector', [], { recordSyscalls, memory: SMALL });
    const { instructions } = box.run({ until: process });
    runs.push({ instructions, registers: registersOf(box), memory: memoryHash(box) });
  }
  assert.equal(runs[0], runs[1]);
});

test('a seed is all the randomness there is', async () => {
  const hash = async (seed: number): Promise<string> => {
    const { box, process } = await bootSample('error_injector', [], { seed, memory: SMALL });
    box.run({ until: process });
    return memoryHash(box);
  };
  assert.is.not(await hash(1), await hash(2));
});

for (const cpus of [1, 2]) {
  test(`restore goes back in time, ${cpus} CPUs`, async () => {
    const { box, process } = await bootSample('error_injector', [], { cpus, memory: SMALL });
    box.run({ until: process, budget: 60_000 });
    const mark = box.snapshot();
    const state = () => ({
      events: lines(box.events),
      registers: registersOf(box),
      memory: memoryHash(box),
      log: box.kernelLog,
    });
    const then = state();
    // to where the program is attached and has injected its error
    const futures = [1, 2, 3].map(() => {
      box.restore(mark);
      assert.equal(state(), then);
      const outcome = box.run({ until: process });
      return { ...state(), outcome: [outcome.reason, outcome.instructions, outcome.exitCode, outcome.stderr.text] };
    });
    assert.is(futures[0]!.outcome[0], 'exited');
    assert.equal(futures[1], futures[0]);
    assert.equal(futures[2], futures[0]);
  });
}

test('a snapshot of another machine is refused', async () => {
  const [one, two] = await Promise.all([Box.boot({ memory: SMALL }), Box.boot({ memory: 32 << 20 })]);
  assert.throws(() => one.restore(two.snapshot()), isRefusal('restore'));
});

/** A deep copy, by way of what a snapshot keeps. */
const clone = <Value>(value: Value, name: string): Value =>
  thaw(createThawer(new Map()), freeze(createFreezer(new Map()), name, value)) as Value;

test('a snapshot keeps what is shared shared, and names what is not plain data', () => {
  const buffer = new ArrayBuffer(16);
  const shared = {
    bytes: new Uint8Array(buffer, 4, 8),
    words: new Uint32Array(buffer, 4, 2),
    view: new DataView(buffer, 8),
  };
  const original = { a: shared, b: [shared], map: new Map([[1n, shared]]), holes: [1, , 3] }; // oxlint-disable-line no-sparse-arrays
  const copy = clone(original, 'it');
  assert.is(copy.a, copy.b[0]);
  assert.is(copy.a, copy.map.get(1n));
  assert.is.not(copy.a, original.a);
  copy.a.bytes[4] = 9;
  assert.is(copy.a.words[1], 9);
  assert.is(copy.a.view.getUint8(0), 9);
  assert.is(shared.bytes[4], 0);
  assert.is(1 in copy.holes, false);
  const refuse = (value: unknown, what: RegExp): void =>
    assert.throws(
      () => clone(value, 'it'),
      (error: unknown) => error instanceof CloneError && what.test(error.message),
    );
  refuse({ deep: [() => 1] }, /^it\.deep\.0: got a function/);
  refuse({ when: new Date(0) }, /^it\.when: got a Date/);
});

test('memory is read through page tables, and what is not mapped is not', async () => {
  const { box, process } = await bootSample('error_injector');
  const text = box.symbols.lookup('entry_SYSCALL_64')!;
  assert.equal(box.readMemory(text, 3), Uint8Array.of(0x0f, 0x01, 0xf8)); // swapgs
  assert.equal(box.readMemory(0x400000n, 4, { pid: process.pid }), Uint8Array.of(0x7f, 0x45, 0x4c, 0x46));
  for (const address of [0n, 0x400000n, 0xffff_ffff_ffff_ffffn, -1n, 1n << 70n]) {
    assert.is(box.readMemory(address, 8), undefined, `${address}`);
  }
  assert.is(box.readMemory(0x10n, 8, { pid: process.pid }), undefined);
  assert.is(box.readMemory(0x400000n, 8, { pid: 99 }), undefined);
});

test('standard input: bytes, or a source that is asked when a program waits', async () => {
  const chunks = ['one\n', 'two\n'];
  const asked: string[] = [];
  const source = (): Uint8Array | undefined => {
    const text = chunks.shift();
    asked.push(text ?? 'end');
    return text === undefined ? undefined : new TextEncoder().encode(text);
  };
  const rows = [
    ['typed', 'typed'],
    [new Uint8Array(10_000).fill(65), 'A'.repeat(10_000)],
    [source, 'one\ntwo\n'],
    [undefined, ''],
  ] as const;
  for (const [stdin, expected] of rows) {
    // oxlint-disable-next-line no-await-in-loop
    const box = await Box.boot({ memory: SMALL });
    box.files.write('/bin/cat', tinyProgram(catSource()));
    const process = box.spawn('/bin/cat', [], stdin === undefined ? {} : { stdin });
    const result = box.run({ until: process });
    assert.equal([result.stdout.text, result.exitCode], [expected, 7]);
  }
  assert.equal(asked, ['one\n', 'two\n', 'end']);
});

test('processes that wait for ever are idle, and a signal that ends one is named', async () => {
  const box = await Box.boot({ memory: SMALL });
  box.files.write('/bin/pause', tinyProgram('\tmov $34, %eax\n\tsyscall\n'));
  box.files.write('/bin/trap', tinyProgram('\tud2\n'));
  const trap = box.run({ until: box.spawn('/bin/trap') });
  assert.equal([trap.exitCode, trap.signal, trap.shellStatus], [undefined, 'SIGILL', 132]);
  const waiting = box.run({ until: box.spawn('/bin/pause') });
  assert.equal([waiting.reason, waiting.exitCode, waiting.signal], ['idle', undefined, undefined]);
});

test('a Rex object is loaded, attached and used by the host', async () => {
  const box = await Box.boot();
  box.files.write('/userapp', sampleFile('error_injector/userapp'));
  const extension = box.rex.load(sampleFile('error_injector/error_injector.rex'));
  assert.equal([extension.programs, extension.maps], [['err_injector'], ['pid_to_errno']]);
  const link = extension.program('err_injector').attachKsyscall('dup');
  const run = (before: (pid: number) => void): string => {
    const process = box.spawn('/userapp', ['dup']);
    before(process.pid);
    const { stderr, stdout } = box.run({ until: process });
    return stderr.text + stdout.text;
  };
  const map = extension.map('pid_to_errno');
  assert.is(
    run((pid) => map.update(pid, -13n)),
    'dup: Permission denied\n',
  );
  assert.is(
    run(() => undefined),
    'dup: success\n',
  );
  const [key] = map.keys();
  assert.is(map.lookupNumber(key!), 0xffff_ffff_ffff_fff3n);
  assert.is(map.delete(key!), true);
  assert.is(map.delete(key!), false);
  assert.is(map.lookup(key!), undefined);
  assert.is(
    run((pid) => map.update(pid, -1)),
    'dup: Operation not permitted\n',
  );
  link.detach();
  link.detach();
  assert.is(
    run(() => undefined),
    'dup: success\n',
  );
  extension.unload();
  assert.is(box.kernel.bpf.programs.size, 0);
  assert.is(box.kernel.bpf.maps.size, 0);
  assert.is(box.kernel.kprobes.probes.size, 0);
  assert.throws(() => map.lookup(1), isRefusal('pid_to_errno', 'EBADF'));
});

test('what the host asks of Rex and is not there is named', async () => {
  const box = await Box.boot();
  assert.throws(() => box.rex.load(Uint8Array.of(1, 2, 3)), isRefusal('not a Rex object'));
  assert.throws(() => box.rex.load(program('hello')), isRefusal('not a Rex object'));
  const extension = box.rex.load(sampleFile('error_injector/error_injector.rex'));
  const injector = extension.program('err_injector');
  assert.throws(() => extension.program('err_injektor'), isRefusal('did you mean err_injector?'));
  assert.throws(() => extension.map('x'), isRefusal('no map "x"', 'pid_to_errno'));
  assert.throws(
    () => injector.attachKsyscall('dupp'),
    isRefusal('__x64_sys_dupp', 'ENOENT', 'did you mean __x64_sys_dup'),
  );
  assert.throws(() => injector.attachKprobe('__x64_sys_dup', 2), isRefusal('__x64_sys_dup+2', 'EILSEQ'));
  const map = extension.map('pid_to_errno');
  assert.throws(() => map.update(Uint8Array.of(1), 1), isRefusal('key', 'got 1 bytes, expected 4'));
  assert.throws(() => map.update(1n << 40n, 1), isRefusal('key', '4 bytes'));
  assert.throws(() => map.update(1, 1, 2), isRefusal('update', 'ENOENT'));
  assert.throws(() => map.update(0.5, 1), isRefusal('key', '0.5'));
});

test('trace_pipe holds what programs print', async () => {
  const { box, process } = await bootSample('panic', ['none']);
  box.run({ until: process });
  assert.match(box.tracePipe.join('\n'), /userapp-\d+ .*bpf_trace_printk: .*pid \d+: no panic in call 1/);
});

/** nanosleep of one second, then exit_group(3) */
const sleeper = `
	movq $1, buffer
	mov $buffer, %edi
	xor %esi, %esi
	mov $35, %eax
	syscall
${exit(3)}`;

test('a run stops when all is quiet, when guest time has gone by, or at the end', async () => {
  const box = await Box.boot();
  box.files.write('/bin/sleeper', tinyProgram(sleeper));
  const process = box.spawn('/bin/sleeper');
  const asleep = box.run({ until: process, quiet: true });
  assert.is(asleep.reason, 'quiet');
  assert.ok(asleep.instructions > 0);
  assert.is(box.run({ until: process, time: 1_000_000 }).reason, 'time');
  const { reason, exitCode } = box.run({ until: process, time: 2_000_000_000 });
  assert.equal([reason, exitCode], ['exited', 3]);
  assert.throws(() => box.run({ time: -1 }), isRefusal('time'));
});

test('a signal from outside', async () => {
  const box = await Box.boot();
  box.files.write('/bin/sleeper', tinyProgram(sleeper));
  const process = box.spawn('/bin/sleeper');
  box.run({ until: process, quiet: true });
  assert.throws(() => box.signal(process, 'SIGNOTHING'), isRefusal('SIGNOTHING'));
  box.signal(process, 'SIGTERM');
  assert.is(box.run({ until: process }).signal, 'SIGTERM');
  box.signal(process, 'SIGTERM');
});

test.run();

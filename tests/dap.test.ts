/** The debug adapter with the protocol's own test client: Rust lines, the kernel and back, as an editor drives it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { engineNames } from '../cpu/engine.ts';
import { encodeFrame, RequestError, type LaunchConfiguration } from '../debugger/dap/index.ts';
import { openDebugger } from '../debugger/debugger.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import { Box } from '../index.ts';
import { withClient, withLaunched, type Driver } from './support/dap-client.ts';
import { within } from './support/loopback.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const MAIN = `${root}samples/error_injector/main.rs`;
const USERAPP = `${root}samples/error_injector/userapp.c`;

type Answer = { readonly breakpoints: readonly DebugProtocol.Breakpoint[] };

const setLines = (driver: Driver, path: string, lines: readonly number[]): Promise<Answer> =>
  driver.request('setBreakpoints', { source: { path }, breakpoints: lines.map((line) => ({ line })) });
const setFunctions = (driver: Driver, ...names: readonly string[]): Promise<Answer> =>
  driver.request('setFunctionBreakpoints', { breakpoints: names.map((name) => ({ name })) });

const littleEndian = (data: string): bigint => Buffer.from(data, 'base64').readBigUInt64LE();

/** A program of the host in the place of a sample. */
const launchProgram = (source: string) => async () => {
  const box = await Box.boot({ memory: 16 << 20, history: true });
  box.files.write('/bin/program', tinyProgram(source));
  const process = box.spawn('/bin/program');
  return { debugger: await openDebugger(box, { ...packageSources, process }), process };
};

test('from the dispatcher through the Rust program back to the system call, and to the end', async () => {
  await withLaunched({ sample: 'error_injector' }, async (driver, entry) => {
    assert.is(entry.reason, 'entry');
    const pending = await setLines(driver, MAIN, [19]);
    assert.equal(
      pending.breakpoints.map(({ verified, line }) => [verified, line]),
      [[false, 19]],
    );
    const [dispatcher] = (await setFunctions(driver, 'rex_dispatcher_func')).breakpoints;
    assert.ok(dispatcher!.verified);

    const atDispatcher = await driver.move('continue');
    assert.is(atDispatcher.reason, 'function breakpoint');
    assert.equal(atDispatcher.hit, [dispatcher!.id]);
    assert.is(atDispatcher.top.name, '[dispatcher] rex_dispatcher_func');
    assert.is(atDispatcher.top.source!.path, `${root}kernel/rex-dispatcher/rex_64.S`);
    assert.is(atDispatcher.top.line, 9);
    const names = atDispatcher.frames.map(({ name }) => name);
    for (const name of ['[kprobe] __x64_sys_dup', '__x64_sys_dup', '[syscall] dup(0)', '[user] main']) {
      assert.ok(names.includes(name), `${name} among ${names.join(', ')}`);
    }
    // the library is loaded by now, and the client was told
    const changed = driver.events.filter(({ event }) => event === 'breakpoint');
    assert.equal(
      changed.map(({ body }: { body: { reason: string; breakpoint: DebugProtocol.Breakpoint } }) => [
        body.reason,
        body.breakpoint.id,
        body.breakpoint.verified,
      ]),
      [['changed', pending.breakpoints[0]!.id, true]],
    );

    const atLine = await driver.move('continue');
    assert.is(atLine.reason, 'breakpoint');
    assert.equal(atLine.hit, [pending.breakpoints[0]!.id]);
    // what is inlined is a frame of its own
    assert.match(atLine.frames[0]!.name, /^and_then<.*\(inlined\)$/);
    assert.match(atLine.frames[1]!.name, /err_injector$/);
    assert.is(atLine.frames[1]!.source!.path, MAIN);
    assert.is(atLine.frames[1]!.line, 19);
    assert.is(atLine.frames[0]!.instructionPointerReference, atLine.frames[1]!.instructionPointerReference);
    assert.ok(atLine.frames.some(({ name }) => name === '[program] err_injector'));

    // a line in Rust, and all the way back
    await setLines(driver, MAIN, []);
    const next = await driver.move('next', { granularity: 'line' });
    assert.is(next.reason, 'step');
    assert.ok(Number(await driver.evaluate('instruction').then(firstNumber)) > 0);
    const back = await driver.move('reverseContinue');
    assert.equal(back.hit, [dispatcher!.id]);
    const inKernel = await setFunctions(driver, 'rex_dispatcher_func', 'syscall dup');
    const atSyscall = await driver.move('reverseContinue');
    assert.equal(atSyscall.hit, [inKernel.breakpoints[1]!.id]);
    assert.is(atSyscall.top.name, '[syscall] dup(0)');
    assert.is(await driver.evaluate('rax'), '0x20 (32)');

    // struct pt_regs, once the entry code has filled it
    const handler = await setFunctions(driver, '__x64_sys_dup');
    assert.equal((await driver.move('continue')).hit, [handler.breakpoints[0]!.id]);
    const { stackFrames } = await driver.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', {
      threadId: atSyscall.thread,
    });
    const registers = await driver.variables(await driver.scope(stackFrames[0]!.id, 'pt_regs of the user program'));
    const field = (name: string): DebugProtocol.Variable => registers.find((each) => each.name === name)!;
    assert.is(field('orig_ax').value, '0x20 (32)');
    assert.is(field('ax').value, '0xffffffffffffffda (-38)');
    const memory = await driver.request<{ data: string }>('readMemory', {
      memoryReference: field('orig_ax').memoryReference,
      count: 8,
    });
    assert.is(littleEndian(memory.data), 32n);

    await setFunctions(driver, 'just_return_func');
    assert.is((await driver.move('continue')).top.name, 'just_return_func');
    assert.match(await driver.evaluate('i32(rax)'), /^-22$/);
    await setFunctions(driver);
    const ended = await driver.awaiting<{ exitCode: number }>('exited', 'continue');
    assert.is(ended.exitCode, 0);
    assert.match(driver.output('stderr'), /^dup: Invalid argument\n/);
    assert.match(driver.output('console'), /Linux version .*\n/);
  });
});

const firstNumber = (text: string): string => /^(?:0x[0-9a-f]+|-?\d+)/.exec(text)?.[0] ?? '';

test('the value of a map is watched, and found again backwards', async () => {
  await withLaunched({ sample: 'error_injector' }, async (driver) => {
    await setFunctions(driver, 'rex_dispatcher_func');
    const stopped = await driver.move('continue');
    const maps = await driver.variables(await driver.scope(stopped.top.id, 'Maps'));
    const map = maps.find(({ name }) => name === 'pid_to_errno')!;
    assert.match(map.value, /^hash, key 4, value 8/);
    const elements = await driver.variables(map.variablesReference, { filter: 'indexed', start: 0, count: 100 });
    assert.equal(
      elements.map(({ name, value }) => [name, value]),
      [['[2]', '-22']],
    );
    assert.equal(await driver.variables(map.variablesReference, { start: 1 }), []);
    const info = await driver.request<DebugProtocol.DataBreakpointInfoResponse['body']>('dataBreakpointInfo', {
      variablesReference: map.variablesReference,
      name: '[2]',
    });
    assert.is(info.dataId, `${elements[0]!.memoryReference}:8`);
    assert.equal(info.accessTypes, ['read', 'write', 'readWrite']);
    await setFunctions(driver);
    const answer = await driver.request<Answer>('setDataBreakpoints', {
      breakpoints: [{ dataId: info.dataId, accessType: 'read' }],
    });
    assert.ok(answer.breakpoints[0]!.verified);
    const read = await driver.move('continue');
    assert.is(read.reason, 'data breakpoint');
    assert.equal(read.hit, [answer.breakpoints[0]!.id]);
    await driver.request('setDataBreakpoints', { breakpoints: [{ dataId: info.dataId, accessType: 'write' }] });
    const written = await driver.move('reverseContinue');
    assert.is(written.reason, 'data breakpoint');
    // by the loader's bpf(2)
    assert.match(written.frames.map(({ name }) => name).join(), /\[syscall\] bpf\(BPF_MAP_UPDATE_ELEM/);
    await driver.request('setDataBreakpoints', { breakpoints: [] });
    const beginning = await driver.move('reverseContinue');
    assert.match(beginning.text, /beginning/);
    assert.is(await driver.evaluate('instruction'), '0');
  });
});

test('instructions: steps, steps back, disassembly, breakpoints', async () => {
  await withLaunched({ sample: 'error_injector' }, async (driver) => {
    await setFunctions(driver, 'rex_dispatcher_func');
    const start = await driver.move('continue');
    const places: string[] = [start.top.instructionPointerReference!];
    const byInstruction = { granularity: 'instruction' };
    for (let n = 0; n < 12; n++) {
      // one after the other is what is tested
      // oxlint-disable-next-line no-await-in-loop
      places.push((await driver.move('stepIn', byInstruction)).top.instructionPointerReference!);
    }
    for (const place of places.toReversed().slice(1)) {
      // oxlint-disable-next-line no-await-in-loop
      assert.is((await driver.move('stepBack', byInstruction)).top.instructionPointerReference, place);
    }
    const disassemble = async (reference: string, instructionOffset: number, instructionCount: number) =>
      (
        await driver.request<{ instructions: DebugProtocol.DisassembledInstruction[] }>('disassemble', {
          memoryReference: reference,
          instructionOffset,
          instructionCount,
        })
      ).instructions;
    const around = await disassemble(places[0]!, -40, 80);
    assert.is(around.length, 80);
    assert.is(around[40]!.address, places[0]);
    assert.is(around[40]!.symbol, 'rex_dispatcher_func');
    assert.is(around[40]!.instruction, 'push %rbp');
    assert.is(around[40]!.location!.path, `${root}kernel/rex-dispatcher/rex_64.S`);
    // wherever one begins in it, the same instructions
    for (const [offset, count] of [
      [-40, 10],
      [-13, 13],
      [-1, 2],
      [0, 40],
      [5, 20],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop
      const part = await disassemble(places[0]!, offset, count);
      assert.equal(part, around.slice(40 + offset, 40 + offset + count), `${offset} ${count}`);
    }
    const nowhere = await disassemble('0x10', -2, 5);
    assert.equal(
      nowhere.map(({ address, presentationHint }) => [address, presentationHint]),
      ['0xe', '0xf', '0x10', '0x11', '0x12'].map((address) => [address, 'invalid']),
    );
    const third = around[43]!;
    const answer = await driver.request<Answer>('setInstructionBreakpoints', {
      breakpoints: [{ instructionReference: places[0], offset: Number(BigInt(third.address) - BigInt(places[0]!)) }],
    });
    const hit = await driver.move('continue');
    assert.is(hit.reason, 'instruction breakpoint');
    assert.equal(hit.hit, [answer.breakpoints[0]!.id]);
    assert.is(hit.top.instructionPointerReference, third.address);
  });
});

test('lines without code move to the next that has some; conditions and hits count', async () => {
  await withLaunched({ sample: 'error_injector' }, async (driver) => {
    await setLines(driver, MAIN, [10]);
    await setFunctions(driver, 'syscall dup');
    await driver.move('continue');
    const [moved] = (await setLines(driver, MAIN, [10])).breakpoints;
    assert.ok(moved!.verified && moved!.line! > 10, JSON.stringify(moved));
    const [user] = (await setLines(driver, USERAPP, [57])).breakpoints;
    assert.ok(user!.verified);
    await setLines(driver, USERAPP, []);
    const assembly = `${root}kernel/rex-dispatcher/rex_64.S`;
    const [entry] = (await setLines(driver, assembly, [9])).breakpoints;
    assert.is(BigInt(entry!.instructionReference!), BigInt(firstNumber(await driver.evaluate('rex_dispatcher_func'))));
    await setFunctions(driver);
    const atEntry = await driver.move('continue');
    assert.equal(atEntry.hit, [entry!.id]);
    // a source without a file is known by its number
    const vectors = atEntry.frames.find(({ source }) => (source?.sourceReference ?? 0) > 0)!;
    const generated = await driver.request<Answer>('setBreakpoints', {
      source: vectors.source,
      breakpoints: [{ line: vectors.line }],
    });
    assert.ok(generated.breakpoints[0]!.verified, JSON.stringify(generated));
    await driver.request('setBreakpoints', { source: vectors.source, breakpoints: [] });
    await setLines(driver, assembly, []);
    const atMoved = await driver.move('continue');
    assert.equal(atMoved.hit, [moved!.id]);
    assert.is(atMoved.frames.find(({ source }) => source?.path === MAIN)!.line, moved!.line);
    await setLines(driver, MAIN, []);
    const functions = await driver.request<Answer>('setFunctionBreakpoints', {
      breakpoints: [
        { name: 'entry_SYSCALL_64', condition: 'rax == 231' },
        { name: 'entry_SYSCALL_64', hitCondition: '>= 1000000' },
        { name: 'entry_SYSCALL_64', hitCondition: 'often' },
        { name: 'entry_SYSCALL_64', condition: 'rax ==' },
        { name: 'rex_dispatcher_fun' },
      ],
    });
    assert.equal(
      functions.breakpoints.map(({ verified }) => verified),
      [true, true, false, false, false],
    );
    assert.match(functions.breakpoints[2]!.message!, /hit condition "often"/);
    assert.match(functions.breakpoints[4]!.message!, /rex_dispatcher_func/);
    assert.match((await driver.move('continue')).top.name, /\[syscall\] exit_group\(/);
  });
});

test('a panic: exception filters, what is said of them, sources that the kernel prints', async () => {
  await withLaunched({ sample: 'panic' }, async (driver) => {
    const answer = await driver.request<Answer>('setExceptionBreakpoints', {
      filters: ['panic', 'nonsense'],
      filterOptions: [{ filterId: 'landing-pad' }, { filterId: 'syscall', condition: 'rax == 999' }],
    });
    assert.equal(
      answer.breakpoints.map(({ verified }) => verified),
      [true, false, true, true],
    );
    const panic = await driver.move('continue');
    assert.is(panic.reason, 'exception');
    assert.equal(panic.hit, [answer.breakpoints[0]!.id]);
    const info = await driver.request<DebugProtocol.ExceptionInfoResponse['body']>('exceptionInfo', {
      threadId: panic.thread,
    });
    assert.is(info.exceptionId, 'Rex panic');
    const inRust = panic.frames.find(({ source }) => source?.path === `${root}samples/panic/main.rs`);
    assert.ok(inRust !== undefined, panic.frames.map(({ name }) => name).join(', '));
    const generated = panic.frames.find(({ source }) => (source?.sourceReference ?? 0) > 0)!;
    const { content } = await driver.request<{ content: string }>('source', {
      source: generated.source,
      sourceReference: generated.source!.sourceReference,
    });
    const line = content.split('\n')[generated.line - 1]!;
    assert.match(line, /\w/);
    const onDisk = panic.frames.find(({ source }) => source?.path?.endsWith('.S'))!;
    assert.match(readFileSync(onDisk.source!.path!, 'utf8').split('\n')[onDisk.line - 1]!, /\w/);
    const pad = await driver.move('continue');
    assert.equal(pad.hit, [answer.breakpoints[2]!.id]);
    assert.match(driver.output('console'), /rex: panicked at samples\/panic\/main\.rs:/);
  });
});

test('registers, flags, memory and elements of maps are set; the console has commands', async () => {
  await withLaunched({ sample: 'error_injector' }, async (driver) => {
    await setFunctions(driver, 'rex_dispatcher_func');
    const { top, thread } = await driver.move('continue');
    const registers = await driver.scope(top.id, 'Registers');
    const set = async (reference: number, name: string, value: string): Promise<string> =>
      (await driver.request<{ value: string }>('setVariable', { variablesReference: reference, name, value })).value;
    assert.is(await set(registers, 'r15', '0x10 + 6'), '0x16 (22)');
    assert.is(await driver.evaluate('r15'), '0x16 (22)');
    // as it was shown
    assert.is(await set(registers, 'r14', '0x16 (22)'), '0x16 (22)');
    const flags = (await driver.variables(registers)).find(({ name }) => name === 'Flags')!;
    const carry = async (): Promise<string> =>
      (await driver.variables(flags.variablesReference)).find(({ name }) => name === 'cf')!.value;
    await set(flags.variablesReference, 'cf', '1');
    assert.is(await carry(), '1');
    await set(flags.variablesReference, 'cf', '0');
    assert.is(await carry(), '0');
    assert.match(
      await driver.refusal('setVariable', { variablesReference: registers, name: 'cr3', value: '0' }),
      /cr3/,
    );

    const maps = await driver.variables(await driver.scope(top.id, 'Maps'));
    const { variablesReference: map } = maps[0]!;
    assert.is(await set(map, '[2]', '-1'), '-1');
    const [element] = await driver.variables(map);
    const memory = { memoryReference: element!.memoryReference };
    const read = async (): Promise<bigint> =>
      littleEndian((await driver.request<{ data: string }>('readMemory', { ...memory, count: 8 })).data);
    assert.is(await read(), 0xffff_ffff_ffff_ffffn);
    const data = Buffer.from(new BigInt64Array([-5n]).buffer).toString('base64');
    assert.equal(await driver.request('writeMemory', { ...memory, data }), { bytesWritten: 8 });
    assert.is((await driver.variables(map))[0]!.value, '-5');
    assert.match(await driver.refusal('writeMemory', { memoryReference: '0x10', data }), /not all of them are mapped/);
    const partly = await driver.request<{ data?: string; unreadableBytes?: number }>('readMemory', {
      memoryReference: '0x10',
      count: 16,
    });
    assert.equal([partly.data, partly.unreadableBytes], ['', 16]);

    const registerInfo = await driver.request<{ dataId: string }>('dataBreakpointInfo', {
      variablesReference: registers,
      name: 'rbx',
    });
    assert.is(registerInfo.dataId, `register rbx if pid == ${thread}`);
    const expressionInfo = await driver.request<{ dataId: string }>('dataBreakpointInfo', { name: 'u32[rsp + 8]' });
    assert.match(expressionInfo.dataId, /^0xffff8880[0-9a-f]+:4$/);

    assert.match(await driver.evaluate('story', 'repl'), /dispatcher +rex_dispatcher_func[^]*syscall +dup\(0\)/);
    assert.match(await driver.evaluate('explain', 'repl'), /^push %rbp\n/);
    assert.match(await driver.evaluate('maps', 'repl'), /pid_to_errno[^]*\[2\] = -5/);
    assert.match(await driver.evaluate('dmesg', 'repl'), /Linux version/);
    assert.match(await driver.evaluate('stops', 'repl'), /rex_dispatcher_func, 1 hit/);
    assert.match(await driver.evaluate('help', 'repl'), /goto N/);
    assert.match(await driver.evaluate('rip'), /^0xffffffff81[0-9a-f]+ <rex_dispatcher_func>$/);
    assert.match(await driver.refusal('evaluate', { expression: 'no_such_name', context: 'hover' }), /no_such_name/);
    const there = await driver.move('evaluate', { expression: 'goto 60000', context: 'repl' });
    assert.is(there.reason, 'goto');
    assert.is(await driver.evaluate('instruction'), '0xea60 (60000)');
    assert.match(await driver.refusal('evaluate', { expression: 'goto never', context: 'repl' }), /instruction number/);
  });
});

test('threads are tasks, each with its stack; one is stepped when its turn comes', async () => {
  await withLaunched({ sample: 'error_injector' }, async (driver) => {
    await setFunctions(driver, 'rex_dispatcher_func');
    const { thread } = await driver.move('continue');
    const { threads } = await driver.request<DebugProtocol.ThreadsResponse['body']>('threads');
    const named = (part: string): number => threads.find(({ name }) => name.includes(part))!.id;
    assert.is(threads.find(({ id }) => id === thread)!.name.startsWith('userapp: process'), true);
    const stackOf = async (id: number): Promise<string> =>
      (await driver.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', { threadId: id })).stackFrames
        .map(({ name }) => name)
        .join();
    assert.match(await stackOf(named('loader: ')), /\[syscall\] wait4\(.*\[user\] main/);
    assert.match(await driver.refusal('stackTrace', { threadId: 999 }), /no thread 999/);
    await setFunctions(driver);
    // it sleeps until its child has ended
    const stepped = await driver.move('next', { threadId: named('loader: '), granularity: 'instruction' });
    assert.is(stepped.thread, named('loader: '));
    assert.is(stepped.reason, 'step');
  });
});

test('an idle processor is a thread, too', async () => {
  await withLaunched({ sample: 'error_injector', cpus: 2 }, async (driver) => {
    const { threads } = await driver.request<DebugProtocol.ThreadsResponse['body']>('threads');
    const idle = threads.find(({ name }) => name.startsWith('swapper/'))!;
    const { stackFrames } = await driver.request<DebugProtocol.StackTraceResponse['body']>('stackTrace', {
      threadId: idle.id,
    });
    assert.is(stackFrames.length, 1);
    const registers = await driver.variables(await driver.scope(stackFrames[0]!.id, 'Registers'));
    assert.is(
      BigInt(firstNumber(registers.find(({ name }) => name === 'rip')!.value)),
      BigInt(stackFrames[0]!.instructionPointerReference!),
    );
    assert.is((await driver.move('next', { threadId: idle.id, granularity: 'instruction' })).reason, 'step');
  });
});

test('a program without end is paused, and left', async () => {
  const launch = launchProgram('again:\n\tjmp again\n');
  await withLaunched(
    { program: './any' },
    async (driver) => {
      await driver.request('continue', { threadId: 1 });
      assert.is(await driver.refusal('stackTrace', { threadId: 1 }), 'notStopped');
      assert.is(await driver.refusal('variables', { variablesReference: 1 }), 'notStopped');
      assert.is(await driver.refusal('continue', { threadId: 1 }), 'notStopped');
      // breakpoints may be set meanwhile
      await setFunctions(driver, 'syscall');
      const paused = await driver.move('pause');
      assert.is(paused.reason, 'pause');
      assert.is(paused.top.name, '[user] _start');
      assert.match(await driver.refusal('pause', { threadId: 1 }), /rests already/);
      await driver.request('continue', { threadId: 1 });
      // withLaunched disconnects while it runs
    },
    { launch },
  );
});

test('a step over what does not return is paused', async () => {
  const launch = launchProgram('\tpush %rax\nbegin:\n\tcall again\n\tnop\nagain:\n\tjmp again\n');
  await withLaunched(
    { program: './any' },
    async (driver) => {
      await setFunctions(driver, 'begin');
      const { thread } = await driver.move('continue');
      for (const command of ['next', 'stepOut']) {
        // oxlint-disable-next-line no-await-in-loop
        await driver.request(command, { threadId: thread, granularity: 'instruction' });
        // oxlint-disable-next-line no-await-in-loop
        const paused = await driver.move('pause');
        assert.is(paused.reason, 'pause');
        assert.is(paused.top.name, '[user] again');
      }
    },
    { launch },
  );
});

test('at its end it rests if that was asked for, and can go back', async () => {
  const launch = launchProgram(`\tmov $3, %ebx\n${exit(7)}`);
  await withLaunched(
    { program: './any', stopOnExit: true },
    async (driver) => {
      const end = await driver.move('continue');
      assert.is(end.reason, 'pause');
      assert.is(
        driver.events.some(({ event }) => event === 'terminated'),
        false,
      );
      await setFunctions(driver, 'syscall exit_group');
      assert.match((await driver.move('reverseContinue')).top.name, /exit_group\(7/);
      const start = await driver.move('reverseContinue');
      assert.match(start.text, /beginning/);
      await driver.awaiting('terminated', 'terminate');
    },
    { launch },
  );
});

test('what is executed once more prints nothing once more', async () => {
  await withLaunched({ sample: 'error_injector', stopOnExit: true }, async (driver) => {
    const end = await driver.move('continue');
    const instruction = await driver.evaluate('instruction');
    const printed = ['stdout', 'stderr', 'console'].map(driver.output);
    assert.match(printed[1]!, /^dup: Invalid argument\n/);
    assert.match((await driver.move('reverseContinue')).text, /beginning/);
    assert.is((await driver.move('continue')).reason, end.reason);
    assert.is(await driver.evaluate('instruction'), instruction);
    assert.equal(['stdout', 'stderr', 'console'].map(driver.output), printed);
  });
});

test('what cannot be launched is refused in words; so are arguments of the wrong type', async () => {
  await withClient(async (driver) => {
    assert.match(await driver.refusal('launch', { sample: 'hello' }), /initialize first/);
    assert.match(await driver.refusal('initialize', { pathFormat: 'uri' }), /path format "uri"/);
    await driver.request('initialize', { adapterID: 'x' });
    assert.match(await driver.refusal('initialize', {}), /before/);
    assert.match(await driver.refusal('threads'), /nothing has been launched/);
    assert.match(await driver.refusal('attach', {}), /launch/);
    assert.match(await driver.refusal('launch', {}), /"sample"/);
    assert.match(await driver.refusal('launch', { sample: 'error_injecter' }), /error_injector/);
    assert.match(await driver.refusal('launch', { program: '/nowhere/at/all' }), /cannot read/);
    assert.match(await driver.refusal('launch', { program: MAIN }), /not an ELF/);
    assert.match(await driver.refusal('launch', { sample: 'panic', cpus: 'two' }), /cpus: got "two", expected a whole/);
    assert.match(await driver.refusal('launch', { sample: 'panic', engine: 'qemu' }), /engine: got "qemu", expected/);
    assert.match(await driver.refusal('launch', { sample: 'panic', arguments: [1] }), /arguments/);
    assert.match(await driver.refusal('launch', { sample: 'panic', arguments: ['a', 'b', 'c'] }), /at most 1/);
    assert.match(await driver.refusal('nonsense'), /no request "nonsense"/);
    await driver.awaiting('initialized', 'launch', { sample: 'panic', memory: 32 });
    assert.match(await driver.refusal('launch', { sample: 'panic' }), /already/);
    assert.match(await driver.refusal('setBreakpoints', { source: 5 }), /source: got 5|expected a record/);
    assert.match(await driver.refusal('setBreakpoints', { source: {}, breakpoints: [] }), /path/);
    assert.match(await driver.refusal('setBreakpoints', { source: { path: MAIN }, breakpoints: [{}] }), /line/);
    assert.match(await driver.refusal('readMemory', { memoryReference: 'here', count: 1 }), /expected an address/);
    assert.match(
      await driver.refusal('disassemble', { memoryReference: '0x0', instructionCount: 1e9 }),
      /instructionCount/,
    );
    const answer = await setLines(driver, MAIN, [-5, 0, 1e9]);
    assert.is(answer.breakpoints.length, 3);
  });
});

test('over standard input and output, as an editor starts it', async () => {
  // from whatever folder
  const client = new DebugClient('node', `${root}debugger/dap/vscode/adapter.mjs`, 'kernel-in-a-box', { cwd: '/' });
  client.defaultTimeout = 20_000;
  await client.start();
  try {
    let printed = '';
    client.on('output', ({ body }: DebugProtocol.OutputEvent) => {
      if (body.category === 'stdout') printed += body.output;
    });
    const program = `${root}tests/programs/bin/args`;
    await Promise.all([
      client.waitForEvent('terminated'),
      client.configurationSequence(),
      client.launch({ program, arguments: ['one', 'two'] } as DebugProtocol.LaunchRequestArguments),
    ]);
    assert.match(printed, /two/);
  } finally {
    await client.stop();
  }
});

test('without debugging it runs to its end', async () => {
  await withClient(async (driver) => {
    await driver.request('initialize', {});
    const configuration = { sample: 'error_injector', stopOnEntry: true, stopOnExit: true, noDebug: true };
    await driver.awaiting('initialized', 'launch', configuration);
    assert.equal(await driver.awaiting('exited', 'configurationDone'), { exitCode: 0 });
  });
});

test('what VS Code is told of configurations is what is read', async () => {
  const manifest = JSON.parse(readFileSync(`${root}debugger/dap/vscode/package.json`, 'utf8')) as {
    contributes: {
      debuggers: { configurationAttributes: { launch: { properties: Record<string, { enum?: string[] }> } } }[];
    };
  };
  const { properties } = manifest.contributes.debuggers[0]!.configurationAttributes.launch;
  let asked: LaunchConfiguration | undefined;
  await withClient(
    async (driver) => {
      await driver.request('initialize', {});
      await driver.refusal('launch', { sample: 'panic' });
    },
    {
      launch(configuration) {
        asked = configuration;
        return Promise.reject(new RequestError('not in this test'));
      },
    },
  );
  assert.equal(Object.keys(properties).toSorted(), Object.keys(asked!).toSorted());
  assert.equal(properties['engine']!.enum, engineNames);
});

test('the adapter ends when its client has left, though nobody closes its input', async () => {
  const adapter = spawn(process.execPath, [`${root}debugger/dap/vscode/adapter.mjs`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(adapter, 'exit');
  for (const [seq, command] of ['initialize', 'disconnect'].entries()) {
    adapter.stdin.write(encodeFrame({ type: 'request', seq: seq + 1, command }));
  }
  adapter.stdout.resume();
  try {
    assert.equal(await within('its end', ended), [0, null]);
  } finally {
    adapter.kill();
  }
});

test('the command says how it is used', () => {
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'debug-adapter.ts', ...args], { cwd: root, encoding: 'utf8' });
  const help = run('--help');
  assert.is(help.status, 0);
  assert.match(help.stdout, /--port N/);
  const wrong = run('--port', 'x');
  assert.is(wrong.status, 2);
  assert.match(wrong.stderr, /--port: got "x"/);
});

test.run();

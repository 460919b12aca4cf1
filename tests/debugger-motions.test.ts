/** Motions forwards and back: where they lead, held against a full trace, and back to where they came from. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readHostFile } from '../box/host-files.ts';
import { DebuggerError } from '../debugger/error.ts';
import { openDebugger } from '../debugger/debugger.ts';
import type { Debugger, Rest } from '../debugger/types.ts';
import { Box } from '../index.ts';
import { addAll, collect, debugSample, instructionsOf, quick, target, trace } from './support/debugged.ts';
import { bootSample } from './support/samples.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const slow = process.env['TEST_TIER'] === 'slow';

const isError =
  (code: string, ...words: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof DebuggerError && error.code === code && words.every((word) => error.message.includes(word));

async function debugProgram(source: string) {
  const box = await Box.boot({ ...quick });
  box.files.write('/program', tinyProgram(source));
  const process = box.spawn('/program');
  const debug = await openDebugger(box, { process });
  debug.until(target(debug, '_start'));
  return { box, process, debug };
}

const at = (debug: Debugger, { rip }: Rest): string => debug.describe(rip).symbol;

/** fact(4), by recursion: the call inside it returns four times to the same address */
const factorial = `
	mov $4, %edi
	call fact
result:
	nop
	jmp leave
fact:
	mov $1, %eax
	test %edi, %edi
	jz 1f
	push %rdi
	dec %edi
inner:
	call fact
behind:
	pop %rdi
	imul %rdi, %rax
1:
	ret
leave:
${exit(0)}`;

test('over a call is to its return, through all that it calls', async () => {
  const { debug } = await debugProgram(factorial);
  assert.is(at(debug, debug.stepOver()), '_start+0x5');
  assert.is(at(debug, debug.stepOver()), 'result');
  assert.is(debug.evaluate('rax'), 24n);
});

test('over a recursive call is to its return in the same frame', async () => {
  const { debug } = await debugProgram(factorial);
  debug.until(target(debug, 'inner'));
  debug.until(target(debug, 'inner'));
  assert.is(debug.evaluate('rdi'), 2n);
  assert.is(at(debug, debug.stepOver()), 'behind');
  assert.is(debug.evaluate('u64[rsp]'), 3n);
  assert.is(debug.evaluate('rax'), 2n);
});

test('out is to behind the return of this frame, not of those it calls', async () => {
  const { debug } = await debugProgram(factorial);
  for (let n = 0; n < 3; n++) debug.until(target(debug, 'inner'));
  assert.is(at(debug, debug.stepOut()), 'behind');
  assert.is(debug.evaluate('u64[rsp]'), 3n);
  assert.is(at(debug, debug.stepOut()), 'behind');
  assert.is(at(debug, debug.stepOut()), 'result');
});

test('a stop on the way is where a motion ends', async () => {
  const { debug } = await debugProgram(factorial);
  const { id } = debug.addStop(target(debug, 'inner'), { condition: 'rdi == 1' });
  debug.stepOver();
  const rest = debug.stepOver();
  assert.is(rest.reason, 'stopped');
  assert.is(rest.stop?.id, id);
  assert.is(debug.evaluate('rdi'), 1n);
});

test('over a system call is to behind it; over the one that ends it is to its end', async () => {
  const { debug } = await debugProgram(`\tmov $39, %eax\n\tsyscall\ngot:\n${exit(0)}`);
  debug.stepOver();
  assert.is(at(debug, debug.stepOver()), 'got');
  assert.is(debug.evaluate('rax == pid'), 1n);
  debug.stepOver();
  debug.stepOver();
  assert.is(debug.stepOver().reason, 'exited');
});

test('page faults are not followed by stepping over', async () => {
  const { debug } = await debugProgram(`\tmov $7, %eax\n\tmov %eax, buffer\nwritten:\n${exit(0)}`);
  debug.stepOver();
  assert.is(at(debug, debug.stepOver()), 'written');
  assert.equal(debug.readMemory(0x40_2000n, 4), Uint8Array.of(7, 0, 0, 0));
});

test('over all iterations of a string instruction, and one by one', async () => {
  const { debug } = await debugProgram(`
	mov $buffer, %edi
	mov $100, %ecx
	movb $0, buffer
	rep stosb
filled:
${exit(0)}`);
  for (let n = 0; n < 3; n++) debug.stepOver();
  assert.is(at(debug, debug.stepOver()), 'filled');
});

test('through the path of an injected error: out of each function, to the system call and the program', async () => {
  const { debug } = await debugSample('error_injector');
  debug.until(target(debug, 'program err_injector'));
  const places = Array.from({ length: 9 }, () => at(debug, debug.stepOut()));
  assert.equal(
    places.map((place) => place.replace(/\+.*/, '')),
    [
      'rex_exit',
      'trace_call_bpf',
      'kprobe_perf_func',
      'kprobe_int3_handler',
      'exc_int3',
      'asm_exc_int3',
      'just_return_func',
      'do_syscall_64',
      'entry_SYSCALL_64_after_hwframe',
    ],
  );
  assert.is(at(debug, debug.stepOut()).replace(/\+.*/, ''), 'syscall');
  assert.is(debug.evaluate('rax == -22'), 1n);
});

test('over the instruction that a kprobe lies on is to what it leads to', async () => {
  const { debug } = await debugSample('error_injector');
  debug.until(target(debug, 'syscall dup'));
  debug.until(target(debug, '__x64_sys_dup'));
  assert.is(at(debug, debug.stepOver()), 'just_return_func');
  debug.until(target(debug, 'syscall dup'));
  debug.until(target(debug, '__x64_sys_dup'));
  assert.is(at(debug, debug.stepOver()), '__x64_sys_dup+0x1');
});

const sourceLine = (debug: Debugger): string => {
  const [place] = debug.describe(debug.rest.rip).source;
  return place === undefined ? '' : `${place.file.replace(/.*\//, '')}:${place.line}`;
};

test('lines of source: into functions, over them, and back', async () => {
  const { debug } = await debugSample('error_injector');
  debug.until(target(debug, 'main.rs:16'));
  assert.is(sourceLine(debug), 'main.rs:16');
  const outermost = (): string => debug.describe(debug.rest.rip).source.map(({ line }) => line).at(-1)!.toString(); // prettier-ignore
  const lines = [outermost()];
  for (let n = 0; n < 8 && at(debug, debug.rest).includes('err_injector'); n++) {
    debug.stepLine({ over: true });
    lines.push(outermost());
  }
  assert.ok(
    ['17', '18', '19', '22'].every((line) => lines.includes(line)),
    lines.join(' '),
  );
  debug.until(target(debug, 'main.rs:16'));
  debug.stepLine({ over: true });
  debug.stepLine({ over: true });
  const { instruction } = debug.rest;
  debug.stepBackLine({ over: true });
  assert.ok(debug.rest.instruction < instruction);
  debug.stepLine({ over: true });
  assert.is(debug.rest.instruction, instruction);
  debug.addStop(target(debug, 'rex_dispatcher_func'));
  debug.reverseContinue();
  debug.stepLine();
  assert.is(sourceLine(debug), 'rex_64.S:10');
  debug.stepBackLine();
  assert.is(sourceLine(debug), 'rex_64.S:9');
});

test('back over is where over came from', async () => {
  const { debug } = await debugSample('error_injector');
  debug.until(target(debug, 'rex_dispatcher_func'));
  const points = [debug.rest.instruction];
  for (let n = 0; n < 16; n++) points.push(debug.stepOver().instruction);
  points.pop();
  const back = [];
  while (points.length > back.length) back.push(debug.stepBackOver().instruction);
  assert.equal(back, points.toReversed());
});

test('back over a recursive call is to the call of the same frame', async () => {
  const { debug } = await debugProgram(factorial);
  debug.until(target(debug, 'inner'));
  const call = debug.rest.instruction;
  assert.is(at(debug, debug.stepOver()), 'behind');
  assert.is(debug.stepBackOver().instruction, call);
});

test('a motion in the past ends at the present', async () => {
  const { debug } = await debugProgram(factorial);
  const begin = debug.rest.instruction;
  debug.step(10);
  const last = debug.rest.instruction;
  debug.goTo(begin);
  assert.equal(debug.reach.last, last);
  const rest = debug.continue();
  assert.equal([rest.reason, rest.instruction], ['interrupted', last]);
  assert.is(debug.continue().reason, 'exited');
});

test('back by instructions, and to the beginning', async () => {
  const { debug } = await debugProgram(factorial);
  const { first } = debug.reach;
  debug.step(20);
  const { instruction } = debug.rest;
  assert.equal([debug.stepBack().reason, debug.rest.instruction], ['stepped', instruction - 1]);
  assert.is(debug.stepBack(5).instruction, instruction - 6);
  assert.equal([debug.stepBack(1e6).reason, debug.rest.instruction], ['beginning', first]);
  assert.is(debug.stepBack().reason, 'beginning');
  assert.is(debug.stepBackOver().reason, 'beginning');
  assert.is(debug.reverseContinue().reason, 'beginning');
  assert.is(debug.goTo(instruction).instruction, instruction);
  assert.throws(() => debug.goTo(-1), isError('range', '-1'));
  assert.throws(() => debug.step(0.5), isError('range', '0.5'));
});

test('reverseContinue finds what continue has last passed, back to the first', async () => {
  const { debug } = await debugSample('error_injector');
  addAll(debug, ['syscall write', 'dispatcher', 'main.rs:19', 'helper', 'process fork', 'process exec', 'map', 'syscall * exit if pid == 2']); // prettier-ignore
  const forward = collect(debug);
  assert.ok(forward.length > 20);
  const back: Rest[] = [];
  for (let rest = debug.reverseContinue(); rest.reason === 'stopped'; rest = debug.reverseContinue()) back.push(rest);
  const plain = (rests: readonly Rest[]): unknown[] =>
    rests.map(({ instruction, cpu, pid, rip, stop }) => ({ instruction, cpu, pid, rip, id: stop?.id }));
  // the last may be where continue has ended
  const passed = forward.filter(({ instruction }) => instruction < debug.box.history!.last);
  assert.equal(plain(back), plain(passed.toReversed()));
});

test('back to the last write of a byte, by memory and by register, as a trace has them', async () => {
  const { debug } = await debugProgram(factorial);
  debug.until(target(debug, 'result'));
  const { instruction } = debug.rest;
  const { id } = debug.addStop({ kind: 'register', register: 'rax' });
  const rest = debug.reverseContinue();
  // imul of the outermost fact but ret is after it
  assert.equal([rest.stop?.details['old'], rest.stop?.details['new']], [6n, 24n]);
  assert.is(rest.instruction, instruction - 1);
  debug.removeStop(id);
  // it is at the return: what that reads has been written by the call
  const slot = debug.evaluate('rsp');
  debug.addStop({ kind: 'memory', address: slot, length: 8, access: 'write' });
  const written = debug.reverseContinue();
  assert.is(at(debug, written), 'fact');
  assert.is(written.stop?.details['new'], 0x40_100an);
});

test('there and back: any points of the path, by either direction', async () => {
  const FROM = 102_000;
  const COUNT = 3000;
  const { box } = await bootSample('error_injector', [], { ...quick });
  box.run({ budget: FROM });
  const executed = trace(box, COUNT);
  // what has faulted is not stopped at again
  const passed = executed.filter(({ again }) => !again);
  const { debug } = await debugSample('error_injector');
  debug.goTo(FROM + COUNT);
  fc.assert(
    fc.property(fc.nat({ max: COUNT - 1 }), fc.nat({ max: COUNT - 1 }), (n, m) => {
      const { address } = executed[n]!;
      const { id } = debug.addStop({ kind: 'address', address });
      debug.goTo(FROM + m);
      const forward = debug.continue({ budget: COUNT - m - 1 });
      const ahead = passed.find((each) => each.instruction > FROM + m && each.address === address)?.instruction;
      const isIn = ahead !== undefined && ahead < FROM + COUNT - 1;
      if (isIn || forward.reason === 'stopped') assert.is(forward.instruction, ahead);
      debug.goTo(FROM + m);
      const back = debug.reverseContinue();
      const behind = passed.findLast((each) => each.instruction < FROM + m && each.address === address)?.instruction;
      if (behind !== undefined || back.instruction >= FROM) assert.is(back.instruction, behind);
      debug.removeStop(id);
    }),
    { numRuns: slow ? 300 : 20 },
  );
});

test('motions stay with their task while others run, and what they say is what is executed next', async () => {
  const box = await Box.boot({ ...quick, cpus: 3 });
  box.files.write('/program', readHostFile(new URL('programs/bin/threads', import.meta.url)));
  box.spawn('/program');
  const debug = await openDebugger(box);
  debug.continue({ budget: 20_000_000 });
  const { first, last } = debug.reach;
  const motions = ['stepOver', 'stepOut', 'stepLine', 'stepBackOver'] as const;
  const early = Math.min(last, first + 150_000);
  const points = fc.oneof(fc.integer({ min: first, max: early }), fc.integer({ min: early, max: last }));
  fc.assert(
    fc.property(points, fc.constantFrom(...motions), (point, motion) => {
      const before = debug.goTo(point);
      fc.pre(before.pid !== 0);
      const rest = debug[motion]();
      if (rest.reason !== 'stepped') return;
      assert.is(rest.pid, before.pid);
      assert.is(rest.instruction < point, motion === 'stepBackOver');
      if (motion === 'stepBackOver') {
        // forwards again it comes by where it was, unless that was in what is gone over
        const text = debug.instructionAt()?.text ?? '';
        const entered = rest.rip < 1n << 63n && before.rip >= 1n << 63n;
        const isInside = entered || /^(call|syscall|rep)/.test(text) || at(debug, before).startsWith('asm_');
        const again = debug.stepOver();
        assert.ok(isInside || again.instruction <= point || again.reason !== 'stepped');
        debug.goTo(rest.instruction);
      }
      const { cpu, pid } = box.step();
      const { current } = box.kernel.cpus[cpu]!;
      // the end of the path is a mark, which does not know what was executed last
      if (current === 0n && box.instructions === last) return;
      // an interrupt may come first
      const name = box.symbols.describe(current) ?? '';
      if (!name.startsWith('asm_')) assert.equal([cpu, pid, current], [rest.cpu, rest.pid, rest.rip]);
    }),
    { numRuns: slow ? 500 : 25 },
  );
});

test('registers are all there, of processors and of tasks, and can be written', async () => {
  const { debug, box } = await debugSample('error_injector');
  debug.until(target(debug, 'syscall dup'));
  const names = debug.registers().map(({ name }) => name);
  for (const name of [
    'rax',
    'rip',
    'rflags',
    'cs',
    'fs_base',
    'gs_base',
    'k_gs_base',
    'cr0',
    'cr2',
    'cr3',
    'cr4',
    'efer',
    'mxcsr',
    'xmm0',
    'xmm15',
    'st0',
    'st7',
    'fctrl',
    'dr7',
  ])
    // prettier-ignore
    assert.ok(names.includes(name), name);
  assert.is(new Set(names).size, names.length);
  const value = (name: string, where?: Parameters<Debugger['registers']>[0]): bigint =>
    debug.registers(where).find((row) => row.name === name)!.value;
  assert.is(value('rax'), 32n);
  assert.is(value('rip'), box.symbols.lookup('entry_SYSCALL_64'));
  assert.is(value('rip', { pid: debug.rest.pid }), debug.rest.rip);
  assert.is(value('rip', { cpu: debug.rest.cpu }), debug.rest.rip);
  // the loader sleeps in wait4
  assert.match(debug.describe(value('rip', { pid: 1 })).symbol, /^__x64_sys_wait4/);
  const { flags } = { flags: value('rflags') };
  debug.writeRegister('zf', flags & 0x40n ? 0n : 1n);
  assert.is(value('rflags'), flags ^ 0x40n);
  debug.writeRegister('rbx', -1n);
  assert.is(value('rbx'), 0xffff_ffff_ffff_ffffn);
  debug.writeRegister('bl', 0n);
  assert.is(value('rbx'), 0xffff_ffff_ffff_ff00n);
  debug.writeRegister('xmm3', 1n << 100n);
  assert.is(value('xmm3'), 1n << 100n);
  debug.writeRegister('rbx', 7n, { pid: 1 });
  assert.is(value('rbx', { pid: 1 }), 7n);
  assert.throws(() => debug.writeRegister('al', 256n), isError('range', '8 bits'));
  assert.throws(() => debug.writeRegister('cr3', 0n), isError('unsupported'));
  assert.throws(() => debug.writeRegister('nix', 0n), isError('unknown-name'));
  assert.throws(() => debug.registers({ cpu: 2 }), isError('not-there', '0 to 0'));
  assert.throws(() => debug.registers({ pid: 99 }), isError('not-there', '99'));
});

test('memory is read and written; what is written is part of what is executed again', async () => {
  const { debug } = await debugProgram(`\tmov buffer, %eax\nloaded:\n\tnop\n\tnop\n${exit(0)}`);
  assert.is(debug.readMemory(0x1000n, 1), undefined);
  assert.is(debug.writeMemory(0x1000n, Uint8Array.of(1)), false);
  assert.is(debug.writeMemory(0x40_2000n, Uint8Array.of(42)), true);
  debug.until(target(debug, 'loaded'));
  assert.is(debug.evaluate('eax'), 42n);
  debug.step(2);
  debug.stepBack(3);
  debug.step();
  assert.is(debug.evaluate('eax'), 42n);
  const kernel = debug.box.symbols.lookup('jiffies')!;
  const before = debug.readMemory(kernel, 8)!;
  assert.ok(debug.writeMemory(kernel, before));
  assert.throws(() => debug.readMemory(kernel, -1), isError('range', '-1'));
});

test('looking changes nothing', async () => {
  const { debug, box } = await debugSample('error_injector');
  debug.goTo(102_930);
  const state = (): string => box.kernel.cpus.map(({ slots }) => slots.slice(0, 160).join()).join(';');
  const before = state();
  debug.registers();
  debug.registers({ pid: 1 });
  debug.evaluate('zf');
  debug.story();
  debug.instructionAt();
  debug.disassemble(debug.rest.rip, 20);
  assert.is(state(), before);
  assert.equal(instructionsOf([debug.rest]), [102_930]);
});

test.run();

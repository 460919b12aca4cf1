/** Stops of every kind, met by samples and programs, at the instruction that a full trace names. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readHostFile } from '../box/host-files.ts';
import { openDebugger } from '../debugger/debugger.ts';
import { DebuggerError } from '../debugger/error.ts';
import { registerNames } from '../cpu/state.ts';
import { Box, type BoxOptions } from '../index.ts';
import {
  addAll,
  collect,
  debugSample,
  instructionsOf,
  quick,
  target,
  trace,
  type Executed,
} from './support/debugged.ts';
import { bootSample } from './support/samples.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const program = (name: string): Uint8Array => readHostFile(new URL(`programs/bin/${name}`, import.meta.url));

const isError =
  (code: string, ...words: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof DebuggerError && error.code === code && words.every((word) => error.message.includes(word));

const kinds = [
  'syscall dup',
  'syscall dup exit',
  'kprobe',
  'kprobe __x64_sys_dup',
  'dispatcher',
  'program err_injector',
  'program * exit',
  'error_injector::err_injector',
  'main.rs:19',
  'helper bpf_map_lookup_elem',
  'helper',
  'map pid_to_errno',
  'just_return_func',
  'process fork',
  'process exec',
  'process exit pid 2',
  'fault',
  'syscall exit_group if pid == 2',
];

test('error_injector meets stops of every kind, each where and how often it should', async () => {
  const { debug } = await debugSample('error_injector');
  const ids = addAll(debug, kinds);
  const rests = collect(debug);
  const hits = Object.fromEntries(debug.stops.map(({ text, hits }) => [text, hits]));
  assert.equal(hits, {
    'syscall dup': 2,
    'syscall dup exit': 2,
    kprobe: 2,
    'kprobe __x64_sys_dup': 2,
    dispatcher: 2,
    'program err_injector': 2,
    'program * exit': 2,
    'error_injector::err_injector': 2,
    'main.rs:19': 2,
    'helper bpf_map_lookup_elem': 2,
    helper: 2,
    'map pid_to_errno': 1,
    just_return_func: 1,
    'process fork': 2,
    'process exec': 2,
    'process exit pid 2': 1,
    fault: 0,
    'syscall exit_group if pid == 2': 1,
  });
  const first = (text: string) => rests.find(({ stop }) => stop?.id === ids.get(text))!;
  assert.equal(first('syscall dup').stop?.details['number'], 32);
  assert.is(first('syscall dup exit').stop?.details['result'], -22n);
  assert.is(first('kprobe').stop?.details['symbol'], '__x64_sys_dup');
  assert.is(first('program err_injector').stop?.details['program'], 'err_injector');
  assert.is(first('helper bpf_map_lookup_elem').stop?.details['program'], 'err_injector');
  assert.is(first('map pid_to_errno').stop?.details['operation'], 'update');
  assert.is(first('map pid_to_errno').stop?.details['key'], 2n);
  assert.is(first('process fork').stop?.details['child'], 2);
  assert.is(first('process exec').stop?.details['path'], '/userapp');
  assert.match(first('dispatcher').text, /^stopped at rex_dispatcher_func \(dispatcher: program err_injector/);
  const order = ['process fork', 'map pid_to_errno', 'process exec', 'syscall dup', 'kprobe', 'dispatcher', 'program err_injector', 'main.rs:19', 'helper bpf_map_lookup_elem', 'program * exit', 'just_return_func', 'syscall dup exit', 'process exit pid 2']; // prettier-ignore
  const places = order.map((text) => first(text).instruction);
  assert.equal(
    places,
    [...places].sort((left, right) => left - right),
  );
  assert.is(debug.rest.reason, 'exited');
});

test('the engines stop at the same instructions', async () => {
  const meet = async (options: BoxOptions) => {
    const { debug } = await debugSample('error_injector', [], options);
    addAll(debug, kinds);
    return collect(debug).map(({ instruction, cpu, pid, rip, text }) => ({ instruction, cpu, pid, rip, text }));
  };
  const translated = await meet({ engine: 'translator' });
  assert.ok(translated.length > 20);
  assert.equal(await meet({ engine: 'interpreter' }), translated);
});

test('a panic, its landing pad, the signal', async () => {
  const { debug } = await debugSample('panic', ['index']);
  addAll(debug, ['panic', 'landing-pad', 'process signal']);
  const rests = collect(debug).filter(({ stop }) => stop?.kind !== 'process');
  const [panic, pad] = rests;
  assert.equal(
    rests.slice(0, 2).map(({ stop }) => stop?.kind),
    ['panic', 'landing-pad'],
  );
  assert.match(String(panic!.stop?.details['text']), 'index out of bounds');
  assert.is(panic!.stop?.details['program'], pad!.stop?.details['program']);
  assert.ok(debug.stops.at(-1)!.hits > 0);
});

async function debugProgram(bytes: Uint8Array, options: BoxOptions = {}) {
  const box = await Box.boot({ ...quick, ...options });
  box.files.write('/program', bytes);
  const process = box.spawn('/program');
  return { box, process, debug: await openDebugger(box, { process }) };
}

test('faults and signals of a program', async () => {
  const { debug } = await debugProgram(tinyProgram('\txor %ecx, %ecx\n\tdiv %ecx\n'));
  addAll(debug, ['fault #DE', 'fault', 'process signal', 'process exit']);
  const rests = collect(debug);
  assert.equal(
    rests.map(({ stop }) => stop?.kind),
    ['fault', 'process', 'process'],
  );
  const { details } = rests[0]!.stop!;
  assert.equal([details['vector'], details['mode'], details['rip']], ['#DE', 'user', 0x40_1002n]);
  assert.is(rests[1]!.stop?.details['signal'], 'SIGFPE');
  assert.equal(
    debug.stops.map(({ hits }) => hits),
    [1, 1, 1, 1],
  );
});

test('page faults are stopped at when they are named alone', async () => {
  const { debug } = await debugProgram(tinyProgram(`\tmov $1, %eax\n\tmov %eax, buffer\n${exit(0)}`));
  addAll(debug, ['fault']);
  const { id } = debug.addStop(target(debug, 'fault PF'), { condition: 'cr2 == 0x402000' });
  const rests = collect(debug);
  assert.equal(
    rests.map(({ stop }) => [stop?.id, stop?.details['address'], stop?.details['rip']]),
    [[id, 0x40_2000n, 0x40_1005n]],
  );
});

const counting = tinyProgram(`
	mov $20, %ecx
	xor %eax, %eax
again:
	add %ecx, %eax
	mov %rax, buffer
	dec %ecx
after:
	jnz again
	mov buffer, %rbx
${exit(0)}`);

test('a symbol of the program, with a condition', async () => {
  const { debug } = await debugProgram(counting);
  const stop = debug.addStop(target(debug, 'after'), { condition: 'rcx % 5 == 0 && comm == "program"' });
  assert.equal(stop.addresses, [0x40_1013n]);
  const seen = [];
  while (debug.continue().reason === 'stopped') seen.push(debug.evaluate('ecx'));
  assert.equal(seen, [15n, 10n, 5n, 0n]);
  assert.is(debug.stops[0]!.hits, 4);
});

test('memory: behind the write and the read, with the values before and after', async () => {
  const { debug } = await debugProgram(counting);
  debug.addStop(target(debug, 'process exec'));
  const write = debug.addStop({ kind: 'memory', address: 0x40_2000n, length: 8, access: 'write', pid: 1 });
  // of the process whose turn it is
  const read = debug.addStop(target(debug, 'read 0x402004:4'));
  assert.is(read.text, 'read 0x402004:4 pid 1');
  const rests = collect(debug);
  const writes = rests.filter(({ stop }) => stop?.id === write.id);
  assert.is(writes.length, 20);
  assert.equal(
    writes.slice(0, 3).map(({ rip, stop }) => [rip, stop?.details['new'], stop?.details['address']]),
    [20n, 39n, 57n].map((sum) => [0x40_1011n, sum, 0x40_1009n]),
  );
  assert.is(writes[1]!.stop?.details['old'], 20n);
  assert.equal(
    rests.filter(({ stop }) => stop?.id === read.id).map(({ stop }) => stop?.details['access']),
    ['read'],
  );
});

test('a register: behind each instruction that has changed it', async () => {
  const { debug, box } = await debugProgram(
    tinyProgram(`
	mov $20, %ecx
	xor %eax, %eax
again:
	add %ecx, %eax
	nop
	dec %ecx
	jnz again
${exit(0)}`),
  );
  debug.until(target(debug, '_start'));
  debug.addStop({ kind: 'register', register: 'eax' });
  const rests = collect(debug, box.instructions + 120);
  assert.equal(
    rests.slice(0, 4).map(({ rip, stop }) => [rip, stop?.details['old'], stop?.details['new']]),
    [
      [0x40_1009n, 0n, 20n],
      [0x40_1009n, 20n, 39n],
      [0x40_1009n, 39n, 57n],
      [0x40_1009n, 57n, 74n],
    ],
  );
});

test('ignored hits, a stop that is there once, one that is switched off and on', async () => {
  const { debug } = await debugProgram(counting);
  const ignoring = debug.addStop(target(debug, 'again'), { ignore: 17 });
  const once = debug.addStop(target(debug, 'after'), { once: true });
  const off = debug.addStop(target(debug, '_start'), { enabled: false });
  assert.is(debug.continue().stop?.id, once.id);
  assert.equal(
    debug.stops.map(({ id }) => id),
    [ignoring.id, off.id],
  );
  const rests = [1, 2, 3].map(() => debug.continue());
  assert.equal(
    rests.map(({ stop }) => stop?.id),
    [ignoring.id, ignoring.id, ignoring.id],
  );
  debug.changeStop(ignoring.id, { enabled: false });
  assert.is(debug.continue().reason, 'exited');
  assert.is(debug.stops[0]!.hits, 20);
  debug.removeStop(off.id);
  assert.throws(() => debug.removeStop(off.id), isError('not-there', String(off.id)));
});

test('a condition that cannot be evaluated stops and says so', async () => {
  const { debug } = await debugProgram(counting);
  debug.addStop(target(debug, 'after'), { condition: 'u8[rcx] == 0' });
  const rest = debug.continue();
  assert.is(rest.reason, 'stopped');
  assert.match(String(rest.stop?.details['error']), 'no memory is mapped at 0x13');
});

test('what can never be met is refused, with a hint', async () => {
  const { debug } = await debugSample('error_injector');
  const add = (text: string) => () => debug.addStop(target(debug, text), debug.parseStop(text).options);
  assert.throws(add('rex_dispatcher_fun'), isError('unknown-name', 'did you mean rex_dispatcher_func?'));
  assert.throws(add('syscall dpu'), isError('unknown-name', 'did you mean dup?'));
  assert.throws(add('kprobe __x64_sys_dpu'), isError('unknown-name', 'did you mean __x64_sys_dup?'));
  assert.throws(add('helper bpf_map_lookup_elm'), isError('unknown-name', 'did you mean bpf_map_lookup_elem?'));
  assert.throws(add('register rxa'), isError('unknown-name', 'did you mean rax?'));
  assert.throws(add('fault #XX'), isError('unknown-name', '#PF'));
  assert.throws(add('dispatcher if rxa'), isError('unknown-name', 'did you mean rax?'));
  assert.throws(add('dispatcher if rax =='), isError('syntax'));
  assert.throws(add('*0x800000000000'), isError('range', 'canonical'));
  assert.throws(add('write 0xffffffffffffffff:2'), isError('range', 'canonical'));
  assert.throws(add('write 0x1000:70000'), isError('range', '65536'));
  assert.throws(add('main.rs:0'), isError('range', 'line 0'));
  assert.throws(() => debug.addStop({ kind: 'toString' } as never), isError('unsupported', 'toString'));
  assert.throws(() => debug.addStop({ kind: 'dispatcher' }, { ignore: -1 }), isError('range', '-1'));
  assert.is(debug.stops.length, 0);
});

test('what is not loaded yet is waited for', async () => {
  const { debug } = await debugSample('error_injector');
  const texts = ['program err_injector', 'main.rs:19', 'error_injector::err_injector', 'map pid_to_errno'];
  addAll(debug, texts);
  assert.equal(
    debug.stops.slice(0, 3).map(({ addresses }) => addresses.length),
    [0, 0, 0],
  );
  const rests = collect(debug);
  assert.equal(debug.stops.map(({ hits }) => hits), [2, 2, 2, 1]); // prettier-ignore
  assert.ok(rests.length >= 5);
  // the extension has gone with its loader
  assert.equal(debug.stops[0]!.addresses, []);
});

test('a symbol stops the processes that have that program alone', async () => {
  const box = await Box.boot({ ...quick });
  box.files.write('/one', counting);
  box.files.write('/two', tinyProgram(`${'\tnop\n'.repeat(40)}${exit(3)}`));
  const [one, two] = [box.spawn('/one'), box.spawn('/two')];
  const debug = await openDebugger(box);
  debug.addStop(target(debug, 'again'), { condition: 'rcx > 18' });
  const rests = collect(debug);
  assert.equal(
    rests.map(({ pid }) => pid),
    [one.pid, one.pid],
  );
  assert.ok(two.pid !== one.pid);
});

/** Registers of CPU 0 ahead of an instruction. */
type Values = Readonly<Record<string, bigint>>;

async function tracedInjector(options: BoxOptions, from: number, count: number) {
  const { box } = await bootSample('error_injector', [], { ...quick, ...options });
  box.run({ budget: from });
  const values: Values[] = [];
  const executed = trace(box, count, () => {
    const registers = box.registers(0);
    values.push(Object.fromEntries([...registerNames, 'rflags'].map((name) => [name, registers[name as 'rax']])));
  });
  return { executed, values };
}

const FROM = 102_500;
const COUNT = 6_000;
const slow = process.env['TEST_TIER'] === 'slow';

test('continue with a condition stops exactly where a full trace says', async () => {
  const { executed, values } = await tracedInjector({ engine: 'interpreter' }, FROM, COUNT);
  const { debug, box } = await debugSample('error_injector');
  debug.goTo(FROM);
  const register = fc.constantFrom(...registerNames);
  const at = fc.nat({ max: executed.length - 1 });
  const begin = debug.rest.instruction;
  fc.assert(
    fc.property(
      fc.array(at, { minLength: 1, maxLength: 6 }),
      register,
      at,
      fc.constantFrom('==', '!=', '<', '>='),
      (points, name, other, sign) => {
        // prettier-ignore
        const bound = values[other]![name]!;
        const condition = `${name} ${sign} ${bound} && pid == ${executed[other]!.pid}`;
        const holds = (each: Executed, n: number): boolean => {
          const value = values[n]![name]!;
          const compared = { '==': value === bound, '!=': value !== bound, '<': value < bound, '>=': value >= bound };
          return !each.again && compared[sign as '=='] && each.pid === executed[other]!.pid;
        };
        debug.goTo(begin);
        const addresses = new Set(points.map((n) => executed[n]!.address));
        const ids = [...addresses].map((address) => debug.addStop({ kind: 'address', address }, { condition }).id);
        const rests = collect(debug, begin + COUNT - 1);
        for (const id of ids) debug.removeStop(id);
        const expected = executed.filter((each, n) => n > 0 && addresses.has(each.address) && holds(each, n));
        // what a CPU has loaded is a task's only once it has begun: registers of the first instruction after a switch are not traced
        const switched = new Set(executed.filter((each, n) => n > 0 && executed[n - 1]!.pid !== each.pid).map((each) => each.instruction)); // prettier-ignore
        const traced = (numbers: number[]): number[] => numbers.filter((number) => !switched.has(number));
        assert.equal(traced(instructionsOf(rests)), traced(expected.map(({ instruction }) => instruction)), condition);
      },
    ),
    { numRuns: slow ? 300 : 15 },
  );
  assert.ok(box.instructions >= FROM);
});

test('with several processors too, and by either engine', async () => {
  for (const engine of ['interpreter', 'translator'] as const) {
    // oxlint-disable-next-line no-await-in-loop
    const traced = await bootSample('error_injector', [], { ...quick, cpus: 2, engine });
    traced.box.run({ budget: FROM });
    const executed = trace(traced.box, 4000);
    // oxlint-disable-next-line no-await-in-loop
    const { debug } = await debugSample('error_injector', [], { cpus: 2, engine });
    debug.goTo(FROM);
    const addresses = [100, 900, 1700, 2500, 3300].map((n) => executed[n]!.address);
    for (const address of addresses) debug.addStop({ kind: 'address', address }, { condition: `instruction % 3 != 1` });
    const rests = collect(debug, FROM + 4000 - 1);
    const expected = executed
      .slice(1)
      .filter(({ address, instruction, again }) => addresses.includes(address) && instruction % 3 !== 1 && !again);
    assert.ok(expected.length > 2);
    assert.equal(
      rests.map(({ instruction, cpu, pid }) => [instruction, cpu, pid]),
      expected.map(({ instruction, cpu, pid }) => [instruction, cpu, pid]),
    );
  }
});

test('programs of eight threads and many system calls run on to their end under stops', async () => {
  const { debug } = await debugProgram(program('threads'), { cpus: 3 });
  const id = debug.addStop({ kind: 'process', event: 'fork' }).id;
  debug.addStop(target(debug, 'syscall futex'), { condition: 'pid == 0' });
  const rests = collect(debug);
  assert.ok(rests.length > 1);
  assert.ok(rests.every(({ stop }) => stop?.id === id));
  assert.is(debug.rest.reason, 'exited');
});

test('forks, signals, exits and memory: by either engine, on several processors, and backwards', async () => {
  const meet = async (engine: 'interpreter' | 'translator') => {
    const { debug } = await debugProgram(program('signals'), { cpus: 3, engine });
    debug.until(target(debug, 'main'));
    const stack = debug.evaluate('rsp') - 64n;
    addAll(debug, [
      'process fork',
      'process exit',
      'process signal',
      `access ${stack}:8`,
      'syscall * exit if pid == 2',
    ]);
    return { debug, rests: collect(debug) };
  };
  const plain = (rests: Awaited<ReturnType<typeof meet>>['rests']): unknown[] =>
    rests.map(({ instruction, cpu, pid, rip, stop }) => ({ instruction, cpu, pid, rip, stop }));
  const { debug, rests } = await meet('translator');
  assert.equal(new Set(rests.map(({ stop }) => stop?.kind)), new Set(['process', 'memory', 'syscall']));
  assert.equal(plain((await meet('interpreter')).rests), plain(rests));
  const back = [];
  for (let n = 0; n < 12; n++) back.push(debug.reverseContinue());
  const passed = rests.filter(({ instruction }) => instruction < debug.reach.last).toReversed();
  assert.equal(back.map(({ instruction, stop }) => [instruction, stop?.id]), passed.slice(0, 12).map(({ instruction, stop }) => [instruction, stop?.id])); // prettier-ignore
});

test.run();

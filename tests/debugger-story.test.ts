/** The story is right at every instruction: held against a shadow stack kept by watching calls, returns and exceptions. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { readHostFile, readKernelSources } from '../box/host-files.ts';
import { registerNames } from '../cpu/state.ts';
import { kernelPhysical } from '../kernel/mm/kernel-memory.ts';
import { Box } from '../index.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import { createSources } from '../debugger/source/index.ts';
import { createCodeRules, story } from '../debugger/story/index.ts';
import type { StoryFrame } from '../debugger/types.ts';
import { bootSample } from './support/samples.ts';
import { createShadow, firstDifference } from './support/shadow-stack.ts';

const slow = process.env['TEST_TIER'] === 'slow';

const program = (name: string): Uint8Array => readHostFile(new URL(`programs/bin/${name}`, import.meta.url));

function storyteller(box: Box, withSources = false): (cpu?: number) => StoryFrame[] {
  const sources = createSources(box, withSources ? packageSources : {});
  const rules = createCodeRules(box.kernel, sources);
  return (cpu = box.kernel.turn.cpu) => story(box.kernel, sources, rules, { cpu });
}

const outline = (frames: readonly StoryFrame[]): string[] => frames.map(({ kind, title }) => `${kind} ${title}`);
const stacks = (frames: readonly StoryFrame[]): string[] => frames.map(({ stack }) => stack);

/** Executes until CPU 0 is at the symbol. */
function runTo(box: Box, symbol: string): void {
  for (let n = 0; n < 1_000_000; n++) {
    const address = box.symbols.lookup(symbol);
    if (address !== undefined && box.registers().rip === address) return;
    box.step();
  }
  throw new Error(`${symbol} was not reached`);
}

/** Executes until a task is at the first instruction of the program; its pid. */
function runToProgram(box: Box, path: string): number {
  const { kernel } = box;
  for (let n = 0; n < 1_000_000 && box.step().instructions > 0; n++) {
    const task = kernel.tasks.get(kernel.perCpu[0]!.current);
    if (task?.executable !== path || box.registers().rip >= 1n << 63n) continue;
    return task.pid;
  }
  throw new Error(`${path} was not executed`);
}

/** Compares at every instruction for which `looks` says so; how many there were. */
function compare(
  box: Box,
  looks: (n: number, frames: readonly { kind: string }[]) => boolean,
  { most = Infinity, from }: { readonly most?: number; readonly from?: string } = {},
): number {
  const tell = storyteller(box);
  const pid = from === undefined ? undefined : runToProgram(box, from);
  const shadow = createShadow(box, pid === undefined ? [] : [pid]);
  let compared = 0;
  for (let n = 0; n < most; n++) {
    const cpu = shadow.step();
    if (cpu === undefined) break;
    const { current } = box.kernel.perCpu[cpu.index]!;
    if (current === 0 || (pid !== undefined && current !== pid)) continue;
    const expected = shadow.frames(cpu);
    if (!looks(n, expected)) continue;
    compared++;
    const frames = tell(cpu.index);
    const level = firstDifference(frames, expected);
    if (level === undefined) continue;
    const got = frames.map(({ kind, symbol }) => `${kind} ${symbol}`).join('\n  ');
    const wanted = expected.map(({ kind }) => kind).join(' < ');
    assert.unreachable(`instruction ${n}, level ${level}: got\n  ${got}\nexpected\n  ${wanted}`);
  }
  return compared;
}

/** While a program is attached and at work: everything from the exception to its end, and a few in between. */
const interesting =
  (every: number) =>
  (n: number, frames: readonly { kind: string }[]): boolean =>
    slow || n % every === 0 || frames.some(({ kind }) => kind === 'kprobe' || kind === 'program');

test('error_injector: the kinds are those of a shadow stack at every instruction', async () => {
  const { box } = await bootSample('error_injector');
  assert.ok(compare(box, interesting(301)) > 600);
  assert.is(box.run().reason, 'idle');
});

for (const how of slow ? ['index', 'unwrap', 'panic', 'divide', 'lock', 'none'] : ['index']) {
  test(`panic ${how}: the same, over the panic, the landing pad and the dispatcher's stack`, async () => {
    const { box } = await bootSample('panic', [how]);
    assert.ok(compare(box, interesting(601), slow ? {} : { from: '/userapp' }) > 600);
  });
}

test('a dispatcher of one\u2019s own, which saves more and keeps the program\u2019s stack in another register: the same', async () => {
  const file = 'kernel/rex-dispatcher/rex_64.S';
  const edits: readonly (readonly [from: string, to: string])[] = [
    ['\tmov\t%gs:rex_stack_ptr, %rbp\n', '\tpush\t%rdi\n\tsub\t$24, %rsp\n\tmov\t%gs:rex_stack_ptr, %rax\n'],
    ['\tmov\t%rsp, (%rbp)\n\tmov\t%rbp, %rsp\n', '\tmov\t%rsp, (%rax)\n\tmov\t%rax, %rsp\n'],
    ['\tpop\t%rsp\n', '\tpop\t%rsp\n\tadd\t$32, %rsp\n'],
  ];
  const sources = readKernelSources().map((each) => {
    if (each.file !== file) return each;
    for (const [from] of edits) assert.ok(each.source.includes(from), from);
    return { file, source: edits.reduce((text, [from, to]) => text.replace(from, to), each.source) };
  });
  const { box } = await bootSample('error_injector', [], { sources });
  assert.ok(compare(box, interesting(97), { from: '/userapp' }) > 150);
});

test('two processors: the same of each', async () => {
  const { box } = await bootSample('error_injector', [], { cpus: 2, schedule: 3 });
  assert.ok(compare(box, interesting(401)) > 400);
});

if (slow) {
  for (const name of ['termination', 'tracex5', 'spinlock_test', 'trace_event', 'syscall_tp', 'recursive', 'hello']) {
    test(`${name}: the same`, async () => {
      const { box } = await bootSample(name);
      assert.ok(compare(box, (n) => n % 7 === 0, { most: 700_000 }) > 400);
    });
  }
}

test('a helper of error_injector: from it to the first instruction of the program', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'bpf_map_lookup_elem');
  const frames = storyteller(box, true)();
  assert.equal(outline(frames), [
    'helper bpf_map_lookup_elem',
    'function error_injector::err_injector',
    'function rex::kprobe::prog_run',
    'function __rex_entry_kprobe',
    'program err_injector',
    'dispatcher rex_dispatcher_func',
    'function trace_call_bpf',
    'function kprobe_perf_func',
    'kprobe kprobe __x64_sys_dup',
    'function exc_int3',
    'exception #BP of the kprobe __x64_sys_dup',
    'function __x64_sys_dup',
    'function do_syscall_64',
    'syscall dup(0)',
    'user syscall',
    'user main',
    'user libc_start_main_stage2',
    'user _start',
  ]);
  assert.equal(stacks(frames).join(' '), `${'rex '.repeat(6)}${'kernel '.repeat(8)}${'user '.repeat(4)}`.trim());
  assert.is(frames[5]!.symbol, 'rex_dispatcher_func+0x35');
  assert.equal(frames[1]!.source.at(-1), {
    file: '/rex/samples/error_injector/main.rs',
    line: 19,
    column: 0,
    function: 'error_injector::err_injector',
  });
  assert.is(frames[12]!.source[0]!.file, 'kernel/entry/entry_64.S');
  assert.match(frames[15]!.source[0]!.file, /error_injector\/userapp\.c$/);
  assert.ok(frames.every(({ guessed }) => guessed === undefined));
});

test('the landing pad: the program is left when the stack is the dispatcher\u2019s', async () => {
  const { box } = await bootSample('panic');
  const tell = storyteller(box);
  runTo(box, 'rex_landingpad_asm');
  const kinds = (): string[] => tell().map(({ kind }) => kind);
  assert.is(kinds()[0], 'dispatcher');
  assert.ok(kinds().includes('program'));
  box.step(2);
  assert.is(tell()[0]!.symbol, 'rex_landingpad_asm+0xb');
  assert.equal(kinds().slice(0, 4), ['dispatcher', 'function', 'function', 'kprobe']);
});

test('a task on no processor: from where it sleeps', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'rex_dispatcher_func');
  const sources = createSources(box);
  const frames = story(box.kernel, sources, createCodeRules(box.kernel, sources), { pid: 1 });
  assert.equal(
    frames.map(({ kind }) => kind).filter((kind, n, all) => kind !== all[n - 1]),
    ['function', 'syscall', 'user'],
  );
  assert.match(frames.find(({ kind }) => kind === 'syscall')!.title, /^wait4\(2, 0x[0-9a-f]+, 0, NULL\)$/);
  assert.is(frames.at(-1)!.title, '_start');
  assert.equal(story(box.kernel, sources, createCodeRules(box.kernel, sources), { pid: 99 }), []);
  assert.equal(story(box.kernel, sources, createCodeRules(box.kernel, sources), { cpu: 5 }), []);
});

test('a system call: its name and arguments from the entry\u2019s first instruction to the user\u2019s next', async () => {
  const box = await Box.boot();
  box.files.write('/bin/hello', program('hello'));
  box.spawn('/bin/hello');
  const tell = storyteller(box);
  const titles = new Set<string>();
  let inside = false;
  for (let n = 0; n < 100_000 && box.step().instructions > 0; n++) {
    const frames = box.kernel.tasks.size === 0 ? [] : tell();
    const call = frames.find(({ kind, title }) => kind === 'syscall' && title.startsWith('writev('));
    if (call === undefined) {
      if (inside) break;
      continue;
    }
    inside = true;
    titles.add(call.title);
  }
  assert.is(titles.size, 1);
  assert.match([...titles][0]!, /^writev\(1, 0x[0-9a-f]+, 2\)$/);
});

test('a signal\u2019s handler: what it has interrupted is told behind it', async () => {
  const box = await Box.boot();
  box.files.write('/bin/signals', program('signals'));
  box.spawn('/bin/signals');
  const tell = storyteller(box);
  let found: readonly StoryFrame[] = [];
  for (let n = 0; n < 400_000 && box.step().instructions > 0; n++) {
    if (n % 43 !== 0) continue;
    const frames = tell();
    if (frames.length === 0) continue; // it has exited
    assert.ok(frames.every(({ guessed }) => guessed === undefined) && frames.at(-1)?.symbol.startsWith('_start'));
    const at = frames.findIndex(({ title }) => title.endsWith('interrupted by a signal'));
    if (at > 0 && frames.length > at + 1) found = frames;
  }
  assert.ok(found.length > 0);
  assert.is(found.at(-1)!.symbol.replace(/\+.*/, ''), '_start');
});

test('a program without symbols: callers that look like callers, and say so', async () => {
  const bytes = program('hello').slice();
  new DataView(bytes.buffer).setBigUint64(40, 0n, true); // e_shoff
  new DataView(bytes.buffer).setUint32(60, 0, true); // e_shnum, e_shstrndx
  const box = await Box.boot();
  box.files.write('/bin/hello', bytes);
  box.spawn('/bin/hello');
  for (let n = 0; n < 60_000 && box.kernel.tasks.get(1)?.syscall?.number !== 20; n++) box.step();
  const users = storyteller(box)().filter(({ kind }) => kind === 'user');
  assert.ok(users.length > 2);
  assert.ok(users.slice(1).every(({ guessed }) => guessed === true));
});

test('whatever the registers and the stacks hold, a story ends and is none of the host\u2019s exceptions', async () => {
  const { box } = await bootSample('error_injector');
  runTo(box, 'bpf_map_lookup_elem');
  const tell = storyteller(box);
  const mark = box.snapshot();
  const { rip, rsp, rbp } = box.registers();
  const interestingValues = [rip, rsp, rbp, 0n, 8n, 0x7fff_ffff_fff0n, 0xffff_8880_0000_0000n, 0xffff_ffff_ffff_fff8n];
  const names = ['rip', ...registerNames];
  const address = fc.oneof(
    fc.bigInt(0n, (1n << 64n) - 1n),
    fc
      .tuple(fc.constantFrom(...interestingValues), fc.bigInt(-64n, 64n))
      .map(([at, by]) => BigInt.asUintN(64, at + by)),
    fc.constantFrom(...box.symbols.all.map((symbol) => symbol.address)),
  );
  const changes = fc.array(fc.tuple(fc.constantFrom(...names), address), { minLength: 1, maxLength: 4 });
  const pokes = fc.array(fc.tuple(fc.integer({ min: -64, max: 96 }), address), { maxLength: 6 });
  fc.assert(
    fc.property(changes, pokes, (registers, words) => {
      box.restore(mark);
      const live = box.registers();
      for (const [name, value] of registers) live[name as 'rip'] = value;
      const view = box.kernel.memory.view;
      for (const [word, value] of words) {
        const physical = kernelPhysical(box.kernel, rsp + BigInt(word * 8));
        if (physical !== undefined) view.setBigUint64(physical, value, true);
      }
      const frames = tell();
      assert.ok(frames.length <= 256);
    }),
    { numRuns: slow ? 3000 : 150 },
  );
});

test.run();

/** A box by the interpreter and by the translator, which translates all it comes to: what a caller sees is the same. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadDisassembler } from '../box/disassemble.ts';
import { allowBranchHints, limitHeapGrowth } from '../box/engine-flags.ts';
import { readHostFile } from '../box/host-files.ts';
import { createTracer } from '../box/trace.ts';
import { registerNames } from '../cpu/state.ts';
import { Box, BoxError, type BoxOptions, type EngineName, type Process } from '../index.ts';
import { bootSample } from './support/samples.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const SMALL = 16 << 20;
const engines = ['interpreter', 'translator', 'both'] as const;
/** without the slowest, which is there to compare */
const compared = ['interpreter', 'translator'] as const;
const eager = { threshold: 1, price: 0 };

const boxOptions = (engine: EngineName): BoxOptions => ({ engine, translator: eager, memory: SMALL });

interface Running {
  readonly box: Box;
  readonly process: Process;
}

async function boot(engine: EngineName, elf: Uint8Array, options: BoxOptions = {}): Promise<Running> {
  const box = await Box.boot({ ...boxOptions(engine), ...options });
  box.files.write('/bin/program', elf);
  return { box, process: box.spawn('/bin/program') };
}

const hostProgram = (name: string): Uint8Array => readHostFile(new URL(`programs/bin/${name}`, import.meta.url));

/** Sums and stores in two nested loops, some 250,000 instructions. */
const loops = tinyProgram(`
	mov $buffer, %ebx
	mov $100, %ecx
outer:
	mov $500, %edx
inner:
	add %rdx, %rax
	rol $3, %rax
	mov %rax, (%rbx,%rdx,8)
	dec %edx
	jnz inner
	dec %ecx
	jnz outer
${exit(9)}`);

/** Registers, what is written where, how far it is. */
function stateOf({ box }: Running): string {
  const registers = box.registers();
  const names = [...registerNames, 'rip', 'rflags'];
  return [box.instructions, ...names.map((name) => registers[name as 'rip'].toString(16))].join(' ');
}

const memoryOf = ({ box }: Running): Buffer => Buffer.from(box.kernel.memory.bytes);

/** A number of instructions in the middle of the loops, behind which most of the code has been translated. */
const WARM = 100_003;

for (const engine of engines.slice(1)) {
  test(`${engine}: steps from the middle of translated code`, async () => {
    const [one, other] = await Promise.all([boot('interpreter', loops), boot(engine, loops)]);
    for (const { box } of [one, other]) assert.is(box.run({ budget: WARM }).instructions, WARM);
    assert.ok(other.box.stats.instructions.translator > WARM / 2, 'it has translated');
    for (let n = 0; n < 300; n++) {
      const count = n % 10 === 9 ? 7 : 1;
      assert.equal(other.box.step(count), one.box.step(count));
      assert.is(stateOf(other), stateOf(one));
    }
  });

  test(`${engine}: a trace from the middle of translated code`, async () => {
    const [one, other] = await Promise.all([boot('interpreter', loops), boot(engine, loops)]);
    const disassembler = await loadDisassembler();
    const tracers = [one, other].map(({ box }) => createTracer(box, disassembler));
    for (const { box } of [one, other]) box.run({ budget: WARM });
    for (let n = 0; n < 300; n++) assert.equal(tracers[1]!.next(), tracers[0]!.next());
  });

  test(`${engine}: a budget is exact, whatever it is`, async () => {
    const [one, other] = await Promise.all([boot('interpreter', loops), boot(engine, loops)]);
    for (let budget = 1; one.box.instructions < 60_000; budget = (budget * 5 + 1) % 4099) {
      for (const { box } of [one, other]) assert.is(box.run({ budget }).instructions, budget);
      assert.is(stateOf(other), stateOf(one));
    }
    const ends = [one, other].map(({ box, process }) => box.run({ until: process }));
    assert.equal([ends[1]!.exitCode, ends[1]!.instructions], [9, ends[0]!.instructions]);
    assert.ok(memoryOf(other).equals(memoryOf(one)));
  });

  test(`${engine}: a sample traced from its start`, async () => {
    const [one, other] = await Promise.all([
      bootSample('error_injector', [], boxOptions('interpreter')),
      bootSample('error_injector', [], boxOptions(engine)),
    ]);
    const disassembler = await loadDisassembler();
    const tracers = [one, other].map(({ box }) => createTracer(box, disassembler));
    for (const { box } of [one, other]) box.run({ budget: 90_000 });
    for (let n = 0; n < 4000; n++) assert.equal(tracers[1]!.next(), tracers[0]!.next());
    assert.equal(
      [one, other].map(({ box, process }) => box.run({ until: process }).exitCode),
      [0, 0],
    );
    assert.equal(other.box.kernelLog, one.box.kernelLog);
    assert.ok(memoryOf(other).equals(memoryOf(one)));
  });
}

for (const engine of engines) {
  test(`${engine}: a snapshot in the middle of a loop goes on as before`, async () => {
    const plain = await boot('interpreter', loops);
    const running = await boot(engine, loops);
    const { box, process } = running;
    for (const each of [plain, running]) each.box.run({ budget: WARM });
    const mark = box.snapshot();
    const ways = [1, 999, 50_007];
    for (const budget of ways) {
      box.run({ budget });
      box.restore(mark);
      assert.is(stateOf(running), stateOf(plain));
      assert.ok(memoryOf(running).equals(memoryOf(plain)));
    }
    const [end, whole] = [box.run({ until: process }), plain.box.run({ until: plain.process })];
    assert.equal([end.exitCode, end.instructions], [9, whole.instructions]);
    assert.is(box.instructions, plain.box.instructions);
    assert.ok(memoryOf(running).equals(memoryOf(plain)));
    box.restore(mark);
    assert.is(box.run({ until: process }).instructions, whole.instructions, 'and once more');
    const { interpreter, translator } = box.stats.instructions;
    const executed = box.instructions + ways.reduce((sum, each) => sum + each, 0) + whole.instructions;
    assert.is(interpreter + translator, executed, 'what was taken back has been executed');
  });

  test(`${engine}: a snapshot before code is written, taken back to after it was`, async () => {
    // the program copies one of two functions to a page of its own, calls it often, then the other
    const source = `
	mov $9, %eax
	xor %edi, %edi
	mov $4096, %esi
	mov $7, %edx
	mov $0x22, %r10d
	mov $-1, %r8
	xor %r9d, %r9d
	syscall
	mov %rax, %rbx
	xor %r12d, %r12d
	movb $0xc3, 3(%rbx)
	movw $0xff49, (%rbx)
	movb $0xc4, 2(%rbx)
	mov $5000, %ebp
first:
	call *%rbx
	dec %ebp
	jnz first
	movb $0xcc, 2(%rbx)
	mov $5000, %ebp
second:
	call *%rbx
	dec %ebp
	jnz second
	mov %r12, %rdi
	and $127, %edi
	mov $231, %eax
	syscall
`;
    const running = await boot(engine, tinyProgram(source));
    const { box, process } = running;
    box.run({ budget: 10_000 });
    const mark = box.snapshot();
    const outcomes = [1, 2].map(() => {
      const { exitCode, instructions } = box.run({ until: process });
      box.restore(mark);
      return `${exitCode} ${instructions}`;
    });
    const plain = await boot('interpreter', tinyProgram(source));
    plain.box.run({ budget: 10_000 });
    const { exitCode, instructions } = plain.box.run({ until: plain.process });
    assert.equal(
      outcomes,
      Array.from({ length: 2 }, () => `${exitCode} ${instructions}`),
    );
  });
}

test('a snapshot of a sample goes on alike in either engine, twice', async () => {
  const outcomes: string[] = [];
  for (const engine of engines) {
    // oxlint-disable-next-line no-await-in-loop
    const { box, process } = await bootSample('panic', [], { ...boxOptions(engine), cpus: 2 });
    box.run({ budget: 60_001 });
    const mark = box.snapshot();
    for (const _ of [1, 2]) {
      box.restore(mark);
      const { exitCode, instructions, stdout } = box.run({ until: process });
      outcomes.push(JSON.stringify([exitCode, instructions, stdout.text, box.kernelLog]));
    }
  }
  assert.is(new Set(outcomes).size, 1);
});

test('translations outlive a restore', async () => {
  const { box } = await boot('translator', loops);
  box.run({ budget: WARM });
  const mark = box.snapshot();
  const { regions } = box.stats.translation!;
  assert.ok(regions.now > 0);
  for (let n = 0; n < 100; n++) {
    box.run({ budget: 1000 });
    box.restore(mark);
  }
  const { now, translated, ...lost } = box.stats.translation!.regions;
  const { invalidated, evicted, replaced, failed } = regions;
  assert.equal(lost, { invalidated, evicted, replaced, failed });
  // what is executed again and again may become hot by that
  assert.is(now - regions.now, translated - regions.translated);
});

test('stats are plain data that add up', async () => {
  const { box, process } = await boot('translator', loops);
  const { compileTime: _, ...fresh } = box.stats.translation!;
  assert.equal(fresh, {
    regions: { now: 0, translated: 0, invalidated: 0, evicted: 0, replaced: 0, failed: 0 },
    failure: undefined,
    bytes: 0,
    steps: 0,
    exits: { step: 0, budget: 0, missing: 0, stopped: 0 },
  });
  box.run({ until: process });
  const { stats } = box;
  assert.equal(structuredClone(stats), stats);
  assert.is(stats.engine, 'translator');
  assert.is(stats.instructions.interpreter + stats.instructions.translator, box.instructions);
  const { regions, bytes, compileTime, exits } = stats.translation!;
  assert.is(regions.translated, regions.now + regions.invalidated + regions.evicted + regions.replaced);
  assert.ok(bytes > 0 && compileTime > 0 && exits.missing > 0 && stats.tlbMisses > 0);
  const { box: interpreted } = await boot('interpreter', loops);
  interpreted.run({ budget: 1000 });
  const { tlbMisses } = interpreted.stats;
  assert.equal(interpreted.stats, {
    engine: 'interpreter',
    instructions: { interpreter: 1000, translator: 0 },
    tlbMisses,
    translation: undefined,
  });
});

test('a profile: the same symbols in every engine, and nothing else changes', async () => {
  const elf = hostProgram('qsort');
  const [plain, ...profiled] = await Promise.all([
    boot('interpreter', elf),
    ...compared.map((each) => boot(each, elf)),
  ]);
  const budget = 1_000_000;
  const whole = plain.box.run({ budget });
  const profiles = profiled.map(({ box }) => {
    box.startProfile({ period: 997 });
    const { stdout, instructions } = box.run({ budget });
    assert.equal([stdout.text, instructions], [whole.stdout.text, whole.instructions]);
    return box.stopProfile();
  });
  for (const running of profiled) assert.ok(memoryOf(running).equals(memoryOf(plain)));
  for (const { period, samples, symbols } of profiles) {
    assert.equal([period, samples], [997, Math.floor(whole.instructions / 997)]);
    assert.equal(symbols, profiles[0]!.symbols);
  }
  const { symbols, samples, regions } = profiles[1]!;
  assert.is(
    symbols.reduce((sum, row) => sum + row.samples, 0),
    samples,
  );
  assert.ok(Math.abs(symbols.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  assert.equal([symbols[0]!.space, symbols[0]!.program], ['user', '/bin/program']);
  assert.equal(structuredClone(profiles[1]), profiles[1]);
  assert.is(profiles[0]!.regions, undefined);
  const { instructions, translation } = profiled[1]!.box.stats;
  const inRegions = regions!.reduce((sum, region) => sum + region.instructions, 0);
  assert.is(inRegions, instructions.translator + translation!.steps, 'each instruction in a region is counted');
  assert.ok(regions!.every(({ entries, size, bytes }) => entries > 0 && size > 0 && bytes > 0));
  assert.ok(regions!.some(({ space, symbol }) => space === 'user' && symbol !== ''));
});

test('a profile finds kernel and extensions, and every instruction with a period of one', async () => {
  const { box, process } = await bootSample('error_injector', [], boxOptions('translator'));
  const before = box.instructions;
  box.startProfile({ period: 1 });
  box.run({ until: process });
  const { symbols, samples } = box.stopProfile();
  assert.is(samples, box.instructions - before);
  assert.ok(symbols.some(({ space, program, symbol }) => space === 'kernel' && program === '' && symbol !== ''));
  assert.ok(symbols.some(({ space, symbol }) => space === 'extension' && symbol.endsWith('::err_injector')));
  assert.equal([...new Set(symbols.map(({ program }) => program))].sort(), ['', '/loader', '/userapp'].sort());
});

test('profiles are started and stopped in turn', async () => {
  const { box } = await boot('translator', loops);
  const refused = (message: string) => (error: unknown) => error instanceof BoxError && error.message.includes(message);
  assert.throws(() => box.stopProfile(), refused('no profile has been started'));
  assert.throws(() => box.startProfile({ period: 0 }), refused('startProfile: period: got 0'));
  box.startProfile();
  assert.throws(() => box.startProfile(), refused('has not been stopped'));
  assert.equal(box.stopProfile(), { period: 1009, samples: 0, symbols: [], regions: [] });
  box.startProfile({ period: 100 });
  box.run({ budget: 5000 });
  assert.is(box.stopProfile().samples, 50);
  box.run({ budget: 5000 });
  box.startProfile();
  assert.is(box.stopProfile().samples, 0);
});

test('V8 reads branch hints when it is told to as it runs', () => {
  const script = `
    import { allowBranchHints } from './box/engine-flags.ts';
    import { Code } from './cpu/translator/wasm/code.ts';
    import { encodeModule } from './cpu/translator/wasm/module.ts';
    if (process.env.HINTS === '1') allowBranchHints();
    const code = new Code();
    for (const [n, likely] of [false, false].entries()) {
      code.get(0); code.i32(n); code.op('i32.eq');
      code.if(undefined, likely);
      code.i32(n); code.call(0); code.op('drop');
      code.end();
    }
    code.get(0);
    const type = { params: ['i32'], results: ['i32'] };
    const bytes = encodeModule({
      types: [type],
      // so many that its number is that of no other function, as Node has modules of its own
      imports: Array.from({ length: 300 }, () => ({ kind: 'function', module: 'm', name: 'f', type: 0 })),
      functions: [{ type: 0, locals: [], code, export: 'g' }],
    });
    new WebAssembly.Instance(new WebAssembly.Module(bytes), { m: { f: Number } }).exports.g(7);
  `;
  const layoutOf = (hints: string): string => {
    const flags = ['--no-liftoff', '--no-wasm-lazy-compilation', '--print-wasm-code', '--import', 'tsx'];
    const { stdout } = spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', script], {
      cwd: fileURLToPath(new URL('../', import.meta.url)),
      encoding: 'utf8',
      env: { ...process.env, HINTS: hints },
    });
    return /^index: 300\n(?:.*\n){0,6}?Instructions \(size = (\d+)\)/m.exec(stdout)?.[1] ?? '';
  };
  const [without, withHints, again] = [layoutOf('0'), layoutOf('1'), layoutOf('0')];
  assert.is(again, without);
  assert.is.not(without, '');
  assert.is.not(withHints, without);
});

test('a V8 that may not know the switches is left alone', () => {
  for (const set of [allowBranchHints, limitHeapGrowth]) {
    for (const version of ['none', '', '10.2.154', '15.0.1', 'x']) assert.is(set(version), false);
    assert.is(set('12.4.254.21-node.57'), true);
  }
});

test.run();

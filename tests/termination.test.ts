/**
 * Programs that would never end are ended: by the watchdog in their own code or behind a helper, by the check of their
 * stack, by a panic; with any number of locks held, on several CPUs at once. The kernel and the interrupted process go on.
 */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box, type RexExtension } from '../index.ts';
import type { BpfProgram } from '../kernel/bpf/types.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { readKernelU64 } from '../kernel/mm/kernel-memory.ts';
import { attachProgram, createKprobeEvent, createTracepointEvent } from '../kernel/perf/events.ts';
import { readPerCpu, writePerCpu } from '../kernel/per-cpu.ts';
import { raiseWatchdog } from '../kernel/rex-dispatcher/watchdog.ts';
import { Signal } from '../kernel/signal.ts';
import { assertNoProgram } from './support/rex-state.ts';
import { bootSample } from './support/samples.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const { env } = process;
const slow = env['TEST_TIER'] === 'slow';
const seed = Number(env['SEED'] ?? 1);

/** ns, the shortest: a loop is ended after one to two million instructions */
const watchdogPeriod = 1_000_000;
const memory = 16 << 20;
const LOCKS = 65;
/** More than any program that is ended here executes. */
const BUDGET = 60_000_000;

/** How a kind of program comes into the box; a new program type is a row. */
interface Kind {
  readonly name: string;
  readonly program: string;
  attach(kernel: Kernel, program: BpfProgram): void;
}
const IMAGE = 'samples/termination/termination.rex';
const tracepointOf = (kernel: Kernel, wanted: string) =>
  [...kernel.perf.tracepoints.values()].find(({ name }) => name === wanted)!;
const kinds: readonly Kind[] = [
  {
    name: 'kprobe',
    program: 'endless',
    attach: (kernel, program) =>
      attachProgram(
        kernel,
        createKprobeEvent(kernel, { symbol: '__x64_sys_dup', offset: 0n, address: 0n }, true),
        program,
      ),
  },
  {
    name: 'tracepoint',
    program: 'endless_trace',
    attach: (kernel, program) =>
      attachProgram(kernel, createTracepointEvent(kernel, tracepointOf(kernel, 'sys_enter_dup')), program),
  },
];

/** The numbers of samples/termination/main.rs, and the first line of the message. */
const actions = {
  none: { number: 0, message: undefined },
  loop: { number: 1, message: 'Timeout in Rex program' },
  'helper-loop': { number: 2, message: 'Timeout in Rex program' },
  overflow: { number: 3, message: 'Stack overflow in Rex program' },
  panic: { number: 4, message: /^pid \d+ holds \d+ locks$/ },
  // the panic handler itself runs out of stack
  message: { number: 5, message: 'Stack overflow in Rex program' },
} as const;
type Action = keyof typeof actions;

interface Scene {
  readonly box: Box;
  readonly extension: RexExtension;
}

const programOf = ({ kernel }: Box, kind: Kind): BpfProgram =>
  [...kernel.bpf.programs.values()].find(({ name }) => name === kind.program)!;

async function prepare(kind: Kind, cpus: number): Promise<Scene> {
  const box = await Box.boot({ cpus, memory, watchdogPeriod });
  box.files.write('/userapp', readRepositoryFile('samples/termination/userapp'));
  const extension = box.rex.load(readRepositoryFile(IMAGE));
  kind.attach(box.kernel, programOf(box, kind));
  return { box, extension };
}

function start({ box, extension }: Scene, action: Action, locks: number) {
  const process = box.spawn('/userapp');
  extension.map('pid_to_action').update(process.pid, actions[action].number | (locks << 8));
  return process;
}

const texts = ({ box }: Scene): string[] => box.kernel.log.map(({ text }) => text);

/** The messages of the panics, oldest first. */
function messages(scene: Scene): string[] {
  const lines = texts(scene);
  return lines.flatMap((line, n) => (line.startsWith('rex: panicked at ') ? [lines[n + 1]!] : []));
}

function assertLocksFree({ extension }: Scene): void {
  const cells = extension.map('cells');
  for (let n = 0; n < LOCKS; n++) {
    const [word] = new Uint32Array(cells.lookup(n)!.slice(0, 4).buffer);
    assert.is(word, 0, `lock ${n}`);
  }
}

function assertRestored(scene: Scene): void {
  assert.is(scene.box.death, undefined);
  assertNoProgram(scene.box.kernel);
  assertLocksFree(scene);
}

for (const kind of kinds) {
  for (const cpus of kind === kinds[0] || slow ? [1, 4] : [2]) {
    for (const action of Object.keys(actions) as Action[]) {
      test(`${kind.name}, ${cpus} CPUs: ${action}, with 0 to 65 locks`, async () => {
        // a loop costs millions of instructions
        const loops = action === 'loop' || action === 'helper-loop';
        const most = loops && !slow ? [64] : [0, 1, 63, 64, 65];
        const scene = await prepare(kind, cpus);
        for (const locks of cpus === 1 || slow ? most : loops ? [2] : [1, 64]) {
          scene.box.kernel.log.length = 0;
          const processes = Array.from({ length: cpus }, () => start(scene, action, locks));
          for (const process of processes) {
            const { exitCode, reason } = scene.box.run({ until: process, budget: BUDGET });
            assert.equal([reason, exitCode], ['exited', 0], `${locks} locks`);
          }
          assertRestored(scene);
          const expected = locks > 64 ? 'Object count exceeded' : actions[action].message;
          const got = messages(scene);
          assert.is(got.length, expected === undefined ? 0 : cpus, got.join('\n'));
          for (const message of got) {
            if (typeof expected === 'string') assert.is(message, expected);
            else assert.match(message, expected!);
          }
        }
      });
    }
  }

  test(`${kind.name}: the log of a timeout in program text`, async () => {
    const scene = await prepare(kind, 1);
    const { id } = programOf(scene.box, kind);
    scene.box.run({ until: start(scene, 'loop', 0), budget: BUDGET });
    const lines = texts(scene).map((line) => line.replace(/rex_prog_\w+::/, '').replace(/\+0x\w+\/0x\w+$/, ''));
    const from = lines.indexOf(`rex_terminate invoked for prog:${id}`);
    assert.equal(
      lines.slice(from + 1, from + 4).map((line) => line.replace(/:\d+:\d+:$/, '')),
      [
        'Program not in any helper/panic.',
        'rex: panicked at toolchain/rust/rex/src/termination.rs',
        'Timeout in Rex program',
      ],
    );
    const rex = lines.slice(lines.indexOf(' <REX>'), lines.indexOf(' </REX>')).map((line) => line.trim());
    assert.equal(rex.slice(1, 5), [
      'dump_stack_lvl',
      'rex_landingpad',
      '__rustc::rust_begin_unwind',
      'core::panicking::panic_fmt',
    ]);
    assert.equal(rex.slice(5, 8), [
      'rex::termination::timeout',
      '__rex_handle_timeout',
      `termination::${kind.program}`,
    ]);
    assert.is(rex.at(-1), 'rex_dispatcher_func');
  });

  test(`${kind.name}: a timeout inside a helper ends the program behind it`, async () => {
    const scene = await prepare(kind, 1);
    const { box } = scene;
    const process = start(scene, 'helper-loop', 2);
    const { kernel } = box;
    const helper = kernel.symbols.byName.get('bpf_map_lookup_elem')!.address;
    const inHelper = (): boolean => box.registers().rip === helper && readPerCpu(kernel, 0, 'rex_curr_prog') !== 0n;
    for (let n = 0; n < 200_000 && !inHelper(); n++) box.step();
    assert.ok(inHelper());
    expire(box, 0);
    assert.is(box.run({ until: process, budget: BUDGET }).exitCode, 0);
    assert.ok(texts(scene).includes('Program in helper/panic.'));
    assert.equal(messages(scene), ['Timeout in Rex program']);
    assertRestored(scene);
  });
}

/** The program on CPU `index`, if there is one, has run for too long, and the watchdog looks now. */
function expire({ kernel }: Box, index: number): void {
  const jiffies = readKernelU64(kernel, kernel.symbols.byName.get('jiffies')!.address)!;
  if (readPerCpu(kernel, index, 'rex_curr_prog') !== 0n) {
    writePerCpu(kernel, index, 'rex_prog_start_time', BigInt.asUintN(64, jiffies - 1000n));
  }
  raiseWatchdog(kernel, kernel.cpus[index]!);
}

test('the watchdog at any instruction, from the dispatcher to the landing pad and back', async () => {
  const cases: {
    readonly scene: Scene;
    readonly mark: ReturnType<Box['snapshot']>;
    readonly length: number;
    readonly pid: number;
  }[] = [];
  for (const [action, locks] of [
    ['panic', 3],
    ['none', 2],
    ['overflow', 1],
  ] as const) {
    const scene = await prepare(kinds[0]!, 1);
    const { box } = scene;
    const { pid } = start(scene, action, locks);
    const dispatcher = box.symbols.lookup('rex_dispatcher_func')!;
    for (let n = 0; n < 200_000 && box.registers().rip !== dispatcher; n++) box.step();
    assert.is(box.registers().rip, dispatcher);
    const mark = box.snapshot();
    const before = box.instructions;
    const back = readKernelU64(box.kernel, box.registers().rsp)!;
    for (let n = 0; n < 100_000 && box.registers().rip !== back; n++) box.step();
    assert.is(box.registers().rip, back, action);
    cases.push({ scene, mark, length: box.instructions - before, pid });
  }
  const property = fc.property(
    fc.nat(cases.length - 1),
    fc.nat(),
    fc.option(fc.nat(300), { nil: undefined }),
    (which, first, second) => {
      const { scene, mark, length, pid } = cases[which]!;
      const { box } = scene;
      box.restore(mark);
      box.step(first % (length + 20));
      expire(box, 0);
      if (second !== undefined) {
        box.step(second);
        expire(box, 0);
      }
      box.run({ budget: BUDGET });
      const ends = box.events.filter((event) => event.type === 'exit' && event.pid === pid);
      assert.is((ends[0] as { status?: number } | undefined)?.status, 0);
      assert.ok(messages(scene).length <= 1, messages(scene).join('\n'));
      assertRestored(scene);
    },
  );
  const details = fc.check(property, { numRuns: slow ? 3000 : 40, seed, endOnFailure: !slow });
  const { errorInstance } = details as { errorInstance?: Error };
  assert.not(
    details.failed,
    `${JSON.stringify(details.counterexample)} (${cases.map(({ length }) => length).join(', ')} instructions): ${errorInstance?.message}\n` +
      `replay: SEED=${details.seed} npx tsx tests/run-file.ts tests/termination.test.ts`,
  );
});

test('through a loader: SIGSYS, and what it loaded goes with it', async () => {
  for (const action of ['loop', 'overflow']) {
    const { box, process } = await bootSample('termination', [action, '5'], { memory, watchdogPeriod, cpus: 2 });
    const { exitCode, stdout } = box.run({ until: process, budget: BUDGET });
    assert.is(exitCode, 0);
    assert.is(
      stdout.text,
      'userapp: dup: success\nuserapp: still running\nloader: killed by signal 31 (Bad system call)\n' +
        'userapp: dup: success\nuserapp: still running\n',
    );
    assertNoProgram(box.kernel);
    assert.equal([box.kernel.bpf.maps.size, box.kernel.bpf.programs.size, box.kernel.kprobes.probes.size], [0, 0, 0]);
  }
});

test('a pinned link outlives its loader: the program is ended again, and nobody gets a signal', async () => {
  const args = ['overflow', '5', 'pin'];
  const { box, process } = await bootSample('termination', args, { memory, watchdogPeriod });
  const { exitCode, stdout } = box.run({ until: process, budget: BUDGET });
  assert.is(exitCode, 0);
  assert.is(stdout.text.split('userapp: still running').length - 1, 2);
  assert.is(box.events.filter(({ type }) => type === 'panic').length, 2);
  assert.is(box.events.filter((event) => event.type === 'signal' && event.signal === Signal.SIGSYS).length, 1);
  assertNoProgram(box.kernel);
  assert.is(box.kernel.bpf.links.size, 1);
  assert.ok(box.kernel.bpf.maps.size > 0 && box.kernel.kprobes.probes.size === 1);
});

test('the boot log; an idle box stays idle', async () => {
  const box = await Box.boot({ cpus: 2, memory, watchdogPeriod });
  const lines = box.kernel.log.map(({ text }) => text);
  assert.equal(
    lines.slice(1, 3).map((line) => line.replace(/0x\w+$/, '')),
    ['rex: Initialize rex_stack on CPU 0 at ', 'rex: Initialize rex_stack on CPU 1 at '],
  );
  assert.equal(lines.slice(3, 6), [
    'rex: Initialize rex_watchdog (NMI)',
    'rex: NMI watchdog armed on CPU 0',
    'rex: NMI watchdog armed on CPU 1',
  ]);
  const { reason, instructions } = box.run();
  assert.equal([reason, instructions], ['idle', 0]);
});

test('a period out of range is refused', async () => {
  for (const period of [0, 999_999, 1.5e6 + 0.5, NaN]) {
    try {
      await Box.boot({ watchdogPeriod: period });
    } catch (error) {
      assert.match((error as Error).message, /^watchdogPeriod: got .* expected a whole number from 1000000 to/);
      continue;
    }
    assert.unreachable(`${period} was accepted`);
  }
});

test.run();

/**
 * Programs that would never end are ended: by the watchdog in their own code or behind a helper, by the check of their
 * stack, by a panic; with any number of locks held, on several CPUs at once. The kernel and the interrupted process go on.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box } from '../index.ts';
import { readPerCpu } from '../kernel/per-cpu.ts';
import { WATCHDOG_PERIOD } from '../kernel/rex-dispatcher/watchdog.ts';
import {
  actions,
  assertRestored,
  BUDGET,
  expire,
  kinds,
  memory,
  messages,
  prepare,
  programOf,
  resources,
  runAll,
  texts,
  watchdogPeriod,
  type Action,
  type Kind,
} from './support/termination.ts';

const { env } = process;
const slow = env['TEST_TIER'] === 'slow';
const every = Array.from({ length: 66 }, (_, n) => n);

const loops = (action: Action): boolean => action === 'loop' || action === 'helper-loop';

/** Lock counts; a loop costs millions of instructions. */
function lockCounts(kind: Kind, action: Action): readonly number[] {
  if (slow) return every;
  return loops(action) && kind !== kinds[0] ? [64, 65] : [0, 1, 64, 65];
}

for (const kind of kinds) {
  for (const action of Object.keys(actions) as Action[]) {
    test(`${kind.name}: ${action}, with 0 to 65 locks`, async () => {
      // the shortest period is a jiffy, which a program that ends by itself may straddle
      const scene = await prepare([kind], 1, loops(action) ? {} : { watchdogPeriod: WATCHDOG_PERIOD });
      const program = programOf(scene, kind.program);
      runAll(scene, [{ kind, action: 'none', locks: 0, cpu: 0 }], 'the first one');
      const before = resources(scene);
      for (const locks of lockCounts(kind, action)) {
        const what = `${locks} locks`;
        scene.box.kernel.log.length = 0;
        const earlier = kind.verdicts?.(scene);
        const { runs, misses } = program;
        runAll(scene, [{ kind, action, locks, cpu: 0 }], what);
        assertRestored(scene);
        assert.equal(resources(scene), before, what);
        const expected = locks > 64 ? 'Object count exceeded' : actions[action].message;
        const got = messages(scene);
        const entered = program.runs - runs;
        assert.is(program.misses, misses, what);
        assert.ok(entered >= 1, what);
        const ended = expected === undefined ? 0 : kind.repeats === true ? entered : 1;
        assert.is(got.length, ended, got.join('\n'));
        for (const message of got) {
          if (typeof expected === 'string') assert.is(message, expected);
          else assert.match(message, expected!);
        }
        const verdicts = kind.verdicts?.(scene);
        if (verdicts === undefined || earlier === undefined) continue;
        // what lo answers comes through the program too, which lets it pass
        assert.is(verdicts.others - earlier.others, kind.drops === true ? 1 - ended : entered - ended, what);
        if (verdicts.ended !== undefined) assert.is(verdicts.ended - earlier.ended!, ended, what);
      }
    });
  }

  test(`${kind.name}: the log of a timeout in program text`, async () => {
    const scene = await prepare([kind], 1);
    const { id } = programOf(scene, kind.program);
    runAll(scene, [{ kind, action: 'loop', locks: 0, cpu: 0 }], 'loop');
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
    const end = lines.indexOf(' </REX>');
    const rex = lines.slice(lines.indexOf(' <REX>'), end).map((line) => line.trim());
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
    const { length } = kind.hook;
    assert.equal(
      lines.slice(end + 1, end + 2 + length).map((line) => line.trim()),
      [`<${kind.stack ?? 'TASK'}>`, ...kind.hook],
    );
  });

  test(`${kind.name}: the log of a panic`, async () => {
    const scene = await prepare([kind], 1, { watchdogPeriod: WATCHDOG_PERIOD });
    runAll(scene, [{ kind, action: 'panic', locks: 3, cpu: 0 }], 'panic');
    const lines = texts(scene).map((line) =>
      line.replace(/rex_prog_[0-9a-f]{16}::/, '').replace(/\+0x\w+\/0x\w+$/, ''),
    );
    const from = lines.findIndex((line) => /^rex: panicked at samples\/termination\/main\.rs:\d+:\d+:$/.test(line));
    assert.match(lines[from + 1]!, /^(pid|port) \d+ holds 3 locks$/);
    assert.match(lines[from + 2]!, /^CPU: 0 UID: 0 PID: \d+ Comm: \S+ Not tainted /);
    // the attribute's entry may be a frame of its own or be inlined
    const entry = new RegExp(`^(rex::\\w+::prog_run|__rex_entry_\\w+|${kind.program})$`);
    const frames = lines.slice(lines.indexOf('Call Trace:', from) + 1).map((line) => line.trim());
    const trace = frames.filter((line) => !entry.test(line));
    assert.equal(trace.slice(0, 9 + kind.hook.length), [
      '<REX>',
      'dump_stack_lvl',
      'rex_landingpad',
      '__rustc::rust_begin_unwind',
      'core::panicking::panic_fmt',
      `termination::${kind.program}`,
      'rex_dispatcher_func',
      '</REX>',
      `<${kind.stack ?? 'TASK'}>`,
      ...kind.hook,
    ]);
  });

  test(`${kind.name}: a timeout inside a helper ends the program behind it`, async () => {
    const scene = await prepare([kind], 1);
    const { box } = scene;
    const process = kind.start(scene, { action: 'helper-loop', locks: 2, cpu: 0 });
    const { kernel } = box;
    const helper = kernel.symbols.byName.get('bpf_map_lookup_elem')!.address;
    const inHelper = (): boolean => box.registers().rip === helper && readPerCpu(kernel, 0, 'rex_curr_prog') !== 0n;
    for (let n = 0; n < 200_000 && !inHelper(); n++) box.step();
    assert.ok(inHelper());
    expire(box, 0);
    const { exitCode } = box.run(process === undefined ? { quiet: true } : { until: process, budget: BUDGET });
    assert.is(exitCode, process && 0);
    assert.ok(texts(scene).includes('Program in helper/panic.'));
    assert.equal(new Set(messages(scene)), new Set(['Timeout in Rex program']));
    assertRestored(scene);
  });
}

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

/** Programs that outlive their loaders: who is killed when they are ended, what goes, and what stays attached. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { operationsOf } from '../kernel/bpf-maps/index.ts';
import { writeElement } from '../kernel/bpf/map-access.ts';
import { reapTask } from '../kernel/process.ts';
import { Signal } from '../kernel/signal.ts';
import { assertNoProgram } from './support/rex-state.ts';
import { bootSample } from './support/samples.ts';
import {
  actions,
  assertRestored,
  BUDGET,
  kinds,
  memory,
  messages,
  prepare,
  programOf,
  resources,
  runAll,
  watchdogPeriod,
  type Action,
} from './support/termination.ts';

const { env } = process;
const slow = env['TEST_TIER'] === 'slow';
/** how often a program is ended: a multiple of 5 */
const ROUNDS = slow ? 100 : 10;

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

for (const action of ['panic', 'overflow', 'loop'] as const) {
  test(`${action}: pinned, ended again and again, still attached, and nothing is left behind`, async () => {
    const { box, process } = await bootSample('termination', [action, '5', 'pin'], { memory, watchdogPeriod });
    const { kernel } = box;
    assert.is(box.run({ until: process, budget: BUDGET }).exitCode, 0);
    const map = [...kernel.bpf.maps.values()].find(({ name }) => name === 'pid_to_action')!;
    const [link] = kernel.bpf.links.values();
    const panics = (): number => box.events.filter(({ type }) => type === 'panic').length;
    const userapp = (): Readonly<Record<string, number>> => {
      const app = box.spawn('/userapp');
      const key = new Uint8Array(Int32Array.of(app.pid).buffer);
      const value = new Uint8Array(BigUint64Array.of(BigInt(actions[action].number | (64 << 8))).buffer);
      writeElement(kernel, undefined, { map }, key, value, 0n);
      const before = panics();
      const { exitCode, stdout } = box.run({ until: app, budget: BUDGET });
      assert.equal([exitCode, stdout.text], [0, 'userapp: dup: success\nuserapp: still running\n']);
      assert.is(panics(), before + 1);
      operationsOf(map).delete(kernel, map, key);
      reapTask(kernel, kernel.tasks.get(app.pid)!);
      assertNoProgram(kernel);
      return resources({ box });
    };
    const before = userapp();
    for (let n = 0; n < (action === 'loop' && !slow ? 2 : ROUNDS); n++) assert.equal(userapp(), before);
    assert.equal([...kernel.bpf.links.values()], [link]);
    assert.is(kernel.kprobes.probes.size, 1);
    assert.is(box.events.filter((event) => event.type === 'signal' && event.signal === Signal.SIGSYS).length, 1);
  });
}

for (const kind of kinds.filter(({ repeats }) => repeats !== true)) {
  test(`${kind.name}: what attached it has gone, and it is ended again and again`, async () => {
    const scene = await prepare([kind], 1);
    const program = programOf(scene, kind.program);
    scene.extension.unload();
    const before = resources(scene);
    const turns: readonly Action[] = ['panic', 'overflow', 'message', 'panic', 'none'];
    for (let n = 0; n < ROUNDS; n++) {
      runAll(scene, [{ kind, action: n === 7 ? 'loop' : turns[n % turns.length]!, locks: 64, cpu: 0 }], `run ${n}`);
      assertRestored(scene);
      assert.equal(resources(scene), before, `run ${n}`);
    }
    assert.is(programOf(scene, kind.program), program);
    assert.ok(program.runs >= ROUNDS);
    assert.is(messages(scene).length, (ROUNDS / turns.length) * 4);
  });
}

test.run();

/** Listeners of a box: each is told of every event once, whatever the others do, and what they throw reaches who called. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box, BoxError, type KernelEvent, type Process } from '../index.ts';
import { stateDifferences, stateOf } from './support/box-state.ts';
import { bootSample } from './support/samples.ts';
import { catSource, tinyProgram } from './support/tiny-program.ts';

const MEMORY = 16 << 20;
const slow = process.env['TEST_TIER'] === 'slow';

const boot = (options = {}) => bootSample('error_injector', [], { memory: MEMORY, ...options });

/** Calls `action` until it throws nothing; what it threw. */
function until(action: () => void, most = 10_000): unknown[] {
  const thrown: unknown[] = [];
  for (let n = 0; n < most; n++) {
    try {
      action();
      return thrown;
    } catch (error) {
      thrown.push(error);
    }
  }
  throw new Error(`thrown more than ${most} times`);
}

const toEnd = (box: Box, process: Process) => (): void => {
  if (box.run({ until: process }).reason !== 'exited') throw new Error('it did not exit');
};

/** A run that nobody listens to. */
async function undisturbed(options = {}) {
  const { box, process } = await boot(options);
  const before = box.events.length;
  box.run({ until: process });
  return { state: stateOf(box), events: box.events, later: box.events.slice(before) };
}

test('whichever listeners throw at whichever events: all are told of everything, once, and the run is the same', async () => {
  const expected = await undisturbed();
  const throws = fc.array(fc.array(fc.nat(expected.later.length - 1), { maxLength: 6 }), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(throws, async (plans) => {
      const { box, process } = await boot();
      assert.is(box.events.length, expected.events.length - expected.later.length);
      const told = plans.map((): KernelEvent[] => []);
      const thrown: string[] = [];
      plans.forEach((plan, listener) => {
        box.on((event) => {
          const n = told[listener]!.push(event) - 1;
          if (!plan.includes(n)) return;
          thrown.push(`${n}`);
          throw new Error(`${n} of ${listener}`);
        });
      });
      const caught = until(toEnd(box, process));
      for (const events of told) assert.equal(events, expected.later);
      assert.equal(box.events, expected.events);
      assert.equal(stateDifferences(expected.state, stateOf(box)), []);
      assert.is(caught.length > 0, thrown.length > 0);
      // the first of each call
      assert.ok(caught.every((error) => error instanceof Error && /^\d+ of \d$/.test(error.message)));
    }),
    { numRuns: slow ? 100 : 6 },
  );
});

test('an exception reaches the caller once, at the end of the slice; the next run goes on', async () => {
  const { box, process } = await boot();
  let calls = 0;
  box.on(({ type }) => {
    if (type === 'fork' && calls++ === 0) throw new RangeError('mine');
  });
  assert.throws(
    () => box.run({ until: process }),
    (error: unknown) => error instanceof RangeError && error.message === 'mine',
  );
  const at = box.instructions;
  const last = box.events.at(-1);
  assert.ok(box.events.some(({ type }) => type === 'fork'));
  box.step(0);
  assert.equal([box.instructions, box.events.at(-1)], [at, last]);
  const { reason, exitCode } = box.run({ until: process });
  assert.equal([reason, exitCode, calls], ['exited', 0, 2]);
});

test("in whichever function it is told: the exception is that one's", async () => {
  const functions: Readonly<Record<string, (box: Box) => unknown>> = {
    events: (box) => box.events,
    on: (box) => box.on(() => {}),
    snapshot: (box) => box.snapshot(),
    save: (box) => box.save(),
    run: (box) => box.run({ budget: 0 }),
    step: (box) => box.step(),
  };
  for (const [name, call] of Object.entries(functions)) {
    const { box } = await boot();
    let calls = 0;
    box.on(() => {
      calls++;
      throw new Error('mine');
    });
    box.spawn('/userapp');
    assert.ok(box.kernel.events.length > 0, 'nobody has been told yet');
    assert.throws(() => call(box), /^mine$/, name);
    const told = calls;
    assert.is(told, 1, name);
    call(box);
    assert.is(calls, told, `${name}: not told twice`);
  }
});

test('a listener that runs the box, or takes it elsewhere, is refused; what it may do is done', async () => {
  const forbidden: Readonly<Record<string, (box: Box) => unknown>> = {
    run: (box) => box.run(),
    step: (box) => box.step(),
    snapshot: (box) => box.snapshot(),
    restore: (box) => box.restore({} as never),
    save: (box) => box.save(),
    goTo: (box) => box.goTo(0),
    stepBack: (box) => box.stepBack(),
    runBack: (box) => box.runBack({ until: () => true }),
  };
  for (const [name, call] of Object.entries(forbidden)) {
    const { box, process } = await boot({ history: true });
    const stop = box.on(({ type }) => {
      if (type === 'fork') call(box);
    });
    assert.throws(
      () => box.run({ until: process }),
      (error: unknown) => error instanceof BoxError && error.message.startsWith(`${name}: not from`),
    );
    stop();
    assert.is(box.run({ until: process }).exitCode, 0, name);
  }
});

test('what a listener causes is told after what it was told of', async () => {
  const { box, process } = await boot();
  const told: KernelEvent[] = [];
  box.on(({ type }) => {
    if (type !== 'fork') return;
    box.spawn('/userapp');
    // not yet
    assert.is(box.events.at(-1)!.type, 'fork');
  });
  box.on((event) => told.push(event));
  const before = box.events.length;
  box.run({ until: process });
  assert.equal(told, box.events.slice(before));
});

test('listeners that come and go while others are told', async () => {
  const { box, process } = await boot();
  const told: string[] = [];
  const stops = [
    box.on(({ type }) => {
      if (type !== 'fork' || told.length > 0) return;
      told.push('first');
      stops[1]!();
      box.on((event) => void (event.type === 'fork' && told.push('late')));
    }),
    box.on(({ type }) => void (type === 'fork' && told.push('second'))),
  ];
  box.run({ until: process });
  assert.equal(
    told,
    ['first', 'late'],
    'the second was taken off before its turn, the third knows of the second fork only',
  );
});

test('a source of input that throws, or that runs the box, is asked again', async () => {
  const box = await Box.boot({ memory: MEMORY });
  box.files.write('/bin/cat', tinyProgram(catSource()));
  const answers: (() => Uint8Array | undefined)[] = [
    () => {
      throw new Error('mine');
    },
    () => {
      box.run();
      return undefined;
    },
    () => new TextEncoder().encode('typed\n'),
    () => undefined,
  ];
  const process = box.spawn('/bin/cat', [], { stdin: () => answers.shift()!() });
  assert.throws(() => box.run({ until: process }), /^mine$/);
  assert.throws(
    () => box.run({ until: process }),
    (error: unknown) => error instanceof BoxError,
  );
  const { reason, stdout } = box.run({ until: process });
  assert.equal([reason, stdout.text], ['exited', 'typed\n']);
});

test.run();

/** A motion in slices comes to rest where the whole one does, whatever is looked at in between; given up, where it should. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openDebugger } from '../debugger/debugger.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import type { Debugger, LongMotion, Rest } from '../debugger/types.ts';
import { Box } from '../index.ts';
import { stateDifferences, stateOf } from './support/box-state.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';
import { addAll, debugSample } from './support/debugged.ts';

const moves: Readonly<Record<LongMotion, (debug: Debugger) => Rest>> = {
  over: (debug) => debug.stepOver(),
  out: (debug) => debug.stepOut(),
  line: (debug) => debug.stepLine(),
  'line-over': (debug) => debug.stepLine({ over: true }),
  'back-over': (debug) => debug.stepBackOver(),
  'back-line': (debug) => debug.stepBackLine(),
  'back-line-over': (debug) => debug.stepBackLine({ over: true }),
  'back-to-stop': (debug) => debug.reverseContinue(),
};
const kinds = Object.keys(moves) as LongMotion[];
const forwards = kinds.filter((kind) => !kind.startsWith('back-'));

function inSlices(debug: Debugger, kind: LongMotion, between: () => void): { rest: Rest; slices: number } {
  const steps = debug.inSlices(kind);
  for (let slices = 1; ; slices++) {
    const rest = steps.next();
    if (rest !== undefined) return { rest, slices };
    between();
  }
}

test('each kind, from the dispatcher on', async () => {
  const [{ debug: one }, { debug: other }] = await Promise.all([
    debugSample('error_injector'),
    debugSample('error_injector'),
  ]);
  for (const debug of [one, other]) {
    addAll(debug, ['rex_dispatcher_func']);
    debug.continue();
  }
  for (let n = 0; n < 60; n++) {
    // forwards twice for each time back
    const kind = n % 3 < 2 ? forwards[n % forwards.length]! : kinds[(n * 5) % kinds.length]!;
    assert.equal(inSlices(one, kind, () => one.story()).rest, moves[kind](other), `step ${n}: ${kind}`);
  }
});

async function longCall(): Promise<Debugger> {
  const box = await Box.boot({ memory: 16 << 20 });
  const source = `\tcall long\n\tnop\n${exit(0)}long:\n\tmov $1000000, %ecx\nagain:\n\tdec %ecx\n\tjnz again\n\tret\n`;
  box.files.write('/bin/program', tinyProgram(source));
  const process = box.spawn('/bin/program');
  const debug = await openDebugger(box, { ...packageSources, process });
  debug.until({ kind: 'symbol', name: '_start' });
  return debug;
}

test('a long one takes several, and can be given up', async () => {
  const debug = await longCall();
  const start = debug.rest;
  const { rest, slices } = inSlices(debug, 'over', () => assert.not.equal(debug.rest.rip, start.rip));
  assert.is(rest.reason, 'stepped');
  assert.is(rest.rip, start.rip + 5n);
  assert.ok(rest.instruction >= start.instruction + 2_000_003);
  assert.ok(slices > 2, `${slices}`);

  // the past is executed once more, in slices as well
  debug.goTo(start.instruction);
  assert.is(inSlices(debug, 'over', () => {}).rest.instruction, rest.instruction);

  debug.goTo(start.instruction);
  const over = debug.inSlices('over');
  assert.is(over.next(), undefined);
  const given = over.giveUp();
  assert.ok(given.instruction > start.instruction && given.instruction < rest.instruction);
  assert.equal(over.giveUp(), given, 'it is over');
  assert.is(debug.step().instruction, given.instruction + 1);
});

test('backwards too; given up, it is where it began, and the past is as it was', async () => {
  const debug = await longCall();
  const start = debug.rest;
  debug.addStop({ kind: 'address', address: start.rip });
  debug.stepOver();
  const end = debug.rest;
  const state = stateOf(debug.box);
  for (const motion of ['back-to-stop', 'back-over'] as const) {
    const back = debug.inSlices(motion);
    for (let n = 0; n < 3; n++) assert.is(back.next(), undefined, motion);
    const { instruction, rip } = back.giveUp();
    assert.equal([instruction, rip], [end.instruction, end.rip]);
    assert.equal(stateDifferences(state, stateOf(debug.box)), []);

    const { rest, slices } = inSlices(debug, motion, () => debug.story());
    assert.equal([rest.instruction, rest.rip], [start.instruction, start.rip]);
    assert.ok(slices > 4, `${slices}`);
    debug.goTo(end.instruction);
  }
});

test.run();

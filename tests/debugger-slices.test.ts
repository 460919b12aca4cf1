/** A step in slices comes to rest where the step does, whatever is looked at in between. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openDebugger } from '../debugger/debugger.ts';
import { packageSources } from '../debugger/host/source-files.ts';
import type { Debugger, Rest, StepKind } from '../debugger/types.ts';
import { Box } from '../index.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';
import { addAll, debugSample } from './support/debugged.ts';

const moves: Readonly<Record<StepKind, (debug: Debugger) => Rest>> = {
  over: (debug) => debug.stepOver(),
  out: (debug) => debug.stepOut(),
  line: (debug) => debug.stepLine(),
  'line-over': (debug) => debug.stepLine({ over: true }),
};
const kinds = Object.keys(moves) as StepKind[];

function inSlices(debug: Debugger, kind: StepKind, between: () => void): { rest: Rest; slices: number } {
  const steps = debug.stepInSlices(kind);
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
  for (let n = 0; n < 40; n++) {
    const kind = kinds[n % kinds.length]!;
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
  assert.is(debug.stepInSlices('over').next(), undefined);
  const given = debug.rest;
  assert.ok(given.instruction > start.instruction && given.instruction < rest.instruction);
  assert.is(debug.step().instruction, given.instruction + 1);
});

test.run();

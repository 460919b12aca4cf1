/** What the host does to a box is part of its history: every function of the API that changes something, one after the other. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readHostFile } from '../box/host-files.ts';
import { writeKernel } from '../kernel/mm/kernel-memory.ts';
import { Box, BoxError, writePcap, type KernelEvent } from '../index.ts';
import { stateDifferences, stateOf, type BoxState } from './support/box-state.ts';
import { bootSample } from './support/samples.ts';
import { catSource, exit, tinyProgram } from './support/tiny-program.ts';

const sampleFile = (path: string): Uint8Array => readHostFile(new URL(`../samples/${path}`, import.meta.url));
const isRefusal =
  (...words: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof BoxError && words.every((word) => error.message.includes(word));

/** a loop without end */
const spinner = tinyProgram('again:\n\tinc %rax\n\tpush %rax\n\tpop %rbx\n\tjmp again\n');
const frame = new Uint8Array(60).fill(0xff, 0, 6);

interface Action {
  readonly name: string;
  readonly act: () => unknown;
  /** of objects that are handed out: which function this is */
  readonly of: string;
}

/** Every function that changes the box, in an order in which each one does. */
function actionsOn(box: Box): { readonly actions: readonly Action[]; readonly handles: Record<string, object> } {
  const injector = (): ReturnType<Box['rex']['load']> => box.rex.load(sampleFile('error_injector/error_injector.rex'));
  const extension = injector();
  const [program, map] = [extension.program('err_injector'), extension.map('pid_to_errno')];
  const filters = box.rex.load(sampleFile('bmc/bmc.rex'));
  const xdp = filters.program(filters.programs.find((name) => name.includes('rx'))!);
  const tc = filters.program(filters.programs.find((name) => name.includes('tx'))!);
  const device = box.network.addVeth({ name: 'veth0', address: '10.0.0.1/24' });
  const [kprobe, attachedXdp] = [program.attachKprobe('__x64_sys_getpid'), device.attachXdp(xdp)];
  attachedXdp.detach();
  const process = box.spawn('/spinner');
  const actions: readonly (readonly [of: string, act: () => unknown])[] = [
    ['files.write', () => box.files.write('/file', 'text')],
    ['box.spawn', () => box.spawn('/spinner')],
    ['box.signal', () => box.signal(process, 'SIGTERM')],
    ['rex.load', () => injector()],
    ['map.update', () => map.update(1, 2)],
    ['map.delete', () => map.delete(1)],
    ['program.attachKsyscall', () => program.attachKsyscall('dup')],
    ['program.attachKprobe', () => program.attachKprobe('__x64_sys_getuid')],
    ['program.attachTracepoint', () => assert.throws(() => program.attachTracepoint('syscalls/none'))],
    ['link.detach', () => kprobe.detach()],
    ['network.addVeth', () => box.network.addVeth({ name: 'veth1', peer: 'veth2' })],
    ['device.configure', () => device.configure({ mtu: 1400 })],
    ['device.addNeighbour', () => device.addNeighbour('10.0.0.2', '02:00:00:00:00:22')],
    ['device.startCapture', () => device.startCapture()],
    ['device.inject', () => device.inject(frame)],
    ['device.injectPcap', () => device.injectPcap(writePcap([{ time: 0, bytes: frame }]))],
    ['device.stopCapture', () => device.stopCapture()],
    ['device.addClsact', () => device.addClsact()],
    ['device.attachTc', () => device.attachTc(tc, 'egress')],
    ['device.removeClsact', () => device.removeClsact()],
    ['device.attachXdp', () => device.attachXdp(xdp)],
    ['extension.unload', () => extension.unload()],
    [
      'box.registers',
      () => {
        box.registers().r15 = 0x1234n;
      },
    ],
    [
      'box.change',
      () => box.change(() => writeKernel(box.kernel, box.symbols.lookup('jiffies')! + 8n, Uint8Array.of(1, 2, 3))),
    ],
  ];
  return {
    actions: actions.map(([of, act]) => ({ name: of, of, act })),
    handles: {
      box,
      files: box.files,
      rex: box.rex,
      network: box.network,
      extension,
      program,
      map,
      device,
      link: kprobe,
    },
  };
}

/** Functions that change nothing, or that are history itself. */
const readers = new Set(
  [
    'box.on box.run box.step box.snapshot box.restore box.startHistory box.stopHistory box.startProfile box.stopProfile',
    'box.goTo box.stepBack box.runBack box.save box.readMemory',
    'files.read network.device extension.program extension.map map.lookup map.lookupNumber map.keys',
    // a queue's; and what needs frames that went outside, or a pinned program: below
    'map.take device.take device.addPinnedFilter',
  ]
    .join(' ')
    .split(' '),
);

async function bootWithSpinner(): Promise<Box> {
  const box = await Box.boot({ memory: 16 << 20, history: true });
  box.files.write('/spinner', spinner);
  return box;
}

test('every function of the API is looked at here', async () => {
  const { actions, handles } = actionsOn(await bootWithSpinner());
  const known = new Set([...readers, ...actions.map(({ of }) => of)]);
  const functions = Object.entries(handles).flatMap(([name, handle]) =>
    Object.entries(Object.getOwnPropertyDescriptors(handle))
      .filter(([, { value }]) => typeof value === 'function')
      .map(([key]) => `${name}.${key}`),
  );
  assert.equal(
    functions.filter((name) => !known.has(name)),
    [],
  );
});

test('whatever the host has done, the past is as it was and leads to what came of it', async () => {
  const box = await bootWithSpinner();
  const { actions } = actionsOn(box);
  const points: { name: string; at: number; state: BoxState }[] = [];
  box.run({ budget: 3000 });
  // at the instruction before which the host does something, the past is as it is behind that: hence a little later
  for (const { name, act } of actions) {
    const before = stateOf(box);
    act();
    if (name !== 'program.attachTracepoint')
      assert.ok(stateDifferences(before, stateOf(box)).length > 0, `${name} does nothing`);
    box.run({ budget: 777 });
    points.push({ name, at: box.instructions, state: stateOf(box) });
    box.run({ budget: 10 });
  }
  // forwards from before all of it, and to each in an order of its own
  box.goTo(2000);
  for (const { name, at, state } of points) {
    box.run({ budget: at - box.instructions });
    assert.equal(stateDifferences(state, stateOf(box)), [], `forwards to ${name}`);
  }
  for (let n = 0; n < points.length; n++) {
    const { name, at, state } = points[(n * 7) % points.length]!;
    box.goTo(at);
    assert.equal(stateDifferences(state, stateOf(box)), [], `to ${name}`);
    assert.is(box.history?.last, points.at(-1)!.at + 10);
  }
});

test('frames that are taken, and looks at a box, are as they should be', async () => {
  const box = await bootWithSpinner();
  const device = box.network.addVeth({ name: 'veth0', address: '10.0.0.1/24' });
  const map = box.rex.load(sampleFile('error_injector/error_injector.rex')).map('pid_to_errno');
  map.update(1, 2);
  // an ARP request, which is answered
  const request = Uint8Array.from(
    [
      [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
      [2, 0, 0, 0, 0, 9, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1],
    ].flat(),
  );
  device.inject(request);
  box.run({ quiet: true });
  box.spawn('/spinner');
  box.run({ budget: 5000 });
  const now = box.instructions;
  const full = stateOf(box);
  assert.is(device.take().length, 1);
  box.run({ budget: 1000 });
  const later = stateOf(box);
  box.goTo(now - 1);
  assert.is(box.kernel.net.devices.get(device.ifindex)!.outside.length, 1);
  box.run({ budget: 1001 });
  assert.equal(stateDifferences(later, stateOf(box)), []);
  // nobody is told anything by looks
  box.goTo(now - 1);
  const before = stateOf(box);
  assert.equal([map.lookupNumber(1), map.keys().length, device.up], [2n, 1, true]);
  assert.is(box.files.read('/spinner')!.length, spinner.length);
  assert.ok(box.readMemory(box.symbols.lookup('jiffies')!, 8) !== undefined);
  box.snapshot();
  box.save();
  assert.equal(stateDifferences(before, stateOf(box)), []);
  assert.is(box.history?.last, now + 1000, 'what lies ahead is still known');
  assert.ok(stateDifferences(full, before).length > 0);
});

test('input that a source has given is given again, and nobody is asked twice', async () => {
  const box = await Box.boot({ memory: 16 << 20, history: true });
  box.files.write('/bin/cat', tinyProgram(catSource()));
  const texts = ['one\n', 'two\n', 'three\n'];
  let asked = 0;
  const process = box.spawn('/bin/cat', [], {
    stdin: () => {
      const text = texts[asked++];
      return text === undefined ? undefined : new TextEncoder().encode(text);
    },
  });
  const first = box.run({ until: process });
  const [last, final] = [box.instructions, stateOf(box)];
  for (const part of [0, 0.3, 0.6, 0.9]) {
    box.goTo(Math.floor(last * part));
    const again = box.run({ until: process });
    assert.is(again.exitCode, 7);
    assert.ok(first.stdout.text.endsWith(again.stdout.text));
    assert.equal(stateDifferences(final, stateOf(box)), []);
  }
  box.goTo(0);
  assert.is(box.run({ until: process }).stdout.text, 'one\ntwo\nthree\n');
  assert.is(asked, 4);
});

test('something new in the past: what lay ahead is gone', async () => {
  const { box, process } = await bootSample('error_injector', [], { memory: 16 << 20, history: true });
  const told: KernelEvent[] = [];
  box.on((event) => told.push(event));
  box.run({ until: process });
  const [last, events] = [box.instructions, box.events.length];
  assert.ok(told.length > 0);
  const count = told.length;
  box.goTo(60_000);
  assert.ok(box.events.length < events, 'only those up to now');
  box.run({ budget: 1000 });
  assert.is(told.length, count, 'nobody is told twice');
  assert.is(box.history?.last, last);
  const shown = box.events.length;
  box.files.write('/new', 'x');
  assert.is(box.history?.last, 61_000);
  assert.is(box.events.length, shown);
  box.run({ until: process });
  assert.ok(told.length > count);
  assert.is(box.events.length, events);
  assert.equal(box.goTo(100), { reason: 'reached', instruction: 100 });
  assert.is(box.files.read('/new'), undefined);
  box.goTo(61_000);
  assert.equal(box.files.read('/new'), Uint8Array.of(0x78));
});

test('a listener may do something in the middle of a run', async () => {
  const { box, process } = await bootSample('error_injector', [], { memory: 16 << 20, history: true });
  let written = 0;
  box.on((event) => {
    if (event.type === 'fork') box.files.write(`/fork${++written}`, `${event.child}`);
  });
  box.run({ until: process });
  const [last, final] = [box.instructions, stateOf(box)];
  box.goTo(0);
  box.run({ until: process });
  assert.is(box.instructions, last);
  assert.equal(stateDifferences(final, stateOf(box)), []);
  assert.is(written, 2);
});

test('bounds: few marks, many changes; history begins later, and its beginning is a place to be', async () => {
  const box = await Box.boot({ memory: 16 << 20, history: { marks: 4 } });
  box.files.write('/spinner', spinner);
  box.spawn('/spinner');
  const states: BoxState[] = [];
  for (let n = 0; n < 10; n++) {
    box.files.write('/file', `${n}`);
    box.run({ budget: 1000 });
    states.push(stateOf(box));
  }
  const { first, last, marks } = box.history!;
  assert.is(marks, 4);
  assert.ok(first > 0 && first < last);
  assert.equal(box.goTo(first - 1), { reason: 'beginning', instruction: first });
  assert.equal(box.stepBack(5), { reason: 'beginning', instruction: first });
  box.run({ budget: 10_000 - box.instructions });
  assert.equal(stateDifferences(states.at(-1)!, stateOf(box)), []);
  for (let n = 0; n < 200; n++) box.goTo(first + ((n * 977) % (last - first)));
  assert.ok(box.history!.marks <= 5, 'one more, of the latest point');
  assert.is(box.history!.first, first, 'going back forgets nothing');
});

test('beyond the last instruction a box runs on; where nothing can, that is said', async () => {
  const box = await Box.boot({ memory: 16 << 20, history: true });
  box.files.write('/end', tinyProgram(exit(3)));
  box.spawn('/end');
  assert.equal(box.goTo(40), { reason: 'reached', instruction: 40 });
  const { reason, instruction } = box.goTo(1_000_000);
  assert.is(reason, 'idle');
  assert.is(instruction, box.instructions);
  assert.equal(box.stepBack(0), { reason: 'reached', instruction });
  assert.equal(box.stepBack(1), { reason: 'reached', instruction: instruction - 1 });
});

test('no instructions at all: nothing is executed, also where a mark is due or a program waits for input', async () => {
  const { box } = await bootSample('error_injector', [], { memory: 16 << 20, history: true });
  assert.is(box.run({ budget: 0 }).reason, 'budget');
  assert.is(box.step(0).instructions, 0);
  box.run({ budget: 1000 });
  box.files.write('/new', 'x');
  assert.is(box.run({ budget: 0 }).reason, 'budget');
  assert.is(box.instructions, 1000);

  const reader = await Box.boot({ memory: 16 << 20, history: true });
  reader.files.write('/bin/cat', tinyProgram(catSource()));
  const texts = ['one\n', 'two\n'];
  const stdin = (): Uint8Array | undefined => {
    const text = texts.shift();
    return text === undefined ? undefined : new TextEncoder().encode(text);
  };
  const process = reader.spawn('/bin/cat', [], { stdin });
  let output = '';
  for (let n = 0; n < 5000; n++) {
    const { reason, stdout } = reader.run({ until: process, budget: n % 2 });
    output += stdout.text;
    if (reason === 'exited') break;
    assert.is(reason, 'budget');
  }
  assert.is(output, 'one\ntwo\n');
});

test('a snapshot that is restored begins history anew', async () => {
  const { box, process } = await bootSample('error_injector', [], { memory: 16 << 20, history: true });
  box.run({ budget: 50_000 });
  const mark = box.snapshot();
  box.run({ budget: 20_000 });
  box.restore(mark);
  assert.equal([box.history?.first, box.history?.last], [50_000, 50_000]);
  box.run({ until: process });
  assert.equal(box.goTo(10), { reason: 'beginning', instruction: 50_000 });
});

test('what makes no sense is refused', async () => {
  const plain = await Box.boot({ memory: 16 << 20 });
  assert.throws(() => plain.goTo(0), isRefusal('goTo', 'startHistory'));
  assert.throws(() => plain.stepBack(), isRefusal('stepBack', 'startHistory'));
  assert.throws(() => plain.runBack({ until: () => true }), isRefusal('runBack', 'startHistory'));
  assert.is(plain.history, undefined);
  assert.throws(() => plain.startHistory({ marks: 1 }), isRefusal('marks', '1'));
  plain.startHistory();
  assert.throws(() => plain.startHistory(), isRefusal('startHistory'));
  assert.throws(() => plain.goTo(-1), isRefusal('goTo', '-1'));
  assert.throws(() => plain.goTo(0.5), isRefusal('goTo', '0.5'));
  assert.throws(() => plain.stepBack(Number.NaN), isRefusal('stepBack', 'NaN'));
  assert.throws(() => plain.runBack({}), isRefusal('runBack', 'until'));
  assert.throws(() => plain.runBack({ until: () => true, budget: -1 }), isRefusal('runBack', '-1'));
  plain.stopHistory();
  assert.is(plain.history, undefined);
});

test.run();

/** A box as a file: it goes on as the box would have, and bytes that are none are refused by name. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Frozen, FrozenArray, FrozenRecord } from '../box/frozen.ts';
import { crc32 } from '../box/saved/checksum.ts';
import { kmalloc } from '../kernel/mm/heap.ts';
import { Box, SAVED_BOX_VERSION, SavedBoxError, type SavedBoxFault } from '../index.ts';
import { stateDifferences, stateOf } from './support/box-state.ts';
import { forged } from './support/forged-box.ts';
import { bootSample } from './support/samples.ts';
import { scenarios } from './support/subjects.ts';
import { catSource, tinyProgram } from './support/tiny-program.ts';

const slow = process.env['TEST_TIER'] === 'slow';

test('a saved box goes on as the box does, bit for bit, in either engine', async () => {
  await fc.assert(
    fc.asyncProperty(
      scenarios,
      fc.nat(150_000),
      fc.constantFrom('interpreter' as const, 'translator' as const),
      async ({ subject, options }, n, engine) => {
        const { box, process } = await subject.boot(options);
        box.run({ until: process, budget: n });
        const bytes = box.save();
        const loaded = await Box.load(bytes, { engine });
        assert.equal(stateDifferences(stateOf(box), stateOf(loaded)), [], 'loaded');
        assert.equal(loaded.events, box.events);
        const [left, right] = [box, loaded].map((each) => each.run({ until: process, budget: 400_000 }));
        assert.equal(right, left);
        assert.equal(stateDifferences(stateOf(box), stateOf(loaded)), [], 'later');
        assert.equal(loaded.kernelLog, box.kernelLog);
      },
    ),
    { numRuns: slow ? 200 : 8, endOnFailure: true },
  );
});

test('saving what was loaded gives the same bytes, and changes nothing', async () => {
  const { box } = await bootSample('error_injector', [], { memory: 16 << 20, cpus: 2 });
  box.run({ budget: 80_000 });
  const before = stateOf(box);
  const bytes = box.save();
  assert.equal(stateDifferences(before, stateOf(box)), []);
  assert.ok(Buffer.from(bytes).equals((await Box.load(bytes)).save()));
  assert.ok(bytes.length < 4 << 20, `${bytes.length} bytes of a box of 16 MiB`);
});

test("bytes in Node's Buffers are copied: what lies beside them in its pool is in no box", async () => {
  const box = await Box.boot({ memory: 16 << 20 });
  box.files.write('/bin/cat', tinyProgram(catSource()));
  const pool = Buffer.from(`secret${'typed\n'}secret`);
  const process = box.spawn('/bin/cat', [], { stdin: pool.subarray(6, 12) });
  box.run({ budget: 100 });
  const bytes = box.save();
  assert.not.ok(Buffer.from(bytes).includes('secret'));
  // at each alignment
  for (const before of [0, 1, 2, 3]) {
    const file = Buffer.concat([Buffer.alloc(before), bytes]).subarray(before);
    const loaded = await Box.load(file);
    file.fill(0);
    pool.fill(0);
    assert.ok(Buffer.from(loaded.save()).equals(bytes));
    assert.is(loaded.run({ until: process }).stdout.text, 'typed\n');
  }
});

test('a source of input can be given to a loaded box', async () => {
  const box = await Box.boot({ memory: 16 << 20 });
  box.files.write('/bin/cat', tinyProgram(catSource()));
  const process = box.spawn('/bin/cat', [], { stdin: () => undefined });
  box.run({ budget: 100 });
  const parts = ['one\n', 'two\n'].map((text) => new TextEncoder().encode(text));
  const loaded = await Box.load(box.save(), { stdin: () => parts.shift() });
  assert.is(loaded.run({ until: process }).stdout.text, 'one\ntwo\n');
});

function thrownBy(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  return assert.unreachable('nothing is thrown') as never;
}

/** Undefined when the bytes are a box after all. */
async function faultOf(bytes: Uint8Array): Promise<SavedBoxFault | undefined> {
  try {
    await Box.load(bytes, { engine: 'interpreter' });
    return undefined;
  } catch (error) {
    if (error instanceof SavedBoxError) return error.code;
    throw error;
  }
}

const changed = (bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array => {
  const copy = bytes.slice();
  change(copy);
  return copy;
};

/** As if it had been written so. */
function resigned(bytes: Uint8Array): Uint8Array {
  const end = bytes.length - 4;
  return changed(bytes, (copy) => new DataView(copy.buffer).setUint32(end, crc32(copy.subarray(0, end)), true));
}

const saved = async (): Promise<Uint8Array> => {
  const { box } = await bootSample('error_injector', [], { memory: 16 << 20 });
  box.run({ budget: 60_000 });
  return box.save();
};

test('other versions, cut, longer and changed files are named', async () => {
  const bytes = await saved();
  const at = (offset: number, value: number): Uint8Array => changed(bytes, (copy) => void (copy[offset] = value));
  assert.is(await faultOf(bytes), undefined);
  assert.is(await faultOf(new Uint8Array(0)), 'magic');
  assert.is(await faultOf(at(3, 0)), 'magic');
  assert.is(await faultOf(at(8, SAVED_BOX_VERSION + 1)), 'version');
  assert.is(await faultOf(at(12, bytes[12]! ^ 1)), 'version');
  assert.is(await faultOf(at(40_000, bytes[40_000]! ^ 1)), 'checksum');
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  assert.is(await faultOf(longer), 'malformed');
  for (const length of [1, 7, 8, 12, 19, 20, 21, 1000, bytes.length - 1]) {
    // oxlint-disable-next-line no-await-in-loop
    assert.is(await faultOf(bytes.subarray(0, length)), 'truncated', `${length} bytes`);
  }
});

test('whatever is changed in a file, and signed again: a box, or a SavedBoxError', async () => {
  const bytes = await saved();
  const faults = new Map<SavedBoxFault | undefined, number>();
  // the records are at the end; the header and the lengths at the beginning
  const place = fc.oneof(
    fc.integer({ min: 20, max: 60 }),
    fc.nat(bytes.length - 25).map((n) => bytes.length - 5 - n),
    fc.nat(200_000).map((n) => Math.max(20, bytes.length - 5 - n)),
  );
  const change = fc.tuple(place, fc.oneof(fc.constantFrom(0, 1, 10, 14, 15, 16, 127, 128, 255), fc.nat(255)));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const fault = await faultOf(
        resigned(changed(bytes, (copy) => changes.forEach(([where, value]) => (copy[where] = value)))),
      );
      faults.set(fault, (faults.get(fault) ?? 0) + 1);
    }),
    { numRuns: Number(process.env['RUNS'] ?? (slow ? 2000 : 60)), endOnFailure: true },
  );
  assert.ok((faults.get('malformed') ?? 0) > 0, 'some are found out');
});

test('hostile sizes are refused before anything is made of them', async () => {
  const bytes = await saved();
  const [machine, records] = [20, bytes.length - 4];
  const sizes: readonly (readonly [string, number, readonly number[]])[] = [
    ['CPUs', machine + 5, [0xff]],
    ['the first section', machine + 1, [0xff, 0xff, 0xff, 0xff]],
    ['the end of the records', records - 3, [0xff, 0xff, 0x7f]],
  ];
  for (const [what, offset, content] of sizes) {
    // oxlint-disable-next-line no-await-in-loop
    const fault = await faultOf(resigned(changed(bytes, (copy) => copy.set(content, offset))));
    assert.ok(fault === 'malformed' || fault === 'truncated', `${what}: ${fault}`);
  }
});

test('a box whose heap has grown is loaded as it was', async () => {
  const box = await Box.boot({ memory: 32 << 20 });
  box.change(() => {
    for (let n = 0; n < 3000; n++) kmalloc(box.kernel, 4096);
  });
  const loaded = await Box.load(box.save());
  assert.equal(stateDifferences(stateOf(box), stateOf(loaded)), []);
});

/** The value at `path` of a record is another. */
function put(record: FrozenRecord, path: readonly string[], value: Frozen): void {
  const [name = '', ...rest] = path;
  const at = record.keys.indexOf(name);
  assert.ok(at >= 0, name);
  if (rest.length === 0) (record.values as Frozen[])[at] = value;
  else put(record.values[at] as FrozenRecord, rest, value);
}

test('numbers that the main loop counts with are refused where it would never end', async () => {
  const bytes = await saved();
  const wrong: readonly (readonly [what: string, record: number, value: Frozen])[] = [
    ['retired', 0, NaN],
    ['retired', 0, Infinity],
    ['retired', 0, -1],
    ['retired', 0, 2 ** 53 - 1],
    ['turn.cpu', 1, 1],
    ['turn.length', 1, 0],
    ['turn.left', 1, 1e300],
    ['turn.longest', 1, 1e300],
    ['turn.longest', 1, NaN],
    ['swapperPgDir', 1, 2 ** 40],
  ];
  for (const [what, record, value] of wrong) {
    const file = forged(bytes, 1, (records) => put(records[record]!, what.split('.'), value));
    // oxlint-disable-next-line no-await-in-loop
    assert.is(await faultOf(file), 'malformed', `${what}: ${String(value)}`);
  }
});

test('events are refused that lack what the box keeps of their type', async () => {
  const bytes = await saved();
  const wrong = (type: string, field: string): Uint8Array =>
    forged(bytes, 1, (records) => {
      const { values } = records[2] as unknown as FrozenArray;
      const [event] = values.filter((one) => (one as FrozenRecord).values.includes(type)) as FrozenRecord[];
      assert.ok(event !== undefined, type);
      put(event, [field], null);
    });
  assert.is(await faultOf(wrong('syscall', 'text')), 'malformed');
  assert.is(await faultOf(wrong('log', 'text')), 'malformed');
  assert.is(await faultOf(wrong('syscall', 'type')), 'malformed');
});

test('records that do not go together are said to, when that shows; what is thrown by a listener is its own', async () => {
  const bytes = forged(await saved(), 1, (records) => put(records[1]!, ['turn', 'random'], 'no number'));
  const box = await Box.load(bytes, { engine: 'interpreter' });
  const error = thrownBy(() => box.run({ budget: 100_000 }));
  assert.instance(error, SavedBoxError);
  assert.is((error as SavedBoxError).code, 'malformed');
  assert.instance(error.cause, TypeError);

  const whole = await Box.load(await saved(), { engine: 'interpreter' });
  const own = new TypeError('of the listener');
  whole.on(() => {
    throw own;
  });
  assert.is(
    thrownBy(() => whole.run()),
    own,
  );
});

test.run();

// What each map type refuses, as a table: creation, and every operation by both doors.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mapTypes } from '../kernel/bpf-maps/index.ts';
import { jhash2 } from '../kernel/bpf-maps/jhash.ts';
import { storeStack } from '../kernel/bpf-maps/stack-trace.ts';
import { mapAt } from '../kernel/bpf/maps.ts';
import { Errno } from '../kernel/errno.ts';
import { closeDescriptor, installDescriptor, openFile } from '../kernel/fs/files.ts';
import { constants as c } from '../kernel/layout/constants.ts';
import type { PerfEvent } from '../kernel/perf/types.ts';
import { eventAt } from '../kernel/bpf-maps/perf-event-array.ts';
import { createMapMachine, type MapMachine, type MapShape, type TestMap } from './support/map-machine.ts';

const shapes: Readonly<Record<string, MapShape>> = {
  hash: { type: 1, keySize: 4, valueSize: 8, maxEntries: 2 },
  array: { type: 2, keySize: 4, valueSize: 8, maxEntries: 2 },
  perf_event_array: { type: 4, keySize: 4, valueSize: 4, maxEntries: 2 },
  percpu_hash: { type: 5, keySize: 4, valueSize: 8, maxEntries: 2 },
  percpu_array: { type: 6, keySize: 4, valueSize: 8, maxEntries: 2 },
  stack_trace: { type: 7, keySize: 4, valueSize: 16, maxEntries: 2 },
  lru_hash: { type: 9, keySize: 4, valueSize: 8, maxEntries: 2 },
  lru_percpu_hash: { type: 10, keySize: 4, valueSize: 8, maxEntries: 2 },
  queue: { type: 22, keySize: 0, valueSize: 8, maxEntries: 2 },
  stack: { type: 23, keySize: 0, valueSize: 8, maxEntries: 2 },
  ringbuf: { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 },
};

function attempt(machine: MapMachine, shape: MapShape): string {
  try {
    closeDescriptor(machine.kernel, machine.task, machine.create(shape).descriptor);
    return 'ok';
  } catch (error) {
    return String((error as Error).message).replace('MAP_CREATE: ', '');
  }
}

/** Single bits of map_flags that a type takes; the rest is EINVAL, but for what `also` says. */
// prettier-ignore
const flags: readonly (readonly [type: string, accepted: readonly number[], also?: Readonly<Record<number, string>>])[] = [
  ['hash',             [1, 4, 8, 0x10, 0x40, 0x80, 0x100]],
  ['percpu_hash',      [1, 8, 0x10, 0x40, 0x80, 0x100]],
  ['lru_hash',         [2, 4, 8, 0x10, 0x40, 0x80, 0x100], { 1: 'ENOTSUPP' }],
  ['lru_percpu_hash',  [2, 8, 0x10, 0x40, 0x80, 0x100], { 1: 'ENOTSUPP' }],
  ['array',            [4, 8, 0x10, 0x80, 0x100, 0x400, 0x1000]],
  ['percpu_array',     [8, 0x10, 0x80, 0x100]],
  ['perf_event_array', [4, 8, 0x10, 0x800]],
  ['queue',            [4, 8, 0x10, 0x80, 0x100]],
  ['stack',            [4, 8, 0x10, 0x80, 0x100]],
  ['ringbuf',          [4]],
];

test('every map type has a row, and every row a shape here', () => {
  assert.equal(mapTypes.map(({ name }) => name).toSorted(), Object.keys(shapes).toSorted());
});

for (const [type, accepted, also = {}] of flags) {
  test(`map_flags of ${type}`, () => {
    const machine = createMapMachine(2);
    for (let bit = 0; bit < 32; bit++) {
      const flag = (1 << bit) >>> 0;
      const expected = also[flag] ?? (accepted.includes(flag) ? 'ok' : 'EINVAL');
      assert.is(attempt(machine, { ...shapes[type]!, flags: flag }), expected, `flag 0x${flag.toString(16)}`);
    }
    assert.is(attempt(machine, { ...shapes[type]!, flags: 0x18 }), 'EINVAL', 'neither read nor write');
  });
}

// prettier-ignore
const sizes: readonly (readonly [type: string, change: Partial<MapShape>, expected: string])[] = [
  ...['hash', 'percpu_hash', 'lru_hash', 'array', 'percpu_array', 'stack_trace', 'perf_event_array'].flatMap((type) =>
    (['keySize', 'valueSize', 'maxEntries'] as const).map((field) => [type, { [field]: 0 }, 'EINVAL'] as const)),
  ['percpu_hash',      { valueSize: 32768 }, 'ok'],
  ['percpu_hash',      { valueSize: 32769 }, 'E2BIG'],
  ['percpu_array',     { valueSize: 32768 }, 'ok'],
  ['percpu_array',     { valueSize: 32769 }, 'E2BIG'],
  ['percpu_array',     { keySize: 8 },       'EINVAL'],
  ['percpu_array',     { maxEntries: 0xffffffff }, 'ENOMEM'],
  ['array',            { maxEntries: 0xffffffff }, 'ENOMEM'],
  ['perf_event_array', { valueSize: 8 },     'EINVAL'],
  ['perf_event_array', { maxEntries: 0xffffffff }, 'ok'],
  ['stack_trace',      { valueSize: 12 },    'EINVAL'],
  ['stack_trace',      { valueSize: 1016 },  'ok'],
  ['stack_trace',      { valueSize: 1024 },  'EINVAL'],
  ['stack_trace',      { valueSize: 32, flags: 0x20 }, 'ok'],
  ['stack_trace',      { valueSize: 16, flags: 0x20 }, 'EINVAL'],
  ['stack_trace',      { maxEntries: 0xffffffff }, 'E2BIG'],
  ['queue',            { keySize: 4 },       'EINVAL'],
  ['queue',            { valueSize: 0 },     'EINVAL'],
  ['queue',            { maxEntries: 0 },    'EINVAL'],
  ['queue',            { valueSize: 0x400001 }, 'E2BIG'],
  ['ringbuf',          { maxEntries: 0 },    'EINVAL'],
  ['ringbuf',          { maxEntries: 2048 }, 'EINVAL'],
  ['ringbuf',          { maxEntries: 12288 }, 'EINVAL'],
  ['ringbuf',          { maxEntries: 8192 }, 'ok'],
  ['ringbuf',          { maxEntries: 0x80000000 }, 'ENOMEM'],
  ['ringbuf',          { keySize: 4 },       'EINVAL'],
  ['ringbuf',          { valueSize: 4 },     'EINVAL'],
];

test('sizes at creation', () => {
  const machine = createMapMachine(2);
  for (const [type, change, expected] of sizes)
    assert.is(attempt(machine, { ...shapes[type]!, ...change }), expected, `${type} ${JSON.stringify(change)}`);
});

const KEY = '01000000';
const OUTSIDE = '07000000';

/** What an empty map answers: lookup, update without flags, delete, next key of none, lookup and delete. */
// prettier-ignore
const answers: readonly (readonly [type: string, key: string | undefined, lookup: string, update: string, remove: string, next: string, take: string])[] = [
  ['hash',             KEY,       'ENOENT',   'ok',       'ok',       'ENOENT',   'ENOENT'],
  ['percpu_hash',      KEY,       'ENOENT',   'ok',       'ok',       'ENOENT',   'ENOENT'],
  ['lru_hash',         KEY,       'ENOENT',   'ok',       'ok',       'ENOENT',   'ENOENT'],
  ['array',            KEY,       '00'.repeat(8), 'ok',   'EINVAL',   '00000000', 'ENOTSUPP'],
  ['array',            OUTSIDE,   'ENOENT',   'E2BIG',    'EINVAL',   '00000000', 'ENOTSUPP'],
  ['percpu_array',     OUTSIDE,   'ENOENT',   'E2BIG',    'EINVAL',   '00000000', 'ENOTSUPP'],
  ['perf_event_array', KEY,       'ENOTSUPP', 'EBADF',    'ENOENT',   '00000000', 'ENOTSUPP'],
  ['perf_event_array', OUTSIDE,   'ENOTSUPP', 'E2BIG',    'E2BIG',    '00000000', 'ENOTSUPP'],
  ['stack_trace',      KEY,       'ENOENT',   'EINVAL',   'ENOENT',   'ENOENT',   'ENOENT'],
  ['stack_trace',      OUTSIDE,   'ENOENT',   'EINVAL',   'E2BIG',    'ENOENT',   'ENOENT'],
  ['queue',            undefined, 'ENOENT',   'ok',       'EINVAL',   'EINVAL',   '01'.repeat(8)],
  ['queue',            KEY,       'EINVAL',   'EINVAL',   'EINVAL',   'EINVAL',   'EINVAL'],
  ['stack',            undefined, 'ENOENT',   'ok',       'EINVAL',   'EINVAL',   '01'.repeat(8)],
  ['ringbuf',          undefined, 'ENOTSUPP', 'ENOTSUPP', 'ENOTSUPP', 'ENOTSUPP', 'ENOTSUPP'],
  ['ringbuf',          KEY,       'EINVAL',   'EINVAL',   'EINVAL',   'ENOTSUPP', 'EINVAL'],
];

for (const [type, key, lookup, update, remove, next, take] of answers) {
  test(`${type}, key ${key ?? 'NULL'}: what system calls get`, () => {
    const machine = createMapMachine(2);
    const map = machine.create(shapes[type]!);
    const value = type === 'perf_event_array' ? 'ff000000' : '01'.repeat(map.userSize);
    assert.is(machine.user(c.BPF_MAP_LOOKUP_ELEM, map, key), lookup, 'lookup');
    assert.is(machine.user(c.BPF_MAP_GET_NEXT_KEY, map, undefined), next, 'next key');
    assert.is(machine.user(c.BPF_MAP_UPDATE_ELEM, map, key, value), update, 'update');
    assert.is(machine.user(c.BPF_MAP_DELETE_ELEM, map, key), remove, 'delete');
    assert.is(machine.user(c.BPF_MAP_LOOKUP_AND_DELETE_ELEM, map, key), take, 'lookup and delete');
    for (const flag of [1n, 2n, 8n])
      assert.is(machine.user(c.BPF_MAP_LOOKUP_ELEM, map, key, undefined, flag), 'EINVAL', `lookup flag ${flag}`);
    assert.is(machine.user(c.BPF_MAP_LOOKUP_ELEM, map, key, undefined, 4n), 'EINVAL', 'BPF_F_LOCK');
    assert.is(machine.user(c.BPF_MAP_UPDATE_ELEM, map, key, value, 4n), 'EINVAL', 'BPF_F_LOCK');
  });
}

test('system calls without a key that is needed: EFAULT', () => {
  const machine = createMapMachine(1);
  for (const type of ['hash', 'array', 'percpu_array', 'stack_trace', 'perf_event_array', 'lru_hash']) {
    const map = machine.create(shapes[type]!);
    for (const command of [c.BPF_MAP_LOOKUP_ELEM, c.BPF_MAP_UPDATE_ELEM, c.BPF_MAP_DELETE_ELEM])
      assert.is(machine.user(command, map, undefined), 'EFAULT', `${type} ${command}`);
  }
});

test('what programs get of maps that are not for them', () => {
  const machine = createMapMachine(2);
  const key = machine.put(0, KEY);
  const value = machine.put(1, '05'.repeat(8));
  const refusals: readonly (readonly [string, string, string])[] = [
    ['perf_event_array', 'ENOTSUPP', 'ENOENT'],
    ['stack_trace', 'EINVAL', 'ENOENT'],
    ['queue', 'EINVAL', 'EINVAL'],
    ['ringbuf', 'ENOTSUPP', 'ENOTSUPP'],
  ];
  for (const [type, update, remove] of refusals) {
    const { address } = machine.create(shapes[type]!);
    assert.is(machine.helper(1, 'bpf_map_lookup_elem', address, key), 0n, type);
    assert.is(machine.helper(1, 'bpf_map_lookup_percpu_elem', address, key, 0n), 0n, type);
    assert.is(machine.status(1, 'bpf_map_update_elem', address, key, value, 0n), update, type);
    assert.is(machine.status(1, 'bpf_map_delete_elem', address, key), remove, type);
  }
  const perCpu = machine.create(shapes['percpu_array']!);
  for (const cpu of [2n, 64n, 0xffff_ffffn])
    assert.is(machine.helper(0, 'bpf_map_lookup_percpu_elem', perCpu.address, key, cpu), 0n);
  assert.not.equal(machine.helper(0, 'bpf_map_lookup_percpu_elem', perCpu.address, key, 1n), 0n);
});

function outcome(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    if (error instanceof Errno) return error.code;
    throw error;
  }
}

/** Puts a perf event behind a descriptor, without what perf_event_open needs. */
function addEvent({ kernel, task }: MapMachine): { readonly event: PerfEvent; readonly descriptor: number } {
  const id = kernel.bpf.next.event++;
  const event = { id, kind: 'software', references: 2, enabled: true, program: undefined } as unknown as PerfEvent;
  kernel.bpf.events.set(id, event);
  const file = openFile(kernel, 'perf-event', id, 2, 'anon_inode:[perf_event]');
  return { event, descriptor: installDescriptor(kernel, task, file, true) };
}

const word = (value: number): string => Buffer.from(Uint32Array.of(value).buffer).toString('hex');

test('perf event arrays hold events until they are deleted, replaced, or the descriptor that put them goes', () => {
  const machine = createMapMachine(2);
  const { kernel, task } = machine;
  const { event, descriptor } = addEvent(machine);
  const put = (map: TestMap, key: string, flag = 0n): string =>
    machine.user(c.BPF_MAP_UPDATE_ELEM, map, key, word(descriptor), flag);
  const map = machine.create(shapes['perf_event_array']!);
  const object = mapAt(kernel, map.address)!;
  assert.is(machine.user(c.BPF_MAP_UPDATE_ELEM, map, KEY, word(map.descriptor)), 'EBADF', 'no perf event');
  assert.is(put(map, KEY, 1n), 'EINVAL');
  assert.is(put(map, KEY), 'ok');
  assert.is(event.references, 3);
  assert.is(put(map, KEY), 'ok');
  assert.is(event.references, 3);
  assert.is(eventAt(kernel, object, 1), event);
  assert.is(
    outcome(() => eventAt(kernel, object, 0)),
    'ENOENT',
  );
  assert.is(
    outcome(() => eventAt(kernel, object, 2)),
    'E2BIG',
  );
  assert.is(machine.user(c.BPF_MAP_DELETE_ELEM, map, KEY), 'ok');
  assert.is(event.references, 2);
  assert.is(machine.user(c.BPF_MAP_DELETE_ELEM, map, KEY), 'ENOENT');
  assert.is(put(map, '00000000'), 'ok');
  object.references++;
  closeDescriptor(kernel, task, map.descriptor);
  assert.is(event.references, 2, 'the descriptor that put it is gone');

  const kept = machine.create({ ...shapes['perf_event_array']!, flags: 0x800 });
  const keeper = mapAt(kernel, kept.address)!;
  assert.is(put(kept, '00000000'), 'ok');
  keeper.references++;
  closeDescriptor(kernel, task, kept.descriptor);
  assert.is(event.references, 3, 'BPF_F_PRESERVE_ELEMS');
});

test('jhash2 of words', () => {
  // lookup3.c's hashword of no words is what it starts from
  assert.is(jhash2(new Uint32Array(0)), 0xdeadbeef);
  // and what its self-test says of 30 bytes, here with two zeros
  const text = new Uint8Array(32);
  text.set(Buffer.from('Four score and seven years ago'));
  assert.is(jhash2(new Uint32Array(text.buffer), 30 - 32), 0x17770551);
  const seen = new Set<number>();
  for (let n = 0; n < 4096; n++) seen.add(jhash2(Uint32Array.of(n, 0, n >> 4, 7)));
  assert.ok(seen.size > 4090);
});

test('stack traces: one id a stack, collisions by flag, skipped frames', () => {
  const machine = createMapMachine(1);
  const { kernel } = machine;
  const test = machine.create({ type: 7, keySize: 4, valueSize: 24, maxEntries: 1 });
  const map = mapAt(kernel, test.address)!;
  const store = (ips: readonly bigint[], flag = 0): unknown => outcome(() => storeStack(kernel, map, ips, flag));
  const read = (): string => machine.user(c.BPF_MAP_LOOKUP_ELEM, test, '00000000');
  const value = (...ips: bigint[]): string => Buffer.from(BigUint64Array.from(ips).buffer).toString('hex');
  assert.is(store([1n, 2n]), 0);
  assert.is(read(), value(1n, 2n, 0n));
  assert.is(store([1n, 2n]), 0);
  assert.is(store([9n, 1n, 2n], 1), 0, 'one frame skipped');
  assert.is(store([3n]), 'EEXIST');
  assert.is(store([3n], 0x200), 'EEXIST', 'another hash');
  assert.is(store([3n], 0x400), 'ENOMEM', 'BPF_F_REUSE_STACKID wants a free element');
  assert.is(machine.user(c.BPF_MAP_DELETE_ELEM, test, '00000000'), 'ok');
  assert.is(store([3n], 0x400), 0);
  assert.is(read(), value(3n, 0n, 0n));
  assert.is(machine.user(c.BPF_MAP_DELETE_ELEM, test, '00000000'), 'ok');
  assert.is(store([4n, 5n, 6n, 7n, 8n], 0x400), 0);
  assert.is(read(), value(4n, 5n, 6n), 'as deep as a value holds');
  assert.is(store([1n, 2n], 2), 'EFAULT', 'nothing left');
  assert.is(store([], 0), 'EFAULT');
  for (const flag of [0x800, 0x10000, -0x80000000]) assert.is(store([1n], flag), 'EINVAL');
  assert.is(machine.user(c.BPF_MAP_GET_NEXT_KEY, test, undefined), '00000000');
  assert.is(machine.user(c.BPF_MAP_GET_NEXT_KEY, test, '00000000'), 'ENOENT');
  assert.is(machine.user(c.BPF_MAP_LOOKUP_AND_DELETE_ELEM, test, '00000000'), value(4n, 5n, 6n));
  assert.is(read(), 'ENOENT');

  const wide = machine.create({ type: 7, keySize: 4, valueSize: 8, maxEntries: 3 });
  const wideMap = mapAt(kernel, wide.address)!;
  const ids = new Set<unknown>();
  for (let n = 0n; n < 64n; n++) ids.add(outcome(() => storeStack(kernel, wideMap, [n], 0x400)));
  const numbers = [...ids].filter((id) => typeof id === 'number');
  assert.ok(ids.has('ENOMEM') && numbers.length === 3, 'three of four buckets, as max_entries says');
  const keys: string[] = [];
  for (let key: string | undefined; ;) {
    key = machine.user(c.BPF_MAP_GET_NEXT_KEY, wide, key);
    if (key === 'ENOENT') break;
    keys.push(key);
  }
  assert.equal(keys, (numbers as number[]).toSorted((left, right) => left - right).map(word));

  const buildIds = machine.create({ type: 7, keySize: 4, valueSize: 64, maxEntries: 1, flags: 0x20 });
  storeStack(kernel, mapAt(kernel, buildIds.address)!, [0x1234n], 0);
  const entry = `02000000${'00'.repeat(20)}3412000000000000`;
  assert.is(machine.user(c.BPF_MAP_LOOKUP_ELEM, buildIds, '00000000'), entry + '00'.repeat(32));
});

test.run();

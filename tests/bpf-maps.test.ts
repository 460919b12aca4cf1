import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { operationsOf } from '../kernel/bpf-maps/index.ts';
import { createMap, holdMap, mapAt, putMap } from '../kernel/bpf/maps.ts';
import type { BpfMap } from '../kernel/bpf/types.ts';
import { Errno } from '../kernel/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { readKernel, readKernelU32, writeKernel } from '../kernel/mm/kernel-memory.ts';
import { freePages } from '../kernel/mm/physical.ts';
import { createBareKernel } from './support/bare-kernel.ts';

const HASH = 1;
const ARRAY = 2;
const RUNS = process.env['TEST_TIER'] === 'slow' ? 3000 : 100;

/** What `body` gives, or the name of its errno. */
function outcome<Value>(body: () => Value): Value | string {
  try {
    return body();
  } catch (error) {
    if (error instanceof Errno) return error.code;
    throw error;
  }
}

function key32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

const shape = { type: HASH, name: 'map', keySize: 4, valueSize: 12, maxEntries: 4, flags: 0 };

const read = (kernel: Kernel, map: BpfMap, key: Uint8Array): string => {
  const address = operationsOf(map).lookup(kernel, map, key);
  return address === 0n ? 'absent' : Buffer.from(readKernel(kernel, address, map.valueSize)!).toString('hex');
};

function keysOf(kernel: Kernel, map: BpfMap): string[] {
  const keys: string[] = [];
  for (let key: Uint8Array | undefined; keys.length <= map.maxEntries;) {
    const next = outcome(() => operationsOf(map).nextKey(kernel, map, key));
    if (typeof next === 'string') return next === 'ENOENT' ? keys : [next];
    keys.push(Buffer.from(next).toString('hex'));
    key = next;
  }
  return keys;
}

interface Keyed<Kind> {
  readonly kind: Kind;
  readonly key: number;
}
interface Update extends Keyed<'update'> {
  readonly value: Uint8Array;
  readonly flags: bigint;
}
type Step = Update | Keyed<'delete'> | Keyed<'lookup'> | Keyed<'next'>;

const anyKey = fc.integer({ min: 0, max: 7 });
const anyFlags = fc.oneof(fc.constantFrom(0n, 1n, 2n), fc.constantFrom(3n, 4n, 8n, 1n << 63n));
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('update' as const),
    key: anyKey,
    value: fc.uint8Array({ minLength: 12, maxLength: 12 }),
    flags: anyFlags,
  }),
  ...(['delete', 'lookup', 'next'] as const).map(
    (kind) => fc.record({ kind: fc.constant(kind), key: anyKey }) as fc.Arbitrary<Step>,
  ),
);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The model: a JavaScript Map and the errnos of the manual page. */
function modelHash(model: Map<string, string>, step: Step): string {
  const key = hex(key32(step.key));
  const keys = [...model.keys()];
  if (step.kind === 'lookup') return model.get(key) ?? 'absent';
  if (step.kind === 'delete') return model.delete(key) ? 'done' : 'ENOENT';
  if (step.kind === 'next') return keys[keys.indexOf(key) + 1] ?? 'ENOENT';
  if (step.flags > 2n) return 'EINVAL';
  if (model.has(key) && step.flags === 1n) return 'EEXIST';
  if (!model.has(key) && step.flags === 2n) return 'ENOENT';
  if (!model.has(key) && model.size >= shape.maxEntries) return 'E2BIG';
  model.set(key, hex(step.value));
  return 'done';
}

function modelArray(model: Map<string, string>, step: Step): string {
  const key = hex(key32(step.key));
  const inside = step.key < shape.maxEntries;
  if (step.kind === 'lookup') return inside ? (model.get(key) ?? '00'.repeat(12)) : 'absent';
  if (step.kind === 'delete') return 'EINVAL';
  if (step.kind === 'next') {
    if (step.key === shape.maxEntries - 1) return 'ENOENT';
    return hex(key32(inside ? step.key + 1 : 0));
  }
  if (step.flags > 2n) return 'EINVAL';
  if (!inside) return 'E2BIG';
  if (step.flags === 1n) return 'EEXIST';
  model.set(key, hex(step.value));
  return 'done';
}

function perform(kernel: Kernel, map: BpfMap, step: Step): string {
  const operations = operationsOf(map);
  const key = key32(step.key);
  if (step.kind === 'lookup') return read(kernel, map, key);
  return outcome(() => {
    if (step.kind === 'next') return hex(operations.nextKey(kernel, map, key));
    if (step.kind === 'delete') operations.delete(kernel, map, key);
    else operations.update(kernel, map, key, step.value, step.flags);
    return 'done';
  });
}

for (const [name, type, model] of [
  ['hash', HASH, modelHash],
  ['array', ARRAY, modelArray],
] as const) {
  for (const flags of type === HASH ? [0, 1] : [0]) {
    test(`${name} maps with flags ${flags} agree with a Map, whatever is done to them`, () => {
      const { kernel } = createBareKernel();
      fc.assert(
        fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
          const map = createMap(kernel, { ...shape, type, flags });
          const expected = new Map<string, string>();
          for (const step of steps)
            assert.is(perform(kernel, map, step), model(expected, step), JSON.stringify(step.kind));
          if (type === HASH) assert.equal(keysOf(kernel, map), [...expected.keys()]);
          putMap(kernel, map.id);
          assert.is(kernel.bpf.maps.size + kernel.bpf.mapIds.size, 0);
        }),
        { numRuns: RUNS },
      );
    });
  }
}

test('MAP_CREATE refuses what the type does not have', () => {
  const { kernel } = createBareKernel();
  const create = (change: Partial<typeof shape>) =>
    outcome(() => {
      const map = createMap(kernel, { ...shape, ...change });
      putMap(kernel, map.id);
      return 'created';
    });
  const hashFlags = [0, 1, 4, 8, 0x10, 0x40, 0x80, 0x100];
  const arrayFlags = [0, 4, 8, 0x10, 0x80, 0x100, 0x400, 0x1000];
  for (let bit = 0; bit < 32; bit++) {
    const flags = (1 << bit) >>> 0;
    assert.is(create({ flags }), hashFlags.includes(flags) ? 'created' : 'EINVAL', `hash ${flags}`);
    assert.is(create({ type: ARRAY, flags }), arrayFlags.includes(flags) ? 'created' : 'EINVAL', `array ${flags}`);
  }
  for (const type of [HASH, ARRAY]) {
    for (const flags of [0x18, 0x180]) assert.is(create({ type, flags }), 'EINVAL');
    for (const field of ['keySize', 'valueSize', 'maxEntries'])
      assert.is(create({ type, [field]: 0 }), 'EINVAL', field);
  }
  for (const type of [0, 3, 27, 0xffffffff]) assert.is(create({ type }), 'EINVAL', `type ${type}`);
  assert.is(create({ valueSize: 1 << 20 }), 'created');
  assert.is(create({ valueSize: 4 << 20 }), 'E2BIG');
  assert.is(create({ keySize: 0xffffffff, valueSize: 0xffffffff }), 'E2BIG');
  assert.is(create({ maxEntries: 0xffffffff }), 'E2BIG');
  assert.is(create({ type: ARRAY, keySize: 8 }), 'EINVAL');
  assert.is(create({ type: ARRAY, valueSize: 0x80000000 }), 'E2BIG');
  assert.is(create({ type: ARRAY, maxEntries: 0xffffffff }), 'ENOMEM');
  assert.is(create({ type: ARRAY, maxEntries: 0xffffffff, valueSize: 0x7fffffff }), 'ENOMEM');
});

test('a hash keeps an element where it is until it is deleted; a program writes through the pointer', () => {
  const { kernel } = createBareKernel();
  const map = createMap(kernel, shape);
  const operations = operationsOf(map);
  operations.update(kernel, map, key32(1), new Uint8Array(12).fill(1), 0n);
  const address = operations.lookup(kernel, map, key32(1));
  for (const other of [2, 3, 4]) operations.update(kernel, map, key32(other), new Uint8Array(12), 0n);
  operations.update(kernel, map, key32(1), new Uint8Array(12).fill(2), 2n);
  assert.is(operations.lookup(kernel, map, key32(1)), address);
  writeKernel(kernel, address, Uint8Array.of(9));
  assert.is(read(kernel, map, key32(1)), `09${'02'.repeat(11)}`);
});

test('array values are 8-byte rounded and in a row', () => {
  const { kernel } = createBareKernel();
  const map = createMap(kernel, { ...shape, type: ARRAY, maxEntries: 5000 });
  const operations = operationsOf(map);
  const first = operations.lookup(kernel, map, key32(0));
  assert.is(operations.lookup(kernel, map, key32(4999)), first + 4999n * 16n);
  assert.is(readKernelU32(kernel, first + 4999n * 16n), 0);
});

test('struct bpf_map is found by its address alone, and goes with the last reference', () => {
  const { kernel } = createBareKernel();
  const map = holdMap(createMap(kernel, { ...shape, name: 'pid_to_errno' }));
  assert.is(mapAt(kernel, map.address), map);
  assert.is(mapAt(kernel, map.address + 8n), undefined);
  assert.is(readKernelU32(kernel, map.address + 8n), 12);
  assert.is(hex(readKernel(kernel, map.address + 24n, 16)!), `${hex(Buffer.from('pid_to_errno'))}00000000`);
  putMap(kernel, map.id);
  assert.is(mapAt(kernel, map.address), map);
  putMap(kernel, map.id);
  assert.is(mapAt(kernel, map.address), undefined);
});

test('memory runs out as ENOMEM, and comes back', () => {
  const { kernel } = createBareKernel();
  const map = createMap(kernel, { ...shape, valueSize: 1 << 20, maxEntries: 100 });
  const fill = (): number => {
    for (let n = 0; n < 100; n++) {
      const result = outcome(() => operationsOf(map).update(kernel, map, key32(n), new Uint8Array(1 << 20), 0n));
      if (result === 'ENOMEM') return n;
      assert.is(result, undefined);
    }
    return 100;
  };
  const count = fill();
  assert.ok(count > 5 && count < 16, `${count} elements of 1 MiB fitted into 16 MiB`);
  for (let n = 0; n < count; n++) operationsOf(map).delete(kernel, map, key32(n));
  assert.is(fill(), count);

  const before = freePages(kernel);
  const ring = outcome(() => createMap(kernel, { ...shape, type: 27, keySize: 0, valueSize: 0, maxEntries: 1 << 24 }));
  assert.is(ring, 'ENOMEM');
  assert.ok(freePages(kernel) >= before - 1);
});

test('10,000 elements are iterated in the order of their insertion', () => {
  const { kernel } = createBareKernel();
  const map = createMap(kernel, { ...shape, maxEntries: 10_000 });
  const expected: string[] = [];
  for (let n = 0; n < 10_000; n++) {
    const key = key32(Math.imul(n, 0x9e3779b1) >>> 0);
    operationsOf(map).update(kernel, map, key, new Uint8Array(12), 0n);
    expected.push(hex(key));
  }
  assert.equal(keysOf(kernel, map), expected);
});

test.run();

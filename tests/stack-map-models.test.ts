// Whatever programs store in a stack trace map and system calls ask of it, in any order, it answers as a plain model does.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jhash2 } from '../kernel/bpf-maps/jhash.ts';
import { storeStack } from '../kernel/bpf-maps/stack-trace.ts';
import { mapAt } from '../kernel/bpf/maps.ts';
import { Errno } from '../kernel/errno.ts';
import { closeDescriptor } from '../kernel/fs/files.ts';
import { constants as c } from '../kernel/layout/constants.ts';
import { createMapMachine, type MapMachine, type TestMap } from './support/map-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 6000 : 150));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const BUCKETS = 8;
/** frames a value holds */
const DEPTH = 3;

const hashOf = (frames: readonly bigint[]): number => jhash2(new Uint32Array(BigUint64Array.from(frames).buffer));

/** Two stacks of one frame that have all 32 bits of their hash in common. */
function collision(): readonly [bigint, bigint] {
  const seen = new Map<number, bigint>();
  for (let frame = 1n; frame < 1_000_000n; frame++) {
    const hash = hashOf([frame]);
    const other = seen.get(hash);
    if (other !== undefined) return [other, frame];
    seen.set(hash, frame);
  }
  throw new Error('no two of a million stacks have the same hash');
}
const [left, right] = collision();

/** innermost frame first; some longer than a value, some the same once frames are skipped or cut off */
const stacks: readonly (readonly bigint[])[] = [
  [],
  [left],
  [right],
  [7n, left],
  [7n, right],
  ...Array.from({ length: 6 }, (_, n) => [0xffffffff81000000n + BigInt(n * 16)]),
  [1n, 2n],
  [9n, 1n, 2n],
  [1n, 2n, 3n, 4n],
  [1n, 2n, 3n, 5n],
  [8n, 9n, 1n, 2n, 3n, 4n, 5n],
];

const USER_STACK = 0x100;
const FAST_STACK_CMP = 0x200;
const REUSE_STACKID = 0x400;

type Step =
  | { readonly kind: 'store'; readonly stack: number; readonly flags: number }
  | { readonly kind: 'lookup' | 'take' | 'delete' | 'next' | 'update'; readonly id: number }
  | { readonly kind: 'first' };

const anyFlags = fc
  .tuple(
    fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2, 255)),
    fc.constantFrom(0, FAST_STACK_CMP, REUSE_STACKID, FAST_STACK_CMP | REUSE_STACKID),
    fc.oneof({ weight: 9, arbitrary: fc.constantFrom(0, USER_STACK) }, fc.constantFrom(0x800, 0x40000000)),
  )
  .map(([skip, compare, more]) => skip | compare | more);

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('store' as const), stack: fc.nat(stacks.length - 1), flags: anyFlags }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('lookup' as const, 'take' as const, 'delete' as const, 'next' as const, 'update' as const),
      id: fc.nat(BUCKETS + 1),
    }),
  },
  fc.constant({ kind: 'first' as const }),
);

const word = (value: number): string => `${value.toString(16).padStart(2, '0')}000000`;
const valueText = (frames: readonly bigint[]): string =>
  Buffer.from(BigUint64Array.from({ length: DEPTH }, (_, n) => frames[n] ?? 0n).buffer).toString('hex');

/** The stack of each bucket. */
class Model {
  readonly buckets: (readonly bigint[] | undefined)[] = Array.from({ length: BUCKETS });
  readonly room: number;
  constructor(room: number) {
    this.room = room;
  }
  store(stack: readonly bigint[], flags: number): string {
    if ((flags & ~(0xff | USER_STACK | FAST_STACK_CMP | REUSE_STACKID)) !== 0) return 'EINVAL';
    const frames = stack.slice(flags & 0xff, (flags & 0xff) + DEPTH);
    if (frames.length === 0) return 'EFAULT';
    const id = hashOf(frames) % BUCKETS;
    const old = this.buckets[id];
    const alike =
      old !== undefined && ((flags & FAST_STACK_CMP) !== 0 ? hashOf(old) === hashOf(frames) : `${old}` === `${frames}`);
    if (alike) return word(id);
    // a hash in common is not enough for a full comparison, and the same stack always is
    if (old !== undefined && `${old}` === `${frames}`) return word(id);
    if (old !== undefined && (flags & REUSE_STACKID) === 0) return 'EEXIST';
    if (this.buckets.filter((bucket) => bucket !== undefined).length === this.room) return 'ENOMEM';
    this.buckets[id] = frames;
    return word(id);
  }
  next(after: number): string {
    const id = this.buckets.findIndex((bucket, n) => n > after && bucket !== undefined);
    return id < 0 ? 'ENOENT' : word(id);
  }
  step(step: Step): string {
    if (step.kind === 'store') return this.store(stacks[step.stack]!, step.flags);
    if (step.kind === 'first') return this.next(-1);
    const { kind, id } = step;
    const frames = this.buckets[id];
    switch (kind) {
      case 'lookup':
        return frames === undefined ? 'ENOENT' : valueText(frames);
      case 'take':
        if (frames === undefined) return 'ENOENT';
        this.buckets[id] = undefined;
        return valueText(frames);
      case 'delete':
        if (id >= BUCKETS) return 'E2BIG';
        this.buckets[id] = undefined;
        return frames === undefined ? 'ENOENT' : 'ok';
      case 'next':
        return this.next(frames === undefined ? -1 : id);
      case 'update':
        return 'EINVAL';
    }
  }
}

function perform(machine: MapMachine, map: TestMap, step: Step): string {
  if (step.kind === 'first') return machine.user(c.BPF_MAP_GET_NEXT_KEY, map, undefined);
  if (step.kind === 'store') {
    try {
      return word(storeStack(machine.kernel, mapAt(machine.kernel, map.address)!, stacks[step.stack]!, step.flags));
    } catch (error) {
      if (error instanceof Errno) return error.code;
      throw error;
    }
  }
  const key = word(step.id);
  // what the verifier would refuse
  assert.is(machine.helper(0, 'bpf_map_lookup_elem', map.address, machine.put(0, key)), 0n);
  const commands = {
    lookup: c.BPF_MAP_LOOKUP_ELEM,
    take: c.BPF_MAP_LOOKUP_AND_DELETE_ELEM,
    delete: c.BPF_MAP_DELETE_ELEM,
    next: c.BPF_MAP_GET_NEXT_KEY,
    update: c.BPF_MAP_UPDATE_ELEM,
  };
  return machine.user(commands[step.kind], map, key, step.kind === 'update' ? '00'.repeat(DEPTH * 8) : undefined);
}

test('the stacks of the test collide: in the bucket, and in the whole hash', () => {
  assert.is.not(left, right);
  assert.is(hashOf([left]), hashOf([right]));
  const ids = stacks.filter(({ length }) => length > 0).map((frames) => hashOf(frames.slice(0, DEPTH)) % BUCKETS);
  assert.ok(new Set(ids).size < ids.length && new Set(ids).size > 4);
});

// 5 elements make 8 buckets as well
for (const maxEntries of [BUCKETS, 5]) {
  test(`stack_trace of ${maxEntries} entries in ${BUCKETS} buckets agrees with a model`, () => {
    const machine = createMapMachine(1);
    const shape = { type: c.BPF_MAP_TYPE_STACK_TRACE, keySize: 4, valueSize: DEPTH * 8, maxEntries };
    const result = fc.check(
      fc.property(fc.array(anyStep, { maxLength: 100, size: 'max' }), (steps) => {
        const map = machine.create(shape);
        const model = new Model(maxEntries);
        try {
          steps.forEach((step, n) => {
            assert.is(perform(machine, map, step), model.step(step), `step ${n}: ${JSON.stringify(step)}`);
          });
        } finally {
          closeDescriptor(machine.kernel, machine.task, map.descriptor);
        }
        assert.is(machine.kernel.bpf.maps.size, 0);
      }),
      { numRuns: RUNS, ...seed },
    );
    const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/stack-map-models.test.ts`;
    assert.not.ok(result.failed, `${replay}\n${fc.defaultReportMessage(result)}`);
  });
}

test.run();

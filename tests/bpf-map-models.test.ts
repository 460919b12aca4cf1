// Whatever system calls and programs on several CPUs do to a map, in any order, it answers as a plain model does.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { constants as c } from '../kernel/layout/constants.ts';
import { closeDescriptor } from '../kernel/fs/files.ts';
import { writeKernel } from '../kernel/mm/kernel-memory.ts';
import { createMapMachine, unhex, type MapMachine, type MapShape, type TestMap } from './support/map-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 4000 : 80));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const CPUS = 3;
const ENTRIES = 4;
const VALUE_SIZE = 12;
const STRIDE = 16;

const operations = [
  'user-lookup',
  'user-update',
  'user-delete',
  'user-next',
  'user-take',
  'lookup',
  'lookup-cpu',
  'store',
  'update',
  'delete',
  'push',
  'pop',
  'peek',
] as const;

interface Step {
  readonly operation: string;
  readonly cpu: number;
  readonly key: number;
  /** a value's bytes, one a CPU */
  readonly values: readonly number[];
  readonly flags: bigint;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  operation: fc.constantFrom(...operations),
  cpu: fc.nat(CPUS - 1),
  key: fc.nat(6),
  values: fc.array(fc.nat(255), { minLength: CPUS, maxLength: CPUS }),
  flags: fc.oneof({ weight: 6, arbitrary: fc.constant(0n) }, fc.constantFrom(1n, 2n, 3n, 8n, 1n << 40n)),
});

const keyText = (key: number): string => `0${key}000000`;
const valueText = (byte: number, size = VALUE_SIZE): string => byte.toString(16).padStart(2, '0').repeat(size);
const padded = (byte: number): string => valueText(byte).padEnd(STRIDE * 2, '0');
const ZERO = valueText(0);

/** A map's answers; what a type does not do keeps the answer of `nothing`. */
interface Model {
  step(step: Step): string;
}

const isUpdateFlag = (flags: bigint): boolean => flags <= 2n;

/** Keys to values by CPU, in the order of age. */
class HashModel implements Model {
  readonly elements = new Map<string, { values: string[]; used: boolean }>();
  readonly perCpu: boolean;
  readonly lru: boolean;
  constructor(perCpu: boolean, lru: boolean) {
    this.perCpu = perCpu;
    this.lru = lru;
  }
  text(key: string): string {
    const { values } = this.elements.get(key)!;
    return this.perCpu ? values.map((value) => value.padEnd(STRIDE * 2, '0')).join('') : values[0]!;
  }
  evict(): void {
    for (;;) {
      const [key, element] = [...this.elements][0]!;
      this.elements.delete(key);
      if (!element.used) return;
      element.used = false;
      this.elements.set(key, element);
    }
  }
  update(key: string, flags: bigint, change: (values: string[]) => void): string {
    if (!isUpdateFlag(flags)) return 'EINVAL';
    const present = this.elements.get(key);
    if (present !== undefined && flags === 1n) return 'EEXIST';
    if (present === undefined && flags === 2n) return 'ENOENT';
    if (present !== undefined) {
      present.used = true;
      change(present.values);
      return 'ok';
    }
    if (this.elements.size === ENTRIES) {
      if (!this.lru) return 'E2BIG';
      this.evict();
    }
    const values = Array.from({ length: this.perCpu ? CPUS : 1 }, () => ZERO);
    change(values);
    this.elements.set(key, { values, used: false });
    return 'ok';
  }
  step({ operation, cpu, key: number, values, flags }: Step): string {
    const key = keyText(number);
    const element = this.elements.get(key);
    const own = this.perCpu ? cpu : 0;
    switch (operation) {
      case 'user-lookup':
        return element === undefined ? 'ENOENT' : this.text(key);
      case 'user-take': {
        if (element === undefined) return 'ENOENT';
        const text = this.text(key);
        this.elements.delete(key);
        return text;
      }
      case 'user-update':
        return this.update(key, flags, (old) => old.forEach((_, n) => (old[n] = valueText(values[n]!))));
      case 'user-delete':
      case 'delete':
        return this.elements.delete(key) ? 'ok' : 'ENOENT';
      case 'user-next': {
        const keys = [...this.elements.keys()];
        return keys[keys.indexOf(key) + 1] ?? 'ENOENT';
      }
      case 'update':
        return this.update(key, flags, (old) => (old[own] = valueText(values[0]!)));
      case 'lookup':
      case 'store': {
        if (element === undefined) return 'null';
        element.used = true;
        const text = element.values[own]!;
        if (operation === 'store') element.values[own] = valueText(values[0]!);
        return text;
      }
      case 'lookup-cpu':
        if (!this.perCpu || element === undefined) return 'null';
        element.used = true;
        return element.values[number % CPUS]!;
      default:
        return 'EINVAL';
    }
  }
}

class ArrayModel implements Model {
  readonly perCpu: boolean;
  readonly slots: string[][];
  constructor(perCpu: boolean) {
    this.perCpu = perCpu;
    this.slots = Array.from({ length: ENTRIES }, () => Array.from({ length: perCpu ? CPUS : 1 }, () => ZERO));
  }
  step({ operation, cpu, key, values, flags }: Step): string {
    const slot = this.slots[key];
    const own = this.perCpu ? cpu : 0;
    const refusal = !isUpdateFlag(flags)
      ? 'EINVAL'
      : slot === undefined
        ? 'E2BIG'
        : flags === 1n
          ? 'EEXIST'
          : undefined;
    switch (operation) {
      case 'user-lookup':
        if (slot === undefined) return 'ENOENT';
        return this.perCpu ? slot.map((value) => value.padEnd(STRIDE * 2, '0')).join('') : slot[0]!;
      case 'user-take':
        return 'ENOTSUPP';
      case 'user-update':
        if (refusal === undefined) slot!.forEach((_, n) => (slot![n] = valueText(values[n]!)));
        return refusal ?? 'ok';
      case 'update':
        if (refusal === undefined) slot![own] = valueText(values[0]!);
        return refusal ?? 'ok';
      case 'user-next':
        if (key === ENTRIES - 1) return 'ENOENT';
        return keyText(key < ENTRIES ? key + 1 : 0);
      case 'lookup-cpu':
        return this.perCpu && slot !== undefined ? slot[key % CPUS]! : 'null';
      case 'lookup':
      case 'store': {
        if (slot === undefined) return 'null';
        const text = slot[own]!;
        if (operation === 'store') slot[own] = valueText(values[0]!);
        return text;
      }
      default:
        return 'EINVAL';
    }
  }
}

/** Values in the order of their push. */
class QueueModel implements Model {
  readonly values: string[] = [];
  readonly lifo: boolean;
  constructor(lifo: boolean) {
    this.lifo = lifo;
  }
  push(value: string, flags: bigint): string {
    if (flags !== 0n && flags !== 2n) return 'EINVAL';
    if (this.values.length === ENTRIES) {
      if (flags === 0n) return 'E2BIG';
      this.values.shift();
    }
    this.values.push(value);
    return 'ok';
  }
  give(remove: boolean): string | undefined {
    const value = this.values.at(this.lifo ? -1 : 0);
    if (remove && value !== undefined) this.values.splice(this.lifo ? -1 : 0, 1);
    return value;
  }
  step({ operation, values, flags }: Step): string {
    switch (operation) {
      case 'user-lookup':
        return this.give(false) ?? 'ENOENT';
      case 'user-take':
        return this.give(true) ?? 'ENOENT';
      case 'user-update':
      case 'push':
        return this.push(valueText(values[0]!), flags);
      case 'peek':
        return this.give(false) ?? `ENOENT ${ZERO}`;
      case 'pop':
        return this.give(true) ?? `ENOENT ${ZERO}`;
      case 'lookup':
      case 'lookup-cpu':
      case 'store':
        return 'null';
      default:
        return 'EINVAL';
    }
  }
}

const commands: Readonly<Record<string, number>> = {
  'user-lookup': c.BPF_MAP_LOOKUP_ELEM,
  'user-update': c.BPF_MAP_UPDATE_ELEM,
  'user-delete': c.BPF_MAP_DELETE_ELEM,
  'user-next': c.BPF_MAP_GET_NEXT_KEY,
  'user-take': c.BPF_MAP_LOOKUP_AND_DELETE_ELEM,
};

function perform(machine: MapMachine, map: TestMap, step: Step): string {
  const { operation, cpu, key: number, values, flags } = step;
  const { address, shape, userSize } = map;
  const keyed = shape.keySize > 0;
  const text = keyText(number);
  const command = commands[operation];
  if (command !== undefined) {
    const user = userSize === VALUE_SIZE ? valueText(values[0]!) : values.map(padded).join('');
    return machine.user(command, map, keyed ? text : undefined, user, operation === 'user-update' ? flags : 0n);
  }
  const key = machine.put(0, text);
  const value = machine.put(1, valueText(values[0]!));
  switch (operation) {
    case 'update':
      return machine.status(cpu, 'bpf_map_update_elem', address, key, value, flags);
    case 'delete':
      return machine.status(cpu, 'bpf_map_delete_elem', address, key);
    case 'push':
      return machine.status(cpu, 'bpf_map_push_elem', address, value, flags);
    case 'pop':
    case 'peek': {
      const status = machine.status(cpu, `bpf_map_${operation}_elem`, address, value);
      const bytes = machine.bytesAt(value, VALUE_SIZE);
      return status === 'ok' ? bytes : status === 'ENOENT' ? `ENOENT ${bytes}` : status;
    }
    default: {
      const other = BigInt(number % CPUS);
      const pointer =
        operation === 'lookup-cpu'
          ? machine.helper(cpu, 'bpf_map_lookup_percpu_elem', address, key, other)
          : machine.helper(cpu, 'bpf_map_lookup_elem', address, key);
      if (pointer === 0n) return 'null';
      const found = machine.bytesAt(pointer, VALUE_SIZE);
      if (operation === 'store') writeKernel(machine.kernel, pointer, unhex(valueText(values[0]!)));
      return found;
    }
  }
}

const keyed = { keySize: 4, valueSize: VALUE_SIZE, maxEntries: ENTRIES };
const keyless = { ...keyed, keySize: 0 };

// prettier-ignore
const subjects: readonly (readonly [name: string, shape: MapShape, model: () => Model])[] = [
  ['hash',                  { ...keyed, type: c.BPF_MAP_TYPE_HASH },                     () => new HashModel(false, false)],
  ['hash without prealloc', { ...keyed, type: c.BPF_MAP_TYPE_HASH, flags: 1 },           () => new HashModel(false, false)],
  ['percpu_hash',           { ...keyed, type: c.BPF_MAP_TYPE_PERCPU_HASH },              () => new HashModel(true, false)],
  ['percpu_hash no prealloc', { ...keyed, type: c.BPF_MAP_TYPE_PERCPU_HASH, flags: 1 },  () => new HashModel(true, false)],
  ['lru_hash',              { ...keyed, type: c.BPF_MAP_TYPE_LRU_HASH },                 () => new HashModel(false, true)],
  ['lru_percpu_hash',       { ...keyed, type: c.BPF_MAP_TYPE_LRU_PERCPU_HASH },          () => new HashModel(true, true)],
  ['array',                 { ...keyed, type: c.BPF_MAP_TYPE_ARRAY },                    () => new ArrayModel(false)],
  ['mmapable array',        { ...keyed, type: c.BPF_MAP_TYPE_ARRAY, flags: 0x400 },      () => new ArrayModel(false)],
  ['percpu_array',          { ...keyed, type: c.BPF_MAP_TYPE_PERCPU_ARRAY },             () => new ArrayModel(true)],
  ['queue',                 { ...keyless, type: c.BPF_MAP_TYPE_QUEUE },                  () => new QueueModel(false)],
  ['stack',                 { ...keyless, type: c.BPF_MAP_TYPE_STACK },                  () => new QueueModel(true)],
];

for (const [name, shape, createModel] of subjects) {
  test(`${name}: system calls and programs on ${CPUS} CPUs agree with a model`, () => {
    const machine = createMapMachine(CPUS);
    const result = fc.check(
      fc.property(fc.array(anyStep, { maxLength: 120, size: 'max' }), (steps) => {
        const map = machine.create(shape);
        const model = createModel();
        try {
          steps.forEach((step, n) => {
            assert.is(perform(machine, map, step), model.step(step), `step ${n}: ${step.operation}`);
          });
        } finally {
          closeDescriptor(machine.kernel, machine.task, map.descriptor);
        }
        assert.is(machine.kernel.bpf.maps.size, 0);
      }),
      { numRuns: RUNS, ...seed },
    );
    const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/bpf-map-models.test.ts`;
    assert.not.ok(result.failed, `${replay}\n${fc.defaultReportMessage(result)}`);
  });
}

test.run();

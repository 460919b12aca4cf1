// Whatever system calls and programs on several CPUs do with a perf event array, while its events and descriptors come
// and go, it answers as a plain model does, and every event is freed with its last user.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { closeDescriptor, fileOf } from '../kernel/fs/files.ts';
import { constants as c } from '../kernel/layout/constants.ts';
import { bpf_attr_get_id, perf_event_attr } from '../kernel/layout/structures.ts';
import { writeStructure } from '../kernel/layout/write-structure.ts';
import { mapRing, unmapRing } from '../kernel/perf/ring-buffer.ts';
import type { RingBuffer } from '../kernel/perf/types.ts';
import { USER } from './support/bare-kernel.ts';
import { createMapMachine, type MapMachine, type TestMap } from './support/map-machine.ts';
import { bpf } from './support/rex-load.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 4000 : 120));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const CPUS = 3;
/** fewer than twice the CPUs, so that an index can be a CPU, not a CPU, or too large */
const ENTRIES = 5;
const SLOTS = 5;
const PRESERVE_ELEMS = 0x800;
const CPU_CLOCK = 0;
/** struct perf_event_header, the length of 12 bytes with itself and 8 of data, padded */
const RECORD = 24;
const PROT_READ = 1;
const ATTRIBUTE = USER + 0x3000n;

type Step =
  | { readonly kind: 'open'; readonly slot: number; readonly cpu: number; readonly output: boolean }
  | { readonly kind: 'close' | 'unmap'; readonly slot: number }
  | {
      readonly kind: 'update';
      readonly index: number;
      readonly slot: number;
      readonly flags: number;
      readonly second: boolean;
    }
  | { readonly kind: 'delete' | 'lookup' | 'next'; readonly index: number }
  | { readonly kind: 'close second' }
  | { readonly kind: 'output'; readonly cpu: number; readonly flags: bigint };

const is = <Kind extends string>(kind: Kind) => fc.constant(kind);
const slot = fc.nat(SLOTS - 1);
const index = fc.nat(ENTRIES + 1);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: is('open'),
      slot,
      cpu: fc.nat(CPUS - 1),
      output: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'unmap' as const), slot }) },
  {
    weight: 6,
    // slot SLOTS is no event's descriptor
    arbitrary: fc.record({
      kind: is('update'),
      index,
      slot: fc.nat(SLOTS),
      flags: fc.constantFrom(0, 0, 0, 0, 1, 2, 4),
      second: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'lookup' as const, 'next' as const), index }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'close second' as const }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: is('output'),
      cpu: fc.nat(CPUS - 1),
      flags: fc.oneof(fc.constant(BigInt(c.BPF_F_CURRENT_CPU)), fc.nat(ENTRIES + 1).map(BigInt), {
        weight: 1,
        arbitrary: fc.constantFrom(1n << 32n, 0xfffffffen, -1n & 0xffff_ffff_ffff_ffffn),
      }),
    }),
  },
);

const word = (value: number): string => `${value.toString(16).padStart(2, '0')}000000`;

interface Event {
  readonly output: boolean;
  readonly cpu: number;
  open: boolean;
  mapped: boolean;
  samples: number;
}

class Model {
  readonly slots: (Event | undefined)[] = Array.from({ length: SLOTS });
  /** every event that somebody holds or that a ring still shows */
  readonly entries = new Map<number, { readonly event: Event; readonly second: boolean }>();
  readonly preserve: boolean;
  constructor(preserve: boolean) {
    this.preserve = preserve;
  }
  step(step: Step): string {
    switch (step.kind) {
      case 'open': {
        if (this.slots[step.slot] !== undefined) return 'open';
        this.slots[step.slot] = { output: step.output, cpu: step.cpu, open: true, mapped: step.output, samples: 0 };
        return 'ok';
      }
      case 'close':
        if (this.slots[step.slot] === undefined) return 'closed';
        this.slots[step.slot] = undefined;
        return 'ok';
      case 'unmap': {
        const event = this.slots[step.slot];
        if (event !== undefined) event.mapped = false;
        return 'ok';
      }
      case 'update': {
        const event = this.slots[step.slot];
        if (step.flags !== 0) return 'EINVAL';
        if (step.index >= ENTRIES) return 'E2BIG';
        if (event === undefined) return 'EBADF';
        this.entries.set(step.index, { event, second: step.second });
        return 'ok';
      }
      case 'delete':
        if (step.index >= ENTRIES) return 'E2BIG';
        return this.entries.delete(step.index) ? 'ok' : 'ENOENT';
      case 'lookup':
        return 'ENOTSUPP';
      case 'next':
        if (step.index === ENTRIES - 1) return 'ENOENT';
        return word(step.index < ENTRIES ? step.index + 1 : 0);
      case 'close second':
        for (const [at, entry] of this.entries) if (entry.second && !this.preserve) this.entries.delete(at);
        return 'ok';
      case 'output': {
        if (step.flags >> 32n !== 0n) return 'EINVAL';
        const wanted = step.flags === BigInt(c.BPF_F_CURRENT_CPU) ? step.cpu : Number(step.flags);
        if (wanted >= ENTRIES) return 'E2BIG';
        const event = this.entries.get(wanted)?.event;
        if (event === undefined) return 'ENOENT';
        if (!event.output) return 'EINVAL';
        if (event.cpu !== step.cpu) return 'EOPNOTSUPP';
        if (!event.mapped) return 'ENOSPC';
        event.samples++;
        return 'ok';
      }
    }
  }
  /** events that a descriptor or an entry keeps */
  alive(): number {
    return new Set([
      ...this.slots.filter((event) => event !== undefined),
      ...[...this.entries.values()].map(({ event }) => event),
    ]).size;
  }
}

interface Opened {
  readonly descriptor: number;
  ring: RingBuffer | undefined;
}

class Subject {
  readonly machine: MapMachine;
  readonly map: TestMap;
  second: number;
  readonly slots: (Opened | undefined)[] = Array.from({ length: SLOTS });
  /** with the model's event, for its samples */
  readonly rings: { readonly ring: RingBuffer; readonly event: Event }[] = [];
  constructor(machine: MapMachine, flags: number) {
    this.machine = machine;
    this.map = machine.create({
      type: c.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: ENTRIES,
      flags,
    });
    this.second = this.openSecond();
  }
  openSecond(): number {
    const { id } = [...this.machine.kernel.bpf.maps.values()].at(-1)!;
    return bpf(this.machine, c.BPF_MAP_GET_FD_BY_ID, writeStructure(bpf_attr_get_id, { id }).subarray(0, 12));
  }
  close(descriptor: number): void {
    closeDescriptor(this.machine.kernel, this.machine.task, descriptor);
  }
  open(cpu: number, output: boolean): Opened {
    const { machine } = this;
    const { kernel, task } = machine;
    machine.poke(
      ATTRIBUTE,
      writeStructure(perf_event_attr, {
        size: perf_event_attr.size,
        type: c.PERF_TYPE_SOFTWARE,
        config: output ? c.PERF_COUNT_SW_BPF_OUTPUT : CPU_CLOCK,
        sample_period: 1_000_000,
        sample_type: output ? 0x400 : 0,
      }),
    );
    const descriptor = machine.call('perf_event_open', ATTRIBUTE, -1, cpu, -1, 0);
    assert.ok(descriptor >= 0, `perf_event_open: ${descriptor}`);
    const event = kernel.bpf.events.get(fileOf(kernel, task, descriptor).object)!;
    // read-only: new records overwrite old ones, and none is lost
    const ring = output ? mapRing(kernel, event, { length: 8192, offset: 0, protection: PROT_READ }) : undefined;
    return { descriptor, ring };
  }
  step(step: Step): string {
    const { machine, map, slots } = this;
    switch (step.kind) {
      case 'open':
        if (slots[step.slot] !== undefined) return 'open';
        slots[step.slot] = this.open(step.cpu, step.output);
        return 'ok';
      case 'close': {
        const opened = slots[step.slot];
        if (opened === undefined) return 'closed';
        this.close(opened.descriptor);
        slots[step.slot] = undefined;
        return 'ok';
      }
      case 'unmap': {
        const opened = slots[step.slot];
        if (opened?.ring !== undefined) unmapRing(machine.kernel, opened.ring.id);
        if (opened !== undefined) opened.ring = undefined;
        return 'ok';
      }
      case 'update': {
        const through = step.second ? { ...map, descriptor: this.second } : map;
        const opened = slots[step.slot];
        // without an event: the map's own descriptor, and after it none
        const value = opened?.descriptor ?? (step.index % 2 === 0 ? map.descriptor : 200);
        return machine.user(c.BPF_MAP_UPDATE_ELEM, through, word(step.index), word(value), BigInt(step.flags));
      }
      case 'delete':
        return machine.user(c.BPF_MAP_DELETE_ELEM, map, word(step.index));
      case 'lookup':
        // what the verifier would refuse
        assert.is(machine.helper(0, 'bpf_map_lookup_elem', map.address, machine.put(0, word(step.index))), 0n);
        return machine.user(c.BPF_MAP_LOOKUP_ELEM, map, word(step.index));
      case 'next':
        return machine.user(c.BPF_MAP_GET_NEXT_KEY, map, word(step.index));
      case 'close second':
        this.close(this.second);
        this.second = this.openSecond();
        return 'ok';
      case 'output': {
        // the record's first word: where the registers are
        const record = machine.put(0, '00'.repeat(256));
        const context = machine.put(1, Buffer.from(BigUint64Array.of(record).buffer).toString('hex'));
        machine.kernel.cpus[step.cpu]!.registers.r8 = 8n;
        return machine.status(step.cpu, 'bpf_perf_event_output_tp', context, map.address, step.flags, context);
      }
    }
  }
}

for (const [name, flags] of [
  ['perf_event_array', 0],
  ['perf_event_array with BPF_F_PRESERVE_ELEMS', PRESERVE_ELEMS],
] as const) {
  test(`${name}: system calls and programs on ${CPUS} CPUs agree with a model`, () => {
    const machine = createMapMachine(CPUS);
    const { kernel } = machine;
    const result = fc.check(
      fc.property(fc.array(anyStep, { maxLength: 100, size: 'max' }), (steps) => {
        const model = new Model(flags !== 0);
        const subject = new Subject(machine, flags);
        try {
          steps.forEach((step, n) => {
            const where = `step ${n}: ${step.kind}`;
            assert.is(subject.step(step), model.step(step), where);
            if (step.kind === 'open') {
              const ring = subject.slots[step.slot]?.ring;
              const event = model.slots[step.slot]!;
              if (ring !== undefined && !subject.rings.some((known) => known.ring === ring))
                subject.rings.push({ ring, event });
            }
            assert.is(kernel.bpf.events.size, model.alive(), `${where}: events`);
          });
          for (const { ring, event } of subject.rings) assert.is(ring.head, event.samples * RECORD, 'bytes of samples');
        } finally {
          for (const { ring } of subject.rings) if (kernel.perf.rings.has(ring.id)) unmapRing(kernel, ring.id);
          for (const opened of subject.slots) if (opened !== undefined) subject.close(opened.descriptor);
          subject.close(subject.second);
          subject.close(subject.map.descriptor);
        }
        assert.equal([kernel.bpf.maps.size, kernel.bpf.events.size, kernel.perf.rings.size], [0, 0, 0]);
      }),
      { numRuns: RUNS, ...seed },
    );
    const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/perf-event-array-models.test.ts`;
    assert.not.ok(result.failed, `${replay}\n${fc.defaultReportMessage(result)}`);
  });
}

test.run();

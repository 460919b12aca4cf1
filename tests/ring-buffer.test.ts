// A ring buffer between programs on several CPUs and a consumer that reads it through its own pages.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mapAt } from '../kernel/bpf/maps.ts';
import { errno } from '../kernel/errno.ts';
import { closeDescriptor, fileOf } from '../kernel/fs/files.ts';
import { readiness } from '../kernel/fs/file-kinds.ts';
import { constants as c } from '../kernel/layout/constants.ts';
import { releaseAddressSpace } from '../kernel/mm/address-space.ts';
import { areasOf } from '../kernel/mm/areas.ts';
import { readKernelU32, writeKernel, writeKernelU64 } from '../kernel/mm/kernel-memory.ts';
import { freePages } from '../kernel/mm/physical.ts';
import { copyFromUser, readUserU64, writeUserU64 } from '../kernel/mm/user-memory.ts';
import { sleepOn } from '../kernel/sleepers.ts';
import { memorySyscalls } from '../kernel/syscalls/memory.ts';
import type { Task } from '../kernel/task.ts';
import { bareSyscalls, type BareSyscall } from './support/bare-syscalls.ts';
import { createMapMachine, hex, type MapMachine, type TestMap } from './support/map-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 1500 : 60));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const PAGE = 4096;
const READ = 1;
const WRITE = 2;
const SHARED = 1;
const BUSY = 0x8000_0000;
const DISCARD = 0x4000_0000;
const POLLIN = 1;

interface Ring {
  readonly machine: MapMachine;
  readonly map: TestMap;
  readonly size: number;
  readonly syscall: BareSyscall;
  /** user addresses of the consumer's page and of the producer's, which the data follows */
  readonly consumer: bigint;
  readonly producer: bigint;
}

function createRing(size = PAGE, machine = createMapMachine(2, 16 << 20)): Ring {
  const map = machine.create({ type: c.BPF_MAP_TYPE_RINGBUF, keySize: 0, valueSize: 0, maxEntries: size });
  const syscall = bareSyscalls(machine, memorySyscalls);
  const consumer = syscall('mmap', 0, PAGE, READ | WRITE, SHARED, map.descriptor, 0);
  const producer = syscall('mmap', 0, PAGE + 2 * size, READ, SHARED, map.descriptor, PAGE);
  assert.ok(consumer !== 'wait' && consumer > 0 && producer !== 'wait' && producer > 0);
  return { machine, map, size, syscall, consumer: BigInt(consumer), producer: BigInt(producer) };
}

interface Record {
  readonly at: number;
  readonly size: number;
  /** kernel address of the sample */
  readonly sample: bigint;
  bytes: Uint8Array;
  state: 'busy' | 'ready' | 'discarded';
}

/** What the ring holds that the consumer has not passed. */
interface Model {
  records: Record[];
  producer: number;
  consumer: number;
}

interface Produce {
  readonly kind: 'reserve' | 'output';
  readonly cpu: number;
  readonly size: number;
  readonly byte: number;
}
interface Commit {
  readonly kind: 'submit' | 'discard';
  readonly which: number;
}
interface Consume {
  readonly kind: 'consume';
  readonly count: number;
}
/** The consumer says that it has read everything, busy records as well. */
interface Lie {
  readonly kind: 'lie';
}
type Step = Produce | Commit | Consume | Lie;

const anySize = fc.oneof(fc.nat(64), fc.nat(2000), fc.constantFrom(0, 1, 7, 8, 4079, 4080, 4081, 4088, 5000));
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('reserve', 'output'), cpu: fc.nat(1), size: anySize, byte: fc.nat(255) }),
  fc.record({ kind: fc.constantFrom('submit', 'discard'), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('consume'), count: fc.nat(4) }),
  fc.record({ kind: fc.constant('lie') }),
) as fc.Arbitrary<Step>;

const recordLength = (size: number): number => Math.ceil((size + 8) / 8) * 8;

/** Whether a record fits, as ringbuf.c decides it: neither past the consumer nor past the oldest busy record. */
function fits(model: Model, ring: number, size: number): boolean {
  const end = model.producer + recordLength(size);
  const oldest = model.records.find(({ state }) => state === 'busy')?.at ?? model.producer;
  return end - model.consumer <= ring - 1 && end - oldest <= ring - 1;
}

function contents(size: number, byte: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, n) => (byte + n * 7) & 0xff);
}

/** The consumer's loop: what libbpf's ring_buffer__poll does, for at most `count` records. */
function consume({ machine, size, consumer, producer }: Ring, count: number): string[] {
  const { kernel, task } = machine;
  const seen: string[] = [];
  let at = Number(readUserU64(kernel, task, consumer));
  const end = Number(readUserU64(kernel, task, producer));
  while (at < end && seen.length < count) {
    const record = producer + BigInt(PAGE + (at & (size - 1)));
    const header = new DataView(copyFromUser(kernel, task, record, 8).buffer);
    const length = header.getUint32(0, true);
    if ((length & BUSY) !== 0) break;
    assert.is(header.getUint32(4, true), 3 + Math.floor((at & (size - 1)) / PAGE), 'page of the record');
    const bytes = length & ~(BUSY | DISCARD);
    const sample = copyFromUser(kernel, task, record + 8n, bytes);
    seen.push((length & DISCARD) !== 0 ? 'discarded' : hex(sample));
    at += recordLength(bytes);
    writeUserU64(kernel, task, consumer, BigInt(at));
  }
  return seen;
}

function modelConsume(model: Model, count: number): string[] {
  const seen: string[] = [];
  for (const { state, bytes, at, size } of model.records) {
    if (at < model.consumer) continue;
    if (seen.length === count || state === 'busy') break;
    seen.push(state === 'discarded' ? 'discarded' : hex(bytes));
    model.consumer = at + recordLength(size);
  }
  return seen;
}

function perform(ring: Ring, model: Model, step: Step): void {
  const { machine } = ring;
  // what nobody will read and nobody writes is of no interest
  model.records = model.records.filter(({ at, state }) => at >= model.consumer || state === 'busy');
  if (step.kind === 'lie') {
    writeUserU64(machine.kernel, machine.task, ring.consumer, BigInt(model.producer));
    model.consumer = model.producer;
    return;
  }
  if (step.kind === 'consume') {
    assert.equal(consume(ring, step.count), modelConsume(model, step.count));
    return;
  }
  if (step.kind === 'submit' || step.kind === 'discard') {
    const busy = model.records.filter(({ state }) => state === 'busy');
    const record = busy[step.which % Math.max(1, busy.length)];
    if (record === undefined) return;
    machine.helper(0, `bpf_ringbuf_${step.kind}`, record.sample, 0n);
    record.state = step.kind === 'submit' ? 'ready' : 'discarded';
    return;
  }
  produce(ring, model, step as Produce);
}

function produce({ machine, map, size: ringSize }: Ring, model: Model, { cpu, size, byte, kind }: Produce): void {
  const bytes = contents(size, byte);
  const room = fits(model, ringSize, size);
  const added = { at: model.producer, size, bytes };
  if (kind === 'reserve') {
    const sample = machine.helper(cpu, 'bpf_ringbuf_reserve', map.address, BigInt(size), 0n);
    assert.is(sample !== 0n, room, `reserve ${size}`);
    if (!room) return;
    assert.is(readKernelU32(machine.kernel, sample - 8n), (size | BUSY) >>> 0);
    assert.ok(writeKernel(machine.kernel, sample, bytes));
    model.records.push({ ...added, sample, state: 'busy' });
  } else {
    const source = machine.put(0, hex(bytes));
    const status = machine.status(cpu, 'bpf_ringbuf_output', map.address, source, BigInt(size), 0n);
    assert.is(status, room ? 'ok' : 'EAGAIN', `output ${size}`);
    if (!room) return;
    model.records.push({ ...added, sample: 0n, state: 'ready' });
  }
  model.producer += recordLength(size);
}

function checkQueries({ machine, map, size, producer }: Ring, model: Model): void {
  const query = (selector: bigint): bigint => machine.helper(0, 'bpf_ringbuf_query', map.address, selector);
  const answers = [model.producer - model.consumer, size, model.consumer, model.producer, 0, 0].map(BigInt);
  const selectors = [0n, 1n, 2n, 3n, 4n, 1n << 63n];
  assert.equal(selectors.map(query), answers);
  assert.is(readUserU64(machine.kernel, machine.task, producer), BigInt(model.producer));
  const { events } = readiness(machine.kernel, fileOf(machine.kernel, machine.task, map.descriptor));
  assert.is((events & POLLIN) !== 0, model.producer !== model.consumer);
}

for (const size of [PAGE, 4 * PAGE]) {
  test(`records of a ${size}-byte ring arrive whole and in order, whatever is interleaved`, () => {
    const machine = createMapMachine(2, 16 << 20);
    const result = fc.check(
      fc.property(fc.array(anyStep, { maxLength: 100, size: 'max' }), (steps) => {
        const ring = createRing(size, machine);
        const model: Model = { records: [], producer: 0, consumer: 0 };
        try {
          for (const step of steps) {
            perform(ring, model, step);
            checkQueries(ring, model);
          }
        } finally {
          ring.syscall('munmap', ring.consumer, PAGE);
          ring.syscall('munmap', ring.producer, PAGE + 2 * size);
          closeDescriptor(machine.kernel, machine.task, ring.map.descriptor);
        }
        assert.is(machine.kernel.bpf.maps.size, 0);
        assert.is(machine.kernel.sharedMemory.size, 0);
      }),
      { numRuns: RUNS, ...seed },
    );
    const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/ring-buffer.test.ts`;
    assert.not.ok(
      result.failed,
      `${replay}\n${String((result.errorInstance as Error | null)?.stack)}\n${fc.defaultReportMessage(result)}`,
    );
  });
}

test('what mmap refuses', () => {
  const { machine, map, syscall, consumer, producer } = createRing();
  const mmap = (length: number, protection: number, offset: number, flags = SHARED): number | 'wait' =>
    syscall('mmap', 0, length, protection, flags, map.descriptor, offset);
  assert.is(mmap(PAGE, READ | WRITE, PAGE), -errno.EPERM, 'the producer page is not writable');
  assert.is(mmap(2 * PAGE, READ | WRITE, 0), -errno.EPERM);
  assert.is(mmap(3 * PAGE, READ, PAGE * 2), -errno.EINVAL, 'past the end');
  assert.is(mmap(PAGE, READ, 1 << 30), -errno.EINVAL);
  assert.is(mmap(PAGE, READ, 0, 2), -errno.EINVAL, 'MAP_PRIVATE');
  assert.is(syscall('mprotect', producer, PAGE, READ | WRITE), -errno.EACCES);
  assert.is(syscall('mprotect', consumer, PAGE, READ), 0);
  assert.is(syscall('mprotect', consumer, PAGE, READ | WRITE), 0);
  assert.ok(Number(mmap(PAGE, READ, 0)) > 0);
  const hash = machine.create({ type: c.BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 8, maxEntries: 1 });
  assert.is(syscall('mmap', 0, PAGE, READ, SHARED, hash.descriptor, 0), -errno.ENOTSUPP);
  const array = machine.create({ type: c.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
  assert.is(syscall('mmap', 0, PAGE, READ, SHARED, array.descriptor, 0), -errno.EINVAL);
});

test('a mapping outlives the descriptor and holds the map; the last one frees every page', () => {
  const machine = createMapMachine(1, 16 << 20);
  const { kernel, task } = machine;
  createRing(PAGE, machine);
  releaseAll(machine);
  const before = freePages(kernel);
  const { map, syscall, consumer, producer } = createRing(64 * PAGE, machine);
  machine.helper(0, 'bpf_ringbuf_output', map.address, machine.put(0, 'abcdef'), 3n, 0n);
  closeDescriptor(kernel, task, map.descriptor);
  assert.is(hex(copyFromUser(kernel, task, producer + BigInt(PAGE + 8), 3)), 'abcdef');
  assert.is(kernel.bpf.maps.size, 1);
  assert.is(syscall('munmap', producer, PAGE * 129), 0);
  assert.is(kernel.bpf.maps.size, 1);
  assert.is(syscall('munmap', consumer, PAGE), 0);
  assert.is(kernel.bpf.maps.size, 0);
  assert.is(kernel.sharedMemory.size, 0);
  // what stays are tables of the kernel's page table, and slabs
  assert.ok(before - freePages(kernel) <= 4, `${before - freePages(kernel)} pages are missing`);
});

/** Ends the task's memory mappings and maps, as exit does. */
function releaseAll({ kernel, task }: MapMachine): void {
  const space = kernel.addressSpaces.get(task.addressSpace!)!;
  space.references++;
  for (const area of areasOf(kernel, task).filter(({ shared }) => shared !== undefined)) {
    bareSyscalls({ kernel } as MapMachine, memorySyscalls)('munmap', area.start, area.end - area.start);
  }
  space.references--;
  for (const [fd, open] of kernel.fileTables.get(task.fileTable)!.descriptors.entries())
    if (open !== undefined) closeDescriptor(kernel, task, fd);
}

test('exit gives mapped rings back', () => {
  const { machine } = createRing();
  const { kernel, task } = machine;
  closeDescriptor(kernel, task, 0);
  assert.is(kernel.bpf.maps.size, 1);
  releaseAddressSpace(kernel, task.addressSpace!);
  assert.is(kernel.bpf.maps.size, 0);
  assert.is(kernel.openFiles.size, 0);
});

test('an array with BPF_F_MMAPABLE shares its pages with user space', () => {
  const machine = createMapMachine(1);
  const { kernel, task } = machine;
  const shape = { type: c.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1024, flags: 0x400 };
  const map = machine.create(shape);
  const syscall = bareSyscalls(machine, memorySyscalls);
  const size = 8192;
  const user = BigInt(syscall('mmap', 0, size, READ | WRITE, SHARED, map.descriptor, 0));
  writeUserU64(kernel, task, user + 8n * 700n, 0x1122n);
  assert.is(machine.user(c.BPF_MAP_LOOKUP_ELEM, map, 'bc020000'), '2211000000000000');
  assert.is(machine.user(c.BPF_MAP_UPDATE_ELEM, map, '01000000', '0700000000000000'), 'ok');
  assert.is(readUserU64(kernel, task, user + 8n), 7n);
  assert.is(syscall('mmap', 0, size + PAGE, READ, SHARED, map.descriptor, 0), -errno.EINVAL);
  assert.is(machine.user(c.BPF_MAP_FREEZE, map, undefined), 'EINVAL', 'bytes past the last field');
  const freeze = (): string => machine.freeze(map);
  assert.is(freeze(), 'EBUSY', 'mapped for writing');
  assert.is(syscall('munmap', user, size), 0);
  assert.is(freeze(), 'ok');
  assert.is(freeze(), 'EPERM');
  assert.is(syscall('mmap', 0, size, READ | WRITE, SHARED, map.descriptor, 0), -errno.EPERM);
  const frozen = syscall('mmap', 0, size, READ, SHARED, map.descriptor, 0);
  assert.ok(Number(frozen) > 0);
  assert.is(syscall('mprotect', BigInt(frozen), size, READ | WRITE), -errno.EACCES);
  assert.is(machine.user(c.BPF_MAP_UPDATE_ELEM, map, '01000000', '0700000000000000'), 'EPERM');
  assert.is(machine.user(c.BPF_MAP_LOOKUP_ELEM, map, '01000000'), '0700000000000000');
  assert.is(
    machine.status(0, 'bpf_map_update_elem', map.address, machine.put(0, '01000000'), machine.put(1, '08'), 0n),
    'ok',
  );
});

test('who sleeps on a ring is woken by what it waits for, or as the flags say', () => {
  const { machine, map, consumer } = createRing();
  const { kernel, task } = machine;
  const ring = mapAt(kernel, map.address)!;
  const sleeper = { pid: 99 } as unknown as Task;
  kernel.tasks.set(99, sleeper);
  const woken = (action: () => void): boolean => {
    if (sleeper.state !== 'sleeping') sleepOn(kernel, sleeper, [`ringbuf:${ring.id}`], undefined);
    action();
    return sleeper.state === 'runnable';
  };
  const output = (flags: bigint): void =>
    void machine.helper(0, 'bpf_ringbuf_output', map.address, machine.put(0, '00'), 8n, flags);
  assert.ok(
    woken(() => output(0n)),
    'the consumer stands at this record',
  );
  assert.not(
    woken(() => output(0n)),
    'it is behind',
  );
  assert.ok(
    woken(() => output(2n)),
    'BPF_RB_FORCE_WAKEUP',
  );
  writeUserU64(kernel, task, consumer, 48n);
  assert.not(
    woken(() => output(1n)),
    'BPF_RB_NO_WAKEUP',
  );
  for (const flags of [4n, 1n << 40n])
    assert.is(machine.status(0, 'bpf_ringbuf_output', map.address, machine.put(0, '00'), 8n, flags), 'EINVAL');
  writeUserU64(kernel, task, consumer, 64n);
  const sample = machine.helper(0, 'bpf_ringbuf_reserve', map.address, 8n, 0n);
  assert.ok(
    woken(() => machine.helper(0, 'bpf_ringbuf_discard', sample, 0n)),
    'discarded records wake too',
  );
});

test('hostile arguments: wrong maps, unmapped samples, damaged positions', () => {
  const { machine, map } = createRing();
  const { kernel } = machine;
  const hash = machine.create({ type: c.BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 8, maxEntries: 1 });
  const unmapped = 0xffff_c900_3000_0000n;
  for (const pointer of [0n, 5n, hash.address, map.address + 8n, unmapped, (1n << 64n) - 1n]) {
    assert.is(machine.helper(0, 'bpf_ringbuf_reserve', pointer, 8n, 0n), 0n);
    assert.is(machine.status(0, 'bpf_ringbuf_output', pointer, machine.put(0, '00'), 8n, 0n), 'EINVAL');
    assert.is(machine.helper(0, 'bpf_ringbuf_query', pointer, 1n), 0n);
    for (const name of ['bpf_map_push_elem', 'bpf_map_pop_elem', 'bpf_map_peek_elem'])
      assert.is(machine.status(0, name, pointer, machine.put(0, '00'), 0n), 'EINVAL');
  }
  for (const size of [4089n, 1n << 30n, 1n << 40n, (1n << 64n) - 1n]) {
    assert.is(machine.helper(0, 'bpf_ringbuf_reserve', map.address, size, 0n), 0n);
    assert.is(machine.status(0, 'bpf_ringbuf_output', map.address, machine.put(0, '00'), size, 0n), 'EAGAIN');
  }
  assert.is(machine.helper(0, 'bpf_ringbuf_reserve', map.address, 8n, 1n), 0n, 'flags');
  assert.is(machine.status(0, 'bpf_ringbuf_output', map.address, unmapped, 8n, 0n), 'EFAULT');
  const data = mapAt(kernel, map.address)!.data as { address: bigint };
  for (const position of [1n << 40n, (1n << 64n) - 8n, 12n]) {
    writeKernelU64(kernel, data.address + BigInt(2 * PAGE), position);
    machine.helper(0, 'bpf_ringbuf_reserve', map.address, 8n, 0n);
  }
  assert.is(kernel.dead, undefined);
  machine.helper(0, 'bpf_ringbuf_submit', unmapped, 0n);
  assert.match(kernel.dead ?? '', /bpf_ringbuf_submit of 0xffffc90030000000, which is in no ring buffer/);
});

test.run();

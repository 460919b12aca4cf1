// A program may call a map helper with anything, after having overwritten anything, and user space may give bpf(2) any
// attribute: the answer is a value, an errno or an oops, and what is freed is whole again.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bpfCommands } from '../kernel/bpf/commands.ts';
import { mapHelpers } from '../kernel/bpf/map-helpers.ts';
import { queueHelpers } from '../kernel/bpf/queue-helpers.ts';
import { ringbufHelpers } from '../kernel/bpf/ringbuf-helpers.ts';
import { constants as c } from '../kernel/layout/constants.ts';
import { closeDescriptor } from '../kernel/fs/files.ts';
import { unlink } from '../kernel/fs/names.ts';
import { inodeOf, namesAfter } from '../kernel/fs/tree.ts';
import { resolve } from '../kernel/fs/paths.ts';
import { writeKernel } from '../kernel/mm/kernel-memory.ts';
import { USER } from './support/bare-kernel.ts';
import { createMapMachine, type MapMachine, type MapShape } from './support/map-machine.ts';
import { bpf } from './support/rex-load.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 1000 : 40));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

const keyed = { keySize: 4, valueSize: 24, maxEntries: 5 };
const keyless = { keySize: 0, valueSize: 24, maxEntries: 5 };
// prettier-ignore
const shapes: readonly MapShape[] = [
  { ...keyed, type: 1 }, { ...keyed, type: 2 }, { ...keyed, type: 2, maxEntries: 100_000 }, { ...keyed, type: 5 }, { ...keyed, type: 6 },
  { ...keyed, type: 7 }, { ...keyed, type: 9 }, { ...keyed, type: 10 }, { ...keyless, type: 22 }, { ...keyless, type: 23 },
  { keySize: 0, valueSize: 0, maxEntries: 4096, type: 27 }, { keySize: 4, valueSize: 4, maxEntries: 5, type: 4 },
];
const helperNames = [...mapHelpers, ...queueHelpers, ...ringbufHelpers].map(({ name }) => name);

const anyOffset = fc.oneof({ weight: 4, arbitrary: fc.constant(0n) }, fc.bigInt(-64n, 8192n));
const anyArgument = fc.tuple(fc.nat(24), anyOffset);
const anyCall = fc.record({
  name: fc.constantFrom(...helperNames),
  cpu: fc.nat(1),
  args: fc.array(anyArgument, { minLength: 4, maxLength: 4 }),
  /** bytes written over the memory behind a map */
  damage: fc.option(fc.tuple(fc.nat(24), fc.nat(20000), fc.uint8Array({ maxLength: 16 })), { freq: 4, nil: undefined }),
});

/** Addresses that mean something, and small numbers. */
function places(machine: MapMachine, addresses: readonly bigint[]): bigint[] {
  const owned = [...machine.kernel.bpf.maps.values()].flatMap(({ data }) => {
    if (data.kind === 'ring') return [data.address, data.address + 3n * 4096n + 8n];
    if (data.kind === 'array') return [data.values];
    return data.kind === 'queue' ? [data.slots] : [];
  });
  const others = [machine.put(0, ''), machine.put(1, ''), 0n, 1n, 2n, 8n, USER, 0xffff_ffff_ffff_fff0n, 1n << 63n];
  return [...addresses, ...owned, ...others];
}

test('helpers with any arguments over damaged memory', () => {
  const result = fc.check(
    fc.property(fc.array(anyCall, { maxLength: 60, size: 'max' }), (calls) => {
      const machine = createMapMachine(2);
      const { kernel, task } = machine;
      const maps = shapes.map((shape) => machine.create(shape));
      const targets = places(
        machine,
        maps.map(({ address }) => address),
      );
      for (const { name, cpu, args, damage } of calls) {
        if (damage !== undefined) {
          const [place, offset, bytes] = damage;
          const base = targets[place % targets.length]!;
          // what the heap gave to others is not a map's own
          if (base >= 0xffff_c900_0000_0000n) writeKernel(kernel, base + BigInt(offset), bytes);
        }
        machine.helper(
          cpu,
          name,
          ...args.map(([place, offset]) => BigInt.asUintN(64, targets[place % targets.length]! + offset)),
        );
      }
      for (const { descriptor } of maps) closeDescriptor(kernel, task, descriptor);
      assert.is(kernel.bpf.maps.size, 0);
      assert.is(kernel.vmalloc.lazy, 0);
    }),
    { numRuns: RUNS, ...seed },
  );
  const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/bpf-hostile.test.ts`;
  assert.not.ok(
    result.failed,
    `${replay}\n${String((result.errorInstance as Error | null)?.stack)}\n${fc.defaultReportMessage(result)}`,
  );
});

const PATHS = USER + 0x4000n;
const paths = ['/sys/fs/bpf/one', '/sys/fs/bpf/two', '/sys/fs/bpf', '/nowhere/x', '', '/sys/fs/bpf/a.b'];

const VALUES = [0, 0, 0, 1, 2, 4, 8, 24, 4096, 0xffffffff];
const POINTERS = [0, 0x11000, 0x12000, 0x13000, 0x14000, 0x14010, 0x14020, 0x14030, 0x14040, 0x14050, 0x1fffff];

/** What each 32-bit word of a command's attribute is; the rest is any small number. */
const fields: Readonly<Record<number, string>> = {
  [c.BPF_MAP_CREATE]: 'nvvvf',
  [c.BPF_MAP_LOOKUP_ELEM]: 'n0p0p0f0',
  [c.BPF_MAP_UPDATE_ELEM]: 'n0p0p0f0',
  [c.BPF_MAP_DELETE_ELEM]: 'n0p0',
  [c.BPF_MAP_GET_NEXT_KEY]: 'n0p0p0',
  [c.BPF_MAP_LOOKUP_AND_DELETE_ELEM]: 'n0p0p0f0',
  [c.BPF_OBJ_PIN]: 'p0nf',
  [c.BPF_OBJ_GET]: 'p00f',
  [c.BPF_MAP_GET_NEXT_ID]: 'n',
  [c.BPF_MAP_GET_FD_BY_ID]: 'n0f',
  [c.BPF_OBJ_GET_INFO_BY_FD]: 'nvp0',
  [c.BPF_MAP_FREEZE]: 'n',
  [c.BPF_MAP_LOOKUP_BATCH]: 'p0p0p0p0vnf0',
  [c.BPF_MAP_LOOKUP_AND_DELETE_BATCH]: 'p0p0p0p0vnf0',
  [c.BPF_MAP_UPDATE_BATCH]: 'p0p0p0p0vnf0',
  [c.BPF_MAP_DELETE_BATCH]: 'p0p000p0vnf0',
  [c.BPF_ENABLE_STATS]: 'f',
};

function wordOf(kind: string, choice: number): number {
  if (kind === '0') return 0;
  if (kind === 'f') return choice % 4 === 0 ? 1 << ((choice >> 2) % 12) : 0;
  if (kind === 'v') return VALUES[choice % VALUES.length]!;
  return kind === 'p' ? POINTERS[choice % POINTERS.length]! : choice % 20;
}

const anyCommand = fc.record({
  command: fc.constantFrom(...bpfCommands.map(({ number }) => number)),
  choices: fc.array(fc.nat(255), { minLength: 14, maxLength: 14 }),
});

test('bpf(2) with any attributes, and its names and descriptors given back', () => {
  const result = fc.check(
    fc.property(fc.array(anyCommand, { maxLength: 80, size: 'max' }), (commands) => {
      const machine = createMapMachine(2);
      const { kernel, task } = machine;
      paths.forEach((path, n) => machine.poke(PATHS + BigInt(n * 16), Buffer.from(`${path}\0`)));
      for (const shape of shapes) machine.create(shape);
      for (const { command, choices } of commands) {
        const attribute = new Uint8Array(56);
        const view = new DataView(attribute.buffer);
        const kinds = [...(fields[command] ?? 'nnn')];
        kinds.forEach((kind, n) => view.setUint32(n * 4, wordOf(kind, choices[n]!), true));
        bpf(machine, command, attribute);
      }
      kernel.fileTables.get(task.fileTable)!.descriptors.forEach((open, fd) => {
        if (open !== undefined) closeDescriptor(kernel, task, fd);
      });
      const { inode } = resolve(kernel, '/sys/fs/bpf');
      const names = Array.from(namesAfter(kernel, inodeOf(kernel, inode!.id)!, ''));
      for (const name of names) unlink(kernel, `/sys/fs/bpf/${name}`);
      assert.is(kernel.bpf.maps.size, 0, 'maps');
      assert.is(kernel.openFiles.size, 0);
      assert.is(kernel.bpf.statistics.users, 0);
    }),
    { numRuns: RUNS, ...seed },
  );
  const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/bpf-hostile.test.ts`;
  assert.not.ok(
    result.failed,
    `${replay}\n${String((result.errorInstance as Error | null)?.stack)}\n${fc.defaultReportMessage(result)}`,
  );
});

test.run();

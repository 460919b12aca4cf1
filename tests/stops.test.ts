// Runs that stop: at the instructions and accesses that a trace of single steps knows of, in every engine, and with no effect.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box, BoxError, type BoxOptions, type EngineName, type MemoryWatch, type StopHit } from '../index.ts';
import { settleFlags } from '../cpu/state.ts';
import { trace as traceSteps } from './support/debugged.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const RUNS = process.env['TEST_TIER'] === 'slow' ? 100 : 4;
const engines: readonly EngineName[] = ['interpreter', 'translator', 'both'];
const eager = { threshold: 2, price: 0 };

async function bootInjector(options: BoxOptions = {}): Promise<Box> {
  const box = await Box.boot({ memory: 32 << 20, translator: eager, ...options });
  for (const name of ['loader', 'userapp', 'error_injector.rex'])
    box.files.write(`/${name}`, readRepositoryFile(`samples/error_injector/${name}`));
  box.spawn('/loader', ['dup', '22']);
  return box;
}

/** What single steps see of the whole run. */
const trace = traceSteps(await bootInjector({ engine: 'interpreter' }), Infinity);
const counts = new Map<bigint, number>();
for (const { address } of trace) counts.set(address, (counts.get(address) ?? 0) + 1);
/** not those that would stop thousands of times */
const addresses = [...counts].filter(([, count]) => count <= 40).map(([address]) => address);

/** Until nothing can run: what it was stopped by, and where. */
function stopsOf(box: Box, stops: { addresses?: bigint[]; watches?: MemoryWatch[] }): [number, StopHit][] {
  const hits: [number, StopHit][] = [];
  for (;;) {
    const result = box.run({ stops });
    if (result.reason !== 'stopped') return hits;
    hits.push([box.instructions, result.stop!]);
    // memory is looked at behind the instruction: it does not go on by itself
    if (hits.length > 5000) throw new Error('more stops than expected');
  }
}

function stateOf(box: Box): string {
  const { kernel } = box;
  for (const cpu of kernel.cpus) settleFlags(cpu);
  const registers = kernel.cpus.map(({ registers: r, retired }) => `${retired} ${r.rip} ${r.rsp} ${r.rflags}`);
  return `${registers.join()} ${box.kernelLog.join('\n')} ${hashOf(kernel.memory.bytes)}`;
}

/** FNV-1a of all words */
function hashOf(bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  let hash = 0x811c_9dc5 | 0;
  for (const word of words) hash = Math.imul(hash ^ word, 0x0100_0193);
  return hash;
}

const undisturbed = await bootInjector();
undisturbed.run();
const finalState = stateOf(undisturbed);

test('a run stops before each instruction that single steps find at the addresses, and nothing else differs', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...engines),
      fc.uniqueArray(fc.constantFrom(...addresses), { minLength: 1, maxLength: 6 }),
      async (engine, chosen) => {
        const box = await bootInjector({ engine });
        const hits = stopsOf(box, { addresses: chosen });
        const wanted = new Set(chosen);
        // the first instruction of a run is let pass, which is that of the stop before; at boot no task is on its CPU yet
        const expected = trace
          .filter(({ address, again }) => wanted.has(address) && !again)
          .map(({ instruction, address }) => [instruction, address]);
        assert.equal(
          hits.map(([instruction, hit]) => [instruction, hit.address]),
          expected,
        );
        assert.is(stateOf(box), finalState);
      },
    ),
    { numRuns: RUNS },
  );
});

test('stops that come and go between runs are met by code that has been translated without them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(trace.length - 1), fc.boolean()), { minLength: 2, maxLength: 8 }),
      async (jumps) => {
        const box = await bootInjector();
        for (const [target, leaves] of jumps.toSorted(([left], [right]) => left - right)) {
          const { address } = trace[target]!;
          const present = box.instructions === 0 ? -1 : box.instructions;
          const next = trace.findIndex(
            (instant) => instant.instruction > present && instant.address === address && !instant.again,
          );
          const { reason } = box.run({ stops: { addresses: [address] } });
          if (next < 0) assert.is.not(reason, 'stopped');
          else assert.is(box.instructions, trace[next]!.instruction);
          if (leaves) box.run({ budget: 1000 });
        }
        box.run();
        assert.is(stateOf(box), finalState);
      },
    ),
    { numRuns: RUNS },
  );
});

const word = (bytes: Uint8Array | undefined): bigint | undefined =>
  bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);

test('an instruction that faults and is executed once more is stopped at once', async () => {
  const again = trace.filter((instant) => instant.again);
  assert.ok(again.length > 0, 'pages of programs come when they are touched');
  for (const engine of engines) {
    const { address } = again[0]!;
    const box = await bootInjector({ engine }); // oxlint-disable-line no-await-in-loop
    const times = trace.filter((instant) => instant.address === address);
    assert.is(stopsOf(box, { addresses: [address] }).length, times.filter((instant) => !instant.again).length);
  }
});

test('a watch stops behind every instruction that changes the bytes, in all engines at the same ones', async () => {
  // words on the stack of the kernel and in the data of programs
  const samples = await bootInjector({ engine: 'interpreter' });
  samples.run({ budget: Math.floor(trace.length / 2) });
  const { rsp } = samples.registers();
  const jiffies = samples.symbols.lookup('jiffies')!;
  const watched = [rsp & ~7n, (rsp & ~7n) - 64n, jiffies, ...(await watchedMapValue())];
  for (const address of watched) {
    const watch: MemoryWatch = { address, length: 8, access: 'write', ...(address >> 63n === 0n ? { pid: 1 } : {}) };
    const all = await Promise.all(
      engines.map(async (engine) => {
        const box = await bootInjector({ engine });
        return { box, hits: stopsOf(box, { watches: [watch] }) };
      }),
    );
    const [first] = all;
    for (const { box, hits } of all) {
      assert.equal(
        hits.map(([instruction, hit]) => [instruction, hit.address, hit.pid]),
        first!.hits.map(([instruction, hit]) => [instruction, hit.address, hit.pid]),
      );
      assert.is(stateOf(box), finalState);
    }
    const changes = await changesOf(watch);
    const met = new Set(first!.hits.map(([instruction]) => instruction));
    for (const change of changes) assert.ok(met.has(change), `0x${address.toString(16)} changes before ${change}`);
    if (address !== jiffies)
      assert.ok(changes.length > 0 || met.size > 0, `0x${address.toString(16)} is never written`);
  }
});

/** Behind which instructions single steps see the bytes changed by an instruction. */
async function changesOf({ address, pid }: MemoryWatch): Promise<number[]> {
  const box = await bootInjector({ engine: 'interpreter' });
  const read = (): bigint | undefined => word(box.readMemory(address, 8, pid === undefined ? {} : { pid }));
  const jiffies = box.symbols.lookup('jiffies')!;
  const changes: number[] = [];
  for (let before = read(); ;) {
    if (box.step().instructions === 0) return changes;
    const after = read();
    // the clock is not an instruction's doing
    if (after !== before && before !== undefined && after !== undefined && address !== jiffies)
      changes.push(box.instructions);
    before = after;
  }
}

/** Where the only element of pid_to_errno has its value, by what the helper returns. */
async function watchedMapValue(): Promise<bigint[]> {
  const box = await bootInjector({ engine: 'interpreter' });
  const lookup = box.symbols.lookup('bpf_map_lookup_elem')!;
  const { reason } = box.run({ stops: { addresses: [lookup] } });
  assert.is(reason, 'stopped');
  const [back] = [word(box.readMemory(box.registers().rsp, 8))!];
  assert.is(box.run({ stops: { addresses: [back] } }).reason, 'stopped');
  return box.registers().rax === 0n ? [] : [box.registers().rax];
}

test('a read stops where only reads are watched, a write only where writes are', async () => {
  const find = await bootInjector();
  const table = find.symbols.lookup('sys_call_table')!;
  for (const engine of engines) {
    const reads = await bootInjector({ engine });
    const hits = stopsOf(reads, { watches: [{ address: table + 32n * 8n, length: 8, access: 'read' }] });
    assert.ok(hits.length > 0, 'dup is called by the table');
    for (const [, hit] of hits) assert.is(hit.kind === 'memory' && hit.access, 'read');
    const writes = await bootInjector({ engine });
    assert.equal(stopsOf(writes, { watches: [{ address: table, length: 4096, access: 'write' }] }), []);
  }
});

test('the watch of a process is not met by another one at the same address', async () => {
  const box = await bootInjector();
  box.run({ budget: 2000 });
  const { rsp } = box.registers();
  const hits = stopsOf(box, { watches: [{ address: rsp & ~7n, length: 8, access: 'access', pid: 12345 }] });
  assert.equal(hits, []);
});

test('addresses that are none are refused', async () => {
  const box = await bootInjector();
  const refused = (error: unknown): boolean => error instanceof BoxError;
  const run = (watch: MemoryWatch): void => void box.run({ stops: { watches: [watch] } });
  assert.throws(() => run({ address: 1n << 60n, length: 8, access: 'write' }), refused);
  assert.throws(() => run({ address: 0n, length: 0, access: 'write' }), refused);
  assert.throws(() => run({ address: 0n, length: 1 << 30, access: 'write' }), refused);
  assert.throws(() => run({ address: 0x7fff_ffff_ffffn, length: 8, access: 'write' }), refused);
  // no instruction is ever there
  assert.is(box.run({ stops: { addresses: [1n << 60n] } }).reason, 'idle');
});

test.run();

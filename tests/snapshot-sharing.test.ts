/** What snapshots share: all of memory is in each, whoever wrote it, and what has not changed is not there twice. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sampleNames } from '../box/host-files.ts';
import { bytesBeyond, pageOf } from '../box/pages.ts';
import { takeSnapshot, type Snapshot } from '../box/snapshot.ts';
import { settleBlock, STATE_SIZE } from '../cpu/state.ts';
import type { Box } from '../index.ts';
import { stateDifferences, stateOf } from './support/box-state.ts';
import { bootSample } from './support/samples.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const samples = slow ? sampleNames() : ['error_injector', 'trace_event', 'tracex5', 'mp4'];
const PAGE = 4096;

/** Physical addresses at which the copy is not what is there. */
function missed({ kernel }: Box, { memory }: Snapshot): string[] {
  const { buffer, derived, start } = kernel.memory;
  const live = Buffer.from(buffer.slice(0, derived));
  kernel.cpus.forEach((_, n) => settleBlock(new Int32Array(live.buffer, n * STATE_SIZE, STATE_SIZE / 4)));
  return Array.from({ length: derived / PAGE }, (_, page) => page)
    .filter((page) => !live.subarray(page * PAGE, (page + 1) * PAGE).equals(pageOf(memory, page)))
    .map((page) => (page * PAGE - start).toString(16));
}

for (const name of samples) {
  test(`${name}: every write to memory is in the next snapshot`, async () => {
    const { box } = await bootSample(name, [], { memory: 32 << 20, cpus: 2, translator: { threshold: 50 } });
    const first = takeSnapshot(box.kernel);
    assert.equal(missed(box, first), []);
    const state = stateOf(box);
    for (const budget of [1, 999, 20_000, 40_000, 200_000]) {
      box.run({ budget });
      assert.equal(missed(box, takeSnapshot(box.kernel)), [], `at ${box.instructions}`);
    }
    box.restore({ kernel: first, events: [] });
    assert.equal(missed(box, first), []);
    assert.equal(stateDifferences(state, stateOf(box)), []);
  });
}

test('a snapshot holds what has changed since the one before, and nothing else', async () => {
  const { box } = await bootSample('error_injector', [], { memory: 32 << 20 });
  box.run({ budget: 60_000 });
  const one = takeSnapshot(box.kernel);
  const same = takeSnapshot(box.kernel);
  assert.is(
    same.memory.chunks.every((chunk, n) => chunk === one.memory.chunks[n]),
    true,
  );
  assert.equal(same.kernel, one.kernel);
  for (const [key, value] of Object.entries(same.kernel)) assert.is(value, one.kernel[key], key);
  assert.is(same.records.fresh, 0);
  box.step(100);
  const other = takeSnapshot(box.kernel);
  const [fresh, whole] = [bytesBeyond(other.memory, one.memory), bytesBeyond(other.memory)];
  assert.ok(fresh > 0 && fresh * 4 < whole, `${fresh} of ${whole} bytes`);
  assert.is(other.kernel['fileSystem'], one.kernel['fileSystem']);
  assert.is(other.kernel['symbols'], one.kernel['symbols']);
  assert.ok(other.records.fresh * 4 < other.records.bytes, `${other.records.fresh} of ${other.records.bytes}`);
});

test('a restored box shares with its snapshot again, and with the records that have stayed', async () => {
  const { box } = await bootSample('error_injector', [], { memory: 32 << 20 });
  box.run({ budget: 60_000 });
  const mark = box.snapshot();
  const { fileSystem, symbols } = box.kernel;
  box.run({ budget: 5000 });
  box.restore(mark);
  assert.is(box.kernel.fileSystem, fileSystem, 'nothing of it has changed');
  assert.is(box.kernel.symbols, symbols);
  const again = box.snapshot();
  assert.is(bytesBeyond(again.kernel.memory, mark.kernel.memory), 0);
  for (const [key, value] of Object.entries(again.kernel.kernel)) assert.is(value, mark.kernel.kernel[key], key);
});

test.run();

// What objects are charged comes back: wherever a program is cut off that makes some of everything, nothing is charged and no
// block of the kernel's heap is in use any more when all of its processes are gone.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { Box } from '../index.ts';
import { objectBytes } from '../kernel/mm/objects.ts';
import type { Socket } from '../kernel/net/types.ts';
import { reapTask } from '../kernel/process.ts';
import { sendSignal, Signal } from '../kernel/signal.ts';
import { CAMPAIGN, placeExhaust, rows } from './support/exhaust.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const MEMORY = 32 << 20;
const BUDGET = slow ? 20_000_000 : 400_000;
/** guest ns after which the last connection has given up */
const LONG = 3_600e9;
/** these leave names behind, whose files stay */
const naming: ReadonlySet<string> = new Set([
  'mapped-files',
  'growth',
  'sparse',
  'files',
  'hard-links',
  'symlinks',
  'directories',
  'listing',
  'paths',
  'depths',
  'truncates',
  'holes',
  'pins',
]);

async function prepare(): Promise<Box> {
  const box = await Box.boot({ memory: MEMORY, recordSyscalls: false });
  placeExhaust(box, CAMPAIGN);
  return box;
}

const held = ({ kernel: { pages, heap, tasks } }: Box): object => ({
  charged: pages.charged,
  blocks: heap.blocks,
  tasks: [...tasks.values()].filter(({ addressSpace }) => addressSpace !== undefined).length,
});

/** What waits in a socket, as its charge says. */
function contentOf({ datagrams, received, tcp }: Socket): number {
  const sizes = (list: readonly { readonly length: number }[]): number =>
    list.reduce((sum, { length }) => sum + length, 0);
  const bytes = (list: readonly { readonly bytes: Uint8Array }[], each: number): number =>
    sizes(list.map((one) => one.bytes)) + list.length * each;
  const messages = bytes(datagrams, objectBytes.datagram) + sizes(received);
  return tcp === undefined ? messages : messages + sizes(tcp.sendQueue) + bytes(tcp.early, objectBytes.segment);
}

/** Runs it for so long, and ends every process. */
function runAndEnd(box: Box, args: readonly string[], budget: number): void {
  const until = box.spawn('/exhaust', args);
  box.run({ until, budget });
  const { kernel } = box;
  for (const socket of kernel.net.sockets.values()) assert.is(socket.charged, contentOf(socket));
  for (
    let round = 0;
    round < 10 && [...kernel.tasks.values()].some(({ addressSpace }) => addressSpace !== undefined);
    round++
  ) {
    box.change(() => {
      for (const task of kernel.tasks.values()) {
        if (task.addressSpace === undefined) continue;
        sendSignal(kernel, task, { number: Signal.SIGKILL, code: 0, pid: 0, address: 0n });
      }
    });
    box.run({ quiet: true, budget: 20_000_000 });
  }
  box.run({ time: LONG, budget: 20_000_000 });
  // nobody else waits for what the host has started
  box.change(() => reapTask(kernel, kernel.tasks.get(until.pid)!));
}

const box = await prepare();
// ksoftirqd, the page of instruction slots, and what else is made once
for (const once of ['connects', 'probes']) runAndEnd(box, [once], 400_000);
const before = held(box);

for (const what of rows) {
  if (naming.has(what)) continue;
  test(`${what}, cut off`, () => {
    runAndEnd(box, [what], BUDGET);
    assert.equal(held(box), before);
  });
}

test('some of everything, cut off anywhere', () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.integer({ min: 50_000, max: BUDGET }), (seed, budget) => {
      runAndEnd(box, ['mix', `${seed}`], budget);
      assert.equal(held(box), before);
    }),
    { numRuns: slow ? 200 : 5 },
  );
});

test.run();

/** What happens in a box does not depend on how its run is divided. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadDisassembler } from '../box/disassemble.ts';
import { createTracer } from '../box/trace.ts';
import type { Box, KernelEvent, Process } from '../index.ts';
import { bootSample } from './support/samples.ts';

const MEMORY = 16 << 20;

const lines = (events: readonly KernelEvent[]): string[] =>
  events.map((event) =>
    JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)),
  );

/** Each way runs `process` to its end. */
const divisions: Readonly<Record<string, (box: Box, process: Process) => void | Promise<void>>> = {
  'runs of a prime number of instructions': (box, process) => {
    while (box.run({ until: process, budget: 1009 }).reason === 'budget');
  },
  'runs of uneven numbers': (box, process) => {
    for (let n = 1; box.run({ until: process, budget: n }).reason === 'budget'; n = (n * 7 + 3) % 20_011);
  },
  'steps, then a run': (box, process) => {
    for (let n = 0; n < 15_000; n++) box.step();
    box.run({ until: process });
  },
  'a trace': async (box, process) => {
    const tracer = createTracer(box, await loadDisassembler());
    for (let n = 0; n < 30_000; n++) assert.ok(tracer.next());
    box.run({ until: process });
  },
};

for (const cpus of [1, 3]) {
  for (const [name, divided] of Object.entries(divisions)) {
    test(`${name}, ${cpus} CPUs: as in one run`, async () => {
      const boot = () => bootSample('panic', [], { cpus, memory: MEMORY });
      const [whole, other] = await Promise.all([boot(), boot()]);
      whole.box.run({ until: whole.process });
      await divided(other.box, other.process);
      assert.equal(lines(other.box.events), lines(whole.box.events));
      assert.equal([other.box.instructions, other.box.kernelLog], [whole.box.instructions, whole.box.kernelLog]);
      assert.ok(Buffer.from(other.box.kernel.memory.bytes).equals(whole.box.kernel.memory.bytes));
    });
  }
}

test.run();

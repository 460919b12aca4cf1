/** What is saved of a box says nothing of the engine that executed it, nor of how its run was divided. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { takeSnapshot } from '../box/snapshot.ts';
import { engineNames, type EngineName } from '../cpu/engine.ts';
import { engineSlots, Slot } from '../cpu/slots.ts';
import { settleBlock } from '../cpu/state.ts';
import { Box, type BoxOptions, type Process } from '../index.ts';
import { snapshotDifferences } from './support/snapshot-differences.ts';
import { programSubject, subjects, type Subject } from './support/subjects.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';
import { eager } from './support/twins.ts';

const slow = process.env['TEST_TIER'] === 'slow';

/** Every kind of pending flags, of which nobody reads any, in a loop that is translated. */
const flagsSource = `
	mov $300, %r15d
again:
	add $7, %eax
	sub $3, %bl
	and $0x55, %cx
	shl $3, %rdx
	sar $1, %esi
	shr $2, %edi
	inc %r8
	mov $39, %eax
	syscall
	xor %r10, %r9
	neg %r11
	imul $3, %r12, %r12
	cmp %eax, %ebx
	dec %r15d
	jnz again
${exit(0)}`;

const flagsLoop: Subject = {
  name: 'a loop of flags',
  async boot(options) {
    const box = await Box.boot(options);
    box.files.write('/loop', tinyProgram(flagsSource));
    return { box, process: box.spawn('/loop') };
  },
};

const all: readonly Subject[] = [
  ...subjects,
  flagsLoop,
  ...['threads', 'signals', 'pipeline', 'fft'].map(programSubject),
];

/** Runs to instruction `n`, at most `piece` of them at a time. */
function runTo(box: Box, process: Process, n: number, piece: number): void {
  while (box.instructions < n) {
    const { reason } = box.run({ until: process, budget: Math.min(piece, n - box.instructions) });
    if (reason !== 'budget') return;
  }
}

interface Way {
  readonly engine: EngineName;
  readonly piece: number;
}

const ways = fc.record({ engine: fc.constantFrom(...engineNames), piece: fc.integer({ min: 50, max: 50_000 }) });
const runs = fc.record({
  subject: fc.constantFrom(...all).map((subject) => ({ ...subject, toString: () => subject.name })),
  cpus: fc.integer({ min: 1, max: 3 }),
  schedule: fc.option(fc.nat(1000), { nil: undefined }),
  n: fc.nat(60_000),
  way: ways,
});

async function savedBy(subject: Subject, options: BoxOptions, n: number, { engine, piece }: Way) {
  const { box, process } = await subject.boot({ ...options, engine, translator: eager });
  runTo(box, process, n, piece);
  const bytes = Buffer.from(box.save());
  return { bytes, snapshot: takeSnapshot(box.kernel), start: box.kernel.memory.start };
}

test('the same run is the same file, by every engine and however it is divided', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ subject, cpus, schedule, n, way }) => {
      const options = { memory: 16 << 20, cpus, ...(schedule === undefined ? {} : { schedule }) };
      const whole = await savedBy(subject, options, n, { engine: 'interpreter', piece: Infinity });
      const other = await savedBy(subject, options, n, way);
      assert.equal(snapshotDifferences(whole.snapshot, other.snapshot, whole.start), []);
      assert.ok(whole.bytes.equals(other.bytes), 'the bytes differ, the snapshots do not');
    }),
    { numRuns: slow ? 300 : 12, endOnFailure: true },
  );
});

test('a box that has been loaded, gone back in time or restored is saved as one that has not', async () => {
  const options = { memory: 16 << 20, cpus: 2 };
  for (const engine of engineNames) {
    const { box, process } = await flagsLoop.boot({ ...options, engine, translator: eager, history: true });
    runTo(box, process, 3001, 1000);
    const mark = box.snapshot();
    const expected = Buffer.from(box.save());
    box.run({ until: process });
    box.goTo(3001);
    assert.ok(expected.equals(box.save()), `${engine}: gone back`);
    box.run({ until: process });
    box.restore(mark);
    assert.ok(expected.equals(box.save()), `${engine}: restored`);
    assert.ok(expected.equals((await Box.load(expected, { engine })).save()), `${engine}: loaded`);
  }
});

test("a settled block has the flags in rflags and nothing of an engine's", () => {
  const words = new Int32Array(1024);
  const slots = new BigUint64Array(words.buffer);
  const flagKinds = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n];
  for (const kind of flagKinds) {
    slots.fill(0xaaaa_5555_ffff_0001n);
    slots[Slot.flagsKind] = kind | (32n << 8n);
    settleBlock(words);
    const once = slots.slice();
    for (const slot of engineSlots) assert.is(slots[slot], 0n, `slot ${slot}`);
    assert.is(slots.filter((value) => value === 0n).length, engineSlots.length);
    settleBlock(words);
    assert.equal(slots, once);
  }
});

test.run();

/** The watchdog's NMI at any instruction: of a program, its helpers, its panic, the dispatcher and what calls that. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Box } from '../index.ts';
import { readPerCpu } from '../kernel/per-cpu.ts';
import {
  assertRestored,
  BUDGET,
  expire,
  kinds,
  messages,
  prepare,
  programOf,
  type Action,
  type Kind,
  type Scene,
} from './support/termination.ts';

const { env } = process;
const slow = env['TEST_TIER'] === 'slow';
const seed = Number(env['SEED'] ?? 1);

interface Case {
  readonly scene: Scene;
  /** before the first program is entered */
  readonly mark: ReturnType<Box['snapshot']>;
  /** instructions from there until the last one has returned */
  readonly length: number;
  /** programs that run */
  readonly programs: number;
  /** processes that must not notice */
  readonly pids: readonly number[];
  readonly action: Action;
  readonly kind: Kind;
}

/** One program a CPU is entered; the box is left where the first one is about to be. */
async function prepareCase(kind: Kind, cpus: number, action: Action, locks: number): Promise<Case> {
  const scene = await prepare([kind], cpus, cpus === 1 ? {} : { schedule: seed });
  const { box } = scene;
  const program = programOf(scene, kind.program);
  const started = box.kernel.cpus.map(({ index }) => kind.start(scene, { action, locks, cpu: index }));
  const dispatcher = box.symbols.lookup('rex_dispatcher_func')!;
  const anywhere = (test: (cpu: number) => boolean): boolean => box.kernel.cpus.some(({ index }) => test(index));
  const entered = (): boolean => anywhere((cpu) => box.registers(cpu).rip === dispatcher);
  for (let n = 0; n < 200_000 && !entered(); n++) box.step();
  assert.ok(entered(), kind.name);
  const mark = box.snapshot();
  const before = box.instructions;
  const running = (): boolean =>
    program.runs < cpus || entered() || anywhere((cpu) => readPerCpu(box.kernel, cpu, 'rex_curr_prog') !== 0n);
  for (let n = 0; n < 400_000 && running(); n++) box.step();
  assert.not(running(), kind.name);
  const pids = started.flatMap((process) => (process === undefined ? [] : [process.pid]));
  return { scene, mark, length: box.instructions - before, programs: cpus, pids, action, kind };
}

function assertEnded({ scene, programs, pids, action, kind }: Case): void {
  const { box } = scene;
  for (const pid of pids) {
    const end = box.events.find((event) => event.type === 'exit' && event.pid === pid);
    assert.is((end as { status?: number } | undefined)?.status, 0);
  }
  const got = messages(scene);
  // one that returns by itself may do so before the NMI
  assert.ok(got.length <= programs && (action === 'none' || got.length === programs), got.join('\n'));
  if (kind.verdicts !== undefined) {
    const { ended, others } = kind.verdicts(scene);
    assert.equal([ended, others], [got.length, programs - got.length]);
  }
  assertRestored(scene);
}

const [kprobe, , , xdp] = kinds as [Kind, Kind, Kind, Kind];
const nmi = fc.record({ after: fc.nat(), cpu: fc.nat() });

const tables: Readonly<Record<string, readonly Parameters<typeof prepareCase>[]>> = {
  kprobe: [
    [kprobe, 1, 'panic', 3],
    [kprobe, 1, 'none', 2],
    [kprobe, 1, 'overflow', 1],
  ],
  'xdp on 2 CPUs': [
    [xdp, 2, 'panic', 3],
    [xdp, 2, 'none', 2],
    [xdp, 2, 'overflow', 1],
  ],
};

for (const [what, wanted] of Object.entries(tables)) {
  test(`${what}: the watchdog at any instruction, from the dispatcher to the landing pad and back`, async () => {
    const cases: Case[] = [];
    for (const one of wanted) cases.push(await prepareCase(...one));
    const property = fc.property(
      fc.nat(cases.length - 1),
      nmi,
      fc.option(fc.record({ after: fc.nat(600), cpu: fc.nat() }), { nil: undefined }),
      fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
      (which, first, second, turns) => {
        const one = cases[which]!;
        const { box } = one.scene;
        box.restore(one.mark);
        if (box.kernel.turn.random !== undefined) box.kernel.turn.random = turns;
        box.step(first.after % (one.length + 20));
        expire(box, first.cpu % box.kernel.cpus.length);
        if (second !== undefined) {
          box.step(second.after);
          expire(box, second.cpu % box.kernel.cpus.length);
        }
        box.run({ quiet: true, budget: BUDGET });
        assertEnded(one);
      },
    );
    const details = fc.check(property, { numRuns: slow ? 3000 : 40, seed, endOnFailure: !slow });
    const { errorInstance } = details as { errorInstance?: Error };
    assert.not(
      details.failed,
      `${details.counterexample?.map(String).join(' ')} ${JSON.stringify(details.counterexample?.slice(0, 3))} ` +
        `(${cases.map(({ length }) => length).join(', ')} instructions): ${errorInstance?.message}\n` +
        `replay: SEED=${details.seed} npx tsx tests/run-file.ts tests/termination-watchdog.test.ts`,
    );
  });
}

test.run();

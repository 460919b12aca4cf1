/** Programs of every kind that are ended on four CPUs at once, whose turns are of random lengths. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  actions,
  assertRestored,
  kinds,
  messages,
  prepare,
  programOf,
  resources,
  runAll,
  type Action,
  type Kind,
  type Request,
  type Scene,
} from './support/termination.ts';

const { env } = process;
const slow = env['TEST_TIER'] === 'slow';
const seed = Number(env['SEED'] ?? 1);

const CPUS = 4;
const ends: readonly Action[] = ['loop', 'panic', 'overflow', 'helper-loop'];
const taskPrograms = ['endless', 'endless_trace', 'endless_sample'];

type Job = Request & { readonly kind: Kind };

/** Everything that is asked for is ended, each with a message of its own, and leaves nothing. */
function check(scene: Scene, jobs: readonly Job[], what: string): void {
  const { box } = scene;
  const runsOf = (): number => taskPrograms.reduce((sum, name) => sum + programOf(scene, name).runs, 0);
  const packets = jobs.filter(({ kind }) => !taskPrograms.includes(kind.program)).length;
  const before = resources(scene);
  const runs = runsOf();
  box.kernel.log.length = 0;
  runAll(scene, jobs, what);
  assertRestored(scene);
  assert.equal(resources(scene), before, what);
  const got = messages(scene);
  // a task may meet several programs, or one several times
  assert.is(got.length, packets + runsOf() - runs, `${what}\n${got.join('\n')}`);
  assert.ok(got.length >= jobs.length, what);
  // who waits for the lock of another may be late too
  const expected = (message: string): boolean =>
    message === actions.loop.message ||
    jobs.some(({ action, locks }) => {
      const wanted = locks > 64 ? 'Object count exceeded' : actions[action].message;
      return typeof wanted === 'string' ? message === wanted : wanted?.test(message) === true;
    });
  for (const message of got) assert.ok(expected(message), `${what}: ${message}`);
}

const cpusOf = ({ box }: Scene): Set<number> =>
  new Set(box.events.flatMap((event) => (event.type === 'panic' ? [event.cpu] : [])));

const lockCounts = [0, 1, 64, 65];

for (const kind of kinds) {
  test(`${kind.name} on 4 CPUs: timeout, panic and stack overflow at the same time`, async () => {
    const scene = await prepare([kind], CPUS, { schedule: seed });
    for (let round = 0; round < (slow ? 200 : 1); round++) {
      const jobs = ends.map((_, cpu) => {
        const locks = slow ? (round * 7 + cpu * 31) % 66 : lockCounts[(cpu + round * 3) % lockCounts.length]!;
        return { kind, cpu, locks, action: ends[(cpu + round) % ends.length]! };
      });
      check(scene, jobs, `round ${round}`);
    }
    assert.equal([...cpusOf(scene)].sort(), [0, 1, 2, 3]);
  });
}

const named = (names: readonly string[]): readonly Kind[] => kinds.filter(({ name }) => names.includes(name));
const task = ['kprobe', 'tracepoint', 'perf_event'];
/** A packet is to meet one of them. */
const sets = [named([...task, 'xdp', 'tc egress on lo']), named([...task, 'tc ingress', 'xdp on lo'])];

test('any programs, all kinds attached, at any interleaving', async () => {
  const job = fc.record({
    kind: fc.nat(4),
    action: fc.constantFrom<Action>('loop', 'helper-loop', 'overflow', 'overflow', 'panic', 'panic', 'message'),
    locks: fc.oneof(fc.constantFrom(0, 1, 63, 64, 65), fc.nat(65)),
    cpu: fc.nat(CPUS - 1),
  });
  const property = fc.asyncProperty(
    fc.nat(1),
    fc.nat(1_000_000),
    fc.array(job, { minLength: 2, maxLength: 6 }),
    async (set, schedule, drawn) => {
      const attached = sets[set]!;
      const scene = await prepare(attached, CPUS, { schedule });
      check(
        scene,
        drawn.map((one) => ({ ...one, kind: attached[one.kind]! })),
        `schedule ${schedule}`,
      );
    },
  );
  const details = await fc.check(property, { numRuns: slow ? 300 : 6, seed, endOnFailure: !slow });
  const { errorInstance } = details as { errorInstance?: Error };
  assert.not(
    details.failed,
    `${JSON.stringify(details.counterexample)}: ${errorInstance?.message}\n` +
      `replay: SEED=${details.seed} npx tsx tests/run-file.ts tests/termination-cpus.test.ts`,
  );
});

test.run();

/**
 * Whatever comes in, the network samples' programs give a verdict or panic, and the kernel is as before: no packet is kept, no
 * lock is held, the next one is handled. `TEST_TIER=slow` tries RUNS packets (100,000 unless given) a program and hook.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { udpFrame } from './support/network-machine.ts';
import { constants } from '../kernel/layout/constants.ts';
import type { DeviceStatistics } from '../kernel/net/types.ts';
import { counters, createBmcModel, fnv, indexOf, receive, transmit, type BmcModel } from './support/bmc-model.ts';
import { damaged, frameArbitrary, validFrames } from './support/corrupt-packets.ts';
import {
  assertClean,
  attach,
  blocksOf,
  createPacketBox,
  receiveFrame,
  sendFrame,
  type Hook,
  type PacketBox,
} from './support/packet-box.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const { env } = process;
const RUNS = Number(env['RUNS'] ?? (env['TEST_TIER'] === 'slow' ? 100_000 : 300));
const seed = env['SEED'] === undefined ? {} : { seed: Number(env['SEED']) };

/** Throws what fast-check found, with the command that finds it again. */
function check<Values>(property: fc.IProperty<Values>): void {
  const result = fc.check(property, { numRuns: RUNS, ...seed });
  if (!result.failed) return;
  const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/run-file.ts tests/corrupt-packets.test.ts`;
  throw new Error(`${fc.defaultReportMessage(result)}\n${replay}`);
}

interface Target {
  readonly sample: string;
  readonly program: string;
  readonly hook: Hook;
}

// prettier-ignore
const targets: readonly Target[] = [
  { sample: 'bmc',       program: 'xdp_rx_filter',        hook: 'drv' },
  { sample: 'bmc',       program: 'xdp_rx_filter',        hook: 'skb' },
  { sample: 'bmc',       program: 'xdp_tx_filter',        hook: 'egress' },
  { sample: 'bmc',       program: 'xdp_tx_filter',        hook: 'ingress' },
  { sample: 'xdp_test',  program: 'xdp_rx_filter',        hook: 'drv' },
  { sample: 'xdp_test',  program: 'xdp_rx_filter',        hook: 'skb' },
  { sample: 'xdp_test',  program: 'xdp_tx_filter',        hook: 'egress' },
  { sample: 'xdp_test',  program: 'xdp_tx_filter',        hook: 'ingress' },
  { sample: 'electrode', program: 'fast_paxos_main',      hook: 'drv' },
  { sample: 'electrode', program: 'fast_paxos_main',      hook: 'skb' },
  { sample: 'electrode', program: 'fast_broad_cast_main', hook: 'egress' },
  { sample: 'electrode', program: 'fast_broad_cast_main', hook: 'ingress' },
];

/** One box a sample, put back to its start for each target. */
const boxes = new Map<string, { readonly at: PacketBox; readonly start: ReturnType<PacketBox['box']['snapshot']> }>();

async function boxOf(sample: string): Promise<PacketBox> {
  const known = boxes.get(sample);
  if (known !== undefined) {
    known.at.box.restore(known.start);
    return known.at;
  }
  const at = await createPacketBox(sample);
  boxes.set(sample, { at, start: at.box.snapshot() });
  return at;
}

const isXdp = (hook: Hook): boolean => hook === 'drv' || hook === 'skb';
const verdictCounters = ['xdpAborted', 'xdpDropped', 'xdpPassed', 'xdpTransmitted', 'tcDropped'] as const;

const differences = (before: DeviceStatistics, after: DeviceStatistics): number[] =>
  verdictCounters.map((name) => after[name] - before[name]);

interface Scene extends PacketBox {
  readonly target: Target;
  readonly model: BmcModel;
  readonly blocks: number;
}

/** The target attached, and one key cached where it is bmc. */
async function sceneOf(target: Target): Promise<Scene> {
  const at = await boxOf(target.sample);
  const model = createBmcModel();
  if (target.sample === 'bmc') {
    const fill = attach(at, 'xdp_tx_filter', 'egress');
    assert.equal(sendFrame(at, validFrames['value']!), [validFrames['value']]);
    transmit(model, validFrames['value']!);
    fill.detach();
  }
  attach(at, target.program, target.hook);
  return { ...at, target, model, blocks: blocksOf(at) };
}

const panics = ({ box }: PacketBox): number => box.kernel.log.filter(({ text }) => text.includes('panicked at')).length;

/** bmc's cache and counters are its model's, and its locks free. */
function assertModel({ extension, model }: Scene): void {
  const values = new Uint32Array(extension.map('map_stats').lookup(0)!.slice().buffer);
  assert.equal(Object.fromEntries(counters.map((name, n) => [name, values[n]!])), model.statistics);
  const entry = extension.map('map_kcache').lookup(indexOf(fnv('apple')))!;
  assert.is(entry[0], 0, 'the lock');
  assert.is(entry[8] === 1, model.entries.get(indexOf(fnv('apple')))!.valid);
}

/** Sends `frame` by the hook's way; everything that must hold holds. True: the program panicked. */
function handle(at: Scene, frame: Uint8Array): boolean {
  const { target, device, box, model } = at;
  box.kernel.log.length = 0;
  box.kernel.bpf.trace.length = 0;
  const before = device.statistics;
  const sent = target.hook === 'egress' ? sendFrame(at, frame) : receiveFrame(at, frame);
  assertClean(at, at.blocks);
  if (sent === undefined) {
    assert.ok(frame.length < 14 || frame.length > device.mtu + 14, 'it was not taken');
    return false;
  }
  const verdicts = differences(before, device.statistics);
  const panicked = panics(at) > 0;
  if (isXdp(target.hook)) {
    assert.is(
      verdicts.reduce((sum, count) => sum + count),
      1,
      `verdicts ${verdicts.join(' ')}`,
    );
    if (panicked) assert.is(verdicts[constants.XDP_ABORTED], 1);
  } else if (panicked) {
    assert.is(verdicts[4], 0, 'TC_ACT_OK');
    if (target.hook === 'egress') assert.ok(frame.length > device.mtu + 14 || sent.length === 1, 'it goes on');
  }
  if (target.sample === 'bmc') {
    if (isXdp(target.hook)) {
      const wanted = receive(model, frame);
      assert.is(verdicts[wanted.action], 1, `verdicts ${verdicts.join(' ')}, expected ${wanted.action}`);
      assert.is(panicked, wanted.action === constants.XDP_ABORTED);
      if (wanted.frame !== undefined && wanted.frame.length <= device.mtu + 14) assert.equal(sent, [wanted.frame]);
    } else transmit(model, frame);
    assertModel(at);
  }
  return panicked;
}

const nameOf = ({ sample, program, hook }: Target): string => `${sample}: ${program} (${hook})`;

for (const target of targets) {
  test(`${nameOf(target)}: any packet`, async () => {
    const at = await sceneOf(target);
    check(fc.property(frameArbitrary, (frame) => void handle(at, frame)));
  });

  test(`${nameOf(target)}: every packet at every length`, async () => {
    const at = await sceneOf(target);
    let panicked = 0;
    for (const frame of Object.values(validFrames)) {
      for (let length = 0; length <= frame.length; length++) {
        if (handle(at, damaged(frame, [{ type: 'cut', length }]))) panicked++;
      }
    }
    // what is too short for the headers that a program reads without a look
    if (target.sample === 'xdp_test') assert.is(panicked, 20 * Object.keys(validFrames).length);
    if (target.sample === 'bmc' && isXdp(target.hook)) assert.ok(panicked > 10);
    if (target.sample === 'electrode') assert.is(panicked, 0);
  });
}

test('a packet that makes bmc panic: SIGSYS to the loader; the next one, and the next loader, work', async () => {
  const at = await boxOf('xdp_test');
  const { box, device } = at;
  for (const name of ['loader', 'bmc.rex']) box.files.write(`/${name}`, readRepositoryFile(`samples/bmc/${name}`));
  const load = () => {
    const loader = box.spawn('/loader', [`${device.ifindex}`]);
    assert.is(box.run({ until: loader, quiet: true }).reason, 'quiet');
    return loader;
  };
  const loader = load();
  const cut = validFrames['get']!.slice(0, -2);
  device.inject(cut);
  const end = box.run({ until: loader });
  assert.is(end.signal, 'SIGSYS');
  assert.is(device.statistics.xdpAborted, 1);
  assert.match(
    box.kernelLog.join('\n'),
    /panicked at samples\/bmc\/receive\.rs:\d+:\d+:\s.*index out of bounds: the len is 9 but the index is 9/,
  );
  // netlink's attachment outlives the loader
  const blocks = blocksOf(at);
  assert.is(receiveFrame(at, validFrames['get']!)!.length, 1);
  assert.is(device.statistics.xdpPassed, 1);
  assertClean(at, blocks);
  const next = load();
  assert.is(receiveFrame(at, validFrames['get']!)!.length, 1);
  assert.is(device.statistics.xdpPassed, 2);
  box.signal(next, 'SIGINT');
  const { exitCode, stdout } = box.run({ until: next });
  assert.is(exitCode, 0);
  // the statistics are the new one's
  assert.match(stdout.text, /^STAT get_recv_count 1$/m);
});

test('a packet that makes a tc program panic goes out, and its loader gets SIGSYS', async () => {
  const at = await boxOf('bmc');
  const { box, device } = at;
  for (const name of ['loader', 'xdp_test.rex']) {
    box.files.write(`/${name}`, readRepositoryFile(`samples/xdp_test/${name}`));
  }
  const loader = box.spawn('/loader', [`${device.ifindex}`]);
  assert.is(box.run({ until: loader, quiet: true }).reason, 'quiet');
  device.addClsact();
  device.addPinnedFilter('egress', '/sys/fs/bpf/xdp_tx_filter', { directAction: true });
  const short = validFrames['udp']!.slice(0, 30);
  assert.equal(sendFrame(at, short), [short]);
  assert.is(box.run({ until: loader }).signal, 'SIGSYS');
  assert.match(box.kernelLog.join('\n'), /panicked at [^]*range end index 34 out of range for slice of length 30/);
  assert.is(device.statistics.tcDropped, 0);
  const blocks = blocksOf(at);
  const whole = validFrames['udp']!;
  assert.equal(sendFrame(at, whole), [whole]);
  assert.match(box.tracePipe.join('\n'), 'xdp_tx_filter] UDP packet!');
  assertClean(at, blocks);
});

test('a program that is attached again after a panic works', async () => {
  const at = await boxOf('bmc');
  for (const hook of ['drv', 'skb'] as const) {
    const link = attach(at, 'xdp_rx_filter', hook);
    assert.equal(receiveFrame(at, validFrames['get']!.slice(0, -2)), []);
    link.detach();
    const blocks = blocksOf(at);
    const again = attach(at, 'xdp_rx_filter', hook);
    assert.is(receiveFrame(at, validFrames['get']!)!.length, 1, 'it passes');
    assertClean(at, blocks);
    again.detach();
  }
});

test('the stack takes any packet when no program is there', async () => {
  const at = await boxOf('xdp_test');
  receiveFrame(at, udpFrame(1, 2, new Uint8Array(1)));
  const blocks = blocksOf(at);
  check(
    fc.property(frameArbitrary, (frame) => {
      receiveFrame(at, frame);
      assertClean(at, blocks);
    }),
  );
});

test.run();

// The bmc sample beside a model of it: a client's whole workload by its counters, and single packets byte for byte.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
// first: it loads the kernel's modules in an order that their cycles allow
import { OUTSIDE, udpFrame } from './support/network-machine.ts';
import { readIpv4, readUdp } from '../kernel/net/packet.ts';
import {
  counters,
  createBmcModel,
  fnv,
  headerSum,
  indexOf,
  receive,
  transmit,
  turned,
  type BmcModel,
  type Statistics,
} from './support/bmc-model.ts';
import {
  assertClean,
  attach,
  blocksOf,
  createPacketBox,
  receiveFrame,
  sendFrame,
  settle,
  type PacketBox,
} from './support/packet-box.ts';
import { runSampleJob, sampleJob } from './support/sample-runs.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const PORT = 11211;
const CLIENT_PORT = 5000;
const [IP, UDP, FRAME_HEADER] = [14, 34, 8];

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const withHeader = (text: string): Uint8Array => Uint8Array.of(0x12, 0x34, 0, 0, 0, 1, 0, 0, ...bytesOf(text));
const request = (text: string): Uint8Array => udpFrame(CLIENT_PORT, PORT, withHeader(text));
const get = (...keys: readonly string[]): Uint8Array => request(`get ${keys.join(' ')}\r\n`);
/** what a server sends, without the last line that the cache adds */
const value = (key: string, text: string): string => `VALUE ${key} 0 ${text.length}\r\n${text}\r\n`;

// The workload of samples/bmc/client.c

const MASK = (1n << 64n) - 1n;
/** a set among so many requests */
const CHANGE_EVERY = 97;

interface Workload {
  readonly keys: number;
  readonly requests: number;
  readonly seed: number;
}

/** xorshift64*, and keys by Zipf's law. */
function createChooser({ keys, seed }: Workload): () => number {
  let state = BigInt(seed);
  let sum = 0n;
  const weights = Array.from({ length: keys }, (_, n) => (sum += 1_000_000_000n / BigInt(n + 1)));
  return () => {
    state ^= state >> 12n;
    state = (state ^ (state << 25n)) & MASK;
    state ^= state >> 27n;
    const point = ((state * 0x2545f4914f6cdd1dn) & MASK) % sum;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (weights[middle]! > point) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** A frame with a TCP header of 20 bytes. */
function segment(payload: string): Uint8Array {
  const frame = new Uint8Array(54 + payload.length);
  frame[23] = 6;
  frame.set([PORT >> 8, PORT & 0xff], 36);
  frame.set(bytesOf(payload), 54);
  return frame;
}

/** The counters after a workload: client, cache and server, packet by packet. */
function predict(workload: Workload): Statistics {
  const model = createBmcModel();
  const choose = createChooser(workload);
  const versions = new Uint32Array(workload.keys);
  const text = (key: number): string => `value-${versions[key]}-of-key-${key}`;
  const set = (key: number): void =>
    void receive(model, segment(`set key-${key} 0 0 ${text(key).length}\r\n${text(key)}\r\n`));
  for (let key = 0; key < workload.keys; key++) set(key);
  for (let n = 0; n < workload.requests; n++) {
    const key = choose();
    if (n % CHANGE_EVERY === CHANGE_EVERY - 1) {
      versions[key]!++;
      set(key);
    }
    const { frame } = receive(model, get(`key-${key}`));
    if (frame === undefined) {
      transmit(model, udpFrame(PORT, CLIENT_PORT, withHeader(`${value(`key-${key}`, text(key))}END\r\n`)));
    }
  }
  return model.statistics;
}

/** Instructions that a request takes, and more. */
const BUDGET_A_REQUEST = 20_000;

// prettier-ignore
const workloads: readonly (Workload & { readonly cpus: number })[] = slow
  ? [{ keys: 1000, requests: 100_000, seed: 1, cpus: 1 }, { keys: 1000, requests: 5000, seed: 7, cpus: 2 }]
  : [{ keys: 100,  requests: 500,     seed: 1, cpus: 1 }, { keys: 20,   requests: 200,  seed: 7, cpus: 2 }];

for (const { cpus, ...workload } of workloads) {
  const { keys, requests, seed } = workload;
  test(`${keys} keys, ${requests} requests, seed ${seed}, ${cpus} CPUs: every counter as the model has it`, async () => {
    const job = sampleJob('bmc');
    const client = ['/client', `${keys}`, `${requests}`, `${seed}`];
    const steps = job.steps.map((step) => ('run' in step && step.run[0] === '/client' ? { run: client } : step));
    const budget = 10_000_000 + (keys + requests) * BUDGET_A_REQUEST;
    const options = ['--cpus', `${cpus}`, '--budget', `${budget}`];
    const { summary, stdout, stderr } = await runSampleJob({ ...job, steps }, options, false);
    assert.is(stderr, '');
    // the client ends when an answer is not what was set last
    assert.match(stdout, `${keys} keys set, ${requests} requests, every answer as it was set`);
    assert.is(summary.outcome, 'exited');
    const statistics = Object.fromEntries(
      counters.map((name) => [name, Number(new RegExp(`^STAT ${name} (\\d+)$`, 'm').exec(stdout)?.[1])]),
    );
    assert.equal(statistics, predict(workload));
  });
}

// Single packets

const made = await createPacketBox('bmc');
const start = made.box.snapshot();

interface Scene extends PacketBox {
  readonly model: BmcModel;
  /** blocks of kmalloc when all is quiet */
  readonly blocks: number;
}

/** bmc on veth0 as it is when nothing has come yet. */
function scene(mode: 'drv' | 'skb' = 'drv'): Scene {
  made.box.restore(start);
  attach(made, 'xdp_rx_filter', mode);
  attach(made, 'xdp_tx_filter', 'egress');
  return { ...made, model: createBmcModel(), blocks: blocksOf(made) };
}

function statisticsOf({ extension }: PacketBox): Statistics {
  const values = new Uint32Array(extension.map('map_stats').lookup(0)!.slice().buffer);
  return Object.fromEntries(counters.map((name, n) => [name, values[n]!])) as Statistics;
}

/** Sends a server's answer out of the box, so that it is cached. */
function fill(at: Scene, key: string, text: string): void {
  const frame = udpFrame(PORT, CLIENT_PORT, withHeader(`${value(key, text)}END\r\n`));
  assert.equal(sendFrame(at, frame), [frame], 'it goes out as it was');
  transmit(at.model, frame);
}

const entryOf = ({ extension }: PacketBox, key: string): Uint8Array =>
  extension.map('map_kcache').lookup(indexOf(fnv(key)))!;

/** Sends `frame` in: the box answers, counts and locks as the model. What came out. */
function expectModel(at: Scene, frame: Uint8Array): Uint8Array[] {
  const before = at.device.statistics;
  const wanted = receive(at.model, frame);
  const sent = receiveFrame(at, frame)!;
  const { xdpAborted, xdpPassed, xdpTransmitted } = at.device.statistics;
  const verdicts = [
    xdpAborted - before.xdpAborted,
    0,
    xdpPassed - before.xdpPassed,
    xdpTransmitted - before.xdpTransmitted,
  ];
  assert.is(verdicts[wanted.action], 1, `verdicts ${verdicts.join(' ')}, expected ${wanted.action}`);
  if (wanted.frame !== undefined) assert.equal(sent, [wanted.frame]);
  assert.equal(statisticsOf(at), at.model.statistics);
  assertClean(at, at.blocks);
  return sent;
}

for (const mode of ['drv', 'skb'] as const) {
  test(`${mode}: a hit is answered with no server there`, () => {
    const at = scene(mode);
    fill(at, 'apple', 'green');
    const frame = get('apple');
    const [answer, ...others] = expectModel(at, frame);
    assert.is(others.length, 0);
    assert.equal(at.model.statistics, {
      ...createBmcModel().statistics,
      get_recv_count: 1,
      get_resp_count: 1,
      hit_count: 1,
      update_count: 1,
    });
    // and by hand
    const ip = readIpv4(answer!.subarray(IP))!;
    assert.is(ip.destination, OUTSIDE.address);
    assert.equal(readUdp(ip, false), {
      source: PORT,
      destination: CLIENT_PORT,
      payload: withHeader('VALUE apple 0 5\r\ngreen\r\nEND\r\n'),
    });
    assert.equal(answer!.subarray(0, 12), Uint8Array.of(...OUTSIDE.mac, ...frame.subarray(0, 6)));
    assert.equal(answer!.subarray(UDP + 6, UDP + 8), Uint8Array.of(0, 0), 'no UDP checksum');
  });

  test(`${mode}: a miss passes, and nobody listens`, () => {
    const at = scene(mode);
    const [answer] = expectModel(at, get('apple'));
    assert.is(answer![IP + 9], 1, 'ICMP: port unreachable');
    assert.equal(at.model.statistics, { ...createBmcModel().statistics, get_recv_count: 1, miss_count: 1 });
  });
}

test('a server answers once; then the cache does, when it is gone', () => {
  const at = scene();
  const { box } = at;
  box.files.write('/memcached', readRepositoryFile('samples/bmc/memcached'));
  box.files.write('/client', readRepositoryFile('samples/bmc/client'));
  const server = box.spawn('/memcached');
  box.run({ quiet: true });
  // over lo, where no program is
  assert.is(box.run({ until: box.spawn('/client', ['3', '1']) }).exitCode, 0);
  const text = `${value('key-2', 'value-0-of-key-2')}END\r\n`;
  const first = receiveFrame(at, get('key-2'))!;
  assert.is(first.length, 1);
  assert.equal(readUdp(readIpv4(first[0]!.subarray(IP))!, false)!.payload, withHeader(text));
  assert.is(at.device.statistics.xdpTransmitted, 0);
  const instructions = box.instructions;
  box.signal(server, 'SIGKILL');
  settle(at);
  assert.ok(box.instructions > instructions);
  const second = receiveFrame(at, get('key-2'))!;
  assert.is(second.length, 1);
  assert.is(at.device.statistics.xdpTransmitted, 1);
  assert.equal(readUdp(readIpv4(second[0]!.subarray(IP))!, false)!.payload, withHeader(text));
  const { hit_count, miss_count, update_count } = statisticsOf(at);
  assert.equal([hit_count, miss_count, update_count], [1, 1, 1]);
});

test('answers shorter, as long as and longer than the request', () => {
  const at = scene();
  const key = 'k'.repeat(230);
  // the request has 236 bytes behind the frame header
  for (const [name, text] of [
    ['x', ''],
    [key, ''],
    [key, 'v'.repeat(1000)],
    ['y', 'v'.repeat(1000)],
  ] as const) {
    receive(at.model, segment(`set ${name} `));
    assert.ok(receiveFrame(at, segment(`set ${name} `)));
    fill(at, name, text);
    // a longer request than its key needs
    expectModel(at, get(`   ${name}`));
  }
  assert.is(at.model.statistics.hit_count, 4);
});

test('a value that is larger than an entry is not kept', () => {
  const at = scene();
  fill(at, 'large', 'v'.repeat(1283));
  assert.equal(statisticsOf(at), at.model.statistics);
  assert.is(at.model.statistics.update_count, 0);
  expectModel(at, get('large'));
});

test('keys of 230 and 231 bytes', () => {
  const at = scene();
  const longest = 'k'.repeat(230);
  fill(at, longest, 'v');
  expectModel(at, get(longest));
  assert.is(at.model.statistics.hit_count, 1);
  fill(at, `${longest}k`, 'v');
  const sent = expectModel(at, get(`${longest}k`));
  assert.is(sent[0]![IP + 9], 1);
  const { get_recv_count, hit_count, miss_count } = at.model.statistics;
  assert.equal([get_recv_count, hit_count, miss_count], [2, 1, 0]);
});

test('several keys: the first that is cached is answered', () => {
  const at = scene();
  fill(at, 'b', 'two');
  fill(at, 'c', 'three');
  const [answer] = expectModel(at, get('a', 'b', 'c'));
  assert.equal(answer!.subarray(UDP + 8 + FRAME_HEADER), bytesOf(`${value('b', 'two')}END\r\n`));
  const { hit_count, miss_count } = at.model.statistics;
  assert.equal([hit_count, miss_count], [1, 1]);
});

test('30 cached keys are answered, 31 pass', () => {
  const at = scene();
  fill(at, 'b', 'two');
  expectModel(at, get(...Array<string>(30).fill('b')));
  assert.is(at.device.statistics.xdpTransmitted, 1);
  expectModel(at, get(...Array<string>(31).fill('b')));
  assert.is(at.device.statistics.xdpTransmitted, 1);
});

/** Two keys that `same` makes no difference between, found by trying. */
function collision(same: (hash: number) => number): readonly [string, string] {
  const seen = new Map<number, readonly [key: string, hash: number]>();
  for (let n = 0; n < 1_000_000; n++) {
    const key = `k${n}`;
    const hash = fnv(key);
    const other = seen.get(same(hash));
    if (other !== undefined && (same(0) === 0 || other[1] !== hash)) return [other[0], key];
    seen.set(same(hash), [key, hash]);
  }
  throw new Error('no collision');
}

test('two keys of one hash: the wrong one goes back as it came, and is counted', () => {
  const [one, other] = collision((hash) => hash);
  assert.is(fnv(one), fnv(other));
  const at = scene();
  fill(at, one, 'its value');
  const frame = get(other);
  assert.equal(expectModel(at, frame), [turned(frame)]);
  assert.is(at.model.statistics.hit_misprediction, 1);
  assert.is(entryOf(at, one)[0], 0, 'the lock');
  expectModel(at, get(one));
  assert.is(at.model.statistics.hit_count, 1);
});

test('two keys of one entry: the later answer takes the place of the earlier', () => {
  const [one, other] = collision(indexOf);
  assert.is(indexOf(fnv(one)), indexOf(fnv(other)));
  assert.is.not(fnv(one), fnv(other));
  const at = scene();
  fill(at, one, 'first');
  expectModel(at, get(other));
  fill(at, other, 'second');
  expectModel(at, get(other));
  expectModel(at, get(one));
  const { hit_count, miss_count, update_count, hit_misprediction } = at.model.statistics;
  assert.equal([hit_count, miss_count, update_count, hit_misprediction], [1, 2, 2, 0]);
  // a set of one makes the other's value invalid
  expectModel(at, segment(`set ${one} 0 0 1\r\n`));
  assert.is(at.model.statistics.invalidation_count, 1);
  expectModel(at, get(other));
  assert.is(at.model.statistics.hit_count, 1);
});

test('several sets in a segment', () => {
  const at = scene();
  fill(at, 'a', '1');
  fill(at, 'b', '2');
  expectModel(at, segment('set a 0 0 1\r\nx\r\nset b 0 0 1\r\ny\r\nset c 0 0 5\r\nset a\r\n'));
  const { set_recv_count, invalidation_count } = at.model.statistics;
  assert.equal([set_recv_count, invalidation_count], [4, 2]);
});

test('an answer whose header sum carries twice', () => {
  const at = scene();
  fill(at, 'a', '1');
  const sums = new Set<boolean>();
  for (let identification = 0; identification < 0x10000; identification++) {
    const frame = get('a');
    frame.set([identification >> 8, identification & 0xff], 18);
    // large words, so that there are carries
    frame.set([192, 255, 200, 255], 26);
    const { frame: answer } = receive(createBmcModelWith(at.model), frame);
    const twice = readIpv4(answer!.subarray(IP)) === undefined;
    if (sums.has(twice)) continue;
    sums.add(twice);
    const [sent] = receiveFrame(at, frame)!;
    assert.equal(sent, answer);
    const header = sent!.subarray(IP, IP + 20);
    assert.is(header[10]! | (header[11]! << 8), headerSum(header));
  }
  // the single fold of upstream's compute_ip_checksum is wrong for some of 65536 identifications
  assert.equal([...sums].sort(), [false, true]);
});

/** The same cache, with counters of its own. */
const createBmcModelWith = ({ entries }: BmcModel): BmcModel => ({ ...createBmcModel(), entries });

test('an entry that is damaged while the lock is held: XDP_ABORTED, and the lock is free', () => {
  const at = scene();
  fill(at, 'apple', 'green');
  const entry = entryOf(at, 'apple').slice();
  // longer than data, and still short enough for the packet
  new DataView(entry.buffer).setUint32(4, 1501, true);
  at.extension.map('map_kcache').update(indexOf(fnv('apple')), entry);
  assert.equal(receiveFrame(at, get('apple')), []);
  assert.is(at.device.statistics.xdpAborted, 1);
  assert.match(at.box.kernelLog.join('\n'), /panicked at samples\/bmc\/receive\.rs:\d+:\d+:[^]*range end index 1501/);
  assert.is(entryOf(at, 'apple')[0], 0, 'the lock');
  assertClean(at, at.blocks);
  // longer than any packet: the tail cannot be moved so far
  new DataView(entry.buffer).setUint32(4, 5000, true);
  at.extension.map('map_kcache').update(indexOf(fnv('apple')), entry);
  assert.equal(receiveFrame(at, get('apple')), []);
  assert.is(at.device.statistics.xdpDropped, 1);
  assert.match(at.box.tracePipe.join('\n'), /adjust rx packet tail failed: -22/);
  assert.is(entryOf(at, 'apple')[0], 0, 'the lock');
  assertClean(at, at.blocks);
});

test.run();

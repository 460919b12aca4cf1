/** The electrode sample: its broadcast on a device, and its features, which the checked-in image does not have. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
// first: it loads the kernel's modules in an order that their cycles allow
import { udpFrame } from './support/network-machine.ts';
import { readIpv4 } from '../kernel/net/packet.ts';
import { assertClean, attach, blocksOf, createPacketBox, receiveFrame, sendFrame } from './support/packet-box.ts';
import { compileRustSamples } from '../toolchain/build/build-rust.ts';
import { rustcVersion } from '../toolchain/build/cargo.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';
import { loadExtension, type LoadedExtension } from './support/rex-entry.ts';
import { be16, packet, paxos, receive } from './support/rex-packets.ts';

const PREPARE = 'specpaxos.vr.proto.PrepareMessage';
const PREPARE_OK = 'specpaxos.vr.proto.PrepareOKMessage';
const MY_PREPARE_OK = 'specpaxos.vr.MyPrepareOK';
const [DROP, PASS, TX] = [1, 2, 3];
const LEADER = { address: [10, 0, 0, 1], port: 700, ethernet: [6, 6, 6, 6, 6, 6] };

/** view 2, last operation 5; replica 1, with replica 0 as the leader */
function setState({ extension }: LoadedExtension, state = 0): void {
  const fields = new Uint32Array([state, 1, 0, 1, 2, 0, 5, 0]);
  extension.map('map_ctr_state').update(0, new Uint8Array(fields.buffer));
  extension.map('map_configure').update(0, Uint8Array.of(...LEADER.address, ...be16(LEADER.port), ...LEADER.ethernet));
}

const words = (bytes: Uint8Array): number[] => [...new Uint32Array(bytes.slice().buffer)];

function featureTests(image: Uint8Array): void {
  const send = (loaded: LoadedExtension, type: string, data: readonly number[]) =>
    receive(
      loaded,
      'fast_paxos_main',
      packet(17, 9000, 12345, Uint8Array.of(...paxos(type, 0, data), ...Array<number>(20).fill(7))),
    );

  test('a Prepare that follows is acknowledged and handed over', () => {
    const loaded = loadExtension(image);
    setState(loaded);
    const [verdict, reply] = send(loaded, PREPARE, [2, 6, 6]);
    assert.is(verdict, TX);
    assert.equal(reply.subarray(42), paxos(MY_PREPARE_OK, 0, [2, 6, 1]));
    assert.equal([...reply.subarray(0, 6)], LEADER.ethernet);
    assert.equal([...reply.subarray(26, 34)], [10, 0, 0, 2, ...LEADER.address]);
    assert.equal([...reply.subarray(34, 42)], [...be16(12345), ...be16(LEADER.port), ...be16(reply.length - 34), 0, 0]);
    assert.equal([...reply.subarray(16, 18)], be16(reply.length - 14));
    assert.is(loaded.extension.map('map_msg_last_op').lookupNumber(0), 6n);
    assert.is(words(loaded.extension.map('map_ctr_state').lookup(0)!)[6], 6);
  });

  test('other Prepares', () => {
    const loaded = loadExtension(image);
    setState(loaded);
    assert.is(send(loaded, PREPARE, [1, 6, 6])[0], DROP, 'an old view');
    assert.is(send(loaded, PREPARE, [3, 6, 6])[0], PASS, 'a new view');
    assert.is(send(loaded, PREPARE, [2, 8, 7])[0], PASS, 'a gap');
    assert.is(send(loaded, PREPARE, [2, 5, 5])[0], TX, 'seen before');
    assert.is(loaded.extension.map('map_msg_last_op').lookupNumber(0), 0n);
    setState(loaded, 1);
    assert.is(send(loaded, PREPARE, [2, 6, 6])[0], DROP, 'not taking part');
  });

  test('one acknowledgement makes the quorum, more are dropped', () => {
    const loaded = loadExtension(image);
    const quorum = loaded.extension.map('map_quorum');
    const index = 1030 & 1023;
    quorum.update(index, new Uint8Array(Uint32Array.of(2, 1030, 0).buffer));
    assert.is(send(loaded, PREPARE_OK, [2, 1031, 1])[0], PASS, 'another operation');
    assert.is(send(loaded, PREPARE_OK, [2, 1030, 1])[0], PASS);
    assert.is(send(loaded, MY_PREPARE_OK, [2, 1030, 2])[0], DROP);
    assert.equal(words(quorum.lookup(index)!), [2, 1030, 6]);
    assert.is(send(loaded, PREPARE_OK, [2, 1030, 32])[0], PASS, 'no such replica');
  });
}

const BROADCAST = 1 << 31;
const addressOf = (replica: number): number[] => [10, 0, 1, replica];
const macOf = (replica: number): number[] => [2, 9, 9, 9, 9, replica];
const portOf = (replica: number): number => 700 + replica;

const made = await createPacketBox('electrode');
const start = made.box.snapshot();

/** veth0 with the broadcast at egress, and three replicas, `leader` of them this one. */
function broadcaster(leader: number) {
  made.box.restore(start);
  const { extension } = made;
  extension.map('map_ctr_state').update(0, new Uint8Array(Uint32Array.of(0, leader, leader, 1, 0, 0, 0, 0).buffer));
  for (const replica of [0, 1, 2]) {
    const value = Uint8Array.of(...addressOf(replica), ...be16(portOf(replica)), ...macOf(replica));
    extension.map('map_configure').update(replica, value);
  }
  attach(made, 'fast_broad_cast_main', 'egress');
  return { at: made, blocks: blocksOf(made) };
}

for (const leader of [0, 1, 2]) {
  test(`a broadcast of leader ${leader} becomes a message to each of the others`, () => {
    const { at, blocks } = broadcaster(leader);
    const sent = sendFrame(at, udpFrame(9000, 12345, paxos(PREPARE, BROADCAST, [2, 6, 6])))!;
    assert.is(sent.length, 2);
    const receivers = sent.map((frame) => {
      const { source, payload } = readIpv4(frame.subarray(14))!;
      assert.is(source, readIpv4(udpFrame(9000, 12345, new Uint8Array(0)).subarray(14))!.source);
      assert.equal(payload.subarray(8), paxos(PREPARE, 0, [2, 6, 6]), 'without the bit, and of its type');
      const replica = [0, 1, 2].find((each) => frame[5] === each)!;
      assert.equal([...frame.subarray(0, 6)], macOf(replica));
      assert.equal([...frame.subarray(30, 34)], addressOf(replica));
      assert.equal(
        [...frame.subarray(34, 42)],
        [...be16(9000), ...be16(portOf(replica)), ...be16(frame.length - 34), 0, 0],
      );
      return replica;
    });
    assert.equal(
      receivers.toSorted(),
      [0, 1, 2].filter((replica) => replica !== leader),
    );
    assertClean(at, blocks);
  });
}

test('other messages go out as they are, damaged ones do not', () => {
  const { at, blocks } = broadcaster(0);
  for (const frame of [
    udpFrame(9000, 12345, paxos(PREPARE)),
    udpFrame(9000, 12346, paxos(PREPARE, BROADCAST)),
    udpFrame(9000, 12345, Uint8Array.of(1, 2, 3)),
  ]) {
    assert.equal(sendFrame(at, frame), [frame]);
  }
  for (const payload of [paxos('x', BROADCAST), paxos(PREPARE).subarray(0, 30), paxos(PREPARE, 2000)]) {
    assert.equal(sendFrame(at, udpFrame(9000, 12345, payload)), []);
  }
  assert.is(at.device.statistics.tcDropped, 3);
  assertClean(at, blocks);
});

for (const mode of ['drv', 'skb'] as const) {
  test(`${mode}: what comes in is measured and passes`, () => {
    const { at } = broadcaster(0);
    attach(at, 'fast_paxos_main', mode);
    at.box.kernel.bpf.trace.length = 0;
    receiveFrame(at, udpFrame(9000, 12345, paxos(PREPARE)));
    receiveFrame(at, udpFrame(9000, 12345, paxos(PREPARE_OK)));
    assert.is(at.device.statistics.xdpPassed, 2);
    const lengths = [...at.box.tracePipe.join('\n').matchAll(/type_len: (\d+)/g)].map(([, length]) => Number(length));
    assert.equal(lengths, [PREPARE.length, PREPARE_OK.length]);
  });
}

if ((await rustcVersion(repositoryRoot)) === undefined) {
  process.stdout.write('electrode: skipped: no rustc\n');
} else {
  const features = ['electrode/fast_reply', 'electrode/fast_quorum_prune'];
  const [sample] = await compileRustSamples(['electrode'], repositoryRoot, { features });
  featureTests(sample!.bytes);
}

test.run();

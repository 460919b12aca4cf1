/** The electrode sample with its features, which the checked-in image does not have. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
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

if ((await rustcVersion(repositoryRoot)) === undefined) {
  process.stdout.write('electrode: skipped: no rustc\n');
} else {
  const features = ['electrode/fast_reply', 'electrode/fast_quorum_prune'];
  const [sample] = await compileRustSamples(['electrode'], repositoryRoot, { features });
  featureTests(sample!.bytes);
}

test.run();

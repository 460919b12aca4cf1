// XDP programs on devices: verdicts, what they see, what they may change, and that the rest of the machine does not notice.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BoxError } from '../box/errors.ts';
import { readEthernet, readIpv4, readUdp } from '../kernel/net/packet.ts';
import {
  createNetworkMachine,
  HOST,
  OUTSIDE,
  runsOn,
  udpFrame,
  used,
  veth0,
  type NetworkMachine,
} from './support/network-machine.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const options = { network: { veth: [veth0] } };
const BUDGET = 200_000;
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, n) => n + 1);

/** Sends one datagram to a port that nobody listens on, with `name` attached: what was counted, and what came back. */
async function inject(machine: NetworkMachine, frame = udpFrame(4000, 9, bytes(20))) {
  const device = machine.box.network.device('veth0');
  assert.ok(device.inject(frame));
  assert.is(machine.box.run({ budget: BUDGET }).reason, 'idle');
  return { statistics: device.statistics, sent: device.take() };
}

// prettier-ignore
const verdicts = [
  { program: 'return_0',  counter: 'xdpAborted',     answers: 0 },
  { program: 'return_1',  counter: 'xdpDropped',     answers: 0 },
  { program: 'return_2',  counter: 'xdpPassed',      answers: 1 },
  { program: 'return_3',  counter: 'xdpTransmitted', answers: 1 },
  { program: 'return_4',  counter: 'xdpAborted',     answers: 0 },
  { program: 'return_99', counter: 'xdpAborted',     answers: 0 },
  { program: 'xdp_panic', counter: 'xdpAborted',     answers: 0 },
] as const;

for (const mode of ['skb', 'drv'] as const) {
  for (const { program, counter, answers } of verdicts) {
    test(`${program} in ${mode} mode: ${counter}`, async () => {
      const machine = await createNetworkMachine(options);
      await inject(machine, udpFrame(1, 2, bytes(3))); // ksoftirqd and the neighbour are there from now on
      const before = used(machine);
      machine.box.network.device('veth0').attachXdp(machine.program(program), { mode });
      const { statistics, sent } = await inject(machine);
      assert.is(statistics[counter], 1);
      assert.is(sent.length, answers);
      assert.is(statistics.xdpAborted + statistics.xdpDropped + statistics.xdpPassed + statistics.xdpTransmitted, 1);
      // the program is one block more
      assert.equal(used(machine), [before[0]! + 1, 0, 0]);
    });
  }
}

test('an illegal verdict is logged', async () => {
  const machine = await createNetworkMachine(options);
  machine.box.network.device('veth0').attachXdp(machine.program('return_99'));
  await inject(machine);
  assert.match(machine.box.kernelLog.join('\n'), /Illegal XDP return value 99 on prog return_99 \(id 1\) dev veth0/);
});

test('a passed datagram to a closed port is answered by an ICMP message', async () => {
  const machine = await createNetworkMachine(options);
  const { sent } = await inject(machine);
  const packet = readIpv4(sent[0]!.subarray(14))!;
  assert.is(packet.protocol, 1);
  assert.is(packet.destination, OUTSIDE.address);
  assert.equal([...packet.payload.subarray(0, 2)], [3, 3]);
});

test('XDP_TX sends what the program made of the packet', async () => {
  const machine = await createNetworkMachine(options);
  machine.box.network.device('veth0').attachXdp(machine.program('xdp_reflect'), { mode: 'drv' });
  const { sent } = await inject(machine, udpFrame(4000, 7, bytes(100)));
  const ethernet = readEthernet(sent[0]!)!;
  assert.equal(ethernet.destination, OUTSIDE.mac);
  assert.equal(ethernet.source, HOST.mac);
  const packet = readIpv4(sent[0]!.subarray(14))!;
  assert.is(packet.source, HOST.address);
  // swapping leaves the sums as they were
  const datagram = readUdp(packet, false)!;
  assert.equal([datagram.source, datagram.destination, datagram.payload], [7, 4000, bytes(100)]);
});

test('what a program sees of a packet', async () => {
  const machine = await createNetworkMachine({ ...options, cpus: 2 });
  const device = machine.box.network.device('veth0');
  device.attachXdp(machine.program('xdp_look'));
  device.inject(udpFrame(1, 2, bytes(10)), { cpu: 1 });
  machine.box.run({ budget: BUDGET });
  assert.is(machine.note('ifindex'), BigInt(device.ifindex));
  assert.is(machine.note('queue'), 1n);
  assert.is(machine.note('alignment'), 0n);
  assert.is(machine.note('headroom'), 256n);
  assert.is(machine.note('length'), 4096n);
});

// 14 bytes at least; at most the buffer less headroom and struct skb_shared_info
const length = 14 + 28 + 20;
// prettier-ignore
const tails: readonly (readonly [offset: number, result: number, length: number])[] = [
  [0, 0, length], [8, 0, length + 8], [-8, 0, length - 8], [-(length - 14), 0, 14], [-(length - 13), -22, length],
  [4096 - 256 - 320 - length, 0, 4096 - 256 - 320], [4096 - 256 - 320 - length + 1, -22, length],
  [0x7fffffff, -22, length], [-0x80000000, -22, length],
];
for (const [offset, result, after] of tails) {
  test(`bpf_xdp_adjust_tail(${offset}) = ${result}`, async () => {
    const machine = await createNetworkMachine(options);
    machine.set('argument', offset);
    machine.box.network.device('veth0').attachXdp(machine.program('xdp_tail'));
    await inject(machine);
    assert.is(machine.note('result'), BigInt(result));
    assert.is(machine.note('length'), BigInt(after));
    assert.is(machine.box.death, undefined);
  });
}

// prettier-ignore
const heads: readonly (readonly [offset: number, result: number, length: number])[] = [
  [0, 0, length], [20, 0, length - 20], [-216, 0, length + 216], [-217, -22, length], [length - 14, 0, 14],
  [length - 13, -22, length], [0x7fffffff, -22, length], [-0x80000000, -22, length],
];
for (const [offset, result, after] of heads) {
  test(`bpf_xdp_adjust_head(${offset}) = ${result}`, async () => {
    const machine = await createNetworkMachine(options);
    machine.set('argument', offset);
    machine.box.network.device('veth0').attachXdp(machine.program('xdp_head'));
    await inject(machine);
    assert.is(machine.note('result'), BigInt(result));
    assert.is(machine.note('length'), BigInt(after));
  });
}

test('a program that damages its xdp_buff is an oops, not an exception', async () => {
  const machine = await createNetworkMachine(options);
  machine.box.network.device('veth0').attachXdp(machine.program('xdp_damage'));
  machine.box.network.device('veth0').inject(udpFrame(1, 2, bytes(3)));
  assert.is(machine.box.run({ budget: BUDGET }).reason, 'dead');
  assert.match(machine.box.death ?? '', /xdp_buff at 0x[0-9a-f]+ is damaged/);
});

test('both CPUs run the program, each for its own packets', async () => {
  const machine = await createNetworkMachine({ ...options, cpus: 2 });
  const device = machine.box.network.device('veth0');
  device.attachXdp(machine.program('xdp_look'));
  for (let n = 0; n < 10; n++) assert.ok(device.inject(udpFrame(n, 2, bytes(3)), { cpu: n % 5 === 0 ? 1 : 0 }));
  machine.box.run({ budget: BUDGET });
  assert.equal([runsOn(machine, 0), runsOn(machine, 1)], [8, 2]);
  assert.is(machine.box.kernel.net.skbs.size, 0);
});

test('packets that come while programs compute with vectors change nothing of theirs', async () => {
  const machine = await createNetworkMachine({ ...options, cpus: 2, memory: 32 << 20 });
  const { box } = machine;
  const device = box.network.device('veth0');
  device.attachXdp(machine.program('xdp_look'), { mode: 'drv' });
  box.files.write('/fft', readRepositoryFile('tests/programs/bin/fft'));
  const process = box.spawn('/fft');
  let output = '';
  let injected = 0;
  for (let n = 0; n < 2000; n++) {
    const result = box.run({ until: process, budget: 1501 });
    output += result.stdout.text;
    if (result.reason !== 'budget') break;
    injected += Number(device.inject(udpFrame(n, 2, bytes(3)), { cpu: n % 2 }));
  }
  box.run();
  assert.is(output, Buffer.from(readRepositoryFile('tests/programs/fft.expected')).toString());
  assert.is(runsOn(machine, 0) + runsOn(machine, 1), device.statistics.xdpPassed);
  assert.ok(injected > 20);
  assert.is(device.statistics.xdpPassed, injected);
});

test('attaching: modes, replacing, detaching', async () => {
  const machine = await createNetworkMachine(options);
  const { network } = machine.box;
  const program = machine.program('return_1');
  const code = (action: () => void): string | undefined => {
    try {
      action();
    } catch (error) {
      assert.instance(error, BoxError);
      return (error as BoxError).code;
    }
    return undefined;
  };
  assert.is(
    code(() => network.device('lo').attachXdp(program, { mode: 'drv' })),
    'EOPNOTSUPP',
  );
  assert.is(
    code(() => network.device('lo').attachXdp(machine.program('tc_look'))),
    'EINVAL',
  );
  const link = network.device('veth0').attachXdp(program, { mode: 'skb' });
  assert.is(
    code(() => network.device('veth0').attachXdp(program, { mode: 'drv' })),
    'EEXIST',
  );
  link.detach();
  link.detach();
  network.device('veth0').attachXdp(program, { mode: 'drv' });
  assert.throws(() => network.device('vet0'), /no device "vet0": it has lo, veth0/);
});

test('lo: a program in SKB mode meets each packet once', async () => {
  const machine = await createNetworkMachine({});
  const lo = machine.box.network.device('lo');
  lo.attachXdp(machine.program('xdp_look'));
  lo.configure({ mtu: 1500 });
  const frame = udpFrame(1, 2, bytes(3));
  frame.fill(0, 0, 12);
  lo.inject(frame);
  machine.box.run({ budget: BUDGET });
  // 10.0.0.1 is nobody's here, so there is no answer
  assert.equal([runsOn(machine, 0), lo.statistics.rxDropped], [1, 1]);
});

test('a snapshot holds packets that wait', async () => {
  const machine = await createNetworkMachine(options);
  const device = machine.box.network.device('veth0');
  device.inject(udpFrame(1, 2, bytes(3)));
  const mark = machine.box.snapshot();
  machine.box.run({ budget: BUDGET });
  const first = device.take();
  assert.is(first.length, 1);
  machine.box.restore(mark);
  machine.box.run({ budget: BUDGET });
  assert.equal(device.take(), first);
});

test.run();

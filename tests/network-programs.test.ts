// C programs with sockets, checked against Linux; and XDP and TC programs between a client and a server.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box } from '../box/box.ts';
import { readPcap } from '../kernel/net/pcap.ts';
import { readIpv4, readTcp, readUdp } from '../kernel/net/packet.ts';
import { createNetworkMachine, runsOn } from './support/network-machine.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const program = (name: string): Uint8Array => readRepositoryFile(`tests/programs/bin/${name}`);

function runProgram(box: Box, name: string, args: readonly string[] = []) {
  box.files.write(`/bin/${name}`, program(name));
  return box.run({ until: box.spawn(`/bin/${name}`, args), budget: 60_000_000 });
}

for (const name of ['udp-echo', 'tcp-echo', 'netlink', 'epoll-server']) {
  for (const cpus of [1, 2]) {
    test(`${name} on ${cpus} CPUs`, async () => {
      const box = await Box.boot({ cpus, memory: 32 << 20, recordSyscalls: false });
      const result = runProgram(box, name);
      assert.is(result.stderr.text, '');
      assert.match(result.stdout.text, /^(both ways\n)?ok \d+ checks\n$/);
      assert.is(result.exitCode, 0);
      // what lingers after a process has gone goes too
      assert.is(box.run().reason, 'idle');
      assert.equal([box.kernel.net.skbs.size, box.kernel.net.sockets.size], [0, 0]);
    });
  }
}

test('a capture of lo: real addresses, ports and sums', async () => {
  const box = await Box.boot({ memory: 32 << 20 });
  const lo = box.network.device('lo');
  lo.startCapture();
  assert.is(runProgram(box, 'tcp-echo', ['30000']).exitCode, 0);
  const packets = readPcap(lo.stopCapture());
  assert.is(packets.length, lo.statistics.txPackets);
  let bytes = 0;
  for (const packet of packets) {
    const ip = readIpv4(packet.bytes.subarray(14))!;
    assert.is(ip.protocol, 6);
    bytes += readTcp(ip, false)!.payload.length;
  }
  // there and back, and what the other parts send
  assert.ok(bytes > 60_000);
  assert.ok(packets.every(({ time }, n) => n === 0 || time >= packets[n - 1]!.time));
});

test('XDP between client and server: the program sees every packet of lo and changes nothing', async () => {
  const machine = await createNetworkMachine({ cpus: 2 });
  const lo = machine.box.network.device('lo');
  lo.attachXdp(machine.program('xdp_look'));
  assert.is(runProgram(machine.box, 'udp-echo').stderr.text, '');
  assert.is(runsOn(machine, 0) + runsOn(machine, 1), lo.statistics.rxPackets);
  assert.is(lo.statistics.xdpPassed, lo.statistics.rxPackets);
});

test('XDP answers instead of the server', async () => {
  const machine = await createNetworkMachine();
  const { box } = machine;
  const lo = box.network.device('lo');
  lo.attachXdp(machine.program('xdp_reflect'));
  lo.startCapture();
  // port 7: the program turns every datagram round before the server sees it, so the client's checks of the echo hold
  // and the server waits for ever
  box.files.write('/bin/udp-echo', program('udp-echo'));
  const result = box.run({ until: box.spawn('/bin/udp-echo'), budget: 5_000_000 });
  assert.is(result.reason, 'idle');
  assert.is(lo.statistics.xdpTransmitted, 4);
  const sizes = readPcap(lo.stopCapture()).map(
    ({ bytes }) => readUdp(readIpv4(bytes.subarray(14))!, false)!.payload.length,
  );
  assert.equal(sizes, [0, 0, 466, 466, 932, 932, 1398, 1398]);
});

test('packets that XDP drops are sent again by TCP, until it gives up', async () => {
  const machine = await createNetworkMachine();
  const { box } = machine;
  const lo = box.network.device('lo');
  const link = lo.attachXdp(machine.program('return_1'));
  box.files.write('/bin/tcp-echo', program('tcp-echo'));
  const process = box.spawn('/bin/tcp-echo', ['1000']);
  while (lo.statistics.xdpDropped < 3) assert.is(box.run({ until: process, budget: 300 }).reason, 'budget');
  link.detach();
  const result = box.run({ until: process });
  assert.is(result.stderr.text, '');
  assert.is(result.exitCode, 0);
});

test('the same packets at the same instructions, however the run is divided', async () => {
  const trace = async (step: number): Promise<readonly number[]> => {
    const box = await Box.boot({ cpus: 2, memory: 32 << 20, recordSyscalls: false });
    const lo = box.network.device('lo');
    lo.startCapture();
    box.files.write('/bin/udp-echo', program('udp-echo'));
    const process = box.spawn('/bin/udp-echo');
    while (box.run({ until: process, budget: step }).reason === 'budget');
    return readPcap(lo.stopCapture()).map(({ time }) => time);
  };
  assert.equal(await trace(777), await trace(1_000_000));
});

test.run();

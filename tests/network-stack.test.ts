// The stack from outside: ARP, echo, and that no packet, whatever is in it, upsets it or leaves anything behind.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
// first: it loads the kernel's modules in an order that their cycles allow
import {
  createNetworkMachine,
  HOST,
  OUTSIDE,
  udpFrame,
  used,
  veth0,
  type NetworkMachine,
} from './support/network-machine.ts';
import { checksum } from '../kernel/net/checksum.ts';
import { formatIpv4, formatMac, parseIpv4, parseMac } from '../kernel/net/address.ts';
import { streamSocket } from '../kernel/net/inet-stream.ts';
import { datagramSocket } from '../kernel/net/inet-datagram.ts';
import { netlinkSocket } from '../kernel/net/netlink.ts';
import { encodeMessage } from '../kernel/net/netlink-message.ts';
import {
  ETH_P_ARP,
  ETH_P_IP,
  ethernetFrame,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  ipv4Packet,
  readEthernet,
  readIpv4,
  readTcp,
  readUdp,
  tcpSegment,
  TcpFlag,
} from '../kernel/net/packet.ts';
import { PcapError, readPcap, writePcap } from '../kernel/net/pcap.ts';
import { writeInet } from '../kernel/net/sockaddr.ts';
import { createSocket } from '../kernel/net/sockets.ts';
import { Errno } from '../kernel/errno.ts';
import type { Socket } from '../kernel/net/types.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 3000 : 60));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const options = { network: { veth: [veth0] } };
const BUDGET = 300_000;

/** Throws what fast-check found, with the command that finds it again. */
function check<Values>(property: fc.IProperty<Values>): void {
  const result = fc.check(property, { numRuns: RUNS, ...seed });
  if (!result.failed) return;
  const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/run-file.ts tests/network-stack.test.ts`;
  throw new Error(`${fc.defaultReportMessage(result)}\n${replay}`);
}

const frameOf = (protocol: number, payload: Uint8Array): Uint8Array =>
  ethernetFrame({ destination: HOST.mac, source: OUTSIDE.mac, protocol }, payload);
const ipFrame = (protocol: number, payload: Uint8Array): Uint8Array =>
  frameOf(ETH_P_IP, ipv4Packet(OUTSIDE.address, HOST.address, protocol, payload, 7));

function tcpFrame(port: number, flags: number, seq: number, ack: number, payload = new Uint8Array(0)): Uint8Array {
  const segment = { source: 4000, destination: port, seq, ack, flags, window: 1000, mss: undefined, payload };
  return ipFrame(IPPROTO_TCP, tcpSegment(OUTSIDE.address, HOST.address, segment));
}

function arp(operation: number, targetMac: Uint8Array, target: number): Uint8Array {
  const bytes = new Uint8Array(28);
  bytes.set([0, 1, 8, 0, 6, 4, 0, operation]);
  bytes.set(OUTSIDE.mac, 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(14, OUTSIDE.address);
  bytes.set(targetMac, 18);
  view.setUint32(24, target);
  return bytes;
}

/** Lets frames come in, and gives what goes out, before any timer runs out. */
function exchange({ box }: NetworkMachine, ...frames: readonly Uint8Array[]): Uint8Array[] {
  const device = box.network.device('veth0');
  for (const frame of frames) device.inject(frame);
  assert.is(box.run({ budget: BUDGET, quiet: true }).reason, 'quiet');
  return device.take();
}

const HTTP = 80;
function listen({ box: { kernel } }: NetworkMachine): Socket {
  const socket = createSocket(kernel, 2, 1, 6);
  streamSocket.bind(kernel, socket, writeInet({ address: 0, port: HTTP }));
  streamSocket.listen(kernel, socket, 4);
  return socket;
}

test('addresses as text and back', () => {
  check(
    fc.property(fc.nat(0xffff_ffff), fc.uint8Array({ minLength: 6, maxLength: 6 }), fc.string(), (ip, mac, text) => {
      assert.is(parseIpv4(formatIpv4(ip)), ip);
      assert.equal(parseMac(formatMac(mac)), mac);
      const parsed = parseIpv4(text);
      assert.ok(
        parsed === undefined ||
          formatIpv4(parsed)
            .split('.')
            .every((part, n) => Number(text.split('.')[n]) === Number(part)),
      );
    }),
  );
});

test('an ARP request is answered', async () => {
  const machine = await createNetworkMachine(options);
  const [reply, ...rest] = exchange(machine, frameOf(ETH_P_ARP, arp(1, new Uint8Array(6), HOST.address)));
  assert.is(rest.length, 0);
  assert.is(readEthernet(reply!)!.protocol, ETH_P_ARP);
  assert.equal(reply!.subarray(14 + 6, 14 + 18), Uint8Array.of(0, 2, ...HOST.mac, 10, 0, 0, 1));
});

test('a neighbour is asked for before the first packet is sent to it', async () => {
  const machine = await createNetworkMachine(options);
  const { kernel } = machine.box;
  const socket = createSocket(kernel, 2, 2, 17);
  const message = { bytes: Uint8Array.of(1, 2, 3), to: writeInet({ address: OUTSIDE.address, port: 9 }) };
  assert.is(datagramSocket.send(kernel, undefined as never, socket, message), 3);
  const [request, ...none] = exchange(machine);
  assert.is(none.length, 0);
  assert.equal(readEthernet(request!)!.destination, new Uint8Array(6).fill(255));
  const [datagram] = exchange(machine, frameOf(ETH_P_ARP, arp(2, HOST.mac, HOST.address)));
  assert.equal(readEthernet(datagram!)!.destination, OUTSIDE.mac);
  assert.equal(readUdp(readIpv4(datagram!.subarray(14))!, false)!.payload, Uint8Array.of(1, 2, 3));
  assert.throws(
    () =>
      datagramSocket.send(kernel, undefined as never, socket, {
        ...message,
        to: writeInet({ address: 0x0808_0808, port: 1 }),
      }),
    /ENETUNREACH/,
  );
  machine.box.network.device('veth0').configure({ gateway: '10.0.0.9' });
  datagramSocket.send(kernel, undefined as never, socket, {
    ...message,
    to: writeInet({ address: 0x0808_0808, port: 1 }),
  });
  assert.is(readIpv4(exchange(machine)[0]!.subarray(14))!.destination, 0x0808_0808);
});

test('an echo request is answered', async () => {
  const machine = await createNetworkMachine(options);
  const request = Uint8Array.of(8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7);
  new DataView(request.buffer).setUint16(2, checksum(request));
  const packet = readIpv4(exchange(machine, ipFrame(IPPROTO_ICMP, request))[0]!.subarray(14))!;
  assert.is(checksum(packet.payload), 0);
  assert.equal([packet.payload[0], ...packet.payload.subarray(4)], [0, 1, 2, 3, 4, 5, 6, 7]);
  // a wrong sum is dropped
  request[10]! ^= 1;
  assert.is(exchange(machine, ipFrame(IPPROTO_ICMP, request)).length, 0);
});

test('a TCP connection from outside, byte by byte', async () => {
  const machine = await createNetworkMachine(options);
  const { kernel } = machine.box;
  const listener = listen(machine);
  const parse = (frame: Uint8Array) => readTcp(readIpv4(frame.subarray(14))!, false)!;
  const [synAck] = exchange(machine, tcpFrame(HTTP, TcpFlag.syn, 1000, 0)).map(parse);
  assert.equal([synAck!.flags, synAck!.ack, synAck!.mss], [TcpFlag.syn | TcpFlag.ack, 1001, 1460]);
  const ours = synAck!.seq + 1;
  const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
  // the second half comes first
  const [duplicate, both] = exchange(
    machine,
    tcpFrame(HTTP, TcpFlag.ack, 1001, ours),
    tcpFrame(HTTP, TcpFlag.ack, 1004, ours, text('def')),
    tcpFrame(HTTP, TcpFlag.ack, 1001, ours, text('abc')),
  ).map(parse);
  assert.equal([duplicate!.ack, both!.ack], [1001, 1007]);
  const child = streamSocket.accept(kernel, listener)!;
  assert.is(new TextDecoder().decode(streamSocket.receive(kernel, child, 100)!.bytes), 'abcdef');
  streamSocket.consume(kernel, child, 6);
  // the window of 1000 bytes is kept, and the MSS of who names none
  streamSocket.send(kernel, undefined as never, child, { bytes: new Uint8Array(1500).fill(65), to: undefined });
  assert.equal(
    exchange(machine).map((frame) => parse(frame).payload.length),
    [536, 464],
  );
  const [rest] = exchange(machine, tcpFrame(HTTP, TcpFlag.ack, 1007, ours + 1000)).map(parse);
  assert.equal([rest!.payload.length, rest!.seq], [500, ours + 1000]);
  // both sides close
  const [acknowledged] = exchange(machine, tcpFrame(HTTP, TcpFlag.ack | TcpFlag.fin, 1007, ours + 1500)).map(parse);
  assert.equal([acknowledged!.ack, child.tcp!.state], [1008, 'CLOSE_WAIT']);
  streamSocket.close(kernel, child);
  const [fin] = exchange(machine, tcpFrame(HTTP, TcpFlag.ack, 1008, ours + 1501)).map(parse);
  assert.ok((fin!.flags & TcpFlag.fin) !== 0);
  assert.not(kernel.net.sockets.has(child.id));
  streamSocket.close(kernel, listener);
  assert.equal([kernel.net.sockets.size, kernel.net.skbs.size], [0, 0]);
});

const wellFormed: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .tuple(fc.nat(65535), fc.constantFrom(HTTP, 7, 9), fc.uint8Array({ maxLength: 1400 }))
    .map((values) => udpFrame(...values)),
  fc
    .tuple(
      fc.constantFrom(HTTP, 9),
      fc.nat(255),
      fc.nat(0xffff_ffff),
      fc.nat(0xffff_ffff),
      fc.uint8Array({ maxLength: 200 }),
    )
    .map((values) => tcpFrame(...values)),
  fc.uint8Array({ minLength: 8, maxLength: 64 }).map((bytes) => ipFrame(IPPROTO_ICMP, bytes)),
  fc
    .tuple(fc.nat(3), fc.nat(0xffff_ffff))
    .map(([operation, target]) => frameOf(ETH_P_ARP, arp(operation, HOST.mac, target))),
  fc.uint8Array({ maxLength: 1600 }),
);

/** Bytes changed at places, and the end cut off. */
const damaged = fc
  .tuple(wellFormed, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }), fc.option(fc.nat(100)))
  .map(([frame, changes, cut]) => {
    const bytes = frame.slice(0, cut ?? frame.length);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });

for (const program of [undefined, 'return_2', 'xdp_reflect', 'xdp_tail'] as const) {
  test(`packets of any bytes and any length${program === undefined ? '' : ` behind ${program}`}`, async () => {
    const machine = await createNetworkMachine(options);
    const { box } = machine;
    const { kernel } = box;
    const device = box.network.device('veth0');
    if (program !== undefined) device.attachXdp(machine.program(program), { mode: 'drv' });
    machine.set('argument', 100);
    exchange(machine, udpFrame(1, 2, new Uint8Array(3)));
    const listener = listen(machine);
    const before = used(machine);
    check(
      fc.property(fc.array(damaged, { minLength: 1, maxLength: 6 }), (frames) => {
        exchange(machine, ...frames);
        assert.is(box.death, undefined);
        assert.is(kernel.net.skbs.size, 0);
        // what half-open connections there are is bounded by the backlog
        assert.ok(kernel.net.sockets.size <= 7, `${kernel.net.sockets.size} sockets`);
        assert.ok(device.statistics.rxPackets > 0);
      }),
    );
    streamSocket.close(kernel, listener);
    box.run();
    assert.equal(used(machine), [before[0]! - 1, 0, 0]);
  });
}

test('segments in any order give the bytes in order', async () => {
  const machine = await createNetworkMachine(options);
  const { kernel } = machine.box;
  exchange(machine, udpFrame(1, 2, new Uint8Array(3)));
  const listener = listen(machine);
  let initial = 1;
  check(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.array(fc.tuple(fc.nat(300), fc.nat(100))),
      (bytes, pieces) => {
        initial += 100_000;
        exchange(machine, tcpFrame(HTTP, TcpFlag.syn, initial, 0));
        const connection = [...kernel.net.sockets.values()].find(({ tcp }) => tcp?.state === 'SYN_RECV')!;
        const ours = connection.tcp!.sndNxt;
        const send = (from: number, to: number): Uint8Array =>
          tcpFrame(HTTP, TcpFlag.ack, initial + 1 + from, ours, bytes.subarray(from, to));
        exchange(
          machine,
          ...pieces.map(([from, length]) => send(Math.min(from, bytes.length), from + length)),
          send(0, bytes.length),
        );
        const child = streamSocket.accept(kernel, listener)!;
        assert.equal(streamSocket.receive(kernel, child, 1000)!.bytes, bytes);
        streamSocket.close(kernel, child); // with bytes that were not read: a reset
        assert.is(kernel.net.sockets.size, 1);
        exchange(machine);
      },
    ),
  );
});

test('netlink messages of any bytes get an answer or an errno', async () => {
  const { box } = await createNetworkMachine(options);
  const { kernel } = box;
  const task = { fileTable: 0 } as never;
  const message = fc
    .record({ type: fc.integer({ min: 14, max: 50 }), flags: fc.nat(0xfff), payload: fc.uint8Array({ maxLength: 80 }) })
    .map(({ type, flags, payload }) => encodeMessage({ type, flags, payload, sequence: 1, port: 0 }));
  const socket = createSocket(kernel, 16, 3, 0);
  check(
    fc.property(fc.oneof(message, fc.uint8Array({ maxLength: 100 })), fc.nat(1), (bytes, ifindex) => {
      if (bytes.length > 24) bytes.set([ifindex, 0, 0, 0], 20);
      try {
        netlinkSocket.send(kernel, task, socket, { bytes, to: undefined });
        while (netlinkSocket.receive(kernel, socket, 4096) !== undefined) netlinkSocket.consume(kernel, socket, 0);
      } catch (error) {
        assert.instance(error, Errno);
      }
      assert.is(socket.receivedBytes, 0);
    }),
  );
});

test('captures as files and back', () => {
  const packet = fc.record(
    { time: fc.nat(4_000_000_000).map((time) => time * 1000 + 7), bytes: fc.uint8Array({ maxLength: 100 }) },
    { noNullPrototype: true },
  );
  check(
    fc.property(fc.array(packet, { maxLength: 5 }), (packets) => {
      assert.equal(readPcap(writePcap(packets)), packets);
    }),
  );
  check(
    fc.property(
      fc.array(packet, { maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255))),
      fc.nat(120),
      (packets, changes, cut) => {
        const file = writePcap(packets).slice(0, 24 + cut);
        for (const [at, value] of changes) if (at < file.length) file[at] = value;
        try {
          readPcap(file);
        } catch (error) {
          assert.instance(error, PcapError);
        }
      },
    ),
  );
  assert.throws(() => readPcap(Uint8Array.of(1, 2, 3)), /pcap header: got 3 bytes, expected 24 or more/);
  const big = writePcap([]);
  new DataView(big.buffer).setUint32(0, 0xa1b2_c3d4);
  assert.throws(() => readPcap(big), /pcap version: got 512\.1024/);
});

test('a pair inside the box: what one end sends the other receives', async () => {
  const pair = { name: 'veth0', peer: 'veth1', peerAddress: '10.0.0.1/24' };
  const machine = await createNetworkMachine({ network: { veth: [pair] } });
  const { kernel, network } = machine.box;
  assert.equal(network.devices, ['lo', 'veth0', 'veth1']);
  assert.is(network.device('veth1').address, '10.0.0.1/24');
  network.device('veth0').attachXdp(machine.program('xdp_look'), { mode: 'drv' });
  const socket = createSocket(kernel, 2, 2, 17);
  const to = writeInet({ address: OUTSIDE.address, port: 9 });
  network.device('veth1').addNeighbour('10.0.0.9', network.device('veth0').mac);
  datagramSocket.send(kernel, undefined as never, socket, { bytes: new Uint8Array(5), to });
  machine.box.run();
  const [out, into] = [network.device('veth1').statistics, network.device('veth0').statistics];
  assert.equal([out.txPackets, into.rxPackets, into.xdpPassed, into.rxDropped], [1, 1, 1, 1]);
  // the other end is down: nothing leaves
  network.device('veth0').configure({ up: false });
  datagramSocket.send(kernel, undefined as never, socket, { bytes: new Uint8Array(5), to });
  machine.box.run();
  assert.is(network.device('veth1').statistics.txDropped, 1);
  assert.throws(() => network.addVeth({ name: 'veth0' }), /EEXIST/);
  assert.throws(() => network.addVeth({ name: 'x', address: '10.0.0.1' }), /expected an address and a prefix/);
  assert.throws(() => network.addVeth({ name: 'x', mac: '01:00:00:00:00:00' }), /unicast MAC/);
  assert.throws(() => network.addVeth({ name: 'a name' }), /EINVAL/);
});

test('a capture is played back', async () => {
  const machine = await createNetworkMachine(options);
  const device = machine.box.network.device('veth0');
  const file = writePcap([1, 2, 3].map((port) => ({ time: port, bytes: udpFrame(port, 9, Uint8Array.of(port)) })));
  device.startCapture();
  assert.is(device.injectPcap(file), 3);
  assert.is(exchange(machine).length, 3);
  const packets = readPcap(device.stopCapture());
  assert.is(packets.length, 6);
  assert.equal(
    packets.slice(0, 3).map(({ bytes }) => bytes),
    readPcap(file).map(({ bytes }) => bytes),
  );
});

test.run();

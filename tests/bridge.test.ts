// The bridge: plain servers and clients of the host on both sides of a relay that runs in the box.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box } from '../box/box.ts';
import { BoxError } from '../box/errors.ts';
import { readHostFile } from '../box/host-files.ts';
import { openBridge, type Bridge, type BridgeOptions } from '../box/bridge/index.ts';
import { createOutside, type Outside } from '../box/bridge/outside.ts';
import { createStatistics } from '../box/bridge/statistics.ts';
import { delivered, type StreamEnd, type StreamOwner } from '../box/bridge/stream.ts';
import {
  ETH_P_ARP,
  ETH_P_IP,
  ethernetFrame,
  IPPROTO_TCP,
  IPPROTO_UDP,
  ipv4Packet,
  readIpv4,
  readTcp,
  tcpSegment,
  TcpFlag,
  udpDatagram,
} from '../kernel/net/packet.ts';
import { freePort, LOOPBACK, within } from './support/loopback.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 20_000 : 500));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
/** the relay's */
const PORT = 7000;
const wire = { name: 'eth0', address: '10.0.0.2/24' } as const;
const relayFile = readHostFile(new URL('../samples/support/relay', import.meta.url));

interface Machine {
  readonly box: Box;
  readonly bridge: Bridge;
  /** port of the host that leads into the box */
  readonly tcp: number;
  readonly udp: number;
}

/** A box with a relay behind a bridge whose outside forwards to `server`; `body` runs beside it. */
async function withRelay(server: { tcp?: number; udp?: number }, body: (machine: Machine) => Promise<void>) {
  const box = await Box.boot({ network: { veth: [wire] }, recordSyscalls: false });
  box.files.write('/relay', relayFile);
  box.spawn('/relay', [`${PORT}`, '10.0.0.1']);
  const forward: NonNullable<BridgeOptions['forward']>[number][] = [];
  if (server.tcp !== undefined) forward.push({ protocol: 'tcp', port: PORT, hostPort: server.tcp });
  if (server.udp !== undefined) forward.push({ protocol: 'udp', port: PORT, hostPort: server.udp });
  const bridge = await openBridge(box, {
    device: 'eth0',
    address: '10.0.0.1',
    forward,
    listen: [
      { protocol: 'tcp', hostPort: 0, boxPort: PORT },
      { protocol: 'udp', hostPort: 0, boxPort: PORT },
    ],
  });
  const [tcp, udp] = bridge.listening.map(({ hostPort }) => hostPort);
  const running = bridge.run();
  try {
    const early = running.then(({ reason }) => assert.unreachable(`the run ended: ${reason}`));
    await Promise.race([body({ box, bridge, tcp: tcp!, udp: udp! }), early]);
  } finally {
    bridge.close();
  }
  assert.equal(await within('the end of the run', running), { reason: 'closed' });
}

async function tcpServer(serve: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function datagramSocket(): Promise<DatagramSocket> {
  const socket = createSocket('udp4');
  socket.bind(0, LOOPBACK);
  await once(socket, 'listening');
  return socket;
}

const pattern = (size: number, salt: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, n) => n * 7 + (n >> 8) + salt);

/** Sends `bytes` and a FIN; everything that comes back. */
async function exchange(port: number, bytes: Uint8Array): Promise<Uint8Array> {
  const socket = connect({ port, host: LOOPBACK, allowHalfOpen: true });
  const chunks: Uint8Array[] = [];
  socket.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  socket.end(bytes);
  await within('the end of the echo', once(socket, 'end'));
  return new Uint8Array(Buffer.concat(chunks));
}

test('TCP through the box: large transfers at once, half-closed connections', async () => {
  const { server, port } = await tcpServer((socket) => socket.pipe(socket));
  await withRelay({ tcp: port }, async ({ bridge, tcp }) => {
    const sent = [pattern(150_000, 1), pattern(70_000, 2), pattern(1, 3), pattern(0, 4)];
    const got = await Promise.all(sent.map((bytes) => exchange(tcp, bytes)));
    got.forEach((bytes, n) => assert.ok(Buffer.compare(bytes, sent[n]!) === 0, `transfer ${n}: ${bytes.length} bytes`));
    const { connectionsToBox, connectionsFromBox, connectionsBroken, bytesToBox, bytesFromBox } = bridge.statistics;
    assert.equal([connectionsToBox, connectionsFromBox, connectionsBroken], [4, 4, 0]);
    assert.equal([bytesToBox, bytesFromBox], [440_002, 440_002]);
  });
  server.close();
});

test('TCP: refused and broken connections are that on the other side too', async () => {
  const refusing = await freePort();
  await withRelay({ tcp: refusing }, async ({ bridge, tcp }) => {
    const socket = connect({ port: tcp, host: LOOPBACK });
    const [error] = (await within('the reset', once(socket, 'error'))) as [NodeJS.ErrnoException];
    assert.is(error.code, 'ECONNRESET');
    assert.ok(bridge.statistics.connectionsBroken > 0);
  });
  let served: ((socket: Socket) => void) | undefined;
  const arrived = new Promise<Socket>((resolve) => (served = resolve));
  const { server, port } = await tcpServer((socket) => served!(socket));
  await withRelay({ tcp: port }, async ({ tcp }) => {
    const socket = connect({ port: tcp, host: LOOPBACK });
    socket.on('error', () => {});
    socket.write('x');
    const peer = await within('the connection', arrived);
    const [bytes] = (await within('its byte', once(peer, 'data'))) as [Uint8Array];
    assert.equal([...bytes], [120]);
    socket.resetAndDestroy();
    await within('the end of the other side', new Promise<void>((resolve) => peer.on('close', () => resolve())));
  });
  server.close();
});

test('TCP: what a device that is down has lost is sent again', async () => {
  const { server, port } = await tcpServer((socket) => socket.pipe(socket));
  await withRelay({ tcp: port }, async ({ box, bridge, tcp }) => {
    const device = box.network.device('eth0');
    device.configure({ up: false });
    const sent = pattern(20_000, 6);
    const echo = exchange(tcp, sent);
    for (let n = 0; n < 1_000_000 && bridge.statistics.framesDropped === 0; n++)
      await new Promise((resolve) => setImmediate(resolve));
    assert.is.not(bridge.statistics.framesDropped, 0);
    device.configure({ up: true });
    assert.ok(Buffer.compare(await echo, sent) === 0);
  });
  server.close();
});

test('nobody listens in the box: a reset', async () => {
  const box = await Box.boot({ network: { veth: [wire] } });
  const bridge = await openBridge(box, {
    device: 'eth0',
    address: '10.0.0.1',
    listen: [{ protocol: 'tcp', hostPort: 0, boxPort: 9 }],
  });
  const stop = new AbortController();
  const running = bridge.run({ signal: stop.signal });
  const socket = connect({ port: bridge.listening[0]!.hostPort, host: LOOPBACK });
  const [error] = (await within('the reset', once(socket, 'error'))) as [NodeJS.ErrnoException];
  assert.is(error.code, 'ECONNRESET');
  stop.abort();
  assert.equal(await within('the end of the run', running), { reason: 'stopped' });
  bridge.close();
});

test('UDP: every client gets its own answers; what is larger than a packet is lost', async () => {
  const server = await datagramSocket();
  server.on('message', (bytes, from) => server.send(Buffer.concat([Buffer.from('re:'), bytes]), from.port, LOOPBACK));
  await withRelay({ udp: server.address().port }, async ({ bridge, udp }) => {
    const clients = await Promise.all([datagramSocket(), datagramSocket(), datagramSocket()]);
    for (let n = 0; n < 5; n++) {
      const answers = clients.map((client) => within('an answer', once(client, 'message')));
      clients.forEach((client, who) => client.send(`${who}/${n}`, udp, LOOPBACK));
      const texts = (await Promise.all(answers)).map(([bytes]) => String(bytes));
      assert.equal(
        texts,
        ['re:0/0', 're:1/0', 're:2/0'].map((text) => text.replace('/0', `/${n}`)),
      );
    }
    assert.is(bridge.statistics.datagramsDropped, 0);
    const last = within('an answer', once(clients[0]!, 'message'));
    clients[0]!.send(new Uint8Array(1473), udp, LOOPBACK);
    clients[0]!.send('after', udp, LOOPBACK);
    assert.is(String((await last)[0]), 're:after');
    assert.is(bridge.statistics.datagramsDropped, 1);
    for (const client of clients) client.close();
  });
  server.close();
});

test('a run ends with its process; guest time goes on while it sleeps', async () => {
  const box = await Box.boot({ network: { veth: [wire] } });
  box.files.write('/relay', relayFile);
  const process = box.spawn('/relay', []);
  const bridge = await openBridge(box, { device: 'eth0', address: '10.0.0.1' });
  const { reason, exitCode } = await within('the exit', bridge.run({ until: process }));
  assert.equal([reason, exitCode], ['exited', 2]);
  const before = box.kernel.roundStart;
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 30);
  assert.equal(await bridge.run({ signal: stop.signal }), { reason: 'stopped' });
  const passed = box.kernel.roundStart - before;
  assert.ok(passed >= 20e6 && passed < 10e9, `${passed} ns`);
  bridge.close();
  assert.equal(await bridge.run(), { reason: 'closed' });
});

test("only the bridge knows the host's network, and only who asks for it loads it", () => {
  const root = new URL('../', import.meta.url);
  const sources = ['box', 'command', 'cpu', 'kernel', 'toolchain']
    .flatMap((folder) =>
      readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`),
    )
    .concat('index.ts', 'run-sample.ts')
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file, readFileSync(new URL(file, root), 'utf8')] as const);
  const filesWith = (pattern: RegExp): string[] =>
    sources.filter(([, text]) => pattern.test(text)).map(([file]) => file);
  assert.equal(filesWith(/'node:(net|dgram|http|https|tls|dns|http2)'/).sort(), [
    'box/bridge/host-tcp.ts',
    'box/bridge/host-udp.ts',
  ]);
  assert.equal(
    filesWith(/^import .*bridge\/|^} from .*bridge\//m).filter((file) => !file.startsWith('box/bridge/')),
    ['command/bridge.ts'],
  );
  assert.equal(filesWith(/from '\.\/bridge\.ts'/), []);
});

test('what a caller can get wrong is said', async () => {
  const box = await Box.boot({ network: { veth: [wire, { name: 'bare' }] } });
  const used = await datagramSocket();
  const cases: readonly (readonly [BridgeOptions, RegExp])[] = [
    [{ device: 'eth7', address: '10.0.0.1' }, /no device "eth7"/],
    [{ device: 'bare', address: '10.0.0.1' }, /no IPv4 address/],
    [{ device: 'eth0', address: '10.0.1.1' }, /got "10.0.1.1", expected another IPv4 address .* 10.0.0.2\/24/],
    [{ device: 'eth0', address: '10.0.0.2' }, /expected another IPv4 address/],
    [{ device: 'eth0', address: '10.0.0.1', mac: '03:00:00:00:00:01' }, /unicast MAC/],
    [
      { device: 'eth0', address: '10.0.0.1', forward: [{ protocol: 'tcp', port: 0, hostPort: 1 }] },
      /got 0, expected a whole number from 1 to 65535/,
    ],
    [
      {
        device: 'eth0',
        address: '10.0.0.1',
        listen: [{ protocol: 'udp', hostPort: used.address().port, boxPort: 1 }],
      },
      /cannot listen on udp 127.0.0.1:\d+: .*EADDRINUSE/,
    ],
  ];
  for (const [options, message] of cases) {
    const error = await openBridge(box, options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.instance(error, BoxError);
    assert.match((error as Error).message, message);
  }
  used.close();
});

// The outside by itself.

const outsideParty = { mac: Uint8Array.of(2, 0, 0, 0, 0, 1), address: 0x0a00_0001 };
const boxParty = { mac: Uint8Array.of(2, 0, 0, 0, 0, 2), address: 0x0a00_0002 };

function createBareOutside(clock = { time: 0 }): { outside: Outside; statistics: ReturnType<typeof createStatistics> } {
  const statistics = createStatistics();
  const now = (): number => clock.time;
  return { outside: createOutside({ outside: outsideParty, box: boxParty, mtu: 1500, statistics, now }), statistics };
}

/** The TCP segments that the outside has sent, oldest first. */
const segmentsOf = ({ outgoing }: Outside) =>
  outgoing.splice(0).flatMap((frame) => {
    const packet = readIpv4(frame.subarray(14));
    const segment = packet === undefined ? undefined : readTcp(packet, false);
    return segment === undefined ? [] : [segment];
  });

const fromBox = (protocol: number, payload: Uint8Array): Uint8Array =>
  ethernetFrame(
    { destination: outsideParty.mac, source: boxParty.mac, protocol: ETH_P_IP },
    ipv4Packet(boxParty.address, outsideParty.address, protocol, payload, 1),
  );

function listener(ends: StreamEnd[], bytes: number[] = []): StreamOwner {
  return {
    connected() {},
    received: (more) => void bytes.push(...more),
    ended() {},
    drained() {},
    closed: (end) => void ends.push(end),
  };
}

test('a SYN that is not answered is sent again, later each time, until it is enough', () => {
  const clock = { time: 0 };
  const { outside } = createBareOutside(clock);
  const ends: StreamEnd[] = [];
  outside.connect(80, listener(ends));
  const times: number[] = [];
  for (let n = 0; n < 100 && ends.length === 0; n++) {
    clock.time = outside.deadline()!;
    times.push(clock.time / 1e6);
    outside.expire();
  }
  assert.equal(times.slice(0, 4), [200, 600, 1400, 3000]);
  assert.equal(ends, ['timeout']);
  const flags = segmentsOf(outside).map((segment) => segment.flags);
  assert.equal(flags, [...Array.from({ length: 9 }, () => TcpFlag.syn), TcpFlag.rst | TcpFlag.ack]);
  assert.is(outside.deadline(), undefined);
});

test('segments twice, too early, beyond the window, and from strangers', () => {
  const { outside } = createBareOutside();
  const ends: StreamEnd[] = [];
  const bytes: number[] = [];
  outside.connect(80, listener(ends, bytes));
  const [syn] = segmentsOf(outside);
  const segment = (flags: number, seq: number, payload: number[] = [], port = syn!.source): void =>
    outside.receive(
      fromBox(
        IPPROTO_TCP,
        tcpSegment(boxParty.address, outsideParty.address, {
          source: 80,
          destination: port,
          seq,
          ack: syn!.seq + 1,
          flags,
          window: 1000,
          mss: undefined,
          payload: Uint8Array.from(payload),
        }),
      ),
    );
  segment(TcpFlag.syn | TcpFlag.ack, 0xffff_fffe);
  segment(TcpFlag.ack, 0xffff_ffff, [1, 2]);
  segment(TcpFlag.ack, 0xffff_ffff, [1, 2]);
  segment(TcpFlag.ack, 5, [9]);
  segment(TcpFlag.ack, 0, [2, 3]);
  segment(TcpFlag.rst | TcpFlag.ack, 77);
  assert.equal(bytes, [1, 2, 3]);
  assert.equal(
    segmentsOf(outside).map(({ ack }) => ack),
    [0xffff_ffff, 1, 1, 1, 2],
  );
  segment(TcpFlag.ack, 1, [4], 999);
  assert.equal(
    segmentsOf(outside).map(({ flags, destination }) => [flags, destination]),
    [[TcpFlag.rst, 80]],
  );
  assert.equal(ends, []);
  segment(TcpFlag.rst | TcpFlag.ack, 2);
  assert.equal(ends, ['reset']);
});

test('the window closes before an owner who does not pass on, and opens again', () => {
  const { outside } = createBareOutside();
  const stream = outside.connect(80, listener([]))!;
  const [syn] = segmentsOf(outside);
  let seq = 100;
  const send = (flags: number, payload: Uint8Array): void => {
    const ports = { source: 80, destination: syn!.source };
    const fields = { seq, ack: syn!.seq + 1, flags, window: 1000, mss: 1460, payload };
    outside.receive(fromBox(IPPROTO_TCP, tcpSegment(boxParty.address, outsideParty.address, { ...ports, ...fields })));
    seq += payload.length + Number((flags & TcpFlag.syn) !== 0);
  };
  send(TcpFlag.syn | TcpFlag.ack, new Uint8Array(0));
  for (let n = 0; n < 45; n++) send(TcpFlag.ack, new Uint8Array(1456));
  send(TcpFlag.ack, new Uint8Array(15));
  assert.is(segmentsOf(outside).at(-1)!.window, 0);
  send(TcpFlag.ack, new Uint8Array(1));
  assert.is(segmentsOf(outside).at(-1)!.ack, seq - 1);
  delivered(outside, stream, 60_000);
  assert.equal(
    segmentsOf(outside).map(({ window, ack }) => [window, ack]),
    [[60_000, seq - 1]],
  );
  assert.is(stream.undelivered, 5535);
});

test('no frame upsets the outside', () => {
  const ports = fc.constantFrom(7, 80, 40_000);
  const flags = fc.integer({ min: 0, max: 63 });
  const sequence = fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 0, max: 0xffff_ffff }));
  const payload = fc.uint8Array({ maxLength: 40 });
  const frames = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc
      .uint8Array({ maxLength: 60 })
      .map((bytes) =>
        ethernetFrame({ destination: outsideParty.mac, source: boxParty.mac, protocol: ETH_P_ARP }, bytes),
      ),
    fc.tuple(fc.integer({ min: 0, max: 255 }), payload).map(([protocol, bytes]) => fromBox(protocol, bytes)),
    fc
      .tuple(ports, ports, payload)
      .map(([from, to, bytes]) =>
        fromBox(
          IPPROTO_UDP,
          udpDatagram({ address: boxParty.address, port: from }, { address: outsideParty.address, port: to }, bytes),
        ),
      ),
    fc
      .record({ source: ports, destination: ports, seq: sequence, ack: sequence, flags, window: sequence, payload })
      .map((fields) => {
        const { window, ...rest } = fields;
        const segment = { ...rest, window: window & 0xffff, mss: (window & 1) === 0 ? undefined : window & 0xffff };
        return fromBox(IPPROTO_TCP, tcpSegment(boxParty.address, outsideParty.address, segment));
      }),
  );
  const property = fc.property(fc.array(frames, { maxLength: 40 }), (all) => {
    const clock = { time: 0 };
    const { outside, statistics } = createBareOutside(clock);
    outside.services.udp.set(7, { datagram: () => {} });
    outside.services.tcp.set(7, { connection: () => listener([]) });
    outside.services.tcp.set(80, { connection: () => undefined });
    outside.connect(80, listener([]));
    for (const frame of all) {
      outside.receive(frame);
      clock.time += 100_000_000;
      outside.expire();
    }
    assert.is(statistics.framesFromBox, all.length);
    assert.ok(outside.outgoing.length <= 4 * all.length + 20, `${outside.outgoing.length} frames`);
  });
  const result = fc.check(property, { numRuns: RUNS, ...seed });
  if (!result.failed) return;
  const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/run-file.ts tests/bridge.test.ts`;
  throw new Error(`${fc.defaultReportMessage(result)}\n${replay}`);
});

test.run();

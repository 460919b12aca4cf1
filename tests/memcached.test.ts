// Debian's memcached on this host, behind BMC in a box: see samples/bmc/README.md.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startBridged } from '../command/bridge.ts';
import { readJob } from '../command/job.ts';
import { readCommandLine } from '../command/options.ts';
import { freePort, LOOPBACK, within } from './support/loopback.ts';

const FRAME_HEADER = 8;

function isInstalled(): boolean {
  try {
    return execFileSync('memcached', ['-V'], { encoding: 'utf8' }).startsWith('memcached ');
  } catch {
    return false;
  }
}

/** A connection to `port` once somebody listens there. */
async function reach(port: number): Promise<Socket> {
  for (let attempts = 0; attempts < 200; attempts++) {
    const socket = connect({ port, host: LOOPBACK });
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (connected) return socket;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nobody listens on port ${port}`);
}

/** The text protocol over TCP: a command, and its answer up to `end`. */
function createText(socket: Socket) {
  let text = '';
  let look = (): void => {};
  socket.on('error', () => {});
  socket.on('data', (bytes: Uint8Array) => {
    text += Buffer.from(bytes).toString('latin1');
    look();
  });
  return async (command: string, end: string): Promise<string> => {
    text = '';
    const answer = new Promise<string>((resolve) => {
      look = () => {
        if (text.endsWith(end)) resolve(text);
      };
    });
    socket.write(command, 'latin1');
    return within(JSON.stringify(command), answer);
  };
}

/** A request over UDP; its answer, whose header must have the request's number. */
async function request(socket: DatagramSocket, port: number, id: number, command: string): Promise<string> {
  const header = Uint8Array.of(id >> 8, id & 0xff, 0, 0, 0, 1, 0, 0);
  const answer = within(JSON.stringify(command), once(socket, 'message'));
  socket.send(Buffer.concat([header, Buffer.from(command, 'latin1')]), port, LOOPBACK);
  const [bytes] = (await answer) as [Buffer];
  assert.equal([...bytes.subarray(0, FRAME_HEADER)], [...header]);
  return bytes.subarray(FRAME_HEADER).toString('latin1');
}

/** `cmd_get` … of the server's own statistics. */
async function statistic(server: ReturnType<typeof createText>, name: string): Promise<number> {
  const text = await server('stats\r\n', 'END\r\n');
  return Number(new RegExp(`^STAT ${name} (\\d+)\r$`, 'm').exec(text)?.[1]);
}

/** A running server; ends with `body`. */
async function withMemcached(body: (port: number) => Promise<void>): Promise<void> {
  const port = await freePort();
  const args = ['-l', LOOPBACK, '-p', `${port}`, '-U', `${port}`, '-m', '16', '-t', '1'];
  // it does not run as root without a user's name
  if (process.getuid?.() === 0) args.push('-u', 'nobody');
  const server: ChildProcess = spawn('memcached', args, { stdio: 'ignore' });
  const ended = once(server, 'exit');
  try {
    await body(port);
  } finally {
    server.kill('SIGKILL');
    await ended;
  }
}

const get = (key: string, value: string): string => `VALUE ${key} 5 ${value.length}\r\n${value}\r\nEND\r\n`;
const set = (key: string, value: string): string => `set ${key} 5 0 ${value.length}\r\n${value}\r\n`;

async function serveThroughBox(serverPort: number): Promise<void> {
  const direct = createText(await reach(serverPort));
  const line = readCommandLine(['--bridge', '0', 'bmc']);
  const { box, first, bridge } = await startBridged(readJob('bmc', line), line.options, {
    client: 0,
    server: serverPort,
  });
  const running = bridge.run({ until: first });
  const [tcp, udp] = bridge.listening.map(({ hostPort }) => hostPort);
  const socket = createSocket('udp4');
  try {
    const through = createText(await reach(tcp!));
    let id = 0;
    const ask = (key: string): Promise<string> => request(socket, udp!, ++id, `get ${key}\r\n`);
    const asked = (): Promise<number> => statistic(direct, 'cmd_get');

    assert.match(await through('version\r\n', '\r\n'), /^VERSION \d/);
    const large = 'x'.repeat(900);
    assert.is(await through(set('one', 'first'), '\r\n'), 'STORED\r\n');
    assert.is(await through(set('two', large), '\r\n'), 'STORED\r\n');
    assert.is(await direct('get one\r\n', 'END\r\n'), get('one', 'first'));

    const before = await asked();
    assert.is(await ask('one'), get('one', 'first'), 'a miss');
    assert.is(await ask('two'), get('two', large), 'a miss');
    assert.is(await ask('none'), 'END\r\n', 'nothing to cache');
    assert.is(await asked(), before + 3);
    for (let n = 0; n < 5; n++) {
      assert.is(await ask('one'), get('one', 'first'), 'a hit');
      assert.is(await ask('two'), get('two', large), 'a hit');
    }
    assert.is(await asked(), before + 3, 'the server has not seen the hits');

    assert.is(await through(set('one', 'second'), '\r\n'), 'STORED\r\n');
    assert.is(await ask('one'), get('one', 'second'), 'invalidated: a miss');
    assert.is(await asked(), before + 4);
    assert.is(await ask('one'), get('one', 'second'), 'a hit again');
    assert.is(await asked(), before + 4);

    box.signal(first, 'SIGINT');
    bridge.wake();
    const { reason, exitCode } = await within("the loader's end", running);
    assert.equal([reason, exitCode], ['exited', 0]);
    const counts = Object.fromEntries(
      new TextDecoder()
        .decode(box.files.read('/tmp/rust_bmc_stats.txt'))
        .trim()
        .split('\n')
        .map((each) => each.split(' ').slice(1)),
    ) as Record<string, string>;
    assert.is(counts['get_recv_count'], '15');
    assert.is(counts['hit_count'], '11');
    assert.is(counts['miss_count'], '4');
    assert.is(counts['set_recv_count'], '3');
    assert.is(counts['invalidation_count'], '1');
    assert.is(counts['update_count'], '3');
  } finally {
    socket.close();
    bridge.close();
  }
}

/** xorshift32 */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Sets and gets one after the other: every answer is what was set last, whoever gives it. */
async function workload(serverPort: number): Promise<void> {
  const seed = Number(process.env['SEED'] ?? 1);
  const requests = process.env['TEST_TIER'] === 'slow' ? 5000 : 200;
  const random = createRandom(seed);
  const line = readCommandLine(['--bridge', '0', 'bmc']);
  const ports = { client: 0, server: serverPort };
  const { box, first, bridge } = await startBridged(readJob('bmc', line), line.options, ports);
  const running = bridge.run({ until: first });
  const [tcp, udp] = bridge.listening.map(({ hostPort }) => hostPort);
  const socket = createSocket('udp4');
  try {
    const through = createText(await reach(tcp!));
    const values = new Map<string, string>();
    for (let n = 0; n < requests; n++) {
      const key = `key-${random(10)}`;
      if (random(4) === 0) {
        const value = `${n}`.repeat(1 + random(200));
        assert.is(await through(set(key, value), '\r\n'), 'STORED\r\n');
        values.set(key, value);
      } else {
        const value = values.get(key);
        const expected = value === undefined ? 'END\r\n' : get(key, value);
        const answer = await request(socket, udp!, n & 0xffff, `get ${key}\r\n`);
        assert.is(answer, expected, `SEED=${seed}, request ${n}`);
      }
    }
    box.signal(first, 'SIGINT');
    bridge.wake();
    assert.is((await within("the loader's end", running)).exitCode, 0);
  } finally {
    socket.close();
    bridge.close();
  }
}

const name = 'a real memcached behind BMC: misses pass, hits do not, sets invalidate';
if (isInstalled()) {
  test(name, () => withMemcached(serveThroughBox));
  test('sets and gets, by chance', () => withMemcached(workload));
} else {
  console.log('skipped: no memcached');
  test.skip(name, () => {});
}

test.run();

/** The samples' images, entered without their loaders: what they print and leave in their maps. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import * as structures from '../kernel/layout/structures.ts';
import {
  bytesAt,
  enterProgram,
  loadExtension,
  logOf,
  place,
  printed,
  put,
  type LoadedExtension,
} from './support/rex-entry.ts';
import { be16, ETHERNET, packet, paxos, receive, tc, xdp } from './support/rex-packets.ts';

const load = (name: string): LoadedExtension =>
  loadExtension(new Uint8Array(readFileSync(new URL(`../samples/${name}/${name}.rex`, import.meta.url))));

const record = (loaded: LoadedExtension, ...words: readonly number[]): bigint =>
  place(loaded, new Uint8Array(BigInt64Array.from([0, ...words].map(BigInt)).buffer));
/** sys_enter_dup with file descriptor 1 */
const dup = (loaded: LoadedExtension): bigint => record(loaded, 32, 1);
const regs = (loaded: LoadedExtension, values: Readonly<Record<string, bigint | number>> = {}): bigint =>
  put(loaded, structures.pt_regs, values);
const pidOf = ({ machine }: LoadedExtension): number => machine.tasks[0]!.pid;
const matches = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;

test('hello', () => {
  const loaded = load('hello');
  for (let n = 0; n < 2; n++) assert.is(enterProgram(loaded, 'rex_prog1', dup(loaded)), 0);
  const line = `[hello::rex_prog1] Rust triggered from PID ${pidOf(loaded)} on CPU 0.\n`;
  assert.is(printed(loaded), line.repeat(2));
});

test('map_test', () => {
  const loaded = load('map_test');
  assert.is(enterProgram(loaded, 'rex_prog1', dup(loaded)), 0);
  const pid = pidOf(loaded);
  const lines = printed(loaded).replaceAll(/\[map_test::\w+\] /g, '');
  assert.is(
    lines,
    `Map Testing 1 Start with key 0\nNot found.\nRust program triggered from PID ${pid}\nMap Updated\nFound Val=${pid}.\n` +
      `Map delete key\nNot found.\nArray Map Testing Start\nRust program triggered from PID ${pid}\nMap Updated\nFound Val=${pid}.\n`,
  );
});

test('map_test_2', () => {
  const loaded = load('map_test_2');
  assert.is(enterProgram(loaded, 'rex_prog1', dup(loaded)), 0);
  const [pid, text] = [pidOf(loaded), printed(loaded)];
  assert.is(matches(text, /Map Testing 1 Start with key 0/g), 1);
  assert.is(matches(text, new RegExp(`Rust program triggered from PID ${pid}\n`, 'g')), 5);
  assert.is(matches(text, new RegExp(`Found Val=${pid}\\.`, 'g')), 2);
  for (const line of [
    `Top of stack: ${pid + 1}.`,
    `Next top of stack: ${pid}.`,
    `Front of queue: ${pid}.`,
    `Next front of queue: ${pid + 1}.`,
    'Available bytes in ringbuf: 0\n',
    'Available bytes in ringbuf: 16\n',
  ]) {
    assert.is(text.split(line).length, 2, line);
  }
});

test('map_test_2: what nobody takes out fills the maps', () => {
  const loaded = load('map_test_2');
  for (let n = 0; n < 255; n++) enterProgram(loaded, 'rex_prog1', dup(loaded));
  assert.is(matches(printed(loaded), /Unable to reserve ringbuf/g), 0);
  enterProgram(loaded, 'rex_prog1', dup(loaded));
  assert.match(printed(loaded), /Unable to reserve ringbuf\.\n\S+ map_test2 failed with 0\.\n/);
});

test('syscall_tp', () => {
  const loaded = load('syscall_tp');
  enterProgram(loaded, 'trace_enter_open', record(loaded, 2, 0, 0, 0));
  enterProgram(loaded, 'trace_enter_open_at', record(loaded, 257, 0, 0, 0, 0));
  enterProgram(loaded, 'trace_enter_exit_at', record(loaded, 257, 3));
  assert.is(loaded.extension.map('enter_open_map').lookupNumber(0), 2n);
  assert.is(loaded.extension.map('exit_open_map').lookupNumber(0), 1n);
});

test('spinlock_test: the second holder panics and the lock is free', () => {
  const loaded = load('spinlock_test');
  for (let n = 0; n < 2; n++) assert.is(enterProgram(loaded, 'rex_prog1', dup(loaded)), 0);
  assert.is(matches(logOf(loaded), /rex: panicked at samples\/spinlock_test\/main\.rs:\d+:\d+:\ntest\n/g), 2);
  // data, then the lock word
  assert.equal(loaded.extension.map('MAP_ARRAY').lookup(0), Uint8Array.of(1, ...Array<number>(15).fill(0)));
});

test('mp4', () => {
  const loaded = load('mp4');
  const { extension, machine } = loaded;
  const context = regs(loaded, { ax: 1, ip: 2 });
  extension.map('target_errno').update(0, -22n);
  extension.map('target_pid').update(0, pidOf(loaded) + 1);
  enterProgram(loaded, 'err_injector', context);
  assert.equal(bytesAt(loaded, context, structures.pt_regs.size), bytesAt(loaded, regs(loaded, { ax: 1, ip: 2 }), 168));
  extension.map('target_pid').update(0, pidOf(loaded));
  enterProgram(loaded, 'err_injector', context);
  const overridden = regs(loaded, { ax: -22n, ip: machine.address('just_return_func') });
  assert.equal(bytesAt(loaded, context, 168), bytesAt(loaded, overridden, 168));
});

for (const [name, line] of [
  ['atomic', /^\[atomic::rex_prog1\] Time elapsed: \d+ \d+\n$/],
  ['map_bench', /^\[map_bench::bench\S*\] Time elapsed: \d+ \d+\n$/],
  ['startup_overhead_benchmark', /^$/],
] as const) {
  test(name, () => {
    const loaded = load(name);
    assert.is(enterProgram(loaded, 'rex_prog1', regs(loaded)), 0);
    assert.match(printed(loaded), line);
  });
}

test('recursive: 32 calls deep, and too deep', () => {
  const loaded = load('recursive');
  assert.is(enterProgram(loaded, 'rex_prog1', regs(loaded, { di: 32 })), 0);
  assert.match(printed(loaded), /^\[recursive::rex_prog1\] Time: \d+\n$/);
  assert.is(enterProgram(loaded, 'rex_prog1', regs(loaded, { di: 5000 })), 0);
  assert.match(logOf(loaded), /Stack overflow in Rex program/);
});

test('syscount', () => {
  const loaded = load('syscount');
  const { extension, machine } = loaded;
  enterProgram(loaded, 'trace_sys_enter', record(loaded, 32, 1, 0, 0, 0, 0, 0));
  assert.is(extension.map('SYSCALL_START').keys().length, 1);
  enterProgram(loaded, 'trace_sys_exit', record(loaded, 32, 5));
  assert.is(extension.map('SYSCALL_ERRORS').lookupNumber(32), undefined);
  enterProgram(loaded, 'trace_sys_enter', record(loaded, 32, 1, 0, 0, 0, 0, 0));
  enterProgram(loaded, 'trace_sys_exit', record(loaded, 32, -9));
  assert.is(machine.kernel.dead, undefined);
  assert.is(extension.map('SYSCALL_COUNTS').lookupNumber(32), 2n);
  assert.is(extension.map('SYSCALL_ERRORS').lookupNumber(32), 1n);
  assert.is(extension.map('SYSCALL_START').keys().length, 0);
  assert.ok(extension.map('SYSCALL_LATENCY').lookupNumber(32)! > 0n);
});

test('tracex5', () => {
  const loaded = load('tracex5');
  const filter = (nr: number, size: number): void => {
    const args = new Uint8Array(BigUint64Array.of(3n, 0xabcn, BigInt(size), 0n, 0n, 0n).buffer);
    const data = put(loaded, structures.seccomp_data, { nr, args });
    enterProgram(loaded, 'rex_prog1', regs(loaded, { di: nr, si: data }));
  };
  for (const [nr, size] of [
    [0, 128],
    [0, 129],
    [0, 1024],
    [0, 1025],
    [1, 511],
    [1, 512],
    [9, 0],
    [102, 0],
    [124, 0],
    [125, 0],
  ] as const)
    filter(nr, size);
  assert.is(
    printed(loaded).replaceAll('[tracex5::rex_prog1] ', ''),
    'read(fd=3, buf=0xabc, size=129)\nread(fd=3, buf=0xabc, size=1024)\nwrite(fd=3, buf=0xabc, size=512)\nmmap\n' +
      'syscall=102 (one of get/set uid/pid/gid)\nsyscall=124 (one of get/set uid/pid/gid)\n',
  );
});

test('trace_event: samples that come too fast are left out', () => {
  const loaded = load('trace_event');
  const data = put(loaded, structures.perf_sample_data, { period: 9999 });
  const context = put(loaded, structures.bpf_perf_event_data_kern, { regs: regs(loaded), data });
  assert.is(enterProgram(loaded, 'rex_prog1', context), 0);
  assert.is(printed(loaded), '');
  assert.is(loaded.extension.map('counts').keys().length, 0);
});

const [XDP_PASS, XDP_TX, TC_ACT_OK, TC_ACT_SHOT] = [2, 3, 0, 2];

test('xdp_test', () => {
  const loaded = load('xdp_test');
  assert.is(xdp(loaded, 'xdp_rx_filter', packet(6, 1, 12346, '')), XDP_PASS);
  assert.is(xdp(loaded, 'xdp_rx_filter', packet(17, 1, 12345, 'x')), XDP_PASS);
  assert.is(tc(loaded, 'xdp_tx_filter', packet(17, 1, 12345, 'x')), TC_ACT_OK);
  const lines = printed(loaded)
    .replaceAll(/\[xdp_test::\w+\] /g, '')
    .split('\n');
  const addresses = ['IP saddr 1.0.0.127', 'IP daddr 2.0.0.10'];
  assert.equal(lines, [...addresses, 'TCP packet!', ...addresses, 'UDP packet!', ...addresses, 'UDP packet!', '']);
});

test('spinlock_cleanup_benchmark', () => {
  const loaded = load('spinlock_cleanup_benchmark');
  assert.is(xdp(loaded, 'rex_prog1', packet(17, 1, 2, 'x')), XDP_PASS);
  assert.match(printed(loaded), /Spinlock allocation and cleanup: \d+ ns\n/);
});

const memcached = (text: string): Uint8Array =>
  Uint8Array.of(0, 1, 0, 0, 0, 1, 0, 0, ...new TextEncoder().encode(text));
const get = (text: string): Uint8Array => packet(17, 5000, 11211, memcached(text));
const STATISTICS = [
  'get_recv',
  'set_recv',
  'get_resp',
  'hit_misprediction',
  'hit',
  'miss',
  'update',
  'invalidation',
  'debug',
];

/** The counters of CPU 0 that are not 0. */
function statistics({ extension }: LoadedExtension): Record<string, number> {
  const words = new Uint32Array(
    extension
      .map('map_stats')
      .lookup(0)!
      .slice(0, STATISTICS.length * 4).buffer,
  );
  return Object.fromEntries(STATISTICS.map((name, n) => [name, words[n]!] as const).filter(([, count]) => count > 0));
}

test('bmc: a reply that leaves fills the cache, a SET empties it', () => {
  const loaded = load('bmc');
  assert.is(xdp(loaded, 'xdp_rx_filter', get('get apple\r\n')), XDP_PASS);
  assert.equal(statistics(loaded), { get_recv: 1, miss: 1 });
  const reply = packet(17, 11211, 5000, memcached('VALUE apple 0 5\r\nhello\r\nEND\r\n'));
  assert.is(tc(loaded, 'xdp_tx_filter', reply), TC_ACT_OK);
  assert.is(tc(loaded, 'xdp_tx_filter', reply), TC_ACT_OK);
  assert.equal(statistics(loaded), { get_recv: 1, miss: 1, get_resp: 2, update: 1 });
  assert.is(xdp(loaded, 'xdp_rx_filter', packet(6, 5000, 11211, 'set apple 0 0 3\r\nbye\r\n')), XDP_PASS);
  assert.is(xdp(loaded, 'xdp_rx_filter', get('get apple\r\n')), XDP_PASS);
  assert.equal(statistics(loaded), { get_recv: 2, miss: 2, get_resp: 2, update: 1, set_recv: 1, invalidation: 1 });
});

test('bmc: a hit is answered in place', () => {
  const loaded = load('bmc');
  const text = 'VALUE apple 0 5\r\nhello\r\n';
  tc(loaded, 'xdp_tx_filter', packet(17, 11211, 5000, memcached(`${text}END\r\n`)));
  const [verdict, reply] = receive(loaded, 'xdp_rx_filter', get('get apple\r\n'));
  assert.is(verdict, XDP_TX);
  assert.equal(statistics(loaded), { get_resp: 1, update: 1, get_recv: 1, hit: 1 });
  const expected = packet(17, 11211, 5000, memcached(`${text}END\r\n`));
  // back to where it came from
  expected.set(ETHERNET.slice(6, 12), 0);
  expected.set(ETHERNET.slice(0, 6), 6);
  expected.set([10, 0, 0, 2, 127, 0, 0, 1], 26);
  expected.set(reply.subarray(24, 26), 24);
  assert.equal(reply, expected);
  const words = Array.from({ length: 10 }, (_, n) => (reply[14 + n * 2]! << 8) | reply[15 + n * 2]!);
  const sum = words.reduce((total, word) => total + word, 0);
  assert.is((sum & 0xffff) + (sum >> 16), 0xffff);
});

test('bmc: other packets pass', () => {
  const loaded = load('bmc');
  const others = [
    packet(17, 1, 53, memcached('get a\r\n')),
    get('gets a\r\n'),
    packet(17, 1, 11211, 'x'),
    packet(6, 1, 80, 'set a\r\n'),
    Uint8Array.from(ETHERNET),
    get('get \r\n'),
    get(`get ${'k'.repeat(231)}\r\n`),
  ];
  for (const bytes of others) assert.is(xdp(loaded, 'xdp_rx_filter', bytes), XDP_PASS);
  assert.is(tc(loaded, 'xdp_tx_filter', packet(17, 11211, 1, memcached('END\r\n'))), TC_ACT_OK);
  assert.equal(statistics(loaded), { get_recv: 2 });
  assert.not.match(logOf(loaded), /panicked/);
});

test('bmc: a key without an end is a panic, and the packet is dropped', () => {
  const loaded = load('bmc');
  assert.is(xdp(loaded, 'xdp_rx_filter', get('get foo')), 0);
  assert.match(
    logOf(loaded),
    /panicked at samples\/bmc\/receive\.rs:\d+:\d+:\nindex out of bounds: the len is 7 but the index is 7/,
  );
});

test('bmc: another key of the same hash is turned around as it came', () => {
  const loaded = load('bmc');
  const entry = new Uint8Array(1516);
  const fnv = [...'key'].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0, 2166136261);
  new DataView(entry.buffer).setUint32(12, fnv, true);
  entry[8] = 1;
  entry.set(new TextEncoder().encode('VALUE other 0 1\r\nx\r\n'), 16);
  loaded.extension.map('map_kcache').update(fnv % 3_250_000, entry);
  const bytes = get('get key\r\n');
  const data = place(loaded, bytes);
  const context = put(loaded, structures.xdp_buff, { data, data_end: data + BigInt(bytes.length) });
  assert.is(enterProgram(loaded, 'xdp_rx_filter', context), XDP_TX);
  assert.equal(statistics(loaded), { get_recv: 1, hit_misprediction: 1, miss: 1 });
  const turned = bytesAt(loaded, data, bytes.length);
  assert.equal([...turned.subarray(0, 6)], ETHERNET.slice(6, 12));
  assert.equal([...turned.subarray(26, 34)], [10, 0, 0, 2, 127, 0, 0, 1]);
  assert.equal([...turned.subarray(34, 38)], [...be16(11211), ...be16(5000)]);
});

const PREPARE = 'specpaxos.vr.proto.PrepareMessage';

test('electrode: messages are measured and pass', () => {
  const loaded = load('electrode');
  assert.is(xdp(loaded, 'fast_paxos_main', packet(17, 1, 12345, paxos(PREPARE))), XDP_PASS);
  assert.is(printed(loaded), '[electrode::receive::handle] type_len: 33\n');
  for (const other of [
    packet(17, 1, 12345, 'x'),
    packet(6, 1, 12345, paxos(PREPARE)),
    packet(17, 1, 1, paxos(PREPARE)),
  ]) {
    assert.is(xdp(loaded, 'fast_paxos_main', other), XDP_PASS);
  }
  assert.is(matches(printed(loaded), /type_len/g), 1);
});

test('electrode: the last copy of a broadcast gets its receiver', () => {
  const loaded = load('electrode');
  const configuration = Uint8Array.of(10, 0, 0, 9, ...be16(777), 2, 2, 2, 2, 2, 2);
  loaded.extension.map('map_configure').update(2, configuration);
  const bytes = packet(17, 1, 12345, paxos(PREPARE, 1 << 31));
  bytes[54] = 2;
  const data = place(loaded, bytes);
  const context = put(loaded, structures.sk_buff, { data, len: bytes.length });
  assert.is(enterProgram(loaded, 'fast_broad_cast_main', context), TC_ACT_OK);
  const sent = bytesAt(loaded, data, bytes.length);
  assert.equal([...sent.subarray(0, 6)], [2, 2, 2, 2, 2, 2]);
  assert.equal([...sent.subarray(30, 34)], [10, 0, 0, 9]);
  assert.equal([...sent.subarray(36, 38)], be16(777));
  assert.equal(sent.subarray(42, 42 + 45), paxos(PREPARE).subarray(0, 45));
  assert.is(tc(loaded, 'fast_broad_cast_main', packet(17, 1, 12345, paxos('x', 1 << 31))), TC_ACT_SHOT);
  assert.match(printed(loaded), /too small type_len/);
});

test.run();

/** The rex crate, by programs compiled here: contexts of every program type, and what it offers beside helpers. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pt_regs, tracepointContexts } from '../kernel/layout/structures.ts';
import * as structures from '../kernel/layout/structures.ts';
import { writeStructure } from '../kernel/layout/write-structure.ts';
import { compileRustSamples } from '../toolchain/build/build-rust.ts';
import { rustcVersion } from '../toolchain/build/cargo.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';
import { readRexObject } from '../kernel/rex-dispatcher/rex-object.ts';
import {
  bytesAt,
  enterProgram as enter,
  loadExtension as load,
  logOf,
  place,
  printed,
  put,
  type LoadedExtension,
} from './support/rex-entry.ts';
import { createRustWorkspace, removeRustWorkspace } from './support/rust-workspace.ts';

const source = (name: string) => readFileSync(new URL(`programs/rust/${name}.rs`, import.meta.url), 'utf8');
const names = ['contexts', 'utilities'];
const QUIET = 'quiet';

const seen = ({ extension }: LoadedExtension, count: number): bigint[] =>
  Array.from({ length: count }, (_, index) => extension.map('SEEN').lookupNumber(index)!);

/** A UDP packet: bytes that all differ, but for what the program looks at. */
function udpPacket(): Uint8Array {
  const packet = Uint8Array.from({ length: 60 }, (_, index) => index + 100);
  packet[23] = 17;
  packet.set([0x30, 0x39], 36);
  return packet;
}

function contextTests(form: string, image: Uint8Array): void {
  test(`${form}: sections and types`, () => {
    const programs = readRexObject(image).programs.map(({ name, section, type }) => [name, section, type]);
    const expected = [
      ['on_kprobe', 'kprobe/just_return_func', 2],
      ['on_uprobe', 'uprobe//bin/true:main', 2],
      ['on_perf_event', 'perf_event', 7],
      ['on_xdp', 'xdp', 6],
      ['on_tc', 'tc', 3],
      ['on_enter_open', 'tracepoint/syscalls/sys_enter_open', 5],
      ['on_enter_openat', 'tracepoint/syscalls/sys_enter_openat', 5],
      ['on_exit_open', 'tracepoint/syscalls/sys_exit_open', 5],
      ['on_exit_openat', 'tracepoint/syscalls/sys_exit_openat', 5],
      ['on_enter_dup', 'tracepoint/syscalls/sys_enter_dup', 5],
      ['on_raw_enter', 'tracepoint/raw_syscalls/sys_enter', 5],
      ['on_raw_exit', 'tracepoint/raw_syscalls/sys_exit', 5],
    ];
    const sorted = (rows: readonly unknown[][]) => rows.map(String).sort();
    assert.equal(sorted(programs), sorted(expected));
  });

  test(`${form}: kprobe`, () => {
    const loaded = load(image);
    const fields = Object.keys(pt_regs.fields);
    const values = Object.fromEntries(fields.map((name, index) => [name, BigInt(index) + 0xabcd_0000_0000_1000n]));
    const context = put(loaded, pt_regs, values);
    assert.is(enter(loaded, 'on_kprobe', context), 0);
    const expected = fields.map((name) => (name === 'cs' || name === 'ss' ? values[name]! & 0xffffn : values[name]!));
    assert.equal(seen(loaded, fields.length), expected);
    const after = bytesAt(loaded, context, pt_regs.size);
    const ip = loaded.machine.address('just_return_func');
    assert.equal(after, writeStructure(pt_regs, { ...values, ax: 0x1234, ip }));
    assert.is(enter(loaded, 'on_uprobe', context), Number(values['di']! & 0xffff_ffffn));
  });

  test(`${form}: perf_event`, () => {
    const loaded = load(image);
    const regs = put(loaded, pt_regs, { ip: 0x1111 });
    const data = put(loaded, structures.perf_sample_data, { period: 0x2222, addr: 0x3333 });
    const context = put(loaded, structures.bpf_perf_event_data_kern, { regs, data });
    assert.is(enter(loaded, 'on_perf_event', context), 0);
    assert.equal(seen(loaded, 3), [0x1111n, 0x2222n, 0x3333n]);
  });

  test(`${form}: xdp`, () => {
    const loaded = load(image);
    const packet = udpPacket();
    const data = place(loaded, packet);
    const dev = put(loaded, structures.net_device, { ifindex: 3 });
    const rxq = put(loaded, structures.xdp_rxq_info, { dev, queue_index: 5 });
    const data_end = data + BigInt(packet.length);
    const context = put(loaded, structures.xdp_buff, { data, data_end, data_meta: 0x77, rxq });
    assert.is(enter(loaded, 'on_xdp', context), 3);
    assert.equal(seen(loaded, 7), [60n, 0x77n, 3n, 5n, 0n, 17n, 12345n]);
    const expected = packet.slice();
    expected.set(packet.subarray(6, 12), 0);
    expected.set(packet.subarray(0, 6), 6);
    expected.set(packet.subarray(30, 34), 26);
    expected.set(packet.subarray(26, 30), 30);
    expected.set([0, 0], 40);
    assert.equal(bytesAt(loaded, data, packet.length), expected);
  });

  test(`${form}: a packet that is too short for its headers is a panic`, () => {
    const loaded = load(image);
    const data = place(loaded, udpPacket());
    const context = put(loaded, structures.xdp_buff, { data, data_end: data + 20n });
    assert.is(enter(loaded, 'on_xdp', context), 0);
    assert.match(
      logOf(loaded),
      /range start index 23 out of range for slice of length 20[^]*::on_xdp\+\S+\n rex_dispatcher_func/,
    );
  });

  test(`${form}: tc`, () => {
    const loaded = load(image);
    const packet = udpPacket();
    const cb = Uint8Array.from({ length: 48 }, (_, index) => index);
    const dev = put(loaded, structures.net_device, { ifindex: 3 });
    const sk = put(loaded, structures.sock, { skc_family: 2 });
    const context = put(loaded, structures.sk_buff, {
      data: place(loaded, packet),
      len: 70,
      data_len: 10,
      dev,
      sk,
      cb,
      mark: 99,
      tc_index: 7,
      priority: 4,
      hash: 5,
      queue_mapping: 6,
      vlan_tci: 8,
      vlan_proto: 129,
      protocol: 8,
    });
    assert.is(enter(loaded, 'on_tc', context), 2);
    assert.equal(seen(loaded, 15).map(Number), [70, 10, 0x0800, 4, 3, 5, 6, 8, 0x8100, 19, 7, 60, 2, 0, 12345]);
  });

  for (const { context: type, event, category, record } of tracepointContexts) {
    test(`${form}: ${category}/${event}`, () => {
      const loaded = load(image);
      const bytes = Uint8Array.from({ length: record.size }, (_, index) => (index * 7) & 0xff);
      const address = place(loaded, bytes);
      const program = category === 'syscalls' ? event.replace('sys', 'on') : event.replace('sys', 'on_raw');
      assert.is(enter(loaded, program, address), 0, type);
      const words = [...new BigUint64Array(bytes.buffer)].slice(1);
      assert.equal(seen(loaded, words.length), words);
    });
  }
}

function utilityTests(image: Uint8Array): void {
  const results = { slices: 1, numbers: 2, maps: 3, records: 4, tasks: 5, prints: 6 };
  for (const [name, result] of Object.entries(results)) {
    test(`utilities: ${name}`, () => {
      const loaded = load(image);
      const got = enter(loaded, name, put(loaded, pt_regs, {}));
      assert.is(got, result, logOf(loaded));
    });
  }

  test('utilities: perf event arrays and per-CPU arrays', () => {
    const loaded = load(image);
    assert.is(enter(loaded, 'streams', place(loaded, new Uint8Array(24))), 7, logOf(loaded));
    assert.is(enter(loaded, 'streams', place(loaded, new Uint8Array(24))), 14, logOf(loaded));
  });

  test('utilities: a slice shorter than the structure is a panic', () => {
    const loaded = load(image);
    assert.is(enter(loaded, 'short_slice', put(loaded, pt_regs, { di: 16 })), 0x03020100);
    assert.is(enter(loaded, 'short_slice', put(loaded, pt_regs, { di: 15 })), 0);
    assert.match(logOf(loaded), /size mismatch in convert_slice_to_struct/);
  });

  test('utilities: the 65th resource is a panic, and none stays taken', () => {
    const loaded = load(image);
    assert.is(enter(loaded, 'too_many', put(loaded, pt_regs, {})), 0);
    assert.match(logOf(loaded), /Object count exceeded/);
    assert.is(enter(loaded, 'tasks', put(loaded, pt_regs, {})), 5);
  });
}

if ((await rustcVersion(repositoryRoot)) === undefined) {
  test.skip('skipped: no rustc', () => {});
  console.log('rex-crate: skipped: no rustc');
} else {
  const workspace = await createRustWorkspace(new Map([...names, QUIET].map((name) => [name, source(name)])));
  const { root, targetDirectory } = workspace;
  const [contexts, utilities] = await compileRustSamples(names, root, { targetDirectory });
  const features = ['rex/generated_entries'];
  const [generated] = await compileRustSamples(['contexts'], root, { targetDirectory, features });
  const manifest = join(root, 'samples', QUIET, 'Cargo.toml');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('rex = {', 'rex = { default-features = false,'));
  const [quiet] = await compileRustSamples([QUIET], root, { targetDirectory });
  await removeRustWorkspace(workspace);
  test('without debug_printk nothing is printed or evaluated', () => {
    const loaded = load(quiet!.bytes);
    assert.is(enter(loaded, QUIET, put(loaded, pt_regs, {})), 8);
    assert.is(printed(loaded), '');
  });
  contextTests('program objects', contexts!.bytes);
  contextTests('generated entries', generated!.bytes);
  utilityTests(utilities!.bytes);
}

test.run();

// TC programs at clsact: verdicts, the order of filters, what they see of a packet, clones, and links to devices.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
// first: it loads the kernel's modules in an order that their cycles allow
import { createNetworkMachine, udpFrame, used, veth0, type NetworkMachine } from './support/network-machine.ts';
import { giveDescriptor } from '../kernel/bpf/descriptors.ts';
import { putLink } from '../kernel/bpf/links.ts';
import { putProgram } from '../kernel/bpf/programs.ts';
import { releaseFileTable } from '../kernel/fs/files.ts';
import { netlinkSocket } from '../kernel/net/netlink.ts';
import {
  concatenate,
  decodeAttributes,
  decodeMessages,
  encodeAttributes,
  encodeMessage,
  numberOf,
  text,
  u32,
  type AttributeRow,
  type NetlinkMessage,
} from '../kernel/net/netlink-message.ts';
import { allocSkb } from '../kernel/net/skb.ts';
import { createSocket } from '../kernel/net/sockets.ts';
import { queueOutput } from '../kernel/net/softnet.ts';
import { createProcess } from '../kernel/process.ts';
import type { Task } from '../kernel/task.ts';
import { readKernelU32 } from '../kernel/mm/kernel-memory.ts';
import { createDeviceLink, endDeviceLink } from '../kernel/net/device-links.ts';
import { sock } from '../kernel/layout/network.ts';
import { assertNoProgram } from './support/rex-state.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const options = { network: { veth: [veth0] } };
const BUDGET = 200_000;
const payload = Uint8Array.of(1, 2, 3);

/** A datagram to a closed port comes in; the answer goes out. */
function exchange({ box }: NetworkMachine) {
  const device = box.network.device('veth0');
  assert.ok(device.inject(udpFrame(4000, 9, payload)));
  assert.is(box.run({ budget: BUDGET }).reason, 'idle');
  return { sent: device.take().length, dropped: device.statistics.tcDropped };
}

// prettier-ignore
const verdicts = [
  { program: 'return_0', direct: true,  passes: true },  // TC_ACT_OK
  { program: 'return_2', direct: true,  passes: false }, // TC_ACT_SHOT
  { program: 'return_4', direct: true,  passes: false }, // TC_ACT_STOLEN
  { program: 'return_7', direct: true,  passes: false }, // TC_ACT_REDIRECT to nowhere
  { program: 'return_3', direct: true,  passes: true },  // TC_ACT_PIPE: not a direct action
  { program: 'return_99', direct: true, passes: true },
  { program: 'return_2', direct: false, passes: true },  // a class, and no actions
  { program: 'return_0', direct: false, passes: true },
] as const;

for (const hook of ['ingress', 'egress'] as const) {
  for (const { program, direct, passes } of verdicts) {
    test(`${program}${direct ? ' da' : ''} at ${hook} ${passes ? 'passes' : 'drops'}`, async () => {
      const machine = await createNetworkMachine(options);
      exchange(machine);
      const before = used(machine);
      const device = machine.box.network.device('veth0');
      device.attachTc(machine.program(program, 'tc'), hook, { directAction: direct });
      assert.equal(exchange(machine), { sent: Number(passes), dropped: Number(!passes) });
      assert.equal(used(machine), [before[0]! + 1, 0, 0]);
    });
  }
}

test('filters run by priority until one decides', async () => {
  const machine = await createNetworkMachine(options);
  const device = machine.box.network.device('veth0');
  const late = device.attachTc(machine.program('return_2', 'tc'), 'ingress', { priority: 20 });
  // not a direct action: the next one is asked
  device.attachTc(machine.program('return_99', 'tc'), 'ingress', { priority: 10 });
  assert.is(exchange(machine).sent, 0);
  const early = device.attachTc(machine.program('return_0', 'tc'), 'ingress', { priority: 15 });
  assert.is(exchange(machine).sent, 1);
  early.detach();
  assert.is(exchange(machine).sent, 0);
  late.detach();
  assert.is(exchange(machine).sent, 1);
  assert.equal(
    [...machine.box.kernel.bpf.programs.values()].map(({ references }) => references),
    [1, 2, 1],
  );
});

test('clsact goes with its filters', async () => {
  const machine = await createNetworkMachine(options);
  const device = machine.box.network.device('veth0');
  const link = device.attachTc(machine.program('return_2', 'tc'), 'egress');
  device.removeClsact();
  link.detach();
  assert.is(exchange(machine).sent, 1);
  assert.throws(() => device.removeClsact(), /EINVAL/);
  device.addClsact();
  assert.throws(() => device.addClsact(), /EEXIST/);
});

test('what a program sees of a packet that a socket sends', async () => {
  const machine = await createNetworkMachine();
  const { box } = machine;
  const lo = box.network.device('lo');
  lo.attachTc(machine.program('tc_look'), 'egress');
  box.files.write('/udp-echo', readRepositoryFile('tests/programs/bin/udp-echo'));
  const result = box.run({ until: box.spawn('/udp-echo') });
  assert.is(result.stderr.text, '');
  assert.is(machine.note('ifindex'), 1n);
  // ETH_P_IP in network order
  assert.is(machine.note('result'), 0x0008n);
  assert.is(machine.note('headroom'), 0x45n);
  assert.is(Number(machine.note('runs')), lo.statistics.txPackets);
});

test('sk is the sender: its family and port', async () => {
  const machine = await createNetworkMachine();
  const { box } = machine;
  box.files.write('/tcp-echo', readRepositoryFile('tests/programs/bin/tcp-echo'));
  const process = box.spawn('/tcp-echo', ['100']);
  box.network.device('lo').attachTc(machine.program('tc_look'), 'egress');
  let seen = 0n;
  for (let n = 0; n < 5000 && seen === 0n; n++) {
    box.step(200);
    seen = machine.note('sock');
  }
  assert.is.not(seen, 0n);
  assert.is(readKernelU32(box.kernel, seen + BigInt(sock.fields.skc_family.offset))! & 0xffff, 2);
  assert.is(box.run({ until: process }).exitCode, 0);
});

for (const [what, ifindex, flags, result, sent] of [
  ['lo, another device', 1, 0, 0, 1],
  ['ingress', 2, 1, 0, 1],
  ['an unknown device', 77, 0, -22, 1],
  ['unknown flags', 2, 2, -22, 1],
] as const) {
  test(`bpf_clone_redirect to ${what}: ${result}`, async () => {
    const machine = await createNetworkMachine(options);
    machine.set('argument', ifindex);
    machine.set('flags', flags);
    exchange(machine);
    const before = used(machine);
    const device = machine.box.network.device('veth0');
    const program = machine.program('tc_clone');
    device.attachTc(program, 'egress');
    const packet = exchange(machine);
    assert.is(machine.note('result'), BigInt(result));
    assert.is(packet.sent, sent);
    assert.is(machine.note('runs'), 1n);
    const { misses, runs } = machine.box.kernel.bpf.programs.get(program.id)!;
    assert.equal([runs, misses], [1, 0]);
    assert.equal(used(machine), [before[0]! + 1, 0, 0]);
  });
}

/** veth0 sends one datagram with `program` at its egress: the first byte of each frame's payload, in their order. */
async function cloned(program: string, argument: number, flags = 0) {
  const machine = await createNetworkMachine(options);
  const { kernel } = machine.box;
  const device = machine.box.network.device('veth0');
  exchange(machine); // ksoftirqd and the neighbour are there from now on
  machine.set('argument', argument);
  machine.set('flags', flags);
  machine.set('ifindex', device.ifindex);
  const handle = machine.program(program);
  const link = device.attachTc(handle, 'egress');
  const before = used(machine);
  const skb = allocSkb(kernel, kernel.net.devices.get(device.ifindex)!, udpFrame(7, 8, new Uint8Array(4)))!;
  assert.ok(queueOutput(kernel, skb));
  assert.is(machine.box.run({ budget: 2_000_000 }).reason, 'idle', machine.box.death);
  assert.equal(used(machine), before);
  assertNoProgram(kernel);
  assert.equal(
    kernel.net.softnet.map(({ clones, output, backlog }) => [clones.length, output.length, backlog.length]),
    kernel.cpus.map(() => [0, 0, 0]),
  );
  const frames = device.take().map((frame) => frame[42]!);
  link.detach();
  const { runs, misses } = kernel.bpf.programs.get(handle.id)!;
  assert.is(misses, 0);
  const { clonesRefused } = device.statistics;
  return { frames, runs, result: Number(machine.note('result')), clonesRefused };
}

const down = (from: number): number[] => Array.from({ length: from + 1 }, (_, n) => from - n);

for (const length of [1, 4, 9]) {
  test(`a clone meets the program that sent it: a chain of ${length}, the youngest first`, async () => {
    const { frames, runs, result, clonesRefused } = await cloned('tc_chain', length);
    assert.equal(
      { frames, runs, result, clonesRefused },
      { frames: down(length), runs: length + 1, result: 0, clonesRefused: 0 },
    );
  });
}

test('the tenth generation of clones is refused: -ENETDOWN', async () => {
  const { frames, runs, result, clonesRefused } = await cloned('tc_chain', 200);
  assert.equal({ frames, runs, result, clonesRefused }, { frames: down(9), runs: 10, result: -100, clonesRefused: 1 });
});

test('clones of clones go before the next clone, and that before the packet', async () => {
  const { frames, runs } = await cloned('tc_tree', 0);
  assert.equal(frames, [17, 1, 18, 2, 0]);
  assert.is(runs, 5);
});

test('clones that are received again make no endless loop either', async () => {
  const machine = await createNetworkMachine(options);
  const device = machine.box.network.device('veth0');
  machine.set('argument', device.ifindex);
  machine.set('flags', 1);
  const program = machine.program('tc_clone');
  device.attachTc(program, 'ingress');
  assert.is(exchange(machine).sent, 10);
  assert.is(machine.box.kernel.bpf.programs.get(program.id)!.runs, 10);
  assert.is(device.statistics.clonesRefused, 1);
  assert.is(machine.box.kernel.net.skbs.size, 0);
});

for (const panics of [0, 1]) {
  test(`a flood of clones is bounded${panics ? ', and goes when the program panics' : ''}`, async () => {
    // 1200 at once, of which 1000 can wait; at egress, where they go, there is no program
    const machine = await createNetworkMachine(options);
    const device = machine.box.network.device('veth0');
    exchange(machine);
    const before = used(machine);
    machine.set('argument', 1200);
    machine.set('flags', panics);
    machine.set('ifindex', device.ifindex);
    device.attachTc(machine.program('tc_flood'), 'ingress');
    device.inject(udpFrame(4000, 9, payload));
    assert.is(machine.box.run({ budget: 2_000_000 }).reason, 'idle', machine.box.death);
    // TC_ACT_SHOT, or TC_ACT_OK and an answer
    assert.is(device.take().length, 1000 + panics);
    assert.is(machine.note('result'), -105n);
    assert.is(device.statistics.clonesRefused, 200);
    assert.is(device.statistics.tcDropped, 1 - panics);
    assert.equal(used(machine), [before[0]! + 1, 0, 0]);
    assertNoProgram(machine.box.kernel);
  });
}

test('links: the program is attached while the link lives', async () => {
  const machine = await createNetworkMachine(options);
  const { kernel } = machine.box;
  const { ifindex } = machine.box.network.device('veth0');
  const drop = kernel.bpf.programs.get(machine.program('return_1', 'xdp').id)!;
  const shoot = kernel.bpf.programs.get(machine.program('return_2', 'tc').id)!;
  const xdp = createDeviceLink(kernel, drop, 'xdp', ifindex, 0);
  assert.is(exchange(machine).sent, 0);
  assert.throws(() => createDeviceLink(kernel, drop, 'xdp', ifindex, 0), /EBUSY/);
  assert.throws(() => machine.box.network.device('veth0').attachXdp({ id: drop.id } as never), /EBUSY/);
  assert.throws(() => createDeviceLink(kernel, shoot, 'xdp', ifindex, 0), /EINVAL/);
  assert.throws(() => createDeviceLink(kernel, drop, 'xdp', 99, 0), /ENODEV/);
  putLink(kernel, xdp.id);
  assert.is(exchange(machine).sent, 1);
  const tcx = createDeviceLink(kernel, shoot, 'egress', ifindex, 0);
  assert.is(exchange(machine).sent, 0);
  // detached: the link is still there, without effect
  endDeviceLink(kernel, tcx);
  assert.is(exchange(machine).sent, 1);
  putLink(kernel, tcx.id);
  assert.equal([drop.references, shoot.references], [1, 1]);
});

/** A netlink request of `task`: the messages of the answer. */
function ask(machine: NetworkMachine, task: Task, type: number, flags: number, payload: Uint8Array) {
  const { kernel } = machine.box;
  const socket = createSocket(kernel, 16, 3, 0);
  const bytes = encodeMessage({ type, flags: flags | 1, sequence: 5, port: 0, payload });
  netlinkSocket.send(kernel, task, socket, { bytes, to: undefined });
  const answers: NetlinkMessage[] = [];
  for (let part; (part = netlinkSocket.receive(kernel, socket, 65536)) !== undefined;) {
    answers.push(...decodeMessages(part.bytes));
    netlinkSocket.consume(kernel, socket, part.bytes.length);
  }
  netlinkSocket.close(kernel, socket);
  return answers;
}

const errorOf = (answers: readonly NetlinkMessage[]): number =>
  -new DataView(answers.at(-1)!.payload.buffer).getInt32(0, true);
const [ACK, ECHO, CREATE, DUMP] = [4, 8, 0x600, 0x300];

/** struct ifinfomsg with IFLA_XDP as bpf_xdp_attach sends it. */
function setXdp(ifindex: number, fd: number, flags: number, expected?: number): Uint8Array {
  const header = new Uint8Array(16);
  new DataView(header.buffer).setInt32(4, ifindex, true);
  const rows: AttributeRow[] = [
    [1, u32(fd)],
    [3, u32(flags)],
  ];
  if (expected !== undefined) rows.push([8, u32(expected)]);
  return concatenate(header, encodeAttributes([[43 | 0x8000, encodeAttributes(rows)]]));
}

test('netlink: an XDP program is attached, replaced, asked for, and outlives its loader', async () => {
  const machine = await createNetworkMachine(options);
  const { kernel } = machine.box;
  const device = machine.box.network.device('veth0');
  const task = createProcess(kernel, 'loader');
  const descriptor = (name: string): number =>
    giveDescriptor(kernel, task, 'bpf-prog', machine.program(name).id, putProgram);
  const [drop, pass] = [descriptor('return_1'), descriptor('return_2')];
  const SETLINK = 19;
  const set = (fd: number, flags: number, expected?: number): number =>
    errorOf(ask(machine, task, SETLINK, ACK, setXdp(device.ifindex, fd, flags, expected)));
  const [SKB, DRV, NOEXIST, REPLACE] = [2, 4, 1, 16];
  assert.is(set(pass, SKB), 0);
  assert.is(set(drop, SKB | NOEXIST), 16); // EBUSY
  assert.is(set(drop, DRV), 17); // EEXIST: the other mode
  assert.is(set(drop, SKB | REPLACE, drop), 17);
  assert.is(set(drop, SKB | REPLACE, pass), 0);
  assert.is(set(0, SKB), 22);
  assert.is(set(77, SKB), 9);
  const link = new Uint8Array(16);
  const found = ask(machine, task, 18, DUMP, link).filter(({ type }) => type === 16);
  assert.is(found.length, 2);
  const xdp = decodeAttributes(decodeAttributes(found[1]!.payload.subarray(16)).get(43)!);
  assert.is(xdp.get(2)![0], 2); // XDP_ATTACHED_SKB
  assert.is(numberOf(xdp.get(4)), 1);
  releaseFileTable(kernel, task.fileTable);
  assert.equal([...kernel.bpf.programs.keys()], [1]);
  assert.is(exchange(machine).sent, 0);
  assert.is(set(-1, SKB), 0);
  assert.is(kernel.bpf.programs.size, 0);
  assert.is(exchange(machine).sent, 1);
});

test('netlink: clsact, and filters that are chosen numbers for, replaced and deleted', async () => {
  const machine = await createNetworkMachine(options);
  const { kernel } = machine.box;
  const { ifindex } = machine.box.network.device('veth0');
  const task = createProcess(kernel, 'tc');
  const shoot = giveDescriptor(kernel, task, 'bpf-prog', machine.program('return_2', 'tc').id, putProgram);
  const EGRESS = 0xffff_fff3;
  const message = (handle: number, parent: number, info: number, rows: readonly AttributeRow[]): Uint8Array => {
    const header = new Uint8Array(20);
    const view = new DataView(header.buffer);
    view.setInt32(4, ifindex, true);
    [handle, parent, info].forEach((value, n) => view.setUint32(8 + n * 4, value, true));
    return concatenate(header, encodeAttributes(rows));
  };
  const bpf = (fd: number): AttributeRow[] => [
    [1, text('bpf')],
    [
      2,
      encodeAttributes([
        [6, u32(fd)],
        [7, text('prog')],
        [8, u32(1)],
      ]),
    ],
  ];
  const filter = message(0, EGRESS, 0x0300, bpf(shoot));
  assert.is(errorOf(ask(machine, task, 44, ACK | CREATE, filter)), 22); // no clsact
  assert.is(
    errorOf(ask(machine, task, 36, ACK | CREATE, message(0xffff_0000, 0xffff_fff1, 0, [[1, text('clsact')]]))),
    0,
  );
  const [echoed, acknowledged] = ask(machine, task, 44, ACK | ECHO | CREATE, filter);
  assert.is(errorOf([acknowledged!]), 0);
  const view = new DataView(echoed!.payload.buffer, echoed!.payload.byteOffset);
  // handle 1, priority 49152, ETH_P_ALL
  assert.equal([view.getUint32(8, true), view.getUint32(16, true) >>> 16], [1, 49152]);
  assert.is(exchange(machine).sent, 0);
  assert.is(ask(machine, task, 46, DUMP, message(0, EGRESS, 0, [])).filter(({ type }) => type === 44).length, 1);
  assert.is(errorOf(ask(machine, task, 45, ACK, message(7, EGRESS, 0xc000_0300, []))), 2);
  assert.is(errorOf(ask(machine, task, 45, ACK, message(1, EGRESS, 0xc000_0300, []))), 0);
  assert.is(exchange(machine).sent, 1);
  releaseFileTable(kernel, task.fileTable);
  assert.is(kernel.bpf.programs.size, 0);
});

test.run();

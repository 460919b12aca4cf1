import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Flag } from '../cpu/state.ts';
import { bpfCommands } from '../kernel/bpf/commands.ts';
import { helperNatives, helpers, helperStubs } from '../kernel/bpf/helpers.ts';
import { createProgram, freeDyingPrograms, putProgram, type NewProgram } from '../kernel/bpf/programs.ts';
import { errno, errnoName } from '../kernel/errno.ts';
import { closeDescriptor, fileOf, installDescriptor, openFile } from '../kernel/fs/files.ts';
import { ioctlFile } from '../kernel/fs/file-kinds.ts';
import {
  bpf_attr_link_create,
  bpf_attr_map_create,
  bpf_attr_map_elem,
  bpf_attr_obj_info,
  perf_event_attr,
} from '../kernel/layout/structures.ts';
import { writeStructure } from '../kernel/layout/write-structure.ts';
import { kmalloc } from '../kernel/mm/heap.ts';
import { readKernel, readKernelU32, writeKernel } from '../kernel/mm/kernel-memory.ts';
import { copyFromUser } from '../kernel/mm/user-memory.ts';
import { perCpuAddress, writePerCpu } from '../kernel/per-cpu.ts';
import { programsOfCall } from '../kernel/perf/events.ts';
import { addSymbols } from '../kernel/symbols.ts';
import { assemble } from '../toolchain/assembler/index.ts';
import { createBareKernel, USER, USER_SIZE, type BareKernel } from './support/bare-kernel.ts';
import { ATTRIBUTE, bpf } from './support/rex-load.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const RUNS = process.env['TEST_TIER'] === 'slow' ? 20_000 : 500;
const KEY = USER + 0x2000n;
const VALUE = USER + 0x3000n;
const UNMAPPED = USER + USER_SIZE;

type Name<Type extends { readonly fields: object }> = keyof Type['fields'];
type Fields<Type extends { readonly fields: object }> = Partial<Record<Name<Type>, bigint | number | Uint8Array>>;

function mapCreate(box: BareKernel, fields: Fields<typeof bpf_attr_map_create> = {}): number {
  const shape = { map_type: 1, key_size: 4, value_size: 8, max_entries: 2 };
  return bpf(box, 0, writeStructure(bpf_attr_map_create, { ...shape, ...fields }));
}

function element(box: BareKernel, command: number, fields: Fields<typeof bpf_attr_map_elem>): number {
  const attribute = writeStructure(bpf_attr_map_elem, { key: KEY, value: VALUE, ...fields });
  return bpf(box, command, attribute);
}

test('attributes: size, tail and unknown commands', () => {
  const box = createBareKernel();
  const bytes = new Uint8Array(4096);
  box.poke(ATTRIBUTE, bytes);
  assert.is(box.call('bpf', 0, 0, 0), -errno.EINVAL, 'an absent attribute is all zeros');
  assert.is(box.call('bpf', 0, 0, 72), -errno.EFAULT);
  assert.is(box.call('bpf', 0, ATTRIBUTE, 4097), -errno.E2BIG);
  assert.is(box.call('bpf', 0, ATTRIBUTE, 0xffffffff), -errno.E2BIG);
  assert.is(box.call('bpf', 0, ATTRIBUTE, 4096), -errno.EINVAL);
  bytes[4095] = 1;
  box.poke(ATTRIBUTE, bytes);
  assert.is(box.call('bpf', 0, ATTRIBUTE, 4096), -errno.E2BIG);
  for (const command of [-1, 6, 36, 39, 0x7fffffff]) assert.is(box.call('bpf', command, ATTRIBUTE, 16), -errno.EINVAL);
  assert.is(bpf(box, 5, new Uint8Array(128)), -errno.EINVAL, 'PROG_LOAD');
  assert.is(new Set(bpfCommands.map(({ number }) => number)).size, bpfCommands.length);
});

test('bytes past the last field of a command are EINVAL', () => {
  const box = createBareKernel();
  for (const { number, end, name } of bpfCommands) {
    const attribute = new Uint8Array(232);
    attribute[end] = 1;
    assert.is(bpf(box, number, attribute), -errno.EINVAL, name);
  }
  const map = mapCreate(box);
  assert.is(element(box, 3, { map_fd: map, value: 1n }), -errno.EINVAL, 'delete with a value');
  assert.is(element(box, 4, { map_fd: map, flags: 1n }), -errno.EINVAL, 'next key with flags');
});

test('MAP_CREATE checks the fields the type does not see', () => {
  const box = createBareKernel();
  const accepted = [
    {},
    { map_name: latin1('a_Z.9') },
    { map_name: latin1('123456789012345') },
    { map_flags: 4 },
    { numa_node: 3 },
  ];
  for (const fields of accepted) assert.ok(mapCreate(box, fields) >= 0, Object.keys(fields).join());
  const refused = [
    { map_name: latin1('a b') },
    { map_name: latin1('1234567890123456') },
    { map_name: latin1('a\0b') },
    { map_flags: 4, numa_node: 1 },
    { map_extra: 1n },
    { map_ifindex: 1 },
    { btf_vmlinux_value_type_id: 1 },
    { btf_key_type_id: 1 },
    { map_type: 3 },
  ];
  for (const fields of refused) assert.is(mapCreate(box, fields), -errno.EINVAL, Object.keys(fields).join());
  assert.is(mapCreate(box, { btf_key_type_id: 1, btf_value_type_id: 2, btf_fd: 99 }), -errno.EBADF);
  assert.is(box.kernel.bpf.maps.size, accepted.length);
  const file = fileOf(box.kernel, box.task, 0);
  assert.is(file.path, 'anon_inode:bpf-map');
});

test('elements through user memory', () => {
  const box = createBareKernel();
  const map = mapCreate(box);
  box.poke(KEY, Uint8Array.of(7, 0, 0, 0));
  box.poke(VALUE, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assert.is(element(box, 1, { map_fd: map }), -errno.ENOENT);
  assert.is(element(box, 2, { map_fd: map, flags: 2n }), -errno.ENOENT);
  assert.is(element(box, 2, { map_fd: map }), 0);
  assert.is(element(box, 2, { map_fd: map, flags: 1n }), -errno.EEXIST);
  for (const flags of [3n, 4n, 8n, 1n << 63n]) assert.is(element(box, 2, { map_fd: map, flags }), -errno.EINVAL);
  assert.is(element(box, 1, { map_fd: map, value: VALUE + 64n }), 0);
  assert.equal([...copyFromUser(box.kernel, box.task, VALUE + 64n, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
  for (const flags of [1n, 4n]) assert.is(element(box, 1, { map_fd: map, flags }), -errno.EINVAL);
  assert.is(element(box, 4, { map_fd: map, key: 0n, value: VALUE + 64n }), 0);
  assert.is(copyFromUser(box.kernel, box.task, VALUE + 64n, 1)[0], 7);
  assert.is(element(box, 4, { map_fd: map }), -errno.ENOENT);
  for (const command of [1, 2, 4]) {
    assert.is(element(box, command, { map_fd: map, key: UNMAPPED }), -errno.EFAULT);
    assert.is(element(box, command, { map_fd: map, key: command === 4 ? 0n : KEY, value: 0n }), -errno.EFAULT);
  }
  const remove = (key: bigint): number => element(box, 3, { map_fd: map, key, value: 0n });
  assert.is(remove(0n), -errno.EFAULT);
  assert.is(remove(KEY), 0);
  assert.is(remove(KEY), -errno.ENOENT);
});

test('descriptors: closed EBADF, of another kind EINVAL, wrong direction EPERM', () => {
  const box = createBareKernel();
  const file = box.openBytes(new Uint8Array(4));
  const readOnly = mapCreate(box, { map_flags: 8 });
  const writeOnly = mapCreate(box, { map_flags: 0x10 });
  for (const command of [1, 2, 3, 4]) {
    const value = command === 3 ? 0n : VALUE;
    assert.is(element(box, command, { map_fd: 50, value }), -errno.EBADF);
    assert.is(element(box, command, { map_fd: 0xffffffff, value }), -errno.EBADF);
    assert.is(element(box, command, { map_fd: file, value }), -errno.EINVAL);
    const refused = command === 1 || command === 4 ? writeOnly : readOnly;
    assert.is(element(box, command, { map_fd: refused, value }), -errno.EPERM);
  }
});

test('a map lives until its last descriptor is closed; too many descriptors leave nothing behind', () => {
  const box = createBareKernel();
  const map = mapCreate(box);
  closeDescriptor(box.kernel, box.task, map);
  assert.is(box.kernel.bpf.maps.size, 0);
  const file = fileOf(box.kernel, box.task, box.openBytes(new Uint8Array(0)));
  file.references += 2000;
  for (let n = 1; n < 1024; n++) installDescriptor(box.kernel, box.task, file, false);
  assert.is(mapCreate(box), -errno.EMFILE);
  assert.is(box.kernel.bpf.maps.size, 0);
});

const program: NewProgram = {
  type: 2,
  name: 'p',
  gplCompatible: true,
  loadedAt: 5n,
  function: 0x1000n,
  base: undefined,
  image: undefined,
  tag: '0123456789abcdef',
  maps: [],
  loaderPid: 1,
  timeoutHandler: 0n,
};

function addProgram(box: BareKernel, type = 2): { readonly id: number; readonly descriptor: number } {
  const { id } = createProgram(box.kernel, { ...program, type });
  const file = openFile(box.kernel, 'bpf-prog', id, 2, 'anon_inode:bpf-prog');
  return { id, descriptor: installDescriptor(box.kernel, box.task, file, true) };
}

test('OBJ_GET_INFO_BY_FD fills what there is room for', () => {
  const box = createBareKernel();
  const info = (descriptor: number, length: number, address = VALUE): number =>
    bpf(box, 15, writeStructure(bpf_attr_obj_info, { bpf_fd: descriptor, info_len: length, info: address }));
  const lengthOut = (): number => copyFromUser(box.kernel, box.task, ATTRIBUTE + 4n, 1)[0]!;
  const map = mapCreate(box, { map_name: latin1('counts'), max_entries: 9 });
  assert.is(info(map, 200), 0);
  assert.is(lengthOut(), 104);
  const bytes = copyFromUser(box.kernel, box.task, VALUE, 40);
  assert.equal([...new Uint32Array(bytes.buffer, 0, 6)], [1, 1, 4, 8, 9, 0]);
  assert.is(String.fromCharCode(...bytes.subarray(24, 30)), 'counts');
  assert.is(info(map, 8), 0);
  assert.is(lengthOut(), 8);
  box.poke(VALUE + 150n, Uint8Array.of(1));
  assert.is(info(map, 200), -errno.E2BIG);
  assert.is(info(map, 104, 0n), -errno.EFAULT);
  assert.is(info(60, 104), -errno.EBADFD);
  assert.is(info(box.openBytes(new Uint8Array(1)), 104), -errno.EINVAL);
  box.poke(VALUE, new Uint8Array(232));
  assert.is(info(addProgram(box).descriptor, 232), 0);
  const tag = copyFromUser(box.kernel, box.task, VALUE + 8n, 8);
  assert.is(Buffer.from(tag).toString('hex'), program.tag);
});

interface Event extends Fields<typeof perf_event_attr> {
  readonly symbolName?: string;
  readonly pid?: number;
  readonly cpu?: number;
  readonly group?: number;
  readonly openFlags?: number;
}

function openEvent(box: BareKernel, event: Event = {}): number {
  const { symbolName = '__x64_sys_dup', pid = -1, cpu = 0, group = -1, openFlags = 8, ...fields } = event;
  box.poke(KEY, latin1(`${symbolName}\0`));
  box.poke(ATTRIBUTE, writeStructure(perf_event_attr, { type: 6, size: 136, config1: KEY, ...fields }));
  return box.call('perf_event_open', ATTRIBUTE, pid, cpu, group, openFlags);
}

test('perf_event_open: errnos', () => {
  const box = createBareKernel();
  const cases: readonly [Event, keyof typeof errno][] = [
    [{ symbolName: 'nothing' }, 'ENOENT'],
    [{ symbolName: 'x'.repeat(600) }, 'E2BIG'],
    [{ config1: UNMAPPED }, 'EFAULT'],
    [{ config1: 0n, config2: 0n }, 'EINVAL'],
    [{ config2: 2n }, 'EILSEQ'],
    [{ config: 1n }, 'EOPNOTSUPP'],
    [{ config: 2n }, 'EINVAL'],
    [{ cpu: -1 }, 'EINVAL'],
    [{ cpu: 1 }, 'EINVAL'],
    [{ cpu: -2, pid: 1 }, 'EINVAL'],
    [{ pid: 77 }, 'ESRCH'],
    [{ group: 44 }, 'EBADF'],
    [{ openFlags: 16 }, 'EINVAL'],
    [{ type: 0, config: 5n }, 'ENOENT'],
    [{ type: 99 }, 'ENOENT'],
    [{ type: 2, config: 123456n }, 'EINVAL'],
    [{ size: 63 }, 'E2BIG'],
    [{ size: 5000 }, 'E2BIG'],
    [{ flags: 1n << 63n }, 'EINVAL'],
  ];
  for (const [event, code] of cases) assert.is(openEvent(box, event), -errno[code], JSON.stringify(Object.keys(event)));
  assert.is(openEvent(box, { size: 63 }), -errno.E2BIG);
  assert.is(copyFromUser(box.kernel, box.task, ATTRIBUTE + 4n, 1)[0], 136, 'the size it knows');
  assert.is(box.call('perf_event_open', 0, -1, 0, -1, 8), -errno.EFAULT);
  assert.is(box.kernel.kprobes.probes.size + box.kernel.bpf.events.size, 0);
  const ambiguous = { name: '__x64_sys_dup', address: 5n, size: 1, kind: 't' };
  addSymbols(box.kernel.symbols, [ambiguous]);
  assert.is(openEvent(box), -errno.EADDRNOTAVAIL);
});

test('an event arms its probe, carries one program, and takes both away at the end', () => {
  const box = createBareKernel();
  const { kernel, task } = box;
  const event = openEvent(box);
  assert.ok(event >= 0);
  const [probe] = [...kernel.kprobes.probes.values()];
  const file = fileOf(kernel, task, event);
  const ioctl = (request: number, argument = 0): number | string => {
    try {
      return Number(ioctlFile(kernel, task, file, request, BigInt(argument)));
    } catch (error) {
      return (error as Error).message;
    }
  };
  const first = addProgram(box);
  assert.is(ioctl(0x40042408, 99), 'EBADF');
  assert.is(ioctl(0x40042408, event), 'EINVAL');
  assert.is(ioctl(0x40042408, addProgram(box, 5).descriptor), 'EINVAL');
  assert.is(ioctl(0x40042408, first.descriptor), 0);
  assert.is(ioctl(0x40042408, addProgram(box).descriptor), 'EEXIST');
  assert.is(ioctl(0x2400), 0);
  assert.is(ioctl(0x2401), 0);
  assert.is(ioctl(0x1234), 'ENOTTY');
  assert.equal(
    programsOfCall(kernel, kernel.bpf.events.get(probe!.events[0]!)!.call).map(({ id }) => id),
    [first.id],
  );
  closeDescriptor(kernel, task, first.descriptor);
  assert.is(kernel.bpf.programs.get(first.id)?.references, 1);
  closeDescriptor(kernel, task, event);
  assert.is(kernel.bpf.programs.get(first.id), undefined);
  assert.is(kernel.kprobes.probes.size, 0);
});

test('links keep the event and the program, and detach when they are closed', () => {
  const box = createBareKernel();
  const { kernel, task } = box;
  const link = (fields: Fields<typeof bpf_attr_link_create>): number =>
    bpf(box, 28, writeStructure(bpf_attr_link_create, { attach_type: 41, ...fields }));
  const { descriptor: prog_fd } = addProgram(box);
  const target_fd = openEvent(box);
  assert.is(link({ prog_fd, target_fd: 0xffffffff }), -errno.EBADF);
  assert.is(link({ prog_fd, target_fd: prog_fd }), -errno.EBADF);
  assert.is(link({ prog_fd: 99, target_fd }), -errno.EBADF);
  assert.is(link({ prog_fd: target_fd, target_fd }), -errno.EINVAL);
  assert.is(link({ prog_fd, target_fd, flags: 1 }), -errno.EINVAL);
  assert.is(link({ prog_fd, target_fd, attach_type: 42 }), -errno.EINVAL);
  assert.is(link({ prog_fd: addProgram(box, 6).descriptor, target_fd }), -errno.EINVAL);
  const made = link({ prog_fd, target_fd, bpf_cookie: 5n });
  assert.ok(made >= 0);
  assert.is(link({ prog_fd, target_fd }), -errno.EEXIST);
  const detach = (fd: number): number => bpf(box, 34, Uint8Array.of(fd, 0, 0, 0));
  assert.is(detach(made), -errno.EOPNOTSUPP);
  assert.is(detach(prog_fd), -errno.EINVAL);
  assert.is(detach(70), -errno.EBADF);
  closeDescriptor(kernel, task, prog_fd);
  closeDescriptor(kernel, task, target_fd);
  assert.is(kernel.kprobes.probes.size, 1, 'the link holds them');
  closeDescriptor(kernel, task, made);
  assert.is(kernel.kprobes.probes.size + kernel.bpf.links.size + kernel.bpf.events.size, 0);
  assert.is(kernel.bpf.programs.size, 1);
});

test('a program that a CPU executes is freed when it is done', () => {
  const { kernel } = createBareKernel();
  const running = createProgram(kernel, program);
  writePerCpu(kernel, 0, 'rex_curr_prog', running.address);
  putProgram(kernel, running.id);
  freeDyingPrograms(kernel);
  assert.is(kernel.bpf.programs.size, 1);
  writePerCpu(kernel, 0, 'rex_curr_prog', 0n);
  freeDyingPrograms(kernel);
  assert.is(kernel.bpf.programs.size, 0);
});

function callHelper(box: BareKernel, name: string, ...args: readonly bigint[]): bigint | undefined {
  const cpu = box.kernel.cpus[0]!;
  const [rdi = 0n, rsi = 0n, rdx = 0n, rcx = 0n] = args;
  Object.assign(cpu.registers, { rdi, rsi, rdx, rcx });
  const result = helperNatives[name]!(box.kernel, cpu);
  return typeof result === 'object' || result === undefined ? undefined : BigInt(result);
}

test('map helpers know a map by its address, and answer nonsense with NULL or an errno', () => {
  const box = createBareKernel();
  const { kernel } = box;
  mapCreate(box);
  const map = kernel.bpf.maps.get(1)!;
  const key = kmalloc(kernel, 16);
  const value = kmalloc(kernel, 16);
  writeKernel(kernel, value, Uint8Array.of(5));
  assert.is(callHelper(box, 'bpf_map_lookup_elem', map.address, key), 0n);
  assert.is(callHelper(box, 'bpf_map_delete_elem', map.address, key), -2n);
  assert.is(callHelper(box, 'bpf_map_update_elem', map.address, key, value, 3n), -22n);
  assert.is(callHelper(box, 'bpf_map_update_elem', map.address, key, value, 0n), 0n);
  const found = callHelper(box, 'bpf_map_lookup_elem', map.address, key)!;
  assert.is(readKernel(kernel, found, 1)![0], 5);
  assert.is(callHelper(box, 'bpf_map_delete_elem', map.address, key), 0n);
  for (const bad of [0n, 1n, map.address + 1n, KEY, 0xffff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n]) {
    assert.is(callHelper(box, 'bpf_map_lookup_elem', bad, key), 0n);
    assert.is(callHelper(box, 'bpf_map_update_elem', bad, key, value, 0n), -22n);
    assert.is(callHelper(box, 'bpf_map_lookup_elem', map.address, bad === map.address + 1n ? 0n : bad), 0n);
    if (bad !== map.address + 1n) {
      assert.is(callHelper(box, 'bpf_map_update_elem', map.address, bad, value, 0n), -14n);
      assert.is(callHelper(box, 'bpf_map_update_elem', map.address, key, bad, 0n), -14n);
      assert.is(callHelper(box, 'bpf_map_delete_elem', map.address, bad), -14n);
    }
  }
});

test('bpf_probe_read_kernel: all or zeros', () => {
  const box = createBareKernel();
  const { kernel } = box;
  const to = kmalloc(kernel, 8192);
  const from = kmalloc(kernel, 8192);
  writeKernel(kernel, from, new Uint8Array(8192).fill(3));
  assert.is(callHelper(box, 'bpf_probe_read_kernel', to, 5000n, from), 0n);
  assert.equal(readKernel(kernel, to, 5001), new Uint8Array(5001).fill(3, 0, 5000));
  for (const bad of [0n, KEY, 0xffff_ffff_ffff_fff0n, 0x8000_0000_0000_0000n]) {
    writeKernel(kernel, to, new Uint8Array(64).fill(3));
    assert.is(callHelper(box, 'bpf_probe_read_kernel', to, 64n, bad), -14n);
    assert.equal(readKernel(kernel, to, 64), new Uint8Array(64));
    assert.is(callHelper(box, 'bpf_probe_read_kernel', bad, 64n, from), -14n);
  }
  assert.is(callHelper(box, 'bpf_probe_read_kernel', 0n, 0xffffffffn, 0n), -14n);
});

test('bpf_spin_lock: interrupts are off while it is held; taking it twice is an oops', () => {
  const box = createBareKernel();
  const { kernel } = box;
  const cpu = kernel.cpus[0]!;
  const lock = kmalloc(kernel, 16);
  cpu.registers.rflags |= Flag.IF;
  assert.is(callHelper(box, 'bpf_spin_lock', lock), 0n);
  assert.is.not(readKernelU32(kernel, lock), 0);
  assert.is(cpu.registers.rflags & Flag.IF, 0n);
  assert.is(callHelper(box, 'bpf_spin_unlock', lock), 0n);
  assert.is(readKernelU32(kernel, lock), 0);
  assert.is(cpu.registers.rflags & Flag.IF, Flag.IF);
  callHelper(box, 'bpf_spin_lock', lock);
  callHelper(box, 'bpf_spin_lock', lock);
  assert.match(kernel.dead ?? '', 'bpf_spin_lock');
});

test('bpf_spin_lock held by another CPU says spin', () => {
  const box = createBareKernel(16 << 20, 2);
  const { kernel } = box;
  const [first, second] = [kernel.cpus[0]!, kernel.cpus[1]!];
  const lock = kmalloc(kernel, 16);
  first.registers.rdi = lock;
  second.registers.rdi = lock;
  const take = helperNatives['bpf_spin_lock']!;
  assert.is(take(kernel, first), 0);
  assert.is(take(kernel, second), 1);
  helperNatives['bpf_spin_unlock']!(kernel, first);
  assert.is(take(kernel, second), 0);
  assert.is(kernel.dead, undefined);
});

test('rex_trace_printk: the line format of trace_pipe', () => {
  const box = createBareKernel();
  const { kernel } = box;
  kernel.roundStart = 18_417_331_999n;
  writeKernel(kernel, perCpuAddress(kernel, 0, 'rex_log_buf'), latin1('[hello::p] hi\0'));
  callHelper(box, 'rex_trace_printk');
  const padded = '          loader-1       [000] d...1    18.417331: bpf_trace_printk: [hello::p] hi';
  assert.equal(kernel.bpf.trace, [padded]);
  for (let n = 0; n < 20_000; n++) callHelper(box, 'rex_trace_printk');
  // the oldest go by the page
  const { length } = kernel.bpf.trace;
  assert.ok(length <= 16384 && length > 16384 - 64, `${length} entries`);
});

test('clocks, random numbers, and stubs that assemble', () => {
  const box = createBareKernel();
  box.kernel.roundStart = 9_000_001n;
  assert.is(callHelper(box, 'bpf_ktime_get_ns'), 9_000_001n);
  assert.is(callHelper(box, 'bpf_ktime_get_boot_ns'), 9_000_001n);
  assert.is(callHelper(box, 'bpf_ktime_get_coarse_ns'), 9_000_000n);
  assert.is.not(callHelper(box, 'get_random_u32'), callHelper(box, 'get_random_u32'));
  assert.is(new Set(helpers.map(({ name }) => name)).size, helpers.length);
  const numbers = Object.fromEntries(helpers.map(({ name }, n) => [name, BigInt(n)]));
  // what a stub calls beside its native
  const { symbols } = assemble(helperStubs(), { symbols: { __dev_queue_xmit: 0xffff_ffff_8100_0000n } });
  for (const name of Object.keys(numbers)) assert.ok((symbols.get(name)?.size ?? 0n) > 0n, name);
});

test('whatever bpf(2) and perf_event_open(2) are given, the answer is a descriptor, 0 or an errno', () => {
  const box = createBareKernel();
  mapCreate(box);
  mapCreate(box, { map_type: 2 });
  addProgram(box);
  openEvent(box);
  box.openBytes(new Uint8Array(100).fill(0x7f));
  const anyWord = fc.oneof(
    fc.nat(12),
    fc.nat(0xffffffff),
    fc.constantFrom(Number(KEY), Number(VALUE), Number(UNMAPPED) - 4),
  );
  const anyCall = fc.record({
    command: fc.oneof(fc.constantFrom(...bpfCommands.map(({ number }) => number)), fc.nat(40)),
    words: fc.array(anyWord, { maxLength: 58 }),
    sparse: fc.boolean(),
  });
  fc.assert(
    fc.property(anyCall, ({ command, words, sparse }) => {
      const attribute = new Uint32Array(58);
      words.forEach((word, n) => {
        if (n < 20) attribute[sparse ? n * 2 : n] = word;
      });
      const bytes = new Uint8Array(attribute.buffer);
      for (const call of ['bpf', 'perf_event_open'] as const) {
        box.poke(ATTRIBUTE, bytes);
        const args = call === 'bpf' ? [command, ATTRIBUTE, 24 + 16 * (command % 14)] : [ATTRIBUTE, -1, 0, -1, 0];
        const result = box.call(call, ...args);
        if (result < 0) assert.ok(errnoName(-result) !== undefined, String(result));
        else if (result > 4) closeDescriptor(box.kernel, box.task, result);
      }
    }),
    { numRuns: RUNS },
  );
});

test.run();

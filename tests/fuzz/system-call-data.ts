/** What the pointers of random system calls lead to: structures of the kernel's interface, filled as a program would, or not. */
import { structures } from '../../kernel/layout/structures.ts';
import { writeStructure } from '../../kernel/layout/write-structure.ts';
import type { Random } from '../random-instructions.ts';
import { anyBytes, anyFlags, anyNumber, between, oneIn, pick } from './random.ts';

/** Where the programs' data is, and its bytes; after it nothing is mapped. */
export const DATA = 0x60_0000n;
export const DATA_SIZE = 0x2_0000;
/** The structures, one every so many bytes; the paths before them. */
export const STRUCTURE_BYTES = 256;
const FIRST = 0x1000;
const COUNT = 64;
/** The results of the calls, 8 bytes each. */
export const RESULTS = DATA + 0x1_8000n;

// prettier-ignore
export const paths = [
  '/bin/program', '/bin/hello', '/bin/extension.rex', '/tmp', '/tmp/file', '/tmp/other', '/tmp/folder',
  '/tmp/folder/inner', '/tmp/link', '/', '.', '..', '', 'file', '/tmp/fifo/../file', '/dev/null', '/dev/zero',
  '/dev/full', '/dev/urandom', '/dev/tty', '/dev/fd/3', '/dev/stdin', '/proc', '/proc/self', '/proc/self/maps',
  '/proc/self/fd/3', '/proc/self/exe', '/proc/1/status', '/proc/2/cmdline', '/proc/kallsyms', '/proc/meminfo',
  '/proc/self/mem', '/proc/stat', '/proc/sys', '/sys/fs/bpf', '/sys/fs/bpf/map', '/sys/fs/bpf/program',
  '/sys/kernel/tracing/trace_pipe', '/sys/kernel/tracing/kprobe_events', '/sys/kernel/tracing/events',
  '/sys/kernel/debug/tracing/trace', '/sys/devices', '/tmp/socket', 'x'.repeat(120),
] as const;
/** the last, which is longer than the others, ends where the structures begin */
const PATH_BYTES = 64;

export const pathAddress = (index: number): bigint => DATA + BigInt(index * PATH_BYTES);

export const structureAddress = (random: Random): bigint => addressOf(random(COUNT));

const wrongPointers = [
  0n,
  1n,
  DATA - 1n,
  DATA + BigInt(DATA_SIZE) - 1n,
  DATA + BigInt(DATA_SIZE) - 24n,
  DATA + BigInt(DATA_SIZE),
  DATA + 4093n,
  0x40_1000n,
  0x40_1fffn,
  0x12_3000n,
  0x7fff_ffff_e000n,
  0x7fff_ffff_f000n,
  0x7fff_ffff_ffffn,
  0x8000_0000_0000n,
  0xffff_8880_0000_0000n,
  0xffff_8880_0010_0000n,
  0xffff_c900_0000_0000n,
  0xffff_ffff_8100_0000n,
  0xffff_ffff_c000_0000n,
  0xffff_ffff_ffff_f000n,
  0xffff_ffff_ffff_ffffn,
];

/** Where structure `n` of `anyData` is. */
export const addressOf = (n: number): bigint => DATA + BigInt(FIRST + n * STRUCTURE_BYTES);

export function anyPointer(random: Random): bigint {
  const kind = random(8);
  if (kind < 5) return structureAddress(random);
  if (kind === 5) return structureAddress(random) + BigInt(random(64));
  return pick(random, wrongPointers);
}

const descriptor = (random: Random): number => (oneIn(random, 12) ? -1 : random(14));

interface Words {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}
const words = (): Words => {
  const bytes = new Uint8Array(STRUCTURE_BYTES);
  return { bytes, view: new DataView(bytes.buffer), at: 0 };
};
const u16 = (to: Words, value: number): void => void (to.view.setUint16(to.at, value, true), (to.at += 2));
const u32 = (to: Words, value: number | bigint): void => {
  to.view.setUint32(to.at, Number(BigInt.asUintN(32, BigInt(value))), true);
  to.at += 4;
};
const u64 = (to: Words, value: number | bigint): void => {
  to.view.setBigUint64(to.at, BigInt.asUintN(64, BigInt(value)), true);
  to.at += 8;
};
const many = (most: number, random: Random, one: (to: Words) => void): Uint8Array => {
  const to = words();
  for (let n = between(random, 1, most); n > 0; n--) one(to);
  return to.bytes;
};
const one = (fill: (to: Words) => void): Uint8Array => {
  const to = words();
  fill(to);
  return to.bytes;
};

const seconds = [
  0n,
  0n,
  0n,
  1n,
  2n,
  1000n,
  1n << 31n,
  10n ** 9n,
  9n * 10n ** 9n,
  10n ** 13n,
  (1n << 63n) - 1n,
  -1n,
  1n << 63n,
];
const nanoseconds = [0n, 0n, 1n, 1000n, 50_000n, 999_999_999n, 1_000_000_000n, -1n, 1n << 62n];
const mapTypes = [1, 1, 2, 2, 4, 5, 6, 7, 9, 10, 22, 23, 27, 0, 3, 99];
const addresses = [0, 0x0100_007f, 0x0100_000a, 0x0200_000a, 0xffff_ffff, 0x0100_00e0];
const ports = [0, 80, 1234, 1234, 1235, 65535];
const swapped = (port: number): number => ((port & 255) << 8) | (port >> 8);
const texts = [
  'p:kprobes/mine __x64_sys_dup',
  'p mine',
  '-:kprobes/mine',
  'r:x __x64_sys_getpid',
  'p:a/b nothing+0x10',
  'GPL',
  'name',
  'mine',
  '1\n',
  '0',
  '\x00',
  '%s%d%n',
];

/** A structure by the name of what it is for. */
type Template = (random: Random) => Uint8Array;
// prettier-ignore
const templates = {
  zeros: () => new Uint8Array(STRUCTURE_BYTES),
  bytes: (random) => anyBytes(random, STRUCTURE_BYTES),
  'small numbers': (random) => many(60, random, (to) => u32(to, random(12))),
  numbers: (random) => many(30, random, (to) => u64(to, anyNumber(random))),
  pointers: (random) => many(30, random, (to) => u64(to, oneIn(random, 3) ? anyNumber(random) : anyPointer(random))),
  descriptors: (random) => many(30, random, (to) => u32(to, descriptor(random))),
  text: (random) => one((to) => to.bytes.set(new TextEncoder().encode(pick(random, texts)))),
  timespec: (random) => many(4, random, (to) => { u64(to, pick(random, seconds)); u64(to, pick(random, nanoseconds)); }),
  iovec: (random) => many(12, random, (to) => { u64(to, oneIn(random, 6) ? anyPointer(random) : structureAddress(random)); u64(to, oneIn(random, 4) ? anyNumber(random) : random(300)); }),
  pollfd: (random) => many(20, random, (to) => { u32(to, descriptor(random)); u16(to, Number(anyFlags(random, 15))); u16(to, 0); }),
  epoll_event: (random) => many(12, random, (to) => { u32(to, anyFlags(random)); u64(to, random(9)); }),
  sigaction: (random) => one((to) => { u64(to, pick(random, [0n, 1n, HANDLER, HANDLER, anyPointer(random)])); u64(to, anyFlags(random) | 0x0400_0000n); u64(to, RESTORER); u64(to, anyFlags(random, 64)); }),
  sigset: (random) => many(2, random, (to) => u64(to, oneIn(random, 3) ? -1 : anyFlags(random, 64))),
  stack_t: (random) => one((to) => { u64(to, anyPointer(random)); u64(to, random(3)); u64(to, anyNumber(random)); }),
  sockaddr_in: (random) => one((to) => { u16(to, pick(random, [2, 2, 2, 1, 10])); u16(to, swapped(pick(random, ports))); u32(to, pick(random, addresses)); }),
  sockaddr_un: (random) => one((to) => { u16(to, 1); to.bytes.set(new TextEncoder().encode(pick(random, ['/tmp/socket', '\0abstract', '/tmp', ''])), 2); }),
  sockaddr_nl: (random) => one((to) => { u16(to, 16); u16(to, 0); u32(to, random(3)); u32(to, anyFlags(random)); }),
  nlmsghdr: (random) => one((to) => {
    u32(to, pick(random, [16, 20, 32, 36, 64, 200, 0, 1 << 30])); u16(to, pick(random, [16, 18, 19, 20, 22, 36, 38, 44, random(70)]));
    u16(to, Number(anyFlags(random, 12)) | 1); u32(to, 1); u32(to, 0); u32(to, 0); u32(to, random(4)); u32(to, anyFlags(random)); u32(to, 0);
    while (to.at < 200) { u16(to, pick(random, [4, 8, 12, 0, 3, 40, 65535])); u16(to, random(50) | (random(2) << 15)); u32(to, descriptor(random)); }
  }),
  msghdr: (random) => many(4, random, (to) => {
    u64(to, pick(random, [0n, 0n, firstOf('sockaddr_in'), anyPointer(random)])); u32(to, pick(random, [0, 16, 16, 110, -1])); u32(to, 0);
    u64(to, pick(random, [firstOf('iovec'), firstOf('iovec'), anyPointer(random)])); u64(to, random(5));
    u64(to, pick(random, [0n, firstOf('cmsghdr'), anyPointer(random)])); u64(to, pick(random, [0, 16, 24, 200])); u32(to, 0); u32(to, 0);
  }),
  cmsghdr: (random) => many(6, random, (to) => { u64(to, pick(random, [20, 24, 16, 0, -1, 1 << 20])); u32(to, 1); u32(to, pick(random, [1, 2, 9])); u64(to, descriptor(random)); }),
  map_create: (random) => writeStructure(structures['bpf_attr_map_create']!, {
    map_type: pick(random, mapTypes), key_size: oneIn(random, 3) ? pick(random, [0, 8, 512, 513, -1]) : 4,
    value_size: oneIn(random, 3) ? pick(random, [0, 4, 24, 4096, 1 << 20, 1 << 30]) : 8,
    max_entries: oneIn(random, 3) ? pick(random, [0, 1, 100_000, 1 << 24, -1]) : 4096, map_flags: oneIn(random, 4) ? anyFlags(random, 14) : 0n,
  }),
  map_element: (random) => writeStructure(structures['bpf_attr_map_elem']!, {
    map_fd: descriptor(random), key: anyPointer(random), value: anyPointer(random), flags: BigInt(pick(random, [0, 0, 1, 2, 4, 9])),
  }),
  map_batch: (random) => many(1, random, (to) => { for (let n = 0; n < 4; n++) u64(to, anyPointer(random)); u32(to, pick(random, [0, 1, 5, 100, -1])); u32(to, descriptor(random)); }),
  bpf_object: (random) => one((to) => { u64(to, pathAddress(paths.indexOf(pick(random, ['/sys/fs/bpf/map', '/sys/fs/bpf/program', '/tmp'])))); u32(to, descriptor(random)); u32(to, 0); }),
  bpf_words: (random) => many(20, random, (to) => u32(to, pick(random, [0, 0, descriptor(random), Number(structureAddress(random)), random(100)]))),
  rex_load: (random) => {
    const bytes = many(29, random, (to) => u64(to, pick(random, [0n, BigInt(random(40)), structureAddress(random), anyNumber(random)])));
    new DataView(bytes.buffer).setUint32(0, pick(random, [33, 2, 5, 6, 7]), true);
    return bytes;
  },
  perf_event_attr: (random) => {
    const few = (width: number): bigint => (oneIn(random, 4) ? anyFlags(random, width) : 0n);
    return one((to) => {
      u32(to, pick(random, [0, 1, 1, 2, 6, random(12)])); u32(to, oneIn(random, 6) ? pick(random, [128, 64, 0, 9999]) : 112);
      u64(to, pick(random, [0n, 1n, 10n, BigInt(random(400)), anyNumber(random)])); u64(to, pick(random, [0n, 1n, 1000n, 100_000n, anyNumber(random)]));
      u64(to, pick(random, [0n, 0n, 0x400n, 0x85n, anyFlags(random, 24)])); u64(to, few(16)); u64(to, few(40)); u32(to, random(3)); u32(to, 0);
      u64(to, pick(random, [0n, firstOf('text'), anyPointer(random), anyNumber(random)])); u64(to, few(64));
    });
  },
  clone_args: (random) => one((to) => {
    u64(to, anyFlags(random, 34)); for (let n = 0; n < 3; n++) u64(to, anyPointer(random)); u64(to, pick(random, [17n, 0n, 17n, anyNumber(random)]));
    u64(to, pick(random, [0n, structureAddress(random)])); u64(to, pick(random, [0n, 4096n, anyNumber(random)])); u64(to, structureAddress(random));
  }),
  rlimit: (random) => many(2, random, (to) => { u64(to, anyNumber(random)); u64(to, anyNumber(random)); }),
  sock_fprog: (random) => one((to) => { u64(to, pick(random, [1, 3, 8, 0, 4096, 65535])); u64(to, oneIn(random, 4) ? structureAddress(random) : firstOf('sock_filter')); }),
  sock_filter: (random) => many(30, random, (to) => {
    u16(to, pick(random, [0x20, 0x15, 0x06, 0x04, 0x05, 0x61, 0x02, 0x54, random(256)])); to.bytes[to.at++] = random(4); to.bytes[to.at++] = random(4);
    u32(to, pick(random, [0, 4, 16, 0x7fff_0000, 0x5_0000, 0x3_0000, random(64)]));
  }),
  futex: (random) => many(20, random, (to) => u32(to, random(3))),
  argv: (random) => one((to) => { for (let n = random(6); n > 0; n--) u64(to, oneIn(random, 8) ? anyPointer(random) : pathAddress(random(paths.length))); u64(to, 0); }),
} satisfies Readonly<Record<string, Template>>;
export type TemplateName = keyof typeof templates;
const templateNames = Object.keys(templates) as TemplateName[];
/** The first structures are one of each kind. */
const firstOf = (name: string): bigint => addressOf(Object.keys(templates).indexOf(name));

/** Labels of every program: a signal handler, and what it returns to. */
export const HANDLER = 0x40_1008n;
export const RESTORER = 0x40_1010n;

/** All of the data, and what each structure is. */
export function anyData(random: Random): { readonly bytes: Uint8Array; readonly names: readonly TemplateName[] } {
  const bytes = new Uint8Array(DATA_SIZE);
  paths.forEach((path, n) => bytes.set(new TextEncoder().encode(path), Number(pathAddress(n) - DATA)));
  const names = Array.from({ length: COUNT }, (_, n) => {
    const name = templateNames[n] ?? pick(random, templateNames);
    bytes.set(templates[name]!(random).subarray(0, STRUCTURE_BYTES), FIRST + n * STRUCTURE_BYTES);
    return name;
  });
  return { bytes, names };
}

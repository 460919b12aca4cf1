/** Arguments with which a system call may well succeed: what is behind the checks is reached by few others. */
import type { Random } from '../random-instructions.ts';
import { anyFlags, oneIn, pick } from './random.ts';
import { pathAddress, paths, type TemplateName } from './system-call-data.ts';

/** Where a structure of that kind is. */
export type Find = (name: TemplateName) => bigint;

type Recipe = (random: Random, find: Find) => readonly (bigint | number)[];

/** those that programs open first are the likely ones */
const fd = (random: Random): number => (oneIn(random, 5) ? random(16) : 3 + random(7));
const path = (random: Random): bigint => pathAddress(random(paths.length));
const small = (random: Random): number => pick(random, [0, 1, 4, 8, 16, 64, 200, 4096]);
const maybe = (random: Random, value: bigint): bigint => (oneIn(random, 2) ? value : 0n);
const bytes: TemplateName = 'bytes';
const sockaddr = (random: Random, find: Find): bigint =>
  find(pick(random, ['sockaddr_in', 'sockaddr_in', 'sockaddr_un', 'sockaddr_nl'] as const));
const now = (random: Random, find: Find): bigint => maybe(random, find('timespec'));

/** Each command of bpf(2) with the attribute that it takes, and with any other. */
const bpfAttributes: readonly (readonly [command: number, attribute: TemplateName])[] = [
  [0, 'map_create'],
  ...[1, 2, 3, 4, 21].map((command) => [command, 'map_element'] as const),
  ...[24, 25, 26, 27].map((command) => [command, 'map_batch'] as const),
  ...[37, 38].map((command) => [command, 'rex_load'] as const),
  ...[6, 7].map((command) => [command, 'bpf_object'] as const),
  ...[11, 12, 13, 14, 15, 22, 28, 30, 31, 32, 34].map((command) => [command, 'bpf_words'] as const),
];

// prettier-ignore
export const recipes: Readonly<Record<string, Recipe>> = {
  read:             (r, find) => [fd(r), find(bytes), small(r)],
  write:            (r, find) => [fd(r), find(pick(r, [bytes, 'text', 'nlmsghdr'])), small(r)],
  pread64:          (r, find) => [fd(r), find(bytes), small(r), small(r)],
  pwrite64:         (r, find) => [fd(r), find(bytes), small(r), small(r)],
  readv:            (r, find) => [fd(r), find('iovec'), 1 + r(4)],
  writev:           (r, find) => [fd(r), find('iovec'), 1 + r(4)],
  open:             (r) => [path(r), pick(r, [0, 1, 2, 0o101, 0o1102, 0o200000]), 0o644],
  openat:           (r) => [-100, path(r), pick(r, [0, 2, 0o102, 0o2001]), 0o600],
  lseek:            (r) => [fd(r), small(r), r(5)],
  getdents64:       (r, find) => [fd(r), find(bytes), pick(r, [24, 64, 256, 4096])],
  ftruncate:        (r) => [fd(r), pick(r, [0, 100, 5000, 1 << 20])],
  sendfile:         (r) => [fd(r), fd(r), 0, small(r)],
  poll:             (r, find) => [find('pollfd'), 1 + r(8), pick(r, [0, 0, 1, 100])],
  ppoll:            (r, find) => [find('pollfd'), 1 + r(8), now(r, find), maybe(r, find('sigset')), 8],
  mmap:             (r) => [0, pick(r, [4096, 8192, 1 << 20]), pick(r, [1, 3, 7]), pick(r, [0x22, 0x21, 1, 2]), fd(r), pick(r, [0, 4096])],
  mremap:           (r) => [0x60_0000, 4096, pick(r, [4096, 8192, 1 << 20]), r(2)],
  madvise:          (r) => [0x61_0000, 4096, pick(r, [0, 3, 4, 8])],
  rt_sigaction:     (r, find) => [1 + r(64), find('sigaction'), maybe(r, find(bytes)), 8],
  rt_sigprocmask:   (r, find) => [r(3), maybe(r, find('sigset')), maybe(r, find(bytes)), 8],
  rt_sigtimedwait:  (r, find) => [find('sigset'), maybe(r, find(bytes)), find('timespec'), 8],
  rt_sigsuspend:    (_r, find) => [find('sigset'), 8],
  sigaltstack:      (_r, find) => [find('stack_t'), find(bytes)],
  kill:             (r) => [pick(r, [0, 1, 2, 3, -1]), pick(r, [0, 10, 12, 14, 17, 18, 19, 34])],
  tgkill:           (r) => [1 + r(3), 1 + r(3), pick(r, [0, 10, 12, 34])],
  nanosleep:        (r, find) => [find('timespec'), maybe(r, find(bytes))],
  clock_nanosleep:  (r, find) => [r(3), r(2), find('timespec'), maybe(r, find(bytes))],
  socket:           (r) => [pick(r, [1, 2, 2, 16]), pick(r, [1, 2, 3]) + pick(r, [0, 0o4000]), 0],
  socketpair:       (r, find) => [1, pick(r, [1, 2]) + pick(r, [0, 0o4000]), 0, find(bytes)],
  bind:             (r, find) => [fd(r), sockaddr(r, find), pick(r, [16, 16, 12, 110])],
  connect:          (r, find) => [fd(r), sockaddr(r, find), pick(r, [16, 16, 12, 110])],
  listen:           (r) => [fd(r), r(4)],
  accept4:          (r, find) => [fd(r), maybe(r, find(bytes)), find('small numbers'), pick(r, [0, 0o4000])],
  sendto:           (r, find) => [fd(r), find(pick(r, [bytes, 'nlmsghdr'])), small(r), pick(r, [0, 0x40]), maybe(r, sockaddr(r, find)), 16],
  recvfrom:         (r, find) => [fd(r), find(bytes), small(r), pick(r, [0x40, 0, 2]), 0, 0],
  sendmsg:          (r, find) => [fd(r), find('msghdr'), pick(r, [0, 0x40])],
  recvmsg:          (r, find) => [fd(r), find('msghdr'), pick(r, [0, 0x40])],
  setsockopt:       (r, find) => [fd(r), pick(r, [1, 6, 0, 270]), r(40), find('small numbers'), pick(r, [4, 8, 16])],
  getsockopt:       (r, find) => [fd(r), pick(r, [1, 6, 0]), r(40), find(bytes), find('small numbers')],
  shutdown:         (r) => [fd(r), r(3)],
  epoll_ctl:        (r, find) => [fd(r), 1 + r(3), fd(r), find('epoll_event')],
  epoll_wait:       (r, find) => [fd(r), find(bytes), 1 + r(8), pick(r, [0, 1, 100])],
  epoll_pwait2:     (r, find) => [fd(r), find(bytes), 1 + r(8), find('timespec'), 0, 8],
  perf_event_open:  (r, find) => [find('perf_event_attr'), pick(r, [0, -1]), pick(r, [-1, 0]), -1, 0],
  ioctl:            (r, find) => [fd(r), pick(r, [0x2400, 0x2401, 0x2403, 0x2405, 0x40042408, 0x8912, 0x8913, 0x8927, 0x5413, 0x541b, 0x5421]), pick(r, [BigInt(fd(r)), find(bytes), find('small numbers')])],
  fcntl:            (r, find) => [fd(r), pick(r, [0, 1, 2, 3, 4, 7, 1030, 1031, 1032]), pick(r, [BigInt(fd(r)), 0n, 0o4000n, 0x10000n, find(bytes)])],
  bpf:              (r, find) => { const [command, attribute] = pick(r, bpfAttributes); return [command, find(attribute), pick(r, [72, 72, 128, 32, 16])]; },
  seccomp:          (r, find) => [r(3), 0, find('sock_fprog')],
  prctl:            (r, find) => [pick(r, [15, 16, 38, 22, 1, 4]), pick(r, [1n, 2n, find('text')]), find('sock_fprog'), 0, 0],
  futex:            (r, find) => [find('futex'), pick(r, [0, 1, 3, 4, 9, 10, 128, 129, 137]), r(3), find('timespec'), find('futex'), pick(r, [-1, 0, 1])],
  clone:            (r, find) => [pick(r, [17n, 0x3d0f00n, 0x10f00n, 0x4111n, anyFlags(r)]), find(bytes) + 128n, find(bytes), find(bytes), 0],
  clone3:           (_r, find) => [find('clone_args'), pick(_r, [64, 80, 88])],
  wait4:            (r, find) => [pick(r, [-1, 0, 2, 3]), maybe(r, find(bytes)), pick(r, [1, 1, 0, 3]), 0],
  execve:           (r, find) => [path(r), find('argv'), maybe(r, find('argv'))],
  rename:           (r) => [path(r), path(r)],
  link:             (r) => [path(r), path(r)],
  symlink:          (r) => [path(r), path(r)],
  prlimit64:        (r, find) => [0, r(16), maybe(r, find('rlimit')), find(bytes)],
  utimensat:        (r, find) => [-100, path(r), now(r, find), 0],
  rseq:             (_r, find) => [find('zeros') & ~31n, 32, 0, 0],
};

/** Calls that give descriptors: most programs begin with some. */
// prettier-ignore
export const openers: readonly (readonly [name: string, recipe: Recipe])[] = [
  ['open',            () => [pathAddress(paths.indexOf('/tmp/file')), 2, 0]],
  ['open',            () => [pathAddress(paths.indexOf('/tmp')), 0o200000, 0]],
  ['open',            () => [pathAddress(paths.indexOf('/proc/self/maps')), 0, 0]],
  ['pipe2',           (r, find) => [find('descriptors'), pick(r, [0, 0o4000])]],
  ['socket',          (r) => [2, pick(r, [1, 2]), 0]],
  ['socket',          () => [16, 3, 0]],
  ['socketpair',      (r, find) => [1, pick(r, [1, 2]), 0, find('descriptors')]],
  ['eventfd2',        (r) => [r(3), pick(r, [0, 1, 0o4000])]],
  ['epoll_create1',   () => [0]],
  ['memfd_create',    () => [pathAddress(0), 0]],
  ['bpf',             (_r, find) => [0, find('map_create'), 72]],
  ['perf_event_open', (_r, find) => [find('perf_event_attr'), 0, -1, -1, 0]],
];

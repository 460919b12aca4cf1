/** System calls as strace prints them. Expected texts are strace 6.1's, but for pointers to structures. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { errno } from '../kernel/errno.ts';
import { errnoMessages } from '../kernel/errno-messages.ts';
import { syscallByNumber, syscallTable } from '../kernel/syscalls/index.ts';
import { syscallName } from '../kernel/syscalls/numbers.ts';
import { describeArguments, describeCall } from '../kernel/syscalls/strace.ts';
import { createBareKernel, USER, USER_SIZE, type BareKernel } from './support/bare-kernel.ts';

const encode = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

function describe(
  { kernel, task }: BareKernel,
  number: number,
  values: readonly (bigint | number)[],
  result: bigint | number,
): string {
  const row = syscallByNumber.get(number);
  const args = Array.from({ length: 6 }, (_, n) => BigInt.asUintN(64, BigInt(values[n] ?? 0)));
  const texts = row === undefined ? [] : describeArguments(kernel, task, row, args);
  return describeCall(kernel, task, row, { number, args, overridden: false, texts }, BigInt(result));
}

const bare = createBareKernel();
bare.poke(USER, encode('/etc/passwd\0'));
bare.poke(USER + 0x100n, encode('a"b\\c\n\t\x01\x019\xff\0'));
bare.poke(USER + 0x200n, encode(`${'x'.repeat(40)}\0`));
const BAD = 0xdead_0000n;
const AT_FDCWD = 0xffff_ff9c;

// prettier-ignore
const rows: readonly (readonly [number: number, values: readonly (bigint | number)[], result: bigint | number, expected: string])[] = [
  [32,  [0],                              -22,            'dup(0) = -1 EINVAL (Invalid argument)'],
  [32,  [0xffff_ffff],                    -9,             'dup(-1) = -1 EBADF (Bad file descriptor)'],
  [32,  [0],                              -4095,          'dup(0) = -1 (errno 4095)'],
  [32,  [0],                              -4096,          'dup(0) = -4096'],
  [0,   [0, USER, 3],                     -512,           `read(0, 0x10000, 3) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)`],
  [2,   [USER, 0x8_8241, 0o644],          3,              'open("/etc/passwd", O_WRONLY|O_CREAT|O_TRUNC|O_LARGEFILE|O_CLOEXEC, 0644) = 3'],
  [2,   [USER, 0x1000_0000, 0],           -22,            'open("/etc/passwd", O_RDONLY|0x10000000, 0) = -1 EINVAL (Invalid argument)'],
  [2,   [BAD, 0, 0],                      -14,            'open(0xdead0000, O_RDONLY, 0) = -1 EFAULT (Bad address)'],
  [2,   [0, 2, 0],                        -14,            'open(NULL, O_RDWR, 0) = -1 EFAULT (Bad address)'],
  [257, [AT_FDCWD, USER + 0x200n, 0],     3,              `openat(AT_FDCWD, "${'x'.repeat(40)}", O_RDONLY, 0) = 3`],
  [1,   [1, USER + 0x100n, 11],           11,             String.raw`write(1, "a\"b\\c\n\t\1\0019\377", 11) = 11`],
  [1,   [1, USER + 0x200n, 40],           40,             `write(1, "${'x'.repeat(32)}"..., 40) = 40`],
  [1,   [1, BAD, 40],                     -14,            'write(1, 0xdead0000, 40) = -1 EFAULT (Bad address)'],
  [1,   [1, USER, 1n << 63n],             -14,            String.raw`write(1, "/etc/passwd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"..., 9223372036854775808) = -1 EFAULT (Bad address)`],
  [1,   [1, USER + USER_SIZE - 4n, 8],    4,              'write(1, 0x10fffc, 8) = 4'],
  [0,   [0, USER, 100],                   4,              'read(0, "/etc", 100) = 4'],
  [0,   [0, USER, 100],                   0,              'read(0, "", 100) = 0'],
  [319, [USER + 0x200n, 1],               5,              `memfd_create("${'x'.repeat(32)}"..., 0x1) = 5`],
  [9,   [0, 4096, 3, 0x22, -1, 0],        0x7fff_f7ff_e000n, 'mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7ffe000'],
  [9,   [0x1000, 1, 0, 0x10_0012, 3, 4096], -17,          'mmap(0x1000, 1, PROT_NONE, MAP_PRIVATE|MAP_FIXED|MAP_FIXED_NOREPLACE, 3, 0x1000) = -1 EEXIST (File exists)'],
  [12,  [0],                              0x41_2000,      'brk(NULL) = 0x412000'],
  [8,   [3, -1, 2],                       0,              'lseek(3, -1, SEEK_END) = 0'],
  [8,   [3, 0, 77],                       -22,            'lseek(3, 0, 77) = -1 EINVAL (Invalid argument)'],
  [13,  [11, 0, USER, 8],                 0,              'rt_sigaction(SIGSEGV, NULL, 0x10000, 8) = 0'],
  [62,  [1, 0],                           0,              'kill(1, 0) = 0'],
  [56,  [0x11, 0, 0, 0, 0],               2,              'clone(SIGCHLD, NULL, NULL, NULL, 0) = 2'],
  [56,  [0x4111, 0, 0, 0, 0],             2,              'clone(CLONE_VM|CLONE_VFORK|SIGCHLD, NULL, NULL, NULL, 0) = 2'],
  [321, [38, USER, 232],                  4,              'bpf(BPF_PROG_LOAD_REX, 0x10000, 232) = 4'],
  [321, [999, USER, 8],                   -22,            'bpf(999, 0x10000, 8) = -1 EINVAL (Invalid argument)'],
  [16,  [6, 0x2400, 0],                   0,              'ioctl(6, PERF_EVENT_IOC_ENABLE, 0) = 0'],
  [16,  [6, 0xffff_1234, 1],              -25,            'ioctl(6, 0xffff1234, 0x1) = -1 ENOTTY (Inappropriate ioctl for device)'],
  [231, [1],                              0,              'exit_group(1) = ?'],
  [425, [1, 2],                           -38,            'io_uring_setup(0x1, 0x2, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS (Function not implemented)'],
  [9999, [],                              -38,            'syscall_0x270f(0x0, 0x0, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS (Function not implemented)'],
];

for (const [number, values, result, expected] of rows) {
  test(expected, () => assert.is(describe(bare, number, values, result), expected));
}

test('being looked at pages nothing in', () => {
  const fresh = createBareKernel();
  const before = fresh.kernel.pages.next;
  assert.is(describe(fresh, 1, [1, USER + 0x8000n, 2], 2), String.raw`write(1, "\0\0", 2) = 2`);
  assert.is(fresh.kernel.pages.next, before);
});

test('no argument makes any call throw', () => {
  const values = [
    0n,
    1n,
    USER,
    USER + USER_SIZE - 1n,
    BAD,
    0x7fff_ffff_ffffn,
    0xffff_8880_0000_0000n,
    (1n << 64n) - 1n,
    1n << 63n,
  ];
  for (const { number } of syscallTable) {
    for (const value of values) {
      for (const result of [0n, 1n, -1n, -22n, 1n << 62n, -(1n << 63n)])
        describe(
          bare,
          number,
          Array.from({ length: 6 }, () => value),
          result,
        );
    }
  }
});

test('every errno that reaches a program has a message', () => {
  const internal = new Set(['ENOTSUPP', 'ERESTARTSYS']);
  for (const name of Object.keys(errno)) assert.is(name in errnoMessages, !internal.has(name), name);
});

test('the table of rows and the table of names agree', () => {
  for (const { number, name } of syscallTable) assert.is(syscallName(number), name);
});

test.run();

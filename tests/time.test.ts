// Guest time is exact over its whole range, whoever sleeps for how long: a sleep that ends was as long as it was asked to be.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { restoreSnapshot, takeSnapshot } from '../box/snapshot.ts';
import { createHost } from '../kernel/host.ts';
import { errno } from '../kernel/errno.ts';
import { SLICE, type Kernel } from '../kernel/kernel.ts';
import { createProcess } from '../kernel/process.ts';
import { runKernel, StandstillError } from '../kernel/run.ts';
import { makeRunnable } from '../kernel/scheduler.ts';
import { BOOT_TIME, KTIME_MAX, NSEC_PER_SEC } from '../kernel/time.ts';
import { syscallByNumber } from '../kernel/syscalls/index.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';
import { bootForPrograms, runProgram } from './support/user-machine.ts';

const RUNS = Number(process.env['RUNS'] ?? (process.env['TEST_TIER'] === 'slow' ? 3000 : 60));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };

const numbers = new Map([...syscallByNumber.values()].map(({ name, number }) => [name, number]));

/** A call of a system call, with arguments as in AT&T operands. */
function call(name: string, ...args: readonly (string | number | bigint)[]): string {
  const registers = ['%rdi', '%rsi', '%rdx', '%r10', '%r8', '%r9'];
  const operand = (value: string | number | bigint): string => (typeof value === 'string' ? value : `$${value}`);
  const moves = args.map((value, n) => `\tmov ${operand(value)}, ${registers[n]}\n`);
  return `${moves.join('')}\tmov $${numbers.get(name)}, %eax\n\tsyscall\n`;
}

const store = (at: number, value: bigint): string => `\tmov $${value}, %rax\n\tmov %rax, buffer+${at}\n`;

/** In the page `buffer`: the record that is written, a timespec or timeval, a zero to wait on, an epoll_event, a signal set */
const Place = { record: 0, time: 64, word: 128, event: 192, set: 256 } as const;
const at = (place: keyof typeof Place): string => `$buffer+${Place[place]}`;

interface Request {
  readonly seconds: bigint;
  readonly rest: bigint;
}

interface Sleeper {
  /** what the call is given: two words, or an int of ms */
  readonly unit: 'timespec' | 'timeval' | 'ms';
  readonly absolute?: 'monotonic' | 'realtime';
  /** after the time has been stored; with ms, `request.seconds` is the int */
  readonly source: (request: Request) => string;
  readonly late: number;
}

const { EAGAIN, EDOM, EINVAL, ETIMEDOUT } = errno;
const FUTEX_BITSET = 9;
const FUTEX_REALTIME = 256;
const anyBit = 0xffff_ffff;
const int = ({ seconds }: Request): bigint => BigInt.asUintN(32, seconds);
/** a descriptor in %rbx */
const epoll = `${call('epoll_create1', 0)}\tmov %rax, %rbx\n`;
const socket = `${call('socket', 2, 2, 0)}\tmov %rax, %rbx\n`;

const sleepers: Readonly<Record<string, Sleeper>> = {
  nanosleep: { unit: 'timespec', source: () => call('nanosleep', at('time'), 0), late: 0 },
  'clock_nanosleep, relative': {
    unit: 'timespec',
    source: () => call('clock_nanosleep', 1, 0, at('time'), 0),
    late: 0,
  },
  'clock_nanosleep, relative, CLOCK_REALTIME': {
    unit: 'timespec',
    source: () => call('clock_nanosleep', 0, 0, at('time'), 0),
    late: 0,
  },
  'clock_nanosleep, absolute': {
    unit: 'timespec',
    absolute: 'monotonic',
    source: () => call('clock_nanosleep', 1, 1, at('time'), 0),
    late: 0,
  },
  'clock_nanosleep, absolute, CLOCK_REALTIME': {
    unit: 'timespec',
    absolute: 'realtime',
    source: () => call('clock_nanosleep', 0, 1, at('time'), 0),
    late: 0,
  },
  FUTEX_WAIT: { unit: 'timespec', source: () => call('futex', at('word'), 0, 0, at('time')), late: -ETIMEDOUT },
  FUTEX_WAIT_BITSET: {
    unit: 'timespec',
    absolute: 'monotonic',
    source: () => call('futex', at('word'), FUTEX_BITSET, 0, at('time'), 0, anyBit),
    late: -ETIMEDOUT,
  },
  'FUTEX_WAIT_BITSET, CLOCK_REALTIME': {
    unit: 'timespec',
    absolute: 'realtime',
    source: () => call('futex', at('word'), FUTEX_BITSET | FUTEX_REALTIME, 0, at('time'), 0, anyBit),
    late: -ETIMEDOUT,
  },
  rt_sigtimedwait: {
    unit: 'timespec',
    source: () => call('rt_sigtimedwait', at('set'), 0, at('time'), 8),
    late: -EAGAIN,
  },
  ppoll: { unit: 'timespec', source: () => call('ppoll', 0, 0, at('time'), 0, 8), late: 0 },
  poll: { unit: 'ms', source: (request) => call('poll', 0, 0, int(request)), late: 0 },
  epoll_wait: {
    unit: 'ms',
    source: (request) => epoll + call('epoll_wait', '%rbx', at('event'), 1, int(request)),
    late: 0,
  },
  epoll_pwait: {
    unit: 'ms',
    source: (request) => epoll + call('epoll_pwait', '%rbx', at('event'), 1, int(request), 0, 8),
    late: 0,
  },
  epoll_pwait2: {
    unit: 'timespec',
    source: () => epoll + call('epoll_pwait2', '%rbx', at('event'), 1, at('time'), 0, 8),
    late: 0,
  },
  SO_RCVTIMEO: {
    unit: 'timeval',
    source: () =>
      `${socket}${call('setsockopt', '%rbx', 1, 20, at('time'), 16)}\ttest %rax, %rax\n\tjnz 1f\n` +
      `${call('recvfrom', '%rbx', at('event'), 1, 0, 0, 0)}1:\n`,
    late: -EAGAIN,
  },
};

/** What Linux answers: an error at once, a time in ns (of guest time, or from the call on), or nothing ever. */
function expected({ unit, absolute }: Sleeper, { seconds, rest }: Request): bigint | 'never' | { error: number } {
  if (unit === 'ms') return BigInt.asIntN(32, seconds) < 0n ? 'never' : BigInt.asIntN(32, seconds) * 1_000_000n;
  if (unit === 'timeval') {
    if (rest < 0n || rest >= 1_000_000n) return { error: -EDOM };
    const jiffies = seconds * 1000n + (rest + 999n) / 1000n;
    // no time at all is for ever, and so is what is too much
    return seconds < 0n || jiffies === 0n || jiffies > Number.MAX_SAFE_INTEGER ? 'never' : jiffies * 1_000_000n;
  }
  if (seconds < 0n || rest < 0n || rest >= NSEC_PER_SEC) return { error: -EINVAL };
  const time = seconds * NSEC_PER_SEC + rest;
  if (time >= KTIME_MAX) return 'never';
  return absolute === 'realtime' ? time - BOOT_TIME : time;
}

/** A program that sleeps, and writes when it began, what the call gave, when it ended, and the wall clock then. */
const source = (sleeps: readonly (readonly [name: string, request: Request])[]): string =>
  sleeps
    .map(([name, request]) =>
      [
        store(Place.time, request.seconds),
        store(Place.time + 8, request.rest),
        call('clock_gettime', 1, at('record')),
        sleepers[name]!.source(request),
        `\tmov %rax, buffer+16\n`,
        call('clock_gettime', 1, `$buffer+24`),
        call('clock_gettime', 0, `$buffer+40`),
        call('write', 1, at('record'), 56),
      ].join(''),
    )
    .join('') + exit(0);

interface Slept {
  readonly begin: bigint;
  readonly result: number;
  readonly end: bigint;
  readonly wall: bigint;
}

function records(text: string): Slept[] {
  const view = new DataView(Uint8Array.from(text, (byte) => byte.charCodeAt(0)).buffer);
  const time = (offset: number): bigint => {
    assert.ok(view.getBigInt64(offset + 8, true) < NSEC_PER_SEC);
    return view.getBigInt64(offset, true) * NSEC_PER_SEC + view.getBigInt64(offset + 8, true);
  };
  return Array.from({ length: view.byteLength / 56 }, (_, n) => ({
    begin: time(n * 56),
    result: Number(view.getBigInt64(n * 56 + 16, true)),
    end: time(n * 56 + 24),
    wall: time(n * 56 + 40),
  }));
}

/** A wake-up is noticed at the end of a round, and the calls around it take instructions. */
const SLACK = BigInt(4 * SLICE);

function check(kernel: Kernel, sleeps: readonly (readonly [name: string, request: Request])[]): void {
  const { outcome, stdout } = runProgram(kernel, tinyProgram(source(sleeps)), ['test'], 300_000);
  const slept = records(stdout);
  let before = 0n;
  for (const [n, [name, request]] of sleeps.entries()) {
    const what = `${name} ${request.seconds}.${request.rest}`;
    const sleeper = sleepers[name]!;
    const wanted = expected(sleeper, request);
    const found = slept[n];
    const begin = found?.begin ?? before;
    const deadline = typeof wanted !== 'bigint' || sleeper.absolute !== undefined ? wanted : begin + wanted;
    if (deadline === 'never' || (typeof deadline === 'bigint' && deadline >= KTIME_MAX)) {
      // this one does not come back, and nothing can run any more
      assert.equal([slept.length, outcome], [n, 'idle'], what);
      return;
    }
    assert.ok(found !== undefined, `${what} did not return: ${outcome}`);
    const until = typeof deadline === 'bigint' && deadline > begin ? deadline : begin;
    assert.is(found.result, typeof wanted === 'object' ? wanted.error : sleeper.late, what);
    assert.ok(found.begin > before, `${what}: time went back`);
    assert.ok(found.end >= until && found.end < until + SLACK, `${what}: from ${begin} to ${found.end}, not ${until}`);
    assert.ok(found.wall - BOOT_TIME > found.end && found.wall - BOOT_TIME < found.end + SLACK, `${what}: wall clock`);
    before = found.end;
  }
  assert.is(outcome, 'done');
}

const LAST_SECOND = KTIME_MAX / NSEC_PER_SEC;
const near = (middle: bigint): fc.Arbitrary<bigint> => fc.bigInt(middle - 2n, middle + 2n);
const seconds = fc.oneof(
  fc.bigInt(0n, 5n),
  fc.bigInt(0n, 2n * LAST_SECOND),
  fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
  fc.constantFrom(-1n, -(1n << 63n), 10n ** 7n, 10n ** 13n, (1n << 63n) - 1n, 1n << 31n, (1n << 31n) - 1n),
  near((1n << 53n) / NSEC_PER_SEC),
  near(LAST_SECOND),
  near(BOOT_TIME / NSEC_PER_SEC),
);
const rest = fc.oneof(
  { weight: 4, arbitrary: fc.bigInt(0n, NSEC_PER_SEC - 1n) },
  { weight: 2, arbitrary: fc.bigInt(0n, 999_999n) },
  { weight: 1, arbitrary: fc.constantFrom(0n, -1n, 999_999n, 1_000_000n, 999_999_999n, 1_000_000_000n, 1n << 62n) },
);
const sleep = fc.tuple(
  fc.constantFrom(...Object.keys(sleepers)),
  fc.record({ seconds, rest }, { noNullPrototype: true }),
);

const machines = [1, 2].map((cpus) => {
  const kernel = bootForPrograms({ cpus, memory: 16 << 20 });
  return { kernel, fresh: takeSnapshot(kernel) };
});

test('every call that sleeps: for as long as asked, or for ever', () => {
  const result = fc.check(
    fc.property(fc.constantFrom(...machines), fc.array(sleep, { minLength: 1, maxLength: 4 }), (machine, sleeps) => {
      restoreSnapshot(machine.kernel, machine.fresh);
      check(machine.kernel, sleeps);
    }),
    { numRuns: RUNS, ...seed },
  );
  const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/time.test.ts`;
  const message = String((result.errorInstance as Error | null)?.stack);
  assert.not.ok(result.failed, `${replay}\n${message}\n${fc.defaultReportMessage(result)}`);
});

for (const name of Object.keys(sleepers)) {
  test(`${name}: a moment, a hundred years, ten million times that`, () => {
    const { kernel, fresh } = machines[0]!;
    const request = (years: bigint): Request => ({ seconds: years * 31_556_952n, rest: 123_456n });
    for (const sleeps of [[0n], [0n, 100n, 0n, 100n], [100n, 1_000_000_000n]]) {
      restoreSnapshot(kernel, fresh);
      check(
        kernel,
        sleeps.map((years) => [name, request(years)] as const),
      );
    }
  });
}

test('what is left of a sleep that a signal ends', () => {
  const { kernel, fresh } = machines[0]!;
  restoreSnapshot(kernel, fresh);
  // SIGALRM's handler does nothing; a child sends the signal after two seconds of ten billion
  const sleeping = [
    store(Place.time, 5_000_000_000n),
    store(Place.time + 8, 999_999_999n),
    '\tmov $handler, %rax\n\tmov %rax, buffer+512\n\tmov $0x4000000, %eax\n\tmov %rax, buffer+520\n',
    '\tmov $restorer, %rax\n\tmov %rax, buffer+528\n',
    call('rt_sigaction', 14, '$buffer+512', 0, 8),
    call('fork'),
    '\ttest %eax, %eax\n\tjz child\n',
    call('nanosleep', at('time'), at('record')),
    '\tmov %rax, buffer+16\n',
    call('write', 1, at('record'), 24),
    exit(0),
    'child:\n',
    store(Place.time, 2n),
    store(Place.time + 8, 0n),
    call('nanosleep', at('time'), 0),
    call('getppid'),
    '\tmov %rax, %rdi\n\tmov $14, %esi\n\tmov $62, %eax\n\tsyscall\n',
    exit(0),
    'handler:\n\tret\nrestorer:\n\tmov $15, %eax\n\tsyscall\n',
  ].join('');
  const { outcome, stdout } = runProgram(kernel, tinyProgram(sleeping), ['test'], 300_000);
  assert.is(outcome, 'done');
  const view = new DataView(Uint8Array.from(stdout, (byte) => byte.charCodeAt(0)).buffer);
  assert.is(view.getBigInt64(16, true), BigInt(-errno.EINTR));
  const left = view.getBigInt64(0, true) * NSEC_PER_SEC + view.getBigInt64(8, true);
  const slept = 5_000_000_000n * NSEC_PER_SEC + 999_999_999n - left;
  assert.ok(slept >= 2n * NSEC_PER_SEC && slept < 2n * NSEC_PER_SEC + SLACK, `${slept}`);
});

test('clocks that cannot be slept on', () => {
  const { kernel, fresh } = machines[0]!;
  restoreSnapshot(kernel, fresh);
  const clocks = [2, 3, 4, 5, 6, 12, -1];
  const body = clocks
    .map((clock, n) => `${call('clock_nanosleep', clock, 0, at('time'), 0)}\tmov %rax, buffer+${512 + n * 8}\n`)
    .join('');
  const { stdout } = runProgram(kernel, tinyProgram(body + call('write', 1, '$buffer+512', 56) + exit(0)), ['test']);
  const results = new BigInt64Array(Uint8Array.from(stdout, (byte) => byte.charCodeAt(0)).buffer);
  const [unsupported, invalid] = [BigInt(-errno.EOPNOTSUPP), BigInt(-EINVAL)];
  assert.equal([...results], [unsupported, invalid, unsupported, unsupported, unsupported, invalid, invalid]);
});

test('a main loop in which nothing happens says so', () => {
  const { kernel, fresh } = machines[1]!;
  restoreSnapshot(kernel, fresh);
  makeRunnable(kernel, createProcess(kernel, 'stuck'));
  const host = { ...createHost(kernel), run: () => 'limit' as const };
  assert.throws(
    () => runKernel(kernel, host, 1_000_000, () => false),
    (error: Error) =>
      error instanceof StandstillError && /no instruction and no time .* CPU 0 with task/.test(error.message),
  );
});

test.run();

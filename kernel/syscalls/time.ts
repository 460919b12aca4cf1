import { fail } from '../errno.ts';
import { now } from '../kernel.ts';
import { copyToUser } from '../mm/user-memory.ts';
import { hasDeliverable } from '../signal.ts';
import { BOOT_TIME, KTIME_MAX, NSEC_PER_SEC, timeAfter } from '../time.ts';
import { toInt } from './arguments.ts';
import { readTimespec } from './timeouts.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';

/** include/uapi/linux/time.h */
const Clock = {
  realtime: 0,
  monotonic: 1,
  processCpu: 2,
  threadCpu: 3,
  realtimeCoarse: 5,
  boottime: 7,
  tai: 11,
} as const;

const isWallClock = (clock: number): boolean =>
  clock === Clock.realtime || clock === Clock.realtimeCoarse || clock === Clock.tai;

function clockNanoseconds({ kernel, cpu, task }: SyscallCall, clock: number): bigint {
  const elapsed = now(kernel, cpu);
  if (clock < 0 || clock > Clock.tai) fail('EINVAL');
  if (isWallClock(clock)) return BOOT_TIME + elapsed;
  if (clock === Clock.processCpu || clock === Clock.threadCpu)
    return BigInt(task.cpuTime) + elapsed - task.switchedInAt;
  return elapsed;
}

/** Two 64-bit words: seconds, and the rest in units of `unit` ns. */
function pair(nanoseconds: bigint, unit: bigint): Uint8Array {
  const image = new DataView(new ArrayBuffer(16));
  image.setBigInt64(0, nanoseconds / NSEC_PER_SEC, true);
  image.setBigInt64(8, (nanoseconds % NSEC_PER_SEC) / unit, true);
  return new Uint8Array(image.buffer);
}

const TIMER_ABSTIME = 1;
/** k_clock.nsleep: the clocks that can be slept on */
const sleepClocks: readonly number[] = [Clock.realtime, Clock.monotonic, Clock.boottime, Clock.tai];

/** Guest time, ns, when `clock` will show `time`. */
const guestTimeAt = (clock: number, time: bigint): bigint =>
  isWallClock(clock) && time < KTIME_MAX ? time - BOOT_TIME : time;

/** hrtimer_nanosleep. What is left of a relative sleep that a signal ends goes to `remaining`. */
function sleep(
  call: SyscallCall,
  clock: number,
  absolute: boolean,
  request: bigint,
  remaining: bigint,
): ReturnType<SyscallHandler> {
  const { kernel, cpu, task } = call;
  if (clock < 0 || clock > Clock.tai || clock === Clock.threadCpu) fail('EINVAL');
  if (!sleepClocks.includes(clock)) fail('EOPNOTSUPP');
  const time = now(kernel, cpu);
  if (task.waitsUntil === undefined) {
    const wanted = readTimespec(call, request);
    task.waitsUntil = absolute ? guestTimeAt(clock, wanted) : timeAfter(time, wanted);
  }
  const deadline = task.waitsUntil;
  if (time >= deadline) return 0;
  if (hasDeliverable(task)) {
    if (!absolute && remaining !== 0n) copyToUser(kernel, task, remaining, pair(deadline - time, 1n));
    fail('EINTR');
  }
  return { wait: [], deadline };
}

export const timeSyscalls: readonly SyscallRow[] = [
  syscall(35, 'nanosleep', ['pointer', 'pointer'], (call) =>
    sleep(call, Clock.monotonic, false, call.args[0], call.args[1]),
  ),
  syscall(96, 'gettimeofday', ['pointer', 'pointer'], (call) => {
    if (call.args[0] !== 0n)
      copyToUser(call.kernel, call.task, call.args[0], pair(clockNanoseconds(call, Clock.realtime), 1000n));
    if (call.args[1] !== 0n) copyToUser(call.kernel, call.task, call.args[1], new Uint8Array(8));
    return 0;
  }),
  syscall(201, 'time', ['pointer'], (call) => {
    const seconds = clockNanoseconds(call, Clock.realtime) / NSEC_PER_SEC;
    if (call.args[0] !== 0n)
      copyToUser(call.kernel, call.task, call.args[0], pair(seconds * NSEC_PER_SEC, 1n).subarray(0, 8));
    return seconds;
  }),
  syscall(228, 'clock_gettime', ['int', 'pointer'], (call) => {
    copyToUser(call.kernel, call.task, call.args[1], pair(clockNanoseconds(call, toInt(call.args[0])), 1n));
    return 0;
  }),
  syscall(229, 'clock_getres', ['int', 'pointer'], (call) => {
    clockNanoseconds(call, toInt(call.args[0]));
    if (call.args[1] !== 0n) copyToUser(call.kernel, call.task, call.args[1], pair(1n, 1n));
    return 0;
  }),
  syscall(
    230,
    'clock_nanosleep',
    ['int', 'int', 'pointer', 'pointer'],
    (call) => sleep(call, toInt(call.args[0]), (toInt(call.args[1]) & TIMER_ABSTIME) !== 0, call.args[2], call.args[3]),
    'CLOCK_PROCESS_CPUTIME_ID cannot be slept on',
  ),
];

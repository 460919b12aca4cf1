import { fail } from '../errno.ts';
import { now } from '../kernel.ts';
import { copyToUser, readUserU64 } from '../mm/user-memory.ts';
import { hasDeliverable } from '../signal.ts';
import { toInt } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';

/** Wall-clock time at boot: the box has no other source, so it is always 2025-01-01 00:00:00 UTC. */
export const BOOT_TIME = 1_735_689_600;
const NANOSECONDS = 1_000_000_000n;
export const BOOT_TIME_NANOSECONDS = BigInt(BOOT_TIME) * NANOSECONDS;

const CLOCK_REALTIME = 0;
const CLOCK_REALTIME_COARSE = 5;
const CLOCK_TAI = 11;

function clockNanoseconds({ kernel, cpu, task }: SyscallCall, clock: number): bigint {
  const elapsed = now(kernel, cpu);
  if (clock < 0 || clock > CLOCK_TAI) fail('EINVAL');
  if (clock === CLOCK_REALTIME || clock === CLOCK_REALTIME_COARSE || clock === CLOCK_TAI)
    return BOOT_TIME_NANOSECONDS + BigInt(elapsed);
  if (clock === 2 || clock === 3) return BigInt(task.cpuTime + elapsed - task.switchedInAt);
  return BigInt(elapsed);
}

/** Two 64-bit words: seconds, and the rest in units of `unit` ns. */
function pair(nanoseconds: bigint, unit: bigint): Uint8Array {
  const image = new DataView(new ArrayBuffer(16));
  image.setBigInt64(0, nanoseconds / NANOSECONDS, true);
  image.setBigInt64(8, (nanoseconds % NANOSECONDS) / unit, true);
  return new Uint8Array(image.buffer);
}

const TIMER_ABSTIME = 1;
function sleep(call: SyscallCall, clock: number, absolute: boolean, request: bigint): ReturnType<SyscallHandler> {
  const { kernel, task } = call;
  if (task.timedOut) {
    task.timedOut = false;
    return 0;
  }
  const seconds = BigInt.asIntN(64, readUserU64(kernel, task, request));
  const nanoseconds = BigInt.asIntN(64, readUserU64(kernel, task, request + 8n));
  if (seconds < 0n || nanoseconds < 0n || nanoseconds >= NANOSECONDS) fail('EINVAL');
  if (hasDeliverable(task)) fail('EINTR');
  const wanted = seconds * NANOSECONDS + nanoseconds;
  const base = now(kernel, call.cpu);
  const deadline = base + Number(absolute ? wanted - clockNanoseconds(call, clock) : wanted);
  return deadline <= base ? 0 : { wait: [], deadline };
}

export const timeSyscalls: readonly SyscallRow[] = [
  syscall(
    35,
    'nanosleep',
    ['pointer', 'pointer'],
    (call) => sleep(call, 1, false, call.args[0]),
    'the remaining time is not written',
  ),
  syscall(96, 'gettimeofday', ['pointer', 'pointer'], (call) => {
    if (call.args[0] !== 0n)
      copyToUser(call.kernel, call.task, call.args[0], pair(clockNanoseconds(call, CLOCK_REALTIME), 1000n));
    if (call.args[1] !== 0n) copyToUser(call.kernel, call.task, call.args[1], new Uint8Array(8));
    return 0;
  }),
  syscall(201, 'time', ['pointer'], (call) => {
    const seconds = clockNanoseconds(call, CLOCK_REALTIME) / NANOSECONDS;
    if (call.args[0] !== 0n)
      copyToUser(call.kernel, call.task, call.args[0], pair(seconds * NANOSECONDS, 1n).subarray(0, 8));
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
    (call) => sleep(call, toInt(call.args[0]), (toInt(call.args[1]) & TIMER_ABSTIME) !== 0, call.args[2]),
    'the remaining time is not written',
  ),
];

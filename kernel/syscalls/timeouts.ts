/** How long system calls wait: kernel/time/time.c. */
import { fail } from '../errno.ts';
import { readUserU64 } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import { KTIME_MAX, ktimeOf, NSEC_PER_SEC, timeAfter } from '../time.ts';
import { toInt } from './arguments.ts';
import type { SyscallCall } from './types.ts';

/** get_timespec64 and timespec64_valid: struct timespec in ns. EFAULT, EINVAL. */
export function readTimespec({ kernel, task }: SyscallCall, address: bigint): bigint {
  const seconds = BigInt.asIntN(64, readUserU64(kernel, task, address));
  const nanoseconds = BigInt.asIntN(64, readUserU64(kernel, task, address + 8n));
  if (seconds < 0n || nanoseconds < 0n || nanoseconds >= NSEC_PER_SEC) fail('EINVAL');
  return ktimeOf(seconds, nanoseconds);
}

/** ns, of a pointer to struct timespec; null: none. EFAULT, EINVAL. */
export const optionalTimespec = (call: SyscallCall, address: bigint): bigint | undefined =>
  address === 0n ? undefined : readTimespec(call, address);

/** ns, of a timeout in ms; negative: none. */
export const milliseconds = (register: bigint): bigint | undefined =>
  toInt(register) < 0 ? undefined : BigInt(toInt(register)) * 1_000_000n;

/**
 * When the call that `task` is in stops waiting, which asks at `time`: what it said the first time, so that a wake-up that
 * was meant for somebody else does not make it wait longer. `duration` in ns; undefined: for ever.
 */
export function waitDeadline(task: Task, time: bigint, duration: bigint | undefined): bigint {
  task.waitsUntil ??= duration === undefined ? KTIME_MAX : timeAfter(time, duration);
  return task.waitsUntil;
}

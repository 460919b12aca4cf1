/** futex(2), with waiting, waking, requeueing and FUTEX_WAKE_OP; kernel/futex/. */
import { fail } from '../errno.ts';
import { FUTEX_BITSET_MATCH_ANY, futexChannel, requeueFutex, wakeFutex } from '../futex.ts';
import { now } from '../kernel.ts';
import { copyFromUser, writeUserU32 } from '../mm/user-memory.ts';
import { hasDeliverable } from '../signal.ts';
import { BOOT_TIME, KTIME_MAX, timeAfter } from '../time.ts';
import { toInt, toUnsigned } from './arguments.ts';
import { readTimespec } from './timeouts.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from './types.ts';

const FUTEX_CLOCK_REALTIME = 256;
const FUTEX_PRIVATE_FLAG = 128;

function readWord({ kernel, task }: SyscallCall, address: bigint): number {
  return new DataView(copyFromUser(kernel, task, address, 4).buffer).getUint32(0, true);
}

/** Counts are ints; Linux wakes one when asked for none or fewer. */
const count = (value: bigint): number => Math.max(1, toInt(value));

/** Guest time in ns; FUTEX_WAIT's is relative, FUTEX_WAIT_BITSET's absolute. EINVAL, EFAULT. */
function deadlineOf(call: SyscallCall, timeout: bigint, absolute: boolean): bigint | undefined {
  if (timeout === 0n) return undefined;
  const wanted = readTimespec(call, timeout);
  if (!absolute) return timeAfter(now(call.kernel, call.cpu), wanted);
  const realtime = (toInt(call.args[1]) & FUTEX_CLOCK_REALTIME) !== 0;
  return realtime && wanted < KTIME_MAX ? wanted - BOOT_TIME : wanted;
}

function wait(call: SyscallCall, bitset: number, absolute: boolean): ReturnType<SyscallHandler> {
  const { kernel, cpu, task, args } = call;
  const time = now(kernel, cpu);
  const begun = task.futexWait;
  if (begun === undefined) {
    if (bitset === 0) fail('EINVAL');
    const deadline = deadlineOf(call, args[3], absolute);
    if (readWord(call, args[0]) !== toUnsigned(args[2])) fail('EAGAIN');
    if (hasDeliverable(task)) fail(deadline === undefined ? 'ERESTARTSYS' : 'EINTR');
    if (deadline !== undefined && deadline <= time) fail('ETIMEDOUT');
    const channel = futexChannel(kernel, task, args[0]);
    task.futexWait = { channel, bitset, since: time, deadline, woken: false };
    return deadline === undefined ? { wait: [channel] } : { wait: [channel], deadline };
  }
  const { channel, deadline, woken } = begun;
  const timedOut = deadline !== undefined && time >= deadline;
  if (!woken && !timedOut && !hasDeliverable(task))
    return deadline === undefined ? { wait: [channel] } : { wait: [channel], deadline };
  task.futexWait = undefined;
  if (woken) return 0;
  if (timedOut) fail('ETIMEDOUT');
  return fail(deadline === undefined ? 'ERESTARTSYS' : 'EINTR');
}

/** The fourth argument is a count where it is no timeout. */
function requeue(call: SyscallCall): number {
  const { kernel, task, args } = call;
  if (toInt(args[2]) < 0 || toInt(args[3]) < 0) fail('EINVAL');
  const [from, to] = [futexChannel(kernel, task, args[0]), futexChannel(kernel, task, args[4])];
  const woken = wakeFutex(kernel, from, toInt(args[2]));
  return woken + requeueFutex(kernel, from, to, toInt(args[3]));
}

const operations: readonly ((old: number, argument: number) => number)[] = [
  (_, argument) => argument,
  (old, argument) => old + argument,
  (old, argument) => old | argument,
  (old, argument) => old & ~argument,
  (old, argument) => old ^ argument,
];
const comparisons: readonly ((old: number, argument: number) => boolean)[] = [
  (old, argument) => old === argument,
  (old, argument) => old !== argument,
  (old, argument) => old < argument,
  (old, argument) => old <= argument,
  (old, argument) => old > argument,
  (old, argument) => old >= argument,
];
const signed12 = (value: number): number => (value << 20) >> 20;

/** futex_atomic_op_inuser: bits 31-28 the operation (8: its argument is a shift), 27-24 the comparison, then two arguments. */
function wakeOperation(call: SyscallCall): number {
  const { kernel, task, args } = call;
  const code = toUnsigned(args[5]);
  const operation = operations[(code >>> 28) & 7] ?? fail('ENOSYS');
  const comparison = comparisons[(code >>> 24) & 15] ?? fail('ENOSYS');
  const argument = signed12(code >>> 12);
  if ((args[4] & 3n) !== 0n) fail('EINVAL');
  const old = readWord(call, args[4]) | 0;
  writeUserU32(kernel, task, args[4], operation(old, code >>> 31 === 1 ? 1 << (argument & 31) : argument) >>> 0);
  const woken = wakeFutex(kernel, futexChannel(kernel, task, args[0]), count(args[2]));
  if (!comparison(old, signed12(code))) return woken;
  return woken + wakeFutex(kernel, futexChannel(kernel, task, args[4]), count(args[3]));
}

function wakeSome(call: SyscallCall, bitset: number): number {
  if (bitset === 0) fail('EINVAL');
  return wakeFutex(call.kernel, futexChannel(call.kernel, call.task, call.args[0]), count(call.args[2]), bitset);
}

/** by command */
const commands: Readonly<Record<number, SyscallHandler>> = {
  0: (call) => wait(call, FUTEX_BITSET_MATCH_ANY, false),
  1: (call) => wakeSome(call, FUTEX_BITSET_MATCH_ANY),
  3: requeue,
  4: (call) => (readWord(call, call.args[0]) === toUnsigned(call.args[5]) ? requeue(call) : fail('EAGAIN')),
  5: wakeOperation,
  9: (call) => wait(call, toUnsigned(call.args[5]), true),
  10: (call) => wakeSome(call, toUnsigned(call.args[5])),
};

const futex: SyscallHandler = (call) => {
  const command = commands[toInt(call.args[1]) & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)] ?? fail('ENOSYS');
  if ((call.args[0] & 3n) !== 0n) fail('EINVAL');
  return command(call);
};

export const futexSyscalls: readonly SyscallRow[] = [
  syscall(202, 'futex', ['pointer', 'int', 'unsigned', 'pointer', 'pointer', 'hex'], futex, 'no priority inheritance'),
];

/** poll(2) and ppoll(2): fs/select.c. */
import { Errno, fail } from '../errno.ts';
import { MAX_DESCRIPTORS, Poll } from '../fs/constants.ts';
import { readiness } from '../fs/file-kinds.ts';
import { fileOf } from '../fs/files.ts';
import type { Readiness } from '../fs/types.ts';
import { now, type Kernel } from '../kernel.ts';
import { copyFromUser, copyToUser, readUserU64 } from '../mm/user-memory.ts';
import type { Wait } from '../native.ts';
import { hasDeliverable } from '../signal.ts';
import type { Task } from '../task.ts';
import { toInt, toUnsigned } from './arguments.ts';
import { syscall, type SyscallCall, type SyscallRow } from './types.ts';

/** struct pollfd: int fd, short events, short revents */
const POLLFD = 8;

function readinessOf(kernel: Kernel, task: Task, descriptor: number): Readiness {
  try {
    return readiness(kernel, fileOf(kernel, task, descriptor));
  } catch (error) {
    if (error instanceof Errno) return { events: Poll.invalid, channels: [] };
    throw error;
  }
}

/** `timeout` in ns; negative: none. A wake-up that turns out to be somebody else's starts it anew. */
function pollFiles({ kernel, cpu, task }: SyscallCall, address: bigint, count: number, timeout: number): number | Wait {
  if (count > MAX_DESCRIPTORS) fail('EINVAL');
  const { timedOut } = task;
  task.timedOut = false;
  const bytes = copyFromUser(kernel, task, address, count * POLLFD);
  const view = new DataView(bytes.buffer);
  const channels: string[] = [];
  let ready = 0;
  for (let at = 0; at < bytes.length; at += POLLFD) {
    const descriptor = view.getInt32(at, true);
    const wanted = view.getUint16(at + 4, true) | Poll.error | Poll.hangUp | Poll.invalid;
    const state = descriptor < 0 ? { events: 0, channels: [] } : readinessOf(kernel, task, descriptor);
    view.setUint16(at + 6, state.events & wanted, true);
    if ((state.events & wanted) !== 0) ready++;
    channels.push(...state.channels);
  }
  if (ready > 0 || timeout === 0 || timedOut) {
    copyToUser(kernel, task, address, bytes);
    return ready;
  }
  if (hasDeliverable(task)) fail('EINTR');
  const wait = channels.length === 0 && timeout < 0 ? [`poll:${task.pid}`] : channels;
  return timeout < 0 ? { wait } : { wait, deadline: now(kernel, cpu) + timeout };
}

/** struct timespec in ns; a null pointer is no timeout. EINVAL. */
export function timespec({ kernel, task }: SyscallCall, address: bigint): number {
  if (address === 0n) return -1;
  const seconds = BigInt.asIntN(64, readUserU64(kernel, task, address));
  const nanoseconds = BigInt.asIntN(64, readUserU64(kernel, task, address + 8n));
  if (seconds < 0n || nanoseconds < 0n || nanoseconds >= 1_000_000_000n) fail('EINVAL');
  return Number(seconds) * 1e9 + Number(nanoseconds);
}

// prettier-ignore
export const pollSyscalls: readonly SyscallRow[] = [
  syscall(7,   'poll',  ['pointer', 'unsigned', 'int'], (call) =>
    pollFiles(call, call.args[0], toUnsigned(call.args[1]), toInt(call.args[2]) * 1e6)),
  syscall(271, 'ppoll', ['pointer', 'unsigned', 'pointer', 'pointer', 'unsigned'], (call) =>
    pollFiles(call, call.args[0], toUnsigned(call.args[1]), timespec(call, call.args[2])), 'the signal mask is not changed'),
];

/** poll(2) and ppoll(2): fs/select.c. */
import { Errno, fail } from '../errno.ts';
import { MAX_DESCRIPTORS, Poll } from '../fs/constants.ts';
import { readiness } from '../fs/file-kinds.ts';
import { fileOf } from '../fs/files.ts';
import type { Readiness } from '../fs/types.ts';
import { now, type Kernel } from '../kernel.ts';
import { copyFromUser, copyToUser } from '../mm/user-memory.ts';
import type { Wait } from '../native.ts';
import { hasDeliverable } from '../signal.ts';
import type { Task } from '../task.ts';
import { toUnsigned } from './arguments.ts';
import { milliseconds, optionalTimespec, waitDeadline } from './timeouts.ts';
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

/** `timeout` in ns; undefined: none. */
function pollFiles(call: SyscallCall, address: bigint, count: number, timeout: bigint | undefined): number | Wait {
  const { kernel, cpu, task } = call;
  if (count > MAX_DESCRIPTORS) fail('EINVAL');
  const time = now(kernel, cpu);
  const deadline = waitDeadline(task, time, timeout);
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
  if (ready > 0 || time >= deadline) {
    copyToUser(kernel, task, address, bytes);
    return ready;
  }
  if (hasDeliverable(task)) fail('EINTR');
  return { wait: channels, deadline };
}

// prettier-ignore
export const pollSyscalls: readonly SyscallRow[] = [
  syscall(7,   'poll',  ['pointer', 'unsigned', 'int'], (call) =>
    pollFiles(call, call.args[0], toUnsigned(call.args[1]), milliseconds(call.args[2]))),
  syscall(271, 'ppoll', ['pointer', 'unsigned', 'pointer', 'pointer', 'unsigned'], (call) =>
    pollFiles(call, call.args[0], toUnsigned(call.args[1]), optionalTimespec(call, call.args[2])), 'the signal mask is not changed'),
];

/** epoll_create, epoll_ctl, epoll_wait and eventfd: fs/eventpoll.c, fs/eventfd.c. */
import { fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import {
  addWatch,
  changeWatch,
  epollChannel,
  epollOf,
  readyEvents,
  removeWatch,
  type EpollEvent,
} from '../fs/epoll.ts';
import { fileOf, installDescriptor, openFile } from '../fs/files.ts';
import { now } from '../kernel.ts';
import { checkWritable, copyFromUser, copyToUser } from '../mm/user-memory.ts';
import type { Wait } from '../native.ts';
import { hasDeliverable } from '../signal.ts';
import { toInt, toUnsigned } from './arguments.ts';
import { milliseconds, optionalTimespec, waitDeadline } from './timeouts.ts';
import { syscall, type SyscallCall, type SyscallRow } from './types.ts';

/** struct epoll_event, packed on x86-64: u32 events, u64 data */
const EVENT_SIZE = 12;
const MAX_EVENTS = Math.floor(0x7fffffff / EVENT_SIZE);
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

function createEpoll({ kernel, task }: SyscallCall, flags: number): number {
  if ((flags & ~OpenFlag.closeOnExec) !== 0) fail('EINVAL');
  const file = openFile(kernel, 'epoll', 0, OpenFlag.readWrite, 'anon_inode:[eventpoll]');
  kernel.fileSystem.epolls.set(file.id, { watches: new Map() });
  return installDescriptor(kernel, task, file, flags !== 0);
}

function readEvent({ kernel, task }: SyscallCall, address: bigint): EpollEvent {
  const view = new DataView(copyFromUser(kernel, task, address, EVENT_SIZE).buffer);
  return { events: view.getInt32(0, true), data: view.getBigUint64(4, true) };
}

/** EFAULT, EBADF, EPERM and those of the operation; EINVAL for another operation, and for the instance itself. */
function control(call: SyscallCall): number {
  const { kernel, task, args } = call;
  const operation = toInt(args[1]);
  const descriptor = toInt(args[2]);
  const event = operation === EPOLL_CTL_DEL ? { events: 0, data: 0n } : readEvent(call, args[3]);
  const owner = fileOf(kernel, task, args[0]);
  const file = fileOf(kernel, task, descriptor);
  if (file.id === owner.id) fail('EINVAL');
  epollOf(kernel, owner);
  if (operation === EPOLL_CTL_ADD) addWatch(kernel, owner, descriptor, file, event);
  else if (operation === EPOLL_CTL_MOD) changeWatch(kernel, owner, descriptor, file, event);
  else if (operation === EPOLL_CTL_DEL) removeWatch(kernel, owner, descriptor, file);
  else fail('EINVAL');
  return 0;
}

/** `timeout` in ns; undefined: none. */
function waitForEvents(call: SyscallCall, timeout: bigint | undefined): number | Wait {
  const { kernel, cpu, task, args } = call;
  const limit = toInt(args[2]);
  const time = now(kernel, cpu);
  const deadline = waitDeadline(task, time, timeout);
  if (limit <= 0 || limit > MAX_EVENTS) fail('EINVAL');
  const owner = fileOf(kernel, task, args[0]);
  const { events, taken } = readyEvents(kernel, owner, limit);
  if (events.length > 0) {
    const view = new DataView(new ArrayBuffer(events.length * EVENT_SIZE));
    events.forEach((event, n) => {
      view.setInt32(n * EVENT_SIZE, event.events, true);
      view.setBigUint64(n * EVENT_SIZE + 4, event.data, true);
    });
    copyToUser(kernel, task, args[1], new Uint8Array(view.buffer));
    taken();
    return events.length;
  }
  checkWritable(kernel, task, args[1], EVENT_SIZE);
  taken();
  if (time >= deadline) return 0;
  if (hasDeliverable(task)) fail('EINTR');
  return { wait: [epollChannel(owner.id)], deadline };
}

const EFD_SEMAPHORE = 1;

function createCounter({ kernel, task }: SyscallCall, initial: number, flags: number): number {
  if ((flags & ~(EFD_SEMAPHORE | OpenFlag.closeOnExec | OpenFlag.nonBlock)) !== 0) fail('EINVAL');
  const access = OpenFlag.readWrite | (flags & OpenFlag.nonBlock);
  const file = openFile(kernel, 'eventfd', 0, access, 'anon_inode:[eventfd]');
  const semaphore = (flags & EFD_SEMAPHORE) !== 0;
  kernel.fileSystem.eventCounters.set(file.id, { count: BigInt(initial), semaphore });
  return installDescriptor(kernel, task, file, (flags & OpenFlag.closeOnExec) !== 0);
}

const NO_MASK = 'the signal mask is not changed';

// prettier-ignore
export const epollSyscalls: readonly SyscallRow[] = [
  syscall(213, 'epoll_create',  ['int'], (call) => (toInt(call.args[0]) > 0 ? createEpoll(call, 0) : fail('EINVAL'))),
  syscall(232, 'epoll_wait',    ['fd', 'pointer', 'int', 'int'], (call) => waitForEvents(call, milliseconds(call.args[3]))),
  syscall(233, 'epoll_ctl',     ['fd', 'int', 'fd', 'pointer'], control),
  syscall(281, 'epoll_pwait',   ['fd', 'pointer', 'int', 'int', 'pointer', 'unsigned'], (call) =>
    waitForEvents(call, milliseconds(call.args[3])), NO_MASK),
  syscall(284, 'eventfd',       ['unsigned'], (call) => createCounter(call, toUnsigned(call.args[0]), 0)),
  syscall(290, 'eventfd2',      ['unsigned', 'hex'], (call) =>
    createCounter(call, toUnsigned(call.args[0]), toInt(call.args[1]))),
  syscall(291, 'epoll_create1', ['hex'], (call) => createEpoll(call, toInt(call.args[0]))),
  syscall(441, 'epoll_pwait2',  ['fd', 'pointer', 'int', 'pointer', 'pointer', 'unsigned'], (call) =>
    waitForEvents(call, optionalTimespec(call, call.args[3])), NO_MASK),
];

/** The system calls of sockets: net/socket.c. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { Errno, fail } from '../errno.ts';
import { OpenFlag } from '../fs/constants.ts';
import { closeDescriptor, fileOf } from '../fs/files.ts';
import type { OpenFile } from '../fs/types.ts';
import { checkWritable, copyFromUser, copyToUser, writeUserU32 } from '../mm/user-memory.ts';
import type { Wait } from '../native.ts';
import { toCount, toInt } from '../syscalls/arguments.ts';
import { syscall, type SyscallCall, type SyscallHandler, type SyscallRow } from '../syscalls/types.ts';
import { addressFromUser, giveAddress } from './sockaddr.ts';
import { giveSocket, isNonBlocking, sendMessage, socketOf, TimeoutOption, waitOnSocket } from './socket-file.ts';
import { kindOf, protocolFor, type Received } from './socket-kinds.ts';
import { getOption, setOption } from './socket-options.ts';
import { AF_UNIX, createSocket, SOCK_STREAM } from './sockets.ts';
import type { Socket } from './types.ts';
import { createPair } from './unix.ts';

/** SOCK_NONBLOCK and SOCK_CLOEXEC are the open flags */
const CREATION_FLAGS = OpenFlag.nonBlock | OpenFlag.closeOnExec;
const MSG = {
  oob: 1,
  peek: 2,
  trunc: 0x20,
  dontWait: 0x40,
  waitAll: 0x100,
  errorQueue: 0x2000,
  noSignal: 0x4000,
} as const;
/** most bytes of one call: what a socket keeps is far less */
const LARGEST_TRANSFER = 1 << 20;
const IOV_MAX = 1024;

interface Target {
  readonly file: OpenFile;
  readonly socket: Socket;
}

function target({ kernel, task, args }: SyscallCall): Target {
  const file = fileOf(kernel, task, args[0]);
  return { file, socket: socketOf(kernel, file) };
}

function typeAndFlags(value: number): { readonly type: number; readonly flags: number } {
  const type = value & 15;
  if ((value & ~15 & ~CREATION_FLAGS) !== 0) fail('EINVAL');
  return { type, flags: value & CREATION_FLAGS };
}

const socket: SyscallHandler = ({ kernel, task, args }) => {
  const family = toInt(args[0]);
  const { type, flags } = typeAndFlags(toInt(args[1]));
  const protocol = protocolFor(family, type, toInt(args[2]));
  return giveSocket(kernel, task, createSocket(kernel, family, type, protocol), flags);
};

const socketpair: SyscallHandler = ({ kernel, task, args }) => {
  const { type, flags } = typeAndFlags(toInt(args[1]));
  const family = toInt(args[0]);
  protocolFor(family, type, toInt(args[2]));
  if (family !== AF_UNIX) fail('EOPNOTSUPP');
  checkWritable(kernel, task, args[3], 8);
  const [left, right] = createPair(kernel, type);
  let first;
  try {
    first = giveSocket(kernel, task, left, flags);
  } catch (error) {
    kindOf(right).close(kernel, right);
    throw error;
  }
  try {
    const second = giveSocket(kernel, task, right, flags);
    copyToUser(kernel, task, args[3], new Uint8Array(Int32Array.of(first, second).buffer));
    return 0;
  } catch (error) {
    closeDescriptor(kernel, task, first);
    throw error;
  }
};

const bind: SyscallHandler = (call) => {
  const { socket: bound } = target(call);
  kindOf(bound).bind(call.kernel, bound, addressFromUser(call.kernel, call.task, call.args[1], toInt(call.args[2])));
  return 0;
};

/** The first half: -EINPROGRESS when it takes time, also when it had begun before and the caller waits. */
const connect: SyscallHandler = (call) => {
  const { file, socket: connecting } = target(call);
  const address = addressFromUser(call.kernel, call.task, call.args[1], toInt(call.args[2]));
  try {
    if (!kindOf(connecting).connect(call.kernel, connecting, address)) fail('EINPROGRESS');
    return 0;
  } catch (error) {
    if (error instanceof Errno && error.code === 'EALREADY' && !isNonBlocking(file)) fail('EINPROGRESS');
    throw error;
  }
};

const listen: SyscallHandler = (call) => {
  const { socket: listener } = target(call);
  kindOf(listener).listen(call.kernel, listener, toInt(call.args[1]));
  return 0;
};

function acceptFrom(call: SyscallCall, flags: number): number | Wait {
  const { kernel, task, args } = call;
  if ((flags & ~CREATION_FLAGS) !== 0) fail('EINVAL');
  const { file, socket: listener } = target(call);
  if (args[1] !== 0n) checkWritable(kernel, task, args[2], 4);
  const accepted = kindOf(listener).accept(kernel, listener);
  if (accepted === undefined) {
    return waitOnSocket(kernel, task, listener, isNonBlocking(file), TimeoutOption.receive);
  }
  const descriptor = giveSocket(kernel, task, accepted, flags);
  if (args[1] === 0n) return descriptor;
  try {
    // one that was reset meanwhile has no peer any more, but a name
    const name = accepted.connected ? kindOf(accepted).peerName(accepted) : new Uint8Array(16);
    giveAddress(kernel, task, name, args[1], args[2]);
  } catch (error) {
    closeDescriptor(kernel, task, descriptor);
    throw error;
  }
  return descriptor;
}

interface Part {
  readonly address: bigint;
  readonly length: number;
}

/** struct iovec [count], cut to what one call moves. EMSGSIZE, EINVAL, EFAULT. */
function partsOf({ kernel, task }: SyscallCall, address: bigint, count: bigint): Part[] {
  if (count > BigInt(IOV_MAX)) fail('EMSGSIZE');
  const view = viewOf(copyFromUser(kernel, task, address, Number(count) * 16));
  let left = LARGEST_TRANSFER;
  return Array.from({ length: Number(count) }, (_, n) => {
    const wanted = view.getBigInt64(n * 16 + 8, true);
    if (wanted < 0n) fail('EINVAL');
    const length = Math.min(toCount(wanted), left);
    left -= length;
    return { address: view.getBigUint64(n * 16, true), length };
  });
}

const single = (address: bigint, length: bigint): Part[] => [
  { address, length: Math.min(toCount(length), LARGEST_TRANSFER) },
];

function gather({ kernel, task }: SyscallCall, parts: readonly Part[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const { address, length } of parts) {
    bytes.set(copyFromUser(kernel, task, address, length), at);
    at += length;
  }
  return bytes;
}

function scatter({ kernel, task }: SyscallCall, parts: readonly Part[], bytes: Uint8Array): void {
  let at = 0;
  for (const { address, length } of parts) {
    const part = bytes.subarray(at, at + length);
    if (part.length === 0) return;
    copyToUser(kernel, task, address, part);
    at += part.length;
  }
}

function send(call: SyscallCall, parts: readonly Part[], to: Uint8Array | undefined, flags: number): number | Wait {
  const { kernel, task } = call;
  const { file, socket: sender } = target(call);
  if ((flags & MSG.oob) !== 0) fail('EOPNOTSUPP');
  const message = { bytes: gather(call, parts), to };
  const sent = sendMessage(kernel, task, sender, message, (flags & MSG.noSignal) !== 0);
  const nonBlocking = isNonBlocking(file) || (flags & MSG.dontWait) !== 0;
  return sent ?? waitOnSocket(kernel, task, sender, nonBlocking, TimeoutOption.send);
}

const nameGiven = ({ kernel, task }: SyscallCall, address: bigint, length: number): Uint8Array | undefined =>
  address === 0n ? undefined : addressFromUser(kernel, task, address, length);

const sendto: SyscallHandler = (call) => {
  const { args } = call;
  target(call);
  return send(call, single(args[1], args[2]), nameGiven(call, args[4], toInt(args[5])), toInt(args[3]));
};

/** struct msghdr */
interface MessageHeader {
  readonly name: bigint;
  readonly nameLength: number;
  readonly parts: Part[];
}

function messageHeader(call: SyscallCall, address: bigint): MessageHeader {
  const view = viewOf(copyFromUser(call.kernel, call.task, address, 56));
  const parts = partsOf(call, view.getBigUint64(16, true), view.getBigUint64(24, true));
  return { name: view.getBigUint64(0, true), nameLength: view.getInt32(8, true), parts };
}

const sendmsg: SyscallHandler = (call) => {
  target(call);
  const { name, nameLength, parts } = messageHeader(call, call.args[1]);
  return send(call, parts, nameLength === 0 ? undefined : nameGiven(call, name, nameLength), toInt(call.args[2]));
};

/** What there is, or how to wait for it; nothing is taken yet. */
function receive(call: SyscallCall, length: number, flags: number): Received | Wait {
  const { kernel, task } = call;
  const { file, socket: receiver } = target(call);
  if ((flags & MSG.errorQueue) !== 0) fail('EAGAIN');
  if ((flags & MSG.oob) !== 0) fail('EINVAL');
  const received = kindOf(receiver).receive(kernel, receiver, length);
  const nonBlocking = isNonBlocking(file) || (flags & MSG.dontWait) !== 0;
  if (received === undefined) return waitOnSocket(kernel, task, receiver, nonBlocking, TimeoutOption.receive);
  const wanted = (flags & MSG.waitAll) !== 0 && receiver.type === SOCK_STREAM && !nonBlocking;
  const more = wanted && received.length > 0 && received.length < Math.min(length, 65536);
  if (!more || receiver.tcp?.finReceived === true || receiver.tcp?.state === 'CLOSE') return received;
  return waitOnSocket(kernel, task, receiver, false, TimeoutOption.receive);
}

const isReceived = (value: Received | Wait): value is Received => 'bytes' in value;

function finishReceive(call: SyscallCall, received: Received, flags: number): number {
  const { socket: receiver } = target(call);
  if ((flags & MSG.peek) === 0) kindOf(receiver).consume(call.kernel, receiver, received.bytes.length);
  const whole = (flags & MSG.trunc) !== 0 && receiver.type !== SOCK_STREAM;
  return whole ? received.length : received.bytes.length;
}

const recvfrom: SyscallHandler = (call) => {
  const { kernel, task, args } = call;
  const flags = toInt(args[3]);
  const parts = single(args[1], args[2]);
  const received = receive(call, parts[0]!.length, flags);
  if (!isReceived(received)) return received;
  scatter(call, parts, received.bytes);
  if (args[4] !== 0n && received.from !== undefined) giveAddress(kernel, task, received.from, args[4], args[5]);
  else if (args[4] !== 0n && args[5] !== 0n) writeUserU32(kernel, task, args[5], 0);
  return finishReceive(call, received, flags);
};

const recvmsg: SyscallHandler = (call) => {
  const { kernel, task, args } = call;
  target(call);
  const flags = toInt(args[2]);
  const { name, parts } = messageHeader(call, args[1]);
  const received = receive(
    call,
    parts.reduce((sum, { length }) => sum + length, 0),
    flags,
  );
  if (!isReceived(received)) return received;
  scatter(call, parts, received.bytes);
  const from = received.from ?? new Uint8Array(0);
  if (name !== 0n && from.length > 0) giveAddress(kernel, task, from, name, args[1] + 8n);
  else writeUserU32(kernel, task, args[1] + 8n, 0);
  // no control data; whether the message was longer
  writeUserU32(kernel, task, args[1] + 40n, 0);
  writeUserU32(kernel, task, args[1] + 44n, 0);
  writeUserU32(kernel, task, args[1] + 48n, received.length > received.bytes.length ? MSG.trunc : 0);
  return finishReceive(call, received, flags);
};

const shutdown: SyscallHandler = (call) => {
  const { socket: ending } = target(call);
  const how = toInt(call.args[1]);
  if (how < 0 || how > 2) fail('EINVAL');
  kindOf(ending).shutdown(call.kernel, ending, how + 1);
  return 0;
};

const getsockname: SyscallHandler = (call) => {
  const { socket: named } = target(call);
  giveAddress(call.kernel, call.task, kindOf(named).name(named), call.args[1], call.args[2]);
  return 0;
};

const getpeername: SyscallHandler = (call) => {
  const { socket: named } = target(call);
  giveAddress(call.kernel, call.task, kindOf(named).peerName(named), call.args[1], call.args[2]);
  return 0;
};

const setsockopt: SyscallHandler = (call) => {
  const { kernel, task, args } = call;
  const { socket: changed } = target(call);
  return setOption(kernel, task, changed, toInt(args[1]), toInt(args[2]), args[3], toInt(args[4]));
};

const getsockopt: SyscallHandler = (call) => {
  const { kernel, task, args } = call;
  const { socket: asked } = target(call);
  return getOption(kernel, task, asked, toInt(args[1]), toInt(args[2]), args[3], args[4]);
};

/** The SYN is sent before the task sleeps. */
const connectText = [
  'push %rbx',
  'push %r12',
  'native __x64_sys_connect',
  'mov %rax, %rbx',
  'call local_bh_enable',
  'mov %rbx, %rax',
  'native inet_wait_for_connect',
  'pop %r12',
  'pop %rbx',
];

const families = 'AF_INET (TCP, UDP), AF_NETLINK (route), AF_UNIX without names';

// prettier-ignore
export const socketSyscalls: readonly SyscallRow[] = [
  syscall(41,  'socket',      ['int', 'hex', 'int'], socket, families),
  { ...syscall(42, 'connect', ['fd', 'pointer', 'int'], connect, families), text: connectText },
  syscall(43,  'accept',      ['fd', 'pointer', 'pointer'], (call) => acceptFrom(call, 0)),
  syscall(44,  'sendto',      ['fd', 'buffer-in', 'unsigned', 'hex', 'pointer', 'int'], sendto, 'no MSG_OOB, MSG_MORE, MSG_ZEROCOPY; no IP fragments: EMSGSIZE; a full TCP buffer gives a short count'),
  syscall(45,  'recvfrom',    ['fd', 'buffer-out', 'unsigned', 'hex', 'pointer', 'pointer'], recvfrom, 'no MSG_OOB, no error queue'),
  syscall(46,  'sendmsg',     ['fd', 'pointer', 'hex'], sendmsg, 'as sendto; control data is not looked at'),
  syscall(47,  'recvmsg',     ['fd', 'pointer', 'hex'], recvmsg, 'as recvfrom; no control data'),
  syscall(48,  'shutdown',    ['fd', 'int'], shutdown),
  syscall(49,  'bind',        ['fd', 'pointer', 'int'], bind, 'AF_INET and AF_NETLINK'),
  syscall(50,  'listen',      ['fd', 'int'], listen, 'TCP'),
  syscall(51,  'getsockname', ['fd', 'pointer', 'pointer'], getsockname),
  syscall(52,  'getpeername', ['fd', 'pointer', 'pointer'], getpeername),
  syscall(53,  'socketpair',  ['int', 'hex', 'int', 'pointer'], socketpair),
  syscall(54,  'setsockopt',  ['fd', 'int', 'int', 'pointer', 'int'], setsockopt, 'options that are only kept have no effect; no BPF, filter or multicast options'),
  syscall(55,  'getsockopt',  ['fd', 'int', 'int', 'pointer', 'pointer'], getsockopt, 'as setsockopt; no TCP_INFO'),
  syscall(288, 'accept4',     ['fd', 'pointer', 'pointer', 'hex'], (call) => acceptFrom(call, toInt(call.args[3]))),
];

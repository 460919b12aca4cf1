/** AF_NETLINK sockets: a request is answered while it is sent. NETLINK_ROUTE knows devices and traffic control. */
import { Errno, errno, fail } from '../errno.ts';
import { POLL_READABLE, POLL_WRITABLE } from '../fs/constants.ts';
import type { Kernel } from '../kernel.ts';
import { wake } from '../scheduler.ts';
import type { Task } from '../task.ts';
import { getAddress, getLink, setLink } from './netlink-link.ts';
import {
  concatenate,
  decodeMessages,
  encodeMessage,
  NLMSG_HEADER,
  NlmFlag,
  NlmsgType,
  u32,
  type NetlinkMessage,
} from './netlink-message.ts';
import { deleteFilter, deleteQdisc, getFilter, getQdisc, newFilter, newQdisc } from './netlink-tc.ts';
import { takeDatagram, addDatagram } from './queues.ts';
import { readNetlink, writeNetlink } from './sockaddr.ts';
import type { SocketKind } from './socket-kinds.ts';
import { destroySocket, nowhere, RECEIVE_BUFFER, socketChannel } from './sockets.ts';
import type { Socket } from './types.ts';

export interface NetlinkRequest {
  readonly kernel: Kernel;
  readonly task: Task;
  readonly message: NetlinkMessage;
  readonly reply: (type: number, payload: Uint8Array) => void;
}

interface Row {
  readonly type: number;
  readonly name: string;
  readonly handler: (request: NetlinkRequest) => void;
}

// prettier-ignore
const routeRows: readonly Row[] = [
  { type: 16, name: 'RTM_NEWLINK',    handler: setLink },
  { type: 18, name: 'RTM_GETLINK',    handler: getLink },
  { type: 19, name: 'RTM_SETLINK',    handler: setLink },
  { type: 22, name: 'RTM_GETADDR',    handler: getAddress },
  { type: 36, name: 'RTM_NEWQDISC',   handler: newQdisc },
  { type: 37, name: 'RTM_DELQDISC',   handler: deleteQdisc },
  { type: 38, name: 'RTM_GETQDISC',   handler: getQdisc },
  { type: 44, name: 'RTM_NEWTFILTER', handler: newFilter },
  { type: 45, name: 'RTM_DELTFILTER', handler: deleteFilter },
  { type: 46, name: 'RTM_GETTFILTER', handler: getFilter },
];

const NETLINK_ROUTE = 0;
/** include/uapi/linux/netlink.h: lower types are for the protocol itself */
const NLMSG_MIN_TYPE = 0x10;
/** bytes of a dump's part: NLMSG_GOODSIZE */
const DUMP_PART = 8192;

/** Gives the socket a message; a full buffer is ENOBUFS at the next read, as netlink_overrun says. */
function push(kernel: Kernel, socket: Socket, bytes: Uint8Array): void {
  if (socket.receivedBytes + bytes.length > RECEIVE_BUFFER) {
    socket.error = errno.ENOBUFS;
    return;
  }
  try {
    addDatagram(kernel, socket, { bytes, from: nowhere, to: 0, ifindex: 0 });
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    socket.error = errno.ENOBUFS;
  }
  wake(kernel, socketChannel(socket));
}

/** Handles one request; its error, 0 for success. */
function perform(kernel: Kernel, task: Task, socket: Socket, message: NetlinkMessage): number {
  const port = socket.netlink?.port ?? 0;
  const dump = (message.flags & NlmFlag.dump) === NlmFlag.dump;
  const answers: Uint8Array[] = [];
  const reply = (type: number, payload: Uint8Array): void => {
    const flags = dump ? NlmFlag.multi : 0;
    answers.push(encodeMessage({ type, flags, sequence: message.sequence, port, payload }));
  };
  try {
    // a family of NETLINK_GENERIC, which its controller does not find
    if (socket.protocol !== NETLINK_ROUTE) return errno.ENOENT;
    const row = routeRows.find(({ type }) => type === message.type) ?? fail('EOPNOTSUPP');
    const isDump = dump && row.name.startsWith('RTM_GET');
    row.handler({ kernel, task, message, reply });
    if (isDump) {
      const payload = u32(0);
      answers.push(
        encodeMessage({ type: NlmsgType.done, flags: NlmFlag.multi, sequence: message.sequence, port, payload }),
      );
    }
    let part: Uint8Array[] = [];
    for (const answer of answers) {
      if (part.length > 0 && part.reduce((sum, { length }) => sum + length, answer.length) > DUMP_PART) {
        push(kernel, socket, concatenate(...part));
        part = [];
      }
      part.push(answer);
    }
    if (part.length > 0) push(kernel, socket, concatenate(...part));
    return isDump ? -1 : 0;
  } catch (error) {
    if (error instanceof Errno) return error.number;
    throw error;
  }
}

/** netlink_ack: the error, and the request's header; the request itself when it failed. */
function acknowledge(kernel: Kernel, socket: Socket, message: NetlinkMessage, error: number): void {
  const original = encodeMessage(message);
  const payload = concatenate(u32(-error), error === 0 ? original.subarray(0, NLMSG_HEADER) : original);
  const { sequence } = message;
  push(
    kernel,
    socket,
    encodeMessage({ type: NlmsgType.error, flags: 0, sequence, port: socket.netlink?.port ?? 0, payload }),
  );
}

/** A port that no other netlink socket has: the sender's pid, else a high number. EADDRINUSE. */
function assignPort(kernel: Kernel, socket: Socket, wanted: number): void {
  const taken = (port: number): boolean =>
    [...kernel.net.sockets.values()].some((other) => other.id !== socket.id && other.netlink?.port === port);
  if (wanted !== 0 && taken(wanted)) fail('EADDRINUSE');
  socket.netlink = { port: wanted === 0 ? 0x8000_0000 + socket.id : wanted };
}

export const netlinkSocket: SocketKind = {
  name: ({ netlink }) => writeNetlink(netlink?.port ?? 0),
  peerName: () => writeNetlink(0),
  bind(kernel, socket, bytes) {
    const wanted = readNetlink(bytes);
    if (socket.netlink !== undefined && wanted !== 0 && socket.netlink.port !== wanted) fail('EINVAL');
    if (socket.netlink === undefined) assignPort(kernel, socket, wanted);
  },
  /** Only the kernel can be talked to: port 0. */
  connect(kernel, socket, bytes) {
    if (readNetlink(bytes) !== 0) fail('ECONNREFUSED');
    if (socket.netlink === undefined) assignPort(kernel, socket, 0);
    socket.connected = true;
    return true;
  },
  listen: () => fail('EOPNOTSUPP'),
  accept: () => fail('EOPNOTSUPP'),
  send(kernel, task, socket, { bytes, to }) {
    if (to !== undefined && readNetlink(to) !== 0) fail('ECONNREFUSED');
    if (socket.netlink === undefined) assignPort(kernel, socket, 0);
    for (const message of decodeMessages(bytes)) {
      if (message.type < NLMSG_MIN_TYPE) continue;
      const error = perform(kernel, task, socket, message);
      if (error > 0 || (error === 0 && (message.flags & NlmFlag.ack) !== 0))
        acknowledge(kernel, socket, message, error);
    }
    return bytes.length;
  },
  receive(_kernel, socket, length) {
    if (socket.error !== 0) {
      socket.error = 0;
      fail('ENOBUFS');
    }
    const bytes = socket.datagrams[0]?.bytes;
    return bytes && { bytes: bytes.subarray(0, length), length: bytes.length, from: writeNetlink(0) };
  },
  consume: (kernel, socket) => void takeDatagram(kernel, socket),
  shutdown: () => fail('EOPNOTSUPP'),
  poll: (_kernel, socket) => POLL_WRITABLE | (socket.datagrams.length > 0 ? POLL_READABLE : 0),
  readable: (socket) => socket.datagrams[0]?.bytes.length ?? 0,
  close: destroySocket,
};

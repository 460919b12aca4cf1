/** What sockets of each family and type do: one row each. */
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import { fail } from '../errno.ts';
import { datagramSocket } from './inet-datagram.ts';
import { streamSocket } from './inet-stream.ts';
import { netlinkSocket } from './netlink.ts';
import { AF_INET, AF_NETLINK, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM } from './sockets.ts';
import type { Socket } from './types.ts';
import { unixSocket } from './unix.ts';

/** What has arrived: changing nothing until `consume`. */
export interface Received {
  /** at most as many as were asked for */
  readonly bytes: Uint8Array;
  /** of the whole message */
  readonly length: number;
  /** the sender's struct sockaddr; undefined for none */
  readonly from: Uint8Array | undefined;
}

export interface Message {
  readonly bytes: Uint8Array;
  /** struct sockaddr, when one was given */
  readonly to: Uint8Array | undefined;
}

/** undefined from `send`, `receive` and `accept`: nothing can be done now. All may fail with an errno. */
export interface SocketKind {
  /** getsockname */
  name(socket: Socket): Uint8Array;
  /** getpeername: ENOTCONN */
  peerName(socket: Socket): Uint8Array;
  bind(kernel: Kernel, socket: Socket, address: Uint8Array): void;
  /** false: it takes time */
  connect(kernel: Kernel, socket: Socket, address: Uint8Array): boolean;
  listen(kernel: Kernel, socket: Socket, backlog: number): void;
  accept(kernel: Kernel, socket: Socket): Socket | undefined;
  /** how many bytes were taken */
  send(kernel: Kernel, task: Task, socket: Socket, message: Message): number | undefined;
  receive(kernel: Kernel, socket: Socket, length: number): Received | undefined;
  consume(kernel: Kernel, socket: Socket, count: number): void;
  shutdown(kernel: Kernel, socket: Socket, how: number): void;
  /** POLL* bits */
  poll(kernel: Kernel, socket: Socket): number;
  /** bytes that FIONREAD tells of */
  readable(socket: Socket): number;
  /** the last descriptor has gone */
  close(kernel: Kernel, socket: Socket): void;
}

interface Row {
  readonly family: number;
  readonly types: readonly number[];
  /** the first is what 0 stands for */
  readonly protocols: readonly number[];
  readonly kind: SocketKind;
}

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const NETLINK_ROUTE = 0;
const NETLINK_GENERIC = 16;

// prettier-ignore
/** Made when asked: the modules of the kinds lead back here. */
const rows = (): readonly Row[] => [
  { family: AF_INET,    types: [SOCK_STREAM],                             protocols: [IPPROTO_TCP, 0],                kind: streamSocket },
  { family: AF_INET,    types: [SOCK_DGRAM],                              protocols: [IPPROTO_UDP, 0],                kind: datagramSocket },
  { family: AF_UNIX,    types: [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], protocols: [0, AF_UNIX],                    kind: unixSocket },
  { family: AF_NETLINK, types: [SOCK_RAW, SOCK_DGRAM],                    protocols: [NETLINK_ROUTE, NETLINK_GENERIC], kind: netlinkSocket },
];

/** The protocol of a new socket. EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT as inet_create says. */
export function protocolFor(family: number, type: number, protocol: number): number {
  const families = rows().filter((row) => row.family === family);
  if (families.length === 0) fail('EAFNOSUPPORT');
  const row = families.find(({ types }) => types.includes(type));
  if (row === undefined) fail(family === AF_INET && type === SOCK_RAW ? 'EPROTONOSUPPORT' : 'ESOCKTNOSUPPORT');
  if (!row.protocols.includes(protocol)) fail('EPROTONOSUPPORT');
  return protocol === 0 ? row.protocols[0]! : protocol;
}

export function kindOf(socket: Socket): SocketKind {
  return (
    rows().find(({ family, types }) => family === socket.family && types.includes(socket.type))?.kind ?? fail('EBADF')
  );
}

/** Sockets whatever their family: life, errors, ports, who is woken. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { sock } from '../layout/network.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { uncharge } from '../mm/charge.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { writeKernel } from '../mm/kernel-memory.ts';
import { charging, unchargeObject } from '../mm/objects.ts';
import { wake } from '../scheduler.ts';
import { FIRST_LOCAL_PORT, LAST_LOCAL_PORT } from './state.ts';
import type { Endpoint, Socket } from './types.ts';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;

export const Shutdown = { receive: 1, send: 2 } as const;
export const nowhere: Endpoint = { address: 0, port: 0 };
/** sysctl net.core.rmem_default */
export const RECEIVE_BUFFER = 212992;
const MAX_SOCKETS = 16384;

export const socketChannel = ({ id }: Socket): string => `socket:${id}`;

/** Ends the oldest connection that only waits for stray packets. */
function dropTimeWait(kernel: Kernel): boolean {
  for (const socket of kernel.net.sockets.values()) {
    if (socket.tcp?.state !== 'TIME_WAIT' || !socket.orphan) continue;
    destroySocket(kernel, socket);
    return true;
  }
  return false;
}

/** A socket that nothing leads to yet. ENFILE, ENOMEM. */
export function createSocket(kernel: Kernel, family: number, type: number, protocol: number): Socket {
  const { net } = kernel;
  if (net.sockets.size >= MAX_SOCKETS && !dropTimeWait(kernel)) fail('ENFILE');
  const address = charging(kernel, 'socket', () => (family === AF_INET ? kmalloc(kernel, sock.size) : 0n));
  const socket: Socket = {
    id: net.next.socket++,
    family,
    type,
    protocol,
    address,
    local: nowhere,
    remote: nowhere,
    boundAddress: false,
    connected: false,
    error: 0,
    options: new Map(),
    shutdown: 0,
    orphan: false,
    datagrams: [],
    received: [],
    receivedBytes: 0,
    charged: 0,
    tcp: undefined,
    peer: 0,
    netlink: undefined,
  };
  net.sockets.set(socket.id, socket);
  writeSock(kernel, socket);
  return socket;
}

/** include/net/tcp_states.h, by name */
// prettier-ignore
const stateNumbers = {
  ESTABLISHED: 1, SYN_SENT: 2, SYN_RECV: 3, FIN_WAIT1: 4, FIN_WAIT2: 5, TIME_WAIT: 6, CLOSE: 7, CLOSE_WAIT: 8,
  LAST_ACK: 9, LISTEN: 10, CLOSING: 11,
} as const;

const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >> 8);
const swap32 = (value: number): number => ((swap16(value & 0xffff) << 16) | swap16(value >>> 16)) >>> 0;

/** The struct sock that programs see follows the record. */
export function writeSock(kernel: Kernel, socket: Socket): void {
  if (socket.address === 0n) return;
  const { local, remote, tcp } = socket;
  const state = tcp?.state ?? (socket.connected ? 'ESTABLISHED' : 'CLOSE');
  const bytes = writeStructure(sock, {
    skc_daddr: swap32(remote.address),
    skc_rcv_saddr: swap32(local.address),
    skc_dport: swap16(remote.port),
    skc_num: local.port,
    skc_family: socket.family,
    skc_state: stateNumbers[state],
  });
  writeKernel(kernel, socket.address, bytes);
}

/** The socket is no more; packets that it sent have copied what they need, and lose their struct sock. */
export function destroySocket(kernel: Kernel, socket: Socket): void {
  if (!kernel.net.sockets.delete(socket.id)) return;
  unchargeObject(kernel, 'socket');
  uncharge(kernel, socket.charged);
  socket.charged = 0;
  for (const skb of kernel.net.skbs.values()) if (skb.socket === socket.id) forgetSock(kernel, skb.address);
  kfree(kernel, socket.address);
  wake(kernel, socketChannel(socket));
}

/** sk_buff.sk, as layout/network.ts places it */
const SK_OFFSET = 24n;
const forgetSock = (kernel: Kernel, skb: bigint): void => {
  writeKernel(kernel, skb + SK_OFFSET, new Uint8Array(8));
};

export function socketError(kernel: Kernel, socket: Socket, error: number): void {
  socket.error = error;
  wake(kernel, socketChannel(socket));
}

/** The error since the last time; reading it clears it. */
export function takeError(socket: Socket): number {
  const { error } = socket;
  socket.error = 0;
  return error;
}

const SOL_SOCKET = 1;
export const option = (socket: Socket, level: number, name: number): number =>
  socket.options.get(`${level}:${name}`) ?? 0;
export const SocketOption = { reuseAddress: 2, reusePort: 15 } as const;
const reuses = (socket: Socket, name: number): boolean => option(socket, SOL_SOCKET, name) !== 0;

const overlap = (left: number, right: number): boolean => left === 0 || right === 0 || left === right;

/** inet_csk_bind_conflict, and UDP's: whether two sockets of one protocol may not have these addresses at once. */
function conflicts(socket: Socket, other: Socket, local: Endpoint): boolean {
  if (other.id === socket.id || other.family !== AF_INET || other.type !== socket.type) return false;
  if (other.local.port !== local.port || !overlap(other.local.address, local.address)) return false;
  if (reuses(socket, SocketOption.reusePort) && reuses(other, SocketOption.reusePort)) return false;
  const shared = reuses(socket, SocketOption.reuseAddress) && reuses(other, SocketOption.reuseAddress);
  return !(shared && (socket.type === SOCK_DGRAM || other.tcp?.state !== 'LISTEN'));
}

export function isFree(kernel: Kernel, socket: Socket, local: Endpoint): boolean {
  for (const other of kernel.net.sockets.values()) if (conflicts(socket, other, local)) return false;
  return true;
}

/** A port that nobody has, in turn. EADDRINUSE when all are taken. */
export function choosePort(kernel: Kernel, socket: Socket, address: number): number {
  const { next } = kernel.net;
  const used = new Set<number>();
  for (const other of kernel.net.sockets.values()) {
    if (other.id !== socket.id && other.type === socket.type && other.family === AF_INET) used.add(other.local.port);
  }
  for (let tries = FIRST_LOCAL_PORT; tries <= LAST_LOCAL_PORT; tries++) {
    const port = next.port;
    next.port = port === LAST_LOCAL_PORT ? FIRST_LOCAL_PORT : port + 1;
    if (!used.has(port) && isFree(kernel, socket, { address, port })) return port;
  }
  return fail('EADDRINUSE');
}

/** setsockopt(2) and getsockopt(2): options by level and number, one row each. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { copyFromUser, copyToUser, writeUserU32 } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import { NSEC_PER_SEC } from '../time.ts';
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { option, RECEIVE_BUFFER, takeError } from './sockets.ts';
import type { Socket } from './types.ts';

const SOL_SOCKET = 1;

interface OptionRow {
  /** as bytes; default: the stored int */
  readonly get?: (socket: Socket) => Uint8Array | number;
  /** from at least `size` bytes; default: the first int is stored. undefined: read-only */
  readonly set?: ((bytes: Uint8Array) => number) | 'no';
  /** bytes that set needs; default 4 */
  readonly size?: number;
}

const HZ = NSEC_PER_SEC / BigInt(constants.TICK_NSEC);
const USEC_PER_JIFFY = 1_000_000n / HZ;

const stored: OptionRow = {};
const flag: OptionRow = { set: (bytes) => Number(viewOf(bytes).getInt32(0, true) !== 0) };

/** sock_set_timeout: struct timeval, kept in jiffies, rounded up; 0: none. EDOM. */
const timeout: OptionRow = {
  size: 16,
  set(bytes) {
    const [seconds, micros] = [viewOf(bytes).getBigInt64(0, true), viewOf(bytes).getBigInt64(8, true)];
    if (micros < 0n || micros >= 1_000_000n) fail('EDOM');
    if (seconds < 0n) return 0;
    const jiffies = seconds * HZ + (micros + USEC_PER_JIFFY - 1n) / USEC_PER_JIFFY;
    return jiffies > Number.MAX_SAFE_INTEGER ? 0 : Number(jiffies);
  },
};

const timeval = (jiffies: bigint): Uint8Array => {
  const bytes = new Uint8Array(16);
  viewOf(bytes).setBigInt64(0, jiffies / HZ, true);
  viewOf(bytes).setBigInt64(8, (jiffies % HZ) * USEC_PER_JIFFY, true);
  return bytes;
};

const timeoutRow = (number: number): OptionRow => ({
  ...timeout,
  get: (socket) => timeval(BigInt(option(socket, SOL_SOCKET, number))),
});

const SO_LINGER = 13;
/** struct linger {onoff, seconds}: seconds + 1, or 0 */
const linger: OptionRow = {
  size: 8,
  set: (bytes) => (viewOf(bytes).getInt32(0, true) === 0 ? 0 : Math.max(0, viewOf(bytes).getInt32(4, true)) + 1),
  get(socket) {
    const value = option(socket, SOL_SOCKET, SO_LINGER);
    const bytes = new Uint8Array(8);
    viewOf(bytes).setInt32(0, Number(value !== 0), true);
    viewOf(bytes).setInt32(4, Math.max(0, value - 1), true);
    return bytes;
  },
};

/** Linux doubles what it is given; queues have their own fixed limits here. */
const bufferRow = (number: number): OptionRow => ({
  set: (bytes) => Math.min(Math.max(0, viewOf(bytes).getInt32(0, true)), 1 << 20) * 2,
  get: (socket) => option(socket, SOL_SOCKET, number) || RECEIVE_BUFFER,
});

const readOnly = (get: (socket: Socket) => number): OptionRow => ({ get, set: 'no' });

// prettier-ignore
const rows: ReadonlyMap<string, OptionRow> = new Map<string, OptionRow>([
  ['1:1',    stored], // SO_DEBUG
  ['1:2',    flag], // SO_REUSEADDR
  ['1:3',    readOnly(({ type }) => type)], // SO_TYPE
  ['1:4',    readOnly(takeError)], // SO_ERROR
  ['1:6',    flag], // SO_BROADCAST
  ['1:7',    bufferRow(7)], // SO_SNDBUF
  ['1:8',    bufferRow(8)], // SO_RCVBUF
  ['1:9',    flag], // SO_KEEPALIVE
  ['1:12',   stored], // SO_PRIORITY
  ['1:13',   linger],
  ['1:15',   flag], // SO_REUSEPORT
  ['1:18',   stored], // SO_RCVLOWAT
  ['1:20',   timeoutRow(20)], // SO_RCVTIMEO
  ['1:21',   timeoutRow(21)], // SO_SNDTIMEO
  ['1:30',   readOnly(({ tcp }) => Number(tcp?.state === 'LISTEN'))], // SO_ACCEPTCONN
  ['1:32',   bufferRow(32)], // SO_SNDBUFFORCE
  ['1:33',   bufferRow(33)], // SO_RCVBUFFORCE
  ['1:36',   stored], // SO_MARK
  ['1:38',   readOnly(({ protocol }) => protocol)], // SO_PROTOCOL
  ['1:39',   readOnly(({ family }) => family)], // SO_DOMAIN
  ['0:1',    stored], // IP_TOS
  ['0:2',    stored], // IP_TTL
  ['0:8',    flag], // IP_PKTINFO
  ['0:10',   stored], // IP_MTU_DISCOVER
  ['0:11',   flag], // IP_RECVERR
  ['6:1',    flag], // TCP_NODELAY
  ['6:2',    stored], // TCP_MAXSEG
  ['6:3',    flag], // TCP_CORK
  ['6:4',    stored], // TCP_KEEPIDLE
  ['6:5',    stored], // TCP_KEEPINTVL
  ['6:6',    stored], // TCP_KEEPCNT
  ['6:9',    stored], // TCP_DEFER_ACCEPT
  ['6:12',   stored], // TCP_QUICKACK
  ['6:18',   stored], // TCP_USER_TIMEOUT
  ['6:23',   stored], // TCP_FASTOPEN
  ['270:1',  stored], // NETLINK_ADD_MEMBERSHIP
  ['270:10', flag], // NETLINK_CAP_ACK
  ['270:11', flag], // NETLINK_EXT_ACK
  ['270:12', flag], // NETLINK_GET_STRICT_CHK
]);

const LARGEST = 256;

/** ENOPROTOOPT unknown, EINVAL too short, EFAULT. */
export function setOption(
  kernel: Kernel,
  task: Task,
  socket: Socket,
  level: number,
  name: number,
  address: bigint,
  length: number,
): number {
  const row = rows.get(`${level}:${name}`);
  if (row === undefined || row.set === 'no') return fail('ENOPROTOOPT');
  const size = row.size ?? 4;
  if (length < size || length < 0) fail('EINVAL');
  const bytes = copyFromUser(kernel, task, address, Math.min(length, LARGEST));
  socket.options.set(`${level}:${name}`, (row.set ?? ((value) => viewOf(value).getInt32(0, true)))(bytes));
  return 0;
}

/** As much as there is room for; how much that is. ENOPROTOOPT, EINVAL, EFAULT. */
export function getOption(
  kernel: Kernel,
  task: Task,
  socket: Socket,
  level: number,
  name: number,
  address: bigint,
  lengthAddress: bigint,
): number {
  const row = rows.get(`${level}:${name}`) ?? fail('ENOPROTOOPT');
  const room = viewOf(copyFromUser(kernel, task, lengthAddress, 4)).getInt32(0, true);
  if (room < 0) fail('EINVAL');
  const value = row.get?.(socket) ?? option(socket, level, name);
  const bytes = typeof value === 'number' ? new Uint8Array(Int32Array.of(value).buffer) : value;
  const given = bytes.subarray(0, room);
  copyToUser(kernel, task, address, given);
  writeUserU32(kernel, task, lengthAddress, given.length);
  return 0;
}

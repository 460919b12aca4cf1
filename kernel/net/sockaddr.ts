/** struct sockaddr between user memory and records. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { copyFromUser, copyToUser, writeUserU32 } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import { AF_INET, AF_NETLINK } from './sockets.ts';
import type { Endpoint } from './types.ts';

/** sizeof(struct sockaddr_storage) */
const LARGEST = 128;
const SOCKADDR_IN = 16;
const SOCKADDR_NL = 12;
export const AF_UNSPEC = 0;

/** The bytes at `address`; EINVAL for a length out of range, EFAULT. */
export function addressFromUser(kernel: Kernel, task: Task, address: bigint, length: number): Uint8Array {
  if (length < 0 || length > LARGEST) fail('EINVAL');
  return copyFromUser(kernel, task, address, length);
}

export const familyOf = (bytes: Uint8Array): number =>
  bytes.length < 2 ? fail('EINVAL') : viewOf(bytes).getUint16(0, true);

/** struct sockaddr_in: EINVAL too short, EAFNOSUPPORT another family. */
export function readInet(bytes: Uint8Array): Endpoint {
  if (bytes.length < SOCKADDR_IN) fail('EINVAL');
  if (familyOf(bytes) !== AF_INET) fail('EAFNOSUPPORT');
  const view = viewOf(bytes);
  return { port: view.getUint16(2), address: view.getUint32(4) };
}

export function writeInet({ address, port }: Endpoint): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_IN);
  const view = viewOf(bytes);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  view.setUint32(4, address);
  return bytes;
}

/** struct sockaddr_nl: the port of a netlink socket. */
export function readNetlink(bytes: Uint8Array): number {
  if (bytes.length < SOCKADDR_NL || familyOf(bytes) !== AF_NETLINK) fail('EINVAL');
  return viewOf(bytes).getUint32(4, true);
}

export function writeNetlink(port: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_NL);
  viewOf(bytes).setUint16(0, AF_NETLINK, true);
  viewOf(bytes).setUint32(4, port, true);
  return bytes;
}

/** move_addr_to_user: as much as there is room for at `address`, the whole length at `lengthAddress`. EINVAL, EFAULT. */
export function giveAddress(
  kernel: Kernel,
  task: Task,
  bytes: Uint8Array,
  address: bigint,
  lengthAddress: bigint,
): void {
  const room = viewOf(copyFromUser(kernel, task, lengthAddress, 4)).getInt32(0, true);
  if (room < 0) fail('EINVAL');
  copyToUser(kernel, task, address, bytes.subarray(0, room));
  writeUserU32(kernel, task, lengthAddress, bytes.length);
}

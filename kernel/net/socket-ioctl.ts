/** ioctl(2) on sockets: bytes that wait, and what there is to know of devices (netdevice(7)). */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { fail } from '../errno.ts';
import { latin1Bytes, latin1Text } from '../fs/bytes.ts';
import type { Kernel } from '../kernel.ts';
import { copyFromUser, copyToUser, writeUserU32 } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import { netmask } from './address.ts';
import { ARPHRD_ETHER, ARPHRD_LOOPBACK, deviceNamed, flagsOf, IFNAMSIZ, InterfaceFlag, setUp } from './devices.ts';
import { writeInet } from './sockaddr.ts';
import { kindOf } from './socket-kinds.ts';
import { AF_INET } from './sockets.ts';
import type { NetDevice, Socket } from './types.ts';

/** struct ifreq: a name, and what a request asks for */
const IFREQ = 40;
const VALUE = IFNAMSIZ;

type Fill = (view: DataView, bytes: Uint8Array, device: NetDevice) => void;

const int =
  (value: (device: NetDevice) => number): Fill =>
  (view, _, device) =>
    view.setInt32(VALUE, value(device), true);
const short =
  (value: (device: NetDevice) => number): Fill =>
  (view, _, device) =>
    view.setInt16(VALUE, value(device), true);
const inet =
  (value: (ipv4: { address: number; prefix: number }) => number): Fill =>
  (_, bytes, { ipv4 }) =>
    bytes.set(writeInet({ address: value(ipv4 ?? fail('EADDRNOTAVAIL')), port: 0 }), VALUE);

const hardwareAddress: Fill = (view, bytes, device) => {
  view.setUint16(VALUE, device.kind === 'loopback' ? ARPHRD_LOOPBACK : ARPHRD_ETHER, true);
  bytes.set(device.mac, VALUE + 2);
};

// prettier-ignore
const deviceRequests: Readonly<Record<number, Fill>> = {
  /* SIOCGIFFLAGS   */ 0x8913: short(flagsOf),
  /* SIOCGIFADDR    */ 0x8915: inet(({ address }) => address),
  /* SIOCGIFBRDADDR */ 0x8919: inet(({ address, prefix }) => (address | ~netmask(prefix)) >>> 0),
  /* SIOCGIFNETMASK */ 0x891b: inet(({ prefix }) => netmask(prefix)),
  /* SIOCGIFMTU     */ 0x8921: int(({ mtu }) => mtu),
  /* SIOCGIFHWADDR  */ 0x8927: hardwareAddress,
  /* SIOCGIFINDEX   */ 0x8933: int(({ ifindex }) => ifindex),
  /* SIOCGIFTXQLEN  */ 0x8942: int(() => 1000),
};

function nameIn(bytes: Uint8Array): string {
  const name = bytes.subarray(0, IFNAMSIZ);
  const end = name.indexOf(0);
  return latin1Text(name.subarray(0, end < 0 ? IFNAMSIZ - 1 : end));
}

const SIOCGIFNAME = 0x8910;
const SIOCGIFCONF = 0x8912;
const SIOCSIFFLAGS = 0x8914;
const addressRequests: ReadonlySet<number> = new Set([0x8915, 0x8919, 0x891b]);
const FIONREAD = 0x541b;
const SIOCOUTQ = 0x5411;

/** struct ifconf: the devices with an address, as many struct ifreq as there is room for. */
function configuration(kernel: Kernel, task: Task, argument: bigint): number {
  const view = viewOf(copyFromUser(kernel, task, argument, 16));
  const [room, buffer] = [view.getInt32(0, true), view.getBigUint64(8, true)];
  const devices = [...kernel.net.devices.values()].filter(({ ipv4 }) => ipv4 !== undefined);
  const fitting = buffer === 0n ? devices : devices.slice(0, Math.max(0, Math.floor(room / IFREQ)));
  fitting.forEach((device, n) => {
    if (buffer === 0n) return;
    const bytes = new Uint8Array(IFREQ);
    bytes.set(latin1Bytes(device.name));
    bytes.set(writeInet({ address: device.ipv4!.address, port: 0 }), VALUE);
    copyToUser(kernel, task, buffer + BigInt(n * IFREQ), bytes);
  });
  writeUserU32(kernel, task, argument, fitting.length * IFREQ);
  return 0;
}

/** ENOTTY for what is unknown, ENODEV without such a device, ENXIO for SIOCGIFNAME's. */
export function socketIoctl(kernel: Kernel, task: Task, socket: Socket, request: number, argument: bigint): number {
  if (request === FIONREAD || request === SIOCOUTQ) {
    const count = request === FIONREAD ? kindOf(socket).readable(socket) : (socket.tcp?.sendBytes ?? 0);
    if (request === FIONREAD && socket.tcp?.state === 'LISTEN') fail('EINVAL');
    writeUserU32(kernel, task, argument, count);
    return 0;
  }
  // inet_ioctl's own
  if (addressRequests.has(request) && socket.family !== AF_INET) fail('ENOTTY');
  if (request === SIOCGIFCONF) return configuration(kernel, task, argument);
  const fill = deviceRequests[request];
  if (fill === undefined && request !== SIOCGIFNAME && request !== SIOCSIFFLAGS) return fail('ENOTTY');
  const bytes = copyFromUser(kernel, task, argument, IFREQ);
  const view = viewOf(bytes);
  if (request === SIOCGIFNAME) {
    const device = kernel.net.devices.get(view.getInt32(VALUE, true)) ?? fail('ENODEV');
    bytes.fill(0, 0, IFNAMSIZ);
    bytes.set(latin1Bytes(device.name));
  } else {
    const device = deviceNamed(kernel, nameIn(bytes)) ?? fail('ENODEV');
    if (request === SIOCSIFFLAGS) {
      setUp(kernel, device, (view.getInt16(VALUE, true) & InterfaceFlag.up) !== 0);
      return 0;
    }
    fill!(view, bytes, device);
  }
  copyToUser(kernel, task, argument, bytes);
  return 0;
}

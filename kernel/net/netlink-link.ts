/** RTM_*LINK and RTM_GETADDR: net/core/rtnetlink.c, net/ipv4/devinet.c. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { programOf } from '../bpf/descriptors.ts';
import { fail } from '../errno.ts';
import { netmask } from './address.ts';
import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  deviceNamed,
  flagsOf,
  InterfaceFlag,
  LARGEST_MTU,
  setUp,
  writeDevice,
} from './devices.ts';
import type { Kernel } from '../kernel.ts';
import type { Task } from '../task.ts';
import {
  be32,
  concatenate,
  decodeAttributes,
  encodeAttributes,
  NlmFlag,
  numberOf,
  text,
  textOf,
  u32,
  u8,
  type AttributeRow,
  type NetlinkMessage,
} from './netlink-message.ts';
import type { NetlinkRequest } from './netlink.ts';
import type { NetDevice } from './types.ts';
import { attachXdp } from './xdp.ts';

export const RTM_NEWLINK = 16;
export const RTM_NEWADDR = 20;
const IFINFO = 16;
const Ifla = { address: 1, broadcast: 2, name: 3, mtu: 4, txQueueLength: 13, operState: 16, xdp: 43 } as const;
/** include/uapi/linux/if_link.h: IFLA_XDP_* */
const IflaXdp = {
  fd: 1,
  attached: 2,
  flags: 3,
  programId: 4,
  drvProgramId: 5,
  skbProgramId: 6,
  expectedFd: 8,
} as const;
const XDP_ATTACHED_DRV = 1;
const XDP_ATTACHED_SKB = 2;
const IF_OPER_UP = 6;
const IF_OPER_DOWN = 2;

function xdpAttributes({ xdp }: NetDevice): Uint8Array {
  if (xdp === undefined) return encodeAttributes([[IflaXdp.attached, u8(0)]]);
  const driver = xdp.mode === 'drv';
  const rows: AttributeRow[] = [
    [IflaXdp.attached, u8(driver ? XDP_ATTACHED_DRV : XDP_ATTACHED_SKB)],
    [IflaXdp.programId, u32(xdp.program)],
    [driver ? IflaXdp.drvProgramId : IflaXdp.skbProgramId, u32(xdp.program)],
  ];
  return encodeAttributes(rows);
}

/** struct ifinfomsg and its attributes. */
function describeLink(device: NetDevice): Uint8Array {
  const header = new Uint8Array(IFINFO);
  const view = viewOf(header);
  view.setUint16(2, device.kind === 'loopback' ? ARPHRD_LOOPBACK : ARPHRD_ETHER, true);
  view.setInt32(4, device.ifindex, true);
  view.setUint32(8, flagsOf(device), true);
  const attributes = encodeAttributes([
    [Ifla.name, text(device.name)],
    [Ifla.txQueueLength, u32(1000)],
    [Ifla.operState, u8(device.up ? IF_OPER_UP : IF_OPER_DOWN)],
    [Ifla.mtu, u32(device.mtu)],
    [Ifla.address, device.mac],
    [Ifla.broadcast, new Uint8Array(6).fill(device.kind === 'loopback' ? 0 : 0xff)],
    [Ifla.xdp, xdpAttributes(device)],
  ]);
  return concatenate(header, attributes);
}

interface LinkRequest {
  readonly device: NetDevice;
  readonly view: DataView;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

/** By ifi_index, else by IFLA_IFNAME. EINVAL too short, ENODEV. */
function linkRequest(kernel: Kernel, { payload }: NetlinkMessage): LinkRequest {
  if (payload.length < IFINFO) fail('EINVAL');
  const view = viewOf(payload);
  const attributes = decodeAttributes(payload.subarray(IFINFO));
  const index = view.getInt32(4, true);
  const name = textOf(attributes.get(Ifla.name));
  const device =
    index > 0 ? kernel.net.devices.get(index) : name === undefined ? fail('EINVAL') : deviceNamed(kernel, name);
  return { device: device ?? fail('ENODEV'), view, attributes };
}

export function getLink({ kernel, message, reply }: NetlinkRequest): void {
  if ((message.flags & NlmFlag.dump) === NlmFlag.dump) {
    for (const device of kernel.net.devices.values()) reply(RTM_NEWLINK, describeLink(device));
  } else reply(RTM_NEWLINK, describeLink(linkRequest(kernel, message).device));
}

/** dev_change_xdp_fd. EINVAL without a descriptor, EBADF; see `attachXdp`. */
function changeXdp(kernel: Kernel, task: Task, device: NetDevice, nested: Uint8Array): void {
  const attributes = decodeAttributes(nested);
  const fd = numberOf(attributes.get(IflaXdp.fd));
  if (fd === undefined) fail('EINVAL');
  const flags = numberOf(attributes.get(IflaXdp.flags)) ?? 0;
  const expectedFd = numberOf(attributes.get(IflaXdp.expectedFd));
  const expected = expectedFd === undefined || (expectedFd | 0) < 0 ? 0 : programOf(kernel, task, expectedFd).id;
  const program = (fd | 0) < 0 ? undefined : programOf(kernel, task, fd | 0);
  attachXdp(kernel, device, { program, flags, expected });
}

/** do_setlink: the MTU, up and down, the XDP program. */
export function setLink({ kernel, task, message }: NetlinkRequest): void {
  const { device, view, attributes } = linkRequest(kernel, message);
  const mtu = numberOf(attributes.get(Ifla.mtu));
  if (mtu !== undefined) {
    if (mtu < 68 || mtu > LARGEST_MTU) fail('EINVAL');
    device.mtu = mtu;
    writeDevice(kernel, device);
  }
  if ((view.getUint32(12, true) & InterfaceFlag.up) !== 0) {
    setUp(kernel, device, (view.getUint32(8, true) & InterfaceFlag.up) !== 0);
  }
  const xdp = attributes.get(Ifla.xdp);
  if (xdp !== undefined) changeXdp(kernel, task, device, xdp);
}

const Ifa = { address: 1, local: 2, label: 3, broadcast: 4 } as const;
const AF_INET = 2;
const RT_SCOPE_HOST = 254;

/** struct ifaddrmsg of every device with an address. */
export function getAddress({ kernel, reply }: NetlinkRequest): void {
  for (const { ipv4, kind, ifindex, name } of kernel.net.devices.values()) {
    if (ipv4 === undefined) continue;
    const header = Uint8Array.of(AF_INET, ipv4.prefix, 0x80, kind === 'loopback' ? RT_SCOPE_HOST : 0, 0, 0, 0, 0);
    viewOf(header).setUint32(4, ifindex, true);
    const rows: AttributeRow[] = [
      [Ifa.address, be32(ipv4.address)],
      [Ifa.local, be32(ipv4.address)],
      [Ifa.label, text(name)],
    ];
    if (kind !== 'loopback') rows.push([Ifa.broadcast, be32(ipv4.address | ~netmask(ipv4.prefix))]);
    reply(RTM_NEWADDR, concatenate(header, encodeAttributes(rows)));
  }
}

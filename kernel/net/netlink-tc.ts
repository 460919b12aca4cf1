/** RTM_*QDISC for clsact and RTM_*TFILTER for BPF programs: net/sched/sch_api.c, cls_api.c, cls_bpf.c. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { programOf } from '../bpf/descriptors.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import {
  concatenate,
  decodeAttributes,
  encodeAttributes,
  NlmFlag,
  numberOf,
  text,
  textOf,
  u32,
  type NetlinkMessage,
} from './netlink-message.ts';
import type { NetlinkRequest } from './netlink.ts';
import { addClsact, addFilter, removeClsact, removeFilters } from './tc.ts';
import type { NetDevice, TcFilter, TcHook } from './types.ts';

export const RTM_NEWQDISC = 36;
export const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const TCMSG = 20;
const Tca = { kind: 1, options: 2 } as const;
/** include/uapi/linux/pkt_cls.h: TCA_BPF_* */
const TcaBpf = { fd: 6, name: 7, flags: 8, tag: 10, id: 11 } as const;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const CLSACT_HANDLE = 0xffff_0000;
const CLSACT_PARENT = 0xffff_fff1;
const parents: Readonly<Record<number, TcHook>> = { 0xffff_fff2: 'ingress', 0xffff_fff3: 'egress' };
const parentOf = (hook: TcHook): number => (hook === 'ingress' ? 0xffff_fff2 : 0xffff_fff3);
const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >> 8);

interface TcMessage {
  readonly device: NetDevice;
  readonly handle: number;
  readonly parent: number;
  readonly info: number;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

/** struct tcmsg. EINVAL, ENODEV. */
function tcMessage(kernel: Kernel, { payload }: NetlinkMessage): TcMessage {
  if (payload.length < TCMSG) fail('EINVAL');
  const view = viewOf(payload);
  return {
    device: kernel.net.devices.get(view.getInt32(4, true)) ?? fail('ENODEV'),
    handle: view.getUint32(8, true),
    parent: view.getUint32(12, true),
    info: view.getUint32(16, true),
    attributes: decodeAttributes(payload.subarray(TCMSG)),
  };
}

function encodeTcMessage(
  device: NetDevice,
  handle: number,
  parent: number,
  info: number,
  attributes: Uint8Array,
): Uint8Array {
  const header = new Uint8Array(TCMSG);
  const view = viewOf(header);
  view.setInt32(4, device.ifindex, true);
  [handle, parent, info].forEach((value, n) => view.setUint32(8 + n * 4, value >>> 0, true));
  return concatenate(header, attributes);
}

const describeQdisc = (device: NetDevice): Uint8Array =>
  encodeTcMessage(device, CLSACT_HANDLE, CLSACT_PARENT, 1, encodeAttributes([[Tca.kind, text('clsact')]]));

function describeFilter(kernel: Kernel, device: NetDevice, hook: TcHook, filter: TcFilter): Uint8Array {
  const options = encodeAttributes([
    [TcaBpf.name, text(filter.name)],
    [TcaBpf.flags, u32(filter.directAction ? TCA_BPF_FLAG_ACT_DIRECT : 0)],
    [TcaBpf.id, u32(filter.program)],
    [
      TcaBpf.tag,
      Uint8Array.from(kernel.bpf.programs.get(filter.program)?.tag.match(/../g) ?? [], (pair) => parseInt(pair, 16)),
    ],
  ]);
  const info = ((filter.priority << 16) | swap16(filter.protocol)) >>> 0;
  const attributes = encodeAttributes([
    [Tca.kind, text('bpf')],
    [Tca.options, options],
  ]);
  return encodeTcMessage(device, filter.handle, parentOf(hook), info, attributes);
}

/** Only clsact can be made: ENOENT for other kinds, as without their modules. EEXIST; EINVAL for another place. */
export function newQdisc({ kernel, message }: NetlinkRequest): void {
  const { device, parent, handle, attributes } = tcMessage(kernel, message);
  if (textOf(attributes.get(Tca.kind)) !== 'clsact') fail('ENOENT');
  if (parent !== CLSACT_PARENT || (handle !== CLSACT_HANDLE && handle !== 0)) fail('EINVAL');
  const exclusive = (message.flags & NlmFlag.exclusive) !== 0 || (message.flags & NlmFlag.replace) === 0;
  if (!device.clsact || exclusive) addClsact(device);
}

/** ENOENT where there is none, as qdisc_lookup says. */
export function deleteQdisc({ kernel, message }: NetlinkRequest): void {
  const { device, parent } = tcMessage(kernel, message);
  if (parent !== CLSACT_PARENT) fail('EINVAL');
  if (!device.clsact) fail('ENOENT');
  removeClsact(kernel, device);
}

export function getQdisc({ kernel, reply }: NetlinkRequest): void {
  for (const device of kernel.net.devices.values()) if (device.clsact) reply(RTM_NEWQDISC, describeQdisc(device));
}

/** EINVAL where there is no clsact, or another parent. */
function hookOf({ device, parent }: TcMessage): TcHook {
  const hook = parents[parent];
  return hook !== undefined && device.clsact ? hook : fail('EINVAL');
}

/** tc_new_tfilter. ENOENT another kind than bpf, EINVAL without a program; see `addFilter`. */
export function newFilter({ kernel, task, message, reply }: NetlinkRequest): void {
  const request = tcMessage(kernel, message);
  const hook = hookOf(request);
  if (textOf(request.attributes.get(Tca.kind)) !== 'bpf') fail('ENOENT');
  const options = decodeAttributes(request.attributes.get(Tca.options) ?? fail('EINVAL'));
  const fd = numberOf(options.get(TcaBpf.fd)) ?? fail('EINVAL');
  const flags = numberOf(options.get(TcaBpf.flags)) ?? 0;
  if ((flags & ~TCA_BPF_FLAG_ACT_DIRECT) !== 0) fail('EINVAL');
  const protocol = swap16(request.info & 0xffff);
  if (protocol === 0) fail('EINVAL');
  const name = textOf(options.get(TcaBpf.name));
  const filter = addFilter(kernel, request.device, hook, {
    program: programOf(kernel, task, fd | 0),
    priority: request.info >>> 16,
    handle: request.handle,
    protocol,
    ...(name === undefined ? undefined : { name }),
    directAction: flags !== 0,
    replace: (message.flags & NlmFlag.replace) !== 0,
    exclusive: (message.flags & NlmFlag.exclusive) !== 0,
  });
  if ((message.flags & NlmFlag.echo) !== 0) reply(RTM_NEWTFILTER, describeFilter(kernel, request.device, hook, filter));
}

/** A priority of 0 takes all of the hook's. ENOENT. */
export function deleteFilter({ kernel, message, reply }: NetlinkRequest): void {
  const request = tcMessage(kernel, message);
  const hook = hookOf(request);
  const [priority, handle] = [request.info >>> 16, request.handle];
  const gone = request.device.filters[hook].filter(
    (filter) => (priority === 0 || filter.priority === priority) && (handle === 0 || filter.handle === handle),
  );
  const told = gone.map((filter) => describeFilter(kernel, request.device, hook, filter));
  removeFilters(kernel, request.device, hook, priority, handle);
  if ((message.flags & NlmFlag.echo) !== 0) for (const description of told) reply(RTM_DELTFILTER, description);
}

/** All of a hook's, or the one of a priority and a handle: ENOENT. */
export function getFilter({ kernel, message, reply }: NetlinkRequest): void {
  const request = tcMessage(kernel, message);
  const { device } = request;
  const hook = parents[request.parent];
  const dump = (message.flags & NlmFlag.dump) === NlmFlag.dump;
  if (hook === undefined || !device.clsact) {
    if (dump) return;
    fail('EINVAL');
  }
  const wanted = device.filters[hook].filter(
    ({ priority, handle }) => dump || (priority === request.info >>> 16 && handle === request.handle),
  );
  if (wanted.length === 0 && !dump) fail('ENOENT');
  for (const filter of wanted) reply(RTM_NEWTFILTER, describeFilter(kernel, device, hook, filter));
}

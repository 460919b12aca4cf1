/** XDP programs of devices: attaching, and what is around a run. The program is called in net_64.S. */
import type { Cpu } from '../../cpu/cpu.ts';
import { freeDyingPrograms, holdProgram, putProgram } from '../bpf/programs.ts';
import type { BpfProgram } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { xdp_buff } from '../layout/network.ts';
import { readStructure } from '../layout/read-structure.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { readKernel, writeKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { oops } from '../oops.ts';
import { printk } from '../printk.ts';
import { ETH_HLEN } from './packet.ts';
import { frameOf, freeSkb, setFrame, SHARED_INFO, skbAt } from './skb.ts';
import { transmit } from './transmit.ts';
import type { NetDevice, SkBuff, XdpMode } from './types.ts';

/** include/uapi/linux/if_link.h */
export const XdpFlag = { updateIfNoExist: 1, skb: 2, drv: 4, hw: 8, replace: 16 } as const;
const ALL_FLAGS = 31;

export interface XdpRequest {
  /** undefined detaches */
  readonly program: BpfProgram | undefined;
  /** XDP_FLAGS_* */
  readonly flags: number;
  /** with XDP_FLAGS_REPLACE: id of the program that must be there, 0 for none */
  readonly expected?: number;
  readonly link?: number;
}

function modeOf(device: NetDevice, flags: number): XdpMode {
  const modes = flags & (XdpFlag.skb | XdpFlag.drv | XdpFlag.hw);
  if ((modes & (modes - 1)) !== 0) fail('EINVAL');
  if (modes === XdpFlag.hw) fail('EOPNOTSUPP');
  if (modes === XdpFlag.drv) return device.kind === 'veth' ? 'drv' : fail('EOPNOTSUPP');
  // without a mode: the driver's if it has one
  return modes === XdpFlag.skb || device.kind !== 'veth' ? 'skb' : 'drv';
}

/**
 * dev_xdp_attach. Errors: EINVAL for flags or a program of another type, EOPNOTSUPP driver mode without a driver's
 * (lo) or in hardware, EBUSY what a link holds, or another mode is in use, or XDP_FLAGS_UPDATE_IF_NOEXIST and there is
 * one (EBUSY as Linux), EEXIST not the expected program.
 */
export function attachXdp(kernel: Kernel, device: NetDevice, request: XdpRequest): void {
  const { program, flags, expected, link } = request;
  if ((flags & ~ALL_FLAGS) !== 0) fail('EINVAL');
  const mode = modeOf(device, flags);
  const current = device.xdp;
  if (program !== undefined && program.type !== constants.BPF_PROG_TYPE_XDP) fail('EINVAL');
  if (current?.link !== undefined) fail('EBUSY');
  if ((flags & XdpFlag.replace) !== 0 && (current?.program ?? 0) !== (expected ?? 0)) fail('EEXIST');
  if (program !== undefined && current !== undefined && current.mode !== mode) fail('EEXIST');
  if (current !== undefined && ((flags & XdpFlag.updateIfNoExist) !== 0 || link !== undefined)) fail('EBUSY');
  // detaching in a mode that is not in use finds nothing
  if (program === undefined && current?.mode !== mode) return;
  if (program !== undefined && link === undefined) holdProgram(program);
  device.xdp = program === undefined ? undefined : { mode, program: program.id, link };
  if (current !== undefined) putProgram(kernel, current.program);
  freeDyingPrograms(kernel);
}

/** bpf_xdp_link_release: the link holds the program. */
export function detachXdpLink(kernel: Kernel, link: number): void {
  for (const device of kernel.net.devices.values()) if (device.xdp?.link === link) device.xdp = undefined;
}

const modeFlags: Readonly<Record<XdpMode, number>> = { skb: XdpFlag.skb, drv: XdpFlag.drv };

/** rdi: packet, rsi: XDP_FLAGS_* of the mode, rdx: where the struct xdp_buff goes. rax <- bpf_prog or 0, rdx <- function. */
const xdp_prepare_buff: NativeFunction = (kernel, cpu) => {
  const { registers } = cpu;
  const skb = skbAt(kernel, cpu, registers.rdi);
  const device = skb && kernel.net.devices.get(skb.device);
  const attached = device?.xdp;
  if (skb === undefined || device === undefined || attached === undefined) return 0n;
  if (BigInt(modeFlags[attached.mode]) !== registers.rsi) return 0n;
  const program = kernel.bpf.programs.get(attached.program);
  const frame = frameOf(kernel, skb);
  if (program === undefined || frame === undefined) return 0n;
  const bytes = writeStructure(xdp_buff, {
    data: frame.data,
    data_end: frame.data + BigInt(frame.length),
    data_meta: frame.data,
    data_hard_start: skb.head,
    rxq: device.rxQueues[cpu.index] ?? device.rxQueues[0] ?? 0n,
    frame_sz: skb.size,
  });
  if (!writeKernel(kernel, registers.rdx, bytes)) {
    oops(kernel, cpu, `BUG: no struct xdp_buff at 0x${registers.rdx.toString(16)}`);
    return 0n;
  }
  registers.rdx = program.function;
  return program.address;
};

/** The packet is where the program left it; false, after an oops, where that is outside its buffer. */
function takeOver(kernel: Kernel, cpu: Cpu, skb: SkBuff, address: bigint): boolean {
  const bytes = readKernel(kernel, address, xdp_buff.size);
  const xdp = bytes && readStructure(bytes, xdp_buff);
  const [data, end] = [xdp?.wide('data') ?? 0n, xdp?.wide('data_end') ?? 0n];
  if (data < skb.head || end < data || end > skb.head + BigInt(skb.size - SHARED_INFO)) {
    oops(kernel, cpu, `BUG: xdp_buff at 0x${address.toString(16)} is damaged`);
    return false;
  }
  setFrame(kernel, skb, data, Number(end - data));
  return true;
}

/** Says who gave a verdict that there is none of: bpf_warn_invalid_xdp_action. */
function warnInvalid(kernel: Kernel, cpu: Cpu, device: NetDevice, program: BpfProgram | undefined, act: number): void {
  const who = program === undefined ? '' : ` on prog ${program.name} (id ${program.id})`;
  const what = act > constants.XDP_REDIRECT ? 'Illegal' : 'Driver unsupported';
  printk(kernel, cpu, `${what} XDP return value ${act}${who} dev ${device.name}, expect packet loss!`);
}

/** rdi: packet, rsi: struct xdp_buff, rdx: verdict, rcx: whether the program ran, r8: bpf_prog. 1 when the packet goes on. */
const bpf_prog_run_generic_xdp: NativeFunction = (kernel, cpu) => {
  const { rdi, rsi, rdx, rcx, r8 } = cpu.registers;
  const skb = skbAt(kernel, cpu, rdi);
  const device = skb && kernel.net.devices.get(skb.device);
  if (skb === undefined || device === undefined) return 0n;
  const { statistics } = device;
  if (rcx === 0n) {
    statistics.programsSkipped++;
    return 1n;
  }
  if (!takeOver(kernel, cpu, skb, rsi)) return 0n;
  const act = Number(BigInt.asUintN(32, rdx));
  const length = frameOf(kernel, skb)?.length ?? 0;
  if (act === constants.XDP_PASS && length >= ETH_HLEN) {
    statistics.xdpPassed++;
    return 1n;
  }
  if (act === constants.XDP_TX && length >= ETH_HLEN) {
    statistics.xdpTransmitted++;
    transmit(kernel, cpu, skb);
    return 0n;
  }
  if (act === constants.XDP_REDIRECT || act > constants.XDP_REDIRECT) {
    warnInvalid(
      kernel,
      cpu,
      device,
      [...kernel.bpf.programs.values()].find(({ address }) => address === r8),
      act,
    );
  }
  if (act === constants.XDP_DROP) statistics.xdpDropped++;
  else statistics.xdpAborted++;
  freeSkb(kernel, skb);
  return 0n;
};

export const xdpNatives: Record<string, NativeFunction> = { xdp_prepare_buff, bpf_prog_run_generic_xdp };

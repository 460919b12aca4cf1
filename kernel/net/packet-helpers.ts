/** The helpers of XDP and TC programs: net/core/filter.c. Arguments are the program's, and are looked up before use. */
import type { Cpu } from '../../cpu/cpu.ts';
import type { HelperRow } from '../bpf/helper.ts';
import { negativeErrno } from '../bpf/negative-errno.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { xdp_buff } from '../layout/network.ts';
import { readStructure } from '../layout/read-structure.ts';
import { readKernel, writeKernel, writeKernelU64 } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { ETH_HLEN } from './packet.ts';
import { allocSkb, frameOf, SHARED_INFO } from './skb.ts';
import { queueBacklog, queueClone } from './softnet.ts';
import type { NetDevice, SkBuff } from './types.ts';

/** sizeof(struct xdp_frame), which stays free at the head */
const XDP_FRAME = 40n;

interface XdpPacket {
  readonly skb: SkBuff;
  readonly data: bigint;
  readonly end: bigint;
  readonly meta: bigint;
}

/** The packet that a struct xdp_buff is over: its buffer must be a live one, its pointers in order and inside. EFAULT, EINVAL. */
function xdpPacket(kernel: Kernel, address: bigint): XdpPacket {
  const bytes = readKernel(kernel, address, xdp_buff.size) ?? fail('EFAULT');
  const xdp = readStructure(bytes, xdp_buff);
  const head = xdp.wide('data_hard_start');
  const [data, end, meta] = [xdp.wide('data'), xdp.wide('data_end'), xdp.wide('data_meta')];
  const skb = kernel.net.skbs.get(kernel.net.skbHeads.get(head) ?? 0n) ?? fail('EINVAL');
  const limit = head + BigInt(skb.size - SHARED_INFO);
  return data >= head && data <= end && end <= limit ? { skb, data, end, meta } : fail('EINVAL');
}

const putPointer = (kernel: Kernel, xdp: bigint, field: 'data' | 'data_end' | 'data_meta', value: bigint): void => {
  if (!writeKernelU64(kernel, xdp + BigInt(xdp_buff.fields[field].offset), value)) fail('EFAULT');
};

/** rdi: xdp_buff, esi: bytes that the end moves by. -EINVAL past the tailroom or for less than an Ethernet header. */
const adjustTail: NativeFunction = (kernel, { registers: { rdi, rsi } }) =>
  negativeErrno(() => {
    const { skb, data, end } = xdpPacket(kernel, rdi);
    const offset = BigInt.asIntN(32, rsi);
    const moved = end + offset;
    if (moved > skb.head + BigInt(skb.size - SHARED_INFO) || moved < data + BigInt(ETH_HLEN)) fail('EINVAL');
    if (offset > 0n && !writeKernel(kernel, end, new Uint8Array(Number(offset)))) fail('EFAULT');
    putPointer(kernel, rdi, 'data_end', moved);
  });

/** rdi: xdp_buff, esi: bytes that the start moves by. */
const adjustHead: NativeFunction = (kernel, { registers: { rdi, rsi } }) =>
  negativeErrno(() => {
    const { skb, data, end, meta } = xdpPacket(kernel, rdi);
    const moved = data + BigInt.asIntN(32, rsi);
    const metadata = data - meta;
    const lowest = skb.head + XDP_FRAME + (metadata > 0n && metadata <= 252n ? metadata : 0n);
    if (moved < lowest || moved > end - BigInt(ETH_HLEN)) fail('EINVAL');
    putPointer(kernel, rdi, 'data', moved);
    // metadata goes with the packet's start
    putPointer(kernel, rdi, 'data_meta', metadata > 0n && metadata <= 252n ? moved - metadata : moved);
  });

const BPF_F_INGRESS = 1n;
/** XMIT_RECURSION_LIMIT, which is compared with `>` */
const GENERATIONS = 9;

function clone(kernel: Kernel, address: bigint, ifindex: number): { readonly skb: SkBuff; readonly device: NetDevice } {
  const original = kernel.net.skbs.get(address) ?? fail('EINVAL');
  const device = kernel.net.devices.get(ifindex) ?? fail('EINVAL');
  const frame = frameOf(kernel, original) ?? fail('EINVAL');
  const bytes = readKernel(kernel, frame.data, frame.length) ?? fail('EINVAL');
  if (bytes.length < ETH_HLEN) fail('EINVAL');
  const { socket } = original;
  const generation = original.generation + 1;
  if (generation > GENERATIONS) {
    device.statistics.clonesRefused++;
    fail('ENETDOWN');
  }
  const skb = allocSkb(kernel, device, bytes, { socket, trusted: frame.trusted, generation });
  return { skb: skb ?? fail('ENOMEM'), device };
}

/** __bpf_redirect to ingress: dev_forward_skb. */
function forward(kernel: Kernel, cpu: Cpu, { skb, device }: ReturnType<typeof clone>): void {
  if (!queueBacklog(kernel, cpu.index, skb)) {
    device.statistics.rxDropped++;
    fail('ENOBUFS');
  }
  device.statistics.rxPackets++;
}

/** To egress: it waits for the end of the program, whose stack is the only one, and then meets the programs there. */
function send(kernel: Kernel, cpu: Cpu, { skb, device }: ReturnType<typeof clone>): void {
  if (queueClone(kernel, cpu.index, skb)) return;
  device.statistics.clonesRefused++;
  fail('ENOBUFS');
}

/** rdi: sk_buff, esi: ifindex, rdx: flags. rax <- 0 or -errno. */
const cloneRedirect: NativeFunction = (kernel, cpu) => {
  const { rdi, rsi, rdx } = cpu.registers;
  return negativeErrno(() => {
    if ((rdx & ~BPF_F_INGRESS) !== 0n) fail('EINVAL');
    const copy = clone(kernel, rdi, Number(BigInt.asUintN(32, rsi)));
    if (rdx === BPF_F_INGRESS) forward(kernel, cpu, copy);
    else send(kernel, cpu, copy);
  });
};

export const packetHelpers: readonly HelperRow[] = [
  {
    name: 'bpf_xdp_adjust_tail',
    prototype: 'long bpf_xdp_adjust_tail(struct xdp_buff *xdp, int offset)',
    support: 'full',
    note: 'growth is zeroed; a pointer to no live packet is -EINVAL, to unmapped memory -EFAULT',
    native: adjustTail,
  },
  {
    name: 'bpf_xdp_adjust_head',
    prototype: 'long bpf_xdp_adjust_head(struct xdp_buff *xdp, int offset)',
    support: 'full',
    note: 'a pointer to no live packet is -EINVAL, to unmapped memory -EFAULT',
    native: adjustHead,
  },
  {
    name: 'bpf_clone_redirect',
    prototype: 'long bpf_clone_redirect(struct sk_buff *skb, u32 ifindex, u64 flags)',
    support: 'full',
    note: 'a clone to egress goes when the program has ended; after 9 generations of clones -ENETDOWN, with 1000 waiting -ENOBUFS',
    native: cloneRedirect,
  },
];

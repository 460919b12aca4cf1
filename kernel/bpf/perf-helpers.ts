/** Perf events as programs use them: output, counters, stack ids. */
import { negativeErrno } from './negative-errno.ts';
import type { Cpu } from '../../cpu/cpu.ts';
import { eventAt as eventOfMap } from '../bpf-maps/perf-event-array.ts';
import { stackDepth, storeStack } from '../bpf-maps/stack-trace.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { readPtRegs, type PtRegs } from '../kprobe/pt-regs.ts';
import { constants } from '../layout/constants.ts';
import { bpf_perf_event_data_kern, bpf_perf_event_value, sk_buff, xdp_buff } from '../layout/structures.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { readKernel, readKernelU32, readKernelU64, writeKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { kernelCallchain, userCallchain } from '../perf/callchain.ts';
import { AttributeFlag } from '../perf/constants.ts';
import { readCounter } from '../perf/counting.ts';
import { eventAt } from '../perf/events.ts';
import { outputSample } from '../perf/output.ts';
import type { PerfEvent } from '../perf/types.ts';
import type { HelperRow } from './helper.ts';
import { mapAt } from './maps.ts';
import type { BpfMap } from './types.ts';

const { BPF_F_CURRENT_CPU, BPF_F_USER_STACK, BPF_F_SKIP_FIELD_MASK, BPF_MAP_TYPE_PERF_EVENT_ARRAY } = constants;
const INDEX_MASK = 0xffff_ffffn;
const CONTEXT_MASK = 0xf_ffff_0000_0000n;
const CONTEXT_SHIFT = 32n;
/** more does not fit into a record */
const LONGEST_DATA = 0xffff;

function mapOfType(kernel: Kernel, address: bigint, type: number): BpfMap {
  const map = mapAt(kernel, address);
  return map?.type === type ? map : fail('EINVAL');
}

function indexedEvent(kernel: Kernel, cpu: Cpu, map: BpfMap, flags: bigint): PerfEvent {
  const index = Number(flags & INDEX_MASK);
  return eventOfMap(kernel, map, index === BPF_F_CURRENT_CPU ? cpu.index : index);
}

/**
 * __bpf_perf_event_output: `data` as the raw part of a sample of this CPU's BPF_OUTPUT event. E2BIG, ENOENT, EINVAL for
 * another kind of event, EOPNOTSUPP for another CPU's, ENOSPC when the ring has no room.
 */
function output(
  kernel: Kernel,
  cpu: Cpu,
  map: BpfMap,
  flags: bigint,
  data: Uint8Array,
  regs: PtRegs | undefined,
): number {
  const event = indexedEvent(kernel, cpu, map, flags);
  const { type, config } = event.attributes;
  if (type !== constants.PERF_TYPE_SOFTWARE || config !== BigInt(constants.PERF_COUNT_SW_BPF_OUTPUT)) fail('EINVAL');
  // event->oncpu
  if (!event.running.has(cpu.index)) fail('EOPNOTSUPP');
  if (!outputSample(kernel, cpu, event, { regs, period: 0, address: 0n, raw: data })) fail('ENOSPC');
  return 0;
}

function dataArgument(kernel: Kernel, address: bigint, size: bigint): Uint8Array {
  if (size > BigInt(LONGEST_DATA)) fail('E2BIG');
  return readKernel(kernel, address, Number(size)) ?? fail('EFAULT');
}

/** (record, map, flags, data, size): the record's first word is a pt_regs pointer. */
const bpf_perf_event_output_tp: NativeFunction = (kernel, cpu) =>
  negativeErrno(() => {
    const { rdi, rsi, rdx, rcx, r8 } = cpu.registers;
    if ((rdx & ~INDEX_MASK) !== 0n) fail('EINVAL');
    const map = mapOfType(kernel, rsi, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    const regs = readKernelU64(kernel, rdi) ?? fail('EFAULT');
    return output(kernel, cpu, map, rdx, dataArgument(kernel, rcx, r8), readPtRegs(kernel, regs));
  });

type Packet = { readonly start: bigint; readonly length: number };

function skbPacket(kernel: Kernel, address: bigint): Packet {
  const at = (field: keyof typeof sk_buff.fields): bigint => address + BigInt(sk_buff.fields[field].offset);
  const start = readKernelU64(kernel, at('data')) ?? fail('EFAULT');
  return { start, length: (readKernelU32(kernel, at('len')) ?? 0) - (readKernelU32(kernel, at('data_len')) ?? 0) };
}

function xdpPacket(kernel: Kernel, address: bigint): Packet {
  const at = (field: keyof typeof xdp_buff.fields): bigint => address + BigInt(xdp_buff.fields[field].offset);
  const start = readKernelU64(kernel, at('data')) ?? fail('EFAULT');
  return { start, length: Number((readKernelU64(kernel, at('data_end')) ?? start) - start) };
}

/** (ctx, map, flags, meta, size): as many bytes of the packet follow as bits 32 to 51 of the flags say. */
const packetOutput =
  (packetOf: (kernel: Kernel, address: bigint) => Packet): NativeFunction =>
  (kernel, cpu) =>
    negativeErrno(() => {
      const { rdi, rsi, rdx, rcx, r8 } = cpu.registers;
      if ((rdx & ~(INDEX_MASK | CONTEXT_MASK)) !== 0n) fail('EINVAL');
      const map = mapOfType(kernel, rsi, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
      const wanted = Number((rdx & CONTEXT_MASK) >> CONTEXT_SHIFT);
      const { start, length } = packetOf(kernel, rdi);
      if (wanted > length) fail('EFAULT');
      const meta = dataArgument(kernel, rcx, r8);
      if (meta.length + wanted > LONGEST_DATA) fail('E2BIG');
      const bytes = new Uint8Array(meta.length + wanted);
      bytes.set(meta);
      bytes.set(readKernel(kernel, start, wanted) ?? fail('EFAULT'), meta.length);
      return output(kernel, cpu, map, rdx, bytes, undefined);
    });

/** Stores a counter's values at `address`, zeros when they cannot be had. */
function giveValue(kernel: Kernel, address: bigint, size: bigint, eventOf: () => PerfEvent): number {
  const room = Number(BigInt.asUintN(32, size));
  let image = new Uint8Array(Math.min(room, bpf_perf_event_value.size));
  const result = negativeErrno(() => {
    if (room !== bpf_perf_event_value.size) fail('EINVAL');
    const { count, enabled, running } = readCounter(kernel, eventOf());
    image = new Uint8Array(writeStructure(bpf_perf_event_value, { counter: count, enabled, running }));
    return 0;
  });
  return writeKernel(kernel, address, image) ? result : negativeErrno(() => fail('EFAULT'));
}

/** (map, flags, buf, size): perf_event_read_local, so of this CPU or of the current task. */
const bpf_perf_event_read_value: NativeFunction = (kernel, cpu) => {
  const { rdi, rsi, rdx, rcx } = cpu.registers;
  return giveValue(kernel, rdx, rcx, () => {
    if ((rsi & ~INDEX_MASK) !== 0n) fail('EINVAL');
    const event = indexedEvent(kernel, cpu, mapOfType(kernel, rdi, BPF_MAP_TYPE_PERF_EVENT_ARRAY), rsi);
    if ((event.attributes.flags & AttributeFlag.inherit) !== 0n) fail('EOPNOTSUPP');
    if (event.cpu !== -1 && event.cpu !== cpu.index) fail('EINVAL');
    if (event.pid !== -1 && event.pid !== kernel.perCpu[cpu.index]!.current) fail('EINVAL');
    return event;
  });
};

const contextField = (kernel: Kernel, context: bigint, field: keyof typeof bpf_perf_event_data_kern.fields): bigint =>
  readKernelU64(kernel, context + BigInt(bpf_perf_event_data_kern.fields[field].offset)) ?? fail('EFAULT');

/** (ctx, buf, size): the event whose overflow runs the program. */
const bpf_perf_prog_read_value: NativeFunction = (kernel, { registers: { rdi, rsi, rdx } }) =>
  giveValue(kernel, rsi, rdx, () => eventAt(kernel, contextField(kernel, rdi, 'event')) ?? fail('EINVAL'));

/** (ctx, map, flags): the id of the interrupted code's stack. */
const bpf_get_stackid_pe: NativeFunction = (kernel, cpu) =>
  negativeErrno(() => {
    const { rdi, rsi, rdx } = cpu.registers;
    if (rdx > INDEX_MASK) fail('EINVAL');
    const flags = Number(rdx);
    const map = mapOfType(kernel, rsi, constants.BPF_MAP_TYPE_STACK_TRACE);
    const regs = readPtRegs(kernel, contextField(kernel, rdi, 'regs')) ?? fail('EFAULT');
    const depth = (flags & BPF_F_SKIP_FIELD_MASK) + stackDepth(map);
    const chain = (flags & BPF_F_USER_STACK) === 0 ? kernelCallchain : userCallchain;
    return storeStack(kernel, map, chain(kernel, cpu, regs, depth), flags);
  });

const badPointer = 'what is no map, event or mapped memory is -EINVAL or -EFAULT, where Linux would oops';

export const perfHelpers: readonly HelperRow[] = [
  {
    name: 'bpf_perf_event_output_tp',
    prototype: 'long bpf_perf_event_output_tp(void *tp_buff, struct bpf_map *map, u64 flags, void *data, u64 size)',
    support: 'full',
    note: badPointer,
    native: bpf_perf_event_output_tp,
  },
  {
    name: 'bpf_skb_event_output',
    prototype: 'long bpf_skb_event_output(struct sk_buff *skb, struct bpf_map *map, u64 flags, void *meta, u64 size)',
    support: 'partial',
    note: 'the linear part of the packet; '.concat(badPointer),
    native: packetOutput(skbPacket),
  },
  {
    name: 'bpf_xdp_event_output',
    prototype: 'long bpf_xdp_event_output(struct xdp_buff *xdp, struct bpf_map *map, u64 flags, void *meta, u64 size)',
    support: 'full',
    note: badPointer,
    native: packetOutput(xdpPacket),
  },
  {
    name: 'bpf_perf_event_read_value',
    prototype:
      'long bpf_perf_event_read_value(struct bpf_map *map, u64 flags, struct bpf_perf_event_value *buf, u32 size)',
    support: 'full',
    note: badPointer,
    native: bpf_perf_event_read_value,
  },
  {
    name: 'bpf_perf_prog_read_value',
    prototype: 'long bpf_perf_prog_read_value(void *ctx, struct bpf_perf_event_value *buf, u32 size)',
    support: 'full',
    note: badPointer,
    native: bpf_perf_prog_read_value,
  },
  {
    name: 'bpf_get_stackid_pe',
    prototype: 'long bpf_get_stackid_pe(void *ctx, struct bpf_map *map, u64 flags)',
    support: 'full',
    note: badPointer,
    native: bpf_get_stackid_pe,
  },
];

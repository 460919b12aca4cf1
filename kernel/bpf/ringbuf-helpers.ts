/** bpf_ringbuf_*: kernel/bpf/ringbuf.c. */
import {
  available,
  commit,
  consumerPosition,
  output,
  producerPosition,
  reserve,
  ringOf,
} from '../bpf-maps/ring-records.ts';
import { Errno, fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { oops } from '../oops.ts';
import type { HelperRow } from './helper.ts';
import { mapAt } from './maps.ts';
import { negativeErrno } from './negative-errno.ts';
import type { BpfMap } from './types.ts';

const WAKE_FLAGS = BigInt(constants.BPF_RB_NO_WAKEUP | constants.BPF_RB_FORCE_WAKEUP);

function ringAt(kernel: Kernel, address: bigint): BpfMap | undefined {
  const map = mapAt(kernel, address);
  return map?.data.kind === 'ring' ? map : undefined;
}

/** `body`, or 0n where the ring's memory has been unmapped by an extension. */
function orZero(body: () => bigint): bigint {
  try {
    return body();
  } catch (error) {
    if (error instanceof Errno) return 0n;
    throw error;
  }
}

const reserveNative: NativeFunction = (kernel, { registers: { rdi, rsi, rdx } }) => {
  const map = ringAt(kernel, rdi);
  return map === undefined || rdx !== 0n ? 0n : orZero(() => reserve(kernel, map, rsi));
};

const outputNative: NativeFunction = (kernel, { registers: { rdi, rsi, rdx, rcx } }) =>
  negativeErrno(() => {
    const map = ringAt(kernel, rdi) ?? fail('EINVAL');
    if ((rcx & ~WAKE_FLAGS) !== 0n) fail('EINVAL');
    if (rdx > BigInt(map.maxEntries)) fail('EAGAIN');
    output(kernel, map, readKernel(kernel, rsi, Number(rdx)) ?? fail('EFAULT'), rcx);
  });

const commitNative =
  (name: string, discard: boolean): NativeFunction =>
  (kernel, cpu) => {
    const { rdi, rsi } = cpu.registers;
    const map = ringOf(kernel, rdi);
    if (map === undefined) oops(kernel, cpu, `BUG: ${name} of 0x${rdi.toString(16)}, which is in no ring buffer`);
    else negativeErrno(() => commit(kernel, map, rdi, rsi, discard));
    return undefined;
  };

const queries: Readonly<Record<number, (kernel: Kernel, map: BpfMap) => bigint>> = {
  [constants.BPF_RB_AVAIL_DATA]: available,
  [constants.BPF_RB_RING_SIZE]: (_kernel, map) => BigInt(map.maxEntries),
  [constants.BPF_RB_CONS_POS]: consumerPosition,
  [constants.BPF_RB_PROD_POS]: producerPosition,
};

const query: NativeFunction = (kernel, { registers: { rdi, rsi } }) => {
  const map = ringAt(kernel, rdi);
  const answer = rsi < 4n ? queries[Number(rsi)] : undefined;
  return map === undefined || answer === undefined ? 0n : orZero(() => answer(kernel, map));
};

const badPointer = 'a pointer to no ring buffer is NULL, 0 or -EINVAL, where Linux would oops';
const badSample = 'a pointer into no ring buffer is an oops';

// prettier-ignore
export const ringbufHelpers: readonly HelperRow[] = [
  { name: 'bpf_ringbuf_reserve', prototype: 'void *bpf_ringbuf_reserve(struct bpf_map *map, u64 size, u64 flags)',            support: 'full', note: badPointer, native: reserveNative },
  { name: 'bpf_ringbuf_output',  prototype: 'long bpf_ringbuf_output(struct bpf_map *map, void *data, u64 size, u64 flags)', support: 'full', note: `${badPointer}; unmapped data is -EFAULT`, native: outputNative },
  { name: 'bpf_ringbuf_submit',  prototype: 'void bpf_ringbuf_submit(void *sample, u64 flags)',                              support: 'full', note: badSample, native: commitNative('bpf_ringbuf_submit', false) },
  { name: 'bpf_ringbuf_discard', prototype: 'void bpf_ringbuf_discard(void *sample, u64 flags)',                             support: 'full', note: badSample, native: commitNative('bpf_ringbuf_discard', true) },
  { name: 'bpf_ringbuf_query',   prototype: 'u64 bpf_ringbuf_query(struct bpf_map *map, u64 selector)',                      support: 'full', note: badPointer, native: query },
];

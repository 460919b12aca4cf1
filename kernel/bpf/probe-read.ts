import { errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readKernel, writeKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import type { HelperRow } from './helper.ts';

const { PAGE_SIZE } = constants;

/** Calls `visit(offset, length)` for pieces of at most a page until one answers false: then false. */
function inPieces(size: number, visit: (offset: bigint, length: number) => boolean): boolean {
  for (let at = 0; at < size; at += PAGE_SIZE) {
    if (!visit(BigInt(at), Math.min(PAGE_SIZE, size - at))) return false;
  }
  return true;
}

function copy(kernel: Kernel, to: bigint, from: bigint, size: number): boolean {
  return inPieces(size, (offset, length) => {
    const bytes = readKernel(kernel, from + offset, length);
    return bytes !== undefined && writeKernel(kernel, to + offset, bytes);
  });
}

/** copy_from_kernel_nofault: all of it, or zeros and -EFAULT; user addresses fault. */
const probeReadKernel: NativeFunction = (kernel, { registers: { rdi, rsi, rdx } }) => {
  const size = Number(BigInt.asUintN(32, rsi));
  if (copy(kernel, rdi, rdx, size)) return 0;
  inPieces(size, (offset, length) => writeKernel(kernel, rdi + offset, new Uint8Array(length)));
  return -errno.EFAULT;
};

export const probeReadHelpers: readonly HelperRow[] = [
  {
    name: 'bpf_probe_read_kernel',
    prototype: 'long bpf_probe_read_kernel(void *dst, u32 size, const void *unsafe_ptr)',
    support: 'full',
    note: 'an unmapped destination is -EFAULT, where Linux would oops',
    native: probeReadKernel,
  },
];

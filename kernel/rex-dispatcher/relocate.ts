/** What the kernel writes into an image: map pointers, its own addresses, and kernel symbols. */
import { R_X86_64_RELATIVE } from '../../toolchain/elf/constants.ts';
import type { Cpu } from '../../cpu/cpu.ts';
import { holdMap } from '../bpf/maps.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { readKernelU64, writeKernelU64 } from '../mm/kernel-memory.ts';
import { printk } from '../printk.ts';
import { lookupName } from '../symbols.ts';
import { insideImage, type RexImage } from './image.ts';
import type { RexBaseRequest, RexImport, RexRelocation } from './request.ts';

/** Guest address of an 8-byte slot; EINVAL outside the image. */
function slotAt(image: RexImage, offset: bigint): bigint {
  return insideImage(image, offset, 8) ? image.address + offset : fail('EINVAL');
}

/**
 * Descriptors in `kptr` fields become `struct bpf_map *`. Each map is held as soon as it is in `held`.
 * Errors: EBADF, EINVAL, EFAULT.
 */
export function resolveMaps(kernel: Kernel, image: RexImage, request: RexBaseRequest, held: number[]): void {
  for (const offset of request.maps.read()) {
    const slot = slotAt(image, offset);
    const descriptor = readKernelU64(kernel, slot) ?? fail('EINVAL');
    const map = holdMap(request.mapOf(Number(BigInt.asIntN(32, descriptor))));
    held.push(map.id);
    writeKernelU64(kernel, slot, map.address);
  }
}

/** base + addend, whatever the slot held. EINVAL for any other type, EFAULT. */
export function relocate(kernel: Kernel, image: RexImage, relocations: Iterable<RexRelocation>): void {
  for (const { offset, info, addend } of relocations) {
    if (BigInt.asUintN(32, info) !== BigInt(R_X86_64_RELATIVE)) fail('EINVAL');
    writeKernelU64(kernel, slotAt(image, offset), image.address + addend);
  }
}

const printable = (name: string): string => name.replace(/[^\x20-\x7e]/g, '?');

/** Any name of kallsyms resolves, per-CPU variables to their template address. EINVAL for an unknown one, E2BIG, EFAULT. */
export function resolveImports(
  kernel: Kernel,
  cpu: Cpu | undefined,
  image: RexImage,
  imports: Iterable<RexImport>,
): void {
  for (const { offset, name } of imports) {
    const address = lookupName(kernel.symbols, name);
    if (address === 0n) {
      printk(kernel, cpu, `rex: unknown symbol ${printable(name)} at image offset 0x${offset.toString(16)}`);
      fail('EINVAL');
    }
    writeKernelU64(kernel, slotAt(image, offset), address);
  }
}

/** From an ELF file to an image in kernel memory: the segments, checked, copied and protected. */
import {
  ElfError,
  readHeader,
  readProgramHeaders,
  type ElfHeader,
  type ProgramHeader,
} from '../../toolchain/elf/index.ts';
import { EHDR_SIZE, EM_X86_64, ET_DYN, ET_EXEC, PF_R, PF_W, PF_X, PT_LOAD } from '../../toolchain/elf/constants.ts';
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { writeKernel } from '../mm/kernel-memory.ts';
import { setMemory, vfree, vmalloc } from '../mm/vmalloc.ts';

const { PAGE_SIZE, MAX_PROG_SZ } = constants;

export interface RexImage {
  /** guest address */
  readonly address: bigint;
  /** bytes, whole pages */
  readonly size: number;
}

interface Segment {
  /** bytes from the start of the image */
  readonly start: number;
  readonly firstPage: number;
  readonly endPage: number;
  readonly permissions: 'r' | 'rw' | 'rx';
  readonly bytes: Uint8Array;
}

export interface ImagePlan {
  readonly size: number;
  readonly segments: readonly Segment[];
}

/** W+X and what cannot be read have no row: EINVAL. */
const permissionsByFlags: Readonly<Record<number, Segment['permissions']>> = {
  [PF_R]: 'r',
  [PF_R | PF_W]: 'rw',
  [PF_R | PF_X]: 'rx',
};

function readHeaders(file: Uint8Array): { header: ElfHeader; programHeaders: readonly ProgramHeader[] } {
  if (file.length < EHDR_SIZE) fail('EIO');
  try {
    const header = readHeader(file);
    return { header, programHeaders: readProgramHeaders(file, header) };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return fail(error.code === 'truncated' ? 'EIO' : 'EINVAL');
  }
}

function planSegment(file: Uint8Array, row: ProgramHeader): Segment {
  const limit = BigInt(MAX_PROG_SZ);
  if (row.virtualAddress > limit || row.virtualAddress + BigInt(row.memorySize) > limit) fail('EINVAL');
  if (row.align !== PAGE_SIZE) fail('EINVAL');
  const start = Number(row.virtualAddress);
  return {
    start,
    firstPage: Math.floor(start / PAGE_SIZE),
    endPage: Math.ceil((start + row.memorySize) / PAGE_SIZE),
    permissions: permissionsByFlags[row.flags & (PF_R | PF_W | PF_X)] ?? fail('EINVAL'),
    bytes: file.subarray(row.offset, row.offset + row.fileSize),
  };
}

/**
 * What of `file` goes where. Errors: EIO for a file shorter than its headers say; EINVAL unless it is a little-endian
 * ELF64 x86-64 ET_DYN or ET_EXEC whose PT_LOADs ascend, fill every page from 0 up to at most MAX_PROG_SZ, share none,
 * have p_align 4096, and are readable and not both writable and executable.
 */
export function planImage(file: Uint8Array): ImagePlan {
  const { header, programHeaders } = readHeaders(file);
  if (header.machine !== EM_X86_64 || (header.type !== ET_DYN && header.type !== ET_EXEC)) fail('EINVAL');
  const segments = programHeaders.filter(({ type }) => type === PT_LOAD).map((row) => planSegment(file, row));
  let pages = 0;
  for (const { firstPage, endPage } of segments) {
    if (firstPage !== pages) fail('EINVAL');
    pages = endPage;
  }
  return pages === 0 ? fail('EINVAL') : { size: pages * PAGE_SIZE, segments };
}

/** Memory for the image, its segments copied and protected. ENOMEM. */
export function placeImage(kernel: Kernel, plan: ImagePlan): RexImage {
  const address = vmalloc(kernel, 'modules', plan.size);
  for (const { start, firstPage, endPage, permissions, bytes } of plan.segments) {
    writeKernel(kernel, address + BigInt(start), bytes);
    const size = (endPage - firstPage) * PAGE_SIZE;
    if (size > 0) setMemory(kernel, address + BigInt(firstPage * PAGE_SIZE), size, permissions);
  }
  return { address, size: plan.size };
}

export const freeImage = (kernel: Kernel, image: RexImage): void => vfree(kernel, image.address);

/** Whether `size` bytes at `offset` lie in the image. */
export function insideImage(image: RexImage, offset: bigint, size: number): boolean {
  return offset <= BigInt(image.size - size);
}

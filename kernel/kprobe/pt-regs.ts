/** `struct pt_regs` in guest memory, as entry code pushed it. */
import type { Kernel } from '../kernel.ts';
import { pt_regs } from '../layout/structures.ts';
import { readKernel, readKernelU32, readKernelU64, writeKernelU32, writeKernelU64 } from '../mm/kernel-memory.ts';

export type PtRegsField = keyof typeof pt_regs.fields;
/** Every register, unsigned 64-bit. */
export type PtRegs = Readonly<Record<PtRegsField, bigint>>;

/** of the last register */
const LAST = pt_regs.size - 8;
const fieldNames = Object.keys(pt_regs.fields) as PtRegsField[];

/** All 21 of them; undefined where any byte is unmapped. */
export function readPtRegs(kernel: Kernel, address: bigint): PtRegs | undefined {
  const bytes = readKernel(kernel, address, pt_regs.size);
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const registers = {} as Record<PtRegsField, bigint>;
  for (const name of fieldNames) registers[name] = view.getBigUint64(pt_regs.fields[name].offset, true);
  return registers;
}

/** Whether all 21 of them are mapped. */
export function hasPtRegs(kernel: Kernel, address: bigint): boolean {
  // on two pages at most
  return readKernelU64(kernel, address) !== undefined && readKernelU64(kernel, address, LAST) !== undefined;
}

/** One register; undefined where it is unmapped. */
export function readPtReg(kernel: Kernel, address: bigint, field: PtRegsField): bigint | undefined {
  return readKernelU64(kernel, address, pt_regs.fields[field].offset);
}

/** False where it is unmapped. */
export function writePtReg(kernel: Kernel, address: bigint, field: PtRegsField, value: bigint): boolean {
  return writeKernelU64(kernel, address, value, pt_regs.fields[field].offset);
}

/** The lower half of the flags, where all that are defined lie; undefined where it is unmapped. */
export function readFlags(kernel: Kernel, address: bigint): number | undefined {
  return readKernelU32(kernel, address, pt_regs.fields.flags.offset);
}

/** The upper half stays. False where it is unmapped. */
export function writeFlags(kernel: Kernel, address: bigint, flags: number): boolean {
  return writeKernelU32(kernel, address, flags, pt_regs.fields.flags.offset);
}

/** Whether the frame is of user mode. */
export const isUserMode = (cs: bigint): boolean => (cs & 3n) === 3n;

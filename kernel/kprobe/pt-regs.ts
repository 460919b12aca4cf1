/** `struct pt_regs` in guest memory, as entry code pushed it. */
import type { Kernel } from '../kernel.ts';
import { pt_regs } from '../layout/structures.ts';
import { readKernel, readKernelU64, writeKernelU64 } from '../mm/kernel-memory.ts';

export type PtRegsField = keyof typeof pt_regs.fields;
/** Every register, unsigned 64-bit. */
export type PtRegs = Readonly<Record<PtRegsField, bigint>>;

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

/** One register; undefined where it is unmapped. */
export function readPtReg(kernel: Kernel, address: bigint, field: PtRegsField): bigint | undefined {
  return readKernelU64(kernel, address + BigInt(pt_regs.fields[field].offset));
}

/** False where it is unmapped. */
export function writePtReg(kernel: Kernel, address: bigint, field: PtRegsField, value: bigint): boolean {
  return writeKernelU64(kernel, address + BigInt(pt_regs.fields[field].offset), BigInt.asUintN(64, value));
}

/** Whether the frame is of user mode. */
export const isUserMode = (cs: bigint): boolean => (cs & 3n) === 3n;

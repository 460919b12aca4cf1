import type { Kernel } from './kernel.ts';
import { perCpuVariables } from './layout/per-cpu.ts';
import { readKernelU64, writeKernelU32, writeKernelU64 } from './mm/kernel-memory.ts';

/** Linear address of `name` in the area of CPU `cpu`. */
export function perCpuAddress(kernel: Kernel, cpu: number, name: string): bigint {
  const variable = perCpuVariables.get(name);
  if (variable === undefined) throw new Error(`no per-CPU variable is called ${name}`);
  return kernel.perCpu[cpu]!.area + BigInt(variable.offset);
}

export function readPerCpu(kernel: Kernel, cpu: number, name: string): bigint {
  return readKernelU64(kernel, perCpuAddress(kernel, cpu, name))!;
}

export function writePerCpu(kernel: Kernel, cpu: number, name: string, value: bigint): void {
  const address = perCpuAddress(kernel, cpu, name);
  if (perCpuVariables.get(name)!.size === 4) writeKernelU32(kernel, address, Number(value));
  else writeKernelU64(kernel, address, value);
}

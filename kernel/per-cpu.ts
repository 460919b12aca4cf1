import type { Kernel } from './kernel.ts';
import { perCpuVariables, type PlacedPerCpuVariable } from './layout/per-cpu.ts';
import { readKernelU64, writeKernelU32, writeKernelU64 } from './mm/kernel-memory.ts';

function variableOf(name: string): PlacedPerCpuVariable {
  const variable = perCpuVariables.get(name);
  if (variable === undefined) throw new Error(`no per-CPU variable is called ${name}`);
  return variable;
}

/** Linear address of `name` in the area of CPU `cpu`. */
export function perCpuAddress(kernel: Kernel, cpu: number, name: string): bigint {
  return kernel.perCpu[cpu]!.area + BigInt(variableOf(name).offset);
}

export function readPerCpu(kernel: Kernel, cpu: number, name: string): bigint {
  return readKernelU64(kernel, kernel.perCpu[cpu]!.area, variableOf(name).offset)!;
}

export function writePerCpu(kernel: Kernel, cpu: number, name: string, value: bigint): void {
  const { size, offset } = variableOf(name);
  const { area } = kernel.perCpu[cpu]!;
  if (size === 4) writeKernelU32(kernel, area, Number(value), offset);
  else writeKernelU64(kernel, area, value, offset);
}

/** What a kernel address lies in, of what the kernel knows by itself: stacks, per-CPU areas, structures, blocks of the heap. */
import type { Kernel } from '../../kernel/kernel.ts';
import { PAGE_OFFSET } from '../../kernel/layout/address-map.ts';
import { perCpuAreaSize, perCpuVariables } from '../../kernel/layout/per-cpu.ts';
import { blockAround } from '../../kernel/mm/heap.ts';
import { bpf_map, bpf_prog, pt_regs, task_struct } from '../../kernel/layout/structures.ts';
import { stackAt, type Stack } from './stacks.ts';
import { fieldText, taskText, withOffset } from './words.ts';

type Finder = (kernel: Kernel, address: bigint) => string | undefined;

const offsetIn = (start: bigint, size: number, address: bigint): number | undefined =>
  address >= start && address < start + BigInt(size) ? Number(address - start) : undefined;

const perCpuArea: Finder = (kernel, address) => {
  for (const [cpu, { area }] of kernel.perCpu.entries()) {
    const offset = offsetIn(area, perCpuAreaSize, address);
    if (offset === undefined) continue;
    for (const variable of perCpuVariables.values()) {
      if (offset < variable.offset || offset >= variable.offset + variable.size) continue;
      return `per-CPU area of CPU ${cpu}: ${withOffset(variable.name, offset - variable.offset)}`;
    }
    return `per-CPU area of CPU ${cpu}`;
  }
  return undefined;
};

function ownerOf({ kind, task, cpu }: Stack): string {
  if (kind === 'kernel') return `kernel stack of ${taskText(task!)}`;
  return kind === 'rex' ? `Rex stack of CPU ${cpu}` : `${kind} stack of CPU ${cpu}`;
}

const stack: Finder = (kernel, address) => {
  const found = stackAt(kernel, address);
  if (found === undefined || found.kind === 'user' || address >= found.end) return undefined;
  const below = Number(found.end - address);
  if (found.kind === 'rex' && below <= 8) return `${ownerOf(found)}: the dispatcher's saved stack pointer`;
  const hasRegisters = found.kind === 'kernel' && found.task!.addressSpace !== undefined;
  if (hasRegisters && below <= pt_regs.size) {
    return `${ownerOf(found)}: ${fieldText('pt_regs', pt_regs, pt_regs.size - below)}`;
  }
  return ownerOf(found);
};

const structure: Finder = (kernel, address) => {
  for (const task of kernel.tasks.values()) {
    const offset = offsetIn(task.address, task_struct.size, address);
    if (offset !== undefined) return `${fieldText('task_struct', task_struct, offset)} of ${taskText(task)}`;
  }
  for (const map of kernel.bpf.maps.values()) {
    const offset = offsetIn(map.address, bpf_map.size, address);
    if (offset !== undefined) return `${fieldText('bpf_map', bpf_map, offset)} of ${map.name}`;
  }
  for (const program of kernel.bpf.programs.values()) {
    const offset = offsetIn(program.address, bpf_prog.size, address);
    if (offset !== undefined) return `${fieldText('bpf_prog', bpf_prog, offset)} of ${program.name}`;
  }
  return undefined;
};

const finders: readonly Finder[] = [stack, perCpuArea, structure];

export function kernelObjectAt(kernel: Kernel, address: bigint): string | undefined {
  for (const find of finders) {
    const found = find(kernel, address);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The address and size of the kmalloc block around an address of the direct map. */
export function heapBlockAt(
  { heap, memory }: Kernel,
  address: bigint,
): { readonly address: bigint; readonly size: number } | undefined {
  if (address < PAGE_OFFSET || address >= PAGE_OFFSET + BigInt(memory.size)) return undefined;
  const physical = Number(address - PAGE_OFFSET);
  const block = blockAround(heap, physical);
  return block && { address: PAGE_OFFSET + BigInt(block.start), size: block.size };
}

/** What lies at an address of data, in words: `kernel stack of userapp (2): pt_regs.ax`, `map pid_to_errno, key 2: value`. */
import type { Box } from '../../box/box.ts';
import { PAGE_OFFSET } from '../../kernel/layout/address-map.ts';
import { pt_regs } from '../../kernel/layout/structures.ts';
import { findArea, isShared, SHARED_ZEROS } from '../../kernel/mm/areas.ts';
import { blockAt } from '../../kernel/mm/vmalloc.ts';
import { kernelPhysical } from '../../kernel/mm/kernel-memory.ts';
import type { Task } from '../../kernel/task.ts';
import { codeAt, KERNEL_HALF, spaceOfTask, type LoadedCode } from './loaded-code.ts';
import { kernelObjectAt } from './kernel-objects.ts';
import { mapElementAt } from './map-elements.ts';
import type { Sources } from './sources.ts';
import { stackAt } from './stacks.ts';
import { fieldText, taskText, withOffset } from './words.ts';

/** A struct pt_regs that an exception has left on a stack. */
export interface SavedRegisters {
  readonly address: bigint;
  /** as `#BP of the kprobe __x64_sys_dup` */
  readonly of: string;
}

export interface Regions {
  /**
   * '' for what nothing is known of; a user address is `task`'s. `saved`: what is found on the stacks by a story, which is
   * asked for only where it counts.
   */
  at(address: bigint, task: Task | undefined, saved?: () => readonly SavedRegisters[]): string;
}

const SHF_ALLOC = 2;

/** `.data of /userapp: environ+0x8` */
function inFile({ name, file, bias }: LoadedCode, address: bigint): string | undefined {
  const own = address - bias;
  const section = file.elf?.sections.find(
    (row) => (row.flags & SHF_ALLOC) !== 0 && own >= row.address && own < row.address + BigInt(row.size),
  );
  const symbol = file.objectAt(own);
  const place = section === undefined ? name : `${section.name} of ${name}`;
  return symbol === undefined ? place : `${place}: ${withOffset(symbol.name, own - symbol.address)}`;
}

function userRegion({ kernel }: Pick<Box, 'kernel'>, sources: Sources, address: bigint, task: Task): string {
  const space = spaceOfTask(kernel, task);
  const area = space === undefined ? undefined : findArea(space, address);
  if (area === undefined) return '';
  const code = codeAt(kernel, sources.files, address, task);
  if (code !== undefined) {
    const symbol = sources.symbolText(address, task);
    return symbol === '' ? (inFile(code, address) ?? code.name) : symbol;
  }
  const owner = taskText(task);
  if (area.name === '[stack]') return `stack of ${owner}`;
  if (area.name === '[heap]') return `heap of ${owner}`;
  // a mapping of a file that is no program
  if (area.file !== undefined && area.name !== SHARED_ZEROS) return `${area.name} in ${owner}`;
  return isShared(area) ? `shared memory of ${owner}` : `memory of ${owner}`;
}

export function createRegions(box: Pick<Box, 'kernel'>, sources: Sources): Regions {
  const { kernel } = box;

  /** What a block of the heap or an area of vmalloc belongs to is said before that it is one. */
  const kernelRegion = (address: bigint, saved: (() => readonly SavedRegisters[]) | undefined): string => {
    const object = kernelObjectAt(kernel, address) ?? mapElementAt(kernel, address);
    if (object !== undefined && saved !== undefined && stackAt(kernel, address) !== undefined) {
      for (const { address: start, of } of saved()) {
        const offset = Number(address - start);
        if (offset >= 0 && offset < pt_regs.size) return `${object}: ${fieldText('pt_regs', pt_regs, offset)} of ${of}`;
      }
    }
    if (object !== undefined) return object;
    const symbol = sources.symbolText(address, undefined);
    if (symbol !== '') return symbol;
    const image = codeAt(kernel, sources.files, address, undefined);
    if (image !== undefined) return inFile(image, address) ?? image.name;
    if ([kernel.vmalloc, kernel.modules].some((area) => blockAt(area, address) !== undefined)) return 'vmalloc area';
    const physical = kernelPhysical(kernel, address);
    if (physical === undefined) return '';
    return address >= PAGE_OFFSET && address < PAGE_OFFSET + BigInt(kernel.memory.size)
      ? `physical memory 0x${physical.toString(16)}`
      : '';
  };
  return {
    at(address, task, saved) {
      if (address >= KERNEL_HALF) return kernelRegion(address, saved);
      return task === undefined ? '' : userRegion(box, sources, address, task);
    },
  };
}

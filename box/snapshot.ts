/** All of a box at one moment, and back to it. */
import type { Cpu } from '../cpu/cpu.ts';
import { forgetDecoded, PAGE_SIZE } from '../cpu/memory.ts';
import { flushTlb } from '../cpu/paging.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { clone } from './clone.ts';
import { BoxError } from './errors.ts';
import { copyMemory, restoreMemory, type MemoryCopy } from './pages.ts';

/** Plain data; of use only to the box it was taken of. */
export interface Snapshot {
  readonly memory: MemoryCopy;
  readonly cpus: readonly Record<string, unknown>[];
  readonly kernel: Record<string, unknown>;
}

/** Views of the machine's memory, what is computed from it, and the lines of the kernel's text: the same objects for the life of the box. */
const lasting: ReadonlySet<string> = new Set([
  'memory',
  'cpus',
  'slots',
  'words',
  'registers',
  'index',
  'tlb',
  'addressSpaceAge',
  'listing',
]);

const changing = (record: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !lasting.has(key)));

/** Between two instructions: registers and guest memory, and every record of the kernel. */
export function takeSnapshot(kernel: Kernel): Snapshot {
  return {
    memory: copyMemory(kernel.memory.buffer, kernel.memory.derived),
    cpus: kernel.cpus.map((cpu) => clone(changing(cpu), `cpus.${cpu.index}`)),
    kernel: clone(changing(kernel), 'kernel'),
  };
}

function restoreCpu(cpu: Cpu, saved: Record<string, unknown>): void {
  Object.assign(cpu, clone(saved, `cpus.${cpu.index}`));
  flushTlb(cpu);
}

/** BoxError for a snapshot of a machine of another size. */
export function restoreSnapshot(kernel: Kernel, snapshot: Snapshot): void {
  const size = kernel.memory.derived;
  if (snapshot.memory.length !== size || snapshot.cpus.length !== kernel.cpus.length) {
    throw new BoxError(
      `restore: got a snapshot of ${snapshot.cpus.length} CPUs and ${snapshot.memory.length} bytes, ` +
        `expected one of this box: ${kernel.cpus.length} CPUs and ${size} bytes`,
    );
  }
  const { memory } = kernel;
  restoreMemory(memory.buffer, snapshot.memory, (at) => {
    if (at >= memory.start) forgetDecoded(memory, at - memory.start, PAGE_SIZE);
  });
  kernel.cpus.forEach((cpu, n) => restoreCpu(cpu, snapshot.cpus[n]!));
  Object.assign(kernel, clone(snapshot.kernel, 'kernel'));
}

/** All of a box at one moment, and back to it. */
import type { Cpu } from '../cpu/cpu.ts';
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

/** Views of the machine's memory and what is computed from it: the same objects for the life of the box. */
const lasting: ReadonlySet<string> = new Set(['memory', 'cpus', 'slots', 'words', 'registers', 'index']);

const changing = (record: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !lasting.has(key)));

/** Between two instructions: registers and guest memory, and every record of the kernel. */
export function takeSnapshot(kernel: Kernel): Snapshot {
  return {
    memory: copyMemory(kernel.memory.stateBuffer),
    cpus: kernel.cpus.map((cpu) => clone(changing(cpu), `cpus.${cpu.index}`)),
    kernel: clone(changing(kernel), 'kernel'),
  };
}

/** The TLB's arrays keep their identity: whoever executes may hold them. */
function restoreCpu(cpu: Cpu, saved: Record<string, unknown>): void {
  const { tlb, ...rest } = clone(saved, `cpus.${cpu.index}`) as { tlb: Cpu['tlb'] };
  Object.assign(cpu, rest);
  for (const name of Object.keys(tlb) as (keyof Cpu['tlb'])[]) cpu.tlb[name].set(tlb[name]);
}

/** BoxError for a snapshot of a machine of another size. */
export function restoreSnapshot(kernel: Kernel, snapshot: Snapshot): void {
  const size = kernel.memory.stateBuffer.byteLength;
  if (snapshot.memory.length !== size || snapshot.cpus.length !== kernel.cpus.length) {
    throw new BoxError(
      `restore: got a snapshot of ${snapshot.cpus.length} CPUs and ${snapshot.memory.length} bytes, ` +
        `expected one of this box: ${kernel.cpus.length} CPUs and ${size} bytes`,
    );
  }
  restoreMemory(kernel.memory.stateBuffer, snapshot.memory);
  kernel.memory.decoded.length = 0;
  kernel.cpus.forEach((cpu, n) => restoreCpu(cpu, snapshot.cpus[n]!));
  Object.assign(kernel, clone(snapshot.kernel, 'kernel'));
}

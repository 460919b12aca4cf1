/** All of a box at one moment, and back to it. */
import type { Cpu } from '../cpu/cpu.ts';
import { flushTlb } from '../cpu/paging.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { nextDeadline } from '../kernel/sleepers.ts';
import { BoxError } from './errors.ts';
import { createFreezer, createThawer, freeze, thaw, type Counterparts, type Freezer, type Frozen } from './frozen.ts';
import { copyMemory, restoreMemory, type MemoryCopy } from './pages.ts';

type FrozenFields = Readonly<Record<string, Frozen>>;

/** Immutable; of use only to the box it was taken of, and what is alike is shared with its other ones. */
export interface Snapshot {
  readonly memory: MemoryCopy;
  readonly cpus: readonly FrozenFields[];
  readonly kernel: FrozenFields;
  /** of the records: about how many bytes there are, and how many the one before did not have */
  readonly records: { readonly bytes: number; readonly fresh: number };
}

/**
 * Views of the machine's memory and what is computed from it, which are the same objects for the life of the box; and what
 * every run begins by setting.
 */
const leftOut: ReadonlySet<string> = new Set([
  'memory',
  'cpus',
  'slots',
  'words',
  'registers',
  'index',
  'tlb',
  'addressSpaceAge',
  'limit',
  'leave',
]);

/** What the records of a kernel were when last looked at. */
const counterparts = new WeakMap<Kernel, Counterparts>();

function freezeFields(freezer: Freezer, name: string, record: object): FrozenFields {
  const fields: Record<string, Frozen> = {};
  for (const [key, value] of Object.entries(record)) {
    if (!leftOut.has(key)) fields[key] = freeze(freezer, `${name}.${key}`, value);
  }
  return fields;
}

function freezeRecords(kernel: Kernel): Omit<Snapshot, 'memory'> {
  // is remembered once somebody has asked: that depends on how the run was divided
  nextDeadline(kernel);
  const freezer = createFreezer(counterparts.get(kernel) ?? new Map());
  const cpus = kernel.cpus.map((cpu) => freezeFields(freezer, `cpus.${cpu.index}`, cpu));
  const fields = freezeFields(freezer, 'kernel', kernel);
  counterparts.set(kernel, freezer.known);
  return { cpus, kernel: fields, records: { bytes: freezer.size, fresh: freezer.fresh } };
}

/** Between two instructions: registers and guest memory, and every record of the kernel. */
export function takeSnapshot(kernel: Kernel): Snapshot {
  return { memory: copyMemory(kernel.memory), ...freezeRecords(kernel) };
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
  // records that are as they were then stay where they are
  freezeRecords(kernel);
  const thawer = createThawer(counterparts.get(kernel)!);
  const thawFields = (target: object, fields: FrozenFields): void => {
    for (const [key, value] of Object.entries(fields)) (target as Record<string, unknown>)[key] = thaw(thawer, value);
  };
  restoreMemory(kernel.memory, snapshot.memory);
  kernel.cpus.forEach((cpu: Cpu, n) => {
    thawFields(cpu, snapshot.cpus[n]!);
    flushTlb(cpu);
  });
  thawFields(kernel, snapshot.kernel);
}

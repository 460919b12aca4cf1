/** Where a run is to stop: instructions and bytes of memory, the same in every engine. */
import type { Cpu } from '../cpu/cpu.ts';
import { armStops, createStops, type Stops } from '../cpu/stops.ts';
import { isCanonical } from '../cpu/paging.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { TaskWatch } from '../kernel/watched-natives.ts';
import { BoxError, checkInteger } from './errors.ts';

/**
 * Bytes of memory, 1 to 64 KiB, whose use stops a run behind the instruction: `write` is met by every write of the
 * processor, also of what is there already, and by a native function that changes them.
 */
export type MemoryWatch = TaskWatch;

export interface RunStops {
  /** linear addresses of instructions; the one that a run begins with is let pass */
  readonly addresses?: Iterable<bigint>;
  readonly watches?: readonly MemoryWatch[];
}

/** What a run has been stopped by. */
export type StopHit =
  | { readonly kind: 'address'; readonly cpu: number; readonly pid: number; readonly address: bigint }
  | {
      readonly kind: 'memory';
      readonly cpu: number;
      readonly pid: number;
      /** of the instruction, which has been executed */
      readonly address: bigint;
      readonly access: 'write' | 'read';
      readonly watch: MemoryWatch;
    };

const MOST_WATCHED = 65_536;

/** The stops of one run. */
export interface RunStopper {
  /** Whether one has been met; those of other processes are let pass. */
  met(): boolean;
  readonly hit: StopHit | undefined;
  /** Nothing stops any more. */
  disarm(): void;
}

function checkWatch({ address, length }: MemoryWatch): void {
  checkInteger('stops: length', length, 1, MOST_WATCHED);
  if (!isCanonical(address) || !isCanonical(address + BigInt(length - 1)))
    throw new BoxError(`stops: got address 0x${address.toString(16)}, expected a canonical one`);
}

function describeHit(kernel: Kernel, stops: Stops): StopHit | undefined {
  const { hit } = stops;
  if (hit === undefined) return undefined;
  const at = { cpu: hit.cpu.index, pid: kernel.perCpu[hit.cpu.index]!.current };
  if (hit.kind === 'address') return { kind: 'address', ...at, address: hit.cpu.registers.rip };
  // it is one of those that the run was given
  const watch: MemoryWatch = hit.watch;
  return { kind: 'memory', ...at, pid: hit.pid ?? at.pid, address: hit.cpu.current, access: hit.access, watch };
}

/** BoxError for addresses that are none. `passes`: the instruction that the run begins with is let pass. */
export function armRun(kernel: Kernel, { addresses = [], watches = [] }: RunStops, passes = true): RunStopper {
  for (const watch of watches) checkWatch(watch);
  const turn: Cpu = kernel.cpus[kernel.turn.cpu]!;
  const pass = passes ? { cpu: turn.index, retired: turn.retired, rip: turn.registers.rip } : undefined;
  const stops = createStops(new Set(addresses), watches, pass);
  armStops(kernel.memory, stops);
  let hit: StopHit | undefined;
  return {
    met() {
      if (stops.hit === undefined || hit !== undefined) return hit !== undefined;
      hit = describeHit(kernel, stops);
      if (hit?.kind !== 'memory' || hit.watch.pid === undefined || hit.watch.pid === hit.pid) return true;
      hit = undefined;
      stops.hit = undefined;
      return false;
    },
    get hit() {
      return hit;
    },
    disarm: () => armStops(kernel.memory, undefined),
  };
}

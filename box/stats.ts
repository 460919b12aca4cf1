/** What the engine of a box has done: its work, not the guest's. No state of the box, so that `restore` leaves it alone. */
import type { Engine, EngineName } from '../cpu/engine.ts';
import { retired } from '../kernel/run.ts';
import type { Kernel } from '../kernel/kernel.ts';

/** Of the regions of translated code and the WebAssembly that they became. */
export interface TranslationStats {
  /** `now` of those `translated`; the others have been dropped: their code was written, or there had to be room */
  readonly regions: {
    readonly now: number;
    readonly translated: number;
    readonly invalidated: number;
    readonly evicted: number;
  };
  /** WebAssembly of the regions there are now, bytes */
  readonly bytes: number;
  /** ms of the host's time: the one number here that differs from run to run */
  readonly compileTime: number;
  /** instructions that the interpreter has executed in the middle of regions */
  readonly steps: number;
  /** ways out of translated code */
  readonly exits: {
    /** to an instruction of the interpreter's */
    readonly step: number;
    /** the run's end, or time for the host to look after things */
    readonly budget: number;
    /** to an address that no region is known for */
    readonly missing: number;
    /** behind an instruction of the interpreter's, which has changed too much */
    readonly stopped: number;
  };
}

export interface BoxStats {
  readonly engine: EngineName;
  /** executed since boot, by which engine; what `restore` has taken back is counted too */
  readonly instructions: { readonly interpreter: number; readonly translator: number };
  /** page tables walked because an address was not in the TLB; how often that is depends on the engine */
  readonly tlbMisses: number;
  /** undefined for the interpreter */
  readonly translation: TranslationStats | undefined;
}

/** `takenBack`: instructions executed since boot that the box no longer knows of. */
export function readStats(kernel: Kernel, { name, stats }: Engine, takenBack: number): BoxStats {
  const executed = retired(kernel) + takenBack;
  const translated = stats === undefined ? 0 : stats.translated - stats.stepped;
  return {
    engine: name,
    instructions: { interpreter: executed - translated, translator: translated },
    tlbMisses: kernel.cpus.reduce((sum, { tlb }) => sum + tlb.misses, 0),
    translation:
      stats === undefined
        ? undefined
        : {
            regions: {
              now: stats.regions,
              translated: stats.translations,
              invalidated: stats.invalidated,
              evicted: stats.evicted,
            },
            bytes: stats.bytes,
            compileTime: stats.compileTime,
            steps: stats.stepped,
            exits: { ...stats.exits },
          },
  };
}

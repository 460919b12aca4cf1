/** What the engine of a box has done: its work, not the guest's. No state of the box, so that `restore` leaves it alone. */
import type { Engine, EngineName } from '../cpu/engine.ts';
import { retired } from '../kernel/run.ts';
import type { Kernel } from '../kernel/kernel.ts';

/** Of the regions of translated code and the WebAssembly that they became. */
export interface TranslationStats {
  /** `now` of those `translated`; the others have been dropped */
  readonly regions: {
    readonly now: number;
    readonly translated: number;
    /** their instructions were written */
    readonly invalidated: number;
    /** there had to be room */
    readonly evicted: number;
    /** more became known of their instructions, or CR0 or CR4 was written */
    readonly replaced: number;
    /** not made, though they were worth it: the interpreter executes their instructions */
    readonly failed: number;
  };
  /** why the last that has failed did; undefined: none has */
  readonly failure: string | undefined;
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
  const tlbMisses = kernel.cpus.reduce((sum, { tlb }) => sum + tlb.misses, 0);
  if (stats === undefined) {
    return { engine: name, instructions: { interpreter: executed, translator: 0 }, tlbMisses, translation: undefined };
  }
  const { translations, regions, invalidated, evicted, failed, failure, bytes, compileTime, stepped, exits } = stats;
  const translated = stats.translated - stepped;
  return {
    engine: name,
    instructions: { interpreter: executed - translated, translator: translated },
    tlbMisses,
    translation: {
      regions: {
        now: regions,
        translated: translations,
        invalidated,
        evicted,
        replaced: translations - regions - invalidated - evicted,
        failed,
      },
      failure,
      bytes,
      compileTime,
      steps: stepped,
      exits: { ...exits },
    },
  };
}

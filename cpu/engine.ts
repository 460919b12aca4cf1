/**
 * What executes instructions: the interpreter, or the translator, which gives the same results sooner, or both, which
 * compares them (translator/both.ts).
 */
import type { Cpu, Host } from './cpu.ts';
import { run, type RunEnd } from './interpreter.ts';
import type { Memory } from './memory.ts';
import type { TranslatorOptions, TranslatorStats } from './translator/options.ts';
import type { RegionWatcher } from './translator/regions.ts';
import { Translator } from './translator/translator.ts';

export const engineNames = ['interpreter', 'translator', 'both'] as const;
export type EngineName = (typeof engineNames)[number];

export interface Engine {
  readonly name: EngineName;
  /** undefined for the interpreter */
  readonly stats: TranslatorStats | undefined;
  /** As the interpreter's `run`. */
  run(cpu: Cpu, host: Host, limit: number): RunEnd;
  /** The watcher is told of every region that is executed, until there is none. Not of the interpreter. */
  watch?(watcher: RegionWatcher | undefined): void;
}

export const interpreter: Engine = { name: 'interpreter', stats: undefined, run };

/** For the CPUs of `memory`. */
export function createEngine(memory: Memory, name: EngineName, options: Partial<TranslatorOptions> = {}): Engine {
  if (name === 'interpreter') return interpreter;
  const translator = new Translator(memory, options, name === 'both');
  return {
    name,
    stats: translator.stats,
    // whoever goes step by step looks at each instruction: translated code does not keep `cpu.current`
    run: (cpu, host, limit) => (limit === 1 ? run(cpu, host, limit) : translator.run(cpu, host, limit)),
    watch: (watcher) => {
      translator.watcher = watcher;
    },
  };
}

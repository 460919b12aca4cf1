/**
 * Where a box spends its instructions. Whenever the number of a processor's instructions is a multiple of the period, what it
 * is about to execute is looked at: runs are divided there, which changes nothing that happens. So the symbols of a profile
 * are the same whatever executes instructions, and a box that is not profiled pays nothing.
 */
import type { Cpu } from '../cpu/cpu.ts';
import type { Engine } from '../cpu/engine.ts';
import type { RegionWatcher } from '../cpu/translator/regions.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/task.ts';
import { createSymbolizer, describePlace, spaceOf, type Space } from './symbolizer.ts';

/** A prime: the samples do not keep time with the loops of the guest. */
export const DEFAULT_PERIOD = 1009;

export interface ProfileOptions {
  /** instructions from one sample of a processor to the next; default 1,009 */
  readonly period?: number;
}

export interface ProfiledSymbol {
  readonly space: Space;
  /** path of the program that was executed in user space; else '' */
  readonly program: string;
  /** demangled; '' where no symbol is known */
  readonly symbol: string;
  readonly samples: number;
  /** of all samples, 0 to 1 */
  readonly share: number;
}

export interface ProfiledRegion {
  /** of its first instruction */
  readonly address: bigint;
  readonly space: Space;
  readonly program: string;
  /** `name+0x4`, or '' */
  readonly symbol: string;
  /** executed between entries and exits, each one counted */
  readonly instructions: number;
  readonly entries: number;
  /** instructions that were translated, those of functions it calls included, and the WebAssembly they became */
  readonly size: number;
  readonly bytes: number;
}

/** Plain data; all lists hottest first. */
export interface Profile {
  readonly period: number;
  readonly samples: number;
  readonly symbols: readonly ProfiledSymbol[];
  /**
   * the same code of several processors, or of a program's several processes, is one; empty for `both`, undefined for the
   * interpreter
   */
  readonly regions: readonly ProfiledRegion[] | undefined;
}

type Mutable<Record> = { -readonly [Key in keyof Record]: Record[Key] };

export interface Profiler {
  readonly run: Engine['run'];
  readonly watcher: RegionWatcher;
  result(): Profile;
}

const keyOf = ({ space, program, symbol }: Pick<ProfiledSymbol, 'space' | 'program' | 'symbol'>): string =>
  `${space} ${program} ${symbol}`;
const compareText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

/** Of what `engine` executes for `kernel` through the result's `run`. */
export function createProfiler(kernel: Kernel, engine: Engine, period: number): Profiler {
  const symbolize = createSymbolizer(kernel);
  const symbols = new Map<string, Mutable<ProfiledSymbol>>();
  const regions = new Map<string, Mutable<ProfiledRegion>>();
  const rowOf = new WeakMap<object, Mutable<ProfiledRegion>>();
  let samples = 0;
  const taskOn = (cpu: Cpu): Task | undefined => kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  const programAt = (address: bigint, task: Task | undefined): string =>
    spaceOf(address) === 'user' ? (task?.executable ?? '') : '';

  function sample(cpu: Cpu): void {
    const address = cpu.registers.rip;
    const task = taskOn(cpu);
    const space = spaceOf(address);
    const program = programAt(address, task);
    const symbol = symbolize(task, address)?.symbol ?? '';
    const key = keyOf({ space, program, symbol });
    const known = symbols.get(key);
    samples++;
    if (known === undefined) symbols.set(key, { space, program, symbol, samples: 1, share: 0 });
    else known.samples++;
  }

  function rowFor(cpu: Cpu, address: bigint): Mutable<ProfiledRegion> {
    const task = taskOn(cpu);
    const program = programAt(address, task);
    const key = `${program} ${address}`;
    const known = regions.get(key);
    if (known !== undefined) return known;
    const place = symbolize(task, address);
    const symbol = place === undefined ? '' : describePlace(place);
    const space = spaceOf(address);
    const row = { address, space, program, symbol, instructions: 0, entries: 0, size: 0, bytes: 0 };
    regions.set(key, row);
    return row;
  }

  return {
    run(cpu, host, limit) {
      const before = cpu.retired;
      const end = engine.run(cpu, host, Math.min(limit, period - (before % period)));
      if (cpu.retired % period === 0 && cpu.retired > before) sample(cpu);
      return end;
    },
    watcher(cpu, region, instructions) {
      let row = rowOf.get(region);
      if (row === undefined) {
        row = rowFor(cpu, region.rip);
        // that of the latest translation
        row.size = region.instructions;
        row.bytes = region.bytes;
        rowOf.set(region, row);
      }
      row.entries++;
      row.instructions += instructions;
    },
    result: () => ({
      period,
      samples,
      symbols: [...symbols.values()]
        .map((row) => ({ ...row, share: row.samples / samples }))
        .sort((left, right) => right.samples - left.samples || compareText(keyOf(left), keyOf(right))),
      regions:
        engine.watch === undefined
          ? undefined
          : [...regions.values()]
              .map((row) => ({ ...row }))
              .sort((left, right) => right.instructions - left.instructions || (left.address < right.address ? -1 : 1)),
    }),
  };
}

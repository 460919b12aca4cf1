/**
 * The regions there are: found by address, dropped when their instructions are written or when there is no more room. A
 * region belongs to one physical address, one linear address, one CPU and one mode; its pages are looked at again whenever
 * what is mapped may have changed.
 */
import type { Cpu } from '../cpu.ts';
import type { Instruction } from '../instruction.ts';
import { MAX_INSTRUCTION_LENGTH } from '../decoder.ts';
import { decodeAcross } from '../interpreter.ts';
import { noteCode, type Memory } from '../memory.ts';
import { fetchesFrom, joinWords } from '../paging.ts';
import { fetchFrame } from '../tlb.ts';
import { createCore, type Core } from './core.ts';
import { createStats, type TranslatorOptions, type TranslatorStats } from './options.ts';
import { moduleOf, translateRegion, type RegionSource } from './region.ts';

interface CodePage {
  /** linear address in two halves */
  readonly low: number;
  readonly high: number;
  /** physical address */
  readonly frame: number;
}

export interface Region {
  readonly rip: bigint;
  readonly cpu: number;
  readonly mode: number;
  readonly physical: number;
  readonly pages: readonly CodePage[];
  /** in the core's table */
  readonly place: number;
  readonly bytes: number;
  readonly instructions: number;
  /** addresses that it leaves for because they have not been executed yet */
  readonly unknown: ReadonlySet<bigint>;
}

/** `cpu` has executed so many instructions from the entry of `region` to where control left it. */
export type RegionWatcher = (cpu: Cpu, region: Region, instructions: number) => void;

const PAGE = 4096;
/** ways out of a region for two pages, of one instruction, before it is translated apart from its neighbours */
const CROSSINGS = 32;
/** times that a region is made anew because its guest went where it had not been */
const MOST_OUTGROWN = 6;
/** addresses that a computed jump is remembered to have gone to */
const MOST_TARGETS = 16;
/** addresses of which something of that kind is remembered; with more, all of it is learned anew */
const MOST_REMEMBERED = 16_384;
/** instructions of a region that is not made any smaller */
const FEWEST = 4;

/** Room for one more. */
function makeRoom(memory: { readonly size: number; clear(): void }): void {
  if (memory.size >= MOST_REMEMBERED) memory.clear();
}

const halves = new BigUint64Array(1);
const [LOW, HIGH] = [0, 1] as const;
const words = new Int32Array(halves.buffer);

export class Regions {
  readonly stats: TranslatorStats = createStats();
  /** changes when a region is dropped */
  age = 0;
  private readonly memory: Memory;
  private readonly functions: Record<string, unknown>;
  /** made when it is first asked for */
  private made: Core | undefined = undefined;
  private readonly options: TranslatorOptions;
  private readonly byPhysical = new Map<number, Region[]>();
  private readonly byPage = new Map<number, Set<Region>>();
  private readonly all = new Set<Region>();
  /** by their place in the core's table */
  private readonly places: (Region | undefined)[] = [];
  private readonly free: number[] = [];
  private used = 0;
  private readonly targets = new Map<bigint, bigint[]>();
  /** how often an instruction has met two pages, and those that have too often */
  private readonly crossings = new Map<bigint, number>();
  private readonly apart = new Set<bigint>();
  /** how often the region at an address has been made anew for having been left for what was unknown */
  private readonly outgrown = new Map<bigint, number>();
  /** physical addresses of which no region could be made, and `retired` at which that is tried again */
  private readonly refused = new Map<number, number>();
  /** addresses of instructions before which a region ends, because somebody may want to stop there */
  private stops: ReadonlySet<bigint> = new Set();
  /** how often the code of a page has been written */
  private readonly written: Uint16Array;
  /** `retired` at which a page that has been written too often is tried again; 0: it has not been asked for */
  private readonly resumes: Float64Array;

  constructor(memory: Memory, options: TranslatorOptions, functions: Record<string, unknown>) {
    this.memory = memory;
    this.options = options;
    this.functions = functions;
    this.written = new Uint16Array(memory.size >>> 12);
    this.resumes = new Float64Array(memory.size >>> 12);
  }

  /** what has been learned of addresses, in entries */
  get remembered(): number {
    return this.targets.size + this.crossings.size + this.apart.size + this.outgrown.size;
  }

  get core(): Core {
    this.made ??= createCore(this.memory.wasm, this.options.regions);
    return this.made;
  }

  /** The region for what `cpu` is about to execute at `rip`, which lies at `physical`. */
  find(cpu: Cpu, rip: bigint, physical: number): Region | undefined {
    return this.byPhysical
      .get(physical)
      ?.find(
        (region) =>
          region.rip === rip &&
          region.cpu === cpu.index &&
          region.mode === cpu.mode &&
          region.pages.every(({ low, high, frame }) => fetchesFrom(cpu, low, high, frame)),
      );
  }

  /** The region at a place of the core's table. */
  at(place: number): Region {
    return this.places[place]!;
  }

  /** A computed jump or call at `from` has gone to `to`. */
  noteTarget(from: bigint, to: bigint): void {
    const known = this.targets.get(from);
    if (known === undefined) {
      makeRoom(this.targets);
      this.targets.set(from, [to]);
    } else if (known.length < MOST_TARGETS && !known.includes(to)) known.push(to);
  }

  /**
   * The instruction at `rip`, in the physical page `frame`, has had a region left because it shares a translation with
   * others and together they lie on two pages. If that is frequent, they will not share it.
   */
  noteCrossing(rip: bigint, frame: number): void {
    const count = (this.crossings.get(rip) ?? 0) + 1;
    makeRoom(this.crossings);
    this.crossings.set(rip, count);
    if (count !== CROSSINGS) return;
    makeRoom(this.apart);
    this.apart.add(rip);
    for (const region of this.byPage.get(frame >>> 12) ?? []) this.drop(region);
  }

  /** The region at `rip`, made anew; undefined where its code cannot be had, or changes too often. */
  translate(cpu: Cpu, rip: bigint, physical: number): Region | undefined {
    if (this.stops.has(rip)) return undefined;
    if (this.dropOutgrown(cpu, rip, physical)) return undefined;
    if (!this.isPatient(cpu, physical >>> 12)) return undefined;
    if (this.isRefused(cpu, physical)) return undefined;
    const start = performance.now();
    const region = this.make(cpu, rip, physical);
    this.stats.compileTime += performance.now() - start;
    return region;
  }

  /** Of fewer instructions where the module would be too large, or cannot be had at all; what never can is counted. */
  private make(cpu: Cpu, rip: bigint, physical: number): Region | undefined {
    for (let { instructions } = this.options; ; instructions >>= 2) {
      const pages = new Map<bigint, CodePage>();
      let failure: string;
      try {
        const source = translateRegion(cpu, rip, {
          limits: { instructions, depth: this.options.depth },
          apart: this.apart,
          instructionAt: (at) => this.instructionAt(cpu, at, pages),
          targetsOf: (at) => this.targets.get(at) ?? [],
        });
        if (source === undefined) return undefined;
        const bytes = moduleOf([source], this.memory.wasm.buffer.byteLength / 65536);
        if (bytes.length <= this.options.moduleBytes)
          return this.add(cpu, rip, physical, source, bytes, [...pages.values()]);
        failure = `a module of ${bytes.length} bytes`;
      } catch (error) {
        // the interpreter executes what cannot be translated, for whatever reason
        failure = String(error);
      }
      if (instructions > FEWEST) continue;
      this.stats.failed++;
      this.stats.failure = failure;
      makeRoom(this.refused);
      this.refused.set(physical, cpu.retired + this.options.pause);
      return undefined;
    }
  }

  private isRefused({ retired }: Cpu, physical: number): boolean {
    const until = this.refused.get(physical);
    // the second where the box has been taken back
    return until !== undefined && until > retired && until <= retired + this.options.pause;
  }

  /**
   * Whether there was a region that leaves for `rip` because that had not been executed when it was made. It is dropped, to
   * be made anew with what lies there, so that the two do not become regions that have most of their code in common.
   */
  private dropOutgrown(cpu: Cpu, rip: bigint, physical: number): boolean {
    for (const region of this.byPage.get(physical >>> 12) ?? []) {
      if (region.cpu !== cpu.index || region.mode !== cpu.mode || !region.unknown.has(rip)) continue;
      const count = this.outgrown.get(region.rip) ?? 0;
      if (count >= MOST_OUTGROWN) continue;
      makeRoom(this.outgrown);
      this.outgrown.set(region.rip, count + 1);
      this.drop(region);
      return true;
    }
    return false;
  }

  /** What has been decoded at `rip`; notes the page that it lies in. */
  private instructionAt(cpu: Cpu, rip: bigint, pages: Map<bigint, CodePage>): Instruction | undefined {
    if (this.stops.has(rip)) return undefined;
    halves[0] = rip;
    const low = words[LOW]!;
    const number = rip >> 12n;
    const page = pages.get(number) ?? this.pageOf(cpu, low, words[HIGH]!);
    if (page === undefined) return undefined;
    const instruction = this.memory.decoded[page.frame >>> 12]?.[low & 0xfff];
    if (instruction !== undefined) {
      pages.set(number, page);
      return instruction;
    }
    return (low & 0xfff) > PAGE - MAX_INSTRUCTION_LENGTH ? this.instructionAcross(cpu, rip, page, pages) : undefined;
  }

  /** Whether the code of a page has not been written too often of late. */
  private isPatient({ retired }: Cpu, page: number): boolean {
    const { written, resumes } = this;
    const { patience, pause } = this.options;
    if (written[page]! < patience) return true;
    const at = resumes[page]!;
    // the second where the box has been taken back
    if (at === 0 || at > retired + pause) resumes[page] = retired + pause;
    if (at === 0 || at > retired) return false;
    resumes[page] = 0;
    written[page] = patience >> 1;
    return true;
  }

  /** What lies on two pages is not remembered when it is executed. */
  private instructionAcross(
    cpu: Cpu,
    rip: bigint,
    first: CodePage,
    pages: Map<bigint, CodePage>,
  ): Instruction | undefined {
    const number = (rip >> 12n) + 1n;
    halves[0] = number << 12n;
    const second = pages.get(number) ?? this.pageOf(cpu, words[LOW]!, words[HIGH]!);
    if (second === undefined) return undefined;
    const instruction = decodeAcross(this.memory, first.frame + Number(rip & 0xfffn), second.frame);
    if (typeof instruction !== 'object') return undefined;
    // no instruction may be known to begin in either
    noteCode(this.memory, first.frame >>> 12);
    noteCode(this.memory, second.frame >>> 12);
    pages.set(number - 1n, first);
    pages.set(number, second);
    return instruction;
  }
  private pageOf(cpu: Cpu, low: number, high: number): CodePage | undefined {
    const frame = fetchFrame(cpu.tlb, cpu.mode, low, high);
    if (frame < 0 || !this.isPatient(cpu, frame >>> 12)) return undefined;
    return { low: low & ~0xfff, high, frame };
  }

  private add(
    cpu: Cpu,
    rip: bigint,
    physical: number,
    source: RegionSource,
    bytes: Uint8Array<ArrayBuffer>,
    pages: readonly CodePage[],
  ): Region {
    while (this.all.size >= this.options.regions || this.stats.bytes + bytes.length > this.options.bytes) {
      if (this.all.size === 0) break;
      this.evict();
    }
    const box = { memory: this.memory.wasm, settle: this.core.settle, ...this.functions };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { box });
    const place = this.free.pop() ?? this.used++;
    this.core.table.set(place, instance.exports['0']);
    const { instructions, unknown } = source;
    const region: Region = {
      rip,
      cpu: cpu.index,
      mode: cpu.mode,
      physical,
      pages,
      place,
      bytes: bytes.length,
      instructions,
      unknown,
    };
    this.all.add(region);
    this.places[place] = region;
    const neighbours = this.byPhysical.get(physical);
    if (neighbours === undefined) this.byPhysical.set(physical, [region]);
    else neighbours.push(region);
    for (const { frame } of pages) {
      const page = frame >>> 12;
      this.memory.translated[page] = 1;
      let regions = this.byPage.get(page);
      if (regions === undefined) this.byPage.set(page, (regions = new Set()));
      regions.add(region);
    }
    this.stats.translations++;
    this.stats.regions++;
    this.stats.instructions += instructions;
    this.stats.bytes += bytes.length;
    return region;
  }

  /** Drops the older half. */
  private evict(): void {
    const count = Math.ceil(this.all.size / 2);
    let n = 0;
    for (const region of this.all) {
      if (n++ === count) break;
      this.drop(region);
      this.stats.evicted++;
    }
  }

  private drop(region: Region): void {
    this.all.delete(region);
    this.places[region.place] = undefined;
    const neighbours = this.byPhysical.get(region.physical)!.filter((other) => other !== region);
    if (neighbours.length === 0) this.byPhysical.delete(region.physical);
    else this.byPhysical.set(region.physical, neighbours);
    for (const { frame } of region.pages) this.byPage.get(frame >>> 12)?.delete(region);
    this.core.table.set(region.place, null);
    this.free.push(region.place);
    this.stats.regions--;
    this.stats.instructions -= region.instructions;
    this.stats.bytes -= region.bytes;
    this.age++;
  }

  /** Drops what follows from instructions that have been written. */
  dropForgotten(): void {
    const { forgotten } = this.memory;
    for (const page of forgotten) {
      for (const region of this.byPage.get(page) ?? []) {
        this.drop(region);
        this.stats.invalidated++;
      }
      this.byPage.delete(page);
      if (this.written[page]! < this.options.patience) this.written[page]!++;
    }
    forgotten.length = 0;
  }

  /** From now on no region goes over these instructions; those that have stood in for others may be joined again. */
  stopAt(addresses: ReadonlySet<bigint>): void {
    if (addresses === this.stops) return;
    const added = [...addresses].filter((address) => !this.stops.has(address));
    const removed = [...this.stops].filter((address) => !addresses.has(address));
    this.stops = addresses;
    if (added.length === 0 && removed.length === 0) return;
    const pages = new Set(added.map((address) => address >> 12n));
    for (const region of this.all) {
      const goesOver = region.pages.some(({ low, high }) => pages.has(joinWords(low, high) >> 12n));
      if (goesOver || removed.some((address) => region.unknown.has(address))) this.drop(region);
    }
  }

  dropAll(): void {
    for (const region of this.all) this.drop(region);
  }
}

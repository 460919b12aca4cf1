/**
 * The loop of the engine that translates: regions while there are any, the interpreter for the rest. Everything that can be
 * observed is as if the interpreter executed it all; so are the numbers of instructions.
 */
import type { Cpu, Host } from '../cpu.ts';
import { evaluateWords } from '../evaluate-words.ts';
import { isFault } from '../fault.ts';
import { abandon, burst, executeOne, isInterruptible, isWatched, type Reading, type RunEnd } from '../interpreter.ts';
import type { Memory } from '../memory.ts';
import { joinWords, readsUnmarked, translateWords } from '../paging.ts';
import { Slot } from '../slots.ts';
import { watchesPage, type Stops } from '../stops.ts';
import { Access, fetchFrame } from '../tlb.ts';
import { checkRegion } from './both.ts';
import { cacheIndex } from './core.ts';
import { CACHE_ENTRIES, cacheBase, COPIES, COPY_SIZE, copiesBase, stateOf, Status } from './machine.ts';
import { defaultOptions, type TranslatorOptions, type TranslatorStats } from './options.ts';
import { Policy } from './policy.ts';
import { Regions, type Region, type RegionWatcher } from './regions.ts';

const PAGE = 4096;
const RIP = Slot.rip * 2;
const CURRENT = Slot.current * 2;
const BUDGET = Slot.budget * 2;
const KEY = Slot.regionKey * 2;
const SHADOW = Slot.interruptShadow * 2;
const CR0 = Slot.cr0 * 2;
const CR4 = Slot.cr4 * 2;
/** a region has returned for the host to look after things: not a Status of core.ts */
const STOPPED = 4;
/** most generations of cached addresses, in 14 bits: all ones would make a kernel address a tag of zeros */
const GENERATIONS = 0x3ffe;
const HEATS = 1 << 15;
/** most instructions between two looks at where the interpreter is, while it meets no region: a part of `threshold` */
const STRIDE = 256;
const STRIDES = 8;

/** What is known of a CPU between its runs. */
interface CpuCode {
  readonly state: number;
  readonly cache: number;
  /** four words an entry: the mixed address, the place in the table */
  readonly entries: Int32Array;
  /** what the entries hold for */
  generation: number;
  addressSpaceAge: number;
  regionsAge: number;
  cr0: number;
  cr4: number;
}

/** Of rip, for `heat`. */
const hashOf = ({ words }: Cpu): number => (words[RIP]! ^ (words[RIP]! >>> 15) ^ words[RIP + 1]!) & (HEATS - 1);

/** What the upper half of an address is mixed with in the cache. */
const keyOf = ({ generation }: CpuCode, mode: number): number => ((generation << 2) | mode) << 16;

const scratch64 = new BigUint64Array(1);
const scratch32 = new Int32Array(scratch64.buffer);

export class Translator {
  private readonly memory: Memory;
  private readonly options: TranslatorOptions;
  private readonly regions: Regions;
  private readonly cpus = new Map<Cpu, CpuCode>();
  /** instructions interpreted from an address on, by a hash of it */
  private readonly heat = new Uint32Array(HEATS);
  private readonly policy: Policy;
  /** instructions until the interpreter's next look at whether there is a region */
  private stride = 1;
  // of the run in progress
  private cpu: Cpu | undefined = undefined;
  private algebra: Reading | undefined = undefined;
  private code: CpuCode | undefined = undefined;
  /** `retired` when the budget is used up */
  private end = 0;
  private mode = 0;
  private reason: RunEnd | undefined = undefined;
  /** made so far */
  private copies = 0;
  /** whether the last miss in the TLB was for bytes of two pages */
  private crosses = false;

  /** told of every region that has been executed, which costs time; undefined: nobody is */
  watcher: RegionWatcher | undefined = undefined;

  /** each region is executed by the interpreter too, and compared */
  private readonly checks: boolean;
  /** a region that is checked stops before what the host has to do */
  private holds = false;

  constructor(memory: Memory, options: Partial<TranslatorOptions> = {}, checks = false) {
    this.memory = memory;
    this.checks = checks;
    this.options = { ...defaultOptions, ...options };
    this.policy = new Policy(this.options);
    this.regions = new Regions(memory, this.options, {
      locate: (linear: bigint, what: number) => this.locate(linear, what),
      step: () => this.step(),
      native: (id: number, length: number) => this.native(id, length),
      away: () => this.away(),
    });
  }

  get stats(): TranslatorStats {
    return this.regions.stats;
  }

  /** As the interpreter's `run`. */
  run(cpu: Cpu, host: Host, limit: number): RunEnd {
    const algebra = evaluateWords(cpu, host);
    cpu.leave = false;
    cpu.limit = cpu.retired + limit;
    this.cpu = cpu;
    this.algebra = algebra;
    // kept while nobody is to be stopped: whoever steps over a stop will want it again
    if (this.memory.stops !== undefined) this.regions.stopAt(this.memory.stops.addresses);
    const code = this.codeOf(cpu);
    this.code = code;
    // not in the middle of a block
    let arrives = false;
    while (cpu.retired < cpu.limit) {
      if (isWatched(cpu) || isInterruptible(cpu)) {
        const reason = burst(cpu, algebra, cpu.retired + 1);
        if (reason !== undefined) return reason;
        continue;
      }
      const status = this.enter(cpu, code);
      if (status !== Status.missing) {
        arrives = false;
        this.stride = 1;
      }
      if (status === STOPPED) {
        if (this.reason !== undefined) return this.reason;
        continue;
      }
      // nothing is looked at behind the limit
      if (cpu.retired >= cpu.limit) break;
      if (status === Status.missing && this.isHot(cpu, arrives) && this.link(cpu, code)) continue;
      if (this.crosses) this.noteCrossing(cpu);
      const reason = this.interpret(cpu, algebra);
      if (reason !== undefined) return reason;
      if (cpu.leave) return 'left';
      arrives = true;
    }
    return 'limit';
  }

  /** From rip on to the first jump behind `this.stride` instructions. */
  private interpret(cpu: Cpu, algebra: Reading): RunEnd | undefined {
    const { stride } = this;
    this.stride = Math.min(stride * 2, STRIDE, this.options.threshold / STRIDES);
    const before = cpu.retired;
    const hash = hashOf(cpu);
    let reason = stride <= 1 ? undefined : burst(cpu, algebra, before + stride);
    if (reason === undefined && !cpu.leave) reason = burst(cpu, algebra, cpu.limit, true);
    const count = cpu.retired - before;
    this.heat[hash]! += count;
    this.policy.earn(count, this.regions.stats.translated);
    return reason;
  }

  private codeOf(cpu: Cpu): CpuCode {
    let code = this.cpus.get(cpu);
    if (code === undefined) {
      const cache = cacheBase(cpu);
      const entries = new Int32Array(this.memory.buffer, cache, CACHE_ENTRIES * 4);
      const ages = { generation: 1, addressSpaceAge: cpu.addressSpaceAge, regionsAge: this.regions.age };
      code = { state: stateOf(cpu), cache, entries, ...ages, cr0: cpu.words[CR0]!, cr4: cpu.words[CR4]! };
      // another translator's, of which nothing is known here
      entries.fill(0);
      this.cpus.set(cpu, code);
    }
    return code;
  }

  private enter(cpu: Cpu, code: CpuCode): number {
    const { words } = cpu;
    this.refresh(cpu, code);
    words[KEY + 1] = keyOf(code, cpu.mode);
    if (!this.isKnown(cpu, code)) return Status.missing;
    words[SHADOW] = 0;
    const budget = Math.min(cpu.limit - cpu.retired, this.options.quantum);
    words[BUDGET] = budget;
    this.end = cpu.retired + budget;
    this.mode = cpu.mode;
    this.reason = undefined;
    const before = cpu.retired;
    const status = this.checks
      ? this.enterChecked(cpu, code)
      : this.watcher !== undefined
        ? this.enterWatched(cpu, code, this.watcher)
        : this.regions.core.enter(code.state, code.cache);
    cpu.retired = this.end - words[BUDGET]!;
    const { stats } = this.regions;
    stats.translated += cpu.retired - before;
    if (status === Status.step) stats.exits.step++;
    else if (status === Status.budget) stats.exits.budget++;
    else if (status === Status.missing) stats.exits.missing++;
    else stats.exits.stopped++;
    return status;
  }

  /** As the core's `enter`, but the watcher is told of every region. */
  private enterWatched(cpu: Cpu, code: CpuCode, watcher: RegionWatcher): number {
    const { words } = cpu;
    for (;;) {
      const region = this.regionAt(cpu, code);
      if (region === undefined) return Status.missing;
      const before = this.end - words[BUDGET]!;
      const status = this.execute(region);
      watcher(cpu, region, this.end - words[BUDGET]! - before);
      if (status !== Status.go) return status;
    }
  }

  /** Regions by both engines, one after the other: see both.ts. What the host has to do is left to the loop. */
  private enterChecked(cpu: Cpu, code: CpuCode): number {
    for (;;) {
      const region = this.regionAt(cpu, code);
      if (region === undefined) return Status.missing;
      const status = this.checked(cpu, region);
      if (status === STOPPED) return Status.step;
      if (status !== Status.go) return status;
    }
  }
  private checked(cpu: Cpu, region: Region): number {
    const { words } = cpu;
    let status: number = Status.go;
    const start = cpu.retired;
    const translate = (): number => {
      this.holds = true;
      try {
        status = this.execute(region);
      } finally {
        this.holds = false;
      }
      return this.end - words[BUDGET]! - start;
    };
    const interpret = (count: number): void => {
      const end = start + count;
      while (cpu.retired < end && burst(cpu, this.algebra!, end) === undefined);
    };
    checkRegion(cpu, region, translate, interpret);
    words[BUDGET] = this.end - cpu.retired;
    return status;
  }

  /** Whether a region is known at rip. */
  private isKnown({ words }: Cpu, { entries }: CpuCode): boolean {
    const low = words[RIP]!;
    const high = words[RIP + 1]!;
    const at = cacheIndex(low, high) >> 2;
    return entries[at] === low && entries[at + 1] === (high ^ words[KEY + 1]!);
  }
  private regionAt(cpu: Cpu, code: CpuCode): Region | undefined {
    if (!this.isKnown(cpu, code)) return undefined;
    return this.regions.at(code.entries[(cacheIndex(cpu.words[RIP]!, cpu.words[RIP + 1]!) >> 2) + 2]!);
  }
  private execute({ place }: Region): number {
    return (this.regions.core.table.get(place) as () => number)();
  }

  /** Forgets which regions stand for which addresses, where that may have changed. */
  private refresh(cpu: Cpu, code: CpuCode): void {
    if (this.memory.forgotten.length > 0) this.regions.dropForgotten();
    if (code.cr0 !== cpu.words[CR0] || code.cr4 !== cpu.words[CR4]) {
      code.cr0 = cpu.words[CR0]!;
      code.cr4 = cpu.words[CR4]!;
      this.regions.dropAll();
    }
    if (code.addressSpaceAge === cpu.addressSpaceAge && code.regionsAge === this.regions.age) return;
    code.addressSpaceAge = cpu.addressSpaceAge;
    code.regionsAge = this.regions.age;
    if (++code.generation < GENERATIONS) return;
    code.generation = 1;
    code.entries.fill(0);
  }

  /** The region has been left, at rip, for bytes of two pages. */
  private noteCrossing(cpu: Cpu): void {
    this.crosses = false;
    const { words } = cpu;
    const frame = fetchFrame(cpu.tlb, cpu.mode, words[RIP]!, words[RIP + 1]!);
    if (frame >= 0) this.regions.noteCrossing(joinWords(words[RIP]!, words[RIP + 1]!), frame);
  }

  /** Whether control has come to rip often enough; now by a jump where it `arrives`. What has been hot stays so. */
  private isHot(cpu: Cpu, arrives: boolean): boolean {
    const { threshold } = this.policy;
    const heat = this.heat[hashOf(cpu)]!;
    if (arrives && heat * 4 >= threshold) this.noteJump(cpu);
    return heat >= threshold;
  }

  /** Makes the region at rip known to the core, if there is one or it is time for one. */
  private link(cpu: Cpu, code: CpuCode): boolean {
    const { words } = cpu;
    const low = words[RIP]!;
    const high = words[RIP + 1]!;
    let physical: number;
    try {
      physical = translateWords(cpu, low, high, Access.fetch, 8);
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      // the interpreter will meet it
      return false;
    }
    const rip = joinWords(low, high);
    const region = this.regions.find(cpu, rip, physical) ?? this.translate(cpu, rip, physical);
    if (region === undefined) return false;
    // making it may have made room for it
    this.refresh(cpu, code);
    const at = cacheIndex(low, high) >> 2;
    code.entries[at] = low;
    code.entries[at + 1] = high ^ keyOf(code, cpu.mode);
    code.entries[at + 2] = region.place;
    return true;
  }

  private translate(cpu: Cpu, rip: bigint, physical: number): Region | undefined {
    if (!this.policy.allows) return undefined;
    const region = this.regions.translate(cpu, rip, physical);
    if (region === undefined) {
      this.heat[hashOf(cpu)] = 0;
      return undefined;
    }
    this.policy.spend(region.instructions);
    return region;
  }

  /** Remembers where a computed jump has gone. */
  private noteJump(cpu: Cpu): void {
    const { words } = cpu;
    const low = words[CURRENT]!;
    const frame = fetchFrame(cpu.tlb, cpu.mode, low, words[CURRENT + 1]!);
    if (frame < 0) return;
    const instruction = this.memory.decoded[frame >>> 12]?.[low & (PAGE - 1)];
    if (instruction === undefined || (instruction.mnemonic !== 'jmp' && instruction.mnemonic !== 'call')) return;
    if (instruction.operands[0]?.kind !== 2)
      this.regions.noteTarget(cpu.current, joinWords(words[RIP]!, words[RIP + 1]!));
  }

  /** After a miss in the TLB: where `linear` is in the memory; -1 where the interpreter has to look. */
  private locate(linear: bigint, what: number): number {
    const cpu = this.cpu!;
    this.regions.stats.located++;
    scratch64[0] = linear;
    const low = scratch32[0]!;
    const access = (what & 1) as Access;
    const size = what >> 2;
    const { stops } = this.memory;
    if (stops !== undefined && this.isLookedAt(stops, linear, access, size)) return -1;
    if ((low & (PAGE - 1)) + size > PAGE) {
      if ((what & 2) !== 0 && access === Access.read) return this.copy(cpu, low, size);
      this.crosses = true;
      return -1;
    }
    try {
      const physical = translateWords(cpu, low, scratch32[1]!, access, 8);
      if (access === Access.write && this.memory.decoded[physical >>> 12] !== undefined) return -1;
      return this.memory.start + physical;
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      return -1;
    }
  }

  /** Whether the interpreter has to make an access because a page of it is watched. */
  private isLookedAt(stops: Stops, linear: bigint, access: Access, size: number): boolean {
    return watchesPage(stops, linear, access) || watchesPage(stops, linear + BigInt(size - 1), access);
  }

  /** Bytes of two pages, of which the first begins at the linear address in `scratch`: where they are together. */
  private copy(cpu: Cpu, low: number, size: number): number {
    const high = scratch32[1]!;
    const { memory } = this;
    const head = PAGE - (low & (PAGE - 1));
    const next = (low + head) | 0;
    const nextHigh = next === 0 ? (high + 1) | 0 : high;
    // the bytes may be those of several instructions, of which the first can fault
    if (!readsUnmarked(cpu, low, high) || !readsUnmarked(cpu, next, nextHigh)) return -1;
    try {
      const first = translateWords(cpu, low, high, Access.read, 8);
      const second = translateWords(cpu, next, nextHigh, Access.read, 8);
      const place = copiesBase(cpu) + (this.copies++ % COPIES) * COPY_SIZE;
      new Uint8Array(memory.buffer, place, head).set(memory.bytes.subarray(first, first + head));
      new Uint8Array(memory.buffer, place + head, size - head).set(memory.bytes.subarray(second, second + size - head));
      return place;
    } catch (fault) {
      if (!isFault(fault)) throw fault;
      return -1;
    }
  }

  /** One instruction of the interpreter's in the middle of a region; 0 where the region may go on. */
  private step(): number {
    if (this.holds) return STOPPED;
    const cpu = this.cpu!;
    cpu.retired = this.end - cpu.words[BUDGET]!;
    const age = cpu.addressSpaceAge;
    this.regions.stats.stepped++;
    this.reason = executeOne(cpu, this.algebra!);
    return this.resumes(cpu, age) && cpu.mode === this.mode ? 0 : STOPPED;
  }

  /** One instruction of the interpreter's at the end of a region: `go` where another region may follow at once. */
  private away(): number {
    if (this.holds) return STOPPED;
    const cpu = this.cpu!;
    const { words } = cpu;
    cpu.retired = this.end - words[BUDGET]!;
    // it is not known to be within the limit
    if (words[BUDGET]! < 1) return STOPPED;
    const age = cpu.addressSpaceAge;
    this.regions.stats.stepped++;
    this.reason = executeOne(cpu, this.algebra!);
    if (!this.resumes(cpu, age)) return STOPPED;
    this.mode = cpu.mode;
    words[KEY + 1] = keyOf(this.code!, cpu.mode);
    return Status.go;
  }

  /** The native-call trap at rip, of `length` bytes, in the middle of a region: as `step`. */
  private native(id: number, length: number): number {
    if (this.holds) return STOPPED;
    const cpu = this.cpu!;
    const { words } = cpu;
    cpu.retired = this.end - words[BUDGET]!;
    const age = cpu.addressSpaceAge;
    this.regions.stats.stepped++;
    const low = words[RIP]!;
    const next = (low + length) | 0;
    words[CURRENT] = low;
    words[CURRENT + 1] = words[RIP + 1]!;
    words[RIP] = next;
    if (low < 0 && next >= 0) words[RIP + 1]!++;
    this.reason = undefined;
    try {
      this.algebra!.native(id);
      cpu.retired++;
      if (cpu.leave) this.reason = 'left';
    } catch (fault) {
      this.reason = abandon(cpu, fault, undefined);
    }
    return this.resumes(cpu, age) && cpu.mode === this.mode ? 0 : STOPPED;
  }

  /** After an instruction of the host's: whether translated code may follow. `age` is the address space's before it. */
  private resumes(cpu: Cpu, age: number): boolean {
    const { words } = cpu;
    this.end = Math.min(this.end, cpu.limit);
    words[BUDGET] = this.end - cpu.retired;
    // an instruction follows in this run, and no interrupt that it could keep off: as if it had begun
    if (cpu.retired < cpu.limit && cpu.pendingInterrupts.length === 0 && this.memory.stops === undefined)
      words[SHADOW] = 0;
    return (
      this.reason === undefined &&
      !cpu.leave &&
      cpu.addressSpaceAge === age &&
      this.memory.forgotten.length === 0 &&
      words[SHADOW] === 0 &&
      !isWatched(cpu) &&
      !isInterruptible(cpu)
    );
  }
}

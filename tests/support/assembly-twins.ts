/**
 * Assembly text on two bare processors, of which one interprets and the other translates: kernel mode, handlers of
 * exceptions that are text too, a window of small pages, and a host that does something after some number of instructions.
 */
import { createCpu, type Cpu, type Host } from '../../cpu/cpu.ts';
import { forgetAllDecoded, forgetDecoded, type Memory } from '../../cpu/memory.ts';
import { flushPage, flushTlb, Pte, refreshMode } from '../../cpu/paging.ts';
import { Slot } from '../../cpu/state.ts';
import type { EngineName } from '../../cpu/engine.ts';
import type { TranslatorOptions } from '../../cpu/translator/options.ts';
import { assemble } from '../../toolchain/assembler/index.ts';
import { At as Bare, createBareCpu, Selector } from './bare-cpu.ts';
import { differencesOf, interpreter, primeDecoded, translating } from './twins.ts';

/** Linear addresses, which are physical ones but for the two windows. */
export const At = {
  ...Bare,
  /** 256 bytes a vector */
  handlers: 0x40000,
  /** of interrupts and exceptions from user mode */
  kernelStack: 0x3f000,
  /** physical memory that can be reached ends here */
  end: 0x120000,
  /** physical pages of the window, one behind the other */
  frames: 0x100000,
  /** `WINDOW_PAGES` pages of 4 KiB with nothing mapped around them */
  window: 0x4000_0000,
  /** the last page before the addresses that are not canonical */
  lastPage: 0x7fff_ffff_f000n,
} as const;
export const WINDOW_PAGES = 8;
const HANDLER_SIZE = 256;
const VECTORS = 32;
const Tables = {
  window: 0x4000,
  windowPages: 0x5000,
  last: 0x6000,
  lastDirectory: 0x7000,
  lastPages: 0x30000,
} as const;
const LAST_FRAME = 0x31000;
const HLT = 0xf4;

export interface TwinMachine {
  readonly cpu: Cpu;
  readonly cpus: readonly Cpu[];
  readonly memory: Memory;
  /** addresses of the labels of the program */
  readonly labels: ReadonlyMap<string, bigint>;
}

export interface Program {
  readonly text: string;
  /** by vector; else a hlt */
  readonly handlers?: Readonly<Record<number, string>>;
  /** what `native N` does, by N */
  readonly natives?: Readonly<Record<number, (machine: TwinMachine) => void>>;
  /** before the first instruction */
  readonly begin?: (machine: TwinMachine) => void;
  /** most instructions */
  readonly budget?: number;
  readonly cpus?: number;
  /** runs that end by a hlt, or by the host's wish, before it is over */
  readonly halts?: number;
  /** what has not been executed is not translated */
  readonly cold?: boolean;
  readonly options?: Partial<TranslatorOptions>;
  /** of the second machine */
  readonly engine?: EngineName;
}

/** What the host does once `after` instructions have been executed. */
export interface Intervention {
  readonly after: number;
  act(machine: TwinMachine): void;
}

/** The page-table entry of page `page` of the window: a physical address. */
export const windowEntry = (page: number): number => Tables.windowPages + page * 8;

/** As the host would: the entry, and the TLB. */
export function mapWindow({ cpu, memory }: TwinMachine, page: number, frame: number, bits: bigint): void {
  memory.view.setBigUint64(windowEntry(page), BigInt(frame) | bits, true);
  flushPage(cpu, BigInt(At.window + page * 4096));
}

/** As the host would: the bytes, and what has been decoded. */
export function patch({ memory }: TwinMachine, physical: number, bytes: readonly number[]): void {
  memory.bytes.set(bytes, physical);
  forgetDecoded(memory, physical, bytes.length);
}

function mapPages({ memory: { view } }: TwinMachine): void {
  const link = Pte.present | Pte.write | Pte.user;
  const set = (at: number, value: bigint): void => view.setBigUint64(at, value | link, true);
  set(Bare.tables + 0x1000 + 8, BigInt(Tables.window));
  set(Tables.window, BigInt(Tables.windowPages));
  for (let page = 0; page < WINDOW_PAGES; page++) set(windowEntry(page), BigInt(At.frames + page * 4096));
  set(Bare.tables + 255 * 8, BigInt(Tables.last));
  set(Tables.last + 511 * 8, BigInt(Tables.lastDirectory));
  set(Tables.lastDirectory + 511 * 8, BigInt(Tables.lastPages));
  set(Tables.lastPages + 511 * 8, BigInt(LAST_FRAME));
}

function writeGates({ memory }: TwinMachine, handlers: Program['handlers'] = {}): void {
  for (let vector = 0; vector < VECTORS; vector++) {
    const at = At.handlers + vector * HANDLER_SIZE;
    const text = handlers[vector];
    if (text === undefined) memory.bytes[at] = HLT;
    else memory.bytes.set(bytesOf(text, at).bytes, at);
    const low =
      (BigInt(at) & 0xffffn) | (BigInt(Selector.code) << 16n) | (0x8en << 40n) | (vector === 3 ? 3n << 45n : 0n);
    memory.view.setBigUint64(Bare.idt + vector * 16, low | (BigInt(at >> 16) << 48n), true);
  }
  memory.view.setBigUint64(Bare.tss + 4, BigInt(At.kernelStack), true);
}

function bytesOf(text: string, at: number) {
  const whole = `${text.replaceAll(/\bnative (\d+)/g, '.byte 0x0f, 0x3f; .long $1')}\n`;
  const assembly = assemble(whole, { sections: { '.text': BigInt(at) } });
  const { bytes } = assembly.sections.get('.text')!;
  return { bytes, labels: new Map([...assembly.symbols].map(([name, symbol]) => [name, symbol.address])) };
}

/** As it is before a program is put in: made once, and put back for each further program. */
interface Blank {
  readonly cpus: readonly Cpu[];
  readonly memory: Memory;
  readonly bytes: Uint8Array;
  readonly slots: BigUint64Array;
}
const blanks = new Map<string, Blank>();

function blankOf(side: string, count: number): Blank {
  const key = `${side} ${count}`;
  let blank = blanks.get(key);
  if (blank === undefined) {
    const { cpu, memory } = createBareCpu(count);
    const others = Array.from({ length: count - 1 }, (_, n) => createCpu(memory, n + 1));
    blank = { cpus: [cpu, ...others], memory, bytes: memory.bytes.slice(0, At.end), slots: cpu.slots.slice() };
    blanks.set(key, blank);
  }
  blank.memory.bytes.set(blank.bytes);
  // regions of an earlier engine are not this one's
  new Uint8Array(blank.memory.buffer, blank.memory.derived).fill(0);
  blank.memory.forgotten.length = 0;
  for (const cpu of blank.cpus) {
    cpu.slots.set(blank.slots);
    Object.assign(cpu, { retired: 0, leave: false });
    cpu.pendingInterrupts.length = 0;
    cpu.tlb.count = Infinity;
  }
  return blank;
}

/** A machine with the program in place. */
function createTwin(side: string, { text, handlers, begin, cpus: count = 1 }: Program): TwinMachine {
  const { cpus, memory } = blankOf(side, count);
  const [cpu] = cpus as [Cpu];
  const { registers } = cpu;
  const { bytes, labels } = bytesOf(text, At.code);
  const machine: TwinMachine = { cpu, cpus, memory, labels };
  mapPages(machine);
  writeGates(machine, handlers);
  memory.bytes.set(bytes, At.code);
  memory.bytes[At.code + bytes.length] = HLT;
  // the window begins with numbers that differ
  for (let n = 0; n < WINDOW_PAGES * 4096; n++) memory.bytes[At.frames + n] = (n * 7 + (n >> 8)) & 0xff;
  forgetAllDecoded(memory);
  registers.rip = BigInt(At.code);
  for (const each of cpus) {
    if (each !== cpu) each.slots.set(cpu.slots);
    each.slots[Slot.idtrLimit] = 0x1ffn;
    flushTlb(each);
    refreshMode(each);
  }
  begin?.(machine);
  return machine;
}

const hostOf = (program: Program, machine: TwinMachine): Host => ({
  native(cpu, id) {
    const body = program.natives?.[id];
    if (body === undefined) throw new Error(`native ${id}, which the program does not have`);
    body({ ...machine, cpu });
    return 'done';
  },
  random: () => 0x0123_4567_89ab_cdefn,
});

export interface TwinRun {
  /** what differs, where it is looked at first; empty: nothing does */
  readonly differences: readonly string[];
  readonly retired: number;
  readonly machine: TwinMachine;
  readonly stats: ReturnType<typeof translating>['stats'];
}

const BUDGET = 20_000;
const PATIENCE_FOR_HALTS = 3;

/**
 * Runs a program on both until it halts, in runs of `piece` instructions that also end where the host acts; all that can be
 * seen is compared after each.
 */
export function runTwins(program: Program, interventions: readonly Intervention[] = [], piece = Infinity): TwinRun {
  const plain = createTwin('plain', program);
  const twin = createTwin('twin', program);
  const engine = translating(twin.memory, program.options, program.engine);
  if (program.cold !== true) {
    primeDecoded(twin.memory, At.code, 4096);
    for (let vector = 0; vector < VECTORS; vector++)
      primeDecoded(twin.memory, At.handlers + vector * HANDLER_SIZE, HANDLER_SIZE);
  }
  const hosts = [hostOf(program, plain), hostOf(program, twin)] as const;
  const budget = program.budget ?? BUDGET;
  const waiting = interventions.toSorted((left, right) => left.after - right.after);
  const result = (differences: readonly string[]): TwinRun => ({
    differences,
    retired: plain.cpu.retired,
    machine: twin,
    stats: engine.stats,
  });
  let halts = 0;
  while (plain.cpu.retired < budget) {
    const { retired } = plain.cpu;
    const next = waiting[0]?.after ?? budget;
    const limit = Math.min(piece, Math.max(1, next - retired), budget - retired);
    const ends = [interpreter.run(plain.cpu, hosts[0], limit), engine.run(twin.cpu, hosts[1], limit)];
    const found = differencesOf(plain, twin, At.end);
    if (ends[0] !== ends[1]) found.unshift(`the run ends: ${ends[0]}, got ${ends[1]}`);
    if (found.length > 0)
      return result([
        `after ${plain.cpu.retired} instructions, rip ${plain.cpu.registers.rip.toString(16)}:`,
        ...found,
      ]);
    const due = waiting.length > 0 && (waiting[0]!.after <= plain.cpu.retired || ends[0] === 'left');
    if (due) {
      const { act } = waiting.shift()!;
      act(plain);
      act(twin);
    }
    if (ends[0] === 'triple-fault') break;
    if (ends[0] === 'left' && !due && ++halts >= (program.halts ?? PATIENCE_FOR_HALTS)) break;
  }
  return result([]);
}

const pieces =
  process.env['TEST_TIER'] === 'slow' ? [Infinity, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 50] : [Infinity, 1, 3, 7];

/** Whole, and in pieces of several sizes; what differs, with the size. */
export function differencesOfProgram(program: Program, interventions: readonly Intervention[] = []): string[] {
  for (const piece of pieces) {
    for (const cold of piece === Infinity ? [false, true] : [false]) {
      const { differences } = runTwins({ ...program, cold: program.cold ?? cold }, interventions, piece);
      if (differences.length > 0) return [`in pieces of ${piece}${cold ? ', cold' : ''}:`, ...differences];
    }
  }
  return [];
}

/** Cases on our processor: user mode behind page tables, every exception caught by a gate whose handler halts. */
import { createCpu, type Cpu } from '../../cpu/cpu.ts';
import { run, type RunEnd } from '../../cpu/interpreter.ts';
import { createMemory, forgetDecoded, type Memory } from '../../cpu/memory.ts';
import { flushTlb, Pte, refreshMode } from '../../cpu/paging.ts';
import { Slot } from '../../cpu/state.ts';
import { readX87, writeX87 } from '../../cpu/x87.ts';
import { fillMemory, Layout, startOf, type Case, type Outcome } from './state.ts';

/** Where the kernel sees physical address 0. */
const KERNEL = 0xffff_ffff_8000_0000n;
/** Physical addresses. */
export const Physical = {
  tables: 0x1000,
  gdt: 0x8000,
  idt: 0x9000,
  tss: 0xa000,
  handlers: 0xb000,
  stack: 0xf000,
  code: 0x10000,
  data: 0x11000,
} as const;
/** instructions; more than the longest repeated string in a loop */
export const LIMIT = 100_000;
const HLT = 0xf4;
const HANDLER_SIZE = 16;
const RSP = 4;

export interface Machine {
  readonly cpu: Cpu;
  readonly memory: Memory;
  /** physical addresses of the page-table entries of the two pages */
  readonly entries: { readonly code: number; readonly data: number };
}

/** What may be wrong with a page: with the data page, but for `not executable`, which is the code page. */
export const pageProtections = ['absent', 'read-only', 'supervisor', 'not executable'] as const;
export type PageProtection = (typeof pageProtections)[number];

/** The physical address of the new page-table entry. */
function map(memory: Memory, tables: { next: number }, linear: bigint, physical: number, bits: bigint): number {
  let table: number = Physical.tables;
  for (let level = 3; level > 0; level--) {
    const at = table + Number((linear >> BigInt(12 + 9 * level)) & 511n) * 8;
    if (memory.view.getBigUint64(at, true) === 0n) {
      tables.next += 0x1000;
      memory.view.setBigUint64(at, BigInt(tables.next) | Pte.present | Pte.write | Pte.user, true);
    }
    table = Number(memory.view.getBigUint64(at, true) & Pte.address);
  }
  const entry = table + Number((linear >> 12n) & 511n) * 8;
  memory.view.setBigUint64(entry, BigInt(physical) | Pte.present | bits, true);
  return entry;
}

const protectedEntries: Readonly<Record<PageProtection, readonly [page: 'code' | 'data', bits: bigint]>> = {
  absent: ['data', 0n],
  'read-only': ['data', Pte.present | Pte.user | Pte.noExecute],
  supervisor: ['data', Pte.present | Pte.write | Pte.noExecute],
  'not executable': ['code', Pte.present | Pte.user | Pte.noExecute],
};

/** Runs `body` with one page protected, and puts it back. */
function withProtection<T>({ cpu, memory, entries }: Machine, protection: PageProtection, body: () => T): T {
  const [page, bits] = protectedEntries[protection];
  const before = memory.view.getBigUint64(entries[page], true);
  memory.view.setBigUint64(entries[page], (before & Pte.address) | bits, true);
  flushTlb(cpu);
  try {
    return body();
  } finally {
    memory.view.setBigUint64(entries[page], before, true);
    flushTlb(cpu);
  }
}

function gate(memory: Memory, vector: number, handler: number): void {
  const at = Physical.idt + vector * 16;
  const dpl = vector === 3 ? 3n : 0n;
  const offset = KERNEL + BigInt(handler);
  const low =
    (offset & 0xffffn) | (0x08n << 16n) | (0x8en << 40n) | (dpl << 45n) | (((offset >> 16n) & 0xffffn) << 48n);
  memory.view.setBigUint64(at, low, true);
  memory.view.setBigUint64(at + 8, offset >> 32n, true);
}

export function createMachine(): Machine {
  const memory = createMemory(1 << 24);
  const cpu = createCpu(memory, 0);
  const tables = { next: 0x20000 };
  for (let page = 0; page < 0x10000; page += 0x1000) map(memory, tables, KERNEL + BigInt(page), page, Pte.write);
  const entries = {
    code: map(memory, tables, BigInt(Layout.codeBase), Physical.code, Pte.user),
    data: map(memory, tables, BigInt(Layout.dataBase), Physical.data, Pte.user | Pte.write | Pte.noExecute),
  };
  for (let vector = 0; vector < 32; vector++) {
    const handler = Physical.handlers + vector * HANDLER_SIZE;
    memory.bytes[handler] = HLT;
    gate(memory, vector, handler);
  }
  memory.view.setBigUint64(Physical.gdt + 8, 0x00af_9b00_0000_ffffn, true);
  memory.view.setBigUint64(Physical.tss + 4, KERNEL + BigInt(Physical.stack), true);
  const { slots } = cpu;
  slots[Slot.cr3] = BigInt(Physical.tables);
  slots[Slot.cr0] = 0x8005_0033n;
  slots[Slot.avx] = 1n;
  slots[Slot.cr4] = 0x4_06b0n;
  slots[Slot.xcr0] = 7n;
  slots[Slot.efer] = 0xd01n;
  slots[Slot.gdtrBase] = KERNEL + BigInt(Physical.gdt);
  slots[Slot.gdtrLimit] = 0xffn;
  slots[Slot.idtrBase] = KERNEL + BigInt(Physical.idt);
  slots[Slot.idtrLimit] = 0x1ffn;
  slots[Slot.trBase] = KERNEL + BigInt(Physical.tss);
  slots[Slot.gsBase] = BigInt(Layout.gsBase);
  flushTlb(cpu);
  return { cpu, memory, entries };
}

export const host = {
  native: (): never => {
    throw new Error('a native call in user mode');
  },
  random: () => 0n,
};

const x87Slots = [Slot.fcw, Slot.fsw, Slot.ftw];
function loadX87(cpu: Cpu, words: readonly bigint[]): void {
  const { slots } = cpu;
  x87Slots.forEach((slot, n) => (slots[slot] = words[n]!));
  for (let n = 0; n < 8; n++) writeX87(cpu, n, (words[4 + 2 * n]! << 64n) | words[3 + 2 * n]!);
  slots[Slot.ftw] = words[2]!;
  for (const slot of [Slot.fop, Slot.fip, Slot.fdp, Slot.fcs, Slot.fds]) slots[slot] = 0n;
}
function readX87State(cpu: Cpu): bigint[] {
  const registers = Array.from({ length: 8 }, (_, n) => readX87(cpu, n));
  const words = registers.flatMap((value) => [value & 0xffff_ffff_ffff_ffffn, value >> 64n]);
  return [...x87Slots.map((slot) => cpu.slots[slot]!), ...words];
}

/** Puts a case in place, ready to run. */
export function prepare({ cpu, memory }: Machine, test: Case): void {
  const start = startOf(test);
  wordsOf(memory).set(fillMemory(test.seed));
  memory.bytes.fill(0xcc, Physical.code, Physical.code + Layout.page);
  memory.bytes.set(test.code, Physical.code + Layout.codeStart - Layout.codeBase);
  forgetDecoded(memory, Physical.code, Layout.page);
  const { slots, registers } = cpu;
  start.gpr.forEach((value, n) => (slots[n] = value));
  start.xmm.forEach((value, n) => (slots[Slot.xmm + (n >> 1) * 4 + (n & 1)] = value));
  start.ymm.forEach((value, n) => (slots[Slot.xmm + (n >> 1) * 4 + 2 + (n & 1)] = value));
  registers.rflags = start.rflags;
  registers.rip = BigInt(Layout.codeStart);
  slots[Slot.mxcsr] = start.mxcsr;
  slots[Slot.cr2] = 0n;
  loadX87(cpu, start.x87);
  cpu.words[Slot.halted * 2] = 0;
  cpu.words[Slot.cpl * 2] = 3;
  slots[Slot.selectors + 1] = 0x33n;
  slots[Slot.selectors + 2] = 0x2bn;
  refreshMode(cpu);
}

/** Of the data page. */
const wordsOf = ({ bytes }: Memory): BigUint64Array =>
  new BigUint64Array(bytes.buffer, bytes.byteOffset + Physical.data, Layout.page / 8);

/** What a case has come to. */
export function outcomeOf({ cpu, memory }: Machine, test: Case, end: RunEnd): Outcome {
  const { slots, registers } = cpu;
  const start = startOf(test);
  const stopped = cpu.words[Slot.halted * 2] !== 0;
  const vector = stopped
    ? Math.floor((Number(registers.rip - KERNEL) - 1 - Physical.handlers) / HANDLER_SIZE)
    : end === 'limit'
      ? 255
      : 254;
  const frame = stopped ? Number(slots[RSP]! - KERNEL) : 0;
  const hasError = [8, 10, 11, 12, 13, 14, 17].includes(vector);
  const at = (n: number): bigint => memory.view.getBigUint64(frame + (n + (hasError ? 1 : 0)) * 8, true);
  const gpr = [...slots.subarray(0, 16)];
  if (stopped) gpr[RSP] = at(3);
  const before = fillMemory(test.seed);
  const changed = new Map<number, bigint>();
  wordsOf(memory).forEach((value, n) => value !== before[n] && changed.set(n * 8, value));
  return {
    trap: vector,
    error: stopped && hasError ? Number(memory.view.getBigUint64(frame, true)) : 0,
    cr2: slots[Slot.cr2]!,
    rip: stopped ? at(0) : registers.rip,
    gpr,
    rflags: stopped ? at(2) : registers.rflags,
    mxcsr: slots[Slot.mxcsr]!,
    x87: readX87State(cpu),
    xmm: start.xmm.map((_, n) => slots[Slot.xmm + (n >> 1) * 4 + (n & 1)]!),
    ymm: start.ymm.map((_, n) => slots[Slot.xmm + (n >> 1) * 4 + 2 + (n & 1)]!),
    memory: changed,
  };
}

let machine: Machine | undefined;

/** The outcome of one case, which runs with one page protected where `protection` says so. */
export function runOnOurCpu(test: Case, protection?: PageProtection): Outcome {
  machine ??= createMachine();
  const { cpu } = machine;
  prepare(machine, test);
  const end =
    protection === undefined ? run(cpu, host, LIMIT) : withProtection(machine, protection, () => run(cpu, host, LIMIT));
  return outcomeOf(machine, test, end);
}

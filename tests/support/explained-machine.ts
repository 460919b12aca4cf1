/** A processor in user mode on which single instructions are executed, and explanations computed. */
import { createCpu, type Cpu } from '../../cpu/cpu.ts';
import { evaluate } from '../../cpu/evaluate.ts';
import { isFault } from '../../cpu/fault.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import { createMemory, type Memory } from '../../cpu/memory.ts';
import { flushTlb, Pte, refreshMode } from '../../cpu/paging.ts';
import { settleFlags, Slot, STATE_SIZE } from '../../cpu/state.ts';
import { fillMemory, Layout, startOf, type Case } from '../native/state.ts';
import { createRandom } from '../native/random.ts';

/** Physical addresses. */
const Physical = { tables: 0x1000, gdt: 0x9000, code: 0x10000, data: 0x11000 } as const;
/** Linear, for the kernel alone. */
const GDT = 0x7000_0000n;
const SLOTS = STATE_SIZE / 8;

export interface ExplainedMachine {
  readonly cpu: Cpu;
  readonly memory: Memory;
  /** the data page, 64 bits at a time and by bytes */
  readonly data: BigUint64Array;
  readonly bytes: Uint8Array;
}

/** Registers and the data page. */
export interface Picture {
  readonly slots: BigUint64Array;
  readonly data: BigUint64Array;
}

function map(memory: Memory, next: { table: number }, linear: bigint, physical: number, access: bigint): void {
  const bits = Pte.present | Pte.write | Pte.user;
  let table: number = Physical.tables;
  for (let level = 3; level > 0; level--) {
    const at = table + Number((linear >> BigInt(12 + 9 * level)) & 511n) * 8;
    if (memory.view.getBigUint64(at, true) === 0n) {
      memory.view.setBigUint64(at, BigInt((next.table += 0x1000)) | bits, true);
    }
    table = Number(memory.view.getBigUint64(at, true) & Pte.address);
  }
  memory.view.setBigUint64(table + Number((linear >> 12n) & 511n) * 8, BigInt(physical) | Pte.present | access, true);
}

export function createExplainedMachine(): ExplainedMachine {
  const memory = createMemory(1 << 24);
  const cpu = createCpu(memory, 0);
  const next = { table: 0x20000 };
  map(memory, next, BigInt(Layout.codeBase), Physical.code, Pte.user);
  map(memory, next, BigInt(Layout.dataBase), Physical.data, Pte.user | Pte.write);
  map(memory, next, GDT, Physical.gdt, 0n);
  const { slots } = cpu;
  slots[Slot.cr3] = BigInt(Physical.tables);
  slots[Slot.cr0] = 0x8005_0033n;
  slots[Slot.avx] = 1n;
  slots[Slot.cr4] = 0x6b0n | 0x4_0000n;
  slots[Slot.xcr0] = 7n;
  slots[Slot.efer] = 0xd01n;
  slots[Slot.gdtrBase] = GDT;
  slots[Slot.gdtrLimit] = 0xffn;
  slots[Slot.gsBase] = BigInt(Layout.gsBase);
  slots[Slot.selectors + 1] = 0x33n;
  slots[Slot.selectors + 2] = 0x2bn;
  cpu.words[Slot.cpl * 2] = 3;
  refreshMode(cpu);
  flushTlb(cpu);
  const at = memory.bytes.byteOffset + Physical.data;
  return {
    cpu,
    memory,
    data: new BigUint64Array(memory.bytes.buffer, at, Layout.page / 8),
    bytes: new Uint8Array(memory.bytes.buffer, at, Layout.page),
  };
}

const FCW_MASKED = 0x37fn;
const MXCSR_MASKED = 0x1f80n;

/** The state of a case, with floating-point exceptions masked and the x87's registers filled; rip behind the instruction. */
export function prepare(machine: ExplainedMachine, test: Case, length: number): void {
  const { cpu, data } = machine;
  const { slots, registers } = cpu;
  const start = startOf(test);
  data.set(fillMemory(test.seed));
  start.gpr.forEach((value, n) => (slots[n] = value));
  start.xmm.forEach((value, n) => (slots[Slot.xmm + (n >> 1) * 4 + (n & 1)] = value));
  start.ymm.forEach((value, n) => (slots[Slot.xmm + (n >> 1) * 4 + 2 + (n & 1)] = value));
  registers.rflags = start.rflags;
  registers.rip = BigInt(Layout.codeStart + length);
  cpu.current = BigInt(Layout.codeStart);
  slots[Slot.mxcsr] = start.mxcsr | MXCSR_MASKED;
  const random = createRandom(test.seed + 77);
  for (let n = 0; n < 8; n++) {
    slots[Slot.x87 + n * 2] = random.wide() | (random.chance(0.8) ? 1n << 63n : 0n);
    slots[Slot.x87 + n * 2 + 1] = BigInt(random.chance(0.7) ? 0x3ff0 + random.below(32) : random.below(0x10000));
  }
  slots[Slot.fcw] = FCW_MASKED | BigInt(random.below(4) << 10);
  slots[Slot.fsw] = BigInt((random.below(8) << 11) | ((random.below(16) << 8) & 0x700));
  slots[Slot.ftw] = random.chance(0.5) ? 0xffn : BigInt(random.below(256));
  for (const slot of [Slot.fop, Slot.fip, Slot.fdp, Slot.fcs, Slot.fds]) slots[slot] = 0n;
}

/** The vector of the exception that `body` ends in, if any. */
export function attempt(body: () => void): number | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (!isFault(error)) throw error;
    return error.vector;
  }
}

/** Executes one instruction where it stands; the vector of the exception it ends in, if any. */
export function execute({ cpu }: ExplainedMachine, instruction: Instruction): number | undefined {
  const algebra = evaluate(cpu);
  algebra.floating.raised = 0;
  return attempt(() => instruction.semantics(algebra, instruction));
}

export function pictureOf({ cpu, data }: ExplainedMachine): Picture {
  settleFlags(cpu);
  return { slots: cpu.slots.slice(0, SLOTS), data: data.slice() };
}
export function show({ cpu, data }: ExplainedMachine, picture: Picture): void {
  cpu.slots.set(picture.slots);
  data.set(picture.data);
}

/**
 * A processor and nothing else: kernel mode, the first 2 MiB mapped to themselves, a descriptor table whose gates lead to
 * one hlt each. For tests of what a program on Linux cannot see.
 */
import { createCpu, type Cpu } from '../../cpu/cpu.ts';
import { run } from '../../cpu/interpreter.ts';
import { createMemory, type Memory, forgetAllDecoded } from '../../cpu/memory.ts';
import { Pte, refreshMode } from '../../cpu/paging.ts';
import { Slot, type Registers } from '../../cpu/state.ts';
import { assemble } from '../../toolchain/assembler/index.ts';

/** Linear and physical addresses. */
export const At = {
  tables: 0x1000,
  gdt: 0x8000,
  idt: 0x9000,
  tss: 0xa000,
  handlers: 0xb000,
  stackTop: 0xf000,
  code: 0x10000,
  data: 0x20000,
} as const;

/** Selectors: 64-bit code and data of both privileges, and the task. */
export const Selector = { code: 0x08, data: 0x10, userData: 0x2b, userCode: 0x33, task: 0x40 } as const;
const descriptors: readonly (readonly [selector: number, descriptor: bigint])[] = [
  [Selector.code, 0x00af_9b00_0000_ffffn],
  [Selector.data, 0x00cf_9300_0000_ffffn],
  [Selector.userData & ~3, 0x00cf_f300_0000_ffffn],
  [Selector.userCode & ~3, 0x00af_fb00_0000_ffffn],
  [Selector.task, 0x0000_8900_a000_0067n],
];

const HLT = 0xf4;
const HANDLER_SIZE = 16;
const LIMIT = 1000;

export interface Ending {
  /** the vector whose handler halted, or -1 for the program's own hlt */
  readonly vector: number;
  /** the handler's stack: an error code where there is one, rip, cs, rflags, rsp, ss */
  readonly frame: readonly bigint[];
}

export interface BareCpu {
  readonly cpu: Cpu;
  readonly memory: Memory;
  readonly registers: Registers;
  /** Puts assembly text at `At.code` and runs it to a hlt. */
  execute(source: string): Ending;
}

const host = {
  native: (): never => {
    throw new Error('a native call of a processor without host');
  },
  random: () => 0x0123_4567_89ab_cdefn,
};

function writeGates({ view, bytes }: Memory): void {
  for (let vector = 0; vector < 32; vector++) {
    const handler = BigInt(At.handlers + vector * HANDLER_SIZE);
    bytes[Number(handler)] = HLT;
    const dpl = vector === 3 ? 3n : 0n;
    const low = (handler & 0xffffn) | (BigInt(Selector.code) << 16n) | (0x8en << 40n) | (dpl << 45n);
    view.setBigUint64(At.idt + vector * 16, low | ((handler >> 16n) << 48n), true);
  }
}

/** `cpus`: that there is room for; the first is made. */
export function createBareCpu(cpus = 1): BareCpu {
  const memory = createMemory(1 << 24, cpus);
  const { view } = memory;
  const tables = BigInt(At.tables);
  const link = Pte.present | Pte.write | Pte.user;
  view.setBigUint64(At.tables, (tables + 0x1000n) | link, true);
  view.setBigUint64(At.tables + 0x1000, (tables + 0x2000n) | link, true);
  view.setBigUint64(At.tables + 0x2000, link | Pte.large, true);
  for (const [selector, descriptor] of descriptors) view.setBigUint64(At.gdt + selector, descriptor, true);
  view.setBigUint64(At.tss + 4, BigInt(At.stackTop), true);
  writeGates(memory);
  const cpu = createCpu(memory, 0);
  const { slots, registers } = cpu;
  const initial: readonly (readonly [slot: number, value: number | bigint])[] = [
    [Slot.cr3, tables],
    // PG AM WP NE MP PE; OSFXSR OSXMMEXCPT PAE; NXE LMA LME SCE
    [Slot.cr0, 0x8005_0033n],
    [Slot.cr4, 0x620],
    [Slot.efer, 0xd01],
    [Slot.gdtrBase, At.gdt],
    [Slot.gdtrLimit, 0x4f],
    [Slot.idtrBase, At.idt],
    [Slot.idtrLimit, 0x1ff],
    [Slot.trBase, At.tss],
    [Slot.trSelector, Selector.task],
    [Slot.selectors + 1, Selector.code],
    [Slot.selectors + 2, Selector.data],
  ];
  for (const [slot, value] of initial) slots[slot] = BigInt(value);
  registers.rsp = BigInt(At.stackTop);
  refreshMode(cpu);
  const execute = (source: string): Ending => {
    const { bytes } = assemble(source, { sections: { '.text': BigInt(At.code) } }).sections.get('.text')!;
    memory.bytes.set(bytes, At.code);
    memory.bytes[At.code + bytes.length] = HLT;
    forgetAllDecoded(memory);
    registers.rip = BigInt(At.code);
    slots[Slot.halted] = 0n;
    run(cpu, host, LIMIT);
    if (slots[Slot.halted] === 0n)
      throw new Error(`no hlt in ${LIMIT} instructions, rip ${registers.rip.toString(16)}`);
    const at = Number(registers.rip) - 1 - At.handlers;
    const vector = at >= 0 && at < 32 * HANDLER_SIZE ? at / HANDLER_SIZE : -1;
    const stack = Number(registers.rsp);
    const frame = Array.from({ length: 6 }, (_, n) => view.getBigUint64(stack + n * 8, true));
    return { vector, frame };
  };
  return { cpu, memory, registers, execute };
}

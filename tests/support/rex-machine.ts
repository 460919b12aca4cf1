/**
 * Processors in kernel mode with the kernel's memory, per-CPU areas, Rex stacks and the dispatcher's text, and nothing
 * else: no IDT, so that whatever faults stops the run. The text is a parameter, so that mutations of it can be tried.
 */
import * as fs from 'node:fs';
import { createCpu, type Cpu, type Host } from '../../cpu/cpu.ts';
import { run } from '../../cpu/interpreter.ts';
import { createMemory } from '../../cpu/memory.ts';
import { flushTlb, Pte, refreshMode } from '../../cpu/paging.ts';
import { Slot, STATE_SIZE } from '../../cpu/state.ts';
import { createBpfState } from '../../kernel/bpf/state.ts';
import type { BpfProgram } from '../../kernel/bpf/types.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { createKprobeState } from '../../kernel/kprobe/index.ts';
import {
  KERNEL_DATA,
  KERNEL_TEXT,
  MODULES_VADDR,
  PAGE_OFFSET,
  VMALLOC_START,
} from '../../kernel/layout/address-map.ts';
import { bpf_prog } from '../../kernel/layout/structures.ts';
import { perCpuAreaSize, perCpuVariables } from '../../kernel/layout/per-cpu.ts';
import { createHeap, kmalloc } from '../../kernel/mm/heap.ts';
import { writeKernel } from '../../kernel/mm/kernel-memory.ts';
import { entryAddress, mapLarge } from '../../kernel/mm/page-tables.ts';
import { allocatePage, createPhysicalPages } from '../../kernel/mm/physical.ts';
import { setMemory, vmalloc } from '../../kernel/mm/vmalloc.ts';
import type { NativeFunction } from '../../kernel/native.ts';
import { writePerCpu } from '../../kernel/per-cpu.ts';
import { initRexStacks } from '../../kernel/rex-dispatcher/stacks.ts';
import { rexNatives } from '../../kernel/rex-dispatcher/landing-pad.ts';
import { addSymbols, createSymbolTable } from '../../kernel/symbols.ts';
import { assembleFiles, type AssembledProgram } from '../../toolchain/assembler/index.ts';

export const rexSource = fs.readFileSync(new URL('../../kernel/rex-dispatcher/rex_64.S', import.meta.url), 'utf8');

/** Calls the dispatcher as trace_call_bpf does; the run of a CPU ends at `test_stop`. */
const callerSource = `
	.globl test_caller
	.type test_caller, @function
test_caller:
	call rex_dispatcher_func
	native test_stop
	.size test_caller, . - test_caller
	.data
	.globl jiffies
jiffies: .quad 0
`;

export interface RexMachine {
  readonly kernel: Kernel;
  readonly program: BpfProgram;
  /** linear addresses of kernel text and data */
  readonly address: (symbol: string) => bigint;
  /** where programs go: bytes of executable memory */
  readonly code: { readonly address: bigint; readonly size: number };
  /** by CPU: a page that programs write what they see into */
  readonly notes: readonly bigint[];
  /** by CPU: the caller's stack, two pages */
  readonly stacks: readonly bigint[];
  /** by CPU: test_stop has been reached */
  readonly stopped: boolean[];
  readonly host: Host;
}

const MEMORY = 16 << 20;
const CODE_SIZE = 1 << 16;
export const CALLER_STACK_SIZE = 8192;
const CR4_PAE = 1n << 5n;
const CR0 = 0x8001_0001n; // PG, WP, PE
const EFER = 0xd01n; // NXE, LMA, LME, SCE

/** What a program of the machine may name: per-CPU variables, and the dispatcher's symbols once they are placed. */
function perCpuSymbols(): Map<string, bigint> {
  return new Map([...perCpuVariables.values()].map(({ name, offset }) => [name, BigInt(offset)]));
}

function createKernel(cpus: number): Kernel {
  const memory = createMemory(MEMORY, STATE_SIZE * cpus);
  const area = (start: bigint, size: bigint) => ({ start, end: start + size, blocks: new Map<bigint, number>() });
  const kernel = {
    memory,
    cpus: Array.from({ length: cpus }, (_, index) => createCpu(memory, index)),
    perCpu: [],
    random: 1n,
    roundStart: 0,
    pages: createPhysicalPages(memory.size, 0x1000),
    heap: createHeap(),
    vmalloc: area(VMALLOC_START, 1n << 30n),
    modules: area(MODULES_VADDR, 1n << 29n),
    swapperPgDir: 0,
    addressSpaces: new Map(),
    symbols: createSymbolTable(),
    tasks: new Map(),
    nextPid: 1,
    runQueue: [],
    bpf: createBpfState(cpus),
    kprobes: createKprobeState(),
    log: [],
    events: [],
    record: { syscalls: false },
    dead: undefined,
  };
  return kernel as unknown as Kernel;
}

function mapDirect(kernel: Kernel): void {
  (kernel as { swapperPgDir: number }).swapperPgDir = allocatePage(kernel);
  for (let at = 0; at < kernel.memory.size; at += 1 << 21) {
    mapLarge(kernel, kernel.swapperPgDir, PAGE_OFFSET + BigInt(at), at, Pte.present | Pte.write | Pte.noExecute);
  }
}

function mapSections(kernel: Kernel, image: AssembledProgram): void {
  for (const { address, bytes, name } of image.sections.values()) {
    for (let offset = 0; offset < bytes.length; offset += 4096) {
      const at = entryAddress(kernel, kernel.swapperPgDir, address + BigInt(offset), true)!;
      const flags = name === '.text' ? 0n : Pte.write | Pte.noExecute;
      kernel.memory.view.setBigUint64(at, BigInt(allocatePage(kernel)) | Pte.present | flags, true);
    }
    writeKernel(kernel, address, bytes);
  }
}

function startCpu(kernel: Kernel, cpu: Cpu): void {
  const area = kmalloc(kernel, perCpuAreaSize);
  kernel.perCpu.push({
    current: 0,
    needResched: false,
    area,
    retiredAtRoundStart: 0,
    nextTick: Infinity,
    savedFpu: undefined,
  });
  writePerCpu(kernel, cpu.index, 'this_cpu_off', area);
  writePerCpu(kernel, cpu.index, 'cpu_number', BigInt(cpu.index));
  cpu.slots[Slot.gsBase] = area;
  cpu.slots[Slot.cr3] = BigInt(kernel.swapperPgDir);
  cpu.slots[Slot.cr0] = CR0;
  cpu.slots[Slot.cr4] = CR4_PAE;
  cpu.slots[Slot.efer] = EFER;
  flushTlb(cpu);
  refreshMode(cpu);
}

function createProgram(kernel: Kernel, functionAddress: bigint): BpfProgram {
  const program: BpfProgram = {
    ...({} as BpfProgram),
    id: 1,
    type: 2,
    name: 'test',
    address: kmalloc(kernel, bpf_prog.size),
    function: functionAddress,
    loaderPid: 0,
    references: 1,
    runs: 0,
    misses: 0,
  };
  kernel.bpf.programs.set(program.id, program);
  return program;
}

/** A machine whose kernel text is `source` instead of rex_64.S. */
export function createRexMachine(source = rexSource, cpus = 2): RexMachine {
  const kernel = createKernel(cpus);
  mapDirect(kernel);
  const stopped = kernel.cpus.map(() => false);
  const natives: Record<string, NativeFunction> = {
    ...rexNatives,
    test_stop: (_, cpu) => {
      stopped[cpu.index] = true;
      cpu.leave = true;
      return undefined;
    },
  };
  const names = Object.keys(natives);
  const resolve = (text: string): string =>
    text.replace(/\bnative\s+(\w+)/g, (_, name: string) => `native $${names.indexOf(name)}`);
  const image = assembleFiles(
    [
      { file: 'rex_64.S', source: resolve(source) },
      { file: 'caller.S', source: resolve(callerSource) },
    ],
    { sections: { '.text': KERNEL_TEXT, '.data': KERNEL_DATA }, symbols: perCpuSymbols(), codePadding: 'int3' },
  );
  mapSections(kernel, image);
  addSymbols(
    kernel.symbols,
    [...image.symbols].map(([name, { address, size }]) => ({ name, address, size: Number(size), kind: 'T' })),
  );
  for (const cpu of kernel.cpus) startCpu(kernel, cpu);
  initRexStacks(kernel);
  const code = { address: vmalloc(kernel, 'modules', CODE_SIZE), size: CODE_SIZE };
  setMemory(kernel, code.address, CODE_SIZE, 'rx');
  const host: Host = {
    native: (cpu, id) => {
      const result = natives[names[id] ?? '']?.(kernel, cpu);
      if (typeof result === 'bigint') cpu.registers.rax = result;
      if (kernel.dead !== undefined) cpu.leave = true;
      return 'done';
    },
    random: () => 0n,
  };
  return {
    kernel,
    program: createProgram(kernel, code.address),
    address: (symbol) => kernel.symbols.byName.get(symbol)!.address,
    code,
    notes: kernel.cpus.map(() => vmalloc(kernel, 'vmalloc', 4096)),
    stacks: kernel.cpus.map(() => vmalloc(kernel, 'vmalloc', CALLER_STACK_SIZE)),
    stopped,
    host,
  };
}

/** Assembles a program for the machine, `offset` bytes into its code memory; it may name the kernel's symbols. */
export function assembleProgram(machine: RexMachine, source: string, offset: number): AssembledProgram {
  const symbols = perCpuSymbols();
  for (const [name, { address }] of machine.kernel.symbols.byName) if (!symbols.has(name)) symbols.set(name, address);
  return assembleFiles([{ file: 'program.S', source }], {
    sections: { '.text': machine.code.address + BigInt(offset) },
    symbols,
  });
}

/** Runs CPU `index` for up to `limit` instructions. */
export const runCpu = (machine: RexMachine, index: number, limit: number): ReturnType<typeof run> =>
  run(machine.kernel.cpus[index]!, machine.host, limit);

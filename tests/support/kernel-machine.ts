/** A booted kernel with text of a test's own beside its own, and a kernel task on every CPU to call functions in. */
import * as fs from 'node:fs';
import type { Host } from '../../cpu/cpu.ts';
import { run } from '../../cpu/interpreter.ts';
import { Slot, type RegisterName } from '../../cpu/state.ts';
import type { BpfProgram } from '../../kernel/bpf/types.ts';
import { bootKernel } from '../../kernel/boot.ts';
import { createHost } from '../../kernel/host.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { bpf_prog } from '../../kernel/layout/structures.ts';
import { kmalloc } from '../../kernel/mm/heap.ts';
import { writeKernelU64 } from '../../kernel/mm/kernel-memory.ts';
import { attachProgram, createKprobeEvent } from '../../kernel/perf/events.ts';
import { createProcess } from '../../kernel/process.ts';
import { makeRunnable, schedule } from '../../kernel/scheduler.ts';
import type { Task } from '../../kernel/task.ts';

const kernelFolder = new URL('../../kernel/', import.meta.url);
export const kernelSources = fs
  .readdirSync(kernelFolder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.S'))
  .toSorted()
  .map((file) => ({ file, source: fs.readFileSync(new URL(file, kernelFolder), 'utf8') }));

/** in `Slot.selectors`; a new task's own are loaded on its way to user mode */
const CS = 1;
const KERNEL_CS = 0x10n;

const returnSource = `
	.text
	.globl test_return
	.type test_return, @function
	# the return address is symbolised by the byte before it
	nop
test_return:
	hlt
	.size test_return, . - test_return
`;

export interface KernelMachine {
  readonly kernel: Kernel;
  readonly host: Host;
  /** by CPU */
  readonly tasks: readonly Task[];
  readonly address: (symbol: string) => bigint;
}

/**
 * Boots with `source` (AT&T, functions with .globl, .type and .size) as part of kernel text; `replaced` gives other
 * sources for files of the kernel, by their paths in kernel/.
 */
export function createKernelMachine(
  source: string,
  cpus = 1,
  replaced: Readonly<Record<string, string>> = {},
): KernelMachine {
  const sources = [
    ...kernelSources.map(({ file, source: own }) => ({ file, source: replaced[file] ?? own })),
    { file: 'test.S', source },
    { file: 'return.S', source: returnSource },
  ];
  const kernel = bootKernel({ sources, cpus, memory: 16 << 20 });
  const tasks = kernel.cpus.map((cpu) => {
    const task = createProcess(kernel, 'test');
    makeRunnable(kernel, task);
    schedule(kernel, cpu);
    cpu.slots[Slot.selectors + CS] = KERNEL_CS;
    return task;
  });
  return { kernel, host: createHost(kernel), tasks, address: (symbol) => kernel.symbols.byName.get(symbol)!.address };
}

/** Bytes of the kernel stack above an entered function's frame. */
export const STACK_ROOM = 512n;
const IF = 0x202n;

/** Makes CPU `index` be about to execute `symbol`, called by `test_return`. */
export function enter(
  machine: KernelMachine,
  symbol: string,
  registers: Partial<Record<RegisterName, bigint>> = {},
  index = 0,
): void {
  const { kernel } = machine;
  const cpu = kernel.cpus[index]!;
  const rsp = machine.tasks[index]!.stack + BigInt(constants.THREAD_SIZE) - STACK_ROOM;
  writeKernelU64(kernel, rsp - 8n, machine.address('test_return'));
  for (let n = 0; n < 16; n++) cpu.slots[n] = 0x1111_1111_1111_1111n * BigInt(n);
  cpu.registers.rflags = IF;
  Object.assign(cpu.registers, { ...registers, rsp: rsp - 8n, rip: machine.address(symbol) });
  cpu.words[Slot.halted * 2] = 0;
}

/** Runs CPU `index` until the entered function has returned; throws where it does not within the budget. */
export function finish(machine: KernelMachine, index = 0, budget = 200_000): void {
  const cpu = machine.kernel.cpus[index]!;
  const end = run(cpu, machine.host, budget);
  const { dead } = machine.kernel;
  if (dead !== undefined) throw new Error(`oops: ${dead}\n${machine.kernel.log.map(({ text }) => text).join('\n')}`);
  if (cpu.words[Slot.halted * 2] === 0) throw new Error(`not finished (${end}) at 0x${cpu.registers.rip.toString(16)}`);
}

/** Calls a function of kernel text; rax. */
export function call(
  machine: KernelMachine,
  symbol: string,
  registers: Partial<Record<RegisterName, bigint>> = {},
  index = 0,
): bigint {
  enter(machine, symbol, registers, index);
  finish(machine, index);
  return machine.kernel.cpus[index]!.registers.rax;
}

/** A kprobe program whose code is the kernel text at `symbol`. */
export function createTestProgram(machine: KernelMachine, symbol: string, loaderPid = 0): BpfProgram {
  const { bpf } = machine.kernel;
  const id = bpf.next.program++;
  const program = {
    id,
    type: constants.BPF_PROG_TYPE_KPROBE,
    name: symbol,
    address: kmalloc(machine.kernel, bpf_prog.size),
    function: machine.address(symbol),
    base: undefined,
    image: undefined,
    maps: [],
    loaderPid,
    timeoutHandler: 0n,
    references: 1,
    runs: 0,
    misses: 0,
  } as unknown as BpfProgram;
  bpf.programs.set(id, program);
  return program;
}

/** Attaches `program` to an event of its own at `symbol`+`offset`. */
export function attach(machine: KernelMachine, program: BpfProgram, symbol: string, offset = 0n): void {
  const { kernel } = machine;
  attachProgram(kernel, createKprobeEvent(kernel, { symbol, offset, address: 0n }, true), program);
}

/** A booted kernel with programs of a test's own in its text, that runs user programs and keeps what its programs noted. */
import type { BpfProgram } from '../../kernel/bpf/types.ts';
import { bootKernel } from '../../kernel/boot.ts';
import { Errno } from '../../kernel/errno.ts';
import { fileOf } from '../../kernel/fs/files.ts';
import { createHost } from '../../kernel/host.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { bpf_prog, perf_event_attr } from '../../kernel/layout/structures.ts';
import { writeStructure } from '../../kernel/layout/write-structure.ts';
import { kmalloc } from '../../kernel/mm/heap.ts';
import { readKernel, readKernelU64, writeKernelU64 } from '../../kernel/mm/kernel-memory.ts';
import { copyToUser } from '../../kernel/mm/user-memory.ts';
import { attachProgram, createKprobeEvent, createTracepointEvent } from '../../kernel/perf/events.ts';
import type { PerfEvent } from '../../kernel/perf/types.ts';
import { createProcess } from '../../kernel/process.ts';
import { runKernel, type RunOutcome } from '../../kernel/run.ts';
import { makeRunnable } from '../../kernel/scheduler.ts';
import { syscallTable } from '../../kernel/syscalls/index.ts';
import type { Task } from '../../kernel/task.ts';
import type { Tracepoint } from '../../kernel/tracing/events.ts';
import { executeBytes } from './execute-bytes.ts';
import { kernelSources } from './kernel-machine.ts';

/** bytes of a note; programs keep at most NOTES of them */
export const NOTE = 128;
const NOTES = 512;

/** `note`: keeps 64 bytes of the context, the comm of the current task, jiffies' place empty, and returns 1. */
const ownText = `
	.text
	.globl note
	.type note, @function
note:
	mov $1, %eax
note_body:
	mov test_count(%rip), %rcx
	cmp $${NOTES}, %rcx
	jae 2f
	incq test_count(%rip)
	imul $${NOTE}, %rcx, %rcx
	lea test_notes(%rcx), %rdx
	xor %ecx, %ecx
1:	mov (%rdi,%rcx), %r8
	mov %r8, (%rdx,%rcx)
	add $8, %ecx
	cmp $64, %ecx
	jb 1b
	mov %gs:current_task, %r8
	movslq task_struct_pid(%r8), %r9
	mov %r9, 64(%rdx)
	mov %gs:cpu_number, %r9d
	mov %r9, 72(%rdx)
	# what the context points at: a pt_regs
	mov (%rdi), %r8
	mov pt_regs_ip(%r8), %r9
	mov %r9, 80(%rdx)
	mov pt_regs_cs(%r8), %r9
	mov %r9, 88(%rdx)
2:	ret
	.size note, . - note

	.globl note_and_drop
	.type note_and_drop, @function
note_and_drop:
	xor %eax, %eax
	jmp note_body
	.size note_and_drop, . - note_and_drop

	.bss
	.globl test_count
test_count: .skip 8
	.globl test_notes
test_notes: .skip ${NOTE * NOTES}
`;

export interface Note {
  readonly words: readonly bigint[];
  readonly bytes: Uint8Array;
  readonly pid: number;
  readonly cpu: number;
  /** of the pt_regs that the first word points at */
  readonly ip: bigint;
  readonly user: boolean;
}

export interface TracingMachine {
  readonly kernel: Kernel;
  /** a program whose code is the kernel text at `symbol` */
  program(symbol: string, type?: number): BpfProgram;
  tracepoint(name: string): Tracepoint;
  /** an event of the tracepoint `category:name` with the program attached */
  trace(name: string, program: BpfProgram): PerfEvent;
  /** an event on the first instruction of `symbol` with the program attached */
  probe(symbol: string, program: BpfProgram): PerfEvent;
  /** what `note` has kept */
  notes(): Note[];
  forgetNotes(): void;
  /** a task with the program `elf`, not yet runnable */
  task(elf: Uint8Array, name?: string): Task;
  /** until `task` is a zombie */
  run(task: Task, budget?: number): RunOutcome;
}

export function createTracingMachine(source = '', cpus = 1): TracingMachine {
  const extra = [
    { file: 'own.S', source: ownText },
    { file: 'test.S', source },
  ];
  const kernel = bootKernel({ sources: [...kernelSources, ...extra], cpus, memory: 32 << 20 });
  const host = createHost(kernel);
  const address = (symbol: string): bigint => kernel.symbols.byName.get(symbol)!.address;
  const tracepoint = (name: string): Tracepoint => {
    for (const row of kernel.perf.tracepoints.values()) if (`${row.category}:${row.name}` === name) return row;
    throw new Error(`no tracepoint is called ${name}`);
  };
  return {
    kernel,
    program(symbol, type = constants.BPF_PROG_TYPE_TRACEPOINT) {
      const { bpf } = kernel;
      const id = bpf.next.program++;
      const program = {
        id,
        type,
        name: symbol,
        address: kmalloc(kernel, bpf_prog.size),
        function: address(symbol),
        maps: [],
        references: 1,
        runs: 0,
        misses: 0,
        statistics: { count: 0, nanoseconds: 0 },
      } as unknown as BpfProgram;
      bpf.programs.set(id, program);
      return program;
    },
    tracepoint,
    trace(name, program) {
      const event = createTracepointEvent(kernel, tracepoint(name));
      attachProgram(kernel, event, program);
      return event;
    },
    probe(symbol, program) {
      const event = createKprobeEvent(kernel, { symbol, offset: 0n, address: 0n }, true);
      attachProgram(kernel, event, program);
      return event;
    },
    notes() {
      const count = Number(readKernelU64(kernel, address('test_count')));
      return Array.from({ length: count }, (_, n) => {
        const bytes = readKernel(kernel, address('test_notes') + BigInt(n * NOTE), NOTE)!;
        const words = [...new BigUint64Array(bytes.buffer)];
        const user = (words[11]! & 3n) === 3n;
        return { words, bytes, pid: Number(words[8]), cpu: Number(words[9]), ip: words[10]!, user };
      });
    },
    forgetNotes: () => void writeKernelU64(kernel, address('test_count'), 0n),
    task(elf, name = 'test') {
      const task = createProcess(kernel, name);
      executeBytes(kernel, task, `/bin/${name}`, elf, [name]);
      return task;
    },
    run(task, budget = 5_000_000) {
      if (task.state === 'runnable' && !kernel.runQueue.includes(task.pid)) makeRunnable(kernel, task);
      kernel.fileSystem.stdin.closed = true;
      return runKernel(kernel, host, budget, () => task.state === 'zombie');
    },
  };
}

/** Where `tinyProgram` programs have a page of zeros that they may write. */
export const BUFFER = 0x40_2000n;

/** A system call made for `task` by its handler; a failure is the errno's name. */
export function systemCall(
  { kernel }: TracingMachine,
  task: Task,
  name: string,
  ...values: readonly (bigint | number)[]
): number | bigint | string {
  const row = syscallTable.find((candidate) => candidate.name === name)!;
  const args = Array.from({ length: 6 }, (_, n) => BigInt.asUintN(64, BigInt(values[n] ?? 0)));
  try {
    const result = row.handler({ kernel, cpu: kernel.cpus[0]!, task, args: args as never });
    return typeof result === 'object' ? 'waits' : result;
  } catch (error) {
    if (error instanceof Errno) return error.code;
    throw error;
  }
}

export type AttributeFields = Partial<Record<keyof typeof perf_event_attr.fields, bigint | number>>;

/** perf_event_open with the attribute in the task's buffer; the descriptor, or an errno's name. */
export function openEvent(
  machine: TracingMachine,
  task: Task,
  fields: AttributeFields,
  pid = 0,
  cpu = -1,
): number | bigint | string {
  const attribute = writeStructure(perf_event_attr, { size: perf_event_attr.size, ...fields });
  copyToUser(machine.kernel, task, BUFFER, attribute);
  return systemCall(machine, task, 'perf_event_open', BUFFER, pid, cpu, -1, 0);
}

/** The event behind a descriptor. */
export function eventOf({ kernel }: TracingMachine, task: Task, descriptor: number | bigint | string): PerfEvent {
  return kernel.bpf.events.get(fileOf(kernel, task, Number(descriptor)).object)!;
}

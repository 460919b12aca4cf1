/** One instruction after the other, with what it was and what it changed. */
import type { Cpu } from '../cpu/cpu.ts';
import { Flag, registerNames, Slot } from '../cpu/state.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { KERNEL_HALF } from '../kernel/layout/address-map.ts';
import { readKernel } from '../kernel/mm/kernel-memory.ts';
import { peekUser } from '../kernel/mm/peek-user.ts';
import { contextIndex } from '../kernel/scheduler.ts';
import { symbolAt } from '../kernel/symbols.ts';
import type { Task } from '../kernel/task.ts';
import type { Box } from './box.ts';
import { MAX_INSTRUCTION, type Disassembler } from './disassemble.ts';
import { createSymbolizer, describePlace, spaceOf, type Space } from './symbolizer.ts';

export interface RegisterChange {
  /** as `rax`, `rflags`, `xmm3` */
  readonly register: string;
  readonly before: bigint;
  readonly after: bigint;
}

export interface TracedInstruction {
  readonly cpu: number;
  readonly pid: number;
  readonly comm: string;
  readonly space: Space;
  readonly address: bigint;
  /** `name+0x4`, or '' */
  readonly symbol: string;
  /** AT&T syntax, a branch's target named behind it */
  readonly text: string;
  readonly changes: readonly RegisterChange[];
  /** the exception entry that it ended in, as `asm_exc_page_fault`; '' when it did not trap */
  readonly trap: string;
}

/** in the copies below: gpr 0-15, rip, rflags, then the vectors */
const RIP = 16;
const RFLAGS = 17;
const VECTORS = 18;
const XMM_SLOTS = 64;
/** 64-bit slots of one vector register */
const SLOTS_PER_XMM = 4;

function readRegisters(cpu: Cpu): BigUint64Array {
  const copy = new BigUint64Array(VECTORS + XMM_SLOTS);
  copy.set(cpu.slots.subarray(Slot.gpr, Slot.gpr + 16));
  copy[RIP] = cpu.registers.rip;
  copy[RFLAGS] = cpu.registers.rflags;
  copy.set(cpu.slots.subarray(Slot.xmm, Slot.xmm + XMM_SLOTS), VECTORS);
  return copy;
}

/** The same of a task that has just come onto its CPU, but for its flags. */
function readContext(task: Task): BigUint64Array {
  const copy = new BigUint64Array(VECTORS + XMM_SLOTS);
  for (let n = 0; n < 16; n++) copy[n] = task.context[contextIndex(Slot.gpr + n)]!;
  copy[RIP] = task.context[contextIndex(Slot.rip)]!;
  for (let n = 0; n < XMM_SLOTS; n++) copy[VECTORS + n] = task.context[contextIndex(Slot.xmm + n)]!;
  return copy;
}

function compare(before: BigUint64Array, after: BigUint64Array): RegisterChange[] {
  const changes: RegisterChange[] = [];
  const note = (register: string, n: number): void => {
    if (before[n] !== after[n]) changes.push({ register, before: before[n]!, after: after[n]! });
  };
  registerNames.forEach(note);
  note('rflags', RFLAGS);
  for (let n = 0; n < XMM_SLOTS / SLOTS_PER_XMM; n++) {
    const at = VECTORS + n * SLOTS_PER_XMM;
    if (before[at] === after[at] && before[at + 1] === after[at + 1]) continue;
    const whole = (values: BigUint64Array): bigint => (values[at + 1]! << 64n) | values[at]!;
    changes.push({ register: `xmm${n}`, before: whole(before), after: whole(after) });
  }
  return changes;
}

function codeAt(kernel: Kernel, task: Task | undefined, address: bigint): Uint8Array {
  if (address < KERNEL_HALF) {
    return task === undefined ? new Uint8Array(0) : peekUser(kernel, task, address, MAX_INSTRUCTION);
  }
  for (let length = MAX_INSTRUCTION; length > 0; length--) {
    const bytes = readKernel(kernel, address, length);
    if (bytes !== undefined) return bytes;
  }
  return new Uint8Array(0);
}

/** Exception entries are called so in entry/vectors.ts. */
function trapAt(kernel: Kernel, address: bigint): string {
  const symbol = address < KERNEL_HALF ? undefined : symbolAt(kernel.symbols, address);
  return symbol?.address === address && symbol.name.startsWith('asm_') ? symbol.name : '';
}

interface Before {
  readonly registers: BigUint64Array;
  readonly task: Task | undefined;
  /** the task stays on its CPU */
  readonly running: boolean;
}

function lookAt(kernel: Kernel, cpu: Cpu): Before {
  const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  return { registers: readRegisters(cpu), task, running: task?.state === 'running' };
}

/** Where the executed instruction was: an interrupt before it has moved rip, a single-step trap after it `cpu.current`. */
function executedAddress(cpu: Cpu, { registers, running }: Before): bigint {
  return running && (registers[RFLAGS]! & Flag.TF) !== 0n ? registers[RIP]! : cpu.current;
}

/** What the registers held before the instruction: those of the task that executed it. */
function registersBefore(was: Before, task: Task | undefined, after: BigUint64Array): BigUint64Array {
  if (was.running || task === undefined) return was.registers;
  const saved = readContext(task);
  saved[RFLAGS] = after[RFLAGS]!; // not settled in a saved context
  return saved;
}

export interface Tracer {
  /** Executes one instruction; undefined when nothing can run any more or the kernel is dead. */
  next(): TracedInstruction | undefined;
}

export function createTracer(box: Box, disassemble: Disassembler): Tracer {
  const { kernel } = box;
  const symbolize = createSymbolizer(kernel);
  const symbolOf = (task: Task | undefined, address: bigint): string | undefined => {
    const place = symbolize(task, address);
    return place === undefined ? undefined : describePlace(place);
  };
  return {
    next() {
      const before = kernel.cpus.map((cpu) => lookAt(kernel, cpu));
      // what the instruction may overwrite: text by a write, the whole program by execve
      const codes = before.map(({ task, registers }) => codeAt(kernel, task, registers[RIP]!));
      const names = before.map(({ task, registers }) => symbolOf(task, registers[RIP]!));
      const step = box.step();
      if (step.instructions === 0) return undefined;
      const cpu = kernel.cpus[step.cpu]!;
      const was = before[step.cpu]!;
      const task = was.running ? was.task : kernel.tasks.get(step.pid);
      const address = executedAddress(cpu, was);
      const asBefore = was.running && address === was.registers[RIP];
      const code = asBefore ? codes[step.cpu]! : codeAt(kernel, task, address);
      const symbol = asBefore ? names[step.cpu] : symbolOf(task, address);
      const { text, target } = disassemble(code, address);
      const targetName = target === undefined ? undefined : symbolOf(task, target);
      const after = readRegisters(cpu);
      return {
        cpu: step.cpu,
        pid: step.pid,
        comm: task?.comm ?? '',
        space: spaceOf(address),
        address,
        symbol: symbol ?? '',
        text: targetName === undefined ? text : `${text} <${targetName}>`,
        trap: trapAt(kernel, after[RIP]!),
        changes: compare(registersBefore(was, task, after), after),
      };
    },
  };
}

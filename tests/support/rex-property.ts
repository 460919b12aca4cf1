/** The property: whatever a program does, its caller gets the processor, its stack and the per-CPU state back. */
import * as fc from 'fast-check';
import { Slot } from '../../cpu/state.ts';
import { readKernel, readKernelU64, writeKernel, writeKernelU64 } from '../../kernel/mm/kernel-memory.ts';
import { perCpuAddress, readPerCpu } from '../../kernel/per-cpu.ts';
import { addSymbols, removeSymbols, type KernelSymbol } from '../../kernel/symbols.ts';
import { assembleProgram, CALLER_STACK_SIZE, CODE_SIZE, runCpu, type RexMachine } from './rex-machine.ts';
import { generate, Note, PANIC_MESSAGE, programArbitrary, type Expectation, type Program } from './rex-programs.ts';

/** A program on each of some CPUs, at once. */
export interface Scenario {
  readonly runs: readonly { readonly cpu: number; readonly program: Program; readonly depth: number }[];
  /** registers, stack contents, jiffies */
  readonly seed: number;
  /** instructions a CPU runs before the next one does, over and over */
  readonly slices: readonly number[];
}

export const scenarioArbitrary = (cpus: number): fc.Arbitrary<Scenario> =>
  fc.record({
    runs: fc.uniqueArray(
      fc.record({ cpu: fc.nat(cpus - 1), program: programArbitrary, depth: fc.nat((CALLER_STACK_SIZE - 1024) / 8) }),
      { minLength: 1, maxLength: cpus, selector: ({ cpu }) => cpu },
    ),
    seed: fc.noShrink(fc.nat(0x7fff_ffff)),
    slices: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 }),
  });

/** No generated program needs as many. */
const INSTRUCTION_BUDGET = 100_000;
/** the return address and the dispatcher's six registers */
const SAVED_BYTES = 56;
const calleeSaved = ['rbx', 'rbp', 'r12', 'r13', 'r14', 'r15'] as const;

/** xorshift32: test data only. */
function numbers(seed: number): { u32: () => number; u64: () => bigint } {
  let state = seed || 1;
  const u32 = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return { u32, u64: () => (BigInt(u32()) << 32n) | BigInt(u32()) };
}

interface Prepared {
  readonly cpu: number;
  readonly source: string;
  readonly expectation: Expectation;
  readonly framePointers: boolean;
  readonly symbols: ReadonlySet<KernelSymbol>;
  readonly stack: Uint8Array;
  readonly rsp: bigint;
  readonly saved: readonly bigint[];
  readonly context: bigint;
}

function prepare(machine: RexMachine, run: Scenario['runs'][number], random: ReturnType<typeof numbers>): Prepared {
  const { kernel } = machine;
  const { cpu: index, program, depth } = run;
  const { source, expectation } = generate(program, machine.notes[index]!);
  const room = CODE_SIZE / kernel.cpus.length;
  const assembled = assembleProgram(machine, source, index * room);
  const text = assembled.sections.get('.text')!;
  if (text.bytes.length > room) throw new Error(`a program of ${text.bytes.length} bytes does not fit`);
  writeKernel(kernel, text.address, text.bytes);
  const symbols = new Set<KernelSymbol>(
    [...assembled.symbols].map(([name, { address, size }]) => ({ name, address, size: Number(size), kind: 't' })),
  );
  addSymbols(kernel.symbols, [...symbols]);

  const stack = new Uint8Array(new Uint32Array(CALLER_STACK_SIZE / 4).map(() => random.u32()).buffer);
  writeKernel(kernel, machine.stacks[index]!, stack);
  writeKernel(kernel, machine.notes[index]!, new Uint8Array(4096));
  writeKernelU64(kernel, readPerCpu(kernel, index, 'rex_stack_ptr'), random.u64());
  const rsp = machine.stacks[index]! + 512n + BigInt(depth * 8);
  const cpu = kernel.cpus[index]!;
  cpu.registers.rflags = 2n;
  for (let n = 0; n < 16; n++) cpu.slots[n] = random.u64();
  const { registers } = cpu;
  const context = random.u64();
  Object.assign(registers, {
    rsp,
    rip: machine.address('test_caller'),
    rdi: context,
    rsi: machine.program.address,
    rdx: text.address,
  });
  cpu.words[Slot.halted * 2] = 0;
  const saved = calleeSaved.map((name) => registers[name]);
  return { cpu: index, source, expectation, framePointers: program.framePointers, symbols, stack, rsp, saved, context };
}

function runAll(machine: RexMachine, prepared: readonly Prepared[], slices: readonly number[]): string[] {
  const { cpus } = machine.kernel;
  let budget = INSTRUCTION_BUDGET;
  for (let turn = 0; budget > 0; turn++) {
    const waiting = prepared.filter(({ cpu }) => cpus[cpu]!.words[Slot.halted * 2] === 0);
    if (waiting.length === 0) return [];
    const slice = slices[turn % slices.length]!;
    const { cpu } = waiting[turn % waiting.length]!;
    const end = runCpu(machine, cpu, slice);
    budget -= slice;
    if (machine.kernel.dead !== undefined) return [`oops: ${machine.kernel.dead}`];
    if (end === 'triple-fault') return [`CPU ${cpu}: fault at 0x${cpus[cpu]!.current.toString(16)}`];
  }
  return [`more than ${INSTRUCTION_BUDGET} instructions`];
}

const hex = (value: bigint | undefined): string => (value === undefined ? 'unmapped' : `0x${value.toString(16)}`);

/** What differs from what must be, a line each. */
function differences(machine: RexMachine, run: Prepared, jiffies: bigint, gsBase: bigint): string[] {
  const { kernel } = machine;
  const { cpu: index, expectation, rsp } = run;
  const cpu = kernel.cpus[index]!;
  const found: string[] = [];
  const same = (what: string, got: bigint | undefined, wanted: bigint): void => {
    if (got !== wanted) found.push(`CPU ${index}: ${what}: got ${hex(got)}, expected ${hex(wanted)}`);
  };
  same('rsp', cpu.registers.rsp, rsp);
  calleeSaved.forEach((name, n) => same(name, cpu.registers[name], run.saved[n]!));
  same('GS base', cpu.slots[Slot.gsBase], gsBase);
  same('CPL', cpu.slots[Slot.cpl], 0n);
  same('eax', cpu.registers.rax & 0xffff_ffffn, BigInt(expectation.result));
  same('rex_curr_prog', readPerCpu(kernel, index, 'rex_curr_prog'), 0n);
  const state = readKernel(kernel, perCpuAddress(kernel, index, 'rex_termination_state'), 1)?.[0];
  same('rex_termination_state', state === undefined ? undefined : BigInt(state), 0n);
  for (let entry = 0; entry < 64; entry++) {
    const valid = readKernelU64(kernel, perCpuAddress(kernel, index, 'rex_cleanup_entries') + BigInt(entry * 24));
    same(`rex_cleanup_entries[${entry}].valid`, valid, 0n);
  }

  const stack = readKernel(kernel, machine.stacks[index]!, CALLER_STACK_SIZE)!;
  const used = Number(rsp - machine.stacks[index]!);
  const changed = stack.findIndex((byte, n) => byte !== run.stack[n] && (n < used - SAVED_BYTES || n >= used));
  if (changed !== -1)
    found.push(
      `CPU ${index}: the caller's stack changed at rsp${changed < used ? '-' : '+'}${Math.abs(changed - used)}`,
    );

  const note = (offset: number): bigint | undefined => readKernelU64(kernel, machine.notes[index]! + BigInt(offset));
  same('rex_curr_prog in the program', note(Note.currentProgram), machine.program.address);
  same("rsp at the program's entry", note(Note.stackPointer), readPerCpu(kernel, index, 'rex_stack_ptr') - 8n);
  same('rex_prog_start_time', note(Note.startTime), jiffies);
  same('cpu_number', note(Note.cpuNumber), BigInt(index));
  same('the context', note(Note.context), run.context);
  same('cleanups', note(Note.cleanups), BigInt(expectation.cleanups.length));
  expectation.cleanups.forEach((argument, n) => {
    // run with rex_termination_state 1
    same(`cleanup ${n}`, note(Note.cleanups + 8 + n * 8), BigInt(argument * 256 + 1));
  });
  return [...found, ...traceDifferences(machine, run)];
}

/** The panics' texts in the log, which CPUs may mix with traces line group by line group. */
function messageDifferences({ kernel }: RexMachine, prepared: readonly Prepared[]): string[] {
  const log = kernel.log.map(({ text }) => text).join('\n');
  const got = log.split(`rex: ${PANIC_MESSAGE}`).length - 1;
  const wanted = prepared.filter(({ expectation }) => expectation.panics).length;
  return got === wanted ? [] : [`panic messages: got ${got}, expected ${wanted}`];
}

/** The names in a panic's trace. */
function traceDifferences({ kernel }: RexMachine, { cpu, expectation, framePointers }: Prepared): string[] {
  const lines = kernel.log.map(({ text }) => text);
  const header = lines.findIndex((line) => line.startsWith(`CPU: ${cpu} `));
  if (!expectation.panics) return header === -1 ? [] : [`CPU ${cpu}: a stack trace without a panic`];
  if (header === -1) return [`CPU ${cpu}: no stack trace`];
  const wanted = framePointers
    ? [
        '<REX>',
        'dump_stack_lvl',
        'rex_landingpad',
        'panic_routine',
        ...expectation.callers,
        'rex_dispatcher_func',
        '</REX>',
        '<TASK>',
        'test_caller',
      ]
    : ['<REX>', 'dump_stack_lvl', 'rex_landingpad'];
  const from = header + 3;
  const names = lines.slice(from, from + wanted.length).map((line) => line.trim().replace(/\+.*/, ''));
  return names.join(' ') === wanted.join(' ')
    ? []
    : [`CPU ${cpu}: trace: got ${names.join(' ')}, expected ${wanted.join(' ')}`];
}

/** Runs a scenario; what went wrong, a line each, and then the programs. Empty: the property holds. */
export function counterexample(machine: RexMachine, scenario: Scenario): string[] {
  const { kernel } = machine;
  kernel.log.length = 0;
  kernel.events.length = 0;
  const random = numbers(scenario.seed);
  const jiffies = random.u64();
  writeKernelU64(kernel, machine.address('jiffies'), jiffies);
  const gsBases = kernel.cpus.map((cpu) => cpu.slots[Slot.gsBase]!);
  const prepared = scenario.runs.map((run) => prepare(machine, run, random));
  const failures = runAll(machine, prepared, scenario.slices);
  if (failures.length === 0) {
    for (const run of prepared) failures.push(...differences(machine, run, jiffies, gsBases[run.cpu]!));
    failures.push(...messageDifferences(machine, prepared));
  }
  for (const { symbols } of prepared)
    for (const { address } of symbols) removeSymbols(kernel.symbols, address, address + 1n);
  if (failures.length === 0) return [];
  return [...failures, ...prepared.map(({ cpu, source }) => `program on CPU ${cpu}:\n${source}`)];
}

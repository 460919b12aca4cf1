/** A booted kernel on which programs are entered through rex_dispatcher_func; that file's text is a parameter. */
import * as fs from 'node:fs';
import { run } from '../../cpu/interpreter.ts';
import type { BpfProgram } from '../../kernel/bpf/types.ts';
import { perCpuVariables } from '../../kernel/layout/per-cpu.ts';
import { setMemory, vmalloc } from '../../kernel/mm/vmalloc.ts';
import { assemble, type AssembledProgram } from '../../toolchain/assembler/index.ts';
import { createKernelMachine, createTestProgram, type KernelMachine } from './kernel-machine.ts';

const REX_SOURCE = 'rex-dispatcher/rex_64.S';
export const rexSource = fs.readFileSync(new URL(`../../kernel/${REX_SOURCE}`, import.meta.url), 'utf8');

/** Calls the dispatcher as trace_call_bpf does; a CPU halts when it has returned. */
const callerSource = `
	.text
	.globl test_caller
	.type test_caller, @function
test_caller:
	call rex_dispatcher_func
	hlt
	.size test_caller, . - test_caller
`;

export interface RexMachine extends KernelMachine {
  readonly program: BpfProgram;
  /** executable memory for programs */
  readonly code: bigint;
  /** by CPU: a page that programs write what they see into */
  readonly notes: readonly bigint[];
  /** by CPU: the caller's stack, CALLER_STACK_SIZE bytes */
  readonly stacks: readonly bigint[];
  /** what a program may name */
  readonly symbols: ReadonlyMap<string, bigint>;
}

export const CODE_SIZE = 1 << 16;
export const CALLER_STACK_SIZE = 8192;

/** Boots with `source` instead of rex_64.S. */
export function createRexMachine(source = rexSource, cpus = 2): RexMachine {
  const machine = createKernelMachine(callerSource, cpus, { [REX_SOURCE]: source });
  const { kernel } = machine;
  const code = vmalloc(kernel, 'modules', CODE_SIZE);
  setMemory(kernel, code, CODE_SIZE, 'rx');
  const symbols = new Map([...kernel.symbols.byName].map(([name, { address }]) => [name, address]));
  for (const { name, offset } of perCpuVariables.values()) symbols.set(name, BigInt(offset));
  return {
    ...machine,
    program: createTestProgram(machine, 'just_return_func'),
    code,
    notes: kernel.cpus.map(() => vmalloc(kernel, 'vmalloc', 4096)),
    stacks: kernel.cpus.map(() => vmalloc(kernel, 'vmalloc', CALLER_STACK_SIZE)),
    symbols,
  };
}

/** Assembles a program, to lie `offset` bytes into the machine's code memory. */
export function assembleProgram(machine: RexMachine, source: string, offset: number): AssembledProgram {
  return assemble(source, { sections: { '.text': machine.code + BigInt(offset) }, symbols: machine.symbols });
}

/** Runs CPU `index` for up to `limit` instructions. */
export const runCpu = (machine: RexMachine, index: number, limit: number): ReturnType<typeof run> =>
  run(machine.kernel.cpus[index]!, machine.host, limit);

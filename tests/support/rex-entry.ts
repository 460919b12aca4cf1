/** A Rex image in a booted kernel whose programs are entered with contexts that a test lays out. */
import * as assert from 'uvu/assert';
import { loadRex, type RexExtension } from '../../box/rex.ts';
import type { Field } from '../../kernel/layout/structures.ts';
import { writeStructure } from '../../kernel/layout/write-structure.ts';
import { kmalloc } from '../../kernel/mm/heap.ts';
import { readKernel, writeKernel } from '../../kernel/mm/kernel-memory.ts';
import { call, createKernelMachine, type KernelMachine } from './kernel-machine.ts';

export interface LoadedExtension {
  readonly machine: KernelMachine;
  readonly extension: RexExtension;
}

export function loadExtension(image: Uint8Array): LoadedExtension {
  const machine = createKernelMachine('');
  return { machine, extension: loadRex(machine.kernel, image) };
}

/** Puts bytes into kernel memory. */
export function place({ machine: { kernel } }: LoadedExtension, bytes: Uint8Array): bigint {
  const address = kmalloc(kernel, bytes.length);
  assert.ok(writeKernel(kernel, address, bytes));
  return address;
}

/** Puts a structure into kernel memory. */
export function put(
  loaded: LoadedExtension,
  structure: { readonly size: number; readonly fields: Readonly<Record<string, Field>> },
  values: Readonly<Record<string, bigint | number | Uint8Array>>,
): bigint {
  return place(loaded, writeStructure(structure, values));
}

export const bytesAt = ({ machine: { kernel } }: LoadedExtension, address: bigint, length: number): Uint8Array =>
  readKernel(kernel, address, length)!;

/** Enters a program as the kernel does; the 32 bits it gives back. */
export function enterProgram({ machine }: LoadedExtension, name: string, context: bigint): number {
  const program = [...machine.kernel.bpf.programs.values()].find((row) => row.name === name.slice(0, 15));
  assert.ok(program, name);
  const rax = call(machine, 'rex_dispatcher_func', { rdi: context, rsi: program.address, rdx: program.function });
  return Number(rax & 0xffff_ffffn);
}

export const logOf = ({ machine }: LoadedExtension): string => machine.kernel.log.map(({ text }) => text).join('\n');

/** What the programs printed, without who, where and when. */
export const printed = ({ machine }: LoadedExtension): string =>
  machine.kernel.bpf.trace.map((line) => line.replace(/^.*?bpf_trace_printk: /, '')).join('');

/** The life of programs: created with one reference, freed with the last, but not under a CPU that executes them. */
import type { Kernel } from '../kernel.ts';
import { bpf_prog } from '../layout/structures.ts';
import { writeStructure } from '../layout/write-structure.ts';
import { charge, uncharge } from '../mm/charge.ts';
import { kfree, kmalloc } from '../mm/heap.ts';
import { readKernelU32, writeKernel } from '../mm/kernel-memory.ts';
import { charging, objectBytes, unchargeObject } from '../mm/objects.ts';
import { vfree } from '../mm/vmalloc.ts';
import { readPerCpu } from '../per-cpu.ts';
import { dropFile } from '../rex-dispatcher/kept-file.ts';
import { addSymbols, removeSymbols, type KernelSymbol } from '../symbols.ts';
import { putMap } from './maps.ts';
import { nameBytes } from './name.ts';
import type { BpfProgram } from './types.ts';

export type NewProgram = Omit<BpfProgram, 'id' | 'address' | 'references' | 'runs' | 'misses' | 'statistics'>;

/** A new program, the caller's reference; it takes over the references to `base` and `maps`. ENOMEM. */
export function createProgram(kernel: Kernel, fields: NewProgram): BpfProgram {
  const { bpf } = kernel;
  const address = charging(kernel, 'program', () => kmalloc(kernel, bpf_prog.size));
  const program: BpfProgram = {
    ...fields,
    id: bpf.next.program++,
    address,
    references: 1,
    runs: 0,
    misses: 0,
    statistics: { count: 0, nanoseconds: 0 },
  };
  const base = program.base === undefined ? undefined : bpf.programs.get(program.base);
  bpf.programs.set(program.id, program);
  const bytes = writeStructure(bpf_prog, {
    type: program.type,
    no_bpf: 1,
    id: program.id,
    name: nameBytes(program.name),
    bpf_func: program.function,
    base: base?.address ?? 0n,
    loader_pid: program.loaderPid,
    unwinder_insn_off: program.timeoutHandler,
  });
  writeKernel(kernel, address, bytes);
  kernel.events.push({ type: 'program-load', id: program.id, name: program.name, programType: program.type });
  return program;
}

/** The program whose struct bpf_prog is at `address`. */
export function programAt(kernel: Kernel, address: bigint): BpfProgram | undefined {
  // unless somebody has overwritten it, the structure says which
  const named = kernel.bpf.programs.get(readKernelU32(kernel, address, bpf_prog.fields.id.offset) ?? 0);
  if (named?.address === address) return named;
  for (const program of kernel.bpf.programs.values()) if (program.address === address) return program;
  return undefined;
}

/** bpf_prog_inc */
export function holdProgram(program: BpfProgram): BpfProgram {
  program.references++;
  return program;
}

const bytesOfNames = (symbols: readonly KernelSymbol[]): number =>
  symbols.reduce((sum, { name }) => sum + objectBytes.symbol + name.length, 0);

/** Names what lies in an image. ENOMEM. */
export function addImageSymbols(kernel: Kernel, symbols: readonly KernelSymbol[]): void {
  charge(kernel, bytesOfNames(symbols));
  addSymbols(kernel.symbols, symbols);
}

/** What lies in an image that goes away has no name any more. */
export function forgetImageSymbols(kernel: Kernel, image: { readonly address: bigint; readonly size: number }): void {
  const end = image.address + BigInt(image.size);
  uncharge(kernel, bytesOfNames(removeSymbols(kernel.symbols, image.address, end)));
}

function freeProgram(kernel: Kernel, program: BpfProgram): void {
  kernel.bpf.programs.delete(program.id);
  unchargeObject(kernel, 'program');
  const { id, name, runs, misses } = program;
  kernel.events.push({ type: 'program-free', id, name, runs, misses });
  kfree(kernel, program.address);
  if (program.image !== undefined) {
    forgetImageSymbols(kernel, program.image);
    dropFile(kernel, program.image.file);
    vfree(kernel, program.image.address);
  }
  for (const map of program.maps) putMap(kernel, map);
  if (program.base !== undefined) putProgram(kernel, program.base);
}

const LOW_WORD = 0xffff_ffffn;

/** Whether a CPU is in the program, or on the way from a hook to programs and may be about to enter it. */
function executing(kernel: Kernel, program: BpfProgram): boolean {
  for (const hits of kernel.kprobes.hits.values()) if (hits.length > 0) return true;
  return kernel.cpus.some(
    (cpu) =>
      readPerCpu(kernel, cpu.index, 'rex_curr_prog') === program.address ||
      (readPerCpu(kernel, cpu.index, 'bpf_prog_active') & LOW_WORD) !== 0n ||
      (readPerCpu(kernel, cpu.index, 'softirq_active') & LOW_WORD) !== 0n,
  );
}

/** bpf_prog_put. A program that some CPU executes waits in `dying`: see `freeDyingPrograms`. */
export function putProgram(kernel: Kernel, id: number): void {
  const program = kernel.bpf.programs.get(id);
  if (program === undefined || --program.references > 0) return;
  if (executing(kernel, program)) kernel.bpf.dying.push(id);
  else freeProgram(kernel, program);
}

/** What the end of an RCU grace period does: frees the programs that no CPU executes any more. */
export function freeDyingPrograms(kernel: Kernel): void {
  const { dying, programs } = kernel.bpf;
  for (const id of dying.splice(0)) {
    const program = programs.get(id);
    if (program === undefined) continue;
    if (executing(kernel, program)) dying.push(id);
    else freeProgram(kernel, program);
  }
}

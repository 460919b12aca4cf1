/** Kernel text: the `.S` files of the kernel and the stubs printed from its tables, assembled. */
import { assembleFiles } from '../../toolchain/assembler/index.ts';
import { MAX_CPUS } from '../create-kernel.ts';
import { errno } from '../errno.ts';
import { KERNEL_DATA, KERNEL_TEXT } from '../layout/address-map.ts';
import { constants } from '../layout/constants.ts';
import { perCpuVariables } from '../layout/per-cpu.ts';
import { perfStructures } from '../layout/perf.ts';
import { structures } from '../layout/structures.ts';
import type { KernelSymbol } from '../symbols.ts';
import { helperStubs } from '../bpf/helpers.ts';
import { tracepointData } from '../tracing/data.ts';
import { ioctlText } from '../tracing/kprobe-target.ts';
import type { SyscallRow } from '../syscalls/types.ts';
import { createListing, type KernelListing } from './listing.ts';
import { quads, textStub } from './stub.ts';
import { vectorStubs } from './vectors.ts';

/** One `.S` file. */
export interface SourceFile {
  readonly file: string;
  readonly source: string;
}

export interface KernelImage {
  readonly sections: readonly { readonly name: string; readonly address: bigint; readonly bytes: Uint8Array }[];
  readonly symbols: readonly KernelSymbol[];
  /** address to file and line, for people */
  readonly lines: ReadonlyMap<bigint, { readonly file: string; readonly line: number }>;
  /** the same with the sources themselves, for a debugger */
  readonly listing: KernelListing;
}

/** one more than the highest number of the system call table */
export const NR_syscalls = 470;

function syscallStubs(rows: readonly SyscallRow[]): string {
  const byNumber = new Map(rows.map((row) => [row.number, row.name]));
  const pointers = Array.from({ length: NR_syscalls }, (_, n) => `__x64_sys_${byNumber.get(n) ?? 'ni_syscall'}`);
  const stubs = rows.map(({ name, returns, text }) => {
    const call = `__x64_sys_${name}`;
    if (!returns) return textStub(call, ['call trace_sched_process_exit', `native ${call}`]);
    return name === 'ioctl' ? textStub(call, ioctlText) : textStub(call, text);
  });
  return `\t.text\n${stubs.join('')}${textStub('__x64_sys_ni_syscall')}
	.section .rodata
	.align	8
	.globl	sys_call_table
	.type	sys_call_table, @object
sys_call_table:
${quads(pointers)}	.size	sys_call_table, . - sys_call_table
`;
}

/** What the `.S` files may name beside each other's labels. */
function predefined(nativeIds: ReadonlyMap<string, number>): Map<string, bigint> {
  const symbols = new Map<string, bigint>([
    ['NR_syscalls', BigInt(NR_syscalls)],
    ['NR_CPUS', BigInt(MAX_CPUS)],
  ]);
  for (const [name, value] of Object.entries({ ...constants, ...errno })) symbols.set(name, BigInt(value));
  for (const { name, offset } of perCpuVariables.values()) symbols.set(name, BigInt(offset));
  for (const [structure, { size, fields }] of Object.entries({ ...structures, ...perfStructures })) {
    symbols.set(`sizeof_${structure}`, BigInt(size));
    for (const [field, { offset }] of Object.entries(fields)) symbols.set(`${structure}_${field}`, BigInt(offset));
  }
  for (const [name, id] of nativeIds) symbols.set(`native.${name}`, BigInt(id));
  return symbols;
}

/** Assembles the kernel: its `.S` files, the stubs printed from `rows`, and a stub for each of the native functions `stubs`. */
export function assembleKernel(
  sources: readonly SourceFile[],
  rows: readonly SyscallRow[],
  stubs: readonly string[],
  nativeIds: ReadonlyMap<string, number>,
): KernelImage {
  const files = [
    ...sources,
    { file: 'vectors', source: vectorStubs() },
    { file: 'syscalls', source: syscallStubs(rows) },
    { file: 'natives', source: `\t.text\n${stubs.map((name) => textStub(name)).join('')}` },
    { file: 'helpers', source: helperStubs() },
    { file: 'tracepoints', source: tracepointData(rows, NR_syscalls) },
  ];
  const object = assembleFiles(files, {
    onlySections: true,
    sections: {
      '.text': KERNEL_TEXT,
      '.rodata': KERNEL_DATA,
      '.data': KERNEL_DATA + 0x10_0000n,
      '.bss': KERNEL_DATA + 0x20_0000n,
    },
    symbols: predefined(nativeIds),
  });
  const symbols: KernelSymbol[] = [];
  for (const [name, symbol] of object.symbols) {
    if (symbol.section === undefined) continue;
    symbols.push({
      name,
      address: symbol.address,
      size: Number(symbol.size),
      kind: symbol.section === '.text' ? 'T' : 'D',
    });
  }
  for (const { name, offset, size } of perCpuVariables.values()) {
    symbols.push({ name, address: BigInt(offset), size, kind: 'A' });
  }
  const { lines } = object;
  return { sections: [...object.sections.values()], symbols, lines, listing: createListing(files, lines) };
}

/** What the kernel's functions are called with, at their first instructions and at their native calls. */
import { objectOf } from '../../kernel/bpf/descriptors.ts';
import { mapAt } from '../../kernel/bpf/maps.ts';
import { programAt } from '../../kernel/bpf/programs.ts';
import type { BpfMap, BpfProgram } from '../../kernel/bpf/types.ts';
import { Errno } from '../../kernel/errno.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { bpf_attr_map_batch, bpf_attr_map_elem } from '../../kernel/layout/structures.ts';
import { readPerCpu } from '../../kernel/per-cpu.ts';
import { readMemory } from '../memory.ts';
import { findRegister, type ReadSlot } from '../registers/index.ts';

const rows = new Map(
  ['rax', 'rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9', 'r10', 'rsp', 'rip'].map((n) => [n, findRegister(n)]),
);

/** A register of the System V calling convention. */
export const argument = (slots: ReadSlot, name: string): bigint => rows.get(name)!.read(slots);

/** The program that a CPU executes, by rex_curr_prog. */
export function currentProgram(kernel: Kernel, cpu: number): BpfProgram | undefined {
  const address = readPerCpu(kernel, cpu, 'rex_curr_prog');
  return address === 0n ? undefined : programAt(kernel, address);
}

/** A little-endian number of at most eight bytes; undefined where not all are mapped. */
export function readNumber(kernel: Kernel, address: bigint, length: number, pid = 0): bigint | undefined {
  const bytes = readMemory(kernel, address, Math.min(length, 8), pid);
  return bytes?.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

export interface MapChange {
  readonly map: BpfMap;
  /** `update`, `delete` … */
  readonly operation: string;
  /** where the key lies, in the kernel or in the task that asks; undefined for maps and calls without one */
  readonly key: bigint | undefined;
}

/** Helpers that change a map, and what each does; the map is rdi, the key rsi where there is one. */
export const changingHelpers: Readonly<Record<string, { readonly operation: string; readonly key: boolean }>> = {
  bpf_map_update_elem: { operation: 'update', key: true },
  bpf_map_delete_elem: { operation: 'delete', key: true },
  bpf_map_push_elem: { operation: 'push', key: false },
  bpf_map_pop_elem: { operation: 'pop', key: false },
};

/** At the native call of such a helper. */
export function helperChange(kernel: Kernel, helper: string, slots: ReadSlot): MapChange | undefined {
  const row = changingHelpers[helper];
  const map = mapAt(kernel, argument(slots, 'rdi'));
  if (row === undefined || map === undefined) return undefined;
  return { map, operation: row.operation, key: row.key ? argument(slots, 'rsi') : undefined };
}

const elem = { fd: bpf_attr_map_elem.fields.map_fd.offset, key: bpf_attr_map_elem.fields.key.offset };
const batch = { fd: bpf_attr_map_batch.fields.map_fd.offset, key: undefined };

/** Commands of bpf(2) that change a map, and where in union bpf_attr they have its descriptor and the key's address. */
const changingCommands = new Map<number, { operation: string; fd: number; key: number | undefined }>([
  [constants.BPF_MAP_UPDATE_ELEM, { operation: 'update', ...elem }],
  [constants.BPF_MAP_DELETE_ELEM, { operation: 'delete', ...elem }],
  [constants.BPF_MAP_LOOKUP_AND_DELETE_ELEM, { operation: 'lookup and delete', ...elem }],
  [constants.BPF_MAP_UPDATE_BATCH, { operation: 'update batch', ...batch }],
  [constants.BPF_MAP_DELETE_BATCH, { operation: 'delete batch', ...batch }],
  [constants.BPF_MAP_LOOKUP_AND_DELETE_BATCH, { operation: 'lookup and delete batch', ...batch }],
]);

/** At the native call of __x64_sys_bpf by task `pid`. */
export function commandChange(kernel: Kernel, pid: number): MapChange | undefined {
  const task = kernel.tasks.get(pid);
  const [command, attribute] = task?.syscall?.args ?? [];
  if (task === undefined || command === undefined || attribute === undefined) return undefined;
  const row = changingCommands.get(Number(BigInt.asUintN(32, command)));
  const descriptor = row && readNumber(kernel, attribute + BigInt(row.fd), 4, pid);
  if (row === undefined || descriptor === undefined) return undefined;
  const map = mapOfDescriptor(kernel, pid, Number(descriptor));
  if (map === undefined) return undefined;
  const key = row.key === undefined ? undefined : readNumber(kernel, attribute + BigInt(row.key), 8, pid);
  return { map, operation: row.operation, key };
}

function mapOfDescriptor(kernel: Kernel, pid: number, descriptor: number): BpfMap | undefined {
  try {
    return kernel.bpf.maps.get(objectOf(kernel, kernel.tasks.get(pid)!, descriptor, 'bpf-map'));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return undefined; // the call will fail too
  }
}

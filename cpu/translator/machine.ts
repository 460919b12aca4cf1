/** Where translated code finds things in the WebAssembly memory, and what it imports. */
import type { Cpu } from '../cpu.ts';
import { STATE_SIZE, Slot } from '../slots.ts';
import { ENTRY_SIZE, TABLE_SIZE, TLB_SIZE, type Access } from '../tlb.ts';
import type { FunctionType, Import } from './wasm/module.ts';

/** What a region returns. */
export const Status = {
  /** the guest goes on at rip */
  go: 0,
  /** the interpreter is to execute the instruction at rip */
  step: 1,
  /** there are fewer instructions left than the region might execute at once */
  budget: 2,
  /** no region is known at rip */
  missing: 3,
} as const;

/** The byte of the CPU's block that a slot begins at. */
export const stateOf = (cpu: Cpu): number => cpu.index * STATE_SIZE;
export const slotAt = (state: number, slot: number): number => state + slot * 8;
export const xmmAt = (state: number, index: number): number => slotAt(state, Slot.xmm + index * 4);

/** The table of the TLB for one kind of access. */
export const tlbTable = (cpu: Cpu, mode: number, access: Access): number =>
  cpu.tlb.base + (mode * 3 + access) * TABLE_SIZE;
export const TLB_MASK = TABLE_SIZE - ENTRY_SIZE;

/** The cache of regions by address: entries of 16 bytes, the mixed address and the region's place in the table. */
export const CACHE_ENTRIES = 2048;
export const CACHE_MASK = (CACHE_ENTRIES - 1) * 16;
export const cacheBase = (cpu: Cpu): number => cpu.tlb.base + TLB_SIZE;

/** Copies of what is read across the border of two pages: more than a block can read. */
export const COPIES = 1024;
export const COPY_SIZE = 256;
export const copiesBase = (cpu: Cpu): number => cacheBase(cpu) + CACHE_ENTRIES * 16;

export const Type = { region: 0, locate: 1, settle: 2, native: 3 } as const;
export const functionTypes: readonly FunctionType[] = [
  { params: [], results: ['i32'] },
  { params: ['i64', 'i32'], results: ['i32'] },
  { params: ['i32', 'i64', 'i64', 'i64', 'i32'], results: ['i32'] },
  { params: ['i32', 'i32'], results: ['i32'] },
];

/** Functions that a region's module imports, in this order. */
export const Imported = {
  /** (linear address, access + 2 if a copy will do + 4 * bytes): where it is in the memory after a TLB miss, or -1 */
  locate: 0,
  /** the interpreter executes the instruction at rip: 0 where the region may go on */
  step: 1,
  /** the flags of an operation that is not known: see flags.ts */
  settle: 2,
  /** (number, bytes of the instruction at rip): a function of the host; 0 where the region may go on */
  native: 3,
  /** as `step`, of an instruction after which the region ends: a Status, or what the loop of the translator knows */
  away: 4,
} as const;

export function imports(pages: number): readonly Import[] {
  return [
    { kind: 'function', module: 'box', name: 'locate', type: Type.locate },
    { kind: 'function', module: 'box', name: 'step', type: Type.region },
    { kind: 'function', module: 'box', name: 'settle', type: Type.settle },
    { kind: 'function', module: 'box', name: 'native', type: Type.native },
    { kind: 'function', module: 'box', name: 'away', type: Type.region },
    { kind: 'memory', module: 'box', name: 'memory', initial: pages, maximum: pages },
  ];
}

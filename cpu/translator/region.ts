/** From an address of guest code to a WebAssembly function: all stages of translation in their order. */
import type { Cpu } from '../cpu.ts';
import type { Instruction } from '../instruction.ts';
import { Slot } from '../slots.ts';
import { discover, type Limits } from './discover.ts';
import { emitRegion } from './emit-region.ts';
import { functionTypes, imports, stateOf, tlbTable, Type } from './machine.ts';
import { readRegion } from './region-code.ts';
import { encodeModule, type FunctionBody } from './wasm/module.ts';

export interface RegionSource {
  /** addresses that it leaves for because they have not been executed yet */
  readonly unknown: ReadonlySet<bigint>;
  readonly instructions: number;
  readonly body: FunctionBody;
}

export interface TranslationOptions {
  readonly limits: Limits;
  /** addresses of instructions whose blocks translate each address by itself */
  readonly apart: ReadonlySet<bigint>;
  instructionAt(rip: bigint): Instruction | undefined;
  targetsOf(rip: bigint): readonly bigint[];
}

const CR0_EM_TS = 0xc;
const CR4_OSFXSR = 1 << 9;

/** Whether SSE instructions are allowed; regions hold until CR0 or CR4 changes. */
const allowsVectors = ({ words }: Cpu): boolean =>
  (words[Slot.cr0 * 2]! & CR0_EM_TS) === 0 && (words[Slot.cr4 * 2]! & CR4_OSFXSR) !== 0;

/** The region that begins at `rip`; undefined where there is nothing to translate. */
export function translateRegion(cpu: Cpu, rip: bigint, options: TranslationOptions): RegionSource | undefined {
  const { ranges, unknown } = discover(options, rip, options.limits);
  if (ranges.length === 0) return undefined;
  const state = stateOf(cpu);
  const blocks = readRegion(ranges, {
    state,
    kernel: cpu.words[Slot.cpl * 2] === 0,
    vectors: allowsVectors(cpu),
    apart: options.apart,
    targetsOf: options.targetsOf,
  });
  const instructions = blocks.reduce((sum, { body }) => sum + body.instructions, 0);
  const tables = [tlbTable(cpu, cpu.mode, 0), tlbTable(cpu, cpu.mode, 1)] as const;
  const { code, locals } = emitRegion(blocks, { state, tables });
  return { unknown, instructions, body: { type: Type.region, locals, code } };
}

/** One module of several regions, exported by number. */
export function moduleOf(regions: readonly RegionSource[], pages: number): Uint8Array<ArrayBuffer> {
  return encodeModule({
    types: functionTypes,
    imports: imports(pages),
    functions: regions.map(({ body }, n) => ({ ...body, export: String(n) })),
  });
}

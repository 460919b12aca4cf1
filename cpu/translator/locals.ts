/** The WebAssembly locals of a region's function: the guest's registers first, then what translation makes up. */
import type { ValueType } from './wasm/code.ts';

export const Local = {
  /** i64 */
  general: 0,
  /** v128 */
  xmm: 16,
  /** i32: a row number of `flagsKindNumbers` and 256 times the width, or 0 */
  flagsKind: 32,
  /** i64 */
  flagsLeft: 33,
  flagsRight: 34,
  flagsResult: 35,
  /** i32: the flags where `flagsKind` is 0 */
  flagsSettled: 36,
  /** i32: instructions that may still be executed */
  budget: 37,
  /** i32: the block whose turn it is, in a region that is a dispatch loop */
  next: 38,
  /** i32: what the interpreter says of a step */
  status: 39,
} as const;

/** Of a region's function, which has no parameters. */
const fixed: readonly ValueType[] = [
  ...Array.from({ length: 16 }, (): ValueType => 'i64'),
  ...Array.from({ length: 16 }, (): ValueType => 'v128'),
  'i32',
  'i64',
  'i64',
  'i64',
  'i32',
  'i32',
  'i32',
  'i32',
];

/** Gives out locals for the values of one block; those of another block use them again. */
export class Locals {
  readonly types: ValueType[];
  private readonly free: Record<ValueType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  private readonly taken: Record<ValueType, number> = { i32: 0, i64: 0, f32: 0, f64: 0, v128: 0 };

  /** `types` of the locals that are there before, parameters included. */
  constructor(types: readonly ValueType[] = fixed) {
    this.types = [...types];
  }

  take(type: ValueType): number {
    const known = this.free[type];
    const n = this.taken[type]++;
    if (n < known.length) return known[n]!;
    known.push(this.types.length);
    this.types.push(type);
    return known[n]!;
  }

  /** One for the whole function. */
  keep(type: ValueType): number {
    this.types.push(type);
    return this.types.length - 1;
  }

  /** A new block begins. */
  reset(): void {
    for (const type of Object.keys(this.taken) as ValueType[]) this.taken[type] = 0;
  }
}

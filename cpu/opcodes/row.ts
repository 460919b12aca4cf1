import type { Semantics } from '../algebra.ts';

/** The part of the architecture that an instruction belongs to, by its name in the manuals; `X86` is what always exists. */
export type Feature =
  | 'X86' | 'FPU' | 'MMX' | 'TSC' | 'MSR' | 'CX8' | 'CMOV' | 'CLFSH' | 'FXSR' | 'SSE' | 'SSE2' | 'SSE3' | 'SSSE3' | 'SSE4.1' | 'SSE4.2'
  | 'CX16' | 'POPCNT' | 'MOVBE' | 'AES' | 'PCLMULQDQ' | 'SHA' | 'RDRAND' | 'RDSEED' | 'RDPID' | 'RDTSCP' | 'XSAVE'
  | 'XSAVEOPT' | 'XSAVEC' | 'AVX' | 'AVX2' | 'FSGSBASE' | 'BMI1' | 'BMI2' | 'ADX' | 'LZCNT' | 'SMAP' | 'CLFLUSHOPT' | 'CLWB' | 'PREFETCHW' | 'LAHF64' | 'SYSCALL'
  /** ours: the native-call trap */
  | 'NATIVE';

/**
 * One encoding of one instruction.
 *
 * `pattern` is the opcode column of Intel's manual:
 *   `[NP|NFx|66|F3|F2] [W0|W1] [0F | 0F 38 | 0F 3A] op [+r] [/r | /0…/7 | C8 (an exact ModRM byte)] [mem|reg]`
 * NP means that none of 66, F3, F2 may stand before it (they select another instruction), NFx that F3 and F2 may not;
 * without any of the five, 66 is the operand-size prefix and F3/F2 the repeat prefix. `mem`/`reg` restrict ModRM's r/m operand.
 * VEX-encoded rows begin with one word instead: `VEX.L0|L1|LIG.NP|66|F3|F2.0F|0F38|0F3A[.W0|W1|WIG] op …`.
 *
 * `operands` are the letters of the manual's Appendix A.2, separated by spaces:
 *   E r/m general register or memory, G reg field, M memory only, R r/m register only, Z register in the opcode's low bits,
 *   B general register by VEX.vvvv, I immediate, S sign-extended immediate byte, J relative branch, O absolute address,
 *   A accumulator, C control register, D debug register, G/E with sizes; s segment register;
 *   V xmm by reg, W xmm or memory by r/m, U xmm by r/m only, H xmm by VEX.vvvv, L xmm by the upper half of a last byte,
 *   T memory at a vector of indices (a second size says how long that is);
 *   P mm by reg, Q mm or memory by r/m, N mm by r/m only;
 *   literals `cl`, `dx`, `fs`, `gs`, `1`, `st0`, `sti` (the x87 register by r/m).
 * followed by a size: b 8, w 16, d 32, q 64, v operand size, y 32 or 64 by REX.W, z 16 or 32 (immediates), t 80, x 128, X 256, none 0.
 *
 * `attributes`: `d64` operand size defaults to 64 (16 with 66), `f64` it is 64 always, `lock` LOCK is allowed on a memory
 * destination, `rep` F3/F2 repeat it, `w8` the operand size is 8 bits, `sse` it needs SSE turned on (rows with xmm operands
 * do without saying so); a word in capitals is the `feature`.
 */
export interface OpcodeRow {
  readonly pattern: string;
  readonly mnemonic: string;
  readonly operands: string;
  readonly semantics: Semantics;
  readonly attributes: string;
  readonly feature: Feature;
}

export function row(
  pattern: string,
  mnemonic: string,
  operands: string,
  semantics: Semantics,
  attributes = '',
): OpcodeRow {
  const feature = (attributes.split(' ').find((word) => /^[A-Z]/.test(word)) ?? 'X86') as Feature;
  return { pattern, mnemonic, operands, semantics, attributes, feature };
}

/** The same rows as parts of `feature`. */
export function ofFeature(feature: Feature, rows: readonly OpcodeRow[]): readonly OpcodeRow[] {
  return rows.map((one) => ({ ...one, feature }));
}

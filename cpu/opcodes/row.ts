import type { Semantics } from '../algebra.ts';

/**
 * One encoding of one instruction.
 *
 * `pattern` is the opcode column of Intel's manual:
 *   `[NP|66|F3|F2] [W0|W1] [0F | 0F 38 | 0F 3A] op [+r] [/r | /0…/7 | C8 (an exact ModRM byte)] [mem|reg]`
 * NP means that none of 66, F3, F2 may stand before it (they select another instruction); without any of the four,
 * 66 is the operand-size prefix and F3/F2 the repeat prefix. `mem`/`reg` restrict ModRM's r/m operand.
 *
 * `operands` are the letters of the manual's Appendix A.2, separated by spaces:
 *   E r/m general register or memory, G reg field, M memory only, R r/m register only, Z register in the opcode's low bits,
 *   I immediate, S sign-extended immediate byte, J relative branch, O absolute address, A accumulator, C control register,
 *   D debug register, G/E with sizes; s segment register; V xmm by reg, W xmm or memory by r/m, U xmm by r/m only;
 *   literals `al`, `cl`, `dx`, `1`.
 * followed by a size: b 8, w 16, d 32, q 64, v operand size, y 32 or 64 by REX.W, z 16 or 32 (immediates), x 128, none 0.
 *
 * `attributes`: `d64` operand size defaults to 64 (16 with 66), `f64` it is 64 always, `lock` LOCK is allowed on a memory
 * destination, `rep` F3/F2 repeat it, `w8` the operand size is 8 bits.
 */
export interface OpcodeRow {
  readonly pattern: string;
  readonly mnemonic: string;
  readonly operands: string;
  readonly semantics: Semantics;
  readonly attributes: string;
}

export function row(
  pattern: string,
  mnemonic: string,
  operands: string,
  semantics: Semantics,
  attributes = '',
): OpcodeRow {
  return { pattern, mnemonic, operands, semantics, attributes };
}

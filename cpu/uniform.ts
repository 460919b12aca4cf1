/**
 * Decoded instructions as the interpreter keeps them: all operands have the same properties in the same order, so that the
 * engine knows where `kind` and `index` lie without asking what sort of operand it has (five sorts make a search of each look).
 */
import type { Instruction, Operand } from './instruction.ts';

const defaults = {
  kind: 0,
  index: -1,
  width: 64,
  high: false,
  base: -1,
  scale: 1,
  displacement: 0n,
  ripRelative: false,
  segment: -1,
  addressWidth: 64,
  value: 0n,
};

const uniformOperand = (operand: Operand): Operand => ({ ...defaults, ...operand }) as unknown as Operand;

/** The same instruction. */
export function uniform(instruction: Instruction): Instruction {
  return { ...instruction, operands: instruction.operands.map(uniformOperand) };
}

/**
 * Decoded instructions as the interpreter keeps them: all operands have the same properties in the same order, so that the
 * engine knows where `kind` and `index` lie without asking what sort of operand it has (five sorts make a search of each look).
 */
import { OperandKind, type Instruction, type Operand } from './instruction.ts';

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

/**
 * General registers, by all that tells them apart: one record stands in every instruction that has it, since decoded
 * instructions take much of the host's memory. Others stay apart: `semantics/vex.ts` knows a destination by its record.
 */
const registers = new Map<number, Operand>();

function uniformOperand(operand: Operand): Operand {
  if (operand.kind !== OperandKind.register) return withDefaults(operand);
  const key = (operand.width * 2 + (operand.high ? 1 : 0)) * 16 + operand.index;
  let known = registers.get(key);
  if (known === undefined) registers.set(key, (known = withDefaults(operand)));
  return known;
}

const withDefaults = (operand: Operand): Operand => ({ ...defaults, ...operand }) as unknown as Operand;

/** The same instruction. */
export function uniform(instruction: Instruction): Instruction {
  return { ...instruction, operands: instruction.operands.map(uniformOperand) };
}

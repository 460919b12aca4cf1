/** Registers by name, of processors and of tasks. */
import type { Kernel } from '../../kernel/kernel.ts';
import { pt_regs } from '../../kernel/layout/structures.ts';
import { readKernelU64 } from '../../kernel/mm/kernel-memory.ts';
import { userRegisters } from '../../kernel/process.ts';
import { didYouMean } from '../../toolchain/assembler/did-you-mean.ts';
import { DebuggerError, quote } from '../error.ts';
import type { RegisterValue } from '../types.ts';
import { allRegisterNames, registerRow, registerRows, type ReadSlot, type RegisterRow } from './table.ts';

export { checkedWrite, cpuOfTask, slotsOfCpu, taskSlots, type Whose } from './contexts.ts';
export { allRegisterNames, registerRow, type ReadSlot, type RegisterRow } from './table.ts';

/** All of them, in the order of the table. */
export const readRegisters = (slots: ReadSlot): RegisterValue[] =>
  registerRows.map((row) => ({ name: row.name, value: row.read(slots), bits: row.bits }));

/** By name, also of a part (`eax`), in capitals or not. DebuggerError. */
export function findRegister(name: string): RegisterRow {
  const lower = name.toLowerCase();
  const row = registerRow(lower);
  if (row !== undefined) return row;
  const hint = didYouMean(lower, allRegisterNames);
  throw new DebuggerError('unknown-name', `there is no register ${quote(name)}${hint}`);
}

/** Fields of pt_regs by the register that each holds. */
const userFields: readonly (readonly [keyof typeof pt_regs.fields, string, number])[] = [
  ['ax', 'rax', 64],
  ['cx', 'rcx', 64],
  ['dx', 'rdx', 64],
  ['bx', 'rbx', 64],
  ['sp', 'rsp', 64],
  ['bp', 'rbp', 64],
  ['si', 'rsi', 64],
  ['di', 'rdi', 64],
  ...[8, 9, 10, 11, 12, 13, 14, 15].map((n) => [`r${n}`, `r${n}`, 64] as ['r8', string, number]),
  ['ip', 'rip', 64],
  ['flags', 'rflags', 64],
  ['cs', 'cs', 16],
  ['ss', 'ss', 16],
];

/**
 * The registers that a task in the kernel will go back to its program with: struct pt_regs at the top of its kernel stack.
 * DebuggerError when there is no such task.
 */
export function readUserRegisters(kernel: Kernel, pid: number): RegisterValue[] {
  const task = kernel.tasks.get(pid);
  if (task === undefined) throw new DebuggerError('not-there', `there is no task ${pid}`);
  const at = userRegisters(task);
  return userFields.map(([field, name, bits]) => ({
    name,
    value: BigInt.asUintN(bits, readKernelU64(kernel, at, pt_regs.fields[field].offset) ?? 0n),
    bits,
  }));
}

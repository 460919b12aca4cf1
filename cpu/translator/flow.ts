/** Where an instruction leads, read off its name and operands: enough to find the blocks of a region. */
import { conditionNames } from '../flags.ts';
import type { Instruction } from '../instruction.ts';

export type Flow =
  | { readonly kind: 'next' }
  | { readonly kind: 'jump' | 'branch' | 'call'; readonly target: bigint }
  | { readonly kind: 'computed-jump' | 'computed-call' | 'return' }
  /** to nowhere that can be known: another privilege, or a fault */
  | { readonly kind: 'away' };

const branches = new Set([...conditionNames.map((name) => `j${name}`), 'jrcxz', 'jecxz', 'loop', 'loope', 'loopne']);
const away = new Set([
  'syscall',
  'sysret',
  'iret',
  'iretd',
  'iretq',
  'int',
  'int3',
  'int1',
  'hlt',
  'ud0',
  'ud1',
  'ud2',
  'retf',
  'ljmp',
  'lcall',
]);

const NEXT: Flow = { kind: 'next' };
const AWAY: Flow = { kind: 'away' };

/** Of the instruction before `next`. */
export function flowOf(instruction: Instruction, next: bigint): Flow {
  const { mnemonic, operands } = instruction;
  const [first] = operands;
  const isDirect = first?.kind === 2;
  if (branches.has(mnemonic) && isDirect) return { kind: 'branch', target: BigInt.asUintN(64, next + first.value) };
  if (mnemonic === 'jmp' || mnemonic === 'call') {
    if (!isDirect) return { kind: mnemonic === 'jmp' ? 'computed-jump' : 'computed-call' };
    return { kind: mnemonic === 'jmp' ? 'jump' : 'call', target: BigInt.asUintN(64, next + first.value) };
  }
  if (mnemonic === 'ret') return { kind: 'return' };
  return away.has(mnemonic) ? AWAY : NEXT;
}

/** Where an expression is evaluated: the registers of a processor or task, its memory, the symbols of the box. */
import { evaluateExpression, parseExpression, type Node, type Scope } from './expression/index.ts';
import type { Context } from './context.ts';
import { readMemory } from './memory.ts';
import type { ReadSlot } from './registers/index.ts';
import { addressesOfName, addressOfName } from './symbols.ts';

/** Of whom an expression is. */
export interface Subject {
  readonly cpu: number;
  readonly pid: number;
  readonly slots: ReadSlot;
}

export function scopeOf(context: Context, { cpu, pid, slots }: Subject): Scope {
  const { box, kernel } = context;
  return {
    register: (row) => row.read(slots),
    variable: (name) => {
      if (name === 'comm') return kernel.tasks.get(pid)?.comm ?? '';
      if (name === 'instruction') return BigInt(box.instructions);
      return BigInt(name === 'cpu' ? cpu : pid);
    },
    symbol: (name) => addressOfName(context, name, pid),
    memory: (address, length) => readMemory(kernel, address, length, pid),
  };
}

/** DebuggerError. */
export function compile(context: Context, text: string): Node {
  return parseExpression(text, {
    isSymbol: (name) => addressesOfName(context, name).length > 0,
    get symbolNames() {
      return context.kernel.symbols.byName.keys();
    },
  });
}

/** DebuggerError. */
export const evaluateIn = (context: Context, node: Node, subject: Subject): bigint =>
  evaluateExpression(node, scopeOf(context, subject));

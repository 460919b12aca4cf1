/** Where execution goes after an instruction, from its statements alone. */
import type { Node, Statement } from './node.ts';
import type { Reading } from './reading.ts';

/**
 * `branch` is a jump under a condition; `call` a jump that stores the address of the next instruction; `ret` a jump to
 * what rsp points to; `trap` ends in an exception for certain; `enter` and `leave` change the privilege.
 */
export type Control = 'next' | 'jump' | 'branch' | 'call' | 'ret' | 'trap' | 'enter' | 'leave' | 'halt' | 'native';

const RSP = 4;
type Write = Extract<Statement, { kind: 'write' }>;

export function controlOf(statements: readonly Statement[], reading: Reading): Control {
  const writes = statements.filter((statement): statement is Write => statement.kind === 'write');
  const actions = statements.filter((statement) => statement.kind === 'action').map(({ name }) => name);
  const jump = writes.find(({ to }) => to.kind === 'rip');
  const privilege = writes.find(({ to }) => to.kind === 'system' && to.name === 'cpl');
  if (jump !== undefined && privilege !== undefined) {
    return privilege.value === reading.constant(0n) ? 'enter' : 'leave';
  }
  if (actions.includes('softwareInterrupt') || statements.some(({ kind }) => kind === 'raise')) return 'trap';
  if (actions.includes('halt')) return 'halt';
  if (actions.includes('native')) return 'native';
  if (jump !== undefined) {
    const stores = (value: Node): boolean =>
      writes.some((write) => write.to.kind === 'memory' && write.value === value);
    if (stores(reading.nextRip())) return 'call';
    const movesStack = writes.some(({ to }) => to.kind === 'register' && to.index === RSP);
    return movesStack && jump.value.op === 'load' ? 'ret' : 'jump';
  }
  return statements.some(branches) ? 'branch' : 'next';
}

const branches = (statement: Statement): boolean =>
  statement.kind === 'if' &&
  [...statement.yes, ...statement.no].some(
    (inner) => (inner.kind === 'write' && inner.to.kind === 'rip') || branches(inner),
  );

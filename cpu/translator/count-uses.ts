/** How often each value of a block is needed, cold code included: what is needed twice is kept in a local. */
import type { Body, Exit, FlagState, Registers, Statement } from './block.ts';
import type { Node } from './node.ts';

/** What of the registers has to be written to memory, or to locals. */
export interface Changed {
  readonly general: readonly number[];
  readonly xmm: readonly number[];
  readonly flags: boolean;
}

export function changedRegisters(entry: Registers, now: Registers): Changed {
  const changed = (before: readonly Node[], after: readonly Node[]): number[] =>
    after.flatMap((node, n) => (node === before[n] ? [] : [n]));
  return {
    general: changed(entry.general, now.general),
    xmm: changed(entry.xmm, now.xmm),
    flags: entry.flags !== now.flags,
  };
}

export function need(node: Node): void {
  node.uses++;
  if (node.uses === 1) for (const part of node.args) need(part);
}

function needFlags({ kind, left, right, result, settled }: FlagState): void {
  for (const node of [kind, left, right, result, settled]) need(node);
}

function needExit(entry: Registers, exit: Exit): void {
  const changed = changedRegisters(entry, exit.registers);
  for (const n of changed.general) need(exit.registers.general[n]!);
  for (const n of changed.xmm) need(exit.registers.xmm[n]!);
  if (changed.flags) needFlags(exit.registers.flags);
}

function needStatement(statement: Statement): void {
  switch (statement.kind) {
    case 'translate':
      need(statement.base);
      return;
    case 'load':
      need(statement.from.host);
      return;
    case 'store':
      need(statement.to.host);
      need(statement.value);
      return;
    case 'guard':
      need(statement.bad);
      return;
    case 'compute':
      need(statement.node);
  }
}

/** Each once, in the order in which control can leave. */
export function exitsOf({ statements, end }: Body): readonly Exit[] {
  const exits = new Set<Exit>();
  for (const statement of statements) if ('exit' in statement) exits.add(statement.exit);
  if (end.kind === 'indirect') exits.add(end.exit);
  return [...exits];
}

/** `flagsLive`: what is known of the flags at the end is to be in their locals. */
export function countUses(body: Body, flagsLive: boolean): void {
  const { statements, entry, registers, end } = body;
  for (const statement of statements) needStatement(statement);
  for (const exit of exitsOf(body)) needExit(entry, exit);
  const changed = changedRegisters(entry, registers);
  for (const n of changed.general) need(registers.general[n]!);
  for (const n of changed.xmm) need(registers.xmm[n]!);
  if (changed.flags && flagsLive) needFlags(registers.flags);
  if (end.kind === 'branch') need(end.condition);
  if (end.kind === 'indirect') need(end.target);
}

/** How often each value of a block is needed, cold code included: what is needed twice is kept in a local. */
import type { Body, Exit, FlagState, Registers, Statement } from './block.ts';
import { lowLaneOf, registersIn } from './register-set.ts';
import type { Node } from './node.ts';

export function need(node: Node): void {
  const waiting = [node];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    next.uses++;
    if (next.uses === 1) waiting.push(...next.args);
  }
}

export function needFlags({ kind, left, right, result, settled }: FlagState): void {
  for (const node of [kind, left, right, result, settled]) need(node);
}

/** What a block has changed, where it is stored. */
function needAtExit({ general, xmm, flags, changed }: Registers): void {
  for (const n of registersIn(changed.general)) need(general[n]!);
  if (changed.flags) needFlags(flags);
  for (const n of registersIn(changed.xmm)) {
    const parts = lowLaneOf(xmm[n]!);
    if (parts === undefined) need(xmm[n]!);
    else {
      need(parts.low);
      need(parts.rest);
    }
  }
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
    case 'bulk':
      need(statement.count);
      need(statement.bytes);
      need(statement.backward);
      need(statement.to.base);
      need('base' in statement.source ? statement.source.base : statement.source);
      return;
    case 'check':
      need(statement.when);
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

/** But for the flags at the end: whether they are needed follows from other blocks. */
export function countUses(body: Body): void {
  const { general, xmm, changed } = body.registers;
  const { statements, end } = body;
  for (const statement of statements) needStatement(statement);
  for (const exit of exitsOf(body)) needAtExit(exit.registers);
  for (const n of registersIn(changed.general)) need(general[n]!);
  for (const n of registersIn(changed.xmm)) need(xmm[n]!);
  if (end.kind === 'branch') need(end.condition);
  if (end.kind === 'indirect') need(end.target);
}

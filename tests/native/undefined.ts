/** Which flags a program leaves undefined, along every path it may take. */
import { lift, offsetsOf, type Item } from './program.ts';
import { Layout, type Outcome } from './state.ts';

/** The flags that may be undefined in front of each item, and behind the last; -1 where nothing gets. */
function incoming(items: readonly Item[]): number[] {
  const before = Array.from({ length: items.length + 1 }, () => -1);
  before[0] = 0;
  const calls = items.flatMap(({ mnemonic }, n) => (mnemonic === 'call' ? [n] : []));
  for (let changed = true; changed;) {
    changed = false;
    const reach = (n: number, flags: number): void => {
      const merged = before[n] === -1 ? flags : before[n]! | flags;
      if (merged === before[n]) return;
      before[n] = merged;
      changed = true;
    };
    items.forEach((item, n) => {
      if (before[n] === -1) return;
      const after = (before[n]! & ~item.defines) | item.leaves;
      if (item.falls) reach(n + 1, after);
      if (item.target !== undefined) reach(item.target, after);
      // behind any of the calls
      if (item.mnemonic === 'ret') calls.forEach((call) => reach(call + 1, after));
    });
  }
  return before;
}

/** The first item that looks at a flag which may be undefined, or -1. */
export function firstMisuse(items: readonly Item[]): number {
  const before = incoming(items);
  return items.findIndex(({ reads }, n) => before[n] !== -1 && (before[n]! & reads) !== 0);
}

/** The flags that `code` leaves undefined when it ends as `outcome` says. */
export function undefinedAtEnd(code: readonly number[], { trap, rip }: Outcome): bigint {
  const items = lift(code);
  const offsets = offsetsOf(items);
  const before = incoming(items);
  const reached = (n: number): number => Math.max(before[n]!, 0);
  const everywhere = items.reduce((sum, { leaves }, n) => sum | reached(n) | leaves, reached(items.length));
  const at = offsets.indexOf(Number(rip) - Layout.codeStart - (trap === 3 ? 1 : 0));
  if (at < 0) return BigInt(everywhere);
  return BigInt(at === items.length ? reached(at) : reached(at) | items[at]!.leaves);
}

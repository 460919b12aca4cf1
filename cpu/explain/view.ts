/** What a reader of a sentence knows by then: which places were written, and what they hold. */
import { locationOf, overlaps, type Location, type Node } from './node.ts';

interface Entry {
  readonly at: Location;
  readonly value: Node | undefined;
}

export interface View {
  write(at: Location, value: Node | undefined): void;
  /** Whether the place no longer holds what it did before the instruction. */
  isOverwritten(at: Location): boolean;
  /** A place that was given this value and still holds it. */
  holderOf(value: Node): Location | undefined;
  /** Whether a value of this kind was written. */
  holds(test: (value: Node) => boolean): boolean;
  copy(): View;
}

export function createView(entries: readonly Entry[] = []): View {
  let known = entries;
  return {
    write(at, value) {
      known = [...known.filter((entry) => !overlaps(entry.at, at) || !covers(at, entry.at)), { at, value }];
    },
    isOverwritten: (at) => known.some((entry) => overlaps(entry.at, at)),
    holderOf(value) {
      const at = known.findLastIndex((entry) => entry.value === value);
      if (at < 0 || value.op === 'constant' || value.op === 'zeroVector') return undefined;
      const { at: place } = known[at]!;
      return known.slice(at + 1).some((entry) => overlaps(entry.at, place)) ? undefined : place;
    },
    holds: (test) => known.some(({ value }) => value !== undefined && test(value)),
    copy: () => createView(known),
  };
}

/** Whether nothing of `inner` is outside `outer`; they overlap. */
function covers(outer: Location, inner: Location): boolean {
  if ('low' in outer && 'low' in inner) {
    return outer.low <= inner.low && outer.low + outer.width >= inner.low + inner.width;
  }
  return outer.kind === inner.kind && outer.kind !== 'memory';
}

/** Whether a node is the state at a place as it was. */
export function isItself(node: Node, at: Location): boolean {
  const location = locationOf(node);
  if (location === undefined || location.kind !== at.kind) return false;
  return Object.entries(at).every(([key, value]) => (location as unknown as Record<string, unknown>)[key] === value);
}

/** The order of a region's blocks, and which of them every way to another goes through. */

export interface Graph {
  /** blocks that can be reached, each before those that follow it but for loops: reverse postorder */
  readonly order: readonly number[];
  /** place in `order`; -1 for what cannot be reached */
  readonly place: readonly number[];
  /** of each block but the first the last one that every way to it goes through */
  readonly dominator: readonly number[];
  /** blocks that an edge from a later block, or from themselves, leads to */
  readonly headers: ReadonlySet<number>;
  /** each of those edges leads to a block that dominates where it comes from */
  readonly reducible: boolean;
  /** blocks with more than one way into them, back edges apart */
  readonly merges: ReadonlySet<number>;
}

/** `successors` of each block; the first is the entry. */
export function analyse(successors: readonly (readonly number[])[]): Graph {
  const order = reversePostorder(successors);
  const place = successors.map(() => -1);
  order.forEach((block, n) => (place[block] = n));
  const predecessors: number[][] = successors.map(() => []);
  for (const block of order) for (const to of successors[block]!) predecessors[to]!.push(block);
  const dominator = dominators(order, place, predecessors);
  const headers = new Set<number>();
  const merges = new Set<number>();
  let reducible = true;
  for (const block of order) {
    const forward = predecessors[block]!.filter((from) => place[from]! < place[block]!);
    if (forward.length > 1) merges.add(block);
    for (const from of predecessors[block]!) {
      if (place[from]! < place[block]!) continue;
      headers.add(block);
      if (!dominates(dominator, place, block, from)) reducible = false;
    }
  }
  return { order, place, dominator, headers, reducible, merges };
}

function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const seen = new Set([0]);
  const order: number[] = [];
  const stack: { readonly block: number; at: number }[] = [{ block: 0, at: 0 }];
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const to = successors[top.block]![top.at++];
    if (to === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      stack.push({ block: to, at: 0 });
    }
  }
  return order.toReversed();
}

/** Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001). */
function dominators(
  order: readonly number[],
  place: readonly number[],
  predecessors: readonly (readonly number[])[],
): number[] {
  const dominator = place.map(() => -1);
  dominator[0] = 0;
  const meet = (left: number, right: number): number => {
    while (left !== right) {
      while (place[left]! > place[right]!) left = dominator[left]!;
      while (place[right]! > place[left]!) right = dominator[right]!;
    }
    return left;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const block of order.slice(1)) {
      let found = -1;
      for (const from of predecessors[block]!) {
        if (dominator[from] === -1) continue;
        found = found === -1 ? from : meet(found, from);
      }
      if (dominator[block] === found) continue;
      dominator[block] = found;
      changed = true;
    }
  }
  return dominator;
}

function dominates(dominator: readonly number[], place: readonly number[], block: number, other: number): boolean {
  let at = other;
  while (place[at]! > place[block]!) at = dominator[at]!;
  return at === block;
}

/** The longest way from each of `starts` along `order`, up to the next of them, where a block is as long as `length` says. */
export function longestWays(
  { order, place }: Graph,
  successors: readonly (readonly number[])[],
  starts: ReadonlySet<number>,
  length: (block: number) => number,
): readonly number[] {
  const longest = place.map(() => 0);
  for (const block of order.toReversed()) {
    const further = successors[block]!.filter((to) => !starts.has(to) && place[to]! > place[block]!);
    longest[block] = length(block) + Math.max(0, ...further.map((to) => longest[to]!));
  }
  return longest;
}

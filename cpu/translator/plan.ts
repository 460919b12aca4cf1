/** What emission has to know of all blocks at once: order, dirty registers, live flags, how far control can go at most. */
import type { Body, End, FlagState, RegisterSet } from './block.ts';
import { countUses, exitsOf, needFlags } from './count-uses.ts';
import { analyse, longestWays, type Graph } from './graph.ts';
import type { Node } from './node.ts';
import type { RegionBlock } from './region-code.ts';
import { none, sameSet, union } from './register-set.ts';

export interface Plan {
  readonly graph: Graph;
  readonly successors: readonly (readonly number[])[];
  /** of each block, where it begins and where it ends */
  readonly dirtyIn: readonly RegisterSet[];
  readonly dirtyOut: readonly RegisterSet[];
  /** of each block: whether the flags at its end may be asked for */
  readonly flagsLive: readonly boolean[];
  /** registers that the region reads or writes */
  readonly used: RegisterSet;
  /** blocks that ask whether there are enough instructions left */
  readonly checked: ReadonlySet<number>;
  /** instructions from the beginning of a block to the next that asks */
  readonly longest: readonly number[];
}

const successorsOf = ({ edges }: RegionBlock): number[] => [
  ...new Set(edges.flatMap((edge) => (edge.kind === 'block' ? [edge.to] : []))),
];

export function planRegion(blocks: readonly RegionBlock[]): Plan {
  const successors = blocks.map(successorsOf);
  const graph = analyse(successors);
  const { dirtyIn, dirtyOut } = findDirty(blocks, successors, graph);
  const checked = new Set([0, ...(graph.reducible ? graph.headers : graph.order)]);
  for (const block of graph.order) {
    if (asksHost(blocks[block]!.body.end)) for (const to of successors[block]!) checked.add(to);
  }
  const flagsLive = findLiveFlags(blocks, successors, graph, checked);
  const longest = longestWays(graph, successors, checked, (block) => lengthOf(blocks[block]!.body));
  return { graph, successors, dirtyIn, dirtyOut, flagsLive, used: findUsed(blocks, graph), checked, longest };
}

/** Whether the host executes an instruction at a block's end; all is in memory then. */
export const asksHost = ({ kind }: End): boolean => kind === 'step' || kind === 'native';

const lengthOf = ({ instructions, end }: Body): number => instructions + (asksHost(end) ? 1 : 0);

function findDirty(blocks: readonly RegionBlock[], successors: readonly (readonly number[])[], { order }: Graph) {
  const dirtyIn: RegisterSet[] = blocks.map(() => none);
  const dirtyOut: RegisterSet[] = blocks.map(() => none);
  for (let changed = true; changed;) {
    changed = false;
    for (const block of order) {
      const { body } = blocks[block]!;
      const out = union(dirtyIn[block]!, body.registers.changed);
      dirtyOut[block] = out;
      const after = asksHost(body.end) ? none : out;
      for (const to of successors[block]!) {
        const joined = union(dirtyIn[to]!, after);
        if (sameSet(joined, dirtyIn[to]!)) continue;
        dirtyIn[to] = joined;
        changed = true;
      }
    }
  }
  return { dirtyIn, dirtyOut };
}

/** Also counts the uses of all values. */
function findLiveFlags(
  blocks: readonly RegionBlock[],
  successors: readonly (readonly number[])[],
  { order }: Graph,
  checked: ReadonlySet<number>,
): boolean[] {
  for (const block of order) countUses(blocks[block]!.body);
  const leaves = blocks.map(({ edges, body }) =>
    body.end.kind !== 'branch' && body.end.kind !== 'jump' ? true : edges.some(({ kind }) => kind === 'exit'),
  );
  const live = blocks.map(() => false);
  // a check of the budget may be the way out
  const needed = blocks.map(
    ({ body }, block) => checked.has(block) || exitsOf(body).some(({ registers }) => !registers.changed.flags),
  );
  const needsFlags = (block: number): boolean => {
    const { entry, registers } = blocks[block]!.body;
    if (needed[block]! || isNeeded(entry.flags)) return true;
    return !registers.changed.flags && live[block]!;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const block of order.toReversed()) {
      if (live[block] || !(leaves[block]! || successors[block]!.some(needsFlags))) continue;
      live[block] = true;
      changed = true;
      const { registers } = blocks[block]!.body;
      if (registers.changed.flags) needFlags(registers.flags);
    }
  }
  return live;
}

const isNeeded = ({ kind, left, right, result, settled }: FlagState): boolean =>
  kind.uses + left.uses + right.uses + result.uses + settled.uses > 0;

function findUsed(blocks: readonly RegionBlock[], { order }: Graph): RegisterSet {
  let used = none;
  for (const block of order) {
    const { entry, registers } = blocks[block]!.body;
    const read = (nodes: readonly Node[]): number =>
      nodes.reduce((set, { uses }, n) => (uses > 0 ? set | (1 << n) : set), 0);
    const asked = { general: read(entry.general), xmm: read(entry.xmm), flags: isNeeded(entry.flags) };
    used = union(union(used, registers.changed), asked);
  }
  return used;
}

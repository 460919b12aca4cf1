/** What emission has to know of all blocks at once: order, dirty registers, live flags, how far control can go at most. */
import type { Body } from './block.ts';
import { changedRegisters, countUses, exitsOf, need } from './count-uses.ts';
import { clean, sameDirty, union, type Dirty } from './emit-registers.ts';
import { analyse, longestWays, type Graph } from './graph.ts';
import type { RegionBlock } from './region-code.ts';

export interface Plan {
  readonly graph: Graph;
  readonly successors: readonly (readonly number[])[];
  /** of each block, where it begins and where it ends */
  readonly dirtyIn: readonly Dirty[];
  readonly dirtyOut: readonly Dirty[];
  /** of each block: whether the flags at its end may be asked for */
  readonly flagsLive: readonly boolean[];
  /** registers that the region reads or writes */
  readonly used: Dirty;
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
  const flagsLive = findLiveFlags(blocks, successors, graph);
  const checked = new Set([0, ...(graph.reducible ? graph.headers : graph.order)]);
  for (const block of graph.order) {
    if (blocks[block]!.body.end.kind === 'step') for (const to of successors[block]!) checked.add(to);
  }
  const longest = longestWays(graph, successors, checked, (block) => lengthOf(blocks[block]!.body));
  return { graph, successors, dirtyIn, dirtyOut, flagsLive, used: findUsed(blocks, graph), checked, longest };
}

const lengthOf = ({ instructions, end }: Body): number => instructions + (end.kind === 'step' ? 1 : 0);

function findDirty(blocks: readonly RegionBlock[], successors: readonly (readonly number[])[], { order }: Graph) {
  const dirtyIn: Dirty[] = blocks.map(() => clean);
  const dirtyOut: Dirty[] = blocks.map(() => clean);
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of order) {
      const { body } = blocks[block]!;
      const own = changedRegisters(body.entry, body.registers);
      const before = dirtyIn[block]!;
      const out = union(before, { general: new Set(own.general), xmm: new Set(own.xmm), flags: own.flags });
      dirtyOut[block] = out;
      // a step stores everything
      const after = body.end.kind === 'step' ? clean : out;
      for (const to of successors[block]!) {
        const joined = union(dirtyIn[to]!, after);
        if (sameDirty(joined, dirtyIn[to]!)) continue;
        dirtyIn[to] = joined;
        changed = true;
      }
    }
  }
  return { dirtyIn, dirtyOut };
}

/** Also counts the uses of all values. */
function findLiveFlags(blocks: readonly RegionBlock[], successors: readonly (readonly number[])[], { order }: Graph): boolean[] {
  for (const block of order) countUses(blocks[block]!.body, false);
  const leaves = blocks.map(({ edges, body }) => body.end.kind !== 'branch' && body.end.kind !== 'jump' ? true : edges.some(({ kind }) => kind === 'exit'));
  const live = blocks.map(() => false);
  const needed = blocks.map(({ body }) => exitsOf(body).some(({ registers }) => registers.flags === body.entry.flags));
  const needsFlags = (block: number): boolean => {
    const { entry, registers } = blocks[block]!.body;
    const { kind, left, right, result, settled } = entry.flags;
    if (needed[block]! || [kind, left, right, result, settled].some(({ uses }) => uses > 0)) return true;
    return entry.flags === registers.flags && live[block]!;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of order.toReversed()) {
      if (live[block] || !(leaves[block]! || successors[block]!.some(needsFlags))) continue;
      live[block] = true;
      changed = true;
      const { entry, registers } = blocks[block]!.body;
      if (entry.flags === registers.flags) continue;
      const { kind, left, right, result, settled } = registers.flags;
      for (const node of [kind, left, right, result, settled]) need(node);
    }
  }
  return live;
}

function findUsed(blocks: readonly RegionBlock[], { order }: Graph): Dirty {
  let used: Dirty = clean;
  for (const block of order) {
    const { entry, registers } = blocks[block]!.body;
    const changed = changedRegisters(entry, registers);
    const read = (nodes: typeof entry.general): number[] => nodes.flatMap((node, n) => (node.uses > 0 ? [n] : []));
    const { kind, left, right, result, settled } = entry.flags;
    used = union(used, {
      general: new Set([...changed.general, ...read(entry.general)]),
      xmm: new Set([...changed.xmm, ...read(entry.xmm)]),
      flags: changed.flags || [kind, left, right, result, settled].some(({ uses }) => uses > 0),
    });
  }
  return used;
}

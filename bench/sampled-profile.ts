/** What V8's sampling profiler says of the thread that executes a box, by what it is that is executed. */
import type { Profiler } from 'node:inspector';
import { imports } from '../cpu/translator/machine.ts';

export const kinds = [
  /** functions of the regions' WebAssembly */
  'translated code',
  /** from region to region, and flags on request: the module of cpu/translator/core.ts */
  'core',
  /** the host's adapters between WebAssembly and JavaScript */
  'crossing',
  /** cpu/translator/ */
  'translator',
  /** the rest of cpu/: the interpreter, semantics, exceptions, paging */
  'interpreter',
  /** kernel/: native functions and what they call */
  'kernel',
  /** box/ and whatever else is JavaScript */
  'elsewhere',
  'garbage collection',
  /** the host's own machine code outside any JavaScript: compilation on this thread, the system */
  'program',
] as const;
export type TimeKind = (typeof kinds)[number];

export interface SampledFunction {
  readonly name: string;
  readonly samples: number;
}

export interface SampledTime {
  readonly samples: number;
  readonly byKind: Readonly<Record<TimeKind, number>>;
  /** hottest first; without what they call */
  readonly kernelFunctions: readonly SampledFunction[];
}

type CallFrame = Profiler.ProfileNode['callFrame'];

/** A module of one region imports these before its own function; the core's module imports none. */
const FIRST_OF_REGION = imports(1).filter(({ kind }) => kind === 'function').length;

function kindOfWasm(name: string): TimeKind {
  const [, index] = /^wasm-function\[(\d+)\]$/.exec(name) ?? [];
  if (index === undefined) return 'crossing';
  return Number(index) >= FIRST_OF_REGION ? 'translated code' : 'core';
}

const FOLDERS: readonly (readonly [path: string, kind: TimeKind])[] = [
  ['/cpu/translator/', 'translator'],
  ['/cpu/', 'interpreter'],
  ['/kernel/', 'kernel'],
];

/** Undefined for the host's built-in functions, which count for who calls them; `root` is the repository's URL. */
function kindOf({ functionName, url }: CallFrame, root: string): TimeKind | undefined {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)') return 'program';
  if (url.startsWith('wasm:')) return kindOfWasm(functionName);
  if (url === '') return undefined;
  const path = url.startsWith(root) ? `/${url.slice(root.length)}` : '';
  return FOLDERS.find(([folder]) => path.startsWith(folder))?.[1] ?? 'elsewhere';
}

export interface ReadOptions {
  /** of the repository, with a slash at its end */
  readonly root: string;
  /** name of the function outside of which nothing counts */
  readonly within: string;
  /** of a function without a name, where it is */
  placeOf(frame: CallFrame): string;
}

/** Sums up `profiles` between the first and the last sample within the function of that name in each. */
export function readProfiles(profiles: readonly Profiler.Profile[], options: ReadOptions): SampledTime {
  const byKind = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<TimeKind, number>;
  const kernel = new Map<string, number>();
  let count = 0;
  for (const profile of profiles) {
    const owners = ownersOf(profile.nodes, options);
    const samples = profile.samples ?? [];
    const inside = (id: number): boolean => owners.get(id)!.inside;
    const first = samples.findIndex(inside);
    const last = samples.findLastIndex(inside);
    for (const id of first < 0 ? [] : samples.slice(first, last + 1)) {
      const { kind, frame, inside: counts } = owners.get(id)!;
      // what has no caller is at the top of the tree
      if (!counts && kind !== 'garbage collection' && kind !== 'program') continue;
      byKind[kind]++;
      count++;
      if (kind !== 'kernel') continue;
      const name = frame.functionName === '' ? options.placeOf(frame) : frame.functionName;
      kernel.set(name, (kernel.get(name) ?? 0) + 1);
    }
  }
  return {
    samples: count,
    byKind,
    kernelFunctions: [...kernel]
      .map(([name, samples]) => ({ name, samples }))
      .toSorted((left, right) => right.samples - left.samples),
  };
}

interface Owner {
  readonly kind: TimeKind;
  /** of the function that the samples count for */
  readonly frame: CallFrame;
  readonly inside: boolean;
}

/** Of each node, by its number: what its samples count for. */
function ownersOf(nodes: readonly Profiler.ProfileNode[], { root, within }: ReadOptions): ReadonlyMap<number, Owner> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const owners = new Map<number, Owner>();
  const waiting: (readonly [id: number, caller: Owner | undefined])[] = [[nodes[0]!.id, undefined]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [id, caller] = next;
    const { callFrame, children = [] } = byId.get(id)!;
    const kind = kindOf(callFrame, root);
    const inside = caller?.inside === true || callFrame.functionName === within;
    const owner =
      kind === undefined
        ? { kind: caller?.kind ?? 'elsewhere', frame: caller?.frame ?? callFrame, inside }
        : { kind, frame: callFrame, inside };
    owners.set(id, owner);
    for (const child of children) waiting.push([child, owner]);
  }
  return owners;
}

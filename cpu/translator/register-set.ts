/** Sets of registers: which are dirty, used or changed. */
import type { RegisterSet } from './block.ts';
import type { Node } from './node.ts';

export const none: RegisterSet = { general: 0, xmm: 0, flags: false };

export const union = (one: RegisterSet, other: RegisterSet): RegisterSet => ({
  general: one.general | other.general,
  xmm: one.xmm | other.xmm,
  flags: one.flags || other.flags,
});

export const sameSet = (one: RegisterSet, other: RegisterSet): boolean =>
  one.general === other.general && one.xmm === other.xmm && one.flags === other.flags;

export const has = (set: number, register: number): boolean => ((set >> register) & 1) !== 0;

/** An xmm register whose low lane has been put in: the lane, and what it was put into. */
export interface LowLane {
  readonly low: Node;
  readonly width: 32 | 64;
  readonly rest: Node;
}

const lowLanes: Partial<Record<Node['op'], 32 | 64>> = {
  'f64x2.replace_lane': 64,
  'i64x2.replace_lane': 64,
  'f32x4.replace_lane': 32,
  'i32x4.replace_lane': 32,
};

/** For a store, which need not put the two together. */
export function lowLaneOf({ op, value, args }: Node): LowLane | undefined {
  const width = value === 0 ? lowLanes[op] : undefined;
  return width === undefined ? undefined : { low: args[1]!, width, rest: args[0]! };
}

const lists = new Map<number, readonly number[]>();

/** The numbers in a set, ascending. */
export function registersIn(set: number): readonly number[] {
  let list = lists.get(set);
  if (list === undefined) {
    const numbers: number[] = [];
    for (let n = 0; n < 16; n++) if (has(set, n)) numbers.push(n);
    lists.set(set, (list = numbers));
  }
  return list;
}

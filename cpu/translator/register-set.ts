/** Sets of registers: which are dirty, used or changed. */
import type { RegisterSet } from './block.ts';

export const none: RegisterSet = { general: 0, xmm: 0, flags: false };

export const union = (one: RegisterSet, other: RegisterSet): RegisterSet => ({
  general: one.general | other.general,
  xmm: one.xmm | other.xmm,
  flags: one.flags || other.flags,
});

export const sameSet = (one: RegisterSet, other: RegisterSet): boolean =>
  one.general === other.general && one.xmm === other.xmm && one.flags === other.flags;

export const has = (set: number, register: number): boolean => ((set >> register) & 1) !== 0;

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

/** The past of a box as the motions see it: its history, begun when the debugger is made unless there is one already. */
import type { Box } from '../box/box.ts';

export interface Past {
  /** points in time, as numbers of instructions */
  readonly reach: { readonly first: number; readonly last: number };
  /** To a point within reach, or on to one behind it. */
  goTo(instruction: number): void;
}

export function createPast(box: Box): Past {
  if (box.history === undefined) box.startHistory();
  return {
    get reach() {
      const now = box.instructions;
      return box.history ?? { first: now, last: now };
    },
    goTo(instruction) {
      if (instruction !== box.instructions) box.goTo(instruction);
    },
  };
}

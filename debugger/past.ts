/** The past of a box as the motions see it: its history, begun when the debugger is made unless there is one already. */
import type { Box } from '../box/box.ts';
import { DebuggerError } from './error.ts';

export interface Past {
  /** points in time, as numbers of instructions */
  readonly reach: { readonly first: number; readonly last: number };
  /** To a point within reach, or on to one behind it. */
  goTo(instruction: number): void;
}

/** What this needs of a box with history. */
interface Historic {
  readonly reach?: { readonly first: number; readonly last: number } | undefined;
  startHistory?(): void;
  goTo?(instruction: number): unknown;
}

export function createPast(box: Box): Past {
  const historic = box as Historic;
  if (historic.reach === undefined) historic.startHistory?.();
  return {
    get reach() {
      const now = box.instructions;
      return historic.reach ?? { first: now, last: now };
    },
    goTo(instruction) {
      if (instruction === box.instructions) return;
      if (historic.goTo === undefined) throw new DebuggerError('unsupported', 'the box has no history to go back in');
      historic.goTo(instruction);
    },
  };
}

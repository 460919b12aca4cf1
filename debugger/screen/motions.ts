/** Motions as slices, so that a key can interrupt each: the debugger's own, repeated, and until the followed one runs again. */
import type { Rest } from '../types.ts';
import type { Motion, View } from './view.ts';

/** instructions between two looks at the keyboard, run and stepped one by one */
const RUN_SLICE = 2_000_000;
const STEP_SLICE = 20_000;

/** Nothing happens any more, or something has stopped it: repeating makes no sense. */
const isFinal = ({ reason }: Rest): boolean => reason !== 'stepped';

const isFollowed = ({ follow }: View, { pid, cpu }: Rest): boolean =>
  follow === undefined || ('pid' in follow ? follow.pid === pid : follow.cpu === cpu);

/** Once more when nothing can run, and whoever drives the box had something to do. */
function driven(view: View, move: () => Rest): Rest {
  const rest = move();
  return rest.reason === 'idle' && view.whenIdle() ? move() : rest;
}

/** One motion of the debugger. */
export const once = (name: string, move: () => Rest): Motion => ({ name, slice: move });

/** `count` times, as long as nothing stops it; then on until the followed task or processor is the one to go on. */
export function repeated(view: View, name: string, count: number, move: () => Rest, follow = false): Motion {
  let left = count;
  const { debugger: session } = view;
  return {
    name,
    slice() {
      const end = Math.min(left, STEP_SLICE);
      let rest = session.rest;
      for (let n = 0; n < end; n++) {
        rest = driven(view, move);
        left--;
        if (isFinal(rest)) return rest;
      }
      if (left > 0) return undefined;
      if (!follow) return rest;
      for (let n = 0; n < STEP_SLICE; n++) {
        if (isFollowed(view, rest)) return rest;
        rest = driven(view, () => session.step());
        if (isFinal(rest)) return rest;
      }
      return undefined;
    },
  };
}

/** A run in slices: `move` gets the most instructions of each. */
export function running(view: View, name: string, move: (budget: number) => Rest): Motion {
  let left = view.budget;
  return {
    name,
    slice() {
      const budget = Math.min(left, RUN_SLICE);
      const before = view.debugger.rest.instruction;
      const rest = driven(view, () => move(budget));
      left -= Math.max(1, rest.instruction - before);
      return rest.reason === 'budget' && left > 0 ? undefined : rest;
    },
  };
}

/** One motion after the other, `count` times, as long as each ends at a stop. */
export function inTurn(count: number, make: () => Motion): Motion {
  let left = count;
  let motion = make();
  return {
    name: motion.name,
    slice() {
      const rest = motion.slice();
      if (rest === undefined || rest.reason !== 'stopped' || --left <= 0) return rest;
      motion = make();
      return undefined;
    },
  };
}

/** Motions as slices, so that a key can interrupt each: the debugger's own, repeated, and until the followed one runs again. */
import type { LongMotion, MotionInSlices, Rest } from '../types.ts';
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

/** One that may take long. */
export function long(view: View, name: string, motion: LongMotion): Motion {
  const slices = view.debugger.inSlices(motion);
  return { name, slice: () => slices.next(), abandon: () => void slices.giveUp() };
}

/** To a point in time by its number, which may be one that has never been executed. */
export function going(view: View, target: number): Motion {
  const { debugger: session } = view;
  return {
    name: 'going',
    slice() {
      const end = Math.max(session.reach.last, session.rest.instruction) + RUN_SLICE;
      if (target <= end) return session.goTo(target);
      const rest = session.goTo(end);
      return isFinal(rest) ? rest : undefined;
    },
  };
}

export type Step = 'step' | LongMotion;

function begin({ debugger: session }: View, step: Step): MotionInSlices {
  return step === 'step' ? { next: () => session.step(), giveUp: () => session.rest } : session.inSlices(step);
}

/** `count` times, as long as nothing stops it; then on until the followed task or processor is the one to go on. */
export function repeated(view: View, name: string, count: number, step: Step, follow = false): Motion {
  let left = count;
  const { debugger: session } = view;
  let { rest } = session;
  let current: MotionInSlices | undefined;
  return {
    name,
    slice() {
      for (let n = 0; n < STEP_SLICE && left > 0; n++) {
        current ??= begin(view, step);
        const end = current.next();
        if (end === undefined) return undefined;
        current = undefined;
        // what it waited for was the host's to do: the same once more
        if (end.reason === 'idle' && view.whenIdle()) continue;
        rest = end;
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
    abandon: () => void current?.giveUp(),
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
    abandon: () => motion.abandon?.(),
  };
}

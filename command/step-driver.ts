/** The steps of a job in the debugger: each is taken when it is its turn, however one has gone back and forth. */
import type { Box } from '../box/box.ts';
import { hasEnded, type Process } from '../box/spawn.ts';
import type { SampleStep } from './samples.ts';

export interface StepDriver {
  /** Nothing can run any more: takes the next step, and says whether there was one. */
  onIdle(): boolean;
  /** Every task sleeps: see `DebuggerOptions.onQuiet`. */
  onQuiet(): number;
}

/** ns of guest time between two looks whether a step's program has ended */
const LOOK = 100_000_000;

interface Taken {
  readonly instruction: number;
  /** guest time, ns */
  readonly time: bigint;
  /** what has to end before the next step */
  readonly process: Process | undefined;
}

function take(box: Box, first: Process, step: SampleStep): Process | undefined {
  if ('run' in step || 'start' in step) {
    const [path, ...args] = 'run' in step ? step.run : step.start;
    const process = box.spawn(path!, args);
    return 'run' in step ? process : undefined;
  }
  if ('signal' in step) box.signal(first, step.signal);
  return undefined;
}

export function createStepDriver(box: Box, first: Process, steps: readonly SampleStep[]): StepDriver {
  const { kernel } = box;
  /** by step: a present that has been given up in the past takes its steps with it */
  let taken: Taken[] = [];
  const next = (): SampleStep | undefined => {
    taken = taken.filter(({ instruction }) => instruction <= box.instructions);
    return steps[taken.length];
  };
  const begin = (step: SampleStep): void => {
    const [instruction, time] = [box.instructions, kernel.roundStart];
    taken.push({ instruction, time, process: take(box, first, step) });
  };
  /** ns until the step that was taken last is over */
  const rest = (): number => {
    const last = taken.at(-1);
    const step = steps[taken.length - 1];
    if (last === undefined || step === undefined) return 0;
    if ('wait' in step) return Math.max(0, step.wait - Number(kernel.roundStart - last.time));
    return last.process === undefined || hasEnded(kernel, last.process) ? 0 : LOOK;
  };
  return {
    onIdle() {
      const step = next();
      if (step === undefined) return false;
      // time that nobody waits for has gone by already
      begin(step);
      return true;
    },
    onQuiet() {
      const step = next();
      const left = rest();
      if (left > 0) return left;
      if (step === undefined) return Infinity;
      begin(step);
      return 'wait' in step ? step.wait : 0;
    },
  };
}

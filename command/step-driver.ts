/** The steps of a job in the debugger: each is taken when nothing else can run, however one has gone back and forth. */
import type { Box } from '../box/box.ts';
import type { Process } from '../box/spawn.ts';
import type { SampleStep } from './samples.ts';

function take(box: Box, first: Process, step: SampleStep): void {
  if ('run' in step || 'start' in step) {
    const [path, ...args] = 'run' in step ? step.run : step.start;
    box.spawn(path!, args);
  } else if ('signal' in step) box.signal(first, step.signal);
  // time that nobody waits for has gone by already
}

/** To be called when nothing can run any more: takes the next step, and says whether there was one. */
export function createStepDriver(box: Box, first: Process, steps: readonly SampleStep[]): () => boolean {
  /** by step: when it was taken; a present that has been given up in the past takes its steps with it */
  let taken: number[] = [];
  return () => {
    taken = taken.filter((at) => at <= box.instructions);
    const step = steps[taken.length];
    if (step === undefined) return false;
    taken.push(box.instructions);
    take(box, first, step);
    return true;
  };
}

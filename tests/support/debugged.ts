/** Boxes under a debugger, and full traces to hold what it says against. */
import { Flag, Slot } from '../../cpu/state.ts';
import { openDebugger } from '../../debugger/debugger.ts';
import { packageSources } from '../../debugger/host/source-files.ts';
import type { Debugger, Rest, StopTarget } from '../../debugger/types.ts';
import type { Box, BoxOptions, Process } from '../../index.ts';
import { bootSample } from './samples.ts';

export interface Debugged {
  readonly box: Box;
  readonly process: Process;
  readonly debug: Debugger;
}

/** Smallest machine; the translator translates at once. */
export const quick: BoxOptions = { memory: 32 << 20, translator: { threshold: 2 } };

export async function debugSample(
  name: string,
  args: readonly string[] = [],
  options: BoxOptions = {},
): Promise<Debugged> {
  const { box, process } = await bootSample(name, args, { ...quick, ...options });
  return { box, process, debug: await openDebugger(box, { process, ...packageSources }) };
}

/** One executed instruction: when, by whom, where. */
export interface Executed {
  /** executed before it */
  readonly instruction: number;
  readonly cpu: number;
  readonly pid: number;
  readonly address: bigint;
  /** it has faulted before: no stop holds it up once more (RF) */
  readonly again: boolean;
}

/** Executes `count` instructions one by one; `before` is called ahead of each. */
export function trace(box: Box, count: number, before: () => void = () => {}): Executed[] {
  const executed: Executed[] = [];
  for (let n = 0; n < count; n++) {
    before();
    const instruction = box.instructions;
    const resumes = box.kernel.cpus.map(({ slots }) =>
      (slots[Slot.rflags]! & Flag.RF) === 0n ? undefined : slots[Slot.rip],
    );
    const { cpu, pid, instructions } = box.step();
    if (instructions === 0) break;
    const address = box.kernel.cpus[cpu]!.current;
    executed.push({ instruction, cpu, pid, address, again: resumes[cpu] === address });
  }
  return executed;
}

/** Continues until it is no stop, or `last` is reached; the rests at stops. */
export function collect(debug: Debugger, last = Infinity): Rest[] {
  const rests: Rest[] = [];
  for (;;) {
    const left = last - debug.rest.instruction;
    const rest = debug.continue(left === Infinity ? {} : { budget: Math.max(0, left) });
    if (rest.reason !== 'stopped' || rest.instruction > last) return rests;
    rests.push(rest);
  }
}

/** Adds a stop for each text; their ids by text. */
export function addAll(debug: Debugger, texts: readonly string[]): Map<string, number> {
  return new Map(
    texts.map((text) => {
      const { target, options } = debug.parseStop(text);
      return [text, debug.addStop(target, options).id];
    }),
  );
}

export const instructionsOf = (rests: readonly Rest[]): number[] => rests.map(({ instruction }) => instruction);
export const target = (debug: Debugger, text: string): StopTarget => debug.parseStop(text).target;

import type { KernelEvent } from '../kernel/events.ts';
import type { TracedInstruction } from '../box/trace.ts';
import type { Measures } from './measures.ts';

/** What the command tells while and after it runs. */
export interface View {
  /** whether system calls are worth recording */
  readonly wantsSyscalls: boolean;
  event(event: KernelEvent): void;
  instruction(instruction: TracedInstruction): void;
  /** the run is over: what is still held back comes out, then what was measured */
  finish(summary: Summary, measures: Measures): void;
}

/** Shows nothing. */
export const silent: View = { wantsSyscalls: false, event() {}, instruction() {}, finish() {} };

export interface Summary {
  /** the first process's program */
  readonly program: string;
  readonly outcome: 'exited' | 'idle' | 'budget' | 'dead';
  /** in words, as `exited with 1` */
  readonly ending: string;
  /** the command's exit status and, for samples, what it means */
  readonly exitCode: number;
  readonly verdict: string | undefined;
  readonly instructions: number;
  readonly counts: Readonly<Counts>;
  /** wall time of booting and running, ms */
  readonly milliseconds: number;
  readonly tracePipe: readonly string[];
}

export interface Counts {
  syscalls: number;
  processes: number;
  probeHits: number;
  injected: number;
  panics: number;
  /** of extension programs, the misses not counted */
  programRuns: number;
  /** BPF_PROG_TYPE_* and BPF_MAP_TYPE_* of what was loaded and created */
  readonly programTypes: Set<number>;
  readonly mapTypes: Set<number>;
}

export const createCounts = (): Counts => ({
  syscalls: 0,
  processes: 1,
  probeHits: 0,
  injected: 0,
  panics: 0,
  programRuns: 0,
  programTypes: new Set(),
  mapTypes: new Set(),
});

export function countEvent(counts: Counts, event: KernelEvent): void {
  if (event.type === 'syscall') counts.syscalls++;
  else if (event.type === 'fork') counts.processes++;
  else if (event.type === 'kprobe') {
    counts.probeHits++;
    if (event.overridden) counts.injected++;
  } else if (event.type === 'panic') counts.panics++;
  else if (event.type === 'program-load') counts.programTypes.add(event.programType);
  else if (event.type === 'map-create') counts.mapTypes.add(event.mapType);
  else if (event.type === 'program-free') counts.programRuns += event.runs;
}

/** Samples run as the command runs them, in this process, and all that came of it. */
import type { Box } from '../../box/box.ts';
import { readJob, type Job } from '../../command/job.ts';
import { createStyle } from '../../command/style.ts';
import { readCommandLine } from '../../command/options.ts';
import type { CommandOutput } from '../../command/output.ts';
import { createReport } from '../../command/report.ts';
import { runJob } from '../../command/run-job.ts';
import { silent, type Summary, type View } from '../../command/view.ts';
import type { KernelEvent } from '../../kernel/events.ts';

/** What a run said, by where it said it. */
export interface SampleRun {
  readonly summary: Summary;
  readonly stdout: string;
  readonly stderr: string;
  readonly trace: string;
  readonly log: string;
  readonly events: readonly KernelEvent[];
  /** what a person sees of it on standard output */
  readonly screen: string;
}

const nowhere: CommandOutput = { out() {}, error() {}, flush() {}, style: createStyle(false) };

export const sampleJob = (name: string, ...args: readonly string[]): Job =>
  readJob(name, readCommandLine([name, ...args]));

/** Runs `job` with `options` of the command line, as `--cpus 2`; `syscalls`: they are events, and there is a screen. */
export async function runSampleJob(job: Job, options: readonly string[] = [], syscalls = true): Promise<SampleRun> {
  const events: KernelEvent[] = [];
  const screen: Uint8Array[] = [];
  const output: CommandOutput = { ...nowhere, out: (data) => void screen.push(Buffer.from(data)) };
  const createView = (box: Box): View => {
    const report = syscalls ? createReport(box, output) : silent;
    const event = (each: KernelEvent): void => {
      events.push(each);
      report.event(each);
    };
    return { ...report, event };
  };
  const summary = await runJob(job, readCommandLine([...options]).options, nowhere, createView);
  const stream = (name: 'stdout' | 'stderr'): string => {
    const writes = events.flatMap((event) => (event.type === 'write' && event.stream === name ? [event.bytes] : []));
    return Buffer.concat(writes).toString();
  };
  return {
    summary,
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    trace: summary.tracePipe.join('\n'),
    log: events.flatMap((event) => (event.type === 'log' ? [event.text] : [])).join('\n'),
    events,
    screen: Buffer.concat(screen).toString(),
  };
}

/** Samples run as the command runs them, in this process, and all that came of it. */
import { readJob, type Job } from '../../command/job.ts';
import { readCommandLine } from '../../command/options.ts';
import type { CommandOutput } from '../../command/output.ts';
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
}

const nowhere: CommandOutput = { out() {}, error() {}, flush() {} };

export const sampleJob = (name: string, ...args: readonly string[]): Job =>
  readJob(name, readCommandLine([name, ...args]));

/** Runs `job` with `options` of the command line, as `--cpus 2`; `syscalls`: they are events too. */
export async function runSampleJob(job: Job, options: readonly string[] = [], syscalls = true): Promise<SampleRun> {
  const events: KernelEvent[] = [];
  const view: View = { ...silent, wantsSyscalls: syscalls, event: (event) => void events.push(event) };
  const summary = await runJob(job, readCommandLine([...options]).options, nowhere, () => view);
  const stream = (name: 'stdout' | 'stderr'): string =>
    Buffer.concat(
      events.flatMap((event) => (event.type === 'write' && event.stream === name ? [event.bytes] : [])),
    ).toString();
  const log = events.flatMap((event) => (event.type === 'log' ? [event.text] : []));
  return {
    summary,
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    trace: summary.tracePipe.join('\n'),
    log: log.join('\n'),
    events,
  };
}

/** `--explore N`: a sample under one schedule after the other; what the processors do depends on nothing else. */
import { ExitCode } from './exit-codes.ts';
import type { Job } from './job.ts';
import type { Options } from './options.ts';
import type { CommandOutput } from './output.ts';
import { runJob } from './run-job.ts';
import { silent } from './view.ts';

/** The command line that runs the same schedule again, with its report. */
function replayOf({ sample, args }: Job, schedule: number, { cpus, seed, memory }: Options): string {
  const given = { cpus, seed, memory };
  const options = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]));
  return ['npx tsx run-sample', sample?.name ?? '', ...args, ...options, `--schedule ${schedule}`].join(' ');
}

/** The command's exit status: 0 when every schedule met the expectation. */
export async function exploreSchedules(
  job: Job,
  schedules: number,
  options: Options,
  output: CommandOutput,
): Promise<number> {
  for (let schedule = 1; schedule <= schedules; schedule++) {
    const { exitCode, verdict, ending } = await runJob(job, { ...options, schedule }, output, () => silent);
    if (exitCode === ExitCode.ok) continue;
    output.out(
      `schedule ${schedule} of ${schedules}: ${verdict ?? ending}\nreplay: ${replayOf(job, schedule, options)}\n`,
    );
    return exitCode;
  }
  output.out(`${schedules} schedules, every one as expected\n`);
  return ExitCode.ok;
}

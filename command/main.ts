/** The command: reads what is to be run and runs it. */
import type { Box } from '../box/box.ts';
import { ExitCode } from './exit-codes.ts';
import { failureOf } from './failures.ts';
import { gradeJob } from './grade.ts';
import { readJob, type Job } from './job.ts';
import { createJson } from './json.ts';
import { help, readCommandLine, synopsis, type CommandLine, type Options } from './options.ts';
import { createCommandOutput, hostStreams, type CommandOutput, type Streams } from './output.ts';
import { createPlain } from './plain.ts';
import { createReport } from './report.ts';
import { runJob } from './run-job.ts';
import { listSamples } from './samples.ts';
import type { View } from './view.ts';

function createView(box: Box, job: Job, options: Options, output: CommandOutput): View {
  if (options.json) return createJson(output);
  const report = job.sample !== undefined && !options.quiet && !options.strace;
  return report ? createReport(box, output) : createPlain(output, options.strace);
}

async function runOne(job: Job, options: Options, streams: Streams): Promise<number> {
  const output = createCommandOutput(streams, options.json || options.trace);
  try {
    return await runWith(job, options, output);
  } finally {
    // also what led to an error
    output.flush();
  }
}

async function runWith(job: Job, options: Options, output: CommandOutput): Promise<number> {
  if (options.explore !== undefined) {
    const { exploreSchedules } = await import('./explore.ts');
    return exploreSchedules(job, options.explore, options, output);
  }
  const viewOf = (box: Box): View => createView(box, job, options, output);
  if (options.gdb !== undefined) {
    const { gdbJob } = await import('./gdb.ts');
    return gdbJob(job, options, output, viewOf);
  }
  const { exitCode } = await runJob(job, options, output, viewOf);
  const grade = await gradeJob(job, options);
  if (grade === undefined) return exitCode;
  output.out(['grade:', ...grade.lines].map((line) => `${line}\n`).join(''));
  return grade.passed ? exitCode : ExitCode.unexpected;
}

async function act(line: CommandLine, streams: Streams, output: CommandOutput): Promise<number> {
  const { options, name } = line;
  if (options.help) {
    output.out(`${help()}\n${listSamples()}`);
    return ExitCode.ok;
  }
  if (options.support) {
    const { supportTables } = await import('./support.ts');
    output.out(supportTables(name));
    return ExitCode.ok;
  }
  if (options.all) {
    const { runAllSamples } = await import('./all-samples.ts');
    return runAllSamples(options, output);
  }
  if (name === undefined) {
    output.error(`${synopsis}\n${listSamples()}`);
    return ExitCode.usage;
  }
  const job = readJob(name, { args: line.args, memory: options.memory }, streams.stdin);
  if (options.bridge !== undefined) {
    const { runBridged } = await import('./bridge.ts');
    return runBridged(job, options, output);
  }
  if (options.step || options.tour || options.script !== undefined) {
    const { stepJob } = await import('./step.ts');
    return stepJob(job, options, streams, output);
  }
  return runOne(job, options, streams);
}

/** Runs the command; the result is its exit status. `argv` is without the interpreter and the script. */
export async function main(argv: readonly string[], streams: Streams = hostStreams()): Promise<number> {
  const output = createCommandOutput(streams, false);
  try {
    return await act(readCommandLine(argv), streams, output);
  } catch (error) {
    const { message, exitCode } = failureOf(error, process.env);
    try {
      output.error(`run-sample: ${message}\n`);
    } catch {
      // nobody can be told: the exit status says it
    }
    return exitCode;
  }
}

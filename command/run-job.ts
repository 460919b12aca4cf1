/** Runs a job in a fresh box, shows it, and says how it went. */
import { Box, DEFAULT_BUDGET } from '../box/box.ts';
import { exitOf, hasEnded, type Exit, type Process } from '../box/spawn.ts';
import type { KernelEvent } from '../kernel/events.ts';
import { runAtFullSpeed, runTraced, type Advance, type Outcome } from './advance.ts';
import { describeStatus } from './describe-event.ts';
import { readDispatcher, sourcesWith, withDispatcher } from './dispatcher-source.ts';
import { ExitCode } from './exit-codes.ts';
import { disagreements, endedAsExpected, howItShouldEnd, type Texts } from './expectation.ts';
import type { Job } from './job.ts';
import { createMissing, describeMissing, isMissing, noteMissing, type Missing } from './missing.ts';
import type { Options } from './options.ts';
import type { CommandOutput } from './output.ts';
import type { SampleStep } from './samples.ts';
import { createCounts, countEvent, type Summary, type View } from './view.ts';

const MIB = 1 << 20;

type Ending = 'exited' | Exclude<Outcome, 'done'>;

/** The kernel log's last words on a process: why it was killed, when the kernel had anything to say about it. */
function lastWords(box: Box, { pid }: Process): string {
  const record = box.kernel.log.findLast((other) => other.pid === pid);
  return record === undefined ? '' : `; the kernel log says: ${record.text}`;
}

const endings: Readonly<Record<Ending, (box: Box, exit: Exit | undefined, budget: number) => string>> = {
  exited: (_box, exit) => describeStatus(exit?.status ?? 0),
  idle: () => 'waits for ever: nothing else can run',
  budget: (_box, _exit, budget) => `used up its budget of ${budget.toLocaleString('en-US')} instructions`,
  dead: (box) => `was stopped with the kernel: ${box.death}`,
};

/** What each ending but an exit is worth. */
const endingCodes: Readonly<Record<Exclude<Ending, 'exited'>, number>> = {
  idle: ExitCode.unexpected,
  budget: ExitCode.budget,
  dead: ExitCode.oops,
};

/** What is known when the run is over. */
interface Facts {
  readonly ending: Ending;
  readonly exit: Exit | undefined;
  readonly missing: Missing;
  /** with the steps' programs and the sample's expected texts */
  readonly problems: readonly string[];
}

function exitCodeOf({ sample }: Job, { ending, exit, missing, problems }: Facts): number {
  if (ending === 'dead' || ending === 'budget') return endingCodes[ending];
  if (sample === undefined) return ending === 'exited' ? (exit?.shellStatus ?? 0) : endingCodes[ending];
  const { expectation } = sample;
  if (ending === 'exited' && endedAsExpected(expectation, exit) && problems.length === 0) return ExitCode.ok;
  if (isMissing(missing)) return ExitCode.unimplemented;
  const misused = exit?.exitCode !== undefined && exit.exitCode === expectation.usageExitCode;
  return ending === 'exited' && misused ? ExitCode.usage : ExitCode.unexpected;
}

function verdictOf({ sample, program }: Job, exitCode: number, words: string, { exit, problems }: Facts) {
  if (sample === undefined) return undefined;
  if (exitCode === ExitCode.ok) return `ok: ${program} ${words}, as expected`;
  if (exitCode === ExitCode.usage)
    return `${program} ${words}: wrong arguments: run-sample ${sample.name} ${sample.usage}`;
  const ended = endedAsExpected(sample.expectation, exit);
  if (ended && problems.length > 0) return `FAILED: ${problems.join('; ')}`;
  return `FAILED: ${program} ${words}, expected it to have ${howItShouldEnd(sample.expectation)}`;
}

/** A run in progress. */
export interface Run {
  readonly box: Box;
  readonly job: Job;
  /** the first process */
  readonly first: Process;
  readonly advance: Advance;
  /** most instructions of the whole run */
  readonly budget: number;
  /** what the steps' programs did wrong */
  readonly problems: string[];
}

/** Starts a program, and waits until it has ended; with `beside` also until every task sleeps. */
function runProgram({ box, advance, budget, problems }: Run, command: readonly string[], beside: boolean): Outcome {
  const [path, ...args] = command;
  const process = box.spawn(path!, args);
  const outcome = advance({ ended: process, quiet: beside }, budget);
  const exit = exitOf(box.kernel, process);
  if (exit !== undefined && exit.exitCode !== 0) problems.push(`${command.join(' ')} ${describeStatus(exit.status)}`);
  return outcome;
}

/** Runs one step of a job. */
export function perform(run: Run, step: SampleStep): Outcome {
  const { box, first, advance, budget } = run;
  if ('run' in step) return runProgram(run, step.run, false);
  if ('start' in step) return runProgram(run, step.start, true);
  if ('wait' in step) {
    const outcome = advance({ time: step.wait }, budget);
    return outcome === 'idle' ? 'done' : outcome;
  }
  const outcome = advance({ ended: first, quiet: true }, budget);
  if (outcome === 'done') box.signal(first, step.signal);
  return outcome;
}

/** The job's program, and once it waits or has ended the steps; then its end. */
function runSteps(run: Run, steps: readonly SampleStep[]): Ending {
  const { box, first, advance, budget } = run;
  if (steps.length > 0) {
    const outcome = advance({ ended: first, quiet: true }, budget);
    if (outcome === 'budget' || outcome === 'dead') return outcome;
  }
  for (const step of steps) {
    const outcome = perform(run, step);
    if (outcome !== 'done') return outcome;
  }
  if (hasEnded(box.kernel, first)) return 'exited';
  const outcome = advance({ ended: first }, budget);
  return outcome === 'done' ? 'exited' : outcome;
}

/** bytes of a run's output and log in which a sample's expected texts are looked for: the first of them */
const MOST_NOTED = 16 << 20;

/** Collects what a run says, for the sample's expected texts. */
function createTranscript() {
  let left = MOST_NOTED;
  const streams = { stdout: '', stderr: '' };
  const log: string[] = [];
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  return {
    note(event: KernelEvent): void {
      if (event.type === 'write') {
        const { stream, bytes } = event;
        const part = bytes.subarray(0, Math.max(0, left));
        left -= part.length;
        streams[stream] += decoders[stream].decode(part, { stream: true });
      } else if (event.type === 'log' && left > 0) {
        left -= event.text.length;
        log.push(event.text);
      }
    },
    texts: (trace: readonly string[]): Texts => ({ ...streams, log: log.join('\n'), trace: trace.join('\n') }),
  };
}

async function complain(output: CommandOutput, job: Job, box: Box, process: Process, facts: Facts, words: string) {
  const say = (text: string): void => output.error(`run-sample: ${text}\n`);
  for (const line of await describeMissing(facts.missing)) say(line);
  if (job.sample !== undefined) return;
  if (facts.ending !== 'exited') say(`${job.argv0} ${words}`);
  else if (words.startsWith('killed')) say(`${job.argv0} was ${words}${lastWords(box, process)}`);
}

/** What is asked for of a box. */
export type BoxChoices = Pick<
  Options,
  'cpus' | 'seed' | 'memory' | 'schedule' | 'avx' | 'watchdog' | 'dispatcher' | 'engine'
>;

/** The command line's options, then the sample's own. */
export function boxOptions(
  job: Pick<Job, 'sample'>,
  { cpus, seed, memory, schedule, avx, watchdog, dispatcher, engine }: BoxChoices,
) {
  const own = job.sample?.box;
  const mebibytes = memory ?? own?.memory;
  const processors = cpus ?? own?.cpus;
  const watchdogPeriod = watchdog ?? own?.watchdog;
  return {
    ...(dispatcher === undefined ? undefined : { sources: sourcesWith(readDispatcher(dispatcher)) }),
    ...(processors === undefined ? undefined : { cpus: processors }),
    avx,
    ...(engine === undefined ? undefined : { engine }),
    ...(seed === undefined ? undefined : { seed }),
    ...(schedule === undefined ? undefined : { schedule }),
    ...(watchdogPeriod === undefined ? undefined : { watchdogPeriod }),
    ...(mebibytes === undefined ? undefined : { memory: mebibytes * MIB }),
    ...(own?.network === undefined ? undefined : { network: own.network }),
  };
}

/** Drives a box that is ready to run through the steps of its job, as a debugger does. */
export type Drive = (box: Box, first: Process) => Promise<void>;

/** With `drive`, what is left when it lets go is to run to the end. @throws {BoxError | CommandError} */
export async function runJob(
  job: Job,
  options: Options,
  output: CommandOutput,
  createView: (box: Box) => View,
  drive?: Drive,
): Promise<Summary> {
  const start = performance.now();
  const { budget = DEFAULT_BUDGET } = options;
  const box = await withDispatcher(options.dispatcher, () => Box.boot(boxOptions(job, options)));
  const view = createView(box);
  if (options.profile) box.startProfile();
  box.kernel.record.syscalls = view.wantsSyscalls;
  const counts = createCounts();
  const missing = createMissing();
  // a program of the host may print without end: nothing of it is kept
  const transcript = job.sample === undefined ? undefined : createTranscript();
  // in a trace an instruction comes before what it caused
  const held = [...box.events];
  const flushEvents = (): void => {
    for (const event of held.splice(0)) view.event(event);
  };
  flushEvents();
  box.on((event) => {
    countEvent(counts, event);
    transcript?.note(event);
    noteMissing(missing, box, event);
    held.push(event);
    if (!options.trace) flushEvents();
  });
  for (const [path, bytes] of job.files) box.files.write(path, bytes);
  const { stdin, argv0, program } = job;
  const process = box.spawn(program, job.args, { argv0, ...(stdin === undefined ? undefined : { stdin }) });
  const advance = options.trace ? await runTraced(box, view, flushEvents) : runAtFullSpeed(box);
  const stepProblems: string[] = [];
  const steps = drive === undefined ? job.steps : [];
  await drive?.(box, process);
  const ending = runSteps({ box, job, first: process, advance, budget, problems: stepProblems }, steps);
  flushEvents();
  for (const { runs } of box.kernel.bpf.programs.values()) counts.programRuns += runs;
  const exit = exitOf(box.kernel, process);
  const texts = transcript?.texts(box.tracePipe);
  const problems =
    job.sample === undefined || texts === undefined
      ? []
      : [...stepProblems, ...disagreements(job.sample.expectation, texts)];
  const facts: Facts = { ending, exit, missing, problems };
  const words = endings[ending](box, exit, budget);
  const exitCode = exitCodeOf(job, facts);
  const summary: Summary = {
    program,
    outcome: ending,
    ending: words,
    exitCode,
    verdict: verdictOf(job, exitCode, words, facts),
    instructions: box.instructions,
    counts,
    milliseconds: performance.now() - start,
    tracePipe: box.tracePipe,
  };
  view.finish(summary, {
    stats: options.stats ? box.stats : undefined,
    profile: options.profile ? box.stopProfile() : undefined,
  });
  await complain(output, job, box, process, facts, words);
  output.flush();
  return summary;
}

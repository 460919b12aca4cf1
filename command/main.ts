/** The command: reads what is to be run, runs it in a fresh box, shows it, and says how it went. */
import { Box, DEFAULT_BUDGET } from '../box/box.ts';
import { BoxError } from '../box/errors.ts';
import { exitOf, hasEnded, type Exit, type Process } from '../box/spawn.ts';
import { describeStatus } from './describe-event.ts';
import { CommandError, ExitCode } from './exit-codes.ts';
import { readJob, type Job } from './job.ts';
import { createJson } from './json.ts';
import { createMissing, describeMissing, isMissing, noteMissing, type Missing } from './missing.ts';
import { help, readCommandLine, synopsis, type CommandLine, type Options } from './options.ts';
import { createCommandOutput, type CommandOutput } from './output.ts';
import { createPlain } from './plain.ts';
import { createReport } from './report.ts';
import { listSamples } from './samples.ts';
import { createStyle } from './style.ts';
import { countEvent, type Counts, type View } from './view.ts';

const MIB = 1 << 20;

function createView(box: Box, job: Job, options: Options, output: CommandOutput): View {
  const style = createStyle();
  if (options.json) return createJson(output);
  const report = job.sample !== undefined && !options.quiet && !options.strace;
  return report ? createReport(box, output, style) : createPlain(output, style, options.strace);
}

type Outcome = 'exited' | 'idle' | 'budget' | 'dead';

/** As box.run, but the view sees every instruction. */
async function runTraced(
  box: Box,
  process: Process,
  budget: number,
  view: View,
  flushEvents: () => void,
): Promise<Outcome> {
  const [{ loadDisassembler }, { createTracer }] = await Promise.all([
    import('../box/disassemble.ts'),
    import('../box/trace.ts'),
  ]);
  const tracer = createTracer(box, await loadDisassembler());
  for (let n = 0; n < budget; n++) {
    const instruction = tracer.next();
    if (instruction !== undefined) view.instruction(instruction);
    flushEvents();
    if (box.death !== undefined) return 'dead';
    if (hasEnded(box.kernel, process)) return 'exited';
    if (instruction === undefined) return 'idle';
  }
  return 'budget';
}

/** The kernel log's last words on a process: why it was killed, when the kernel had anything to say about it. */
function lastWords(box: Box, { pid }: Process): string {
  const record = box.kernel.log.findLast((other) => other.pid === pid);
  return record === undefined ? '' : `; the kernel log says: ${record.text}`;
}

const endings: Readonly<Record<Outcome, (box: Box, exit: Exit | undefined, budget: number) => string>> = {
  exited: (_box, exit) => describeStatus(exit?.status ?? 0),
  idle: () => 'waits for ever: nothing else can run',
  budget: (_box, _exit, budget) => `used up its budget of ${budget.toLocaleString('en-US')} instructions`,
  dead: (box) => `was stopped with the kernel: ${box.death}`,
};

/** What each outcome but an exit is worth. */
const outcomeCodes: Readonly<Record<Exclude<Outcome, 'exited'>, number>> = {
  idle: ExitCode.unexpected,
  budget: ExitCode.budget,
  dead: ExitCode.oops,
};

function exitCodeOf(job: Job, outcome: Outcome, exit: Exit | undefined, missing: Missing): number {
  if (outcome === 'dead' || outcome === 'budget') return outcomeCodes[outcome];
  const { sample } = job;
  if (sample === undefined) return outcome === 'exited' ? (exit?.shellStatus ?? 0) : outcomeCodes[outcome];
  const { exitCode, usageExitCode } = sample.expectation;
  if (outcome === 'exited' && exit?.exitCode === exitCode) return ExitCode.ok;
  if (isMissing(missing)) return ExitCode.unimplemented;
  if (outcome === 'exited' && exit?.exitCode !== undefined && exit.exitCode === usageExitCode) return ExitCode.usage;
  return ExitCode.unexpected;
}

function verdictOf({ sample, program }: Job, ending: string, exitCode: number): string | undefined {
  if (sample === undefined) return undefined;
  if (exitCode === ExitCode.ok) return `ok: ${program} ${ending}, as expected`;
  if (exitCode === ExitCode.usage)
    return `${program} ${ending}: wrong arguments: run-sample ${sample.name} ${sample.usage}`;
  return `FAILED: ${program} ${ending}, expected it to have exited with ${sample.expectation.exitCode}`;
}

async function complain(
  output: CommandOutput,
  job: Job,
  box: Box,
  process: Process,
  outcome: Outcome,
  ending: string,
  missing: Missing,
): Promise<void> {
  const say = (text: string): void => output.error(`run-sample: ${text}\n`);
  for (const line of await describeMissing(missing)) say(line);
  if (job.sample !== undefined) return;
  if (outcome !== 'exited') say(`${job.argv0} ${ending}`);
  else if (ending.startsWith('killed')) say(`${job.argv0} was ${ending}${lastWords(box, process)}`);
}

async function runJob(job: Job, options: Options): Promise<number> {
  const start = performance.now();
  const { cpus, seed, avx, memory, budget = DEFAULT_BUDGET } = options;
  const box = await Box.boot({
    ...(cpus === undefined ? undefined : { cpus }),
    ...(seed === undefined ? undefined : { seed }),
    avx,
    ...(memory === undefined ? undefined : { memory: memory * MIB }),
  });
  const output = createCommandOutput(options.json || options.trace);
  const view = createView(box, job, options, output);
  box.kernel.record.syscalls = view.wantsSyscalls;
  const counts: Counts = { syscalls: 0, processes: 1, probeHits: 0, injected: 0 };
  const missing = createMissing();
  // in a trace an instruction comes before what it caused
  const held = [...box.events];
  const flushEvents = (): void => {
    for (const event of held.splice(0)) view.event(event);
  };
  flushEvents();
  box.on((event) => {
    countEvent(counts, event);
    noteMissing(missing, box, event);
    held.push(event);
    if (!options.trace) flushEvents();
  });
  for (const [path, bytes] of job.files) box.files.write(path, bytes);
  const { stdin, argv0, program } = job;
  const process = box.spawn(program, job.args, { argv0, ...(stdin === undefined ? undefined : { stdin }) });
  const outcome = options.trace
    ? await runTraced(box, process, budget, view, flushEvents)
    : box.run({ until: process, budget }).reason;
  flushEvents();
  const exit = exitOf(box.kernel, process);
  const ending = endings[outcome](box, exit, budget);
  const exitCode = exitCodeOf(job, outcome, exit, missing);
  view.finish({
    program,
    outcome,
    ending,
    exitCode,
    verdict: verdictOf(job, ending, exitCode),
    instructions: box.instructions,
    counts,
    milliseconds: performance.now() - start,
    tracePipe: box.tracePipe,
  });
  await complain(output, job, box, process, outcome, ending, missing);
  output.flush();
  return exitCode;
}

async function act(line: CommandLine, output: CommandOutput): Promise<number> {
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
  if (name === undefined) {
    output.error(`${synopsis}\n${listSamples()}`);
    return ExitCode.usage;
  }
  return runJob(readJob(name, line), options);
}

/** Runs the command; the result is its exit status. `argv` is without the interpreter and the script. */
export async function main(argv: readonly string[]): Promise<number> {
  const output = createCommandOutput(false);
  try {
    return await act(readCommandLine(argv), output);
  } catch (error) {
    if (error instanceof CommandError) {
      output.error(`run-sample: ${error.message}\n`);
      return error.exitCode;
    }
    if (!(error instanceof BoxError)) throw error;
    output.error(`run-sample: ${error.message}\n`);
    return ExitCode.cannotLoad;
  }
}
